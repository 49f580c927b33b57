"""One feed fetched over a hostile network, within a fixed time and size.

The steps, again for each of at most three redirects:

1. The URL is checked (`addresses.target`).
2. Its host is resolved once, and every address of the answer is checked.
3. A connection is made to one of those very addresses (`portal.network.pinned`).
4. Headers and body are read under one deadline for the whole call.

No cookie is kept, and no error holds the address or what the server said.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urljoin

import urllib3

from portal.domain.sentences import Sentence
from portal.feeds.calendar_text import LARGEST_BODY
from portal.feeds.errors import FetchFailed, FetchRefused
from portal.network import pinned as network
from portal.network.addresses import LONGEST_ADDRESS, Target, check_addresses, target
from portal.network.errors import CallFailed, CallRefused
from portal.network.pinned import Connector, Pinned, Resolver, Watch

TOTAL_SECONDS: Final = 20.0
MOST_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CHUNK: Final = 16 * 1024
_LONGEST_VALIDATOR: Final = 300

_HOST_ERROR: Final = Sentence("The host answered with an error ({status}).")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch brought. `status` is `fresh` with a body, or `unchanged` without one."""

    status: str
    body: bytes = field(repr=False)
    etag: str | None
    last_modified: str | None


def fetch(
    address: str,
    *,
    etag: str | None = None,
    last_modified: str | None = None,
    allow_private: bool = False,
    resolver: Resolver = network.resolve,
    connector: Connector = network.connect,
    total_seconds: float = TOTAL_SECONDS,
    ca_file: str | None = None,
) -> Fetched:
    """The feed at `address`, or that it is unchanged since `etag` and `last_modified`.

    FetchRefused when the address, or one it redirects to, must not be called; FetchFailed when
    nothing usable came. `allow_private` is for installations on a loopback address. `ca_file`
    names the certificates to trust instead of the system's. The resolver, the connector and the
    deadline are given by tests.
    """
    watch = Watch(total_seconds)
    pinned = Pinned(watch, connector, ca_file)
    validators = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    conditions = {name: value for name, value in validators.items() if value}
    try:
        for _ in range(MOST_REDIRECTS + 1):
            destination = target(address, allow_private=allow_private)
            found = network.resolved(destination, resolver, watch)
            checked = check_addresses(found, destination, allow_private=allow_private)
            answer = _call(destination, replace(pinned, addresses=tuple(checked)), conditions)
            if isinstance(answer, Fetched):
                return answer
            address = _redirected(address, answer)
    except CallRefused as refused:
        raise FetchRefused(refused.key, refused.words) from None
    except CallFailed as failed:
        raise FetchFailed(failed.key, failed.words) from None
    finally:
        watch.stop()
    raise FetchFailed("too_many_redirects", "The address redirects more than three times.")


def _redirected(address: str, location: str) -> str:
    """The absolute address a redirect leads to; it is checked like the first one."""
    try:
        return urljoin(address.replace("webcal://", "https://", 1), location)
    except ValueError:
        raise FetchRefused("bad_address", "The address redirects to no web address.") from None


def _call(destination: Target, pinned: Pinned, conditions: dict[str, str]) -> Fetched | str:
    """One request: what it fetched, or the location it redirects to."""
    pool = network.open_pool(destination, pinned)
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
    except network.BROKEN as error:
        # The cause is not chained: urllib3 writes the path, and with it the token, into it.
        raise network.failure(error, watch) from None
    finally:
        pool.close()


def _answer(
    response: urllib3.BaseHTTPResponse, is_conditional: bool, watch: Watch
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
        words = _HOST_ERROR(status=status)
    return FetchFailed(f"http_{status}", words, wait)


def _body(response: urllib3.BaseHTTPResponse, watch: Watch) -> bytes:
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
