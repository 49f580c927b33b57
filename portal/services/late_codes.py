"""Conditions of codes: not on their lock in time, in need of a person, or not off it in time."""

from collections.abc import Collection, Set
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, bindparam, exists, func, or_, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from portal.domain import notices
from portal.domain.entry import EntryState, Evidence
from portal.domain.notices import NEEDS_YOU, NOT_CONFIRMED, STAFF_NEEDS_YOU, STAFF_REMOVAL
from portal.domain.problems import CATALOGUE, ProblemKey
from portal.domain.sentences import word
from portal.domain.status import Status
from portal.domain.verdict import REMOVAL_ALARM
from portal.models import (
    Alert,
    Booking,
    BookingStatus,
    Connection,
    ConnectionState,
    DoorCode,
    Lock,
    LockEntry,
    Mapping,
    Property,
    StaffCode,
)
from portal.models.base import one_of
from portal.services.alert_page import (
    NO_LOCK_YET,
    NOT_YET,
    STAFF_TROUBLE,
    STILL_NO_LOCK,
    STILL_NOT,
    TROUBLE,
)
from portal.services.conditions import LACKING, Condition, of_lock

# How long before an arrival an unconfirmed code is alarmed, the most urgent first.
BEFORE_ARRIVAL: Final = (timedelta(hours=2), timedelta(hours=6), timedelta(hours=24))
# What came in, or changed, so lately is only on its way.
FIRST_TRY: Final = timedelta(minutes=15)

_REMOVAL: Final = ProblemKey.REMOVAL_UNCONFIRMED
_NEEDING_CAUSES: Final = frozenset({NEEDS_YOU, STAFF_NEEDS_YOU, str(ProblemKey.LOCK_FULL)})

# Built once, because they run every 30 s and mostly find nothing.
_LATE_ARRIVALS: Final = (
    select(DoorCode)
    .join(Booking, Booking.id == DoorCode.booking_id)
    .where(
        DoorCode.is_wanted.is_(True),
        one_of(DoorCode.status, LACKING),
        # No window begins after its stay does: with this the index leaves out what is far ahead.
        DoorCode.starts_at <= bindparam("soon"),
        Booking.status == BookingStatus.CONFIRMED,
        Booking.starts_at <= bindparam("soon"),
        Booking.ends_at > bindparam("now"),
    )
    .options(joinedload(DoorCode.booking), joinedload(DoorCode.lock))
)
# Stays that no lock opens. Few properties have none, and their bookings are found by them: there is
# no code whose index would.
_WITHOUT_LOCK: Final = (
    select(Booking, Property.name)
    .join(Property, Property.id == Booking.property_id)
    .where(
        Booking.property_id.in_(
            select(Property.id).where(~exists().where(Mapping.property_id == Property.id))
        ),
        Booking.status == BookingStatus.CONFIRMED,
        Booking.starts_at <= bindparam("soon"),
        Booking.ends_at > bindparam("now"),
        ~exists().where(
            DoorCode.booking_id == Booking.id,
            or_(
                DoorCode.is_wanted.is_(True),
                # Who is inside keeps the code they have, also of a lock that is theirs no more.
                and_(DoorCode.status == Status.REMOVING, Booking.starts_at <= bindparam("now")),
            ),
        ),
    )
)
# Of a stay that was called off the code may open the door now, and its end be days away.
_IS_CALLED_OFF: Final = and_(
    Booking.status == BookingStatus.CANCELLED,
    Booking.starts_at <= bindparam("before"),
    DoorCode.status_at <= bindparam("before"),
)
_LATE_REMOVALS: Final = (
    select(DoorCode)
    .outerjoin(Booking, Booking.id == DoorCode.booking_id)
    .where(
        DoorCode.status == Status.REMOVING,
        or_(DoorCode.ends_at <= bindparam("before"), _IS_CALLED_OFF),
    )
    .options(joinedload(DoorCode.lock), joinedload(DoorCode.staff_code))
)
# An add that was sent again with other dates: the lock may have the first ones.
_HAS_OLDER_DATES: Final = and_(
    LockEntry.state == EntryState.MAYBE, LockEntry.may_start_at.is_not(None)
)
# What is or may be on a lock and open, of codes of which something else is wanted by now.
_OUTDATED: Final = (
    select(LockEntry)
    .join(DoorCode, DoorCode.id == LockEntry.door_code_id)
    .where(
        one_of(LockEntry.state, [EntryState.HELD, EntryState.MAYBE]),
        LockEntry.evidence != Evidence.NOT_SENT,
        or_(LockEntry.revision != DoorCode.revision, _HAS_OLDER_DATES),
        func.coalesce(LockEntry.may_start_at, LockEntry.starts_at) <= bindparam("before"),
        func.coalesce(LockEntry.may_end_at, LockEntry.ends_at) > bindparam("now"),
        DoorCode.is_wanted.is_(True),
        DoorCode.changed_at <= bindparam("before"),
    )
    .options(
        contains_eager(LockEntry.door_code).options(
            joinedload(DoorCode.lock), joinedload(DoorCode.booking), joinedload(DoorCode.staff_code)
        )
    )
)
# Codes that only a person can bring on, and codes for which their lock has no room.
_NEEDING: Final = (
    select(DoorCode, Connection.state)
    .outerjoin(Booking, Booking.id == DoorCode.booking_id)
    .outerjoin(StaffCode, StaffCode.id == DoorCode.staff_code_id)
    .join(Lock, Lock.id == DoorCode.lock_id)
    .join(Connection, Connection.id == Lock.connection_id)
    .where(
        DoorCode.is_wanted.is_(True),
        # Nobody misses a spare that is not there.
        DoorCode.is_spare.is_(False),
        one_of(DoorCode.status, LACKING - {Status.PLANNED}),
        or_(
            and_(
                or_(DoorCode.status == Status.NEEDS_YOU, DoorCode.problem == ProblemKey.LOCK_FULL),
                Connection.state == ConnectionState.CONNECTED,
            ),
            # What was told of is looked at however it goes on: see _needing.
            DoorCode.lock_id.in_(bindparam("told", expanding=True)),
        ),
        or_(
            and_(Booking.status == BookingStatus.CONFIRMED, Booking.ends_at > bindparam("now")),
            and_(DoorCode.staff_code_id.is_not(None), DoorCode.ends_at > bindparam("now")),
        ),
    )
    .options(
        contains_eager(DoorCode.booking),
        contains_eager(DoorCode.staff_code),
        contains_eager(DoorCode.lock),
    )
    # Guests first: a lock without room names who comes to it.
    .order_by(Booking.starts_at.is_(None), Booking.starts_at, DoorCode.id)
)
_UNDECIDED: Final = word("it needs a decision of yours")
_UNDER_WAY: Final = word("the code is not confirmed yet")


