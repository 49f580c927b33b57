"""How long to wait before trying again: patient while there is time, brisk when there is none."""

from datetime import timedelta
from typing import Final

_FAR: Final = tuple(timedelta(minutes=m) for m in (5, 15, 60))
_NEAR: Final = tuple(timedelta(minutes=m) for m in (3, 10, 15))
NEAR: Final = timedelta(hours=24)
JITTER: Final = 0.2
BREAKER_AFTER: Final = 3  # equal failures in a row


def delay(failures: int, to_arrival: timedelta, first: timedelta, jitter: float) -> timedelta:
    """The wait after the `failures`-th failure in a row; `jitter` is a draw from -1 to 1.

    The first wait is `first` however far the arrival, because most failures are passing ones.
    """
    if failures <= 1:
        pause = first
    else:
        ladder = _NEAR if to_arrival <= NEAR else _FAR
        pause = max(first, ladder[min(failures - 2, len(ladder) - 1)])
    return pause * (1 + JITTER * jitter)
