"""supervisord, kept as a child: it starts the programs in order and restarts those that die."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from portal.runtime.guard import die_with_parent
from portal.runtime.preflight import CHECKOUT, CannotStart
from portal.runtime.programs import Program

LOGS = "logs"
POLL_SECONDS = 0.1
# More than any program's stop_seconds together; what then still runs is killed.
STOP_SECONDS = 40


@dataclass(frozen=True)
class Layout:
    """Where supervisord's own files are; the socket's path must be a short one."""

    directory: Path
    socket: Path

    @property
    def configuration(self) -> Path:
        return self.directory / "supervisord.conf"

    @property
    def logs(self) -> Path:
        return self.directory / LOGS


class Supervisor:
    """A running supervisord with its programs; `stop` leaves none of them behind."""

    def __init__(
        self, layout: Layout, programs: Iterable[Program], environment: Mapping[str, str]
    ) -> None:
        """Starts supervisord; none of the programs runs yet."""
        self.programs = list(programs)
        self._layout = layout
        layout.socket.unlink(missing_ok=True)
        layout.configuration.write_text(configuration(layout, self.programs))
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "supervisor.supervisord"),
                *("--nodaemon", "--configuration", layout.configuration.name),
            ],
            cwd=layout.directory,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # Out of the terminal's reach: Ctrl-C is for us, and we stop things in their order.
            start_new_session=True,
            preexec_fn=die_with_parent,
        )

    def start(self, program: Program) -> None:
        """The program is being started; from now on it is restarted whenever it dies."""
        deadline = time.monotonic() + 20
        while True:
            try:
                self._call("startProcess", program.name, False)
            except Fault as fault:
                raise CannotStart(
                    f"{program.name} cannot be started: {fault.faultString}"
                ) from fault
            except (OSError, HTTPException):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise CannotStart(
                        f"supervisord does not run; see {self._layout.logs / 'supervisord.log'}"
                    ) from None
                time.sleep(POLL_SECONDS)
            else:
                return

    def wait_until_up(self, program: Program, seconds: float) -> None:
        """Returns when the program answers; raises CannotStart with the end of its log if not."""
        deadline = time.monotonic() + seconds
        while not (program.is_up() and self._is_running(program)):
            self.require_alive()
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"{program.name} did not come up within {seconds:.0f} seconds. "
                    f"The end of {self.log_of(program)}:\n{tail(self.log_of(program))}"
                )
            time.sleep(POLL_SECONDS)

    def require_alive(self) -> None:
        """Raises CannotStart when supervisord itself has ended."""
        if self._process.poll() is not None:
            raise CannotStart(
                f"supervisord ended with status {self._process.returncode}; "
                f"see {self._layout.logs / 'supervisord.log'}"
            )

    def wait(self) -> None:
        """Returns when supervisord has ended, which it does only when told to."""
        self._process.wait()

    def stop(self) -> None:
        """Everything is stopped, in the reverse order of starting."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                self._process.wait()

    def kill(self) -> None:
        """Everything is ending at once, finished or not. Safe to call while `stop` waits."""
        groups = [int(info["pid"]) for info in self._process_infos() if info["pid"]]
        self._process.kill()
        for group in groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def log_of(self, program: Program) -> Path:
        return self._layout.logs / f"{program.name}.log"

    def _is_running(self, program: Program) -> bool:
        states = {info["name"]: info["statename"] for info in self._process_infos()}
        return states.get(program.name) == "RUNNING"

    def _process_infos(self) -> list[dict[str, Any]]:
        try:
            infos: list[dict[str, Any]] = self._call("getAllProcessInfo")
        except (Fault, OSError, HTTPException):
            return []
        return infos

    def _call(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._layout.socket}")
        with closing(transport):
            server = ServerProxy("http://localhost", transport=transport)
            return getattr(server.supervisor, method)(*arguments)


def configuration(layout: Layout, programs: Iterable[Program]) -> str:
    """supervisord's configuration file as text.

    The files in it are relative to the state directory, where supervisord runs: it would take a
    percent sign in that directory's name for an expansion, once in some options, twice in others.
    """
    sections: dict[str, dict[str, object]] = {
        "unix_http_server": {"file": layout.socket, "chmod": "0700"},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
        "supervisorctl": {"serverurl": f"unix://{layout.socket}"},
        "supervisord": {
            "nodaemon": "true",
            "silent": "true",
            "logfile": f"{LOGS}/supervisord.log",
            "logfile_maxbytes": "1MB",
            "logfile_backups": 1,
            "pidfile": "supervisord.pid",
            "childlogdir": LOGS,
            "umask": "077",
        },
    }
    for program in programs:
        sections[f"program:{program.name}"] = {
            "command": shlex.join(program.guarded),
            "directory": CHECKOUT,
            "priority": program.starts_with,
            "autostart": "false",
            "autorestart": "true",
            # It never gives up: each failed start in a row only adds a second to the pause.
            "startretries": 1_000_000,
            "startsecs": 1,
            "stopwaitsecs": program.stop_seconds,
            # SIGTERM goes to the guard, which passes it on once; a kill goes to the whole group.
            "stopasgroup": "false",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": f"{LOGS}/{program.name}.log",
            "stdout_logfile_maxbytes": "5MB",
            "stdout_logfile_backups": 2,
        }
    lines = []
    for section, options in sections.items():
        lines.append(f"[{section}]")
        # For the same reason, in the paths that cannot be relative.
        lines += [f"{name} = {str(value).replace('%', '%%')}" for name, value in options.items()]
        lines.append("")
    return "\n".join(lines)


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log, or a word that there is none."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) or "(empty)"
    except OSError:
        return "(there is no log)"