def standing(session: Session, now: datetime, alerts: Collection[Alert]) -> list[Condition]:
    """What is so of the codes of all accounts now; `alerts` are the open ones."""
    late = [*_late_arrivals(session, now, alerts), *_without_lock(session, now)]
    return [
        *late,
        *_needing(session, now, alerts, {c.thread for c in late}),
        *_late_removals(session, now),
    ]


def _late_arrivals(session: Session, now: datetime, alerts: Collection[Alert]) -> list[Condition]:
    """Wanted codes that are not confirmed 24 h, 6 h or 2 h before the arrival.

    A booking that was told of as having no lock goes on in that thread: a lock is only half of it.
    """
    told = {alert.thread for alert in alerts}
    codes = session.scalars(_LATE_ARRIVALS, {"now": now, "soon": now + BEFORE_ARRIVAL[-1]}).all()
    conditions: dict[str, Condition] = {}
    for code in codes:
        assert code.booking is not None
        had_no_lock = _thread(code.booking) in told
        is_told = had_no_lock or _thread(code.booking, code.lock_id) in told
        hours = _step_before(code.booking, now)
        if hours is None or not (is_told or _was_tried(_wanted_since(code), now)):
            continue
        if code.status is Status.PLANNED and now < code.send_at:
            continue  # as its property's lead time has it: nothing is late
        condition = _not_confirmed(
            code.booking,
            hours,
            NOT_YET(lock=code.lock.name, hours=hours)
            if code.booking.starts_at > now
            else STILL_NOT(lock=code.lock.name),
            None if had_no_lock else code,
        )
        conditions.setdefault(condition.key, condition)
    return list(conditions.values())


def _without_lock(session: Session, now: datetime) -> list[Condition]:
    """Bookings that no lock opens 24 h, 6 h or 2 h before the arrival."""
    asked = {"now": now, "soon": now + BEFORE_ARRIVAL[-1]}
    return [
        _not_confirmed(
            booking,
            hours,
            NO_LOCK_YET(property=name, hours=hours)
            if booking.starts_at > now
            else STILL_NO_LOCK(property=name),
        )
        for booking, name in session.execute(_WITHOUT_LOCK, asked)
        if (hours := _step_before(booking, now)) is not None and _was_tried(booking.created_at, now)
    ]


