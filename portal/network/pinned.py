"""Connections to addresses that were checked, whatever a name resolves to by then.

A host is resolved once, every address of the answer is checked, and the connection is made to one
of those very addresses, so a second answer of the resolver has no say. The certificate is checked
for the host's name. A watchdog ends the whole call at its deadline, for a peer that drips keeps
every single read alive.

Nothing of the environment (proxies, .netrc) is used.
"""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from portal.network.addresses import Target
from portal.network.errors import CallFailed

#: What urllib3 and sockets raise where a call comes to nothing.
BROKEN: Final = (HTTPError, OSError, ValueError)

#: Gives the IP addresses of a host and port.
Resolver = Callable[[str, int], list[str]]
#: Connects to an IP address and port within so many seconds.
Connector = Callable[[str, int, float], socket.socket]


def resolve(host: str, port: int) -> list[str]:
    """The IP addresses of `host` as the system's resolver gives them."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def connect(address: str, port: int, seconds: float) -> socket.socket:
    """A TCP connection to an IP address; OSError when there is none within `seconds`."""
    return socket.create_connection((address, port), timeout=seconds)


class Watch:
    """The deadline of one call: when it passes, the open socket is shut."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.has_rung = False
        self._timer = threading.Timer(seconds, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def left(self) -> float:
        """Seconds until the deadline; CallFailed when it has passed."""
        left = self._ends - time.monotonic()
        if left <= 0 or self.has_rung:
            raise too_slow()
        return left

    def guard(self, connected: socket.socket) -> None:
        """From now on the connection of `connected` is the one to shut.

        A duplicate is kept: TLS takes the socket itself over, and the shutting works on both.
        """
        with self._lock:
            self._forget()
            self._socket = connected.dup()
            if self.has_rung:
                self._shut()

    def stop(self) -> None:
        self._timer.cancel()
        with self._lock:
            self._forget()

    def _ring(self) -> None:
        with self._lock:
            self.has_rung = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # the peer was faster
                self._socket.shutdown(socket.SHUT_RDWR)

    def _forget(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def too_slow() -> CallFailed:
    return CallFailed("timeout", "No answer came in time.")


def resolved(destination: Target, resolver: Resolver, watch: Watch) -> list[str]:
    """The addresses of the host, asked for once. A resolver knows no deadline, so it is asked on
    a thread that is left behind when it takes too long.
    """
    answer: list[str] = []
    done = threading.Event()

    def ask() -> None:
        with suppress(OSError, UnicodeError):  # no answer: the empty list says so
            answer.extend(resolver(destination.host, destination.port))
        done.set()

    threading.Thread(target=ask, daemon=True).start()
    if not done.wait(watch.left()):
        raise too_slow()
    if not answer:
        raise CallFailed("host_not_found", "The host of this address is not known.")
    return list(answer)


@dataclass(frozen=True, slots=True)
class Pinned:
    """Where a connection goes, whatever its host's name resolves to by now."""

    watch: Watch
    connector: Connector
    ca_file: str | None
    addresses: tuple[str, ...] = ()

    def connect(self, port: int) -> socket.socket:
        """A socket to the first of the checked addresses that answers."""
        refused = OSError("no address")
        for address in self.addresses:
            try:
                connected = self.connector(address, port, self.watch.left())
            except OSError as error:
                refused = error
                continue
            self.watch.guard(connected)
            return connected
        raise refused


class _PinnedHTTP(HTTPConnection):
    def __init__(self, *args: Any, pinned: Pinned, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pinned = pinned

    def _new_conn(self) -> socket.socket:
        return self._pinned.connect(self.port or 80)


class _PinnedHTTPS(HTTPSConnection):
    def __init__(self, *args: Any, pinned: Pinned, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pinned = pinned

    def _new_conn(self) -> socket.socket:
        return self._pinned.connect(self.port or 443)


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PinnedHTTP


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _PinnedHTTPS


def open_pool(destination: Target, pinned: Pinned) -> urllib3.HTTPConnectionPool:
    """A pool whose connections go where `pinned` says, and nowhere else."""
    if destination.scheme == "https":
        return _HTTPSPool(
            destination.host,
            destination.port,
            cert_reqs="CERT_REQUIRED",
            ca_certs=pinned.ca_file,
            pinned=pinned,
        )
    return _HTTPPool(destination.host, destination.port, pinned=pinned)


def failure(error: Exception, watch: Watch) -> CallFailed:
    """What a broken call is called; the error's own text holds the address and is left out."""
    if watch.has_rung or isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError):
        return too_slow()
    if isinstance(error, urllib3.exceptions.SSLError):
        return CallFailed("certificate", "The host could not prove who it is (its certificate).")
    return CallFailed("no_connection", "The host could not be reached, or broke off.")
