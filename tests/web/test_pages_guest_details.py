"""Who comes, written by hand: kept against the calendar, followed by the PIN, and shown twice."""

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from portal import clock
from portal.domain.intake_types import FeedSource
from portal.extensions import db
from portal.feeds import reader
from portal.models import Booking, Feed, PinOrigin, PinSource, Property, Source
from portal.services import intake
from portal.views import filters
from tests.support.builders import fresh, make_booking, make_feed, make_lock, make_property
from tests.support.client import PortalClient
from tests.web.pages import browser, element, elements, words


def on(number: int) -> date:
    """The day that many days from now."""
    return (clock.now() + timedelta(days=number)).date()


@pytest.fixture
def place(app: Flask) -> Property:
    return make_property(name="Casa Verde", locks=[make_lock(code_length=4)])


@pytest.fixture
def client(app: Flask, place: Property) -> PortalClient:
    return browser(app)


class Calendar:
    """A calendar of one stay, ten days from now."""

    def __init__(self, place: Property) -> None:
        self.feed: Feed = make_feed(place, source="vrbo")

    def lists(self, *lines: str, uid: str = "u1", source: FeedSource = FeedSource.VRBO) -> Booking:
        """The booking after a poll that lists it with these lines."""
        text = "\r\n".join(
            [
                "BEGIN:VCALENDAR",
                "BEGIN:VEVENT",
                f"UID:{uid}",
                f"DTSTART;VALUE=DATE:{on(10):%Y%m%d}",
                f"DTEND;VALUE=DATE:{on(13):%Y%m%d}",
                *lines,
                "END:VEVENT",
                "END:VCALENDAR",
            ]
        )
        intake.take(self.feed.id, reader.read(text.encode(), source, today=on(0)))
        db.session.rollback()
        return db.session.scalars(select(Booking)).one()


@pytest.fixture
def calendar(place: Property) -> Calendar:
    return Calendar(place)


def write(
    client: PortalClient, booking: Booking, name: str, phone: str = "", note: str = ""
) -> None:
    answer = client.send(
        f"/bookings/{booking.id}/guest", guest_name=name, guest_phone=phone, note=note
    )
    assert answer.status_code == 303


def test_a_name_written_by_hand_is_not_overwritten_by_the_calendar(
    client: PortalClient, calendar: Calendar
) -> None:
    booking = calendar.lists("SUMMARY:Reserved - Dana")
    write(client, booking, "Dana Whitfield", "+1 212 555 0142", "Late")

    after = calendar.lists("SUMMARY:Reserved - Dana")
    bare = calendar.lists("SUMMARY:Reserved")

    for row in (after, bare):
        assert (row.guest_name, row.guest_phone, row.note) == (
            "Dana Whitfield",
            "+1 212 555 0142",
            "Late",
        )


def test_what_the_calendar_says_anew_of_the_guest_is_taken(
    client: PortalClient, calendar: Calendar
) -> None:
    booking = calendar.lists("SUMMARY:Reserved - Dana")
    write(client, booking, "Dana Whitfield")

    changed = calendar.lists("SUMMARY:Reserved - Lee")

    assert changed.guest_name == "Lee"
    assert changed.listed_name is None


def test_a_guest_renamed_by_hand_is_the_same_guest_under_a_new_id(
    client: PortalClient, calendar: Calendar
) -> None:
    booking = calendar.lists("SUMMARY:Reserved - Dana")
    write(client, booking, "Mrs. Whitfield")

    same = calendar.lists("SUMMARY:Reserved - Dana", uid="u2")

    assert (same.id, same.guest_name) == (booking.id, "Mrs. Whitfield")


def test_a_phone_that_becomes_known_late_makes_the_pin_where_the_property_wants_it(
    client: PortalClient, place: Property, calendar: Calendar
) -> None:
    place.pin_source = PinSource.PHONE
    db.session.commit()
    booking = calendar.lists("SUMMARY:Reserved")
    before = booking.pin_origin, booking.revision

    write(client, booking, "Dana", "+1 212 555 7193")

    after = fresh(booking)
    assert after.pin is not None
    assert (after.pin.reveal(), after.pin_origin) == ("7193", PinOrigin.PHONE)
    assert before == (PinOrigin.RANDOM, after.revision - 1)
    page = client.get(f"/bookings/{booking.id}/guest").text
    assert "7193" not in page
    write(client, booking, "Dana B")
    assert fresh(booking).guest_phone == "+1 212 555 7193"


