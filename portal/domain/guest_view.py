"""What a guest's own page shows, and when.

The PIN stands there late enough and only while it opens every door; the other way in only where the
manager allows it, from the time at which the guest may come in. Nobody sees anything once the link
is revoked, the stay cancelled or its window over.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from portal.domain.status import Verdict
from portal.domain.stay import Window
from portal.domain.verdict import BookingFacts, judge

# A guest who said that they cannot enter is not left waiting longer than this.
PATIENCE: Final = timedelta(minutes=5)
# The guest is asked to type the code once more before a door that holds it gives another one.
TRY_AGAIN_FOR: Final = timedelta(minutes=1)
# A keypad that was locked by wrong tries wakes again within this.
KEYPAD_PAUSE: Final = timedelta(minutes=2)
# A check of the doors that takes longer than this is no longer spoken of as running.
CHECK_TAKES: Final = timedelta(minutes=3)

_WORRIED: Final = frozenset({Verdict.AT_RISK, Verdict.NOT_READY})


class Sight(StrEnum):
    """What stands where the PIN belongs."""

    NOTHING = "nothing"  # there is no such page (any more)
    EARLY = "early"  # the PIN appears at a known time
    PREPARING = "preparing"  # that time has come, and a door has not confirmed it
    PIN = "pin"


class Advice(StrEnum):
    """What a guest who cannot enter is told first."""

    KEYPAD_PAUSED = "keypad_paused"
    CHECKING = "checking"
    TRY_AGAIN = "try_again"  # every door holds the code
    NOT_ANSWERING = "not_answering"  # a door does not, or nothing was heard of it in time


@dataclass(frozen=True, kw_only=True)
class GuestFacts:
    """A booking as its guest's page sees it; times aware UTC."""

    booking: BookingFacts
    window: Window
    pin_from: datetime
    has_pin: bool = True
    is_revoked: bool = False
    # The manager has written another way in down, and lets guests see it.
    has_fallback: bool = False
    asked_at: datetime | None = None  # since when the guest's call for help is open


def is_there(facts: GuestFacts, now: datetime) -> bool:
    """Whether the guest has a page at all."""
    return not (facts.is_revoked or facts.booking.is_cancelled) and now < facts.window.ends_at


def opens_every_door(booking: BookingFacts) -> bool:
    """Whether each wanted door has confirmed an entry with the PIN that covers the stay."""
    doors = [door for door in booking.doors if door.is_wanted]
    return bool(doors) and all(door.opens for door in doors)


def sight(facts: GuestFacts, now: datetime) -> Sight:
    """What the guest sees in place of the PIN."""
    if not is_there(facts, now):
        return Sight.NOTHING
    if now < facts.pin_from:
        return Sight.EARLY
    if facts.has_pin and opens_every_door(facts.booking):
        return Sight.PIN
    return Sight.PREPARING


def may_ask(facts: GuestFacts, now: datetime) -> bool:
    """Whether “it does not work” can be true: the code is to open the door by now."""
    return is_there(facts, now) and now >= facts.window.starts_at


def shows_fallback(facts: GuestFacts, now: datetime) -> bool:
    """Whether the guest is shown the other way in: it opens the house as a PIN does.

    At once where a door may fail them, and after some minutes to whoever cannot enter all the same.
    """
    if not facts.has_fallback or not may_ask(facts, now):
        return False
    has_waited = facts.asked_at is not None and now >= facts.asked_at + PATIENCE
    return has_waited or judge(facts.booking, now).verdict in _WORRIED


def turns(facts: GuestFacts, now: datetime) -> tuple[datetime, ...]:
    """The times at which time alone changes the page."""
    times = (
        facts.pin_from,
        facts.window.starts_at,
        facts.window.ends_at,
        facts.asked_at and facts.asked_at + PATIENCE,
        # The verdict, and with it the other way in.
        judge(facts.booking, now).changes_at,
    )
    return tuple(at for at in times if at is not None and at > now)


def advice(
    facts: GuestFacts, now: datetime, *, checking_since: datetime | None, paused_at: datetime | None
) -> Advice:
    """What comes first for a guest at the door.

    `checking_since`: when the check that still runs began; `paused_at`: when a keypad last said
    that it was locked by wrong tries.
    """
    if paused_at is not None and now < paused_at + KEYPAD_PAUSE:
        return Advice.KEYPAD_PAUSED
    if checking_since is not None and now < checking_since + CHECK_TAKES:
        return Advice.CHECKING
    if checking_since is None and opens_every_door(facts.booking):
        return Advice.TRY_AGAIN
    return Advice.NOT_ANSWERING
