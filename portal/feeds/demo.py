"""Calendars of our own making, in the shapes that real ones have, with stays in the next days.

Each is what its source serves today or served for years: folds, line ends, words and blocks
included. UIDs carry the day, so that calendars made on another day are other stays.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

_CRLF: Final = "\r\n"
_LF: Final = "\n"


@dataclass(frozen=True)
class _Stay:
    """A stay, in days from the day the calendar is made."""

    arrives_in: int
    nights: int
    guest: str
    digits: str
    code: str


def demo_feeds(today: date) -> dict[str, bytes]:
    """A calendar by the name of its shape: `airbnb`, `airbnb_older`, `vrbo`, `booking_com`,
    `ownerrez`."""
    return {name: make(today) for name, make in _MAKERS.items()}


def _airbnb(today: date) -> bytes:
    """Airbnb's format of today: DTSTAMP, folded descriptions, the phone's last four digits."""
    stays = (
        _Stay(-2, 4, "", "4403", "HMK2QF7XRB"),
        _Stay(2, 3, "", "8617", "HMD9WTY4LC"),
        _Stay(5, 2, "", "2950", "HMPX53NVAJ"),
        _Stay(12, 6, "", "7712", "HM8RZ2KQTE"),
    )
    events = [
        _event(
            f"DTSTAMP:{today:%Y%m%d}T041500Z",
            f"DTSTART;VALUE=DATE:{_day(today, stay.arrives_in)}",
            f"DTEND;VALUE=DATE:{_day(today, stay.arrives_in + stay.nights)}",
            "SUMMARY:Reserved",
            f"UID:7f662ec65913-{today:%Y%m%d}{stay.code.lower()}@airbnb.com",
            "DESCRIPTION:Reservation URL: https://www.airbnb.com/hosting/reservations/details/"
            f"{stay.code}\\nPhone Number (Last 4 Digits): {stay.digits}",
        )
        for stay in stays
    ]
    events.append(
        _event(
            f"DTSTAMP:{today:%Y%m%d}T041500Z",
            f"DTSTART;VALUE=DATE:{_day(today, 24)}",
            f"DTEND;VALUE=DATE:{_day(today, 27)}",
            "SUMMARY:Airbnb (Not available)",
            f"UID:7f662ec65913-{today:%Y%m%d}blocked@airbnb.com",
        )
    )
    head = ("PRODID:-//Airbnb Inc//Hosting Calendar 1.0//EN", "CALSCALE:GREGORIAN", "VERSION:2.0")
    return _calendar(head, events, _CRLF)


def _airbnb_older(today: date) -> bytes:
    """Airbnb's format up to 2022: no DTSTAMP, the end before the start, blocks in between."""
    stays = (
        _Stay(0, 3, "", "0935", "HMA4T9QWZP"),
        _Stay(3, 4, "", "6128", "HMB7YK3DXN"),
        _Stay(9, 2, "", "5501", "HMC2LF8RSV"),
    )
    events = [
        _event(
            f"DTEND;VALUE=DATE:{_day(today, stay.arrives_in + stay.nights)}",
            f"DTSTART;VALUE=DATE:{_day(today, stay.arrives_in)}",
            f"UID:3c1d5a8800b2-{today:%Y%m%d}{stay.code.lower()}@airbnb.com",
            "DESCRIPTION:Reservation URL: https://www.airbnb.com/hosting/reservations/details/"
            f"{stay.code}\\nPhone Number (Last 4 Digits): {stay.digits}",
            "SUMMARY:Reserved",
        )
        for stay in stays
    ]
    events.append(
        _event(
            f"DTEND;VALUE=DATE:{_day(today, 20)}",
            f"DTSTART;VALUE=DATE:{_day(today, 16)}",
            f"UID:3c1d5a8800b2-{today:%Y%m%d}closed@airbnb.com",
            "SUMMARY:Airbnb (Not available)",
        )
    )
    head = (
        "PRODID;X-RICAL-TZSOURCE=TZINFO:-//Airbnb Inc//Hosting Calendar 0.8.8//EN",
        "CALSCALE:GREGORIAN",
        "VERSION:2.0",
    )
    return _calendar(head, events, _CRLF)


