"""Rental units and their settings."""

from datetime import time, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.domain.secret import Secret
from portal.domain.sentences import Sentence
from portal.domain.spare import MOST_PER_LOCK
from portal.domain.stay import stay_of, zone_of
from portal.models import Booking, BookingStatus, Mapping, PinSource, Property
from portal.services import mapping, ringing

_LIMITS: Final = {
    "lead_days": (0, 60, Sentence("Give {low} to {high} days ahead.")),
    "buffer_before_minutes": (
        0,
        24 * 60,
        Sentence("Give {low} to {high} minutes before check-in."),
    ),
    "buffer_after_minutes": (0, 24 * 60, Sentence("Give {low} to {high} minutes after check-out.")),
    "pin_hours_before": (0, 14 * 24, Sentence("Give {low} to {high} hours before check-in.")),
    "spare_codes": (0, MOST_PER_LOCK, Sentence("Give {low} to {high} spare codes.")),
}
_LONGEST: Final = {"address": 300, "directions": 2000}
_FIELDS: Final = frozenset(
    {
        "name",
        "time_zone",
        "check_in",
        "check_out",
        "pin_source",
        "fallback_entry",
        "shares_fallback",
        "alerts_when_vacant",
        *_LIMITS,
        *_LONGEST,
    }
)

_TOO_LONG: Final = Sentence("Give at most {most} characters.")


class BadProperty(Exception):
    """The property cannot be kept so: `field` is at fault, `words` say why and what would do."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field
        self.words = words


def create(
    session: Session,
    account_id: int,
    *,
    name: str,
    time_zone: str,
    check_in: time,
    check_out: time,
    **optional: Any,
) -> Property:
    """A new property; raises BadProperty."""
    place = Property(account_id=account_id, created_at=clock.now())
    _fill(
        place,
        {
            "name": name,
            "time_zone": time_zone,
            "check_in": check_in,
            "check_out": check_out,
            **optional,
        },
    )
    session.add(place)
    session.flush()
    return place


def update(session: Session, place: Property, **fields: Any) -> None:
    """Changes these fields; stays without times of their own follow. Raises BadProperty."""
    spares_before = place.spare_codes
    _fill(place, fields)
    if place.spare_codes != spares_before:
        ringing.mark(
            session, session.scalars(select(Mapping.lock_id).where(Mapping.property_id == place.id))
        )
    for booking in session.scalars(
        select(Booking).where(
            Booking.property_id == place.id,
            Booking.status == BookingStatus.CONFIRMED,
            Booking.ends_at > clock.now() - timedelta(days=1),
        )
    ).all():
        _move(booking, place)
    session.flush()
    mapping.follow_all(session, place)


def _move(booking: Booking, place: Property) -> None:
    """The stay's instants as the property's zone and times now give them."""
    stay = stay_of(
        booking.arrives_on,
        booking.arrives_time or place.check_in,
        booking.departs_on,
        booking.departs_time or place.check_out,
        zone_of(place.time_zone),
    )
    if (booking.starts_at, booking.ends_at) != (stay.starts_at, stay.ends_at):
        booking.starts_at, booking.ends_at = stay.starts_at, stay.ends_at
        booking.revision += 1


def _fill(place: Property, fields: dict[str, Any]) -> None:
    unknown = fields.keys() - _FIELDS
    if unknown:
        raise BadProperty(sorted(unknown)[0], "A property has no such field.")
    for field, value in fields.items():
        setattr(place, field, _checked(field, value))


def _checked(field: str, value: Any) -> Any:
    if field == "name":
        name = " ".join(str(value).split())
        if not 1 <= len(name) <= 200:
            raise BadProperty("name", "Give the property a name of at most 200 characters.")
        return name
    if field == "time_zone":
        try:
            zone_of(value)
        except ValueError as error:
            raise BadProperty("time_zone", str(error)) from error
    if field == "alerts_when_vacant":
        return bool(value)
    if field == "pin_source":
        return PinSource(value)
    if field == "fallback_entry":
        text = value.reveal() if isinstance(value, Secret) else str(value or "")
        return Secret(text.strip()[:2000]) if text.strip() else None
    if field in _LONGEST:
        return _text(field, value)
    if field in _LIMITS:
        return _number(field, value)
    return value


def _text(field: str, value: Any) -> str:
    text = str(value or "").strip()
    if len(text) > _LONGEST[field]:
        raise BadProperty(field, _TOO_LONG(most=_LONGEST[field]))
    return text


def _number(field: str, value: Any) -> int:
    low, high, outside = _LIMITS[field]
    if not isinstance(value, int) or not low <= value <= high:
        raise BadProperty(field, outside(low=low, high=high))
    return value
