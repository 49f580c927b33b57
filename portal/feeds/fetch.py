"""One feed fetched over a hostile network, within a fixed time and size.

The steps, again for each of at most three redirects:

1. The URL is checked (`addresses.target`).
2. Its host is resolved once, and every address of the answer is checked.
3. A connection is made to one of those very addresses, so a second answer of the resolver has no
   say. The certificate is checked for the host's name.
4. Headers and body are read under one deadline for the whole call. A watchdog closes the socket
   when it passes, for a peer that drips keeps every single read alive.

Nothing of the environment (proxies, .netrc) is used, no cookie is kept, and no error holds the
address or what the server said.
"""

import socket
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urljoin

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from portal.feeds.addresses import LONGEST_ADDRESS, Target, check_addresses, target
from portal.feeds.calendar_text import LARGEST_BODY
from portal.feeds.errors import FetchFailed, FetchRefused

TOTAL_SECONDS: Final = 20.0
MOST_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CHUNK: Final = 16 * 1024
_LONGEST_VALIDATOR: Final = 300

#: Gives the IP addresses of a host and port.
Resolver = Callable[[str, int], list[str]]
#: Connects to an IP address and port within so many seconds.
Connector = Callable[[str, int, float], socket.socket]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch brought. `status` is `fresh` with a body, or `unchanged` without one."""

    status: str
    body: bytes = field(repr=False)
    etag: str | None
    last_modified: str | None


def resolve(host: str, port: int) -> list[str]:
    """The IP addresses of `host` as the system's resolver gives them."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def connect(address: str, port: int, seconds: float) -> socket.socket:
    """A TCP connection to an IP address; OSError when there is none within `seconds`."""
    return socket.create_connection((address, port), timeout=seconds)


def fetch(
    address: str,
    *,
    etag: str | None = None,
    last_modified: str | None = None,
    allow_private: bool = False,
    resolver: Resolver = resolve,
    connector: Connector = connect,
    total_seconds: float = TOTAL_SECONDS,
    ca_file: str | None = None,
) -> Fetched:
    """The feed at `address`, or that it is unchanged since `etag` and `last_modified`.

    FetchRefused when the address, or one it redirects to, must not be called; FetchFailed when
    nothing usable came. `allow_private` is for installations on a loopback address. `ca_file`
    names the certificates to trust instead of the system's. The resolver, the connector and the
    deadline are given by tests.
    """
    watch = _Watch(total_seconds)
    pinned = _Pinned(watch, connector, ca_file)
    validators = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    conditions = {name: value for name, value in validators.items() if value}
    try:
        for _ in range(MOST_REDIRECTS + 1):
            destination = target(address, allow_private=allow_private)
            found = _resolved(destination, resolver, watch)
            checked = check_addresses(found, destination, allow_private=allow_private)
            answer = _call(destination, replace(pinned, addresses=tuple(checked)), conditions)
            if isinstance(answer, Fetched):
                return answer
            address = _redirected(address, answer)
    finally:
        watch.stop()
    raise FetchFailed("too_many_redirects", "The address redirects more than three times.")


def _redirected(address: str, location: str) -> str:
    """The absolute address a redirect leads to; it is checked like the first one."""
    try:
        return urljoin(address.replace("webcal://", "https://", 1), location)
    except ValueError:
        raise FetchRefused("bad_address", "The address redirects to no web address.") from None