def _vrbo(today: date) -> bytes:
    """Vrbo's format: line feeds only, the guest's first name in words of the owner's language."""
    stays = (
        _Stay(1, 2, "Camille", "", "a1f0"),
        _Stay(4, 3, "Inès & Paul", "", "b2e1"),
        _Stay(15, 7, "Léa", "", "c3d2"),
    )
    events = [
        _event(
            f"UID:5b0e{stay.code}-2c41-4f6a-9d1e-{today:%Y%m%d}0{index:03}",
            f"DTSTAMP:{today:%Y%m%d}T060000Z",
            f"DTSTART;VALUE=DATE:{_day(today, stay.arrives_in)}",
            f"DTEND;VALUE=DATE:{_day(today, stay.arrives_in + stay.nights)}",
            f"SUMMARY:Réservée - {stay.guest}",
        )
        for index, stay in enumerate(stays)
    ]
    events.append(
        _event(
            f"UID:5b0effff-2c41-4f6a-9d1e-{today:%Y%m%d}0999",
            f"DTSTAMP:{today:%Y%m%d}T060000Z",
            f"DTSTART;VALUE=DATE:{_day(today, 9)}",
            f"DTEND;VALUE=DATE:{_day(today, 11)}",
            "SUMMARY:Indisponible",
        )
    )
    head = ("VERSION:2.0", "CALSCALE:GREGORIAN", "PRODID:-//HomeAway.com, Inc.//EN")
    return _calendar(head, events, _LF)


def _booking_com(today: date) -> bytes:
    """Booking.com's format: guests and closures in the same words, and a closed season."""
    stays = ((-3, 3), (1, 4), (6, 3))
    events = [
        _event(
            f"DTSTAMP:{today:%Y%m%d}T023000Z",
            f"DTSTART;VALUE=DATE:{_day(today, arrives_in)}",
            f"DTEND;VALUE=DATE:{_day(today, arrives_in + nights)}",
            f"UID:{index}d7c5e0f4a9b38126{today:%Y%m%d}e2f91b@booking.com",
            "SUMMARY:CLOSED - Not available",
        )
        for index, (arrives_in, nights) in enumerate(stays)
    ]
    events.append(
        _event(
            f"DTSTAMP:{today:%Y%m%d}T023000Z",
            f"DTSTART;VALUE=DATE:{_day(today, 60)}",
            f"DTEND;VALUE=DATE:{_day(today, 180)}",
            f"UID:9d7c5e0f4a9b38126{today:%Y%m%d}e2f91b@booking.com",
            "SUMMARY:CLOSED - Not available",
        )
    )
    head = (
        "VERSION:2.0",
        "PRODID:-//admin.booking.com\\, b.v.//NONSGML v1.0//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
    )
    return _calendar(head, events, _CRLF)


def _ownerrez(today: date) -> bytes:
    """OwnerRez' format: times with a zone, and the zone's own definition."""
    stays = (_Stay(1, 3, "", "", "e5c1"), _Stay(6, 5, "", "", "f6b2"))
    zone = (
        "BEGIN:VTIMEZONE",
        "TZID:America/New_York",
        "BEGIN:STANDARD",
        "DTSTART:20071104T020000",
        "RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11",
        "TZOFFSETFROM:-0400",
        "TZOFFSETTO:-0500",
        "END:STANDARD",
        "BEGIN:DAYLIGHT",
        "DTSTART:20070311T020000",
        "RRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3",
        "TZOFFSETFROM:-0500",
        "TZOFFSETTO:-0400",
        "END:DAYLIGHT",
        "END:VTIMEZONE",
    )
    events = [
        _event(
            f"DTSTAMP:{today:%Y%m%d}T071123Z",
            f"DTSTART;TZID=America/New_York:{_day(today, stay.arrives_in)}T150000",
            f"DTEND;TZID=America/New_York:{_day(today, stay.arrives_in + stay.nights)}T110000",
            "SEQUENCE:1",
            "STATUS:CONFIRMED",
            "SUMMARY:Booked",
            f"UID:{today:%Y%m%d}94c75b16bcbc888796b2{stay.code}",
        )
        for stay in stays
    ]
    head = ("PRODID:-//github.com/rianjs/ical.net//NONSGML ical.net 4.0//EN", "VERSION:2.0", *zone)
    return _calendar(head, events, _CRLF)


_MAKERS: Final[dict[str, Callable[[date], bytes]]] = {
    "airbnb": _airbnb,
    "airbnb_older": _airbnb_older,
    "vrbo": _vrbo,
    "booking_com": _booking_com,
    "ownerrez": _ownerrez,
}


def _day(today: date, offset: int) -> str:
    return (today + timedelta(days=offset)).strftime("%Y%m%d")


def _event(*lines: str) -> list[str]:
    return ["BEGIN:VEVENT", *lines, "END:VEVENT"]


def _calendar(head: tuple[str, ...], events: list[list[str]], end: str) -> bytes:
    lines = ["BEGIN:VCALENDAR", *head, *(line for event in events for line in event)]
    lines.append("END:VCALENDAR")
    return "".join(_folded(line, end) + end for line in lines).encode()


def _folded(line: str, end: str) -> str:
    """The line in pieces of at most 75 bytes, as RFC 5545 has it."""
    pieces, current = [], ""
    for character in line:
        if len((current + character).encode()) > 74:
            pieces.append(current)
            current = ""
        current += character
    return f"{end} ".join([*pieces, current])
