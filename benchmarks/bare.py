"""The bare baselines, as one small WSGI application: what the same server does with no product.

`/` answers a constant text. `POST /webhook` verifies the signature with one fixed key and inserts
the body into a table of its own SQLite file, as durably as the portal does.
"""

import base64
import json
import os
import sqlite3
import threading
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from flask import Flask, Response, request

DATABASE = "BARE_DATABASE"
KEY = "BARE_KEY"

_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
_local = threading.local()

app = Flask(__name__)


@cache
def _key() -> RSAPublicKey:
    key = load_pem_public_key(Path(os.environ[KEY]).read_bytes())
    assert isinstance(key, RSAPublicKey)  # noqa: S101 - the simulator makes no other
    return key


def _connection() -> sqlite3.Connection:
    if not hasattr(_local, "connection"):
        _local.connection = sqlite3.connect(os.environ[DATABASE], timeout=15, isolation_level=None)
        _local.connection.execute("PRAGMA journal_mode = WAL")
        _local.connection.execute("PRAGMA synchronous = FULL")
        _local.connection.execute(
            "CREATE TABLE IF NOT EXISTS event (event_id TEXT PRIMARY KEY, body BLOB)"
        )
    found: sqlite3.Connection = _local.connection
    return found


@app.get("/")
def constant() -> Response:
    return Response("unchanged\n", mimetype="text/plain")


@app.post("/webhook")
def webhook() -> Response:
    body = request.get_data(cache=False)
    try:
        signature = base64.b64decode(request.headers["WebHook-Signature"])
        _key().verify(signature, body, _PSS, hashes.SHA256())
    except InvalidSignature:
        return Response(status=401)
    connection = _connection()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        "INSERT INTO event VALUES (?, ?) ON CONFLICT DO NOTHING",
        (json.loads(body)["eventId"], body),
    )
    connection.execute("COMMIT")
    return Response(status=204)
