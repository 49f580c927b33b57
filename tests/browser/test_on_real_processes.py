"""A manager in Chromium in front of the whole product as it runs: live, by hand and by keyboard."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import ConsoleMessage, Error, Locator, Page, Request, expect

from tests.process.people import Manager
from tests.process.running import EMAIL, PASSWORD, Running, eventually
from tests.process.stays import Stay, a_door
from tests.runtime.processes import needs_proc

pytestmark = [pytest.mark.browser, pytest.mark.process, needs_proc]

AXE: Final = (Path(__file__).parent.parent / "vendor" / "axe-4.14.1.min.js").read_text()
LIVE: Final = 15_000


@pytest.fixture
def tab(running: Running, page: Page) -> Iterator[Page]:
    """A tab in which the manager is signed in; nothing may complain on its console."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # Chromium itself reports the one 401 that tells a page that its session is over.
        if message.type in {"error", "warning"} and " 401 " not in f"{message.text} ":
            complaints.append(message.text)

    page.on("console", note)
    page.goto(f"{running.address}/sign-in")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{running.address}/")
    yield page
    assert complaints == []


def look_at(tab: Page) -> None:
    """The page shuts nobody out and does not scroll sideways."""
    tab.evaluate(AXE)
    found = tab.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert [(each["id"], each["nodes"][0]["target"]) for each in found] == []
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def press_to(tab: Page, wanted: Locator) -> None:
    """The focus has come to this control with nothing but the Tab key."""
    expect(wanted).to_be_visible()
    for _ in range(200):
        tab.keyboard.press("Tab")
        if wanted.evaluate("control => control === document.activeElement"):
            return
    pytest.fail("the Tab key does not lead there")


def never_reloaded(tab: Page) -> bool:
    return bool(tab.evaluate("window.wasNeverReloaded === true"))


def a_slow_door(running: Running, guest: str) -> Stay:
    """A booking whose lock takes seconds to answer."""
    door = a_door(running)
    running.owner.post("/faults", lock=door.lock, latency_median=5, latency_p95=5.1, lock_timeout=9)
    stay = door.put(guest)
    stay.wait_for("sent")
    return stay


def test_a_row_goes_from_sent_to_confirmed_without_a_reload(running: Running, tab: Page) -> None:
    stay = a_slow_door(running, "Slow Steady")
    tab.goto(f"{running.address}/")
    tab.evaluate("window.wasNeverReloaded = true")
    row = tab.locator(f"#booking-{stay.id}")
    door = row.locator("[data-door-code]")

    expect(door).to_have_attribute("data-status", "sent")
    expect(door).to_have_attribute("data-status", "confirmed", timeout=LIVE)
    expect(row).to_have_attribute("data-verdict", "ready")

    assert never_reloaded(tab)
    assert len(stay.door.codes()) == 1
    look_at(tab)


def test_resync_is_pressed_and_the_page_follows_it_to_its_end(running: Running, tab: Page) -> None:
    stay = a_door(running).put("Press Me")
    stay.wait_for("confirmed")
    tab.goto(running.address + stay.path)

    press_to(tab, tab.get_by_role("button", name="Resync"))
    tab.keyboard.press("Enter")
    expect(tab.get_by_text("has started")).to_be_visible()
    tab.evaluate("window.wasNeverReloaded = true")
    kinds = eventually(
        lambda: [command["kind"] for command in stay.door.commands()], lambda all: len(all) == 2
    )
    expect(tab.get_by_text("Resync is running")).to_be_hidden(timeout=LIVE)
    expect(tab.locator("[data-door-code]")).to_have_attribute("data-status", "confirmed")

    assert kinds == ["add", "update"]
    assert never_reloaded(tab)
    look_at(tab)


