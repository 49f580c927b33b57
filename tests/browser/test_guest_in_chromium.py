"""The guest's page on a phone: the PIN appears by itself, and help works without JavaScript."""

from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from portal import clock
from portal.domain.entry import EntryState, Evidence
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.models import Booking, DoorCode
from portal.services import guest_links
from portal.unit_of_work import writing
from tests.browser.people import sign_in
from tests.support.builders import (
    make_booking,
    make_door_code,
    make_entry,
    make_guest_link,
    make_lock,
    make_property,
)

pytestmark = pytest.mark.browser

PIN = "839261"


def a_guest(status: Status = Status.CONFIRMED) -> tuple[Booking, DoorCode, str]:
    """A guest who may come in since an hour, with the token of their link."""
    lock = make_lock(name="Front door")
    place = make_property(
        locks=[lock], fallback_entry=Secret("Key box by the gate"), shares_fallback=True
    )
    booking = make_booking(place, arrives_in=-timedelta(hours=1), pin=PIN)
    code = make_door_code(booking, lock, status=status)
    if status is Status.CONFIRMED:
        make_entry(code, state=EntryState.HELD, evidence=Evidence.CONFIRMED, pin=Secret(PIN))
    return booking, code, make_guest_link(booking)


def test_the_pin_appears_by_itself_and_goes_when_the_door_loses_it(site: str, page: Page) -> None:
    _, code, token = a_guest(Status.SENT)
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{site}/guest/{token}")
    expect(page.get_by_text("is being prepared")).to_be_visible()
    page.evaluate("window.wasNeverReloaded = true")

    with writing() as session:
        session.get_one(DoorCode, code.id).status = Status.CONFIRMED
    expect(page.get_by_text("Your door code", exact=True)).to_be_visible(timeout=8_000)
    shown = page.locator(".guest__digits").inner_text()
    with writing() as session:
        session.get_one(DoorCode, code.id).status = Status.NEEDS_YOU
        session.get_one(DoorCode, code.id).status_at = clock.now()
    page.evaluate("document.querySelector('[data-poll]').dispatchEvent(new Event('refresh'))")

    expect(page.get_by_text("is being prepared")).to_be_visible(timeout=8_000)
    assert "".join(c for c in shown if c.isdigit()).startswith(PIN)
    assert page.evaluate("window.wasNeverReloaded") is True
    assert page.evaluate("document.cookie") == ""


def test_a_revoked_link_closes_the_open_page(site: str, page: Page) -> None:
    booking, _, token = a_guest()
    page.goto(f"{site}/guest/{token}")
    expect(page.locator(".guest__digits")).to_be_visible()

    with writing() as session:
        row = session.get_one(Booking, booking.id)
        guest_links.revoke(session, row, "manager:1", clock.now())
    page.evaluate("document.querySelector('[data-poll]').dispatchEvent(new Event('refresh'))")

    expect(page.get_by_text("This link opens nothing")).to_be_visible(timeout=8_000)
    expect(page.locator(".guest__digits")).to_have_count(0)


def test_help_is_a_press_away_without_javascript(site: str, chromium: Browser) -> None:
    _, _, token = a_guest(Status.RETRYING)
    context = chromium.new_context(
        java_script_enabled=False, viewport={"width": 360, "height": 740}
    )
    plain = context.new_page()

    plain.goto(f"{site}/guest/{token}")
    plain.get_by_role("button", name="The door does not open").click()

    expect(plain.get_by_text("We are checking the lock now")).to_be_visible()
    expect(plain.get_by_text("Key box by the gate")).to_be_visible()
    expect(plain.get_by_text("Your host was told")).to_be_visible()
    expect(plain.get_by_role("button", name="It still does not open")).to_be_visible()
    assert context.cookies() == []
    context.close()


def test_a_manager_on_arrivals_sees_the_call_at_once_and_ends_it_there(
    site: str, page: Page, chromium: Browser
) -> None:
    _, _, token = a_guest()
    sign_in(page, site)
    expect(page.get_by_role("heading", level=1)).to_have_text("One guest inside: ready")
    context = chromium.new_context()
    guest = context.new_page()
    guest.goto(f"{site}/guest/{token}")

    guest.get_by_role("button", name="The door does not open").click()
    expect(guest.get_by_text("Your host was told")).to_be_visible()
    context.close()
    page.evaluate("document.querySelector('[data-poll]').dispatchEvent(new Event('refresh'))")

    expect(page.get_by_role("heading", level=1)).to_have_text(
        "One guest stands at the door and cannot get in"
    )
    expect(page).to_have_title("(1) Arrivals · Latchboard")
    expect(page.locator("main [data-banner]").first).to_have_attribute("data-banner", "call")
    page.get_by_role("button", name="The guest is in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("One guest inside: ready")
    expect(page).to_have_url(f"{site}/?page=1")
    expect(page.locator("[data-banner]")).to_have_count(0)


def test_the_page_loads_nothing_from_anywhere_else(site: str, page: Page) -> None:
    _, _, token = a_guest()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto(f"{site}/guest/{token}")
    page.wait_for_load_state("networkidle")

    assert asked
    assert all(url.startswith(site) for url in asked)
