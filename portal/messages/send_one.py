"""The program of the sending child: an order on standard input, what went wrong on standard output.

It is started by its path in an isolated interpreter, with the portal's package put in place bare
(as `portal.feeds.parse_one` does). Before Apprise is shown the address, a hook of the interpreter
itself is shut: it sees every connection of this process, whichever library makes it and wherever a
redirect or a second look at a name leads, and lets it reach public addresses only. It also ends
every attempt to start a program.
"""

import ipaddress
import json
import logging
import re
import resource
import socket
import sys
import types
from pathlib import Path
from typing import Any, Final

if "portal" not in sys.modules:
    _package = types.ModuleType("portal")
    _package.__path__ = [str(Path(__file__).parents[1])]
    sys.modules["portal"] = _package

import apprise  # noqa: E402 - as the others

from portal.messages.addresses import EMAIL, MAIL_PORTS, check  # noqa: E402 - after the package
from portal.network.addresses import is_own_network, is_public  # noqa: E402
from portal.network.errors import CallRefused  # noqa: E402

_CPU_SECONDS: Final = 20
_PORTS: Final = frozenset({443, *MAIL_PORTS})
_NEVER: Final = (
    "subprocess.Popen",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "socket.bind",
    "ctypes.dlopen",
)
# What Apprise's own lines tell of a failure, the most telling first.
_SIGNS: Final = (
    (re.compile(r"\(535,|[Aa]uthentication"), "sign_in"),
    (re.compile(r"CERTIFICATE|certificate"), "certificate"),
    (re.compile(r"STARTTLS|WRONG_VERSION_NUMBER|wrong version number"), "no_tls"),
    (re.compile(r"\{.*: \(5\d\d,"), "recipient"),
    (re.compile(r"\([45]\d\d, "), "refused"),
    (re.compile(r"timed? ?out", re.IGNORECASE), "timeout"),
    (re.compile(r"[Cc]onnection|SMTP|resolve|unreachable"), "no_connection"),
)
_REASON: Final = "Socket Exception"
_STATUS: Final = re.compile(r"\berror=(\d{3})\b")


class _Gate:
    """The hook: which connections this process may make."""

    def __init__(self) -> None:
        self.allows_private = False
        self.is_shut = False
        self.has_refused = False
        self.has_connected = False  # the other side may have taken something

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.is_shut:
            return
        if event in _NEVER:
            raise PermissionError(event)
        if event in {"socket.connect", "socket.sendto", "socket.sendmsg"} and not self._may(args):
            self.has_refused = True
            raise PermissionError("not a public address")

    def _may(self, args: tuple[Any, ...]) -> bool:
        where = args[1] if len(args) > 1 else None
        if not isinstance(where, tuple) or len(where) < 2:
            return False  # a Unix socket, or one whose peer nobody named
        try:
            address = ipaddress.ip_address(str(where[0]).partition("%")[0])
        except ValueError:
            return False  # a name: what it would be resolved to was not looked at
        if self.allows_private and is_own_network(address):
            return True
        return is_public(address) and where[1] in _PORTS


def _note_connections(gate: _Gate) -> None:
    """From now on the gate knows whether any connection came about."""
    connect = socket.socket.connect

    def noting(self: socket.socket, address: Any) -> None:
        connect(self, address)
        gate.has_connected = True

    socket.socket.connect = noting  # type: ignore[method-assign]


class _Listener(logging.Handler):
    """Keeps what kind of failure Apprise speaks of, and none of its words.

    Its reason for a broken connection stands in a line for debugging; the other lines of that kind
    repeat the message itself and are not looked at.
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._status = ""
        self._signs: set[str] = set()

    @property
    def key(self) -> str:
        if self._status:
            return f"http_{self._status}"
        return next((key for _, key in _SIGNS if key in self._signs), "refused")

    def emit(self, record: logging.LogRecord) -> None:
        words = record.getMessage()
        if record.levelno < logging.WARNING and not words.startswith(_REASON):
            return
        if status := _STATUS.search(words):
            self._status = status[1]
        self._signs |= {key for sign, key in _SIGNS if sign.search(words)}


def main() -> None:
    """Limits the process, sends, answers."""
    gate = _Gate()
    sys.addaudithook(gate)
    for limit, value in (
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    order = json.loads(sys.stdin.buffer.read())
    gate.allows_private = bool(order["allow_private"])
    answer = json.dumps({"problem": _send(order, gate)})
    sys.stdout.write(answer)
    sys.stdout.flush()


def _send(order: dict[str, Any], gate: _Gate) -> str:
    try:
        kind, _ = check(order["address"], allow_private=gate.allows_private)
    except CallRefused:
        return "bad_address"
    listener = _Listener()
    logger = logging.getLogger("apprise")
    logger.handlers, logger.propagate = [listener], False
    logger.setLevel(logging.DEBUG)
    _note_connections(gate)
    gate.is_shut = True
    service = apprise.Apprise.instantiate(order["address"])
    if service is None:
        return "bad_address"
    # Or e-mail would go out as HTML, and lose its lines.
    as_text = apprise.NotifyFormat.TEXT if kind == EMAIL else None
    is_sent = bool(service.notify(title=order["title"], body=order["body"], body_format=as_text))
    if gate.has_refused:
        return "private_address"
    return "" if is_sent else _told(listener.key, has_connected=gate.has_connected)


def _told(key: str, *, has_connected: bool) -> str:
    """What went wrong, told apart by whether the message can have been taken all the same."""
    if key == "timeout" and not has_connected:
        return "no_connection"
    if key == "no_connection" and has_connected:
        return "broke_off"
    return key


if __name__ == "__main__":
    main()
