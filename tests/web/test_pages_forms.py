"""Properties, typed bookings, calendars, opening a door: forms that lose nothing."""

import io
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal import clock
from portal.extensions import db
from portal.models import Booking, BookingStatus, Command, Feed, Property, Role
from portal.queue import JobName
from tests.support.bells import FakeBell
from tests.support.builders import (
    fresh,
    make_account,
    make_booking,
    make_connection,
    make_feed,
    make_lock,
    make_property,
)
from tests.web.pages import browser, element, elements, words

PROPERTY = {
    "name": "Casa Azul",
    "time_zone": "Europe/Rome",
    "check_in": "15:00",
    "check_out": "10:30",
    "lead_days": "5",
    "buffer_before_minutes": "30",
    "buffer_after_minutes": "45",
    "pin_hours_before": "12",
    "spare_codes": "1",
    "pin_source": "phone",
    "fallback_entry": "Key box",
}

CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//tests//EN
BEGIN:VEVENT
UID:stay-1@tests
DTSTART;VALUE=DATE:{arrives}
DTEND;VALUE=DATE:{departs}
SUMMARY:Ana Guest
END:VEVENT
END:VCALENDAR
"""


def calendar() -> bytes:
    today = clock.now().date()
    arrives, departs = today + timedelta(days=3), today + timedelta(days=6)
    text = CALENDAR.format(arrives=f"{arrives:%Y%m%d}", departs=f"{departs:%Y%m%d}")
    return text.replace("\n", "\r\n").encode()


def bookings() -> list[Booking]:
    db.session.rollback()
    return list(db.session.scalars(select(Booking).order_by(Booking.id)))


def test_a_property_is_added_and_leads_to_its_mapping(app: Flask) -> None:
    answer = browser(app).send("/properties/new", **PROPERTY)

    place = db.session.scalars(select(Property)).one()
    assert (answer.status_code, answer.location) == (
        303,
        f"/settings/door-locks/schlage#mapping-{place.id}",
    )
    assert (place.name, place.time_zone, place.lead_days) == ("Casa Azul", "Europe/Rome", 5)
    assert place.fallback_entry is not None
    assert place.fallback_entry.reveal() == "Key box"


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("name", ""),
        ("time_zone", "Mars/Olympus"),
        ("check_in", "noon"),
        ("check_out", ""),
        ("lead_days", "many"),
        ("lead_days", "99"),
        ("buffer_before_minutes", "-1"),
        ("buffer_after_minutes", "99999"),
        ("pin_hours_before", "soon"),
        ("pin_hours_before", "337"),
        ("spare_codes", "5"),
    ],
)
def test_a_bad_field_of_a_property_is_named_and_nothing_typed_is_lost(
    app: Flask, field: str, typed: str
) -> None:
    answer = browser(app).send("/properties/new", **PROPERTY | {field: typed})

    assert answer.status_code == 422
    assert words(element(answer.text, id=f"{field}-error").text)
    for name, value in (PROPERTY | {field: typed}).items():
        control = element(answer.text, id=name)
        if control.tag == "input":
            assert (control["value"] or "") == value
    assert db.session.scalars(select(Property)).all() == []


def test_a_changed_check_in_moves_the_stays(app: Flask) -> None:
    place = make_property()
    booking = make_booking(place, arrives_time=None)
    before = booking.starts_at
    fields = PROPERTY | {"time_zone": place.time_zone, "check_in": "13:00"}

    answer = browser(app).send(f"/properties/{place.id}", **fields)

    assert answer.status_code == 303
    assert fresh(booking).starts_at != before


def test_a_booking_typed_by_hand_opens_its_page(app: Flask) -> None:
    place = make_property(locks=[make_lock()])

    answer = browser(app).send(
        "/imports/booking",
        property_id=str(place.id),
        guest_name="Ana Typed",
        arrives_on=(clock.now() + timedelta(days=2)).date().isoformat(),
        departs_on=(clock.now() + timedelta(days=4)).date().isoformat(),
    )

    booking = bookings()[0]
    assert (answer.status_code, answer.location) == (303, f"/bookings/{booking.id}")
    assert (booking.guest_name, booking.source) == ("Ana Typed", "typed")
    assert booking.pin is not None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"guest_name": ""}, "guest_name"),
        ({"arrives_on": ""}, "arrives_on"),
        ({"departs_on": "2020-01-01"}, "departs_on"),
        ({"pin": "12x4"}, "pin"),
        ({"pin": "123456"}, "pin"),
        ({"property_id": "999"}, "property_id"),
        ({"property_id": "x"}, "property_id"),
    ],
)
def test_a_bad_field_of_a_booking_is_named_and_nothing_is_kept(
    app: Flask, change: dict[str, str], field: str
) -> None:
    place = make_property(locks=[make_lock()])
    typed = {
        "property_id": str(place.id),
        "guest_name": "Ana Typed",
        "arrives_on": (clock.now() + timedelta(days=2)).date().isoformat(),
        "departs_on": (clock.now() + timedelta(days=4)).date().isoformat(),
        "pin": "",
    } | change

    answer = browser(app).send("/imports/booking", **typed)

    assert answer.status_code == 422
    assert words(element(answer.text, id=f"{field}-error").text)
    assert element(answer.text, id="guest_name")["value"] == typed["guest_name"]
    assert bookings() == []


def test_a_calendar_address_is_kept_secret_and_fetched(app: Flask, bell: FakeBell) -> None:
    place = make_property()
    client = browser(app)

    answer = client.send(
        "/imports/address",
        property_id=str(place.id),
        source="airbnb",
        address="https://calendars.example.com/1.ics?s=feed-secret",
    )

    feed = db.session.scalars(select(Feed)).one()
    assert (answer.status_code, answer.location) == (303, f"/imports#feed-{feed.id}")
    assert bell.ids_of(JobName.FETCH_FEED) == [feed.id]
    html = client.get("/imports").text
    assert "calendars.example.com" in html
    assert "feed-secret" not in html


def test_an_address_that_is_none_stays_typed_and_says_so(app: Flask) -> None:
    place = make_property()

    answer = browser(app).send(
        "/imports/address", property_id=str(place.id), source="airbnb", address="my calendar"
    )

    assert answer.status_code == 422
    assert "https://" in words(element(answer.text, id="address-error").text)
    assert element(answer.text, id="address")["value"] == "my calendar"


@pytest.mark.parametrize(
    ("address", "words_of_it"),
    [
        ("http://example.com/1.ics", "must start with https://"),
        ("https://127.0.0.1/1.ics", "not an IP address"),
        ("https://2130706433/1.ics", "not an IP address"),
        ("https://me:key@example.com/1.ics", "user name or password"),
        ("https://example.com:8443/1.ics", "a port other than 443"),
        ("https://localhost/1.ics", "not a valid name"),
    ],
)
def test_an_address_that_no_fetch_would_call_is_refused_at_the_field(
    app: Flask, address: str, words_of_it: str
) -> None:
    place = make_property()

    answer = browser(app).send(
        "/imports/address", property_id=place.id, source="airbnb", address=address
    )

    assert answer.status_code == 422
    assert words_of_it in words(element(answer.text, id="address-error").text)
    assert db.session.scalars(select(Feed)).all() == []


@pytest.mark.parametrize("choice", ["x", "99999", ""])
def test_a_choice_that_was_not_offered_is_refused_in_our_words(app: Flask, choice: str) -> None:
    make_property()

    answer = browser(app).send(
        "/imports/booking",
        property_id=choice,
        guest_name="Ana",
        arrives_on="2027-01-10",
        departs_on="2027-01-12",
    )

    said = words(element(answer.text, id="property_id-error").text)
    assert answer.status_code == 422
    assert said in {"Choose one from the list.", "This is needed."}


def test_a_calendar_file_becomes_bookings(app: Flask) -> None:
    place = make_property()

    page = browser(app).send(
        "/imports/file",
        property_id=str(place.id),
        source="ical",
        file=(io.BytesIO(calendar()), "stays.ics"),
    )

    assert page.status_code == 303
    assert [b.guest_name for b in bookings()] == ["Ana Guest"]


@pytest.mark.parametrize("body", [b"", b"not a calendar", b"\x00\xff" * 50])
def test_a_file_that_is_no_calendar_is_refused_at_the_field(app: Flask, body: bytes) -> None:
    place = make_property()

    answer = browser(app).send(
        "/imports/file",
        property_id=str(place.id),
        source="ical",
        file=(io.BytesIO(body), "stays.ics"),
    )

    assert answer.status_code == 422
    assert words(element(answer.text, id="file-error").text)
    assert db.session.scalars(select(Feed)).all() == []


def test_the_import_page_tells_how_each_calendar_is(app: Flask) -> None:
    make_feed(
        good_at=clock.now() - timedelta(hours=5),
        failures=3,
        error_words="The calendar's server does not answer.",
    )
    held = make_feed(
        good_at=clock.now(),
        held_until=clock.now() + timedelta(hours=20),
        held_reason="The calendar came empty although stays are booked.",
        last_changes=[{"when": "2026-11-24 - 2026-11-27", "words": "New stay."}],
        skipped=[{"when": "", "words": "Blocked by the owner.", "reason": "blocked"}],
    )

    html = browser(app).get("/imports").text

    assert "The calendar's server does not answer." in words(html).replace("&#39;", "'")
    told = words(element(html, id=f"feed-{held.id}").text)
    for text in ("came empty", "let them go now", "New stay.", "Blocked by the owner."):
        assert text in told


def test_fetching_now_rings_and_accepting_ends_the_hold(app: Flask, bell: FakeBell) -> None:
    feed = make_feed(held_until=clock.now() + timedelta(hours=5), held_reason="Empty.")
    booking = make_booking(
        feed.property,
        feed_id=feed.id,
        uid="u1",
        missing_since=clock.now() - timedelta(hours=1),
        missing_polls=2,
        held_until=clock.now() + timedelta(hours=5),
    )
    client = browser(app)

    client.send(f"/imports/{feed.id}/refresh")
    client.send(f"/imports/{feed.id}/accept")

    assert bell.ids_of(JobName.FETCH_FEED) == [feed.id]
    assert fresh(feed).held_until is None
    assert fresh(booking).status is BookingStatus.CANCELLED


def test_removing_a_calendar_asks_first_and_keeps_its_bookings(app: Flask) -> None:
    feed = make_feed()
    booking = make_booking(feed.property, feed_id=feed.id)
    client = browser(app)

    asked = client.get(f"/imports/{feed.id}/remove")
    client.send(f"/imports/{feed.id}/remove")

    assert "stay as they are" in asked.text
    assert db.session.scalars(select(Feed)).all() == []
    assert fresh(booking).status is BookingStatus.CONFIRMED


def test_unlocking_asks_first_and_says_what_to_do_when_schlage_does_not_answer(
    app: Flask,
) -> None:
    lock = make_lock(make_connection())
    client = browser(app)

    asked = client.get(f"/locks/{lock.id}/unlock")
    before = db.session.scalars(select(Command)).all()
    answer = client.send(f"/locks/{lock.id}/unlock")

    assert "Unlock" in asked.text
    assert before == []
    assert answer.status_code == 422
    assert "other way in" in answer.text


def test_a_first_visit_leads_from_one_step_to_the_next(app: Flask) -> None:
    client = browser(app)

    def first_button(path: str) -> Any:
        html = client.get(path).text
        return [e["href"] for e in elements(html) if e.tag == "a" and e.get("class") == "button"]

    without_connection = first_button("/")
    make_connection()
    without_bookings = first_button("/")

    assert without_connection == ["/settings/door-locks/schlage"]
    assert without_bookings == ["/imports"]


@pytest.mark.parametrize(
    "path", ["/imports/booking", "/imports/address", "/imports/file", "/properties/new"]
)
def test_viewers_are_not_let_into_forms(app: Flask, path: str) -> None:
    assert browser(app, make_account(), Role.VIEWER).get(path).status_code == 403