def test_the_mapping_link_leads_to_the_cure_and_the_booking_heals_live(
    running: Running, tab: Page
) -> None:
    stay = a_door(running, is_mapped=False).put("Lost Larry")
    tab.set_viewport_size({"width": 360, "height": 800})
    tab.emulate_media(color_scheme="dark", reduced_motion="reduce")
    tab.goto(running.address + stay.path)
    panel = tab.locator(f"#booking-{stay.id}")
    expect(panel).to_have_attribute("data-verdict", "not_ready")
    trouble = tab.locator("[data-trouble=unrecognized_job_state]")
    look_at(tab)

    press_to(tab, trouble.get_by_role("link", name="Map this property's locks"))
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**#mapping-{stay.door.property_id}")
    look_at(tab)
    card = tab.locator(f"#mapping-{stay.door.property_id}")
    lock = card.locator(f"input[value='{stay.door.lock_id}']")
    if not lock.is_visible():
        press_to(tab, card.locator("summary"))
        tab.keyboard.press("Enter")
    if not lock.is_checked():  # it may be suggested already, by its name
        press_to(tab, lock)
        tab.keyboard.press("Space")
    assert card.locator("input[name=lock]:checked").count() == 1
    press_to(tab, card.get_by_role("button"))
    running.owner.post("/faults", lock=stay.door.lock, latency_median=2, latency_p95=2.1)
    tab.keyboard.press("Enter")
    expect(tab.get_by_text("are saved")).to_be_visible()
    tab.goto(running.address + stay.path)
    tab.evaluate("window.wasNeverReloaded = true")
    expect(panel).to_have_attribute("data-verdict", "ready", timeout=LIVE)

    expect(trouble).to_have_count(0)
    assert never_reloaded(tab)
    assert stay.door.opens(stay.pin)
    look_at(tab)


def test_a_page_asks_every_2_seconds_in_flight_and_settled(running: Running, tab: Page) -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/live" in request.url:
            asked.append(request.url)

    def asked_within(milliseconds: int) -> int:
        asked.clear()
        tab.clock.fast_forward(milliseconds)
        tab.evaluate("1")  # what the timers sent has left the tab by now
        return len(asked)

    done = a_door(running).put("Paced Slowly")
    done.wait_for("confirmed")
    door = a_door(running)
    door.script("state:Pending", only="add")
    stay = door.put("Paced")
    stay.wait_for("sent")
    tab.clock.install()
    tab.on("request", note)

    tab.goto(running.address + stay.path)
    in_flight = (asked_within(1_500), asked_within(600))
    tab.goto(running.address + done.path)
    settled = (asked_within(1_500), asked_within(600))

    assert in_flight == (0, 1)
    assert settled == (0, 1)


def test_going_back_finds_no_pin_in_the_browsers_storage(running: Running, tab: Page) -> None:
    stay = a_door(running).put("Private Pat")
    stay.wait_for("confirmed")
    tab.goto(running.address + stay.path)
    tab.get_by_role("button", name="Show PIN").click()
    expect(tab.get_by_text(stay.pin)).to_be_visible()

    tab.get_by_role("link", name="Arrivals").first.click()
    tab.wait_for_url(f"{running.address}/")
    kept = tab.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    # Chromium kept no copy of the page either: it would have to send the form once more.
    with pytest.raises(Error, match="ERR_CACHE_MISS"):
        tab.go_back()

    assert stay.pin not in kept
    # Chromium's own page that says so is still on its way, which a locator waits for.
    expect(tab.locator("body")).not_to_contain_text(stay.pin)


def test_a_session_that_ends_elsewhere_leads_to_the_sign_in_page(
    running: Running, tab: Page
) -> None:
    stay = a_slow_door(running, "Watched")
    tab.goto(running.address + stay.path)

    other = Manager(running.address)
    for cookie in tab.context.cookies():
        other.http.cookies.set(cookie["name"], cookie["value"])
    other.submit("/", "/sign-out")

    tab.wait_for_url(re.compile("/sign-in"), timeout=LIVE)
    expect(tab.get_by_label("Password")).to_be_visible()
    expect(tab.locator("[data-door-code]")).to_have_count(0)
