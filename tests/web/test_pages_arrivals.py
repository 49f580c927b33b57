"""The arrivals page: one verdict per booking, the reason in words, and the one thing to do."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from portal import clock
from portal.domain.entry import EntryState, Evidence
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.status import Status, Verdict
from portal.extensions import db
from portal.models import BookingStatus, ConnectionState, DoorCode, Role
from tests.support.builders import (
    make_account,
    make_booking,
    make_connection,
    make_door_code,
    make_entry,
    make_lock,
    make_property,
    saved,
)
from tests.web.pages import browser, element, elements, words

HOUR = timedelta(hours=1)
HOSTILE = "<script>alert(1)</script>\"'{{7*7}}"


def door(booking: Any, status: Status = Status.CONFIRMED, **fields: Any) -> DoorCode:
    """A door of the booking; a confirmed one is held by its lock."""
    code = make_door_code(booking, fields.pop("lock", None), status=status, **fields)
    if status is Status.CONFIRMED:
        make_entry(code, state=EntryState.HELD, evidence=Evidence.CONFIRMED)
    return code


def test_a_row_says_its_verdict_and_each_doors_status_and_problem(app: Flask) -> None:
    booking = make_booking(arrives_in=30 * HOUR)
    good = door(booking)
    bad = door(booking, Status.NEEDS_YOU, problem=ProblemKey.SPLIT_BRAIN)

    html = browser(app).get("/").text

    row = element(html, id=f"booking-{booking.id}")
    assert row["data-verdict"] == "not_ready"
    shown = {e["data-door-code"]: e for e in elements(html) if "data-door-code" in e}
    assert (shown[str(good.id)]["data-status"], shown[str(good.id)]["data-problem"]) == (
        "confirmed",
        "",
    )
    assert (shown[str(bad.id)]["data-status"], shown[str(bad.id)]["data-problem"]) == (
        "needs_you",
        "split_brain",
    )


@pytest.mark.parametrize(
    ("arrives_in", "status", "verdict"),
    [
        (30 * HOUR, Status.CONFIRMED, Verdict.READY),
        (30 * HOUR, Status.SENT, Verdict.ON_TRACK),
        (5 * HOUR, Status.SENT, Verdict.AT_RISK),
        (30 * HOUR, Status.UNSURE, Verdict.AT_RISK),
        (HOUR, Status.RETRYING, Verdict.NOT_READY),
        (30 * HOUR, Status.NEEDS_YOU, Verdict.NOT_READY),
    ],
)
def test_the_verdict_is_judged_when_the_page_is_read(
    app: Flask, arrives_in: timedelta, status: Status, verdict: Verdict
) -> None:
    booking = make_booking(arrives_in=arrives_in, verdict=Verdict.ON_TRACK)
    door(booking, status)

    html = browser(app).get("/").text

    assert element(html, id=f"booking-{booking.id}")["data-verdict"] == verdict


def test_a_booking_without_a_lock_leads_to_the_mapping_of_its_property(app: Flask) -> None:
    place = make_property()
    booking = make_booking(place)

    html = browser(app).get("/").text

    row = element(html, id=f"booking-{booking.id}")
    assert "not associated to a lock" in words(row.text)
    links = [e["href"] for e in elements(html) if e.tag == "a"]
    assert f"/settings/door-locks/schlage#mapping-{place.id}" in links
    assert element(html, data_banner="unmapped")


def test_only_arrivals_of_the_next_72_hours_stand_on_the_home_page(app: Flask) -> None:
    soon, later = make_booking(arrives_in=71 * HOUR), make_booking(arrives_in=73 * HOUR)
    cancelled = make_booking(status=BookingStatus.CANCELLED)

    html = browser(app).get("/").text

    assert element(html, id=f"booking-{soon.id}")
    assert not elements(html, id=f"booking-{later.id}")
    assert not elements(html, id=f"booking-{cancelled.id}")


def test_a_guest_inside_whose_door_needs_attention_stands_on_top(app: Flask) -> None:
    inside = make_booking(arrives_in=-5 * HOUR, guest_name="Inside Ida")
    door(inside, Status.NEEDS_YOU, problem=ProblemKey.CHANGED_OUTSIDE)
    coming = make_booking(arrives_in=5 * HOUR, guest_name="Coming Carl")
    door(coming)

    html = browser(app).get("/").text

    assert html.index("Inside Ida") < html.index("Coming Carl")
    assert element(html, id=f"booking-{inside.id}")["data-verdict"] == "not_ready"


def test_todays_departures_and_removals_have_their_own_list(app: Flask) -> None:
    left = make_booking(arrives_in=-48.1 * HOUR, nights=2)
    door(left, Status.REMOVING, is_wanted=False)

    html = browser(app).get("/").text

    assert "Leaving today" in html
    assert element(html, data_status="removing")


def test_a_removal_that_is_late_stands_apart_with_its_age_the_oldest_first(app: Flask) -> None:
    late = make_booking(arrives_in=-98 * HOUR, nights=2, guest_name="Late Lea")
    door(late, Status.REMOVING, problem=ProblemKey.REMOVAL_UNCONFIRMED)
    later = make_booking(arrives_in=-122 * HOUR, nights=2, guest_name="Later Leo")
    door(later, Status.REMOVING, problem=ProblemKey.REMOVAL_UNCONFIRMED)
    dropped = make_booking(
        arrives_in=-6 * HOUR, status=BookingStatus.CANCELLED, guest_name="Dropped Dan"
    )
    door(
        dropped,
        Status.REMOVING,
        problem=ProblemKey.REMOVAL_UNCONFIRMED,
        status_at=clock.now() - 5 * HOUR,
    )
    fine = make_booking(arrives_in=-49 * HOUR, nights=2, guest_name="Fine Fay")
    door(fine, Status.REMOVING)

    html = browser(app).get("/").text

    overdue = words(element(html, data_list="overdue").text)
    order = [overdue.index(name) for name in ("Later Leo", "Late Lea", "Dropped Dan")]
    assert order == sorted(order)
    assert "Should have been off 3 days ago" in overdue
    assert "Should have been off 5 h ago" in overdue
    assert "Fine Fay" not in overdue
    assert "Fine Fay" in words(element(html, data_list="leaving").text)
    assert "Late Lea" not in words(element(html, data_list="leaving").text)


def test_the_title_counts_who_may_not_get_in(app: Flask) -> None:
    client = browser(app)
    make_booking(make_property())
    make_booking(make_property())

    html = client.get("/").text

    assert words(element(html, id="arrivals").text)
    assert "<title>(2) Arrivals" in html


def test_all_is_calm_when_all_is_well(app: Flask) -> None:
    for _ in range(2):
        lock = make_lock()
        door(make_booking(make_property(locks=[lock])), lock=lock)

    html = browser(app).get("/").text

    assert "All 2 arrivals are ready" in html
    assert "Nothing needs you" in html
    assert "<title>Arrivals" in html


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"state": ConnectionState.SIGNED_OUT}, "signed_out"),
        ({"outage_since": clock.now()}, "schlage_outage"),
    ],
)
def test_trouble_of_a_whole_connection_is_one_banner(
    app: Flask, fields: dict[str, Any], key: str
) -> None:
    make_connection(**fields)

    html = browser(app).get("/").text

    assert element(html, data_banner=key)


@pytest.mark.parametrize("by", ["guest", "property", "reservation", "phone"])
def test_search_finds_bookings_of_any_time(app: Flask, by: str) -> None:
    place = make_property(name="Quince Cottage")
    wanted = make_booking(
        place,
        arrives_in=timedelta(days=200),
        guest_name="Zoe Quill",
        reservation_code="HMQX77",
        guest_phone="+44 20 7946 0999",
    )
    make_booking(make_property(name="Elsewhere"), guest_name="Somebody Else")
    text = {
        "guest": "zoe",
        "property": "quince",
        "reservation": "hmqx",
        "phone": "7946 0999",
    }[by]

    html = browser(app).get("/", query_string={"q": text}).text

    rows = [e["id"] for e in elements(html) if (e.get("id") or "").startswith("booking-")]
    assert rows == [f"booking-{wanted.id}"]


def test_a_percent_sign_is_searched_for_and_is_no_wildcard(app: Flask) -> None:
    make_booking(guest_name="Ana")

    html = browser(app).get("/", query_string={"q": "%"}).text

    assert "No booking fits" in html


def test_filters_stand_in_the_address_and_in_the_poll(app: Flask) -> None:
    place = make_property()
    booking = make_booking(place, arrives_in=timedelta(days=20), verdict=Verdict.NOT_READY)
    make_booking(arrives_in=timedelta(days=20), verdict=Verdict.NOT_READY)

    html = browser(app).get(f"/?when=upcoming&verdict=not_ready&property={place.id}").text

    rows = [e["id"] for e in elements(html) if (e.get("id") or "").startswith("booking-")]
    assert rows == [f"booking-{booking.id}"]
    poll = element(html, id="arrivals")["hx-get"]
    assert poll
    for part in ("when=upcoming", "verdict=not_ready", f"property={place.id}"):
        assert part in poll


@pytest.mark.parametrize("query", ["when=x&verdict=y&property=z&page=w", "page=0", "page=99999999"])
def test_a_filter_that_is_not_understood_is_as_if_it_were_not_there(app: Flask, query: str) -> None:
    assert browser(app).get(f"/?{query}").status_code == 200


def test_long_lists_come_in_pages_of_fifty(app: Flask) -> None:
    place = make_property()
    for number in range(53):
        make_booking(place, arrives_in=timedelta(days=5, minutes=number))
    client = browser(app)

    first, second = (client.get(f"/?when=upcoming&page={n}").text for n in (1, 2))

    def count(html: str) -> int:
        return sum((e.get("id") or "").startswith("booking-") for e in elements(html))

    assert (count(first), count(second)) == (50, 3)
    assert "53 bookings" in first
    assert "page=2" in first


def test_a_page_costs_the_same_queries_whatever_its_length(app: Flask) -> None:
    client = browser(app)
    lock = make_lock()
    place = make_property(locks=[lock])
    door(make_booking(place), lock=lock)

    def queries() -> int:
        statements: list[str] = []

        def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            statements.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            assert client.get("/").status_code == 200
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        return len(statements)

    few = queries()
    for number in range(20):
        door(make_booking(place, arrives_in=timedelta(hours=10 + number)), lock=lock)

    assert queries() == few


def test_words_of_strangers_are_only_words(app: Flask) -> None:
    lock = make_lock(name=HOSTILE)
    booking = make_booking(make_property(name=HOSTILE, locks=[lock]), guest_name=HOSTILE)
    door(booking, Status.NEEDS_YOU, lock=lock, problem=ProblemKey.UNKNOWN, problem_text=HOSTILE)
    client = browser(app)

    pages = [
        client.get(path).text
        for path in (
            "/",
            f"/bookings/{booking.id}",
            "/locks",
            f"/locks/{lock.id}",
            "/properties",
            "/settings/door-locks/schlage",
            "/imports/booking",
        )
    ]
    pages.append(client.get("/", query_string={"q": HOSTILE}).text)

    for html in pages:
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert" in html


def test_staff_see_today_tomorrow_and_who_is_inside_and_no_more(app: Flask) -> None:
    account = make_account()
    place = make_property(account)
    now_inside = make_booking(place, arrives_in=-20 * HOUR)
    tomorrow = make_booking(place, arrives_in=20 * HOUR)
    later = make_booking(place, arrives_in=60 * HOUR)
    client = browser(app, account, Role.STAFF)

    html = client.get("/").text

    assert elements(html, id=f"booking-{now_inside.id}")
    assert elements(html, id=f"booking-{tomorrow.id}")
    assert not elements(html, id=f"booking-{later.id}")
    assert not elements(client.get("/?when=all").text, id=f"booking-{later.id}")
    assert client.get(f"/bookings/{later.id}").status_code == 404
    assert client.get("/locks").status_code == 403


def test_no_pin_stands_on_any_page(app: Flask) -> None:
    lock = make_lock()
    place = make_property(locks=[lock], fallback_entry=Secret("box 7731"))
    booking = make_booking(place, pin="839261")
    code = door(booking, lock=lock)
    code.own_pin = Secret("740518")
    saved(code)
    client = browser(app)

    for path in ("/", f"/bookings/{booking.id}", f"/locks/{lock.id}", "/locks", "/?q=Ana"):
        html = client.get(path).text
        assert "839261" not in html
        assert "740518" not in html
