"""Takes the README's screenshot anew: `python -m docs.screenshots` (`make screenshots`).

It is the real thing: `make run` in a temporary directory, the demo account, and a browser that
waits until the day has some of everything on it.
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

from playwright.sync_api import Page, sync_playwright

from portal.domain.status import Verdict
from tests.support.chromium import HOW_TO_GET_IT, find

CHECKOUT: Final = Path(__file__).resolve().parents[1]
ARRIVALS: Final = Path(__file__).with_name("screenshots") / "arrivals.png"
LONGEST_SECONDS: Final = 180
# By then most codes are confirmed, one has timed out and is being verified, and one has no lock.
SETTLE_SECONDS: Final = 75


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


def take(page: Page, demo: Demo) -> None:
    """The arrivals page is in its file, once it shows every verdict there is."""
    page.goto(f"{demo.address}/sign-in")
    page.fill('[name="email"]', demo.email)
    page.fill('[name="password"]', demo.password)
    page.click("main button")
    page.wait_for_timeout(SETTLE_SECONDS * 1000)
    for verdict in Verdict:
        page.wait_for_selector(f'[data-verdict="{verdict}"]', timeout=LONGEST_SECONDS * 1000)
    ARRIVALS.parent.mkdir(exist_ok=True)
    page.screenshot(path=ARRIVALS)


def main() -> None:
    chromium = find()
    if chromium is None:
        sys.exit(HOW_TO_GET_IT)
    options = ["--no-sandbox"] if os.getuid() == 0 else []
    with demo() as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        view = browser.new_context(
            viewport={"width": 1180, "height": 1180}, locale="en-US", device_scale_factor=1.5
        )
        take(view.new_page(), running)
        browser.close()
    print(f"{ARRIVALS.relative_to(CHECKOUT)} is new.")


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
