"""Whom to help first, how many there are, and what else needs somebody: the answer of a page.

Pure: from the guests who are inside or come within three days, and from what else is open. All that
the arrivals page counts is counted here, once, so that no two of its numbers can disagree.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from portal.domain.notices import (
    GUEST_CANNOT_ENTER,
    NOT_CONFIRMED,
    REMOVAL_CAUSES,
    AlertFacts,
)
from portal.domain.problems import ProblemKey
from portal.domain.status import Verdict

SOON: Final = timedelta(hours=72)
# A calendar is read every quarter of an hour. Unread for so long, it may list guests nobody here
# has heard of.
UNREAD_FOR: Final = timedelta(hours=2)
# The sweep comes every half minute. What is due for longer than this, nobody sees to.
STILL_AFTER: Final = timedelta(minutes=5)

# Told of by the guest's own row, or nothing that a person can do.
_TOLD_ELSEWHERE: Final = frozenset(
    {GUEST_CANNOT_ENTER, NOT_CONFIRMED, str(ProblemKey.SCHLAGE_OUTAGE)}
)


class Worry(StrEnum):
    """Why somebody should see to a guest, the most pressing first."""

    CALLS = "calls"  # stands at the door and says that it does not open
    KEYPAD = "keypad"  # wrong tries: seems to stand at the door
    NOT_READY = "not_ready"
    AT_RISK = "at_risk"


_OF_VERDICT: Final = {Verdict.NOT_READY: Worry.NOT_READY, Verdict.AT_RISK: Worry.AT_RISK}
_AT_DOOR: Final = frozenset({Worry.CALLS, Worry.KEYPAD})
_RANK: Final = {worry: place for place, worry in enumerate(Worry)}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A guest who is inside or comes soon, as far as the order of help goes."""

    booking_id: int
    verdict: Verdict
    starts_at: datetime
    has_called: bool = False
    has_keypad_trouble: bool = False

    @property
    def worry(self) -> Worry | None:
        """The most pressing one; None where the guest needs nobody."""
        if self.has_called:
            return Worry.CALLS
        return Worry.KEYPAD if self.has_keypad_trouble else _OF_VERDICT.get(self.verdict)


