"""What each row of an uploaded table would do to the bookings.

The preview shows these plans; the import makes each again on fresh rows right before it carries it
out, so that nothing is done that the bookings no longer call for.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from enum import StrEnum
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from portal import clock
from portal.domain.intake_types import Moment
from portal.domain.secret import Secret
from portal.domain.sentences import Sentence, word
from portal.feeds.csv_reader import STANDS_TWICE, CsvReading, CsvStay
from portal.models import Booking, BookingStatus, Lock, Mapping, Property, Source
from portal.services import pins
from portal.services.bookings import MAX_NIGHTS, BookingWish
from portal.zones import zone_or_utc

_AIRBNB_CODE: Final = re.compile(r"HM[A-Z0-9]{8}")
_AT_ONCE: Final = 400  # rows per query: SQLite takes a limited number of values

_SEVERAL_PROPERTIES: Final = Sentence("Several properties are called “{name}”. Rename one of them.")
_NO_PROPERTY: Final = Sentence("No property is called “{name}”. Add it, or correct the name.")
_TOO_LONG: Final = Sentence("A stay has at most {nights} nights. Correct a date.")
_LOST_ZEROS: Final = Sentence(
    "The PIN has {length} digits instead of {wanted}: did Excel drop leading zeros?"
    " Tick “put leading zeros back”, or write the column as text."
)
_PIN_STAYS: Final = Sentence("{fault} Its PIN stays as it is.", ours={"fault"})
_OTHER_PIN: Final = Sentence("{fault} A PIN is chosen instead.", ours={"fault"})


class Deed(StrEnum):
    """What becomes of a row."""

    CREATE = "create"
    CHANGE = "change"
    SAME = "same"  # the booking is so already
    LEFT_OUT = "left_out"  # nothing to do, and `words` say why
    ERROR = "error"  # cannot be taken over, and `words` say what to do


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One row's deed. What strangers wrote stays out of the repr."""

    line: int
    deed: Deed
    words: str = ""
    warning: str = ""  # taken over, but not quite as written
    what: tuple[str, ...] = ()  # a change: of what
    guest_name: str = field(default="", repr=False)
    property_name: str = ""
    arrives_on: date | None = None
    departs_on: date | None = None
    source: Source = Source.CSV
    external_id: str = field(default="", repr=False)
    booking_id: int | None = None
    wish: BookingWish | None = field(default=None, repr=False)


