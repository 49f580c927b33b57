"""The one writer of a booking's stored verdict."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, joinedload

from portal.domain.entry import EntryState
from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.domain.verdict import BookingFacts, DoorFacts, Judgement, judge
from portal.models import Booking, BookingStatus, DoorCode, Lock, LockEntry
from portal.services import endpoint_events

# Built once, because they run with every step on every lock.
_BOOKINGS: Final = select(Booking).where(Booking.id.in_(bindparam("ids", expanding=True)))
_CODES: Final = (
    select(DoorCode)
    .where(DoorCode.booking_id.in_(bindparam("ids", expanding=True)))
    .options(joinedload(DoorCode.lock).joinedload(Lock.connection))
    .order_by(DoorCode.id)
)
_OTHER_DOORS: Final = _CODES.where(DoorCode.lock_id != bindparam("lock_id"))
_HELD: Final = select(LockEntry).where(
    LockEntry.door_code_id.in_(bindparam("ids", expanding=True)),
    LockEntry.state == EntryState.HELD,
)


def refresh(session: Session, booking_ids: Collection[int], now: datetime) -> None:
    """The stored verdicts of these bookings say again what their doors say now."""
    if not booking_ids:
        return
    session.flush()
    ids = {"ids": sorted(booking_ids)}
    bookings = session.scalars(_BOOKINGS, ids).all()
    codes: dict[int, list[DoorCode]] = {}
    for code in session.scalars(_CODES, ids):
        codes.setdefault(code.booking_id, []).append(code)
    held = _held_entries(session, [code.id for each in codes.values() for code in each])
    for booking in bookings:
        _store(session, booking, judge(_facts_of(booking, codes.get(booking.id, []), held), now))


def refresh_on(
    session: Session,
    lock_id: int,
    codes: Collection[DoorCode],
    entries: Collection[LockEntry],
    now: datetime,
) -> None:
    """The stored verdicts of the bookings behind one lock, whose rows are at hand already."""
    session.flush()
    doors = {code.booking_id: [code] for code in codes}
    others = session.scalars(_OTHER_DOORS, {"ids": sorted(doors), "lock_id": lock_id}).all()
    for code in others:
        doors[code.booking_id].append(code)
    held = _held_entries(session, [code.id for code in others])
    for entry in entries:
        if entry.state is EntryState.HELD:
            held.setdefault(entry.door_code_id, []).append(entry)
    for code in codes:
        facts = _facts_of(code.booking, doors[code.booking_id], held)
        _store(session, code.booking, judge(facts, now))


def _store(session: Session, booking: Booking, judgement: Judgement) -> None:
    if booking.verdict is not judgement.verdict:
        endpoint_events.verdict_changed(
            session,
            booking,
            str(booking.verdict),
            str(judgement.verdict),
            str(judgement.problem) if judgement.problem else None,
        )
        booking.verdict = judgement.verdict
    if booking.problem is not judgement.problem:
        booking.problem = judgement.problem
    if booking.verdict_due_at != judgement.changes_at:
        booking.verdict_due_at = judgement.changes_at


def judge_all(session: Session, bookings: Sequence[Booking], now: datetime) -> dict[int, Judgement]:
    """The judgement of each booking by its id, for pages; the bookings bring doors and locks."""
    held = _held_entries(session, [c.id for b in bookings for c in b.door_codes])
    return {b.id: judge(_facts_of(b, b.door_codes, held), now) for b in bookings}


def facts_of(session: Session, booking: Booking) -> BookingFacts:
    """One booking as the verdict sees it."""
    held = _held_entries(session, [code.id for code in booking.door_codes])
    return _facts_of(booking, booking.door_codes, held)


def _facts_of(
    booking: Booking, codes: Sequence[DoorCode], held: dict[int, list[LockEntry]]
) -> BookingFacts:
    """The booking as the verdict sees it; `held` are the held entries by door code."""
    ends = [code.ends_at for code in codes if code.is_wanted]
    return BookingFacts(
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        window_ends_at=max(ends, default=booking.ends_at),
        is_cancelled=booking.status is BookingStatus.CANCELLED,
        doors=[_door(booking, code, held.get(code.id, [])) for code in codes],
    )


def _door(booking: Booking, code: DoorCode, held: Sequence[LockEntry]) -> DoorFacts:
    pin = code.own_pin or booking.pin
    covering = [
        e
        for e in held
        if e.pin == pin and e.starts_at <= booking.starts_at and e.ends_at >= booking.ends_at
    ]
    return DoorFacts(
        door_code_id=code.id,
        status=code.status,
        problem=code.lock.connection.state.problem or code.problem,
        is_wanted=code.is_wanted,
        is_covered=bool(covering)
        and code.status is not Status.NEEDS_YOU
        and code.problem is not ProblemKey.CHANGED_OUTSIDE,
        is_offline=code.lock.is_online is False,
        is_battery_critical="critical" in (code.lock.battery_state or "").casefold(),
        is_missing_once=any(e.absent_reads > 0 for e in covering),
        is_proven=code.proven_at is not None,
        due_at=code.due_at,
    )


def _held_entries(session: Session, code_ids: Sequence[int]) -> dict[int, list[LockEntry]]:
    held: dict[int, list[LockEntry]] = {}
    if not code_ids:
        return held
    for entry in session.scalars(_HELD, {"ids": code_ids}):
        held.setdefault(entry.door_code_id, []).append(entry)
    return held
