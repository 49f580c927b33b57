"""What happens at a door: who opened it, wrong tries, a keypad that takes a pause.

Schlage tells of it twice, by a webhook and in the lock's own log, with times some seconds apart.
The rules here make one event of the two, and say what it means for a stay.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from portal.domain.stay import Window

# The same event is told with times at most so far apart.
SAME_WITHIN: Final = timedelta(seconds=60)
# A guest who stands in front of the door before the code is valid is still this stay's guest.
TRIES_EARLY: Final = timedelta(hours=6)
TRIES_TOLD_FROM: Final = 3
# Wrong tries are worth a call for so long; then the guest is in, or has called already.
TRIES_TOLD_FOR: Final = timedelta(hours=2)
# A keypad takes digits again a minute or two after it paused. For so long it is one trouble all
# the same: whoever goes on guessing makes it pause again, and who is helped opens the door.
PAUSE_TOLD_FOR: Final = timedelta(minutes=10)
# So long before a stay its guest may stand there already: on the wrong day, as it happens.
PAUSE_BEFORE: Final = timedelta(hours=24)
# Whoever came in from outside may open from inside for so long.
INSIDE_FOR: Final = timedelta(hours=12)


class What(StrEnum):
    OPENED = "opened"
    WRONG_TRY = "wrong_try"
    KEYPAD_PAUSED = "keypad_paused"  # the lock takes no digits for a while
    ALARM = "alarm"


class How(StrEnum):
    """What the door was opened with."""

    CODE = "code"
    THUMB_TURN = "thumb_turn"  # by hand, from inside
    APP = "app"
    APPLE_KEY = "apple_key"
    BUTTON = "button"
    TIMER = "timer"
    UNKNOWN = "unknown"


class Whose(StrEnum):
    """Who did it, as far as a code or an app tells."""

    GUEST = "guest"
    STAFF = "staff"
    SPARE = "spare"
    OTHER = "other"  # a code that we did not make
    PORTAL = "portal"  # somebody pressed Unlock here
    NOBODY = "nobody"  # nothing tells


@dataclass(frozen=True, kw_only=True)
class Told:
    """One event as one source tells it; `key` names it within that source."""

    key: str
    at: datetime
    what: What
    how: How = How.UNKNOWN
    code_id: str | None = None  # Schlage's id of the code
    name: str = ""  # of the code or of the person in the app


@dataclass(frozen=True)
class Opening:
    """A door was opened."""

    at: datetime
    how: How
    whose: Whose


AWAITED_FOR: Final = timedelta(hours=12)


@dataclass(frozen=True)
class Expected:
    """A stay at the door, as wrong tries may be its guest's."""

    booking_id: int
    window: Window  # in which its code opens
    has_arrived: bool = False


@dataclass(frozen=True)
class Event:
    """Something at the doors of one stay, or at one door. `is_own`: the guest was let in by it."""

    at: datetime
    what: What
    is_own: bool = False


@dataclass(frozen=True)
class KeypadTrouble:
    """Somebody cannot get in by the keypad, as it seems."""

    tries: int
    is_paused: bool
    at: datetime
    until: datetime  # from when on it is told otherwise, or no more


def is_same(one: Told, other: Told) -> bool:
    """Whether both tell of one event: a source that knows less does not contradict."""
    if one.what is not other.what or abs(one.at - other.at) > SAME_WITHIN:
        return False
    if How.UNKNOWN not in {one.how, other.how} and one.how is not other.how:
        return False
    names = {one.name.casefold(), other.name.casefold()} - {""}
    return len(names) < 2


def twin(told: Told, known: Iterable[tuple[int, Told]]) -> int | None:
    """The number of the known event that this one is, the nearest in time; None where it is new."""
    same = [(abs(other.at - told.at), number) for number, other in known if is_same(told, other)]
    return min(same)[1] if same else None


def whose_try(expected: Sequence[Expected], at: datetime) -> int | None:
    """The booking whose guest tried wrong digits; None where it could be more than one's.

    Who is due and has not been seen yet comes before who is inside already.
    """
    for group in _by_likelihood(expected, at, TRIES_EARLY):
        if len(group) == 1:
            return group[0].booking_id
        if group:
            return None
    return None


