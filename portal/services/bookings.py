"""Bookings: however one comes in, it goes through here."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.domain.guest_sending import is_email
from portal.domain.secret import Secret
from portal.domain.sentences import Sentence
from portal.domain.status import Status
from portal.domain.stay import stay_of
from portal.models import (
    Booking,
    BookingStatus,
    DoorCode,
    PinOrigin,
    Property,
    Source,
)
from portal.services import door_codes, pins, resyncs, ringing, timeline
from portal.services.ringing import changing
from portal.zones import zone_or_utc

__all__ = ["BadBooking", "BookingWish", "Saved", "changing", "save"]

MAX_NIGHTS: Final = 366
BAD_EMAIL: Final = "Give one e-mail address, such as ana@example.com, or leave it out."

_TOO_LONG: Final = Sentence("A stay has at most {nights} nights.")


class BadBooking(Exception):
    """The booking cannot be kept so: `field` is at fault, `words` say why and what would do."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field
        self.words = words


@dataclass(frozen=True, kw_only=True)
class BookingWish:
    """What a source says of a booking. Times are local to the property; None: its own times."""

    property_id: int
    guest_name: str = ""
    guest_phone: str = ""
    guest_email: str = ""
    guest_language: str = ""
    arrives_on: date
    arrives_time: time | None = None
    departs_on: date
    departs_time: time | None = None
    pin: Secret | None = None
    status: BookingStatus = BookingStatus.CONFIRMED
    note: str = ""
    reservation_code: str | None = None
    feed_id: int | None = None
    uid: str | None = None


@dataclass(frozen=True)
class Saved:
    """The booking as it stands, whether it is new, and whether anything changed."""

    booking: Booking
    created: bool
    changed: bool


def save(
    session: Session, source: Source, external_id: str, wish: BookingWish, actor: str
) -> Saved:
    """Creates or changes the booking with the source's own id; the same wish twice changes nothing.

    Raises BadBooking naming the field. Details that the source leaves out are kept.
    """
    place = session.get(Property, wish.property_id)
    if place is None:
        raise BadBooking("property_id", "There is no such property.")
    external_id = external_id.strip()
    if not external_id or len(external_id) > 512:
        raise BadBooking("external_id", "The booking's id has 1 to 512 characters.")
    booking = session.scalars(
        select(Booking).where(
            Booking.account_id == place.account_id,
            Booking.source == source,
            Booking.external_id == external_id,
        )
    ).one_or_none()
    created = booking is None
    phone = booking.guest_phone if booking else ""
    if booking is None:
        booking = Booking(
            account_id=place.account_id,
            property=place,
            property_id=place.id,
            source=source,
            external_id=external_id,
            status=BookingStatus.CONFIRMED,
            created_at=clock.now(),
        )
        before = None
    else:
        before = _picture(booking)
    _fill(session, booking, place, wish)
    if created:
        session.add(booking)
        session.flush()
    if wish.pin is not None and wish.pin != booking.pin:
        _give_pin(session, booking, wish.pin)
    elif not created and booking.guest_phone != phone:
        pins.follow_phone(session, booking, door_codes.locks_of(session, booking), clock.now())
    after = _picture(booking)
    if before == after:
        return Saved(booking, created=False, changed=False)
    if before is not None and before.wanted != after.wanted:
        booking.revision += 1
    _tell(session, booking, before, after, actor)
    session.flush()
    door_codes.follow(session, booking)
    return Saved(booking, created=created, changed=True)


def change_dates(
    session: Session,
    booking: Booking,
    arrives_on: date,
    arrives_time: time | None,
    departs_on: date,
    departs_time: time | None,
    actor: str,
) -> bool:
    """Moves the stay: the window follows, the PIN stays. False where nothing changed.

    What a person moves stays moved while the booking's feed says nothing new.
    """
    if booking.feed_id is not None:
        by_feed = actor.startswith("feed:")
        before = (
            booking.arrives_on,
            booking.arrives_time,
            booking.departs_on,
            booking.departs_time,
        )
        booking.listed_starts = None if by_feed else booking.listed_starts or _text(*before[:2])
        booking.listed_ends = None if by_feed else booking.listed_ends or _text(*before[2:])
    wish = BookingWish(
        property_id=booking.property_id,
        guest_name=booking.guest_name,
        guest_phone=booking.guest_phone,
        arrives_on=arrives_on,
        arrives_time=arrives_time,
        departs_on=departs_on,
        departs_time=departs_time,
        status=booking.status,
    )
    return save(session, booking.source, booking.external_id, wish, actor).changed


