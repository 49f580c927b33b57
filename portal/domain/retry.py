"""How long to wait before trying again: patient while there is time, brisk when there is none."""

from datetime import timedelta
from typing import Final

_FAR: Final = tuple(timedelta(minutes=m) for m in (5, 15, 60))
_NEAR: Final = tuple(timedelta(minutes=m) for m in (3, 10, 15))
# As often as a lock may be written that does not answer: its command takes a minute to time out.
_AT_THE_DOOR: Final = tuple(timedelta(minutes=m) for m in (1, 2, 2, 2, 4))
NEAR: Final = timedelta(hours=24)
AT_THE_DOOR: Final = timedelta(hours=1)
JITTER: Final = 0.2
BREAKER_AFTER: Final = 3  # equal failures in a row


def delay(failures: int, needed_in: timedelta, first: timedelta, jitter: float) -> timedelta:
    """The wait after the `failures`-th failure in a row; `jitter` is a draw from -1 to 1.

    The first wait is `first` however far the need (`reach.needed_in`), because most failures are
    passing ones.
    """
    if failures <= 1:
        pause = first
    else:
        ladder = _ladder(needed_in)
        pause = max(first, ladder[min(failures - 2, len(ladder) - 1)])
    return pause * (1 + JITTER * jitter)


def _ladder(needed_in: timedelta) -> tuple[timedelta, ...]:
    if needed_in <= AT_THE_DOOR:
        return _AT_THE_DOOR
    return _NEAR if needed_in <= NEAR else _FAR
