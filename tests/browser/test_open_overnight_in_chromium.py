"""A page that is left open: it asks at its pace and no more, it does not grow, and it ends well."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import CDPSession, Page, Request, expect

from portal import clock
from portal.domain.bulk import RunState
from portal.domain.entry import EntryState, Evidence
from portal.domain.guest_sending import Way
from portal.domain.status import Status
from portal.models import Booking, DoorCode, GuestLink, SignIn
from portal.unit_of_work import writing
from tests.browser.people import sign_in
from tests.support.builders import (
    make_booking,
    make_bulk_run,
    make_channel,
    make_door_code,
    make_endpoint,
    make_entry,
    make_guest_link,
    make_guest_way,
    make_lock,
    make_property,
    make_staff_code,
)

pytestmark = pytest.mark.browser

HOUR = timedelta(hours=1)
ANSWERED = """async () => {
    while (document.querySelector(".htmx-request")) await new Promise(done => setTimeout(done, 10));
}"""
REFRESH = "document.querySelector('[data-poll]').dispatchEvent(new Event('refresh'))"


def a_stay() -> tuple[Booking, DoorCode]:
    lock = make_lock()
    booking = make_booking(make_property(locks=[lock]), arrives_in=30 * HOUR)
    code = make_door_code(booking, lock, status=Status.SENT)
    make_entry(code, state=EntryState.HELD, evidence=Evidence.CONFIRMED)
    return booking, code


def turn(code: DoorCode, status: Status) -> None:
    with writing() as session:
        row = session.get_one(DoorCode, code.id)
        row.status, row.status_at = status, clock.now()


def poll_once(page: Page) -> int:
    """The status of the answer to one poll that was made now, after what it brought is shown."""
    with page.expect_response("**/live*") as answer:
        page.evaluate(REFRESH)
    answer.value.finished()
    # Whatever else the answer led to in the page has happened.
    page.evaluate("new Promise(done => setTimeout(done, 30))")
    return answer.value.status


def size(page: Page, devtools: CDPSession) -> tuple[int, int]:
    """Nodes and listeners that the page keeps, after its garbage is gone."""
    # A question under way has a dozen listeners of its own; a hidden page asks none.
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.evaluate(ANSWERED)
    devtools.send("HeapProfiler.collectGarbage")
    counters = devtools.send("Memory.getDOMCounters")
    page.evaluate("delete document.hidden")
    return counters["nodes"], counters["jsEventListeners"]


def test_a_page_left_open_overnight_does_not_grow(site: str, page: Page) -> None:
    _, code = a_stay()
    sign_in(page, site)
    devtools = page.context.new_cdp_session(page)
    states = [Status.CONFIRMED, Status.NEEDS_YOU, Status.SENT]

    def an_hour(changes: int, silent: int) -> None:
        for number in range(changes):
            turn(code, states[number % len(states)])
            assert poll_once(page) == 200
        for _ in range(silent):
            assert poll_once(page) == 204

    an_hour(3, 10)
    before = size(page, devtools)
    an_hour(40, 160)
    after = size(page, devtools)

    assert after[0] <= before[0] + 40, f"nodes and listeners: {before}, then {after}"
    assert after[1] <= before[1] + 8, f"nodes and listeners: {before}, then {after}"


def test_it_asks_once_per_pace_however_often_it_was_changed(site: str, page: Page) -> None:
    _, code = a_stay()
    page.clock.install()
    sign_in(page, site)
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/live" in request.url:
            asked.append(request.url)

    for status in (Status.RETRYING, Status.SENT, Status.QUEUED, Status.SENT):
        turn(code, status)
        poll_once_by_hand(page)

    page.on("request", note)
    for _ in range(20):
        with page.expect_response("**/live*") as answer:
            page.clock.run_for(2_000)
        answer.value.finished()

    assert len(asked) == 20


def poll_once_by_hand(page: Page) -> None:
    with page.expect_response("**/live*") as answer:
        page.evaluate(REFRESH)
    assert answer.value.status == 200
    answer.value.finished()
    page.clock.run_for(50)


def bulk_page() -> str:
    run = make_bulk_run(make_booking(), state=RunState.RUNNING, started_at=clock.now())
    return f"/bulk/{run.id}"


def way_page(way: Way) -> str:
    make_guest_way(way=way)
    return f"/settings/guest-messages/{way}"


LIVE_PAGES: dict[str, Callable[[], str]] = {
    "alerts.live": lambda: "/alerts",
    "arrivals.live": lambda: "/",
    "bookings.live": lambda: f"/bookings/{a_stay()[0].id}",
    "bulk.live": bulk_page,
    "calendar.live": lambda: "/calendar",
    "alert_settings.live": lambda: f"/settings/alerts/channels/{make_channel().id}",
    "guest_sending.live": lambda: f"/bookings/{a_stay()[0].id}/send",
    "guest_ways.email_live": lambda: way_page(Way.EMAIL),
    "guest_ways.sms_live": lambda: way_page(Way.SMS),
    "locks.live": lambda: f"/locks/{make_lock().id}",
    "locks.index_live": lambda: "/locks",
    "rebuilds.live": lambda: f"/locks/{make_lock().id}/rebuild",
    "settings.live": lambda: "/settings/door-locks/schlage",
    "staff_codes.live": lambda: f"/staff-codes/{make_staff_code().id}",
    "staff_codes.index_live": lambda: "/staff-codes",
    "endpoints.live": lambda: f"/settings/alerts/webhooks/{make_endpoint().id}",
}


def test_every_page_that_polls_is_among_them(app: Flask) -> None:
    polled = {rule.endpoint for rule in app.url_map.iter_rules() if rule.rule.endswith("/live")}

    # The guest's page knows no session: see below.
    assert polled - {"guest.live"} == set(LIVE_PAGES)


@pytest.mark.parametrize("endpoint", LIVE_PAGES)
def test_a_session_that_is_over_leads_from_every_live_page_to_the_sign_in(
    site: str, page: Page, endpoint: str
) -> None:
    path = LIVE_PAGES[endpoint]()
    sign_in(page, site)
    page.goto(site + path)

    with writing() as session:
        session.query(SignIn).delete()
    page.evaluate(REFRESH)

    page.wait_for_url(re.compile("/sign-in"))
    expect(page.get_by_label("Password")).to_be_visible()


def test_a_guests_page_outlives_every_session_and_ends_with_its_link(site: str, page: Page) -> None:
    booking, _ = a_stay()
    page.goto(f"{site}/guest/{make_guest_link(booking)}")
    with writing() as session:
        session.query(SignIn).delete()
    assert poll_once(page) in {200, 204}
    expect(page.get_by_label("Password")).to_have_count(0)

    with writing() as session:
        session.query(GuestLink).update({"revoked_at": clock.now()})
    page.evaluate(REFRESH)

    expect(page.get_by_text("This link opens nothing")).to_be_visible()
