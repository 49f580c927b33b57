"""docs/walkthrough.md in a real browser, with exactly as many clicks as it says."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from portal.domain.entry import EntryState, Evidence
from portal.domain.problems import ProblemKey
from portal.domain.rebuild import Stage
from portal.domain.secret import Secret
from portal.domain.status import Status
from tests.browser.people import sign_in
from tests.support.builders import (
    make_booking,
    make_door_code,
    make_entry,
    make_lock,
    make_manager,
    make_property,
    make_spare,
)
from tests.support.client import PASSWORD

pytestmark = pytest.mark.browser

TEXT = Path(__file__).parents[2].joinpath("docs", "walkthrough.md").read_text()
CLICKS = {
    int(number): int(clicks)
    for number, clicks in re.findall(r"^## (\d)\..*: (\d) clicks?$", TEXT, re.MULTILINE)
}
HOUR = timedelta(hours=1)


class Hand:
    """Presses what it is shown, and counts."""

    def __init__(self) -> None:
        self.clicks = 0

    def press(self, wanted: Locator) -> None:
        wanted.click()
        self.clicks += 1


@pytest.fixture
def hand() -> Hand:
    return Hand()


def button(page: Page, words: str) -> Locator:
    return page.get_by_role("button", name=words)


def link(page: Page, words: str) -> Locator:
    return page.get_by_role("link", name=words)


def test_the_page_counts_the_clicks_of_six_steps() -> None:
    assert sorted(CLICKS) == [1, 2, 3, 4, 5, 6]


def test_signing_in(site: str, page: Page, hand: Hand) -> None:
    manager = make_manager()
    page.goto(site)
    page.get_by_label("E-mail address").fill(manager.email)
    page.get_by_label("Password").fill(PASSWORD)

    hand.press(button(page, "Sign in"))

    expect(page).to_have_title("Arrivals · Latchboard")
    assert hand.clicks == CLICKS[1]


def test_seeing_who_is_in_danger(site: str, page: Page, hand: Hand) -> None:
    make_booking(make_property(name="Garden Studio"), guest_name="Robin Reyes")
    page.set_viewport_size({"width": 360, "height": 740})

    sign_in(page, site)

    expect(page.get_by_role("heading", level=1)).to_have_text("One guest may not get in")
    expect(page.get_by_text("First: Robin Reyes at Garden Studio")).to_be_in_viewport()
    expect(page.locator("[data-count=not_ready]")).to_be_in_viewport()
    assert hand.clicks == CLICKS[2]


def test_giving_a_home_its_lock(site: str, page: Page, hand: Hand) -> None:
    make_lock(name="Garden gate")
    booking = make_booking(make_property(name="Garden Studio"), pin=None)
    sign_in(page, site)

    hand.press(link(page, "Map Garden Studio"))
    hand.press(page.get_by_role("checkbox", name="Garden gate"))
    hand.press(button(page, "Save the locks of Garden Studio"))

    expect(page.get_by_text("are saved")).to_be_visible()
    page.goto(site)
    expect(page.locator(f"#booking-{booking.id}")).to_have_attribute("data-verdict", "on_track")
    assert hand.clicks == CLICKS[3]


def test_repairing_a_split_brain(site: str, page: Page, hand: Hand) -> None:
    lock = make_lock(name="Old Mill front door")
    booking = make_booking(make_property(name="Old Mill", locks=[lock]))
    make_door_code(booking, lock, status=Status.NEEDS_YOU, problem=ProblemKey.SPLIT_BRAIN)
    sign_in(page, site)

    hand.press(link(page, "Set all codes of this lock again"))
    hand.press(button(page, "Start: delete all codes from here"))

    expect(page.locator(f"#rebuild-{lock.id}")).to_have_attribute("data-stage", Stage.DELETING)
    assert hand.clicks == CLICKS[4]


def test_the_bookings_own_page_leads_to_the_repair_too(site: str, page: Page) -> None:
    lock = make_lock()
    booking = make_booking(make_property(locks=[lock]))
    make_door_code(booking, lock, status=Status.NEEDS_YOU, problem=ProblemKey.SPLIT_BRAIN)
    sign_in(page, site)
    page.goto(f"{site}/bookings/{booking.id}")

    page.locator(".verdict").get_by_role("link", name="Set all codes of this lock again").click()

    page.wait_for_url(f"{site}/locks/{lock.id}/rebuild")


def test_giving_a_spare(site: str, page: Page, hand: Hand) -> None:
    lock = make_lock()
    booking = make_booking(make_property(locks=[lock]), arrives_in=HOUR)
    make_door_code(
        booking, lock, status=Status.RETRYING, problem=ProblemKey.COMMAND_TIMEOUT, failures=2
    )
    spare = make_spare(lock, pin="604173")
    make_entry(spare, state=EntryState.HELD, evidence=Evidence.CONFIRMED, pin=Secret("604173"))
    sign_in(page, site)

    hand.press(button(page, "Give the guest the spare code"))

    expect(page.get_by_text("604173")).to_be_visible()
    assert hand.clicks == CLICKS[5]


def test_making_a_guests_page(site: str, page: Page, hand: Hand) -> None:
    lock = make_lock()
    booking = make_booking(make_property(locks=[lock]))
    make_door_code(booking, lock, status=Status.CONFIRMED)
    sign_in(page, site)

    hand.press(link(page, booking.guest_name))
    hand.press(link(page, "Guest page"))
    hand.press(button(page, "Make a link"))
    hand.press(button(page, "Show the link"))

    expect(page.locator("#link")).to_contain_text("/guest/")
    assert hand.clicks == CLICKS[6]
