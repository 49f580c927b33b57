"""Booking feeds of our own making for the demo account, in the shapes that real ones have.

They lie in `portal/demo_feeds` as templates in which `{day+3}` is the date three days after the
day of loading, so that the demo always has guests arriving, inside and leaving.
"""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent.parent / "demo_feeds"
_DAY: Final = re.compile(rb"\{day([+-]\d+)\}")


def demo_feeds(today: date) -> dict[str, bytes]:
    """The demo's feeds by name, with dates counted from `today`: five homes, thirteen stays to
    come, one guest inside and one leaving.
    """

    def day(token: re.Match[bytes]) -> bytes:
        return f"{today + timedelta(days=int(token[1])):%Y%m%d}".encode()

    return {path.stem: _DAY.sub(day, path.read_bytes()) for path in sorted(FOLDER.glob("*.ics"))}
