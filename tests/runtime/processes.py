"""Watching real processes: which ones a test started, and waiting for something to become true."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

MARK = "LATCHBOARD_TEST_MARK"

needs_proc = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="looks at other processes through /proc"
)


def wait_until(condition: Callable[[], bool], seconds: float = 20, what: str = "") -> None:
    """Returns once `condition` holds; fails the test when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} seconds: {what or condition}")
        time.sleep(0.02)


class Family:
    """The processes that a test started, down to the last grandchild.

    They inherit one environment variable, so they are found wherever they went: into another
    session, another process group, or to init after their parent died. Redis writes its title over
    its environment: such a program is recognised by a word of its title.
    """

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self._titles: list[str] = []

    def recognise(self, title: str) -> None:
        """From now on every process with this text in its command line is a member."""
        self._titles.append(title)

    def environment(self, base: Mapping[str, str] = os.environ) -> dict[str, str]:
        return {**base, MARK: self.mark}

    def members(self, containing: str = "") -> dict[int, str]:
        """The living members by process id, with their command lines."""
        found = {}
        mark = f"{MARK}={self.mark}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                environment = (process / "environ").read_bytes().split(b"\0")
                is_titled = any(title in command for title in self._titles)
                if (mark in environment or is_titled) and containing in command:
                    found[int(process.name)] = command
        return found

    def kill_all(self) -> None:
        for pid in self.members():
            with suppress(ProcessLookupError):
                os.kill(pid, 9)


@contextmanager
def family() -> Iterator[Family]:
    """A family of processes, of which none survives the test."""
    members = Family()
    try:
        yield members
    finally:
        members.kill_all()


def python(code: str) -> tuple[str, ...]:
    """A command that runs these lines of Python."""
    return (sys.executable, "-u", "-c", code)


def run_script(path: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """One of the scripts that run before anything is installed, run to its end."""
    return subprocess.run(
        [sys.executable, path, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
        timeout=60,
    )