def change_guest(
    session: Session,
    booking: Booking,
    *,
    name: str,
    phone: str,
    email: str,
    language: str,
    note: str,
    actor: str,
) -> bool:
    """Writes down who comes. False where nothing changed. Raises BadBooking naming the field.

    What a person writes stays while the booking's feed says nothing new of the guest.
    """
    before = _picture(booking)
    was = booking.guest_name, booking.guest_phone
    booking.guest_email, booking.guest_language = _email(email), language
    booking.guest_name, booking.guest_phone = _clean(name, 200), _clean(phone, 60)
    booking.note = note
    if booking.feed_id is not None and booking.guest_name != was[0]:
        booking.listed_name = was[0] if booking.listed_name is None else booking.listed_name
    if booking.guest_phone != was[1]:
        if booking.feed_id is not None:
            booking.listed_phone = was[1] if booking.listed_phone is None else booking.listed_phone
        pins.follow_phone(session, booking, door_codes.locks_of(session, booking), clock.now())
    after = _picture(booking)
    if before == after:
        return False
    booking.revision += before.wanted != after.wanted
    _tell(session, booking, before, after, actor)
    session.flush()
    door_codes.follow(session, booking)
    return True


def cancel(session: Session, booking: Booking, actor: str) -> None:
    """The booking is cancelled; the removal of its codes starts at once."""
    if booking.status is BookingStatus.CANCELLED:
        return
    booking.status = BookingStatus.CANCELLED
    # What a person cancelled here, no feed brings back.
    booking.is_dismissed = not actor.startswith("feed:")
    booking.revision += 1
    _note(session, booking, timeline.Kind.BOOKING_CANCELLED, actor)
    door_codes.follow(session, booking)


def reinstate(session: Session, booking: Booking, actor: str) -> None:
    """A cancelled booking stands again, with the PIN it had."""
    if booking.status is BookingStatus.CONFIRMED:
        return
    booking.status, booking.is_dismissed = BookingStatus.CONFIRMED, False
    if booking.missing_since is not None and not actor.startswith("feed:"):
        # Its calendar still lacks it, and must not take it off again with the next poll.
        booking.is_kept = True
    booking.revision += 1
    _note(session, booking, timeline.Kind.BOOKING_REINSTATED, actor)
    door_codes.follow(session, booking)


def new_pin(session: Session, booking: Booking, actor: str, pin: Secret | None = None) -> None:
    """Another PIN: given, or random. The new entry is confirmed before the old one goes."""
    if booking.status is not BookingStatus.CONFIRMED:
        raise BadBooking("pin", "The booking is cancelled: it needs no PIN.")
    locks = door_codes.locks_of(session, booking)
    if pin is not None:
        _give_pin(session, booking, pin)
    elif not locks:
        raise BadBooking("pin", "Map a lock to this property first; then a PIN can be chosen.")
    else:
        pins.choose(session, booking, locks)
    booking.revision += 1
    _note(session, booking, timeline.Kind.BOOKING_CHANGED, actor, what=["pin"])
    for code in _codes(session, booking):
        # Chosen by a person: what stood in the way of the old PIN says nothing about this one.
        code.is_stuck, code.ladder, code.failures, code.retry_at = False, 0, 0, None
        code.problem, code.problem_text, code.problem_at = None, "", None
    door_codes.follow(session, booking)


def show_pin(session: Session, booking: Booking, actor: str) -> Secret | None:
    """The PIN, with a line in the history of who was shown it. None where there is none yet."""
    if booking.pin is None:
        return None
    if booking.pin_shown_at is None:
        booking.pin_shown_at = clock.now()
    _note(session, booking, timeline.Kind.PIN_SHOWN, actor)
    return booking.pin


def resync(session: Session, booking: Booking, actor: str) -> bool:
    """Checks every door of the booking anew; False where the press joined a running resync.

    The open command is looked up, the list is read, waits and breaker are cleared; a held entry
    is confirmed by one update with the same values, a missing one is added. Never delete and add.
    Once no door wants a code any more, those that are still coming off are tried again at once.
    """
    now = clock.now()
    codes = [c for c in _codes(session, booking) if c.is_wanted and now < c.ends_at]
    if not codes:
        return _hurry_off(session, booking, actor, now)
    if not resyncs.press(session, codes, now):
        return False
    _note(session, booking, timeline.Kind.RESYNC_PRESSED, actor)
    session.flush()
    door_codes.follow(session, booking, urgent=True)
    return True


def _hurry_off(session: Session, booking: Booking, actor: str, now: datetime) -> bool:
    """What is still coming off the booking's locks waits no longer; False where nothing waited."""
    off = [
        code
        for code in (*_codes(session, booking), *booking.spares)
        if code.status is Status.REMOVING
    ]
    is_new = resyncs.hurry_off(session, off, now)
    if is_new:
        _note(session, booking, timeline.Kind.RESYNC_PRESSED, actor)
    door_codes.follow(session, booking)
    ringing.mark(session, [code.lock_id for code in off] if is_new else ())
    return is_new


