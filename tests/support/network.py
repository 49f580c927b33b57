"""Nothing in a test reaches beyond this machine."""

import ipaddress
import socket
from typing import Any

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex
_getaddrinfo = socket.getaddrinfo


class ReachedOut(Exception):
    """A test was about to open a connection that leaves the machine, or to ask a name server."""


def only_loopback(monkeypatch: Any) -> None:
    """From now on only Unix sockets and loopback addresses can be connected to or looked up."""

    def connect(self: socket.socket, address: Any) -> None:
        _refuse_far(self, address)
        _connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_far(self, address)
        return _connect_ex(self, address)

    def getaddrinfo(host: Any, *rest: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in (None, "") and not _is_near(name):
            raise ReachedOut(f"A test looked up {name!r}.")
        return _getaddrinfo(host, *rest, **options)

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def _refuse_far(sock: socket.socket, address: Any) -> None:
    if sock.family in (socket.AF_INET, socket.AF_INET6) and not _is_near(address[0]):
        raise ReachedOut(f"A test connected to {address!r}.")


def _is_near(host: str) -> bool:
    if host in ("localhost", "localhost.localdomain", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
