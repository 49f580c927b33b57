"""The calendar: a month of every property, each stay with its verdict in word and tone."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import event

from portal.domain.entry import EntryState, Evidence
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Booking, BookingStatus, DoorCode, Property, Role, Source
from portal.services import calendar_page
from portal.unit_of_work import writing
from tests.support.builders import (
    make_account,
    make_booking,
    make_door_code,
    make_entry,
    make_lock,
    make_property,
    on,
    utc,
)
from tests.support.statements import statements
from tests.web.pages import Element, browser, element, elements, poll_url, words

HTMX = {"HX-Request": "true"}
NOW = utc("2026-11-24T12:00:00")


@pytest.fixture(autouse=True)
def _late_november() -> Iterator[None]:
    with freeze_time(NOW):
        yield


def stay(place: Property, first: str, nights: int, **fields: Any) -> Booking:
    """A stay from four in the afternoon on, in the property's zone (UTC here)."""
    arrives_in = utc(f"{first}T16:00:00") - NOW
    return make_booking(place, arrives_in=arrives_in, nights=nights, **fields)


def nights(html: str) -> list[Element]:
    return [e for e in elements(html) if "night" in (e.get("class") or "").split()]


def a_place(**fields: Any) -> Property:
    return make_property(**{"time_zone": "UTC", "name": "Casa Mar"} | fields)


def test_a_stay_spans_its_nights_says_its_verdict_and_leads_to_the_booking(app: Flask) -> None:
    lock = make_lock()
    booking = stay(a_place(locks=[lock]), "2026-11-26", 3, guest_name="Ana Guest")
    code = make_door_code(booking, lock, status=Status.CONFIRMED)
    make_entry(code, state=EntryState.HELD, evidence=Evidence.CONFIRMED)

    html = browser(app).get("/calendar").text

    (night,) = nights(html)
    cell = next(e for e in elements(html) if e.get("colspan"))
    assert (night["href"], night["data-verdict"]) == (f"/bookings/{booking.id}", "ready")
    assert night["title"] == "Ready: Ana Guest"
    assert words(night.text) == "Ana Guest, Ready"
    assert (cell["colspan"], cell["class"]) == ("3", "tone--green")
    assert "November 2026" in html


def test_a_stay_over_the_end_of_the_month_stands_in_both(app: Flask) -> None:
    stay(a_place(), "2026-11-28", 6)
    client = browser(app)

    november, december = (client.get(f"/calendar?month=2026-{m}").text for m in (11, 12))

    spans = [
        next(e["colspan"] for e in elements(h) if e.get("colspan")) for h in (november, december)
    ]
    assert spans == ["3", "3"]
    assert "night--arrives" in (nights(november)[0]["class"] or "")
    assert "night--arrives" not in (nights(december)[0]["class"] or "")


def test_guests_who_change_on_one_day_share_a_line_and_overlaps_get_their_own(app: Flask) -> None:
    place = a_place()
    stay(place, "2026-11-10", 3)
    stay(place, "2026-11-13", 2)
    stay(place, "2026-11-14", 4)

    month = calendar_page.read(db.session(), on("2026-11-01"), 1, NOW)

    (row,) = month.rows
    lengths = [[cell.nights for cell in lane if cell.stay] for lane in row.lanes]
    assert lengths == [[3, 2], [4]]
    assert [sum(cell.nights for cell in lane) for lane in row.lanes] == [30, 30]


def test_the_day_is_that_of_the_property(app: Flask) -> None:
    place = a_place(time_zone="Asia/Tokyo")
    make_booking(place, arrives_in=utc("2026-11-30T16:00:00") - NOW, nights=2)

    november = calendar_page.read(db.session(), on("2026-11-01"), 1, NOW)
    december = calendar_page.read(db.session(), on("2026-12-01"), 1, NOW)

    assert november.rows[0].stays == ()
    assert [cell.first for cell in december.rows[0].lanes[0] if cell.stay] == [on("2026-12-01")]