def test_a_pin_that_somebody_was_shown_does_not_follow_the_phone(
    client: PortalClient, place: Property, calendar: Calendar
) -> None:
    place.pin_source = PinSource.PHONE
    db.session.commit()
    booking = calendar.lists("SUMMARY:Reserved")
    client.send(f"/bookings/{booking.id}/pin")
    pin = fresh(booking).pin

    write(client, booking, "Dana", "+1 212 555 7193")

    assert fresh(booking).pin == pin


def test_a_stay_that_a_table_brought_before_the_calendar_is_one_booking(
    place: Property, calendar: Calendar
) -> None:
    from_table = make_booking(
        place, source=Source.CSV, external_id="HMABC12345", guest_name="Dana",
        arrives_on=on(10), departs_on=on(12), arrives_in=timedelta(days=10),
    )  # fmt: skip

    listed = calendar.lists(
        "SUMMARY:Reserved",
        "DESCRIPTION:https://www.airbnb.com/hosting/reservations/details/HMABC12345",
        source=FeedSource.AIRBNB,
    )

    assert listed.id == from_table.id
    assert (listed.feed_id, listed.uid, listed.guest_name) == (calendar.feed.id, "u1", "Dana")
    assert listed.departs_on == on(13)


def test_two_bookings_of_the_same_nights_are_both_kept_and_say_so(
    client: PortalClient, place: Property
) -> None:
    first = make_booking(place, guest_name="Ana One", arrives_in=timedelta(days=3))
    second = make_booking(place, guest_name="Bo Two", arrives_in=timedelta(days=4))
    later = make_booking(place, guest_name="Cy Three", arrives_in=timedelta(days=40))

    pages = [words(client.get(f"/bookings/{b.id}").text) for b in (first, second, later)]

    assert "Another booking has the same nights here" in pages[0]
    nights = [filters.plain_date(day) for day in (second.arrives_on, second.departs_on)]
    assert f"Bo Two</a> ({nights[0]} – {nights[1]})" in pages[0]
    assert "Ana One" in pages[1]
    assert "same nights" not in pages[2]


def test_the_address_and_the_language_of_a_guest_are_kept(
    client: PortalClient, place: Property
) -> None:
    booking = make_booking(place)
    path = f"/bookings/{booking.id}/guest"
    made = booking.revision

    answer = client.send(
        path, guest_name="Ana", guest_email=" ana@example.com ", guest_language="en"
    )

    assert answer.status_code == 303
    after = fresh(booking)
    assert (after.guest_email, after.guest_language) == ("ana@example.com", "en")
    assert after.revision == made  # nothing that a door must know
    page = client.get(f"/bookings/{booking.id}").text
    facts = [words(e.text) for e in elements(page) if e.tag == "dd"]
    assert "ana@example.com" in facts
    assert "English" in facts
    assert "Booking changed: guest&#39;s details" in page


@pytest.mark.parametrize("text", ["ana", "a@b", "a@example.com, b@example.com"])
def test_what_is_no_address_is_said_at_its_field_and_nothing_is_lost(
    client: PortalClient, place: Property, text: str
) -> None:
    booking = make_booking(place, guest_email="ana@example.com")

    answer = client.send(
        f"/bookings/{booking.id}/guest", guest_name="Ana", guest_email=text, note="Late"
    )

    assert answer.status_code == 422
    assert "Give one e-mail address" in words(element(answer.text, id="guest_email-error").text)
    assert "Late" in answer.text
    assert fresh(booking).guest_email == "ana@example.com"


def test_a_typed_booking_has_an_address_too(client: PortalClient, place: Property) -> None:
    client.send(
        "/imports/booking",
        property_id=str(place.id),
        guest_name="Ana",
        guest_email="ana@example.com",
        arrives_on=on(3).isoformat(),
        departs_on=on(5).isoformat(),
    )

    assert db.session.scalars(select(Booking)).one().guest_email == "ana@example.com"


def test_a_booking_is_found_by_its_guests_address(client: PortalClient, place: Property) -> None:
    make_booking(place, guest_name="Ana Found", guest_email="ana@example.com")
    make_booking(place, guest_name="Bo Other")

    page = client.get("/?when=all&q=ana@example").text

    assert "Ana Found" in page
    assert "Bo Other" not in page
