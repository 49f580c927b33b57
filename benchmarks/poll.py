"""What the unchanged poll of a real arrivals page costs, against a constant text.

The page lists bookings with confirmed codes; its poll is signed in, its role is checked, and it is
answered 204. The bare route stands in a bare Flask application on the same server.
"""

import html
import re
from itertools import repeat
from typing import Any, Final

from benchmarks.measure import Load, compare, hammer, raw_request
from benchmarks.rig import Browser, Rig

SECONDS: Final = 1.0


def run(rig: Rig) -> dict[str, Any]:
    """The line of results. Nothing may change the account's rows meanwhile."""
    browser = rig.browser()

    def ours() -> Load:
        request = raw_request(
            "GET",
            poll_address(browser),
            rig.portal.port,
            {"Cookie": browser.cookie, "HX-Request": "true"},
        )
        return hammer(rig.portal, repeat(request), 204, SECONDS)

    def bare() -> Load:
        request = raw_request("GET", "/", rig.bare.port)
        return hammer(rig.bare, repeat(request), 200, SECONDS)

    return compare("unchanged poll / constant route", ours, bare)


def poll_address(browser: Browser) -> str:
    """Where the arrivals page, as it is now, polls."""
    found = re.search(r'hx-get="([^"]*/arrivals/live[^"]*)"', browser.get("/"))
    if found is None:
        raise RuntimeError("the arrivals page has no poller")
    return html.unescape(found[1])
