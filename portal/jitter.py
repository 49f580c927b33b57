"""The one source of the chance that spreads waits, so that not everybody comes back at once.

Rules never draw: they are given the draw. Services ask here, so that a benchmark's seed decides
the waits too and a test meets the same ones every time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import Random, SystemRandom

_source: Random = SystemRandom()


def draw() -> float:
    """A number from -1 to 1."""
    return _source.uniform(-1, 1)


def around(pause: timedelta, share: float) -> timedelta:
    """The pause, shorter or longer by at most this share of it."""
    return pause * (1 + share * draw())


def beyond(pause: timedelta, share: float) -> timedelta:
    """The pause, longer by at most this share of it: for where it is a least."""
    return pause * (1 + share * abs(draw()))


@contextmanager
def drawn_from(source: Random) -> Iterator[None]:
    """Every draw of this process comes from `source` until the block ends."""
    global _source
    previous, _source = _source, source
    try:
        yield
    finally:
        _source = previous
