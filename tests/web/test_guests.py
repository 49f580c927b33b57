"""What a guest is called where the source gave no name."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from portal.models import PinOrigin, Source
from tests.support.builders import make_booking, make_door_code, make_lock, make_property
from tests.web.pages import browser, element, elements


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "Airbnb guest ····4403"),
        ({"guest_name": "Ana"}, "Ana"),
        ({"guest_phone": "+1 (212) 555-44 03"}, "Airbnb guest ····4403"),
        ({"guest_phone": "403", "reservation_code": "HMX9"}, "Airbnb guest HMX9"),
        ({"guest_phone": ""}, "Airbnb guest"),
        ({"source": Source.VRBO}, "Vrbo guest ····4403"),
        ({"source": Source.TYPED}, "Guest ····4403"),
        ({"source": Source.ICAL, "guest_phone": ""}, "Guest"),
    ],
)
def test_a_guest_without_a_name_is_called_by_source_and_digits_or_code(
    app: Flask, fields: dict[str, Any], expected: str
) -> None:
    values = {"source": Source.AIRBNB, "guest_name": "", "guest_phone": "4403"} | fields
    booking = make_booking(**values)

    html = browser(app).get(f"/bookings/{booking.id}").text

    assert next(e.text for e in _headings(html)) == expected
    assert f": {expected} · Latchboard</title>" in html


@pytest.mark.parametrize(
    ("pin", "origin"),
    [("4403", PinOrigin.PHONE), ("554403", PinOrigin.PHONE), ("4403", PinOrigin.GIVEN)],
)
def test_digits_that_are_the_pin_are_no_name(app: Flask, pin: str, origin: PinOrigin) -> None:
    lock = make_lock()
    booking = make_booking(
        make_property(locks=[lock]),
        source=Source.AIRBNB,
        guest_name="",
        guest_phone="4403",
        reservation_code="HMX9",
        pin=pin,
        pin_origin=origin,
        arrives_in=timedelta(hours=20),
    )
    make_door_code(booking, lock)
    client = browser(app)

    pages = [client.get(path).text for path in ("/", f"/locks/{lock.id}")]

    for html in pages:
        assert "4403" not in html
        assert "Airbnb guest HMX9" in html


def test_lists_call_the_guest_as_the_booking_page_does(app: Flask) -> None:
    lock = make_lock()
    booking = make_booking(
        make_property(locks=[lock]), source=Source.AIRBNB, guest_name="", guest_phone="4403"
    )
    make_door_code(booking, lock)
    client = browser(app)

    assert "Airbnb guest ····4403" in element(client.get("/").text, id=f"booking-{booking.id}").text
    for path in (
        f"/locks/{lock.id}",
        f"/locks/{lock.id}/rebuild",
        f"/bookings/{booking.id}/cancel",
    ):
        assert "Airbnb guest ····4403" in client.get(path).text, path


def _headings(html: str) -> Any:
    return (e for e in elements(html) if e.tag == "h1")
