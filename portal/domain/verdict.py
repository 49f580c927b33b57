"""The answer to the one question: will this guest get in, how do we know, what is to be done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from portal.domain.problems import ProblemKey
from portal.domain.status import Status, Verdict

RISKY_WITHIN: Final = timedelta(hours=6)
LATE_WITHIN: Final = timedelta(hours=2)
REMOVAL_ALARM: Final = timedelta(minutes=30)


class Reason(StrEnum):
    """Why the verdict is what it is; each surface has a sentence for it."""

    ALL_CONFIRMED = "all_confirmed"
    PROVEN = "proven"  # the PIN opened a door
    CHANGE_TRAVELS = "change_travels"  # the code works; a harmless change is under way
    PLANNED = "planned"
    UNDER_WAY = "under_way"
    TRYING_AGAIN = "trying_again"
    WAITS_FOR_LOCK = "waits_for_lock"  # not confirmed, and the lock is offline
    CHECKING = "checking"  # the outcome is unknown and being verified
    LOCK_OFFLINE = "lock_offline"  # confirmed, but the lock is offline
    LOCK_MISSING = "lock_missing"  # confirmed or not, the lock has left the account
    BATTERY_CRITICAL = "battery_critical"
    MISSING_FROM_LIST = "missing_from_list"
    SPARE_GIVEN = "spare_given"  # not confirmed, but the spare that the guest was given is
    NEEDS_YOU = "needs_you"
    NO_LOCK = "no_lock"
    STAY_OVER = "stay_over"
    CANCELLED = "cancelled"
    REMOVAL_LATE = "removal_late"


@dataclass(frozen=True, kw_only=True)
class DoorFacts:
    """One door of the booking."""

    door_code_id: int
    status: Status
    problem: ProblemKey | None = None
    is_wanted: bool = True
    # A held, still valid entry covers the whole stay although the wanted one is not confirmed.
    is_covered: bool = False
    is_offline: bool = False
    is_lock_missing: bool = False
    is_battery_critical: bool = False
    is_missing_once: bool = False
    is_proven: bool = False
    has_spare: bool = False  # a spare was given for this door, held and good for the whole stay
    due_at: datetime | None = None
    since: datetime | None = None  # when its status became what it is

    @property
    def opens(self) -> bool:
        """Whether the lock has confirmed an entry with the PIN that covers the stay."""
        return self.status is Status.CONFIRMED or self.is_covered

    @property
    def lacks_code(self) -> bool:
        """No entry of the booking's own PIN is known to open this door for the stay."""
        return self.is_wanted and not self.opens


@dataclass(frozen=True, kw_only=True)
class BookingFacts:
    """A booking and its doors; times aware UTC."""

    starts_at: datetime
    ends_at: datetime
    window_ends_at: datetime
    is_cancelled: bool
    doors: Sequence[DoorFacts]
    spares: Sequence[DoorFacts] = ()  # those that were given for this stay


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict, its reason, the door and problem behind it, and when time alone changes it."""

    verdict: Verdict
    reason: Reason
    door_code_id: int | None = None
    problem: ProblemKey | None = None
    due_at: datetime | None = None
    changes_at: datetime | None = None
    working_spares: frozenset[int] = frozenset()  # given ones that open their door by now
    without_code: frozenset[int] = frozenset()  # doors that the booking's own PIN may not open


_ORDER: Final = {v: i for i, v in enumerate(Verdict)}


def judge(facts: BookingFacts, now: datetime) -> Judgement:
    """The worst door decides, of equals the one that can say why, whatever the doors' order.

    A booking without any door is not ready at all.
    """
    if facts.is_cancelled or now >= facts.window_ends_at:
        return _over(facts, now)
    doors = [door for door in _in_order(facts.doors) if door.is_wanted]
    changes_at = min((t for t in _turns(facts) if t > now), default=None)
    if not doors:
        return Judgement(
            verdict=Verdict.NOT_READY,
            reason=Reason.NO_LOCK,
            problem=ProblemKey.UNRECOGNIZED_JOB_STATE,
            changes_at=changes_at,
        )
    judged = [_door(door, facts.starts_at - now) for door in doors]
    door, verdict, reason = max(
        ((d, v, r) for d, (v, r) in zip(doors, judged, strict=True)),
        key=lambda item: (_ORDER[item[1]], _problem(*item) is not None),
    )
    if verdict is Verdict.READY and any(d.is_proven for d in doors):
        reason = Reason.PROVEN
    return Judgement(
        verdict=verdict,
        reason=reason,
        door_code_id=door.door_code_id,
        problem=_problem(door, verdict, reason),
        due_at=door.due_at,
        changes_at=changes_at,
        working_spares=frozenset(s.door_code_id for s in facts.spares if not s.lacks_code),
        without_code=frozenset(d.door_code_id for d in doors if d.lacks_code),
    )


def _in_order(doors: Sequence[DoorFacts]) -> list[DoorFacts]:
    """The doors in the one order in which all judge them, whichever lock's work brought them."""
    return sorted(doors, key=lambda door: door.door_code_id)


