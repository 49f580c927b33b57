"""The pages in a real browser: by phone and desk, light and dark, live, and without JavaScript."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, Request, expect

from portal import clock
from portal.domain.entry import EntryState, Evidence
from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.models import Alert, Booking, DoorCode, SignIn
from portal.unit_of_work import writing
from tests.browser.people import sign_in
from tests.support.builders import (
    make_booking,
    make_door_code,
    make_entry,
    make_lock,
    make_property,
)

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parent.parent / "vendor" / "axe-4.14.1.min.js").read_text()
HOUR = timedelta(hours=1)


def a_stay(status: Status = Status.SENT, **fields: Any) -> tuple[Booking, DoorCode]:
    lock = make_lock()
    booking = make_booking(make_property(locks=[lock]), arrives_in=30 * HOUR)
    code = make_door_code(booking, lock, status=status, **fields)
    make_entry(code, state=EntryState.HELD, evidence=Evidence.CONFIRMED)
    return booking, code


def confirm(code: DoorCode) -> None:
    """What a webhook leads to."""
    with writing() as session:
        row = session.get_one(DoorCode, code.id)
        row.status, row.status_at, row.confirmed_at = Status.CONFIRMED, clock.now(), clock.now()


def test_a_row_turns_green_without_a_reload_and_keeps_the_focus(site: str, page: Page) -> None:
    booking, code = a_stay()
    sign_in(page, site)
    page.evaluate("window.wasNeverReloaded = true")
    link = page.locator(f"#booking-{booking.id} h3 a")
    link.focus()

    confirm(code)

    expect(page.locator(f"[data-door-code='{code.id}']")).to_have_attribute(
        "data-status", "confirmed", timeout=6_000
    )
    expect(page.locator(f"#booking-{booking.id}")).to_have_attribute("data-verdict", "ready")
    expect(link).to_be_focused()
    assert page.evaluate("window.wasNeverReloaded") is True


def test_a_page_on_which_nothing_happens_shows_a_stay_that_is_moved_to_it(
    site: str, page: Page
) -> None:
    booking = make_booking(arrives_in=30 * 24 * HOUR)
    sign_in(page, site)
    expect(page.get_by_role("heading", name="All quiet")).to_be_visible()
    expect(page.locator(f"#booking-{booking.id}")).to_have_count(0)

    with writing() as session:
        session.get_one(Booking, booking.id).starts_at = clock.now() + 30 * HOUR

    expect(page.locator(f"#booking-{booking.id}")).to_be_visible(timeout=6_000)


def test_the_count_of_new_alerts_follows_on_an_open_page(site: str, page: Page) -> None:
    booking, _ = a_stay(Status.CONFIRMED)
    sign_in(page, site)
    page.goto(f"{site}/bookings/{booking.id}")
    link = page.get_by_role("navigation", name="Main").get_by_role("link", name="Alerts")
    expect(link).to_have_accessible_name("Alerts")
    expect(page.locator("#new-alerts")).to_be_hidden()
    link.focus()

    raise_alert(booking)
    expect(link).to_have_accessible_name("Alerts 1 new", timeout=6_000)
    raise_alert(booking)
    expect(link).to_have_accessible_name("Alerts 2 new", timeout=6_000)

    expect(page.locator("#new-alerts")).to_be_visible()
    expect(link).to_be_focused()


def raise_alert(booking: Booking) -> None:
    with writing() as session:
        session.add(
            Alert(
                account_id=booking.account_id,
                key=f"k:{clock.now()}",
                cause="c",
                words="New.",
                opened_at=clock.now(),
            )
        )


def test_a_month_left_open_turns_green(site: str, page: Page) -> None:
    _, code = a_stay(Status.NEEDS_YOU)
    sign_in(page, site)
    page.goto(f"{site}/calendar?month={code.starts_at:%Y-%m}")
    night = page.locator(".night")
    expect(night).to_have_attribute("data-verdict", "not_ready")
    night.focus()

    confirm(code)

    expect(night).to_have_attribute("data-verdict", "ready", timeout=6_000)
    expect(night).to_be_focused()


def test_the_tabs_title_follows(site: str, page: Page) -> None:
    _, code = a_stay()
    sign_in(page, site)
    expect(page).to_have_title("Arrivals · Latchboard")

    with writing() as session:
        session.get_one(DoorCode, code.id).status = Status.NEEDS_YOU

    expect(page).to_have_title("(1) Arrivals · Latchboard", timeout=6_000)


def test_a_hidden_tab_asks_nothing_and_catches_up_when_it_is_seen(site: str, page: Page) -> None:
    a_stay()
    sign_in(page, site)
    asked: list[str] = []

    def note(request: Request) -> None:
        # Only what the page asks for: the browser fetches a tab's icon when it likes.
        if "hx-request" in request.headers:
            asked.append(request.url)

    page.clock.install()
    page.goto(f"{site}/")
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.on("request", note)
    page.clock.fast_forward(60_000)
    while_hidden = list(asked)
    with page.expect_request("**/arrivals/live*"):
        page.evaluate(
            "Object.defineProperty(document, 'hidden', {value: false, configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )

    assert while_hidden == []


def test_an_expired_session_shows_the_sign_in_page(site: str, page: Page) -> None:
    a_stay()
    sign_in(page, site)

    with writing() as session:
        session.query(SignIn).delete()

    page.wait_for_url("**/sign-in*", timeout=8_000)
    expect(page.get_by_label("Password")).to_be_visible()


def test_a_page_that_reaches_nobody_says_that_it_is_not_live(site: str, page: Page) -> None:
    a_stay()
    sign_in(page, site)
    notice = page.get_by_text("This page is not live at the moment")
    expect(notice).to_be_hidden()

    page.route("**/arrivals/live*", lambda route: route.abort())

    expect(notice).to_be_visible(timeout=8_000)
    page.unroute("**/arrivals/live*")
    expect(notice).to_be_hidden(timeout=8_000)


def test_a_page_that_reaches_nobody_asks_less_and_less_and_at_once_when_it_is_online(
    site: str, page: Page
) -> None:
    a_stay()
    page.clock.install()
    sign_in(page, site)
    asked: list[str] = []
    refused: list[str] = []

    def note_live(request: Request) -> None:
        if "/arrivals/live" in request.url:
            asked.append(request.url)

    def note_refused(request: Request) -> None:
        refused.append(request.url)

    page.route("**/arrivals/live*", lambda route: route.abort())
    page.on("request", note_live)
    page.on("requestfailed", note_refused)

    asked_after = []
    for second in range(2, 122, 2):
        before = len(asked)
        page.clock.run_for(2_000)
        page.evaluate("fetch('/healthz')")  # what the timers asked is noted before this
        while len(refused) < len(asked):  # and the page has heard the refusal before time goes on
            page.evaluate("fetch('/healthz')")
        if len(asked) > before:
            asked_after.append(second)
    page.unroute("**/arrivals/live*")

    pauses = [b - a for a, b in pairwise(asked_after)]
    assert pauses == sorted(pauses)
    assert pauses[0] in (4, 6)
    assert pauses[-1] in (30, 32)
    assert len(asked_after) < 9
    with page.expect_response("**/arrivals/live*"):
        page.evaluate("window.dispatchEvent(new Event('online'))")
    with page.expect_response("**/arrivals/live*"):
        page.clock.run_for(2_000)


def test_no_page_is_kept_in_the_browsers_storage(site: str, page: Page) -> None:
    booking, _ = a_stay(Status.CONFIRMED)
    sign_in(page, site)
    page.goto(f"{site}/bookings/{booking.id}")
    page.get_by_role("button", name="Show PIN").click()
    expect(page.get_by_text("482917")).to_be_visible()
    page.goto(f"{site}/")
    page.goto(f"{site}/locks")
    page.go_back()

    kept = page.evaluate("({...localStorage, ...sessionStorage})")

    # htmx notes the address of the last page, and no page.
    assert kept in ({}, {"htmx-current-path-for-history": "/"})


def test_ages_go_on_ticking_in_the_browser(site: str, page: Page) -> None:
    _, code = a_stay(status_at=clock.now() - timedelta(seconds=20))
    sign_in(page, site)
    page.route("**/live*", lambda route: route.abort())
    age = page.locator(f"[data-door-code='{code.id}'] time")
    before = age.inner_text()

    expect(age).not_to_have_text(before, timeout=5_000)
    assert before.endswith("s ago")


def test_everything_but_the_live_refresh_works_without_javascript(
    app: Flask, site: str, chromium: Browser
) -> None:
    booking, code = a_stay(Status.RETRYING, problem=ProblemKey.NACK)
    context = chromium.new_context(java_script_enabled=False)
    plain = context.new_page()
    sign_in(plain, site)

    plain.goto(f"{site}/bookings/{booking.id}")
    plain.get_by_role("button", name="Resync").click()
    expect(plain.get_by_text("has started")).to_be_visible()
    plain.get_by_role("button", name="Show PIN").click()
    expect(plain.get_by_text("482917")).to_be_visible()
    plain.goto(f"{site}/settings/door-locks/schlage")
    plain.locator(f"#mapping-{booking.property_id} input[value='{code.lock_id}']").uncheck()
    plain.locator(f"#mapping-{booking.property_id} button").click()
    expect(plain.get_by_text("No lock opens")).to_be_visible()
    plain.get_by_role("button", name="Sign out").click()
    expect(plain.get_by_label("Password")).to_be_visible()
    context.close()


def test_a_new_token_is_copied_by_a_press(site: str, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site)
    sign_in(page, site)
    page.goto(f"{site}/team/tokens/new")
    page.get_by_label("What is it for?").fill("Booking robot")
    page.get_by_role("button", name="Make the token").click()

    page.get_by_role("button", name="Copy the token").click()

    expect(page.get_by_text("Copied.")).to_be_visible()
    token = page.locator("#token").inner_text()
    assert token.startswith("lb_")
    assert page.evaluate("navigator.clipboard.readText()") == token


def test_on_a_phone_one_tap_leads_past_the_history_to_the_pin(site: str, page: Page) -> None:
    booking, _ = a_stay(Status.CONFIRMED)
    sign_in(page, site)
    page.set_viewport_size({"width": 1280, "height": 740})
    page.goto(f"{site}/bookings/{booking.id}")
    jump = page.get_by_role("link", name="PIN and changes")
    expect(jump).to_be_hidden()

    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.get_by_role("button", name="Show PIN")).not_to_be_in_viewport()
    jump.click()

    expect(page.get_by_role("button", name="Show PIN")).to_be_in_viewport()


def test_the_whole_page_can_be_used_by_keyboard(site: str, page: Page) -> None:
    booking, _ = a_stay(Status.NEEDS_YOU, problem=ProblemKey.CHANGED_OUTSIDE)
    sign_in(page, site)

    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").strip() == booking.guest_name:
            break
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/bookings/{booking.id}")
