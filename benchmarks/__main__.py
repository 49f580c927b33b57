"""`python -m benchmarks` (`make bench`): four figures as JSON lines, in about three minutes.

Everything runs for real in a temporary directory on free ports, and nothing of it is left behind.
Progress goes to standard error. The last figure is a promise: breaking it is an exit code of 1.
"""

import signal
import sys
import time
from types import FrameType
from typing import Final, NoReturn

from benchmarks import live, poll, resync, webhook
from benchmarks.measure import tell
from benchmarks.rig import Rig
from tests.support.chromium import HOW_TO_GET_IT, find

# As many as the arrivals page lists on one page.
BOOKINGS: Final = 50


def main() -> None:
    # So that `close` below is reached however this is stopped.
    signal.signal(signal.SIGTERM, _stop)
    began = time.monotonic()
    rig = Rig()
    try:
        _say("starting the processes")
        rig.start()
        _say(f"sending {BOOKINGS} codes to {BOOKINGS} locks")
        booking_ids = rig.furnish(BOOKINGS)
        _say("pressing Resync")
        tell(resync.run(rig, booking_ids))
        # What comes now measures the web process alone.
        rig.settle(BOOKINGS)
        rig.stop("clock", "worker")
        _say("polling an unchanged page")
        tell(poll.run(rig))
        _say("receiving webhooks")
        tell(webhook.run(rig))
    finally:
        rig.close()
    is_kept = _watch_the_screen()
    _say(f"done in {time.monotonic() - began:.0f} seconds")
    sys.exit(0 if is_kept else 1)


def _watch_the_screen() -> bool:
    """Whether changes were on screen in time; nothing is measured where there is no browser."""
    chromium = find()
    if chromium is None:
        _say(f"leaving out how soon a change is on screen. {HOW_TO_GET_IT}")
        return True
    _say(f"watching {live.CHANGES} changes with {live.PAGES} open pages")
    line = live.run(chromium)
    tell(line)
    return bool(line[live.IS_KEPT])


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(143)


if __name__ == "__main__":
    main()
