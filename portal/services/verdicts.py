"""The one writer of a booking's stored verdict."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from portal.domain.entry import EntryState
from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.domain.verdict import BookingFacts, DoorFacts, Judgement, judge
from portal.models import Booking, BookingStatus, ConnectionState, DoorCode, Lock, LockEntry


def refresh(session: Session, booking_ids: Collection[int], now: datetime) -> None:
    """The stored verdicts of these bookings say again what their doors say now."""
    if not booking_ids:
        return
    session.flush()
    bookings = session.scalars(
        select(Booking)
        .where(Booking.id.in_(sorted(booking_ids)))
        .options(
            selectinload(Booking.door_codes).joinedload(DoorCode.lock).joinedload(Lock.connection)
        )
    ).all()
    held = _held_entries(session, [c.id for b in bookings for c in b.door_codes])
    for booking in bookings:
        judgement = judge(facts_of(booking, held), now)
        if booking.verdict is not judgement.verdict:
            booking.verdict = judgement.verdict
        if booking.problem is not judgement.problem:
            booking.problem = judgement.problem
        if booking.verdict_due_at != judgement.changes_at:
            booking.verdict_due_at = judgement.changes_at


def judge_all(session: Session, bookings: Sequence[Booking], now: datetime) -> dict[int, Judgement]:
    """The judgement of each booking by its id, for pages; the bookings bring doors and locks."""
    held = _held_entries(session, [c.id for b in bookings for c in b.door_codes])
    return {booking.id: judge(facts_of(booking, held), now) for booking in bookings}


def facts_of(booking: Booking, held: dict[int, list[LockEntry]]) -> BookingFacts:
    """The booking as the verdict sees it; `held` are the held entries by door code."""
    doors = [_door(booking, code, held.get(code.id, [])) for code in booking.door_codes]
    ends = [code.ends_at for code in booking.door_codes if code.is_wanted]
    return BookingFacts(
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        window_ends_at=max(ends, default=booking.ends_at),
        is_cancelled=booking.status is BookingStatus.CANCELLED,
        doors=doors,
    )


def _door(booking: Booking, code: DoorCode, held: Sequence[LockEntry]) -> DoorFacts:
    pin = code.own_pin or booking.pin
    covering = [
        e
        for e in held
        if e.pin == pin and e.starts_at <= booking.starts_at and e.ends_at >= booking.ends_at
    ]
    connected = code.lock.connection.state is ConnectionState.CONNECTED
    return DoorFacts(
        door_code_id=code.id,
        status=code.status,
        problem=code.problem if connected else ProblemKey.SIGNED_OUT,
        is_wanted=code.is_wanted,
        is_covered=bool(covering) and code.status is not Status.NEEDS_YOU,
        is_offline=code.lock.is_online is False,
        is_battery_critical="critical" in (code.lock.battery_state or "").casefold(),
        is_missing_once=any(e.absent_reads > 0 for e in covering),
        is_proven=code.proven_at is not None,
        due_at=code.due_at,
    )


def _held_entries(session: Session, code_ids: Sequence[int]) -> dict[int, list[LockEntry]]:
    entries = session.scalars(
        select(LockEntry).where(
            LockEntry.door_code_id.in_(code_ids), LockEntry.state == EntryState.HELD
        )
    )
    held: dict[int, list[LockEntry]] = {}
    for entry in entries:
        held.setdefault(entry.door_code_id, []).append(entry)
    return held
