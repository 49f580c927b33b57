"""A portal that answers on a port of its own, for a real browser."""

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.serving import make_server

from tests.support.chromium import chromium, page

__all__ = ["chromium", "page"]


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    """The address of the app of this test."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
