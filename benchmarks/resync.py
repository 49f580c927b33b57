"""How long a click on Resync takes to become a request at Schlage, in milliseconds.

The click is the form of the booking's page, sent by a signed-in browser; the worker is the real
one, behind a real Redis. A resync first reads the lock's list and then writes the code once more,
so there are two moments: the first request of any kind, and the write.
"""

import time
from typing import Any, Final
from urllib.parse import urlencode

from benchmarks.measure import percentile
from benchmarks.rig import Browser, Rig

LONGEST_SECONDS: Final = 20.0
# As a person would: not all in the same instant.
PAUSE_SECONDS: Final = 0.1


def run(rig: Rig, booking_ids: list[int]) -> dict[str, Any]:
    """The line of results; each booking's Resync is pressed once."""
    browser = rig.browser()
    devices = rig.devices(booking_ids)
    answers, first, write = [], [], []
    for booking_id in booking_ids:
        clicked_at, answered_at = _click(browser, booking_id)
        moments = _moments(rig, devices[booking_id], clicked_at)
        answers.append(answered_at - clicked_at)
        first.append(moments[0] - clicked_at)
        write.append(moments[1] - clicked_at)
        time.sleep(PAUSE_SECONDS)
    return {
        "benchmark": "resync click to API request",
        "clicks": len(booking_ids),
        **_in_milliseconds("first_request", first),
        **_in_milliseconds("write", write),
        **_in_milliseconds("answer_to_the_click", answers),
    }


def _click(browser: Browser, booking_id: int) -> tuple[float, float]:
    """When the button was pressed and when the browser had its answer."""
    form = urlencode({"csrf_token": browser.csrf_token(f"/bookings/{booking_id}")})
    clicked_at = time.perf_counter()
    status, _ = browser.request("POST", f"/bookings/{booking_id}/resync", form)
    answered_at = time.perf_counter()
    if status != 303:
        raise RuntimeError(f"Resync was answered {status}")
    return clicked_at, answered_at


def _moments(rig: Rig, device_id: str, since: float) -> tuple[float, float]:
    """When this device's first request and first write reached Schlage after that time."""
    deadline = time.perf_counter() + LONGEST_SECONDS
    while time.perf_counter() < deadline:
        found = [a for a in rig.arrivals if a.at >= since and device_id in a.path]
        writes = [a.at for a in found if a.method != "GET"]
        if writes:
            return found[0].at, writes[0]
        time.sleep(0.005)
    raise RuntimeError("no write followed a press of Resync")


def _in_milliseconds(name: str, seconds: list[float]) -> dict[str, float]:
    return {
        f"{name}_ms_p50": round(percentile(seconds, 0.5) * 1000, 1),
        f"{name}_ms_p95": round(percentile(seconds, 0.95) * 1000, 1),
    }
