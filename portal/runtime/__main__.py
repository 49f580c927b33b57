"""`python -m portal.runtime`: starts everything, says where it is, and stops everything.

With a command behind it, runs that command with the settings of this installation instead:
`.venv/bin/python -m portal.runtime flask --app wsgi token create --email demo@latchboard.example`.
"""

import argparse
import gc
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from portal.runtime.preflight import (
    CHECKOUT,
    LOOPBACK,
    STATE_DIRECTORY,
    CannotStart,
    require_ready,
    wanted_port,
)
from portal.runtime.programs import Program, programs
from portal.runtime.settings import Installation, installation
from portal.runtime.state import State
from portal.runtime.supervision import Layout, Supervisor, tail

DEMO_EMAIL = "demo@latchboard.example"
UP_SECONDS = 60.0


class StopAsked(BaseException):
    """Ctrl-C, or a SIGTERM or SIGHUP: everything is to be stopped, in whatever step we are."""


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0 after a stop that was asked for, 1 with a sentence otherwise."""
    gc.freeze()  # ends at once instead of taking all modules apart first
    parser = argparse.ArgumentParser(prog="python -m portal.runtime", description=__doc__)
    parser.add_argument("--state", type=Path, default=STATE_DIRECTORY, help="the state directory")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="a command to run instead")
    options = parser.parse_args(arguments)
    state = State(options.state.resolve())
    try:
        if options.command:
            return run_command(state, options.command)
        run(state)
    except CannotStart as reason:
        print(reason, file=sys.stderr, flush=True)
        return 1
    return 0


def run_command(state: State, command: list[str]) -> int:
    """Runs `command` with this installation's settings, while it runs or while it does not."""
    state.prepare()
    environment = installation(state, os.environ).environment
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return subprocess.run(
        command, check=False, cwd=CHECKOUT, env={**environment, "PATH": path}
    ).returncode


def run(state: State) -> None:
    """Starts everything and returns when it was told to stop and all is stopped.

    1. Nothing else of ours runs here, and the port is free.
    2. Redis and the simulator start; then the database is migrated.
    3. The demo account is loaded, or brought up to date.
    4. Web, worker and clock start; once the web process says it is ready, so do we.
    """
    require_ready(os.environ, state.directory)
    os.umask(0o077)
    state.prepare()
    lock = state.lock(f"http://{LOOPBACK}:{wanted_port(os.environ)}")
    state.forget_taken_ports()
    what = installation(state, os.environ)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ask_to_stop)
    layout = Layout(state.directory, state.socket_directory() / "supervisor.sock")
    supervisor = None
    try:
        print("Starting Latchboard ...", flush=True)
        supervisor = Supervisor(layout, programs(what, state), what.environment)
        _bring_up(supervisor, what, state)
        _announce(what, state)
        supervisor.wait()
        supervisor.require_alive()
    except StopAsked:
        print("Stopping ...", flush=True)
    finally:
        if supervisor is not None:
            _stop(supervisor)
        with suppress(OSError):
            layout.socket.parent.rmdir()
        os.close(lock)
    print("Latchboard is stopped.", flush=True)


def _bring_up(supervisor: Supervisor, what: Installation, state: State) -> None:
    needed_first = [p for p in supervisor.programs if p.name in {"redis", "simulator"}]
    others = [p for p in supervisor.programs if p not in needed_first]
    _start(supervisor, needed_first)
    # The app does not start without the key that the simulator signs with.
    _wait(supervisor, needed_first)
    _flask("db", "upgrade", what=what, state=state)
    if what.has_demo:
        _flask(
            *("demo", "load", "--email", DEMO_EMAIL, "--password-stdin"),
            what=what,
            state=state,
            text=what.demo_password,
        )
    _start(supervisor, others)
    _wait(supervisor, others)


def _start(supervisor: Supervisor, programs: list[Program]) -> None:
    for program in programs:
        supervisor.start(program)


def _wait(supervisor: Supervisor, programs: list[Program]) -> None:
    for program in programs:
        supervisor.wait_until_up(program, UP_SECONDS)


def _flask(*arguments: str, what: Installation, state: State, text: str = "") -> None:
    """Runs one of the application's commands to its end; raises CannotStart when it fails."""
    name = "-".join(arguments[:2])
    log = state.logs / f"{name}.log"
    with log.open("w") as output:
        result = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
            check=False,
            cwd=CHECKOUT,
            env=dict(what.environment),
            input=text.encode(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    if result.returncode != 0:
        raise CannotStart(f"`flask {' '.join(arguments[:2])}` failed:\n{tail(log)}")


def _announce(what: Installation, state: State) -> None:
    print(f"Latchboard is ready: {what.address}", flush=True)
    public = what.environment["PUBLIC_URL"]
    if public != what.address:
        print(f"  public address  {public}", flush=True)
    if what.has_demo:
        print(f"  e-mail          {DEMO_EMAIL}", flush=True)
        print(f"  password        {what.demo_password}", flush=True)
        print(f"  simulator       http://{LOOPBACK}:{what.simulator_port}", flush=True)
    print(f"  logs            {state.logs}", flush=True)
    print("Stop it with Ctrl-C.", flush=True)


def _stop(supervisor: Supervisor) -> None:
    """Stops everything in order; a second Ctrl-C meanwhile ends it at once."""

    def end_at_once(_number: int, _frame: FrameType | None) -> None:
        supervisor.kill()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_at_once)
    supervisor.stop()


def _ask_to_stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise StopAsked


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