class Planner:
    """Plans rows against the account's properties, locks and bookings as they are now."""

    def __init__(
        self, session: Session, *, property_id: int | None = None, pads_pins: bool = False
    ) -> None:
        self._session = session
        self._pads_pins = pads_pins
        self._places = {p.id: p for p in session.scalars(select(Property))}
        self._chosen = self._places.get(property_id) if property_id is not None else None
        self._by_name: dict[str, list[Property]] = {}
        for place in self._places.values():
            self._by_name.setdefault(_plain(place.name), []).append(place)
        self._locks: dict[int, list[Lock]] = {}
        pairs = session.execute(
            select(Mapping.property_id, Lock)
            .join(Lock, Mapping.lock_id == Lock.id)
            .order_by(Lock.id)
        ).all()
        for place_id, lock in pairs:
            self._locks.setdefault(place_id, []).append(lock)

    def all(self, reading: CsvReading) -> list[Plan]:
        """A plan for every row of the file, in its order; no two rows for one booking."""
        plans = self.of(reading.stays)
        plans += [
            Plan(line=error.line, deed=Deed.ERROR, words=error.words) for error in reading.errors
        ]
        plans.sort(key=lambda plan: plan.line)
        return list(_one_row_each(plans))

    def of(self, stays: Sequence[CsvStay]) -> list[Plan]:
        """A plan for each of these rows."""
        plans: list[Plan] = []
        for start in range(0, len(stays), _AT_ONCE):
            part = [(stay, self._place(stay)) for stay in stays[start : start + _AT_ONCE]]
            known = _Known(self._session, part)
            plans += [self._plan(stay, place, known) for stay, place in part]
        return plans

    def _place(self, stay: CsvStay) -> "Property | str":
        """The row's property, or why there is none."""
        if self._chosen is not None:
            return self._chosen
        if not stay.property_name:
            return "The row names no property. Choose one for all rows, or a column for it."
        named = self._by_name.get(_plain(stay.property_name), [])
        if len(named) == 1:
            return named[0]
        if named:
            return _SEVERAL_PROPERTIES(name=stay.property_name)
        return _NO_PROPERTY(name=stay.property_name)

    def _plan(self, stay: CsvStay, place: "Property | str", known: "_Known") -> Plan:
        arrives_on, arrives_time = _taken_apart(stay.arrives)
        departs_on, departs_time = _taken_apart(stay.departs)
        bare = Plan(
            line=stay.line,
            deed=Deed.ERROR,
            guest_name=stay.guest_name,
            property_name=stay.property_name,
            arrives_on=arrives_on,
            departs_on=departs_on,
            warning=stay.warning,
        )
        if isinstance(place, str):
            return replace(bare, words=place)
        bare = replace(bare, property_name=place.name)
        if (departs_on - arrives_on).days > MAX_NIGHTS:
            return replace(bare, words=_TOO_LONG(nights=MAX_NIGHTS))
        if departs_on < clock.now().astimezone(zone_or_utc(place.time_zone)).date():
            return replace(bare, deed=Deed.LEFT_OUT, words="This stay is over.")
        wish = BookingWish(
            property_id=place.id,
            guest_name=stay.guest_name,
            guest_phone=stay.phone,
            guest_email=stay.email,
            arrives_on=arrives_on,
            arrives_time=arrives_time,
            departs_on=departs_on,
            departs_time=departs_time,
            status=BookingStatus.CANCELLED if stay.is_cancelled else BookingStatus.CONFIRMED,
            note=stay.note,
        )
        listed = known.listed(stay, place)
        if listed is not None:
            return self._filled_in(bare, listed, wish, stay)
        external_id = own_id(stay, place)
        booking = known.imported(external_id)
        bare = replace(bare, external_id=external_id)
        if booking is None and stay.is_cancelled:
            return replace(bare, deed=Deed.LEFT_OUT, words="Cancelled, and not known here.")
        if booking is not None and booking.is_dismissed and not stay.is_cancelled:
            return replace(
                bare,
                deed=Deed.LEFT_OUT,
                booking_id=booking.id,
                words="Somebody cancelled it here. Let it stand again on its own page.",
            )
        return self._decided(bare, booking, wish, stay.pin)

    def _filled_in(self, bare: Plan, booking: Booking, wish: BookingWish, stay: CsvStay) -> Plan:
        """A calendar brought this stay without its guest: the table adds what is missing.

        The dates stay the calendar's, and so does the name where it gave one: by both it knows
        the stay again.
        """
        bare = replace(
            bare,
            source=booking.source,
            external_id=booking.external_id,
            arrives_on=booking.arrives_on,
            departs_on=booking.departs_on,
        )
        if stay.is_cancelled:
            words = "It comes from a calendar, which says itself when it is cancelled."
            return replace(bare, deed=Deed.LEFT_OUT, booking_id=booking.id, words=words)
        wish = replace(
            wish,
            property_id=booking.property_id,
            guest_name=booking.guest_name or wish.guest_name,
            guest_phone=_fuller(booking.guest_phone, wish.guest_phone),
            arrives_on=booking.arrives_on,
            arrives_time=booking.arrives_time,
            departs_on=booking.departs_on,
            departs_time=booking.departs_time,
            status=booking.status,
        )
        return self._decided(bare, booking, wish, stay.pin)

    def _decided(self, bare: Plan, booking: Booking | None, wish: BookingWish, pin: str) -> Plan:
        """The plan with its deed, once it is known which booking it is about."""
        pin, warning = self._usable(pin, wish.property_id, booking)
        wish = replace(wish, pin=Secret(pin) if pin else None)
        plan = replace(bare, wish=wish, warning="\n".join(filter(None, (bare.warning, warning))))
        if booking is None:
            return replace(plan, deed=Deed.CREATE)
        what = tuple(_differences(booking, wish))
        deed = Deed.CHANGE if what else Deed.SAME
        return replace(plan, deed=deed, booking_id=booking.id, what=what)

    def _usable(self, pin: str, place_id: int, booking: Booking | None) -> tuple[str, str]:
        """The PIN as far as the doors take it, and what to say where they do not.

        A PIN that will not do never costs the stay: another is chosen, and the page says so.
        """
        if not pin or (booking is not None and booking.pin == Secret(pin)):
            return pin, ""
        locks = self._locks.get(place_id, [])
        length = max((lock.code_length or 0 for lock in locks), default=0) or 4
        if self._pads_pins:
            pin = pin.zfill(length)
        fault = pins.fault_of(pin, locks)
        if fault is None:
            return pin, ""
        what_then = _PIN_STAYS if booking else _OTHER_PIN
        if len(pin) < length:
            fault = _LOST_ZEROS(length=len(pin), wanted=length)
        return "", what_then(fault=fault)


