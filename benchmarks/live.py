"""How long a change takes from Schlage's webhook to the screen, with fifty pages open.

`python -m benchmarks.live` prints one line. Forty-nine of the pages are pollers that follow the
address and the pace that each answer names, as a page does; the fiftieth is a tab of Chromium, in
which a change is seen. A change is a new booking's code: its row stands in the tab as sent, the
lock answers, the simulated Schlage sends the webhook, and the row turns green. The time is that
from the sending of the webhook to the change of the row.
"""

import html
import json
import os
import re
import signal
import sys
import threading
from dataclasses import replace
from http.client import HTTPConnection
from types import FrameType
from typing import Any, Final, NoReturn

from playwright.sync_api import Page, sync_playwright

from benchmarks.measure import LOOPBACK, percentile, tell
from benchmarks.rig import Rig
from simulator.faults import preset
from tests.support.chromium import HOW_TO_GET_IT, find

PAGES: Final = 50
CHANGES: Final = 100
# Bookings that are made together; the tab shows them by the digits that their names share.
TOGETHER: Final = 10
LONGEST_MILLISECONDS: Final = 60_000
_POLL: Final = re.compile(r'hx-get="([^"]*/live[^"]*)" hx-trigger="every (\d+)s')
# Writes down when each row is first seen green, by the clock of the machine.
_WATCH: Final = """() => {
  window.green = {};
  const look = () => document.querySelectorAll('.arrival').forEach(row => {
    if (row.dataset.verdict === 'ready') window.green[row.id] ??= Date.now();
  });
  new MutationObserver(look).observe(document.body,
    {subtree: true, childList: true, attributes: true, attributeFilter: ['data-verdict']});
  look();
}"""


class OpenPages:
    """Arrivals pages that nobody looks at, each asking at the pace it was told."""

    def __init__(self, port: int, cookie: str, count: int) -> None:
        self._port, self._cookie = port, cookie
        self._stop = threading.Event()
        self.asked = 0
        self._counting = threading.Lock()
        self._threads = [
            threading.Thread(target=self._stay_open, args=(number / count,), daemon=True)
            for number in range(count)
        ]

    def __enter__(self) -> "OpenPages":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _stay_open(self, share: float) -> None:
        """Opened at its own moment, so that the pages do not ask in step."""
        connection = HTTPConnection(LOOPBACK, self._port, timeout=30)
        path, pace = "/", 2.0 * share
        while not self._stop.wait(pace):
            status, text = self._ask(connection, path)
            with self._counting:
                self.asked += 1
            if status != 204:
                path, pace = _poll_of(text)

    def _ask(self, connection: HTTPConnection, path: str) -> tuple[int, str]:
        """Status and body; asked again, as browsers do, where an idle connection was closed."""
        try:
            connection.request("GET", path, headers=self._headers(path))
            answer = connection.getresponse()
        except ConnectionError:
            connection.close()
            connection.request("GET", path, headers=self._headers(path))
            answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def _headers(self, path: str) -> dict[str, str]:
        headers = {"Cookie": self._cookie}
        return headers if path == "/" else {**headers, "HX-Request": "true"}


def run(rig: Rig, page: Page) -> dict[str, Any]:
    """The line of results; the tab is signed in with the cookie of the pollers."""
    account_id = rig.connect(CHANGES)
    cookie = rig.browser().cookie
    name, _, value = cookie.partition("=")
    page.context.add_cookies([{"name": name, "value": value, "url": rig.address}])
    took: list[float] = []
    with OpenPages(rig.portal.port, cookie, PAGES - 1) as others:
        for first in range(0, CHANGES, TOGETHER):
            took += _watch(rig, page, account_id, range(first, first + TOGETHER))
        asked = others.asked
    return {
        "benchmark": "webhook to changed row on screen",
        "changes": len(took),
        "open_pages": PAGES,
        "polls_of_other_pages": asked,
        "ms_p50": round(percentile(took, 0.5) * 1000),
        "ms_p95": round(percentile(took, 0.95) * 1000),
        "ms_max": round(max(took) * 1000),
    }


def _watch(rig: Rig, page: Page, account_id: int, numbers: range) -> list[float]:
    """Seconds from each booking's webhook until its row in the tab was green."""
    sent_before = len(rig.webhooks)
    ids = rig.book(account_id, numbers)
    page.goto(f"{rig.address}/?when=all&q=Guest+{numbers.start // TOGETHER:02}")
    page.evaluate(_WATCH)
    page.wait_for_function(
        "count => Object.keys(window.green).length === count",
        arg=len(ids),
        timeout=LONGEST_MILLISECONDS,
    )
    green = page.evaluate("window.green")
    told: dict[str, float] = {}
    for webhook in rig.webhooks[sent_before:]:
        event = json.loads(webhook.body or b"{}")
        if event.get("trigger") == "CommandSucceeded":
            told.setdefault(event["deviceId"], webhook.at)
    return [
        green[f"booking-{booking_id}"] / 1000 - told[device]
        for booking_id, device in rig.devices(ids).items()
    ]


def _poll_of(text: str) -> tuple[str, float]:
    """Where a page or a fragment polls, and after how many seconds."""
    found = _POLL.search(text)
    if found is None:
        raise RuntimeError("an answer has no poller")
    return html.unescape(found[1]), float(found[2])


def main() -> None:
    signal.signal(signal.SIGTERM, _stop)
    chromium = find()
    if chromium is None:
        sys.exit(HOW_TO_GET_IT)
    # The lock takes its time, so that every row stands in the tab before its webhook is sent.
    rig = Rig(replace(preset("clean"), latency_median=8.0, latency_p95=12.0))
    try:
        rig.start()
        with sync_playwright() as playwright:
            options = ["--no-sandbox"] if os.getuid() == 0 else []
            browser = playwright.chromium.launch(executable_path=chromium, args=options)
            tell(run(rig, browser.new_page()))
            browser.close()
    finally:
        rig.close()


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(143)


if __name__ == "__main__":
    main()
