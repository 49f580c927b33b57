"""A guest stands at the door and it does not open: the doors are checked, the manager is alerted.

The call for help is an open alert. It ends when the guest's code opens a door, when a manager says
that it is done, or with the stay.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session, joinedload

from portal.domain import guest_view
from portal.domain.door_event import What
from portal.domain.entry import EntryState
from portal.domain.notices import GUEST_CANNOT_ENTER
from portal.domain.secret import Secret
from portal.models import Alert, Booking, BookingStatus, DoorCode, DoorEvent, LockEntry
from portal.services import bookings, endpoint_events, spares, timeline

CAUSE: Final = GUEST_CANNOT_ENTER
WORDS: Final = "The guest says that the door does not open."
GUEST: Final = "guest"  # the actor in the history

# Built once, because it runs every 30 s and mostly finds nothing.
_ENDED: Final = (
    select(Alert)
    .join(Booking, Booking.id == Alert.booking_id)
    .where(
        Alert.cause == CAUSE,
        Alert.closed_at.is_(None),
        or_(Booking.ends_at <= bindparam("now"), Booking.status == BookingStatus.CANCELLED),
    )
)


@dataclass(frozen=True)
class Spare:
    """Another PIN that opens a door of the booking now, and which doors those are."""

    pin: Secret
    doors: tuple[str, ...]


def ask(session: Session, booking: Booking, now: datetime) -> bool:
    """The doors are checked now, or a check that runs is joined, and the manager knows.

    A door that lacks the code gives a spare at once, and any other when the guest has tried once
    more and says it again. False where the call was open already. Call it inside
    `ringing.changing()`.
    """
    bookings.resync(session, booking, GUEST)
    call = call_of(session, booking.id)
    has_tried_again = call is not None and now >= call.opened_at + guest_view.TRY_AGAIN_FOR
    with suppress(spares.NoSpare):
        spares.hand_out(session, booking, GUEST, now, although_confirmed=has_tried_again)
    if call is not None:
        return False
    call = Alert(
        account_id=booking.account_id,
        key=f"{CAUSE}:{booking.id}",
        cause=CAUSE,
        words=WORDS,
        booking_id=booking.id,
        opened_at=now,
    )
    session.add(call)
    endpoint_events.alert_opened(session, call)
    _note(session, timeline.Kind.GUEST_ASKED, booking, GUEST)
    return True


def call_of(session: Session, booking_id: int) -> Alert | None:
    """The open call for help of this booking's guest."""
    return session.scalars(
        select(Alert).where(
            Alert.booking_id == booking_id, Alert.cause == CAUSE, Alert.closed_at.is_(None)
        )
    ).first()


def ended_call_of(session: Session, booking_id: int, since: datetime) -> Alert | None:
    """The newest call of this booking's guest, where it is over, and was not before `since`."""
    newest = session.scalars(
        select(Alert)
        .where(Alert.booking_id == booking_id, Alert.cause == CAUSE)
        .order_by(Alert.id.desc())
    ).first()
    is_over = newest is not None and newest.closed_at is not None and newest.closed_at >= since
    return newest if is_over else None


def door_opened(session: Session, booking_id: int, now: datetime) -> None:
    """The guest's code opened a door: their call for help, if there was one, is over."""
    call = call_of(session, booking_id)
    if call is not None:
        _end(session, call, now)


def done(session: Session, booking: Booking, actor: str, now: datetime) -> bool:
    """A manager has helped; False where no call was open (any more)."""
    call = call_of(session, booking.id)
    if call is None:
        return False
    _end(session, call, now)
    call.seen_at = call.seen_at or now
    _note(session, timeline.Kind.GUEST_HELPED, booking, actor)
    return True


def end_with_stays(session: Session, now: datetime) -> None:
    """Calls of guests whose stay is over or cancelled are over too."""
    for call in session.scalars(_ENDED, {"now": now}).all():
        _end(session, call, now)


def spares_of(session: Session, booking: Booking, now: datetime) -> tuple[Spare, ...]:
    """The PINs beside the booking's own that open a door for its guest now, each with its doors.

    Such are the spares that were handed out, and the old PIN of a booking whose new one still
    travels: the lock keeps it until then.
    """
    entries = session.scalars(
        select(LockEntry)
        .join(DoorCode, DoorCode.id == LockEntry.door_code_id)
        .where(
            or_(DoorCode.booking_id == booking.id, DoorCode.given_to_id == booking.id),
            DoorCode.is_wanted.is_(True),
            LockEntry.state == EntryState.HELD,
            LockEntry.absent_reads == 0,
            LockEntry.starts_at <= now,
            LockEntry.ends_at > now,
        )
        .order_by(LockEntry.id.desc())
        .options(joinedload(LockEntry.door_code).joinedload(DoorCode.lock))
    ).all()
    doors: dict[Secret, set[str]] = {}
    for entry in entries:
        code = entry.door_code
        if code.is_spare or entry.pin != (code.own_pin or booking.pin):
            doors.setdefault(entry.pin, set()).add(code.lock.name)
    return tuple(Spare(pin, tuple(sorted(names))) for pin, names in doors.items())


def paused_at(session: Session, booking: Booking, now: datetime) -> datetime | None:
    """When a keypad of the booking's doors last said that it was locked by wrong tries."""
    return session.scalars(
        select(DoorEvent.at)
        .where(
            DoorEvent.lock_id.in_([code.lock_id for code in booking.door_codes]),
            DoorEvent.what == What.KEYPAD_PAUSED,
            DoorEvent.at > now - guest_view.KEYPAD_PAUSE,
        )
        .order_by(DoorEvent.at.desc())
        .limit(1)
    ).first()


def _end(session: Session, call: Alert, now: datetime) -> None:
    call.closed_at = now
    endpoint_events.alert_resolved(session, call)


def _note(session: Session, kind: timeline.Kind, booking: Booking, actor: str) -> None:
    timeline.record(session, kind, actor, account_id=booking.account_id, booking_id=booking.id)
