"""What is known after a failure on a real socket: not sent, or sent and the answer lost."""

import socket
import ssl
import threading
import time
from contextlib import contextmanager

import pytest
import requests
from requests.auth import AuthBase
from urllib3.exceptions import MaxRetryError, NameResolutionError, SSLError

from portal.schlage.transport import AnswerLost, HeaderAuth, NotSent, send
from tests.fakes.schlage_wire import ScriptedAdapter

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def serving(handle):
    """The address of a loopback server that hands its one connection to `handle`."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(5)
    ended = threading.Event()

    def run():
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.recv(65536)
            handle(connection, ended)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/Devices"
    finally:
        ended.set()
        listener.close()
        thread.join(5)


def post(url, timeouts=(1.0, 0.2), session=None):
    return send(
        session or requests.Session(),
        "POST",
        url,
        timeouts=timeouts,
        auth=HeaderAuth("Bearer token-1"),
        headers={},
        json={"name": "Guest A"},
    )


def raising(error):
    session = requests.Session()

    def answer(request):
        raise error

    session.mount("https://", ScriptedAdapter(answer))
    return session


def test_a_whole_answer_is_given_back():
    def handle(connection, ended):
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n[]")

    with serving(handle) as url:
        answer = post(url)

    assert (answer.status, answer.body) == (200, b"[]")
    assert answer.headers["content-type"] == "application/json"


def test_an_answer_in_chunks_is_put_together():
    def handle(connection, ended):
        connection.sendall(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n"
        )

    with serving(handle) as url:
        assert post(url).body == b"[]"


def test_a_refused_connection_was_not_sent():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(NotSent):
        post(f"http://127.0.0.1:{port}/Devices")


def test_a_name_that_does_not_resolve_was_not_sent():
    unresolved = NameResolutionError("api.test", None, socket.gaierror())
    session = raising(requests.ConnectionError(MaxRetryError(None, "/", unresolved)))

    with pytest.raises(NotSent):
        post("https://api.test/Devices", session=session)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (ssl.SSLCertVerificationError(1, "self-signed"), NotSent),
        (ssl.SSLEOFError(8, "cut"), AnswerLost),
    ],
)
def test_of_the_tls_failures_only_a_refused_certificate_was_surely_not_sent(reason, kind):
    session = raising(requests.exceptions.SSLError(MaxRetryError(None, "/", SSLError(reason))))

    with pytest.raises(kind):
        post("https://api.test/Devices", session=session)


def test_an_address_that_makes_no_sense_was_not_sent():
    with pytest.raises(NotSent):
        post("http://[::1/Devices")


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"HTTP/1.1 20",
        HEAD + b"Content-Length: 100\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    ],
    ids=["nothing", "half-a-line", "half-a-body", "half-a-chunk"],
)
def test_a_connection_cut_after_sending_loses_the_answer(start):
    def handle(connection, ended):
        connection.sendall(start)

    with serving(handle) as url, pytest.raises(AnswerLost):
        post(url)


def test_a_connection_reset_after_sending_loses_the_answer():
    def handle(connection, ended):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    with serving(handle) as url, pytest.raises(AnswerLost):
        post(url)


@pytest.mark.parametrize("start", [b"", HEAD + b"Content-Length: 9\r\n\r\n{"], ids=["head", "body"])
def test_silence_after_sending_loses_the_answer(start):
    def handle(connection, ended):
        connection.sendall(start)
        ended.wait(5)

    with serving(handle) as url, pytest.raises(AnswerLost):
        post(url)


def test_an_answer_that_trickles_in_is_cut_at_the_deadline():
    def handle(connection, ended):
        connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
        while not ended.wait(0.02):
            connection.sendall(b" ")

    with serving(handle) as url:
        started_at = time.monotonic()
        with pytest.raises(AnswerLost):
            post(url, timeouts=(0.1, 0.2))
        took = time.monotonic() - started_at

    assert took < 2


def test_a_stall_within_the_answer_ends_with_the_same_deadline():
    def handle(connection, ended):
        connection.sendall(HEAD + b"Content-Length: 9\r\n\r\n")
        ended.wait(0.5)
        connection.sendall(b"{")
        ended.wait(5)

    with serving(handle) as url:
        started_at = time.monotonic()
        with pytest.raises(AnswerLost):
            post(url, timeouts=(0.1, 0.8))
        took = time.monotonic() - started_at

    assert took < 1.25  # and not 0.5 and another 0.8


def test_a_body_that_is_not_what_its_encoding_says_loses_the_answer():
    def handle(connection, ended):
        connection.sendall(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope")

    with serving(handle) as url, pytest.raises(AnswerLost):
        post(url)


def test_a_redirect_is_an_answer_and_not_a_second_request():
    def handle(connection, ended):
        connection.sendall(b"HTTP/1.1 307 Go\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")

    with serving(handle) as url:
        assert post(url).status == 307


def test_no_failure_quotes_what_was_sent():
    class Damaged(AuthBase):
        def __call__(self, request):
            request.headers["Authorization"] = "Bearer token-1\n"
            return request

    quoting = requests.exceptions.InvalidHeader("Invalid header: 'Bearer token-1'")

    with pytest.raises(NotSent) as caught:
        post("https://api.test/Devices", session=raising(quoting))

    assert "token-1" not in str(caught.value)
