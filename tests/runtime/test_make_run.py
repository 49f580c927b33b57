"""`python -m portal.runtime`, where `make run` ends: everything comes up, and everything ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from portal.runtime.preflight import CHECKOUT
from portal.runtime.programs import answers_ready
from portal.runtime.state import State
from tests.runtime.processes import Family, needs_proc, wait_until

pytestmark = [pytest.mark.process, needs_proc]

# What is promised is 15 seconds, on a machine that is not also running the other tests.
LATER_START_SECONDS = 30
PROGRAMS = {
    "redis": "valkey-server",
    "simulator": "-m simulator",
    "web": "-m granian",
    "worker": "-m jobs.worker",
    "clock": "-m jobs.clock",
}


class Installation:
    """One state directory, and a Latchboard in it that can be started again and again."""

    def __init__(self, members: Family, directory: Path) -> None:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.members = members
        self.state = State(directory)
        members.recognise(str(self.state.socket_directory()))
        self.output = directory.with_suffix(".txt")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "subprocess.Popen[bytes]":
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PORT": str(self.port),
        }
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "portal.runtime", "--state", self.state.directory],
                cwd=CHECKOUT,
                env=self.members.environment(environment),
                stdout=output,
                stderr=output,
            )
        return self.process

    def start_and_wait(self) -> "subprocess.Popen[bytes]":
        process = self.start()
        wait_until(lambda: "Stop it with" in self.said or process.poll() is not None, seconds=90)
        assert process.poll() is None, self.said
        return process

    @property
    def said(self) -> str:
        return self.output.read_text()

    def commands(self, program: str) -> set[int]:
        """The process ids of a program, without the guard that it runs under."""
        found = self.members.members(PROGRAMS[program])
        return {pid for pid, line in found.items() if "guard.py" not in line}

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.members.kill_all()
        sockets = self.state.socket_directory()
        for left in sockets.iterdir():
            left.unlink()
        sockets.rmdir()


@pytest.fixture
def latchboard(members: Family, tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(members, tmp_path / "state")
    yield installation
    installation.end()


def test_it_says_where_it_is_once_it_is_ready_and_ctrl_c_leaves_nothing(
    latchboard: Installation,
) -> None:
    process = latchboard.start_and_wait()

    is_ready = answers_ready(latchboard.port)
    running = {name for name in PROGRAMS if latchboard.commands(name)}
    process.send_signal(signal.SIGINT)
    status = process.wait(30)

    assert is_ready
    assert running == set(PROGRAMS)
    assert f"Latchboard is ready: http://127.0.0.1:{latchboard.port}\n" in latchboard.said
    assert re.search(r"e-mail +\S+@\S+", latchboard.said)
    assert re.search(r"simulator +http://127\.0\.0\.1:\d+\n", latchboard.said)
    assert re.search(r"password +\S+", latchboard.said)
    assert status == 0
    assert latchboard.members.members() == {}


def test_what_is_killed_comes_back_and_a_second_start_is_refused(
    latchboard: Installation, members: Family
) -> None:
    latchboard.start_and_wait()
    before = {name: latchboard.commands(name) for name in PROGRAMS}

    for pids in before.values():
        for pid in pids:
            _kill(pid)
    second = Installation(members, latchboard.state.directory)
    second.start()

    assert second.process is not None
    assert second.process.wait(30) == 1
    assert "already running in this checkout" in second.said
    wait_until(
        lambda: all(latchboard.commands(name) - pids for name, pids in before.items()), seconds=30
    )
    wait_until(lambda: answers_ready(latchboard.port), seconds=30, what="the web answers again")
    left = set().union(*before.values()) & members.members().keys()
    assert left == set()


def test_after_everything_was_killed_outright_it_starts_again_with_the_same_data(
    latchboard: Installation,
) -> None:
    first = latchboard.start_and_wait()
    password = _password(latchboard.said)
    latchboard.members.kill_all()
    first.wait()
    wait_until(lambda: not latchboard.members.members(), what="nothing left")

    began = time.monotonic()
    process = latchboard.start_and_wait()
    seconds = time.monotonic() - began
    process.terminate()
    status = process.wait(30)

    assert _password(latchboard.said) == password
    assert seconds < LATER_START_SECONDS
    assert status == 0
    assert latchboard.members.members() == {}


@pytest.mark.parametrize("victim", ["-m portal.runtime", "supervisor.supervisord"])
def test_when_what_holds_it_together_is_killed_the_rest_ends(
    latchboard: Installation, victim: str
) -> None:
    process = latchboard.start_and_wait()
    (pid,) = latchboard.members.members(victim)

    _kill(pid)

    process.wait(30)
    wait_until(lambda: not latchboard.members.members(), seconds=30, what="nothing left")


def test_ctrl_c_in_the_middle_of_the_start_leaves_nothing(latchboard: Installation) -> None:
    process = latchboard.start()
    wait_until(lambda: bool(latchboard.commands("redis")), what="Redis runs")

    process.send_signal(signal.SIGINT)

    assert process.wait(30) == 0
    wait_until(lambda: not latchboard.members.members(), seconds=5, what="nothing left")


def test_a_command_gets_the_settings_of_the_installation(latchboard: Installation) -> None:
    code = "import os; print(os.environ['DATABASE_URL'], len(os.environ['SECRET_KEY']) > 30)"

    result = subprocess.run(
        [
            *(sys.executable, "-m", "portal.runtime", "--state", latchboard.state.directory),
            *("python", "-c", code),
        ],
        check=True,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )

    assert result.stdout == f"sqlite:///{latchboard.state.database} True\n"


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # its parent's end has already ended it


def _password(said: str) -> str:
    found = re.search(r"password +(\S+)", said)
    assert found
    return found[1]