def who_waits(expected: Sequence[Expected], now: datetime) -> int | None:
    """The booking whose guest most likely stands before the door; None where nobody is due.

    Of several the one whose stay begins nearest to now: on a shared door it is a guess.
    """
    for group in _by_likelihood(expected, now, PAUSE_BEFORE):
        if group:
            return min(group, key=lambda e: abs(e.window.starts_at - now)).booking_id
    return None


def paused_until(events: Iterable[Event]) -> datetime | None:
    """Until when a door's keypad is in trouble by its pauses; None once a guest was let in."""
    at = None
    for event in sorted(events, key=lambda e: e.at):
        if event.what is What.OPENED and event.is_own:
            at = None
        elif event.what is What.KEYPAD_PAUSED:
            at = event.at
    return at + PAUSE_TOLD_FOR if at is not None else None


def keypad_trouble(
    events: Iterable[Event], now: datetime, locked_since: datetime | None = None
) -> KeypadTrouble | None:
    """What is to be told of a stay's keypad now; None once its guest was let in since.

    `locked_since`: since when an open alert has named the guest as the one who waits before it.
    """
    seen = sorted(events, key=lambda e: e.at)
    let_in_at = max((e.at for e in seen if e.what is What.OPENED and e.is_own), default=None)
    since = [e for e in seen if let_in_at is None or e.at > let_in_at]
    tries = [e.at for e in since if e.what is What.WRONG_TRY and now < e.at + TRIES_TOLD_FOR]
    pauses = [e.at for e in since if e.what is What.KEYPAD_PAUSED and now < e.at + PAUSE_TOLD_FOR]
    turns = [tries[0] + TRIES_TOLD_FOR] if tries else []
    turns += [at + PAUSE_TOLD_FOR for at in pauses[-1:]]
    if locked_since is not None and (let_in_at is None or let_in_at < locked_since):
        # Told for as long as the alert is open, which time alone does not close.
        pauses.append(locked_since)
        turns = [now + PAUSE_TOLD_FOR]
    if not pauses and len(tries) < TRIES_TOLD_FROM:
        return None
    return KeypadTrouble(len(tries), bool(pauses), max([*tries, *pauses]), min(turns))


def is_uncalled_for(
    opening: Opening, stays: Iterable[Window], before: Iterable[Opening] = ()
) -> bool:
    """Whether a door was opened by a code or from inside while nobody stays there.

    `stays` with their buffers. Staff may always come; who opens from inside may have come in
    before, and that opening was judged by itself.
    """
    if opening.how not in {How.CODE, How.THUMB_TURN} or opening.whose in {
        Whose.STAFF,
        Whose.PORTAL,
    }:
        return False
    if any(stay.starts_at <= opening.at < stay.ends_at for stay in stays):
        return False
    return not (
        opening.how is How.THUMB_TURN
        and any(
            other.how is not How.THUMB_TURN
            and other.whose is not Whose.GUEST
            and timedelta(0) <= opening.at - other.at <= INSIDE_FOR
            for other in before
        )
    )


def read_after(expected: Iterable[Expected], now: datetime) -> timedelta:
    """How long the lock's log may wait to be read: a guest who is due may have come already.

    Whoever has not been seen half a day into the stay is no news worth asking for.
    """
    is_awaited = any(
        not stay.has_arrived and now < stay.window.starts_at + AWAITED_FOR for stay in expected
    )
    return timedelta(hours=3) if is_awaited else timedelta(days=1)


def _by_likelihood(
    expected: Sequence[Expected], at: datetime, early: timedelta
) -> tuple[list[Expected], ...]:
    """Those who may stand at the door then: who is due and not seen yet, inside, or too early."""
    inside = [e for e in expected if e.window.starts_at <= at < e.window.ends_at]
    too_early = [e for e in expected if at < e.window.starts_at <= at + early]
    return [e for e in inside if not e.has_arrived], inside, too_early
