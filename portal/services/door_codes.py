"""What a booking wants on its property's locks."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.domain.entry import EntryState, Evidence
from portal.domain.reading import READS_TO_BELIEVE
from portal.domain.status import Status
from portal.domain.stay import Window, window_of
from portal.models import Booking, BookingStatus, DoorCode, Lock, LockEntry, Mapping
from portal.services import pins, ringing, standings, verdicts
from portal.services.snapshots import LockRows, entry_facts
from portal.zones import zone_or_utc

_VANISHED: Final = select(LockEntry).where(
    LockEntry.door_code_id == bindparam("code_id"),
    or_(
        and_(
            LockEntry.state == EntryState.GONE,
            LockEntry.evidence == Evidence.READ_TWICE,
            LockEntry.absent_reads >= READS_TO_BELIEVE,
        ),
        and_(
            LockEntry.state == EntryState.MAYBE,
            LockEntry.access_code_id.is_(None),
            LockEntry.former_code_id.is_not(None),
        ),
    ),
)


def follow(session: Session, booking: Booking, *, urgent: bool = False) -> None:
    """The booking's door codes want what the booking and the mapping say now.

    New doors get a code, doors no longer mapped (or of a cancelled booking) lose theirs, windows
    and PIN follow. Whatever changed gets a fresh start: no wait, no old failures. `urgent` rings
    for locks where nothing changed too.
    """
    now = clock.now()
    window = window_of_booking(booking)
    locks = locks_of(session, booking) if booking.status is BookingStatus.CONFIRMED else []
    known = {
        code.lock_id: code
        for code in session.scalars(
            select(DoorCode)
            .where(DoorCode.booking_id == booking.id)
            .options(joinedload(DoorCode.lock))
        )
    }
    touched: set[int] = set()
    for lock in locks:
        code = known.get(lock.id)
        if code is None:
            if now < window.ends_at:
                code = _new(session, booking, lock, window, now)
                touched.add(lock.id)
        elif _bring_up_to_date(session, code, booking, window, now):
            touched.add(lock.id)
    mapped = {lock.id for lock in locks}
    for lock_id, code in known.items():
        if lock_id in mapped:
            continue
        if code.is_wanted:
            _want_no_more(session, code, now)
        if code.status is not Status.REMOVED:
            # Also one given up before: whether an old door is still kept hangs on the booking.
            touched.add(lock_id)
    spares = _follow_spares(session, booking, window, mapped, now)
    touched |= {code.lock_id for code in spares}
    session.flush()
    if now < window.ends_at and pins.settle(session, booking, locks):
        touched |= mapped
    known_touched = [c for c in known.values() if c.lock_id in touched]
    standings.restate(session, [*known_touched, *spares], now)
    ringing.mark(session, touched | mapped if urgent else touched)
    verdicts.refresh(session, [booking.id], now)


def take_off(session: Session, code: DoorCode, now: datetime) -> None:
    """The code is to leave its lock from this moment on; half an hour later it is late."""
    code.ends_at = min(code.ends_at, now)
    _want_no_more(session, code, now)


def _want_no_more(session: Session, code: DoorCode, now: datetime) -> None:
    code.is_wanted = False
    start_afresh(session, code, now)
    # What kept it from getting on says nothing about taking it off.
    code.problem, code.problem_text, code.problem_at = None, "", None


def _follow_spares(
    session: Session, booking: Booking, window: Window, mapped: set[int], now: datetime
) -> list[DoorCode]:
    """Spares given to the booking have its window, or go with it; those that changed."""
    changed = []
    for code in session.scalars(
        select(DoorCode)
        .where(DoorCode.given_to_id == booking.id, DoorCode.is_wanted.is_(True))
        .options(joinedload(DoorCode.lock))
    ):
        if not mapped:
            take_off(session, code, now)
        elif code.lock_id not in mapped:
            # Like the guest's own old door: kept until the new one is confirmed.
            _want_no_more(session, code, now)
        elif (code.starts_at, code.ends_at) != (window.starts_at, window.ends_at):
            code.starts_at, code.ends_at = window.starts_at, window.ends_at
            start_afresh(session, code, now)
        else:
            continue
        changed.append(code)
    return changed


def window_of_booking(booking: Booking) -> Window:
    """The stay with the property's buffers, in the property's zone."""
    place = booking.property
    return window_of(
        Window(booking.starts_at, booking.ends_at),
        zone_or_utc(place.time_zone),
        timedelta(minutes=place.buffer_before_minutes),
        timedelta(minutes=place.buffer_after_minutes),
    )


def locks_of(session: Session, booking: Booking) -> list[Lock]:
    """The locks that open this booking's property, always in the same order."""
    return list(
        session.scalars(
            select(Lock)
            .join(Mapping, Mapping.lock_id == Lock.id)
            .where(Mapping.property_id == booking.property_id)
            .order_by(Lock.id)
        )
    )