class _Known:
    """The bookings that these rows may be about, in two queries."""

    def __init__(self, session: Session, part: Sequence[tuple[CsvStay, "Property | str"]]) -> None:
        placed = [(stay, place) for stay, place in part if not isinstance(place, str)]
        ids = {own_id(stay, place) for stay, place in placed}
        self._imported = {
            row.external_id: row
            for row in session.scalars(
                select(Booking).where(Booking.source == Source.CSV, Booking.external_id.in_(ids))
            )
        }
        codes = {stay.external_id for stay, _ in placed if stay.has_own_id}
        days = {_taken_apart(stay.arrives)[0] for stay, _ in placed}
        listed = session.scalars(
            select(Booking)
            .where(Booking.feed_id.is_not(None), Booking.status == BookingStatus.CONFIRMED)
            .where(or_(Booking.reservation_code.in_(codes), Booking.arrives_on.in_(days)))
            .order_by(Booking.id)
        ).all()
        self._by_code = {row.reservation_code: row for row in listed if row.reservation_code}
        self._by_days = {(row.property_id, row.arrives_on, row.departs_on): row for row in listed}

    def imported(self, external_id: str) -> Booking | None:
        """The booking that an earlier table made."""
        return self._imported.get(external_id)

    def listed(self, stay: CsvStay, place: Property) -> Booking | None:
        """The stay as a calendar lists it: by its reservation code, or the same days."""
        found = self._by_code.get(stay.external_id) if stay.has_own_id else None
        if found is None:
            days = _taken_apart(stay.arrives)[0], _taken_apart(stay.departs)[0]
            found = self._by_days.get((place.id, *days))
            if found is not None and _is_another_guest(stay, found):
                return None
        if found is None or self.imported(own_id(stay, place)) is not None:
            return None
        return found


def _is_another_guest(stay: CsvStay, booking: Booking) -> bool:
    """Whether the row and the booking of the same days name different guests."""
    if stay.has_own_id and _AIRBNB_CODE.fullmatch(stay.external_id) and booking.reservation_code:
        return stay.external_id != booking.reservation_code
    one, other = (_digits(text)[-4:] for text in (stay.phone, booking.guest_phone))
    if len(one) == len(other) == 4:
        return one != other
    names = [set(_plain(name).split()) for name in (stay.guest_name, booking.guest_name)]
    # Calendars often give the first name and nothing else.
    return all(names) and not (names[0] <= names[1] or names[1] <= names[0])


def own_id(stay: CsvStay, place: Property) -> str:
    """The id under which the stay is kept: the file's own, or one made of what it is.

    By the property's key and not by what the file calls it: names change.
    """
    if stay.has_own_id:
        return stay.external_id
    arrives_on, _ = _taken_apart(stay.arrives)
    plain = f"{place.id}\x1f{arrives_on.isoformat()}\x1f{_plain(stay.guest_name)}"
    return f"row-{hashlib.sha256(plain.encode()).hexdigest()[:24]}"


def _one_row_each(plans: Iterable[Plan]) -> Iterable[Plan]:
    """The plans, with an error in each row that is about the same booking as an earlier one."""
    lines: dict[tuple[Source, str], int] = {}
    for plan in plans:
        if plan.wish is not None:
            first = lines.setdefault((plan.source, plan.external_id), plan.line)
            if first != plan.line:
                words = STANDS_TWICE(line=first)
                yield replace(plan, deed=Deed.ERROR, words=words, wish=None, warning="", what=())
                continue
        yield plan


def _differences(booking: Booking, wish: BookingWish) -> Iterable[str]:
    """What `bookings.save` would change; it keeps details that the wish leaves out."""
    pairs = (
        (word("property"), booking.property_id, wish.property_id),
        (
            word("arrival"),
            (booking.arrives_on, booking.arrives_time),
            (wish.arrives_on, wish.arrives_time),
        ),
        (
            word("departure"),
            (booking.departs_on, booking.departs_time),
            (wish.departs_on, wish.departs_time),
        ),
        (word("status"), booking.status, wish.status),
        (word("guest"), booking.guest_name, wish.guest_name or booking.guest_name),
        (word("phone"), booking.guest_phone, wish.guest_phone or booking.guest_phone),
        (word("e-mail"), booking.guest_email, wish.guest_email or booking.guest_email),
        (word("note"), booking.note, wish.note or booking.note),
        ("PIN", booking.pin, wish.pin or booking.pin),
    )
    return [name for name, old, new in pairs if old != new]


def _fuller(known: str, written: str) -> str:
    """The whole phone number where the calendar gave its last digits; else what is known."""
    return written if _digits(written).endswith(_digits(known)) else known


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())


def _taken_apart(moment: Moment) -> tuple[date, time | None]:
    if isinstance(moment, datetime):
        return moment.date(), moment.time().replace(second=0, microsecond=0)
    return moment, None


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
