"""Fixtures for tests with real processes."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.runtime.programs import redis_server
from portal.runtime.state import State
from tests.runtime.processes import Family, family, wait_until


@pytest.fixture
def members() -> Iterator[Family]:
    """The processes that this test starts; those still there at its end are killed."""
    with family() as found:
        yield found


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """A state directory, whose socket directory is taken away at the end."""
    prepared = State(tmp_path / "state")
    prepared.prepare()
    sockets = prepared.socket_directory()
    yield prepared
    for left in sockets.iterdir():
        left.unlink()
    sockets.rmdir()


class RedisServer:
    """A real Redis on a Unix socket, which a test can take away and bring back."""

    def __init__(self, state: State) -> None:
        self._program = redis_server(str(state.socket_directory() / "redis.sock"), state)
        self.log = (state.logs / "redis.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{state.socket_directory()}/redis.sock"

    def start(self) -> None:
        self._process = subprocess.Popen(self._program.command, stdout=self.log)
        wait_until(self._program.is_up, what="Redis answers")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def redis_server_away(state: State) -> Iterator[RedisServer]:
    """A Redis that does not run yet."""
    server = RedisServer(state)
    yield server
    server.kill()
    server.log.close()


@pytest.fixture
def redis_running(redis_server_away: RedisServer) -> RedisServer:
    """A Redis that runs."""
    redis_server_away.start()
    return redis_server_away
