"""The one source of the current time.

Rules never read it: they are given `now`. Services and jobs ask here, so that a benchmark can run
the whole product in virtual time and a test can stand still.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

Source = Callable[[], datetime]


def _system_time() -> datetime:
    return datetime.now(UTC)


_source: Source = _system_time


def now() -> datetime:
    """The current time, aware, in UTC."""
    return _source()


@contextmanager
def running_on(source: Source) -> Iterator[None]:
    """Every `now()` of this process comes from `source` until the block ends."""
    global _source
    previous, _source = _source, source
    try:
        yield
    finally:
        _source = previous
