"""The measuring client: what it counts, and that it notices a server which answers otherwise."""

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat

import pytest

from benchmarks.measure import Load, Server, WrongAnswer, compare, hammer, percentile, raw_request


class _Answering(BaseHTTPRequestHandler):
    """Answers `/none` 204 and everything else with a text, and keeps the connection."""

    protocol_version = "HTTP/1.1"
    timeout = 5

    def do_GET(self) -> None:
        if self.path == "/none":
            self.send_response(204)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"text")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), _Answering)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield Server(running.server_port, os.getpgrp())
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.mark.parametrize(("path", "status"), [("/none", 204), ("/", 200)])
def test_every_request_is_answered_once(server: Server, path: str, status: int) -> None:
    request = raw_request("GET", path, server.port)

    load = hammer(server, iter([request] * 30), status)

    assert load.answered == 30
    assert load.per_second > 0


def test_a_load_without_an_end_stops_in_time(server: Server) -> None:
    load = hammer(server, repeat(raw_request("GET", "/", server.port)), 200, seconds=0.1)

    assert load.answered > 0
    assert 0.1 <= load.seconds < 5


def test_another_answer_is_no_measurement(server: Server) -> None:
    with pytest.raises(WrongAnswer, match="expected 204"):
        hammer(server, iter([raw_request("GET", "/", server.port)]), 204)


def test_the_ratio_is_the_median_over_rounds_of_ours_by_bare() -> None:
    ours = iter([Load(1, 1.0, 0.2), *(Load(n, 1.0, 0.2) for n in (10, 30, 20))])

    line = compare("x", lambda: next(ours), lambda: Load(100, 1.0, 0.1), rounds=3)

    assert line["ratios"] == [0.1, 0.3, 0.2]
    assert line["median_ratio"] == 0.2


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(1, 21)]

    assert percentile(values, 0.5) == 10
    assert percentile(values, 0.95) == 19
    assert percentile([7.0], 0.95) == 7