class _Watch:
    """The deadline of one fetch: when it passes, the open socket is shut."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.has_rung = False
        self._timer = threading.Timer(seconds, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def left(self) -> float:
        """Seconds until the deadline; FetchFailed when it has passed."""
        left = self._ends - time.monotonic()
        if left <= 0 or self.has_rung:
            raise _too_slow()
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


def _too_slow() -> FetchFailed:
    return FetchFailed("timeout", "The calendar did not come in time.")


def _resolved(destination: Target, resolver: Resolver, watch: _Watch) -> list[str]:
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
        raise _too_slow()
    if not answer:
        raise FetchFailed("host_not_found", "The host of this address is not known.")
    return list(answer)


@dataclass(frozen=True, slots=True)
class _Pinned:
    """Where a connection goes, whatever its host's name resolves to by now."""

    watch: _Watch
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
    def __init__(self, *args: Any, pinned: _Pinned, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pinned = pinned

    def _new_conn(self) -> socket.socket:
        return self._pinned.connect(self.port or 80)


class _PinnedHTTPS(HTTPSConnection):
    def __init__(self, *args: Any, pinned: _Pinned, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pinned = pinned

    def _new_conn(self) -> socket.socket:
        return self._pinned.connect(self.port or 443)


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PinnedHTTP


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _PinnedHTTPS


def _call(destination: Target, pinned: _Pinned, conditions: dict[str, str]) -> Fetched | str:
    """One request: what it fetched, or the location it redirects to."""
    pool: urllib3.HTTPConnectionPool
    if destination.scheme == "https":
        pool = _HTTPSPool(
            destination.host,
            destination.port,
            cert_reqs="CERT_REQUIRED",
            ca_certs=pinned.ca_file,
            pinned=pinned,
        )
    else:
        pool = _HTTPPool(destination.host, destination.port, pinned=pinned)
    watch = pinned.watch
    headers = {
        "User-Agent": "Latchboard (calendar reader)",
        "Accept": "text/calendar, */*;q=0.1",
        "Accept-Encoding": "gzip",
        "Connection": "close",
        **conditions,
    }
    try:
        response = pool.urlopen(
            "GET",
            destination.path,
            headers=headers,
            redirect=False,
            retries=False,
            timeout=urllib3.Timeout(connect=watch.left(), read=watch.left()),
            preload_content=False,
            decode_content=False,
        )
        try:
            return _answer(response, bool(conditions), watch)
        finally:
            response.close()
    except (HTTPError, OSError, ValueError) as error:
        # The cause is not chained: urllib3 writes the path, and with it the token, into it.
        raise _failure(error, watch) from None
    finally:
        pool.close()


def _failure(error: Exception, watch: _Watch) -> FetchFailed:
    if watch.has_rung or isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError):
        return _too_slow()
    if isinstance(error, urllib3.exceptions.SSLError):
        return FetchFailed("certificate", "The host could not prove who it is (its certificate).")
    return FetchFailed("no_connection", "The host could not be reached, or broke off.")


def _answer(
    response: urllib3.BaseHTTPResponse, is_conditional: bool, watch: _Watch
) -> Fetched | str:
    if response.status in _REDIRECTS:
        location = response.headers.get("Location", "")
        if not location or len(location) > LONGEST_ADDRESS:
            raise FetchFailed("bad_redirect", "The address redirects to nowhere.")
        return location
    validators = (_validator(response, "ETag"), _validator(response, "Last-Modified"))
    if response.status == 304 and is_conditional:
        return Fetched("unchanged", b"", *validators)
    if response.status != 200:
        raise _refusal(response)
    return Fetched("fresh", _body(response, watch), *validators)


def _validator(response: urllib3.BaseHTTPResponse, name: str) -> str | None:
    """A validator to send back next time, unless it is not one line of plain characters."""
    value = str(response.headers.get(name, ""))
    is_plain = value.isascii() and value.isprintable() and len(value) <= _LONGEST_VALIDATOR
    return value if value and is_plain else None


def _refusal(response: urllib3.BaseHTTPResponse) -> FetchFailed:
    status = response.status
    after = str(response.headers.get("Retry-After", ""))
    wait = (
        min(int(after), 86_400) if after.isascii() and after.isdigit() and len(after) < 9 else None
    )
    if status in {401, 403}:
        words = "The host asks for a sign-in: the calendar's link may have been renewed."
    elif status in {404, 410}:
        words = "The calendar is no longer at this address: copy its link again."
    elif status == 429:
        words = "The host asks us to come less often."
    else:
        words = f"The host answered with an error ({status})."
    return FetchFailed(f"http_{status}", words, wait)


def _body(response: urllib3.BaseHTTPResponse, watch: _Watch) -> bytes:
    """The whole body, unpacked, never more than 2 MB of it in memory at any time."""
    unpack = _unpacker(str(response.headers.get("Content-Encoding", "")))
    body = bytearray()
    came = 0
    while chunk := response.read(_CHUNK):
        watch.left()
        came += len(chunk)
        body += unpack(chunk, LARGEST_BODY + 1 - len(body))
        if came > LARGEST_BODY or len(body) > LARGEST_BODY:
            raise FetchFailed("too_big", "The calendar is larger than 2 MB.")
    watch.left()
    return bytes(body)


def _unpacker(encoding: str) -> Callable[[bytes, int], bytes]:
    """What turns a chunk of the wire into at most so many bytes of the body."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return lambda chunk, most: chunk[: max(most, 1)]
    if name not in {"gzip", "x-gzip"}:
        raise FetchFailed("bad_encoding", "The calendar came packed in a way we did not ask for.")
    packed = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    def unpack(chunk: bytes, most: int) -> bytes:
        try:
            return packed.decompress(packed.unconsumed_tail + chunk, max(most, 1))
        except zlib.error:
            raise FetchFailed("bad_encoding", "The calendar came damaged.") from None

    return unpack