def test_a_stay_of_some_hours_is_a_night_and_a_cancelled_one_is_none(app: Flask) -> None:
    place = a_place()
    stay(place, "2026-11-10", 0)
    stay(place, "2026-11-20", 2, status=BookingStatus.CANCELLED)

    (row,) = calendar_page.read(db.session(), on("2026-11-01"), 1, NOW).rows

    assert [(cell.first, cell.nights) for cell in row.lanes[0] if cell.stay] == [
        (on("2026-11-10"), 1)
    ]


def test_the_list_for_phones_says_the_same(app: Flask) -> None:
    stay(a_place(), "2026-11-26", 3, guest_name="", source=Source.AIRBNB, guest_phone="4403")
    make_property(name="Empty House")

    html = browser(app).get("/calendar").text

    listed = next(e for e in elements(html) if e.get("class") == "month-list")
    assert "Airbnb guest ····4403" in listed.text
    assert "Not ready" in listed.text or "On track" in listed.text
    assert "No stay in this month." in listed.text


@pytest.mark.parametrize("month", ["", "2026-13", "soon", "2026-1", "9999-01", "2026-11-01"])
def test_a_month_that_is_none_is_this_month(app: Flask, month: str) -> None:
    answer = browser(app).get(f"/calendar?month={month}&page=x")

    assert answer.status_code == 200
    assert "<h1>November 2026</h1>" in answer.text


@pytest.mark.parametrize(("month", "neighbours"), [("2026-12", ("2026-11", "2027-01"))])
def test_months_lead_to_their_neighbours(
    app: Flask, month: str, neighbours: tuple[str, str]
) -> None:
    html = browser(app).get(f"/calendar?month={month}").text

    addresses = {e.get("rel"): e["href"] for e in elements(html) if e.get("rel")}
    assert addresses["prev"] == f"/calendar?month={neighbours[0]}"
    assert addresses["next"] == f"/calendar?month={neighbours[1]}"


def test_many_properties_are_paged_and_read_in_a_fixed_number_of_queries(app: Flask) -> None:
    account = make_account()
    lock = make_lock(account=account)

    def statements() -> int:
        seen: list[str] = []

        def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            seen.append(statement)

        db.session.rollback()
        event.listen(db.engine, "before_cursor_execute", note)
        try:
            calendar_page.read(db.session(), on("2026-11-01"), 1, NOW)
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        return sum(text.startswith("SELECT") for text in seen)

    for number in range(2):
        booking = stay(make_property(account, name=f"P{number:02}"), "2026-11-26", 2)
        make_door_code(booking, lock)
    few = statements()
    for number in range(2, 41):
        booking = stay(make_property(account, name=f"P{number:02}"), "2026-11-26", 2)
        make_door_code(booking, lock)
    many = statements()

    assert many == few
    month = calendar_page.read(db.session(), on("2026-11-01"), 2, NOW)
    assert (month.pages, [row.name for row in month.rows]) == (2, ["P40"])
    html = browser(app, account).get("/calendar").text
    assert "/calendar?month=2026-11&page=2" in {e.get("href") for e in elements(html)}


def test_staff_have_no_calendar_and_viewers_have(app: Flask) -> None:
    assert browser(app, role=Role.STAFF).get("/calendar").status_code == 403
    assert browser(app, role=Role.VIEWER).get("/calendar").status_code == 200


def test_another_accounts_stays_are_not_in_it(app: Flask) -> None:
    stay(make_property(make_account("Theirs"), name="Not ours"), "2026-11-26", 2)

    html = browser(app, make_account("Ours")).get("/calendar").text

    assert "Not ours" not in html
    assert nights(html) == []


def choose(html: str) -> dict[str, str]:
    """The properties that the page offers to choose from, by value."""
    return {e["value"] or "": e.text for e in elements(html) if e.tag == "option"}


def listed(html: str) -> list[str]:
    return [e.text for e in elements(html) if e.tag == "th" and e.get("scope") == "row"]


