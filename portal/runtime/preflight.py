"""What must be so before Latchboard starts: no second one in this checkout, and a free port.

`make run` runs this file as a script before it installs anything, so that a taken port is said in
the first second and not after two minutes. It therefore imports only the standard library.
"""

import fcntl
import os
import re
import socket
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
STATE_DIRECTORY = CHECKOUT / ".latchboard"
LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8000
LISTENING = "0A"  # a listening socket's state in /proc/net/tcp


class CannotStart(Exception):
    """Latchboard cannot start; the text says why, and what to do about it."""


def require_ready(environ: Mapping[str, str], state_directory: Path = STATE_DIRECTORY) -> None:
    """Returns when nothing stands in the way; raises CannotStart with the reason otherwise."""
    refuse_second_instance(state_directory)
    require_free_port(wanted_port(environ))


def refuse_second_instance(state_directory: Path) -> None:
    """Raises CannotStart when a running Latchboard holds this state directory's lock."""
    try:
        lock = os.open(state_directory / "lock", os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise already_running(lock) from None
    finally:
        os.close(lock)


def already_running(lock: int) -> CannotStart:
    """The sentence for a held lock, whose file names the holder's process and address."""
    process, _, address = os.pread(lock, 200, 0).decode().strip().partition(" ")
    return CannotStart(
        f"Latchboard is already running in this checkout: {address} (process {process}). "
        f"Stop it with Ctrl-C in its terminal, or with: kill {process}"
    )


def wanted_port(environ: Mapping[str, str]) -> int:
    """The port that PORT asks for, 8000 where it is not set."""
    text = environ.get("PORT", "").strip() or str(DEFAULT_PORT)
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise CannotStart(f"PORT must be a number from 1 to 65535, and it is {text!r}.")
    return int(text)


def require_free_port(port: int) -> None:
    """Raises CannotStart, naming the program that holds the port where the system tells."""
    if is_free(port):
        return
    other = next((p for p in range(port + 1, min(port + 100, 65536)) if is_free(p)), None)
    remedy = f", or start Latchboard on another port: PORT={other} make run" if other else ""
    if port < 1024 and not _answers(port):
        raise CannotStart(
            f"Port {port} cannot be opened: ports under 1024 need root. "
            f"Use a higher one: PORT={DEFAULT_PORT} make run"
        )
    holder = holder_of(port)
    raise CannotStart(
        f"Port {port} is taken by {holder or 'another program'}. Stop that program{remedy}"
    )


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address."""
    if _answers(port):  # some systems let us bind beside a server on all addresses
        return False
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def holder_of(port: int) -> str | None:
    """The program that listens on this port, as `name (process N)`; None where nobody tells.

    Reads /proc, so only on Linux, and only programs of the same user.
    """
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with suppress(OSError):
                    if os.readlink(descriptor) in inodes:
                        name = (process / "comm").read_text().strip()
                        return f"{name} (process {process.name})"
    return None


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                local_port = int(fields[1].rpartition(":")[2], 16)
                if local_port == port and fields[3] == LISTENING:
                    inodes.add(fields[9])
    return inodes


def _answers(port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


if __name__ == "__main__":
    try:
        require_ready(os.environ)
    except CannotStart as reason:
        sys.exit(str(reason))
