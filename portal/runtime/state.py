"""The state directory: what `make run` keeps between two starts, in one place.

It holds the database, the secrets, Redis' log file, the simulator's memory and the logs. Deleting
it is how to start anew.
"""

import base64
import fcntl
import hashlib
import json
import os
import secrets
import socket
import stat
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from portal.runtime.preflight import LOOPBACK, CannotStart, already_running, is_free

# A Unix socket's path may have 107 bytes; the longest name in the directory is supervisor.sock.
LONGEST_SOCKET_DIRECTORY = 107 - len("/supervisor.sock")


@dataclass(frozen=True)
class State:
    """The paths in one state directory."""

    directory: Path

    @property
    def database(self) -> Path:
        return self.directory / "latchboard.db"

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def redis(self) -> Path:
        return self.directory / "redis"

    @property
    def simulator(self) -> Path:
        return self.directory / "simulator"

    @property
    def simulator_key(self) -> Path:
        """The public key that the simulator signs its webhooks with."""
        return self.simulator / "webhook-key.pem"

    @property
    def secrets(self) -> Path:
        return self.directory / "secrets.env"

    def prepare(self) -> None:
        """Every directory exists, and only its owner can look inside."""
        for directory in (self.directory, self.logs, self.redis, self.simulator):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)

    def lock(self, address: str) -> int:
        """Takes the lock for as long as the returned descriptor is open, and says who has it."""
        lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise already_running(lock) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()} {address}\n".encode(), 0)
        return lock

    def load_secrets(self) -> dict[str, str]:
        """The secrets of this installation, made at the first start and never changed."""
        known = {}
        if self.secrets.exists():
            self.secrets.chmod(0o600)
            lines = self.secrets.read_text().splitlines()
            known = dict(line.split("=", 1) for line in lines if "=" in line)
        elif self.database.exists():
            raise CannotStart(
                f"{self.secrets} is gone, and what {self.database} holds cannot be read without "
                f"it. Put the file back, or delete {self.directory} to start anew."
            )
        made = {name: make() for name, make in SECRETS.items() if name not in known}
        if made:
            self._write_secrets(known | made)
        return known | made

    def remembered_port(self, name: str) -> int:
        """The loopback port of that server: a free one at first, the same ever after."""
        ports = self._ports()
        if name not in ports:
            with closing(socket.socket()) as probe:
                probe.bind((LOOPBACK, 0))
                ports[name] = probe.getsockname()[1]
            self._remember(ports)
        return ports[name]

    def forget_taken_ports(self) -> None:
        """Ports that somebody else took since are chosen anew when next asked for.

        Call it before our own servers run: theirs are taken too.
        """
        ports = self._ports()
        self._remember({name: port for name, port in ports.items() if is_free(port)})

    def socket_directory(self) -> Path:
        """A directory of our own, mode 0700, with a path short enough for a Unix socket.

        The checkout may lie deep, so it is in the user's runtime directory or a temporary one. Its
        name is this state directory's, so a later start finds and reuses it.
        """
        mark = hashlib.sha256(os.fsencode(self.directory.resolve())).hexdigest()[:12]
        name = f"latchboard-{os.getuid()}-{mark}"
        bases = [os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"]  # noqa: S108 - checked below
        for base in filter(None, bases):
            path = Path(base, name)
            if len(os.fsencode(path)) <= LONGEST_SOCKET_DIRECTORY and _make_private(path):
                return path
        raise CannotStart(
            f"No directory for a Unix socket: {name} can be made neither in XDG_RUNTIME_DIR nor "
            "in the temporary directory with access for this user alone. Set TMPDIR to a "
            "directory of yours with a short path."
        )

    def _ports(self) -> dict[str, int]:
        path = self.directory / "ports.json"
        ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        return ports

    def _remember(self, ports: dict[str, int]) -> None:
        (self.directory / "ports.json").write_text(json.dumps(ports))

    def _write_secrets(self, values: dict[str, str]) -> None:
        new = self.secrets.with_suffix(".new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.writelines(f"{name}={value}\n" for name, value in values.items())
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.secrets)


def _token() -> str:
    return secrets.token_urlsafe(32)


def _encryption_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _password() -> str:
    """A password that can be typed from the screen: four groups of letters that look unlike."""
    groups = ("".join(secrets.choice("abcdefghjkmnpqrstuvwxyz") for _ in range(4)) for _ in "1234")
    return "-".join(groups)


SECRETS = {
    "SECRET_KEY": _token,
    "ENCRYPTION_KEYS": _encryption_key,
    "METRICS_TOKEN": _token,
    "SCHLAGE_CLIENT_SECRET": _token,
    "SCHLAGE_SUBSCRIPTION_KEY": _token,
    "DEMO_PASSWORD": _password,
}


def _make_private(path: Path) -> bool:
    """Whether `path` is now a directory that this user owns and nobody else can enter."""
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        return False  # somebody else's directory, or a link to one, under our name
    path.chmod(0o700)
    return True