def test_one_property_is_chosen_and_stays_chosen_from_month_to_month(app: Flask) -> None:
    sea, hill = a_place(name="Casa Mar"), a_place(name="Casa Monte")
    stay(sea, "2026-11-10", 2)
    there = stay(hill, "2026-12-10", 2)
    client = browser(app)

    every = client.get("/calendar?month=2026-12").text
    one = client.get(f"/calendar?month=2026-12&property={hill.id}").text

    assert choose(every) == {"": "All", str(sea.id): "Casa Mar", str(hill.id): "Casa Monte"}
    assert element(every, name="month")["value"] == "2026-12"
    assert (listed(every), listed(one)) == (["Casa Mar", "Casa Monte"], ["Casa Monte"])
    assert [night["href"] for night in nights(one)] == [f"/bookings/{there.id}"]
    assert [e["value"] for e in elements(one) if "selected" in e] == [str(hill.id)]
    addresses = {e.get("rel"): e["href"] for e in elements(one) if e.get("rel")}
    assert addresses["prev"] == f"/calendar?month=2026-11&property={hill.id}"
    assert addresses["next"] == f"/calendar?month=2027-01&property={hill.id}"
    hrefs = {e.get("href") for e in elements(one)}
    assert {f"/calendar?property={hill.id}", "/calendar?month=2026-12"} <= hrefs


@pytest.mark.parametrize("asked", ["x", "-1", "1e3", "99999999999"])
def test_a_property_that_is_no_number_is_all_of_them(app: Flask, asked: str) -> None:
    a_place()

    answer = browser(app).get(f"/calendar?property={asked}")

    assert (answer.status_code, listed(answer.text)) == (200, ["Casa Mar"])


def test_a_property_of_another_account_is_none(app: Flask) -> None:
    theirs = make_property(make_account("Theirs"), name="Not ours")
    ours = make_account("Ours")
    make_property(ours, name="Ours")

    html = browser(app, ours).get(f"/calendar?property={theirs.id}").text

    assert "No such property" in html
    assert "Not ours" not in html
    assert element(html, href="/calendar").text == "All properties"


def test_a_propertys_page_leads_to_its_calendar(app: Flask) -> None:
    place = a_place()

    html = browser(app).get(f"/properties/{place.id}").text

    assert words(element(html, href=f"/calendar?property={place.id}").text) == "Its calendar"


def test_there_is_nothing_to_choose_from_one_property(app: Flask) -> None:
    a_place()

    assert choose(browser(app).get("/calendar").text) == {}


def test_an_open_month_follows_and_an_unchanged_poll_reads_once(app: Flask) -> None:
    lock = make_lock()
    place = a_place(locks=[lock])
    a_place(name="Casa Monte")
    booking = stay(place, "2026-11-26", 3)
    code = make_door_code(booking, lock, status=Status.NEEDS_YOU)
    client = browser(app)
    opened = client.get(f"/calendar?month=2026-11&property={place.id}").text
    with statements() as asked:
        unchanged = client.get(poll_url(opened), headers=HTMX)
    reads = [text for text, _ in asked if text.startswith("SELECT")]

    make_entry(code, state=EntryState.HELD, evidence=Evidence.CONFIRMED)
    with writing() as session:
        session.get_one(DoorCode, code.id).status = Status.CONFIRMED
    polled = client.get(poll_url(opened), headers=HTMX).text

    assert (unchanged.status_code, len(reads)) == (204, 1)
    assert [night["data-verdict"] for night in nights(opened)] == ["not_ready"]
    assert [night["data-verdict"] for night in nights(polled)] == ["ready"]
    assert listed(polled) == ["Casa Mar"]
    # What a person is choosing would be lost at every refresh.
    assert not [e for e in elements(polled) if e.tag in {"input", "select", "form"}]
    assert client.get(poll_url(polled), headers=HTMX).status_code == 204


def test_a_month_is_out_of_date_at_midnight_and_this_month_goes_on_to_the_next(app: Flask) -> None:
    a_place()

    with freeze_time("2026-11-30T23:30:00Z"):
        client = browser(app)
        opened, chosen = (
            poll_url(client.get(path).text) for path in ("/calendar", "/calendar?month=2026-11")
        )
    with freeze_time("2026-11-30T23:59:00Z"):
        before = client.get(opened, headers=HTMX)
    with freeze_time("2026-12-01T00:00:02Z"):
        after = client.get(opened, headers=HTMX)
        stays_there = client.get(chosen, headers=HTMX)

    assert before.status_code == 204
    assert element(after.text, aria_current="date").text == "1"
    assert "<h1>December 2026</h1>" in after.text
    assert "<h1>November 2026</h1>" in stays_there.text
