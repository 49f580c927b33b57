"""A calendar's way through its page: added, fetched from a real server, held, accepted, paused."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import select

from portal import clock
from portal.extensions import db
from portal.models import Booking, BookingStatus, Feed, Property, Role
from portal.queue import JobName
from portal.services import feeds
from tests.support.bells import FakeBell
from tests.support.builders import make_property
from tests.support.client import PortalClient
from tests.web.pages import browser, element, elements, words

SECRET = "s=feed-secret-token"


class CalendarServer:
    """Serves one calendar on a port of its own."""

    def __init__(self) -> None:
        self.stays: list[tuple[str, int, int, str]] = []
        self.status = 200
        self.asked = 0
        # What it lists stays the same, also over a midnight.
        self._today = clock.now().date()
        serving = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                serving.asked += 1
                self.send_response(serving.status)
                self.send_header("Content-Type", "text/calendar")
                self.end_headers()
                if serving.status == 200:
                    self.wfile.write(serving.body())

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}/secret-path/1.ics?{SECRET}"

    def body(self) -> bytes:
        events = [
            f"BEGIN:VEVENT\r\nUID:{uid}\r\n"
            f"DTSTART;VALUE=DATE:{self._today + timedelta(days=first):%Y%m%d}\r\n"
            f"DTEND;VALUE=DATE:{self._today + timedelta(days=last):%Y%m%d}\r\n"
            f"SUMMARY:{summary}\r\nEND:VEVENT\r\n"
            for uid, first, last, summary in self.stays
        ]
        head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//tests//EN\r\n"
        return (head + "".join(events) + "END:VCALENDAR\r\n").encode()


@pytest.fixture
def calendar() -> Iterator[CalendarServer]:
    server = CalendarServer()
    thread = threading.Thread(target=server.http.serve_forever)
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


@pytest.fixture
def place(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Property:
    settings = replace(app.extensions["settings"], feeds_allow_private=True)
    monkeypatch.setitem(app.extensions, "settings", settings)
    return make_property(name="Casa Verde")


class FeedPage:
    """One calendar and its card on the page."""

    def __init__(self, client: PortalClient, place: Property, calendar: CalendarServer) -> None:
        self.client = client
        answer = client.send(
            "/imports/address",
            property_id=str(place.id),
            source="ical",
            address=calendar.address,
        )
        assert answer.status_code == 303, words(answer.text)
        self.id = db.session.scalars(select(Feed.id)).one()

    def fetch(self) -> None:
        """What the job does that was rung for."""
        feeds.fetch(self.id)

    @property
    def html(self) -> str:
        return self.client.get("/imports").text

    @property
    def card(self) -> str:
        return words(element(self.html, id=f"feed-{self.id}").text)

    def press(self, what: str) -> None:
        assert self.client.send(f"/imports/{self.id}/{what}").status_code == 303

    def buttons(self) -> set[str]:
        forms = [
            e["action"] or "" for e in elements(self.html) if e.tag == "form" and "action" in e
        ]
        return {path.rsplit("/", 1)[1] for path in forms if f"/imports/{self.id}/" in path}


@pytest.fixture
def page(app: Flask, place: Property, calendar: CalendarServer) -> FeedPage:
    calendar.stays = [(f"u{n}", 10 + 3 * n, 12 + 3 * n, f"Guest {n}") for n in range(6)]
    return FeedPage(browser(app), place, calendar)


def statuses() -> list[BookingStatus]:
    db.session.rollback()
    return list(db.session.scalars(select(Booking.status).order_by(Booking.id)))


def test_a_card_tells_the_last_good_fetch_the_next_one_and_what_changed(
    page: FeedPage, calendar: CalendarServer
) -> None:
    before = page.card
    calendar.stays.append(("b", 40, 42, "Not available"))

    page.fetch()

    assert "Not fetched yet" in before
    assert "Last goodjust now" in page.card
    assert "Nextin 1" in page.card
    assert "6 changes" in page.card
    assert "New stay." in page.card
    assert "1 entry was left out" in page.card
    assert len(statuses()) == 6


def test_what_changed_stays_to_be_seen_with_its_age(page: FeedPage) -> None:
    page.fetch()
    with freeze_time(clock.now() + timedelta(minutes=20)):
        page.fetch()

        assert "6 changes, 20" in page.card


def test_an_empty_calendar_is_held_with_its_stays_until_one_click_accepts(
    page: FeedPage, calendar: CalendarServer
) -> None:
    page.fetch()
    calendar.stays = []

    page.fetch()
    held, buttons, kept = page.card, page.buttons(), statuses()
    page.press("accept")

    assert "The calendar came empty although stays are booked." in held
    assert "6 stays are held" in held
    assert "accept" in buttons
    assert set(kept) == {BookingStatus.CONFIRMED}
    assert set(statuses()) == {BookingStatus.CANCELLED}
    assert "stays are held" not in page.card
    assert "accept" not in page.buttons()


def test_one_click_keeps_the_stays_that_the_calendar_dropped(
    page: FeedPage, calendar: CalendarServer
) -> None:
    page.fetch()
    calendar.stays = []
    page.fetch()
    buttons = page.buttons()

    page.press("keep")
    with freeze_time(clock.now() + timedelta(hours=30)):
        page.fetch()
        later = statuses()

    assert {"accept", "keep"} <= buttons
    assert "keep" not in page.buttons()
    assert set(later) == {BookingStatus.CONFIRMED}
    booking_id = db.session.scalars(select(Booking.id)).first()
    told = words(page.client.get(f"/bookings/{booking_id}").text)
    assert "It stands because somebody here said so" in told


def test_a_sick_calendar_says_so_and_keeps_its_last_good_state(
    page: FeedPage, calendar: CalendarServer
) -> None:
    page.fetch()
    calendar.status = 500

    page.fetch()

    assert "Cannot be read at the moment" in page.card
    assert "Nothing was deleted." in page.card
    assert "Failed in a row1" in page.card
    assert "New stay." in page.card
    assert set(statuses()) == {BookingStatus.CONFIRMED}


def test_a_paused_calendar_is_not_fetched_until_it_goes_on(
    page: FeedPage, calendar: CalendarServer, bell: FakeBell
) -> None:
    page.fetch()
    asked = calendar.asked
    page.press("pause")
    paused, buttons = page.card, page.buttons()

    page.fetch()
    while_paused = calendar.asked
    page.press("refresh")
    page.fetch()

    assert "Paused" in paused
    assert "Next" not in paused
    assert "pause" not in buttons
    assert while_paused == asked
    assert calendar.asked == asked + 1
    assert "Paused" not in page.card
    assert bell.ids_of(JobName.FETCH_FEED) == [page.id, page.id]
    assert set(statuses()) == {BookingStatus.CONFIRMED}


def test_a_calendar_whose_link_was_renewed_goes_on_with_the_same_stays(
    page: FeedPage, calendar: CalendarServer, bell: FakeBell
) -> None:
    page.fetch()
    before = [(b.id, b.pin) for b in db.session.scalars(select(Booking).order_by(Booking.id))]
    calendar.status = 404
    page.fetch()
    calendar.status = 200

    refused = page.client.send(f"/imports/{page.id}/link", address="not an address")
    shown = page.client.get(f"/imports/{page.id}/link").text
    renewed = calendar.address.replace("1.ics", "2.ics")
    page.client.send(f"/imports/{page.id}/link", address=renewed)
    page.fetch()

    assert refused.status_code == 422
    assert SECRET not in shown
    assert bell.ids_of(JobName.FETCH_FEED) == [page.id, page.id]
    assert "Good" in page.card
    db.session.rollback()
    after = [(b.id, b.pin) for b in db.session.scalars(select(Booking).order_by(Booking.id))]
    assert after == before


def test_a_calendar_that_is_removed_and_added_again_makes_no_second_booking(
    page: FeedPage, place: Property, calendar: CalendarServer
) -> None:
    page.fetch()
    ids = list(db.session.scalars(select(Booking.id).order_by(Booking.id)))
    page.press("remove")
    calendar.stays.append(("new", 60, 62, "Guest new"))

    again = FeedPage(page.client, place, calendar)
    again.fetch()

    db.session.rollback()
    rows = db.session.scalars(select(Booking).order_by(Booking.id)).all()
    assert [row.id for row in rows[:6]] == ids
    assert len(rows) == 7
    assert {row.feed_id for row in rows} == {again.id}
    assert {row.status for row in rows} == {BookingStatus.CONFIRMED}


def test_one_calendar_is_not_added_twice_to_one_property(
    page: FeedPage, place: Property, calendar: CalendarServer
) -> None:
    answer = page.client.send(
        "/imports/address", property_id=str(place.id), source="ical", address=calendar.address
    )

    assert answer.status_code == 422
    assert "has this calendar already" in words(answer.text)


def test_strangers_words_in_a_calendar_are_shown_escaped(
    page: FeedPage, calendar: CalendarServer
) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    calendar.stays = [("<b>uid</b>", 3, 5, hostile), ("x", 20, 22, f"Not available {hostile}")]

    page.fetch()
    booking_id = db.session.scalars(select(Booking.id)).first()
    pages = [page.html, page.client.get("/?when=all").text]
    pages += [page.client.get(f"/bookings/{booking_id}").text]

    for html in pages:
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "<b>uid" not in html
    assert "&lt;script&gt;" in "".join(pages)


def test_the_address_is_never_shown_in_full_after_entry(
    app: Flask, page: FeedPage, calendar: CalendarServer
) -> None:
    page.fetch()
    calendar.status = 404
    page.fetch()
    viewer = browser(app, role=Role.VIEWER)

    shown = [page.html, viewer.get("/imports").text]
    shown += [page.client.get(path).text for path in (f"/imports/{page.id}/remove", "/alerts", "/")]

    assert "127.0.0.1" in shown[0]
    for html in shown:
        assert SECRET not in html
        assert "secret-path" not in html


def test_viewers_see_calendars_and_press_nothing(app: Flask, page: FeedPage) -> None:
    page.fetch()
    viewer = browser(app, role=Role.VIEWER)

    html = viewer.get("/imports").text
    answers = [
        viewer.send(f"/imports/{page.id}/{what}").status_code
        for what in ("refresh", "pause", "accept", "keep", "remove")
    ]

    assert "Casa Verde" in words(element(html, id=f"feed-{page.id}").text)
    assert f"/imports/{page.id}/" not in html
    assert answers == [403] * 5


def test_a_phone_filled_in_by_hand_makes_no_other_guest_of_the_stay(
    page: FeedPage, calendar: CalendarServer
) -> None:
    calendar.stays = [("u1", 10, 13, "Reserved")]
    page.fetch()
    booking = db.session.scalars(select(Booking)).one()
    booking.guest_phone = "+1 212 555 0142"
    db.session.commit()

    page.fetch()

    [same] = db.session.scalars(select(Booking)).all()
    assert same.guest_phone == "+1 212 555 0142"
