"""The whole product as real processes, started once for all tests of a test process.

Redis, the Schlage simulator, web, worker and clock run as in `make run`, in a state directory and
on ports of their own, but under no supervisor: a test that kills a process starts it again itself.
The waits of the engine are seconds instead of minutes, by the settings that there are for them.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

import pytest
import redis
import requests

from jobs.clock import HEARTBEAT
from portal.queue import WORK
from portal.runtime import programs
from portal.runtime.preflight import CHECKOUT, LOOPBACK
from portal.runtime.settings import installation
from portal.runtime.state import State
from tests.process.people import Api, Manager, Owner
from tests.runtime.processes import Family, family
from tests.support import databases

# Long enough between 202 and the first look-up that a webhook comes first on a busy machine too.
TIMES: Final = {
    "LOOK_UP_AFTER_SECONDS": "4,6,10",
    "VERIFY_AFTER_SECONDS": "1,2",
    "RETRY_AFTER_SECONDS": "1",
    "SWEEP_EVERY_SECONDS": "1",
}
FAULTS: Final = {
    "preset": "clean",
    "latency_median": 0.2,
    "latency_p95": 0.3,
    "lock_timeout": 2,
}
EMAIL: Final = "owner@latchboard.example"
PASSWORD: Final = "correct horse staple 4931"
LOCKS: Final = 48  # more than all tests together take, should one process run them all

Told = TypeVar("Told")


class Running:
    """The processes, and who talks to them: a manager, a program with a token, Schlage's owner."""

    manager: Manager
    api: Api
    owner: Owner

    def __init__(self, members: Family, directory: Path, database_url: str) -> None:
        self.state = State(directory)
        self.state.prepare()
        self.database_url = database_url or f"sqlite:///{self.state.database}"
        given = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PORT": str(_free_port()),
            "DATABASE_URL": self.database_url,
            **TIMES,
        }
        self.installation = installation(self.state, given)
        self.address = self.installation.address
        ours = self.installation.environment
        # By the environment: a secret may begin with a dash, and belongs on no command line.
        theirs = {
            f"SIMULATOR_{name}": ours[f"SCHLAGE_{name}"]
            for name in ("CLIENT_ID", "CLIENT_SECRET", "SUBSCRIPTION_KEY")
        }
        self.environment = members.environment({**ours, **theirs})
        self.secrets: set[str] = {PASSWORD}
        self._members = members
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._programs = {program.name: program for program in self._make_programs()}

    def bring_up(self) -> None:
        """Everything runs, an account exists, its locks are listed and its webhooks subscribed."""
        self.start("redis", "simulator")
        self.flask("db", "upgrade")
        others = ("web", "worker", "clock")
        for name in others:
            self._spawn(name)
        self.flask("account", "create", "Test Homes", "--email", EMAIL, "--password-stdin",
                   said=PASSWORD)  # fmt: skip
        token = self.flask("token", "create", "--email", EMAIL)
        for name in others:
            self._wait_until_up(name)
        self.secrets.add(token)
        self.owner = Owner(self.simulator, self.memory)
        self.owner.post("/faults", **FAULTS)
        self.api = Api(self.address, token)
        self.manager = Manager(self.address)
        self.manager.sign_in(EMAIL, PASSWORD)
        self.owner.post("/users", id="owner", name="Olive Owner")
        for number in range(1, LOCKS + 1):
            self.owner.post("/locks", owner_id="owner", name=f"Door {number:02}", vlac=True)
        self.manager.connect_schlage()
        self._wait_for_locks()

    @property
    def simulator(self) -> str:
        return f"http://{LOOPBACK}:{self.installation.simulator_port}"

    @property
    def memory(self) -> Path:
        """The simulator's own database."""
        return self.state.simulator / "memory.db"

    def start(self, *names: str) -> None:
        """These processes run and answer."""
        for name in names:
            self._spawn(name)
        for name in names:
            self._wait_until_up(name)

    def kill(self, name: str) -> None:
        """The process and its children are gone at this instant, with nothing said to them."""
        process = self._processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def pause(self, name: str) -> None:
        """The process stands still; what is sent to it waits."""
        os.killpg(self._processes[name].pid, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        os.killpg(self._processes[name].pid, signal.SIGCONT)

    def is_alive(self, name: str) -> bool:
        return name in self._processes and self._processes[name].poll() is None

    def wait_for_sweeps(self) -> None:
        """Whatever the engine still has to do by itself now, it has had the chance to do."""
        with closing(redis.Redis(unix_socket_path=self.installation.redis_socket)) as server:
            for _ in range(2):
                last = server.get(HEARTBEAT)
                eventually(lambda: server.get(HEARTBEAT), lambda now, last=last: now != last)
            eventually(lambda: server.llen(f"rq:queue:{WORK}"), lambda length: length == 0)

    def flask(self, *arguments: str, said: str = "") -> str:
        """What one of the application's commands printed."""
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
            cwd=CHECKOUT,
            env=self.environment,
            input=said.encode(),
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def logs(self) -> dict[str, str]:
        """What each process has written so far."""
        return {path.stem: path.read_text("utf-8", "replace") for path in self._log_files()}

    def faults_logged(self) -> list[str]:
        """Lines of an answer 500, of an exception, of an end that nobody asked for."""
        pattern = re.compile(
            r'"status": 5\d\d|Traceback|"level": "(error|critical)"|Internal Server'
        )
        return [
            f"{name}: {line[:600]}"
            for name, text in self.logs().items()
            if name != "redis"
            for line in text.splitlines()
            # Redis is killed on purpose; that its workers say so is right, before they have heard
            # of it ("to Redis instance") and in the midst of a call.
            if pattern.search(line)
            and "to Redis instance" not in line
            and "redis.exceptions.ConnectionError" not in line
        ]

    def end(self) -> None:
        for name in list(self._processes):
            self.kill(name)
        self._members.kill_all()
        sockets = self.state.socket_directory()
        for left in sockets.iterdir():
            left.unlink()
        sockets.rmdir()

    def _make_programs(self) -> Iterator[programs.Program]:
        assert self.installation.redis_socket is not None
        assert self.installation.simulator_port is not None
        yield programs.redis_server(self.installation.redis_socket, self.state)
        yield programs.Program(
            "simulator",
            (
                *(sys.executable, "-m", "simulator", "--preset", "clean", "--seed", "20261124"),
                *("--port", str(self.installation.simulator_port)),
                *("--key-out", os.fspath(self.state.simulator_key)),
                *("--state", os.fspath(self.memory)),
            ),
            starts_with=2,
            is_up=self._simulator_answers,
        )
        yield programs.web(self.installation.port)
        yield programs.worker()
        yield programs.clock()

    def _simulator_answers(self) -> bool:
        with closing(socket.socket()) as probe:
            probe.settimeout(1)
            listens = probe.connect_ex((LOOPBACK, self.installation.simulator_port)) == 0
        return listens and self.state.simulator_key.exists()

    def _spawn(self, name: str) -> None:
        with (self.state.logs / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                self._programs[name].command,
                cwd=CHECKOUT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait_until_up(self, name: str) -> None:
        def is_up() -> bool:
            assert self.is_alive(name), f"{name} has ended: {self.logs()[name][-2000:]}"
            return self._programs[name].is_up()

        eventually(is_up, bool, 40, f"{name} is up")

    def _wait_for_locks(self) -> None:
        eventually(
            lambda: len(self.api.get("/locks")["items"]), lambda n: n == LOCKS, 40, "locks listed"
        )
        eventually(
            lambda: self.owner.get("/state")["subscriptions"], bool, 40, "webhooks subscribed"
        )
        # Each new lock's list is read once: a test is not to find the worker busy with that.
        self.wait_for_sweeps()

    def _log_files(self) -> list[Path]:
        return sorted(self.state.logs.glob("*.log"))


def eventually(
    ask: Callable[[], Told],
    holds: Callable[[Told], bool],
    seconds: float = 30,
    what: str = "",
) -> Told:
    """The first answer for which `holds`; fails the test, showing the last one, after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        told = ask()
        if holds(told):
            return told
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} seconds: {what}\nlast: {told!r}")
        time.sleep(0.1)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Everything, running, on the database of this test run.

    At the end nothing may have answered 500, written an exception, or logged a secret.
    """
    directory = tmp_path_factory.mktemp("running")
    url, stop = databases.start(directory)
    with run(directory, url if databases.is_postgresql() else "") as latchboard:
        yield latchboard
    stop()


@contextmanager
def run(directory: Path, database_url: str = "") -> Iterator[Running]:
    """Everything, running, until the end of the block; see `running`."""
    with family() as members:
        latchboard = Running(members, directory / "state", database_url)
        try:
            latchboard.bring_up()
            yield latchboard
            assert latchboard.faults_logged() == []
            assert leaks(latchboard) == []
        finally:
            latchboard.end()


def leaks(latchboard: Running) -> list[str]:
    """Where a PIN, a token or a password of this run stands in the clear: file and secret.

    Looks through the logs, Redis' files, and the database where that is a file.
    """
    secrets = {secret for secret in (*latchboard.secrets, *latchboard.owner.tokens()) if secret}
    places = [*latchboard.state.logs.rglob("*"), *latchboard.state.redis.rglob("*")]
    places += latchboard.state.directory.glob("latchboard.db*")
    return [
        f"{path.relative_to(latchboard.state.directory)}: {secret}"
        for path in places
        if path.is_file()
        for text in [path.read_bytes()]
        for secret in secrets
        if secret.encode() in text
    ]


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_web_to_answer(address: str) -> None:
    """The web process answers again after it was killed and started."""

    def is_ready() -> bool:
        try:
            return requests.get(f"{address}/readyz", timeout=5).ok
        except requests.RequestException:
            return False

    eventually(is_ready, bool, 30, "the web answers")