@dataclass(frozen=True)
class _Picture:
    """The booking as far as a change of it matters."""

    wanted: tuple[object, ...]
    details: tuple[object, ...]


def _picture(booking: Booking) -> _Picture:
    return _Picture(
        wanted=(
            booking.property_id,
            booking.starts_at,
            booking.ends_at,
            booking.status,
            booking.pin,
        ),
        details=(
            booking.guest_name,
            booking.guest_phone,
            booking.guest_email,
            booking.guest_language,
            booking.note,
            booking.arrives_on,
            booking.arrives_time,
            booking.departs_on,
            booking.departs_time,
        ),
    )


def _fill(session: Session, booking: Booking, place: Property, wish: BookingWish) -> None:
    check_in = wish.arrives_time or place.check_in
    check_out = wish.departs_time or place.check_out
    try:
        stay = stay_of(
            wish.arrives_on, check_in, wish.departs_on, check_out, zone_or_utc(place.time_zone)
        )
    except (ValueError, OverflowError) as error:
        raise BadBooking("departs", str(error)) from error
    if (wish.departs_on - wish.arrives_on).days > MAX_NIGHTS:
        raise BadBooking("departs", _TOO_LONG(nights=MAX_NIGHTS))
    booking.property, booking.property_id = place, place.id
    booking.arrives_on, booking.arrives_time = wish.arrives_on, wish.arrives_time
    booking.departs_on, booking.departs_time = wish.departs_on, wish.departs_time
    booking.starts_at, booking.ends_at = stay.starts_at, stay.ends_at
    booking.status = wish.status
    booking.guest_name = _clean(wish.guest_name, 200) or booking.guest_name or ""
    booking.guest_phone = _clean(wish.guest_phone, 60) or booking.guest_phone or ""
    booking.guest_email = _email(wish.guest_email) or booking.guest_email or ""
    booking.guest_language = wish.guest_language or booking.guest_language or ""
    booking.note = wish.note or booking.note or ""
    booking.reservation_code = wish.reservation_code or booking.reservation_code
    booking.feed_id = wish.feed_id or booking.feed_id
    booking.uid = wish.uid or booking.uid


def _text(on: date, at: time | None) -> str:
    return on.isoformat() if at is None else datetime.combine(on, at).isoformat()


def _clean(text: str, length: int) -> str:
    """One line of printable text, cut to the column."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:length]


def _email(text: str) -> str:
    """One e-mail address, or none; raises BadBooking for what can be no address."""
    text = text.strip()
    if text and not is_email(text):
        raise BadBooking("guest_email", BAD_EMAIL)
    return text


def _give_pin(session: Session, booking: Booking, pin: Secret) -> None:
    """The digits somebody chose; raises BadBooking where a door of the booking refuses them."""
    locks = door_codes.locks_of(session, booking)
    digits = pin.reveal()
    fault = pins.fault_of(digits, locks)
    if fault is None:
        taken = pins.taken_on(
            session, [lock.id for lock in locks], but_booking=booking.id, with_what_gives_way=False
        )
        if any(digits[:4] == other[:4] for other in taken):
            fault = "Another code on this door starts with the same four digits. Choose others."
    if fault is not None:
        raise BadBooking("pin", fault)
    booking.pin, booking.pin_origin, booking.pin_note = pin, PinOrigin.GIVEN, ""
    # Whoever gave the digits knows them: from now on only a person changes them.
    booking.pin_shown_at = clock.now()


def _codes(session: Session, booking: Booking) -> list[DoorCode]:
    return list(session.scalars(select(DoorCode).where(DoorCode.booking_id == booking.id)))


def _tell(
    session: Session, booking: Booking, before: _Picture | None, after: _Picture, actor: str
) -> None:
    if before is None:
        _note(session, booking, timeline.Kind.BOOKING_CREATED, actor, source=str(booking.source))
        return
    if before.wanted[3] is not after.wanted[3]:
        kind = (
            timeline.Kind.BOOKING_CANCELLED
            if booking.status is BookingStatus.CANCELLED
            else timeline.Kind.BOOKING_REINSTATED
        )
        _note(session, booking, kind, actor)
    names = ("property", "arrival", "departure", "status", "pin")
    what = [n for n, a, b in zip(names, before.wanted, after.wanted, strict=True) if a != b]
    if before.details != after.details and not what:
        what = ["details"]
    if what != ["status"]:
        _note(session, booking, timeline.Kind.BOOKING_CHANGED, actor, what=what)


def _note(session: Session, booking: Booking, kind: timeline.Kind, actor: str, **data: Any) -> None:
    timeline.record(
        session,
        kind,
        actor,
        account_id=booking.account_id,
        booking_id=booking.id,
        **data,
    )
