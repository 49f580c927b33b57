"""What a guest is called where the source gave no name."""

from dataclasses import dataclass
from typing import Any

from portal.models import PinOrigin, Source

_DIGITS = 4


@dataclass(frozen=True)
class Guest:
    """Who comes: the name, or else the source and a mark that tells the stay from others."""

    name: str
    source: Source
    mark: str  # the last digits of the phone, as ····4403, or the reservation code; may be empty


def of(booking: Any) -> Guest:
    """The guest of a booking, or of a row with the columns that are read here.

    Airbnb calendars name nobody and give the phone's last digits. Where those digits are in the
    PIN, the reservation code stands instead: a headline is no place for a PIN.
    """
    return Guest(
        name=booking.guest_name,
        source=booking.source,
        mark="" if booking.guest_name else _mark(booking),
    )


def can_be_called(phone: str) -> bool:
    """Whether it is a number, and not only the last digits that a calendar gives."""
    return len(_digits(phone)) > _DIGITS


def _digits(phone: str) -> str:
    return "".join(c for c in phone if c in "0123456789")


def _mark(booking: Any) -> str:
    digits = _digits(booking.guest_phone)[-_DIGITS:]
    is_told_by = booking.pin_origin is PinOrigin.PHONE or (
        booking.pin is not None and digits in booking.pin.reveal()
    )
    if len(digits) == _DIGITS and not is_told_by:
        return f"····{digits}"
    return booking.reservation_code or ""
