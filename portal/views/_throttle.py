"""Token buckets in memory, for limits that protect this process rather than a person.

They are taken from at every API call and at every forged webhook: a row written each time would
cost more than what it protects. Several web processes each count for themselves, so together they
let through more, never less, than the number promised. Sign-in tries are counted in the database
(services.limits) because there a restart must not hand out new ones.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_MOST_KEYS: Final = 10_000


class Throttle:
    """So many at once, and so many a second after that, for each key."""

    def __init__(
        self, *, burst: int, per_second: float, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._timer = timer
        self._buckets: OrderedDict[object, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: object) -> float:
        """0 where there was a token, which is now taken; else the seconds until there is one."""
        with self._lock:
            now = self._timer()
            tokens = self._tokens(key, now)
            if tokens < 1:
                return (1 - tokens) / self._per_second
            self._buckets[key] = (tokens - 1, now)
            self._buckets.move_to_end(key)
            if len(self._buckets) > _MOST_KEYS:
                self._buckets.popitem(last=False)
            return 0.0

    def wait(self, key: object) -> float:
        """The seconds until there is a token; takes none."""
        with self._lock:
            return max(0.0, (1 - self._tokens(key, self._timer())) / self._per_second)

    def _tokens(self, key: object, now: float) -> float:
        tokens, at = self._buckets.get(key, (float(self._burst), now))
        return min(self._burst, tokens + (now - at) * self._per_second)