def _step_before(booking: Booking, now: datetime) -> int | None:
    """The most urgent step that the arrival is within, in hours; None where it is far."""
    left = booking.starts_at - now
    step = next((step for step in BEFORE_ARRIVAL if left <= step), None)
    return None if step is None else int(step.total_seconds() // 3600)


def _was_tried(since: datetime, now: datetime) -> bool:
    """What came in or changed later than the step is told of when it was first tried in vain.

    Until a change is confirmed a guest has what they had before: it wakes nobody at once.
    """
    return now - since >= FIRST_TRY


def _wanted_since(code: DoorCode) -> datetime:
    """Since when it is to be on its lock as it is wanted now; ahead where it is not sent yet."""
    return max(code.created_at, code.changed_at or code.created_at, code.send_at)


def _not_confirmed(
    booking: Booking, hours: int, words: str, code: DoorCode | None = None
) -> Condition:
    """A guest who comes soon: to the door of this code, or to no door at all."""
    place = f"booking-{booking.id}" if code is None else str(code.id)
    return Condition(
        account_id=booking.account_id,
        key=f"{NOT_CONFIRMED}:{hours}h:{place}",
        cause=NOT_CONFIRMED,
        words=words,
        booking_id=booking.id,
        lock_id=None if code is None else code.lock_id,
    )


def _thread(booking: Booking, lock_id: int | None = None) -> str:
    """The thread of the guest at this door, or of the guest whom no lock opens to."""
    return notices.thread_of(NOT_CONFIRMED, "", booking.id, lock_id)


def _needing(
    session: Session, now: datetime, alerts: Collection[Alert], late: Set[str]
) -> list[Condition]:
    """Codes that wait for a person, however far the arrival, and locks without room for a code.

    Such a code is no longer one when it is on its lock, and not while it is only tried again or its
    connection is signed out: whoever was told of it would take it for done. `late` are the threads
    of arrivals that are alarmed already.
    """
    told = {alert.key for alert in alerts if alert.cause in _NEEDING_CAUSES}
    locks = {a.lock_id for a in alerts if a.key in told and a.lock_id is not None}
    conditions: dict[str, Condition] = {}
    # No lock has the id 0. (An empty list would be a table of its own, gone through each time.)
    asked = {"now": now, "told": sorted(locks) or [0]}
    for code, state in session.execute(_NEEDING, asked):
        condition = _of_code(code)
        if code.problem is ProblemKey.LOCK_FULL and condition.key not in told:
            # One thing to do for all who wait for room.
            condition = of_lock(code.lock, code.booking_id)
        elif code.status is not Status.NEEDS_YOU and condition.key not in told:
            continue
        # Of one that is signed out its own alert tells, for all of its codes at once.
        is_reached = state is ConnectionState.CONNECTED
        if condition.thread not in late and (is_reached or condition.key in told):
            conditions.setdefault(condition.key, condition)
    return list(conditions.values())


def _of_code(code: DoorCode) -> Condition:
    is_undecided = code.status is Status.NEEDS_YOU
    title = _UNDECIDED if is_undecided else _UNDER_WAY
    if code.problem is not None:
        title = CATALOGUE[code.problem].title
    if code.staff_code is not None:
        return Condition(
            account_id=code.account_id,
            key=f"{STAFF_NEEDS_YOU}:{code.lock_id}:{code.staff_code.id}",
            cause=STAFF_NEEDS_YOU,
            words=_of_person(code.staff_code, code.lock, title),
            lock_id=code.lock_id,
        )
    return Condition(
        account_id=code.account_id,
        key=f"{NEEDS_YOU}:{code.id}",
        cause=NEEDS_YOU,
        words=TROUBLE(name=code.lock.name, trouble=title),
        booking_id=code.booking_id,
        lock_id=code.lock_id,
    )


def _late_removals(session: Session, now: datetime) -> list[Condition]:
    """Codes not proven gone 30 minutes after their time, with what keeps them there.

    And those whose old digits or dates still let somebody in so long after the change.
    """
    late = {"before": now - REMOVAL_ALARM}
    outdated = session.scalars(_OUTDATED, {**late, "now": now})
    codes = {
        code.id: code
        for code in (
            *session.scalars(_LATE_REMOVALS, late),
            *(entry.door_code for entry in outdated if _is_let_in_wrongly(entry, now)),
        )
    }.values()
    return [_not_gone(code) for code in codes]


def _not_gone(code: DoorCode) -> Condition:
    cause = _what_keeps(code)
    title = CATALOGUE[cause].title
    key, words = f"{_REMOVAL}:{code.id}", TROUBLE(name=code.lock.name, trouble=title)
    if code.staff_code is not None:
        key = f"{STAFF_REMOVAL}:{code.lock_id}:{code.staff_code.id}"
        words = _of_person(code.staff_code, code.lock, title)
    return Condition(
        account_id=code.account_id,
        key=key,
        cause=str(cause),
        words=words,
        # A spare that was given tells of the stay that it was given for.
        booking_id=code.stay_id,
        lock_id=code.lock_id,
    )


def _of_person(staff: StaffCode, lock: Lock, trouble: str) -> str:
    return STAFF_TROUBLE(name=staff.name[:80], lock=lock.name[:80], trouble=trouble)


def _is_let_in_wrongly(entry: LockEntry, now: datetime) -> bool:
    """Whether it may open the door now, with digits or at a time that its code has no more."""
    code = entry.door_code
    is_in_time = code.starts_at <= now < code.ends_at + REMOVAL_ALARM
    return entry.pin != code.pin or not is_in_time


def _what_keeps(code: DoorCode) -> ProblemKey:
    """Mostly that no delete was confirmed; a staff code that no list shows, nobody can delete."""
    is_on_no_list = code.staff_code_id is not None and code.problem is ProblemKey.SPLIT_BRAIN
    return ProblemKey.SPLIT_BRAIN if is_on_no_list else _REMOVAL