def _turns(facts: BookingFacts) -> tuple[datetime, ...]:
    """The times at which a verdict changes although nothing happens."""
    return (
        facts.starts_at - RISKY_WITHIN,
        facts.starts_at - LATE_WITHIN,
        facts.window_ends_at,
    )


def _door(door: DoorFacts, to_arrival: timedelta) -> tuple[Verdict, Reason]:
    """The door by its own code; with a spare the guest gets in, though it is never green."""
    verdict, reason = _by_own_code(door, to_arrival)
    if door.lacks_code and door.has_spare and verdict in {Verdict.AT_RISK, Verdict.NOT_READY}:
        return Verdict.AT_RISK, Reason.SPARE_GIVEN
    return verdict, reason


def _by_own_code(door: DoorFacts, to_arrival: timedelta) -> tuple[Verdict, Reason]:
    if door.status is Status.NEEDS_YOU:
        return Verdict.NOT_READY, Reason.NEEDS_YOU
    if door.opens:
        risk = _risk(door)
        if risk is not None:
            return Verdict.AT_RISK, risk
        if door.status is Status.CONFIRMED:
            return Verdict.READY, Reason.ALL_CONFIRMED
        return Verdict.READY, Reason.CHANGE_TRAVELS
    reason = _what_lasts(door)
    if to_arrival <= LATE_WITHIN:
        return Verdict.NOT_READY, reason
    is_in_doubt = door.status is Status.UNSURE or reason is Reason.LOCK_MISSING
    if to_arrival <= RISKY_WITHIN or is_in_doubt:
        return Verdict.AT_RISK, reason
    return Verdict.ON_TRACK, reason


def _risk(door: DoorFacts) -> Reason | None:
    """What puts a code at risk that opens its door; None where nothing does."""
    if door.is_missing_once:
        return Reason.MISSING_FROM_LIST
    if door.is_lock_missing:
        return Reason.LOCK_MISSING
    if door.is_offline:
        return Reason.LOCK_OFFLINE
    return Reason.BATTERY_CRITICAL if door.is_battery_critical else None


def _what_lasts(door: DoorFacts) -> Reason:
    """What a code that does not open its door yet waits for."""
    if door.is_lock_missing and door.status is not Status.PLANNED:
        return Reason.LOCK_MISSING
    reason = {
        Status.PLANNED: Reason.PLANNED,
        Status.UNSURE: Reason.CHECKING,
        Status.RETRYING: Reason.TRYING_AGAIN,
    }.get(door.status, Reason.UNDER_WAY)
    if door.is_offline and reason in {Reason.UNDER_WAY, Reason.TRYING_AGAIN}:
        return Reason.WAITS_FOR_LOCK
    return reason


def _problem(door: DoorFacts, verdict: Verdict, reason: Reason) -> ProblemKey | None:
    """What the booking's row names: its door's problem, or what puts a confirmed door at risk."""
    if reason is Reason.LOCK_OFFLINE:
        return ProblemKey.LOCK_OFFLINE
    if reason is Reason.LOCK_MISSING:
        return ProblemKey.LOCK_MISSING
    if reason is Reason.BATTERY_CRITICAL:
        return ProblemKey.LOW_BATTERY
    if reason is Reason.WAITS_FOR_LOCK:
        return door.problem or ProblemKey.LOCK_OFFLINE
    return door.problem if verdict is not Verdict.READY else None


def _late_at(facts: BookingFacts, door: DoorFacts) -> datetime:
    """When a code should be proven off, and an alarm is due: not days later where it opens now."""
    over_at = facts.window_ends_at
    if facts.is_cancelled and door.since is not None:
        over_at = min(over_at, max(door.since, facts.starts_at))
    return over_at + REMOVAL_ALARM


def _over(facts: BookingFacts, now: datetime) -> Judgement:
    """A stay that is over or cancelled is fine once its codes are proven off the locks."""
    doors = _in_order([*facts.doors, *facts.spares])
    left = [door for door in doors if door.status is Status.REMOVING]
    reason = Reason.CANCELLED if facts.is_cancelled else Reason.STAY_OVER
    if not left:
        return Judgement(verdict=Verdict.READY, reason=reason)
    # A removal that failed is tried again by itself: nobody is needed before it is late.
    late_at = min(_late_at(facts, door) for door in left)
    door = next((door for door in left if door.problem is not None), left[0])
    if now >= late_at:
        return Judgement(
            verdict=Verdict.AT_RISK,
            reason=Reason.REMOVAL_LATE,
            door_code_id=door.door_code_id,
            problem=ProblemKey.REMOVAL_UNCONFIRMED,
            due_at=door.due_at,
        )
    return Judgement(
        verdict=Verdict.ON_TRACK,
        reason=reason,
        door_code_id=door.door_code_id,
        due_at=door.due_at,
        changes_at=late_at,
    )
