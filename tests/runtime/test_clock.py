"""The clock rings for the sweep, says once that Redis is away, and stops when it is told to."""

import os
import signal
import subprocess
import sys
import threading
from datetime import datetime

import fakeredis
import pytest
import redis
from structlog.testing import capture_logs

from jobs.clock import HEARTBEAT, Ringer, run
from portal.queue import WORK, JobName
from portal.runtime.preflight import CHECKOUT
from tests.runtime.conftest import RedisServer
from tests.runtime.processes import wait_until
from tests.support.bells import FakeBell
from tests.support.settings import DEFAULTS


class CountedRinger:
    """Counts its rings, and asks for the stop after so many."""

    def __init__(self, rings: int, stopping: threading.Event) -> None:
        self.left = rings
        self._stopping = stopping

    def ring(self) -> bool:
        self.left -= 1
        if self.left == 0:
            self._stopping.set()
        return True


@pytest.fixture
def server() -> fakeredis.FakeServer:
    return fakeredis.FakeServer()


@pytest.fixture
def bell() -> FakeBell:
    return FakeBell()


def ringer(server: fakeredis.FakeServer, bell: FakeBell) -> Ringer:
    return Ringer(fakeredis.FakeRedis(server=server), bell, every_seconds=30)


def test_a_ring_is_for_the_sweep_and_leaves_the_time_behind(
    server: fakeredis.FakeServer, bell: FakeBell
) -> None:
    has_rung = ringer(server, bell).ring()

    connection = fakeredis.FakeRedis(server=server)
    assert has_rung
    assert bell.rings == [(JobName.SWEEP, ())]
    assert datetime.fromisoformat(connection.get(HEARTBEAT).decode()).tzinfo is not None
    assert 30 < connection.ttl(HEARTBEAT) <= 90


def test_redis_away_is_said_once_and_its_return_once(
    server: fakeredis.FakeServer, bell: FakeBell
) -> None:
    clock = ringer(server, bell)
    with capture_logs() as lines:
        server.connected = False
        rung = [clock.ring(), clock.ring(), clock.ring()]
        server.connected = True
        rung += [clock.ring(), clock.ring()]

    assert rung == [False, False, False, True, True]
    assert [line["event"] for line in lines] == ["clock_lost_redis", "clock_found_redis"]
    assert len(bell.rings) == 2


def test_it_rings_again_and_again_until_it_is_stopped() -> None:
    stopping = threading.Event()
    counted = CountedRinger(3, stopping)

    run(counted, 0.001, stopping)

    assert counted.left == 0


@pytest.mark.process
def test_the_process_rings_at_once_and_ends_at_a_signal(redis_running: RedisServer) -> None:
    environment = {"PATH": os.environ["PATH"], **DEFAULTS, "REDIS_URL": redis_running.url}
    process = subprocess.Popen([sys.executable, "-m", "jobs.clock"], cwd=CHECKOUT, env=environment)
    try:
        with redis.Redis.from_url(redis_running.url) as connection:
            wait_until(lambda: connection.llen(f"rq:queue:{WORK}") == 1, what="a ring")

        process.send_signal(signal.SIGTERM)

        assert process.wait(5) == 0
    finally:
        process.kill()
        process.wait()
