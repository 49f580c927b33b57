"""Takes the screenshots of the pages in docs anew: `python -m docs.screenshots`.

It is the real thing: `make run` in a temporary directory, the demo account, and a browser that
waits until the day has some of everything on it (`make screenshots`, about six minutes).
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

from portal.domain.status import Verdict
from tests.support.chromium import HOW_TO_GET_IT, find

CHECKOUT: Final = Path(__file__).resolve().parents[1]
PICTURES: Final = Path(__file__).with_name("screenshots")
LONGEST_SECONDS: Final = 180
# By then most codes are confirmed, one has timed out and is being verified, and one has no lock.
SETTLE_SECONDS: Final = 75
# Until everything that software can try on the Old Mill's lock has been tried.
LADDER_SECONDS: Final = 600
DESK: Final[ViewportSize] = {"width": 1280, "height": 900}
PHONE: Final[ViewportSize] = {"width": 360, "height": 740}


@dataclass(frozen=True)
class Demo:
    """A running demo: its address and its sign-in."""

    address: str
    email: str
    password: str


@contextmanager
def demo() -> Iterator[Demo]:
    """`make run` with nothing kept, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="latchboard-") as directory:
        running = subprocess.Popen(
            [sys.executable, "-m", "portal.runtime", "--state", f"{directory}/state"],
            cwd=CHECKOUT,
            env={**os.environ, "PORT": str(_free_port())},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield _announced(running)
        finally:
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=60)


@dataclass(frozen=True)
class Camera:
    """A tab of a signed-in manager; `take` looks at it by desk and phone."""

    page: Page
    directory: Path

    def sign_in(self, demo: Demo) -> None:
        self.page.goto(f"{demo.address}/sign-in")
        self.page.fill('[name="email"]', demo.email)
        self.page.fill('[name="password"]', demo.password)
        self.page.click("main button")
        self.page.wait_for_url(f"{demo.address}/")

    def take(
        self, name: str, *, on: ViewportSize = DESK, at: str = "", is_dark: bool = False
    ) -> None:
        """What the screen shows now is in its file; scrolled to `at`, if that is given."""
        self.page.set_viewport_size(on)
        self.page.emulate_media(
            color_scheme="dark" if is_dark else "light", reduced_motion="reduce"
        )
        if at:
            self.page.locator(at).first.evaluate("it => it.scrollIntoView()")
        else:
            self.page.evaluate("scrollTo(0, 0)")
        self.page.screenshot(path=self.directory / f"{name}.png")


def take_arrivals(camera: Camera, demo: Demo) -> None:
    """The arrivals of a day with every verdict there is."""
    page = camera.page
    page.goto(demo.address)
    for verdict in Verdict:
        page.wait_for_selector(f'[data-verdict="{verdict}"]', timeout=LONGEST_SECONDS * 1000)
    camera.take("arrivals", on={"width": 1280, "height": 1180})
    camera.take("arrivals-dark", on={"width": 1280, "height": 1180}, is_dark=True)
    camera.take("arrivals-360", on=PHONE)
    camera.take("arrivals-card-360", on=PHONE, at=".day")


def take_the_rest(camera: Camera, demo: Demo) -> None:
    """Each page of the walkthrough, once the Old Mill's lock needs a person."""
    page = camera.page
    page.goto(demo.address)
    mill = page.locator(".arrival", has_text="Old Mill Apartment").first
    expect(mill).to_have_attribute("data-verdict", "not_ready", timeout=LADDER_SECONDS * 1000)
    mill.locator("h3 a").click()
    camera.take("booking")
    page.set_viewport_size(DESK)
    page.get_by_role("link", name="Set all codes of this lock again").first.click()
    camera.take("rebuild")

    _take_guest_page(camera, demo)
    page.goto(f"{demo.address}/locks")
    camera.take("locks")
    page.get_by_role("link", name="Maple Cottage front door").click()
    camera.take("lock-charts", at="#course")
    page.goto(f"{demo.address}/alerts")
    camera.take("alerts")
    page.goto(f"{demo.address}/calendar")
    camera.take("calendar", on={"width": 1280, "height": 600})
    page.goto(f"{demo.address}/settings/door-locks/schlage")
    camera.take("settings", on={"width": 1280, "height": 1180})
    camera.take("settings-360", on=PHONE, at="[id^=mapping-]")
    page.set_viewport_size(DESK)
    page.goto(f"{demo.address}/bulk")
    page.get_by_role("link", name="Tick all on this page").click()
    page.get_by_role("button", name="See what would happen").click()
    page.wait_for_url(re.compile(r"/bulk/\d+"))
    camera.take("bulk-preview", on={"width": 1280, "height": 1000})


def _take_guest_page(camera: Camera, demo: Demo) -> None:
    """The page of the guest who is inside."""
    page = camera.page
    page.goto(demo.address)
    page.locator("[data-list=inside] a").first.click()
    page.get_by_role("link", name="Guest page").click()
    page.get_by_role("button", name="Make a link").click()
    if not page.locator("#link").count():
        page.get_by_role("button", name="Show the link").click()
    page.goto(page.locator("#link").inner_text())
    camera.take("guest-360", on=PHONE)
    page.set_viewport_size(DESK)


def main() -> None:
    chromium = find()
    if chromium is None:
        sys.exit(HOW_TO_GET_IT)
    options = ["--no-sandbox"] if os.getuid() == 0 else []
    PICTURES.mkdir(exist_ok=True)
    with demo() as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        view = browser.new_context(viewport=DESK, locale="en-US", device_scale_factor=1)
        camera = Camera(view.new_page(), PICTURES)
        camera.sign_in(running)
        camera.page.wait_for_timeout(SETTLE_SECONDS * 1000)
        take_arrivals(camera, running)
        take_the_rest(camera, running)
        browser.close()
    print(f"{PICTURES.relative_to(CHECKOUT)} is new.")


def _announced(running: subprocess.Popen[str]) -> Demo:
    """What `make run` says once it is ready."""
    assert running.stdout is not None  # noqa: S101 - it was asked for
    said = ""
    began = time.monotonic()
    for line in running.stdout:
        said += line
        found = re.search(r"ready: (\S+).*e-mail +(\S+).*password +(\S+)", said, re.DOTALL)
        if found:
            return Demo(*found.groups())
        if time.monotonic() - began > LONGEST_SECONDS:
            break
    raise RuntimeError(f"make run did not come up:\n{said}")


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
