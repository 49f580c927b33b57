"""Logs: one JSON line per event, without secrets and without query strings.

Secrets have a type that masks itself (domain.secret); the processor here is the second wall, for
texts that others made: exceptions, libraries' own lines.
"""

import logging
import re
import sys
import time
import uuid
from collections.abc import MutableMapping
from typing import Any, Final

import structlog
from flask import Flask, Response, g, request

from portal.domain.secret import MASK

log = structlog.get_logger(__name__)

_SECRET_KEYS: Final = re.compile(
    r"pin|password|passcode|secret|token|authorization|cookie|signature|access_?code$|address$",
    re.IGNORECASE,
)
_PATTERNS: Final = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), rf"\1 {MASK}"),
    # The address of a guest's page is the key to it.
    (re.compile(r"(?i)(/guest/)[\w%~.-]{16,}"), r"\1…"),
    # A feed's or callback's address has its secret in the path or query: the host is enough.
    (re.compile(r"(?i)\b(https?|webcal)://(?:[^\s/@\"']*@)?([^\s/?#\"']+)[^\s\"']*"), r"\1://\2/…"),
    (
        re.compile(
            r"(?i)([\"']?\b(?:code|access_?code|state|s|pin|password|(?:access_|refresh_|id_)?token"
            r"|client_secret|code_verifier)[\"']?\s*[=:]\s*[\"']?)[^\s&\"',;)}\]]+"
        ),
        rf"\1{MASK}",
    ),
)
# Whatever follows: a mistyped link may still hold the token.
_GUEST_PAGE: Final = re.compile(r"(?is)/guest/.+")
# Words of our own that only look secret.
_PLAIN_KEYS: Final = frozenset({"event", "level", "logger", "timestamp", "request", "state"})


def configure(*, as_json: bool | None = None) -> None:
    """Everything this process logs, libraries included, goes to stderr through the redaction.

    JSON unless a person looks at a terminal. Standard output stays free for what commands print.
    """
    as_json = not sys.stderr.isatty() if as_json is None else as_json
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
    ]
    last: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        # As text, without local variables: those hold PINs.
        structlog.processors.format_exc_info,
        redact,
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _StandardError()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last)
    )
    root = logging.getLogger()
    root.handlers = [h for h in root.handlers if not isinstance(h, _StandardError)] + [handler]
    root.setLevel(logging.INFO)
    # Its lines carry query strings; ours below say what is needed.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)


class _StandardError(logging.Handler):
    """Writes to whatever standard error is at that moment: servers and tests exchange it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
        except Exception:  # noqa: BLE001 - a line that cannot be written must not break the work
            self.handleError(record)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The event without secrets: values under telling keys masked, texts searched for them."""
    for key, value in event.items():
        is_secret = key not in _PLAIN_KEYS and _SECRET_KEYS.search(key) is not None
        event[key] = MASK if is_secret else clean(value)
    return event


def clean(value: Any) -> Any:
    """The value with what looks like a token, a code or an address' path taken out."""
    if isinstance(value, str):
        for pattern, replacement in _PATTERNS:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, dict):
        return {
            key: MASK if _SECRET_KEYS.search(str(key)) else clean(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    return value


def init_app(app: Flask) -> None:
    """Each request has one line, and an id that its other lines and its error page name."""

    @app.before_request
    def begin() -> None:
        g.request_id = uuid.uuid4().hex[:12]
        g.began = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def note(response: Response) -> Response:
        # An unchanged poll comes every two seconds from every open page: no line.
        if response.status_code != 204 and "began" in g:
            log.info(
                "request",
                method=request.method,
                path=_GUEST_PAGE.sub("/guest/…", request.path),
                status=response.status_code,
                milliseconds=round((time.perf_counter() - g.began) * 1000, 1),
            )
        return response