def _new(session: Session, booking: Booking, lock: Lock, window: Window, now: datetime) -> DoorCode:
    code = DoorCode(
        account_id=booking.account_id,
        booking_id=booking.id,
        lock_id=lock.id,
        revision=booking.revision,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        send_at=_send_at(booking),
        status=Status.PLANNED if now < _send_at(booking) else Status.QUEUED,
        status_at=now,
        due_at=_send_at(booking),
        created_at=now,
    )
    session.add(code)
    return code


def _send_at(booking: Booking) -> datetime:
    return booking.starts_at - timedelta(days=booking.property.lead_days)


def _bring_up_to_date(
    session: Session, code: DoorCode, booking: Booking, window: Window, now: datetime
) -> bool:
    wanted = (True, window.starts_at, window.ends_at, _send_at(booking), booking.revision)
    held = (code.is_wanted, code.starts_at, code.ends_at, code.send_at, code.revision)
    if wanted == held:
        return False
    if code.status is Status.REMOVED and now >= window.ends_at:
        return False
    code.is_wanted, code.starts_at, code.ends_at, code.send_at, code.revision = wanted
    if code.status is Status.REMOVED:
        # Back from removed: the engine computes the rest, but only looks at codes that live.
        code.status, code.status_at, code.removed_at = Status.QUEUED, now, None
    start_afresh(session, code, now)
    return True


def start_afresh(session: Session, code: DoorCode, now: datetime) -> None:
    """Something else is wanted: what went wrong before says nothing about it."""
    code.changed_at = now
    _doubt_what_vanished(session, code)
    code.retry_at, code.failures, code.is_stuck, code.ladder = None, 0, False, 0
    if code.status is Status.NEEDS_YOU:
        code.problem, code.problem_text, code.problem_at = None, "", None


def _doubt_what_vanished(session: Session, code: DoorCode) -> None:
    """What two reads of the list did not show may be on the lock all the same.

    While it was wanted it was to be sent again, and the lock's answer would have told.
    """
    for entry in session.scalars(_VANISHED, {"code_id": code.id}):
        if not (code.is_wanted and entry.pin == code.pin):
            _doubt(entry, code)


def doubt_what_outlives(rows: LockRows, now: datetime) -> None:
    """What two reads did not show is doubted as well when its code ends before it was sent again.

    It may have been sent with a later end than the one that is wanted now, or without any.
    """
    for entry in rows.entries.values():
        if entry.state is not EntryState.GONE or entry.evidence is not Evidence.READ_TWICE:
            continue
        code = entry.door_code
        has_ended_since = code.is_wanted and entry.evidence_at < code.ends_at <= now
        if has_ended_since and not entry_facts(entry).is_over(now):
            _doubt(entry, code)


def _doubt(entry: LockEntry, code: DoorCode) -> None:
    """Now that it is to be off, the lock's answer to its removal tells whether it was there.

    So where it had an id; else only the lock's log can, where logs are known to.
    """
    has_id = entry.recall_id()
    if entry.state is EntryState.MAYBE:
        return  # in doubt as it is
    if has_id:
        entry.state, entry.evidence = EntryState.MAYBE, Evidence.LEAVING
    elif code.lock.connection.log_tells_at is not None:
        entry.state, entry.evidence = EntryState.MAYBE, Evidence.SENT
