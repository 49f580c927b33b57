"""Rings for the sweep every SWEEP_EVERY_SECONDS: `python -m jobs.clock`.

A plain loop with no memory: what is due stands in the database, and the sweep finds it. So a missed
ring costs its interval, and two clocks ring twice, which is harmless.
"""

import gc
import signal
import sys
import threading
import time
from types import FrameType

import redis
import structlog

from portal import clock, logging
from portal.config import BadSettings, from_environment
from portal.queue import Bell, JobName, RedisBell, connect

log = structlog.get_logger(__name__)

# Holds the time of the last ring, and vanishes when the clock has missed two.
HEARTBEAT = "latchboard:clock"


class Ringer:
    """One ring at a time; says once when Redis goes away, and once when it is back."""

    def __init__(self, connection: redis.Redis, bell: Bell, every_seconds: float) -> None:
        self._connection = connection
        self._bell = bell
        self._every_seconds = every_seconds
        self._is_redis_away = False

    def ring(self) -> bool:
        """Whether the sweep was rung for."""
        lives_for = max(1, round(self._every_seconds * 3))
        try:
            self._connection.set(HEARTBEAT, clock.now().isoformat(), ex=lives_for)
        except redis.RedisError as error:
            if not self._is_redis_away:
                log.warning("clock_lost_redis", error=type(error).__name__)
            self._is_redis_away = True
            return False
        if self._is_redis_away:
            log.info("clock_found_redis")
        self._is_redis_away = False
        self._bell.ring(JobName.SWEEP)
        return True


def run(ringer: Ringer, every_seconds: float, stopping: threading.Event) -> None:
    """Rings at once and then at the given interval, until `stopping` is set."""
    due_at = time.monotonic()
    while not stopping.wait(max(0.0, due_at - time.monotonic())):
        ringer.ring()
        # From now on, not from when it was due: a machine that slept does not catch up in a burst.
        due_at = time.monotonic() + every_seconds


def main() -> int:
    """Returns the exit code: 2 with a sentence for wrong settings."""
    try:
        settings = from_environment()
    except BadSettings as error:
        print(error, file=sys.stderr)
        return 2
    logging.configure()
    gc.freeze()  # ends at once instead of taking all modules apart first
    stopping = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    connection = connect(settings.redis_url)
    every_seconds = settings.timing.sweep_every.total_seconds()
    run(Ringer(connection, RedisBell(connection), every_seconds), every_seconds, stopping)
    return 0


if __name__ == "__main__":
    sys.exit(main())
