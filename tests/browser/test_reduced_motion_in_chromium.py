"""Nothing moves for a person who has asked their system for less motion."""

from typing import Literal

import pytest
from playwright.sync_api import Page

from portal.domain.command import State
from portal.domain.status import Status
from tests.browser.people import sign_in
from tests.support.builders import (
    make_booking,
    make_command,
    make_door_code,
    make_entry,
    make_lock,
    make_property,
)

pytestmark = pytest.mark.browser

# What moves now: the names of keyframes, and the properties in transition.
MOVING = "document.getAnimations().map(a => a.animationName ?? a.transitionProperty).sort()"
# What a poll does when a status changes: the same badge in another tone.
TURN_RED = """
const badge = document.querySelector("main .badge:not(.tone--red)");
getComputedStyle(badge).backgroundColor;
badge.className = "badge tone--red";
"""


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_pages_move_only_for_those_who_did_not_ask_for_less_motion(
    site: str, page: Page, motion: Literal["no-preference", "reduce"]
) -> None:
    lock = make_lock()
    code = make_door_code(make_booking(make_property(locks=[lock])), lock, status=Status.SENT)
    make_command(make_entry(code), state=State.ACCEPTED)
    sign_in(page, site)
    page.emulate_media(reduced_motion=motion)
    # Slowly, so that no transition is over before it is looked for.
    animations = page.context.new_cdp_session(page)
    animations.send("Animation.enable")
    animations.send("Animation.setPlaybackRate", {"playbackRate": 0.02})

    page.goto(f"{site}/locks/{lock.id}")
    in_flight = page.evaluate(MOVING)
    page.evaluate(TURN_RED)
    turning = page.evaluate(MOVING)
    page.goto(f"{site}/bookings/{code.booking_id}")
    page.get_by_role("button", name="Resync").hover()
    pointed_at = page.evaluate(MOVING)

    if motion == "reduce":
        assert (in_flight, turning, pointed_at) == ([], [], [])
    else:
        assert in_flight == ["spin"]
        assert "background-color" in turning
        assert pointed_at
