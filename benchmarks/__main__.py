"""`python -m benchmarks` (`make bench`): three figures as JSON lines, in under three minutes.

Everything runs for real in a temporary directory on free ports, and nothing of it is left behind.
Progress goes to standard error.
"""

import signal
import sys
import time
from types import FrameType
from typing import Final, NoReturn

from benchmarks import poll, resync, webhook
from benchmarks.measure import tell
from benchmarks.rig import Rig

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
    _say(f"done in {time.monotonic() - began:.0f} seconds")


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(143)


if __name__ == "__main__":
    main()