@dataclass(frozen=True)
class Stored:
    """A guest who is inside or comes soon, as the last change or sweep left the verdict."""

    booking_id: int
    verdict: Verdict
    starts_at: datetime
    turns_at: datetime | None  # when time alone makes it another

    def has_turned(self, now: datetime) -> bool:
        return self.turns_at is not None and self.turns_at <= now


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What the arrivals page counts. Every guest stands in one of its numbers and in no other."""

    calls: int = 0
    keypads: int = 0
    not_ready: int = 0  # beside those at the door
    at_risk: int = 0  # the same
    arrivals: int = 0  # within three days, whatever their verdict
    inside: int = 0
    verdicts: Mapping[Verdict, int] = field(default_factory=dict)  # of all of them
    overdue: int = 0  # stays whose codes should be off and are not proven to be
    matters: int = 0  # what else is open and needs a person
    trying: int = 0  # guests who need nobody yet, though an alert told that their code is late

    @property
    def at_door(self) -> int:
        return self.calls + self.keypads

    @property
    def pressing(self) -> int:
        """Who is counted in the headline and in the tab's title.

        Guests at the door and those who may not get in; where there are none, those at risk.
        """
        return self.at_door + self.not_ready or self.at_risk

    @property
    def total(self) -> int:
        return self.arrivals + self.inside

    @property
    def is_calm(self) -> bool:
        """Whether nothing needs anybody."""
        return not (self.pressing or self.overdue or self.matters)

    @property
    def mark(self) -> Verdict:
        """What the whole page looks like, as a verdict."""
        if self.at_door or self.not_ready:
            return Verdict.NOT_READY
        if not self.is_calm:
            return Verdict.AT_RISK
        return Verdict.ON_TRACK if self.verdicts.get(Verdict.ON_TRACK) else Verdict.READY


def worst_first(cases: Iterable[Case], now: datetime) -> list[Case]:
    """The guests who need somebody: the most pressing worry first, then guests inside.

    Of those inside the last to arrive comes first, as they may still stand at the door; of those
    who come, the soonest.
    """

    worried = [(worry, case) for case in cases if (worry := case.worry) is not None]
    worried.sort(
        key=lambda pair: (
            _RANK[pair[0]],
            *_nearness(pair[1].starts_at, now),
            pair[1].booking_id,
        )
    )
    return [case for _, case in worried]


def to_judge(stored: Iterable[Stored], at_door: Collection[int], now: datetime) -> list[Stored]:
    """Whose stored verdict does not say that all is well, or may have turned; as they press.

    Who is at a door is one of them, whatever is stored.
    """

    def rank(row: Stored) -> int:
        if row.booking_id in at_door:
            return 0
        if row.has_turned(now):
            return 1
        return 2 + (Verdict.NOT_READY, Verdict.AT_RISK, Verdict.ON_TRACK).index(row.verdict)

    chosen = [
        row
        for row in stored
        if row.booking_id in at_door or row.has_turned(now) or row.verdict is not Verdict.READY
    ]
    return sorted(chosen, key=lambda row: (rank(row), *_nearness(row.starts_at, now)))


def outlook(
    cases: Iterable[Case],
    counts: Mapping[tuple[bool, Verdict], int],
    *,
    overdue: int = 0,
    matters: int = 0,
    trying: int = 0,
) -> Outlook:
    """The numbers. `counts` has every guest, by whether they are inside and by verdict.

    `cases` are at least those at the door.
    """
    at_door = [case for case in cases if case.worry in _AT_DOOR]
    verdicts: dict[Verdict, int] = {}
    for (_, verdict), number in counts.items():
        verdicts[verdict] = verdicts.get(verdict, 0) + number

    def beside(verdict: Verdict) -> int:
        return verdicts.get(verdict, 0) - sum(case.verdict is verdict for case in at_door)

    return Outlook(
        calls=sum(case.worry is Worry.CALLS for case in at_door),
        keypads=sum(case.worry is Worry.KEYPAD for case in at_door),
        not_ready=beside(Verdict.NOT_READY),
        at_risk=beside(Verdict.AT_RISK),
        arrivals=sum(number for (is_inside, _), number in counts.items() if not is_inside),
        inside=sum(number for (is_inside, _), number in counts.items() if is_inside),
        verdicts=verdicts,
        overdue=overdue,
        matters=matters,
        trying=trying,
    )


def matters(
    alerts: Iterable[AlertFacts], *, worried: Collection[int], listed: Collection[int]
) -> frozenset[str]:
    """The threads of open alerts that need a person, beside what guests' rows and removals say.

    `worried` are the bookings that are counted as guests who need somebody, `listed` those whose
    old codes stand in the list of such.
    """
    return frozenset(alert.thread for alert in alerts if _is_matter(alert, worried, listed))


def removals(alerts: Iterable[AlertFacts]) -> frozenset[int]:
    """The bookings of which something old may still open a door, as open alerts tell."""
    return frozenset(
        alert.booking_id
        for alert in alerts
        if alert.cause in REMOVAL_CAUSES and alert.booking_id is not None
    )


def trying(alerts: Iterable[AlertFacts], cases: Iterable[Case]) -> int:
    """How many guests need nobody yet although an open alert told that their code is late."""
    told = {alert.booking_id for alert in alerts if alert.cause == NOT_CONFIRMED}
    return sum(
        case.booking_id in told and case.verdict is Verdict.ON_TRACK and case.worry is None
        for case in cases
    )


def _nearness(starts_at: datetime, now: datetime) -> tuple[bool, timedelta]:
    """Guests inside before those who come; of either the one whose check-in is nearest."""
    return starts_at > now, abs(starts_at - now)


def _is_matter(alert: AlertFacts, worried: Collection[int], listed: Collection[int]) -> bool:
    if alert.cause in _TOLD_ELSEWHERE or alert.booking_id in worried:
        return False
    return not (alert.cause in REMOVAL_CAUSES and alert.booking_id in listed)


def is_unread(read_at: datetime, now: datetime) -> bool:
    """Whether a calendar was last read, or made, so long ago that it may list unknown guests."""
    return now - read_at >= UNREAD_FOR


def stands_still_from(due_at: datetime) -> datetime:
    """From when on work that was due at that time shows that nobody sees to anything."""
    return due_at + STILL_AFTER
