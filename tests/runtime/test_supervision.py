"""supervisord under our hand: what dies comes back, and what is stopped leaves nothing behind."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portal.runtime.preflight import CannotStart
from portal.runtime.programs import Program
from portal.runtime.state import State
from portal.runtime.supervision import Layout, Supervisor, configuration
from tests.runtime.processes import Family, needs_proc, python, wait_until

pytestmark = [pytest.mark.process, needs_proc]

SLEEPER = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
# Its child is in the same process group, as a web server's workers are.
WITH_CHILD = (
    "import subprocess, sys, time; "
    f"subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]); "
    "time.sleep(600)"
)

Start = Callable[[Program], Supervisor]


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    state = State(tmp_path / "state with a 100% odd name")
    state.prepare()
    sockets = state.socket_directory()
    yield Layout(state.directory, sockets / "supervisor.sock")
    for left in sockets.iterdir():
        left.unlink()
    sockets.rmdir()


@pytest.fixture
def start(members: Family, layout: Layout) -> Iterator[Start]:
    """Starts a supervisor with one program, and waits until that runs."""
    started = []

    def start_one(program: Program) -> Supervisor:
        supervisor = Supervisor(layout, [program], members.environment())
        started.append(supervisor)
        supervisor.start(program)
        supervisor.wait_until_up(program, 20)
        return supervisor

    yield start_one
    for supervisor in started:
        supervisor.stop()


def program(code: str, stop_seconds: int = 5) -> Program:
    return Program("sleeper", python(code), starts_with=1, stop_seconds=stop_seconds)


def commands_of(members: Family) -> dict[int, str]:
    return {
        pid: line
        for pid, line in members.members("time.sleep(600)").items()
        if "guard.py" not in line
    }


def test_a_program_that_was_killed_runs_again(start: Start, members: Family) -> None:
    start(program(SLEEPER))
    (first,) = commands_of(members)

    os.kill(first, signal.SIGKILL)

    wait_until(lambda: bool(commands_of(members).keys() - {first}), what="a new process")
    assert first not in commands_of(members)


def test_the_children_of_a_program_that_was_killed_are_gone_too(
    start: Start, members: Family
) -> None:
    start(program(WITH_CHILD))
    wait_until(lambda: len(commands_of(members)) == 2, what="the program and its child")
    before = commands_of(members)
    parent = next(pid for pid, line in before.items() if "subprocess" in line)

    os.kill(parent, signal.SIGKILL)

    wait_until(lambda: not before.keys() & commands_of(members).keys(), what="both gone")


def test_stopping_leaves_no_process_behind(start: Start, members: Family) -> None:
    supervisor = start(program(WITH_CHILD))

    supervisor.stop()

    assert members.members() == {}


def test_a_program_that_ignores_the_request_to_stop_is_killed(
    start: Start, members: Family
) -> None:
    supervisor = start(program(STUBBORN, stop_seconds=1))

    supervisor.stop()

    assert members.members() == {}


def test_killing_ends_a_program_that_would_take_long_to_stop(start: Start, members: Family) -> None:
    supervisor = start(program(STUBBORN, stop_seconds=600))

    supervisor.kill()

    wait_until(lambda: not members.members(), what="nothing left")


def test_programs_end_when_supervisord_itself_is_killed(start: Start, members: Family) -> None:
    start(program(SLEEPER))
    (supervisord,) = members.members("supervisor.supervisord")

    os.kill(supervisord, signal.SIGKILL)

    wait_until(lambda: not members.members(), what="nothing left")


def test_a_program_that_does_not_come_up_is_named_with_the_end_of_its_log(
    members: Family, layout: Layout
) -> None:
    never_up = Program("web", python("print('no such table')"), 1, is_up=lambda: False)
    supervisor = Supervisor(layout, [never_up], members.environment())
    supervisor.start(never_up)
    wait_until(lambda: "no such table" in supervisor.log_of(never_up).read_text())

    with pytest.raises(CannotStart, match=r"(?s)web did not come up within 0 seconds.*no such"):
        supervisor.wait_until_up(never_up, 0)

    supervisor.stop()


def test_a_stale_socket_of_a_killed_supervisord_does_not_prevent_a_start(
    start: Start, members: Family, layout: Layout
) -> None:
    layout.socket.write_text("left behind")
    layout.configuration.with_suffix(".pid").write_text("1\n")

    start(program(SLEEPER))

    assert commands_of(members)


def test_no_secret_is_written_into_supervisords_configuration(layout: Layout) -> None:
    text = configuration(layout, [program(SLEEPER)])

    assert "environment" not in text
