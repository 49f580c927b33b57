"""Fetching from servers that lie, dawdle and flood."""

import gzip
import io
import socket
import threading
import time
import traceback
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.feeds.errors import FetchFailed, FetchRefused
from portal.feeds.fetch import fetch
from tests.feeds.hostile_server import (
    HOST,
    PUBLIC_ADDRESS,
    Behaviour,
    Certificate,
    Server,
    answering,
    make_certificate,
    response,
    serve,
)

URL = f"https://{HOST}/calendar/export.ics?s=t0ken"
CALENDAR = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"
MEGABYTE = 1024 * 1024


class Resolver:
    """Answers with one list after the other, the last from then on, and counts."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def ask(certificate: Certificate) -> Iterator["Asker"]:
    asker = Asker(certificate)
    yield asker
    asker.close()


class Asker:
    """Fetches URL from a server that stands for the public internet, certificate and all."""

    def __init__(self, certificate: Certificate) -> None:
        self.certificate = certificate
        self.resolver = Resolver([PUBLIC_ADDRESS])
        self.server: Server | None = None
        self._running: list[object] = []

    def __call__(self, behaviour: Behaviour, url: str = URL, **options: object) -> object:
        context = serve(behaviour, self.certificate)
        self.server = context.__enter__()
        self._running.append(context)
        defaults = {
            "resolver": self.resolver,
            "connector": self.server.connector,
            "ca_file": self.certificate.certificate,
            "total_seconds": 5.0,
        }
        return fetch(url, **{**defaults, **options})

    def close(self) -> None:
        for context in self._running:
            context.__exit__(None, None, None)


def failure(ask: Asker, behaviour: Behaviour, **options: object) -> FetchFailed:
    with pytest.raises(FetchFailed) as failed:
        ask(behaviour, **options)
    return failed.value


def test_a_calendar_comes_with_its_validators(ask: Asker) -> None:
    headers = ('ETag: "v1"', "Last-Modified: Tue, 24 Nov 2026 02:00:00 GMT")

    fetched = ask(answering(response(CALENDAR, *headers)))

    assert (fetched.status, fetched.body) == ("fresh", CALENDAR)
    assert (fetched.etag, fetched.last_modified) == ('"v1"', "Tue, 24 Nov 2026 02:00:00 GMT")


def test_the_request_names_the_host_and_carries_no_cookie_or_login(ask: Asker) -> None:
    ask(answering(response(CALENDAR)))

    request = ask.server.requests[0].decode()
    assert request.startswith("GET /calendar/export.ics?s=t0ken HTTP/1.1\r\n")
    assert f"Host: {HOST}\r\n" in request
    assert "authorization" not in request.lower()
    assert "cookie" not in request.lower()


def test_validators_are_sent_and_an_unchanged_calendar_has_no_body(ask: Asker) -> None:
    fetched = ask(
        answering(response(b"", 'ETag: "v1"', status="304 Not Modified")),
        etag='"v1"',
        last_modified="Tue, 24 Nov 2026 02:00:00 GMT",
    )

    request = ask.server.requests[0].decode()
    assert 'If-None-Match: "v1"\r\n' in request
    assert "If-Modified-Since: Tue, 24 Nov 2026 02:00:00 GMT\r\n" in request
    assert (fetched.status, fetched.body) == ("unchanged", b"")


def test_a_304_that_nobody_asked_for_is_a_failure(ask: Asker) -> None:
    assert failure(ask, answering(response(b"", status="304 Not Modified"))).key == "http_304"


def test_the_resolver_is_asked_once_and_its_second_answer_has_no_say(ask: Asker) -> None:
    ask.resolver = Resolver([PUBLIC_ADDRESS], ["127.0.0.1"])

    fetched = ask(answering(response(CALENDAR)))

    assert fetched.body == CALENDAR
    assert ask.resolver.asked == [HOST]


def test_a_redirect_is_resolved_and_checked_anew(ask: Asker) -> None:
    ask.resolver = Resolver([PUBLIC_ADDRESS], ["127.0.0.1"])
    to_itself = response(b"", f"Location: https://{HOST}/again", status="302 Found")

    with pytest.raises(FetchRefused) as refused:
        ask(answering(to_itself, response(CALENDAR)))

    assert refused.value.key == "private_address"
    assert len(ask.server.requests) == 1


@pytest.mark.parametrize(
    "location",
    [
        "http://calendar.example.com/a.ics",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/",
        "https://calendar.example.com:8443/",
        "https://user:secret@calendar.example.com/",
        "file:///etc/passwd",
        "//127.0.0.1/",
        "https://[::1]/",
        "https://[broken/",
    ],
)
def test_a_redirect_is_held_to_the_same_rules(ask: Asker, location: str) -> None:
    with pytest.raises(FetchRefused):
        ask(answering(response(b"", f"Location: {location}", status="301 Moved")))

    assert len(ask.server.requests) == 1


def test_three_redirects_are_followed_and_no_fourth(ask: Asker) -> None:
    move = response(b"", "Location: /calendar/next.ics", status="308 Permanent Redirect")

    assert ask(answering(move, move, move, response(CALENDAR))).body == CALENDAR
    assert failure(ask, answering(move)).key == "too_many_redirects"
    assert len(ask.server.requests) == 4


def test_a_redirect_to_nowhere_is_a_failure(ask: Asker) -> None:
    assert failure(ask, answering(response(b"", status="302 Found"))).key == "bad_redirect"


def test_a_certificate_for_another_host_is_not_accepted(ask: Asker, tmp_path: Path) -> None:
    ask.certificate = make_certificate(tmp_path, "other.example.com")

    assert failure(ask, answering(response(CALENDAR))).key == "certificate"


def test_a_certificate_that_nobody_vouches_for_is_not_accepted(ask: Asker, tmp_path: Path) -> None:
    own = make_certificate(tmp_path)

    assert failure(ask, answering(response(CALENDAR)), ca_file=own.certificate).key == "certificate"


def test_proxies_of_the_environment_are_not_used(
    ask: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert ask(answering(response(CALENDAR))).body == CALENDAR


@pytest.mark.parametrize(
    ("status", "key"),
    [
        ("400 Bad Request", "http_400"),
        ("401 Unauthorized", "http_401"),
        ("403 Forbidden", "http_403"),
        ("404 Not Found", "http_404"),
        ("410 Gone", "http_410"),
        ("204 No Content", "http_204"),
        ("206 Partial Content", "http_206"),
        ("500 Internal Server Error", "http_500"),
        ("503 Service Unavailable", "http_503"),
    ],
)
def test_an_answer_that_is_no_calendar_is_a_failure_named_by_its_status(
    ask: Asker, status: str, key: str
) -> None:
    failed = failure(ask, answering(response(b"a stranger's words", status=status)))

    assert failed.key == key
    assert "stranger" not in failed.words


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), ("9999999", 86_400), ("-5", None), ("soon", None), ("9" * 5000, None)],
)
def test_the_time_a_server_asks_us_to_wait_is_handed_on(
    ask: Asker, header: str, seconds: int | None
) -> None:
    busy = response(b"", f"Retry-After: {header}", status="429 Too Many Requests")

    assert failure(ask, answering(busy)).retry_after_seconds == seconds


def hang_up(_connection: socket.socket, _request: bytes) -> None:
    """Answers nothing and closes."""


def test_an_error_holds_neither_the_address_nor_the_token(ask: Asker) -> None:
    with pytest.raises(FetchFailed) as failed:
        ask(hang_up)

    printed = "".join(traceback.format_exception(failed.value))
    assert failed.value.key == "no_connection"
    assert "t0ken" not in printed.replace(f'URL = "{URL}"', "")


def drip(of: bytes, first: bytes = b"") -> Behaviour:
    """Sends `first`, then one byte of `of` every twentieth of a second, for ever."""

    def behave(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(first)
        stop = threading.Event()
        while not stop.wait(0.05):
            connection.sendall(of)

    return behave


HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: text/calendar\r\n"


@pytest.mark.parametrize(
    "behaviour",
    [
        drip(b"X"),
        drip(b"X-Header: 1\r\n", b"HTTP/1.1 200 OK\r\n"),
        drip(b"x", HEADERS + b"\r\n"),
        drip(b"x", HEADERS + b"Content-Length: 100000\r\n\r\n"),
        drip(b"1\r\nx\r\n", HEADERS + b"Transfer-Encoding: chunked\r\n\r\n"),
    ],
    ids=["status line", "headers", "body", "body with a length", "chunks"],
)
def test_a_server_that_drips_is_left_at_the_deadline(ask: Asker, behaviour: Behaviour) -> None:
    began = time.monotonic()

    failed = failure(ask, behaviour, total_seconds=0.6)

    assert failed.key == "timeout"
    assert time.monotonic() - began < 2


def test_a_chain_of_slow_redirects_has_one_deadline(ask: Asker) -> None:
    def dawdle(connection: socket.socket, _request: bytes) -> None:
        threading.Event().wait(0.4)
        connection.sendall(response(b"", "Location: /next", status="302 Found"))

    began = time.monotonic()

    failed = failure(ask, dawdle, total_seconds=0.6)

    assert failed.key == "timeout"
    assert time.monotonic() - began < 2


def test_a_server_that_never_shakes_hands_is_left_at_the_deadline(certificate: Certificate) -> None:
    began = time.monotonic()

    with serve(hang_up) as server, pytest.raises(FetchFailed) as failed:
        fetch(
            URL,
            resolver=lambda _host, _port: [PUBLIC_ADDRESS],
            connector=server.connector,
            ca_file=certificate.certificate,
            total_seconds=0.6,
        )

    assert failed.value.key == "timeout"
    assert time.monotonic() - began < 2


def test_a_resolver_that_hangs_is_left_at_the_deadline() -> None:
    released = threading.Event()

    def hang(_host: str, _port: int) -> list[str]:
        released.wait(10)
        return [PUBLIC_ADDRESS]

    began = time.monotonic()
    with pytest.raises(FetchFailed) as failed:
        fetch(URL, resolver=hang, total_seconds=0.3)
    released.set()

    assert failed.value.key == "timeout"
    assert time.monotonic() - began < 2


def test_a_host_that_is_unknown_is_a_failure() -> None:
    def unknown(host: str, _port: int) -> list[str]:
        raise socket.gaierror(host)

    with pytest.raises(FetchFailed) as failed:
        fetch(URL, resolver=unknown)

    assert failed.value.key == "host_not_found"


def test_the_next_address_is_tried_when_one_does_not_answer(ask: Asker) -> None:
    ask.resolver = Resolver(["93.184.216.35", PUBLIC_ADDRESS])

    assert ask(answering(response(CALENDAR))).body == CALENDAR


def test_a_packed_calendar_is_unpacked(ask: Asker) -> None:
    packed = gzip.compress(CALENDAR)

    assert ask(answering(response(packed, "Content-Encoding: gzip"))).body == CALENDAR


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd"])
def test_a_packing_that_we_did_not_ask_for_is_refused(ask: Asker, encoding: str) -> None:
    packed = response(CALENDAR, f"Content-Encoding: {encoding}")

    assert failure(ask, answering(packed)).key == "bad_encoding"


def test_a_damaged_packing_is_a_failure(ask: Asker) -> None:
    damaged = response(b"not gzip at all", "Content-Encoding: gzip")

    assert failure(ask, answering(damaged)).key == "bad_encoding"


def test_a_calendar_of_two_megabytes_comes_and_one_byte_more_does_not(ask: Asker) -> None:
    largest = b"x" * (2 * MEGABYTE)

    assert len(ask(answering(response(largest))).body) == 2 * MEGABYTE
    assert failure(ask, answering(response(largest + b"x"))).key == "too_big"
    packed = gzip.compress(largest + b"x")
    assert failure(ask, answering(response(packed, "Content-Encoding: gzip"))).key == "too_big"


def bomb(megabytes: int) -> bytes:
    """A gzip body that unpacks to so many megabytes of nothing."""
    packed = io.BytesIO()
    squeeze = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    for _ in range(megabytes):
        packed.write(squeeze.compress(bytes(MEGABYTE)))
    packed.write(squeeze.flush())
    return packed.getvalue()


class Allocated:
    """The most memory in use at once within a block: whatever came before has no say in it."""

    megabytes = 0.0

    def __enter__(self) -> "Allocated":
        tracemalloc.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.megabytes = tracemalloc.get_traced_memory()[1] / MEGABYTE
        tracemalloc.stop()


def test_a_packed_bomb_does_not_fill_the_memory(ask: Asker) -> None:
    packed = bomb(1000)

    with Allocated() as allocated:
        failed = failure(ask, answering(response(packed, "Content-Encoding: gzip")))

    assert len(packed) < 2 * MEGABYTE
    assert failed.key == "too_big"
    assert allocated.megabytes < 20


def test_an_endless_body_does_not_fill_the_memory(ask: Asker) -> None:
    def flood(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(HEADERS + b"\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with Allocated() as allocated:
        failed = failure(ask, flood)

    assert failed.key == "too_big"
    assert allocated.megabytes < 20


def test_endless_headers_do_not_fill_the_memory(ask: Asker) -> None:
    def flood(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X-Header: " + b"x" * 60000 + b"\r\n")

    with Allocated() as allocated:
        failed = failure(ask, flood)

    assert failed.key == "no_connection"
    assert allocated.megabytes < 20


def test_a_body_shorter_than_announced_is_a_failure(ask: Asker) -> None:
    short = HEADERS + b"Content-Length: 1000\r\n\r\nBEGIN:VCALENDAR\r\n"

    assert failure(ask, answering(short)).key == "no_connection"


def test_validators_that_are_no_plain_line_are_not_kept(ask: Asker) -> None:
    fetched = ask(answering(response(CALENDAR, f"ETag: {'x' * 301}", "Last-Modified: \x7f")))

    assert (fetched.etag, fetched.last_modified) == (None, None)


def test_a_loopback_installation_reads_a_feed_of_its_own_machine() -> None:
    with serve(answering(response(CALENDAR))) as server:
        fetched = fetch(f"http://127.0.0.1:{server.port}/a.ics", allow_private=True)

    assert fetched.body == CALENDAR


def test_elsewhere_the_own_machine_is_never_called() -> None:
    with serve(answering(response(CALENDAR))) as server, pytest.raises(FetchRefused):
        fetch(f"http://127.0.0.1:{server.port}/a.ics")

    assert server.requests == []
