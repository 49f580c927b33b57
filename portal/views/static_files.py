"""Static files, served by whitenoise under addresses that change with their content.

`static_url('css/latchboard.css')` in a template gives `/static/css/latchboard.3f2a….css`, which
browsers may keep for ever; the plain address works too, and is asked for again.
"""

import hashlib
import re
from pathlib import Path
from typing import Final
from wsgiref.headers import Headers

from flask import Flask
from whitenoise import WhiteNoise

_HASH_LENGTH: Final = 12
_HASHED: Final = re.compile(rf"\.[0-9a-f]{{{_HASH_LENGTH}}}\.[a-z0-9]+$")


class NoSuchFile(Exception):
    """A template names a static file that does not exist: a misspelt name, seen at once."""


def init_app(app: Flask, *, headers: dict[str, str]) -> None:
    """The files in the app's static folder are served, and templates know `static_url`."""
    root = Path(app.static_folder or "")
    prefix = f"{app.static_url_path}/"

    def add_headers(response_headers: Headers, _path: str, _url: str) -> None:
        for name, value in headers.items():
            response_headers[name] = value

    server = WhiteNoise(
        app.wsgi_app,
        allow_all_origins=False,
        max_age=60,
        add_headers_function=add_headers,
        immutable_file_test=lambda _path, url: bool(_HASHED.search(url)),
    )
    hashed_names: dict[str, str] = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        name = path.relative_to(root).as_posix()
        hashed_names[name] = _hashed_name(path, name)
        server.add_file_to_dictionary(prefix + name, str(path))
        server.add_file_to_dictionary(prefix + hashed_names[name], str(path))

    def static_url(filename: str) -> str:
        try:
            return prefix + hashed_names[filename]
        except KeyError:
            raise NoSuchFile(f"static/{filename} does not exist") from None

    app.jinja_env.globals["static_url"] = static_url
    app.wsgi_app = server  # type: ignore[method-assign]


def _hashed_name(path: Path, name: str) -> str:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:_HASH_LENGTH]
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}.{digest}.{suffix}" if dot else name
