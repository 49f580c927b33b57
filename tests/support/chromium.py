"""Debian's Chromium for the browser tests: fixtures `chromium` and `page`.

Playwright's own download of a browser works on few networks, so the system's is used. Where there
is none the tests are skipped and say how to get it; in CI a missing browser is a failure, because
there a skip would pass unseen. `python -m tests.support.chromium` says it before a long test run.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ON_A_MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
HOW_TO_GET_IT = (
    "Chromium is missing, and the browser tests need it. On Debian and Ubuntu: "
    "`apt install chromium`; elsewhere any installed Chromium or Chrome is found by its name."
)


def find() -> str | None:
    """The path of an installed Chromium or Chrome."""
    found = (shutil.which(name) for name in NAMES)
    return next(filter(None, found), str(ON_A_MAC) if ON_A_MAC.exists() else None)


def is_ci() -> bool:
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium; skips the test where there is none, and fails it in CI."""
    path = find()
    if path is None:
        if is_ci():
            pytest.fail(HOW_TO_GET_IT)
        pytest.skip(HOW_TO_GET_IT)
    # Chromium refuses to run its sandbox as root, as in most containers.
    options = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """An empty tab of a new browser session.

    When the test is over, fails it for every script error and every breach of the page's Content
    Security Policy that happened meanwhile.
    """
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    tab = context.new_page()
    tab.set_default_timeout(15_000)
    complaints: list[str] = []

    def note_error(error: Error) -> None:
        complaints.append(f"script error: {error}")

    def note_breach(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            complaints.append(message.text)

    tab.on("pageerror", note_error)
    tab.on("console", note_breach)
    yield tab
    context.close()
    assert complaints == []


if __name__ == "__main__" and find() is None:
    print(HOW_TO_GET_IT, flush=True)  # noqa: T201 - it is a command
