"""The one place where an HTTP answer of Schlage becomes an exception.

Errors come in a problem-details body whose `errors` maps `Error Code: <n>` to texts (seen with
a 502 in seamapi/public-tracker#130); gateways in front answer in other forms, or in HTML.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from portal.schlage.errors import (
    SchlageError,
    SchlageForbidden,
    SchlageNotFound,
    SchlageRejected,
    SchlageThrottled,
    SchlageUnauthorized,
    SchlageUnavailable,
    SchlageUncertain,
)
from portal.schlage.reading import Fields, Unreadable, load
from portal.schlage.transport import Answer

#: How long to wait after a 429 that does not say. The vendor publishes no limits.
DEFAULT_RETRY_AFTER_SECONDS = 60.0
MAX_RETRY_AFTER_SECONDS = 3600.0

_RAW_LENGTH = 2000
_REQUEST_ID_HEADERS = ("x-request-id", "x-ms-request-id", "x-correlation-id", "request-id")
_REJECTIONS: dict[int, type[SchlageRejected]] = {
    403: SchlageForbidden,
    404: SchlageNotFound,
    410: SchlageNotFound,
}
_TEXT_FIELDS = ("detail", "message", "errorMessage", "errorMesage", "error_description", "title")


def failure(answer: Answer, *, is_write: bool, secrets: Iterable[str] = ()) -> SchlageError | None:
    """What the answer's status means; None for a 2xx. The secrets are taken out of all texts.

    A write that was answered with anything but a 2xx or a plain 4xx counts as uncertain.
    """
    status = answer.status
    if 200 <= status < 300:
        return None
    texts, error_code, error_type = _details(answer.body, secrets)
    raw = _readable(answer.body, secrets)
    request_id = _request_id(answer.headers)
    message = f"Schlage answered {status}" + (f": {texts[0]}" if texts else "")
    if status == 429:
        return SchlageThrottled(
            message,
            retry_after=_retry_after(answer.headers),
            texts=texts,
            raw=raw,
            request_id=request_id,
        )
    return _kind(status, is_write=is_write)(
        message,
        status=status,
        texts=texts,
        error_code=error_code,
        error_type=error_type,
        raw=raw,
        request_id=request_id,
    )


def _kind(status: int, *, is_write: bool) -> type[SchlageError]:
    if status == 401:
        return SchlageUnauthorized
    if 400 <= status < 500 and status != 408:  # 408: the server gave up waiting, somewhere
        return _REJECTIONS.get(status, SchlageRejected)
    return SchlageUncertain if is_write else SchlageUnavailable


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets; digits also where they came back as a number."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "••••")
        as_number = secret.lstrip("0")
        if as_number.isdigit() and as_number != secret:
            text = re.sub(rf"(?<![0-9]){as_number}(?![0-9])", "••••", text)
    return text


def _readable(body: bytes, secrets: Iterable[str]) -> str:
    """The start of a body as storable text without the secrets, for support."""
    text = body.decode("utf-8", "replace").replace("\x00", "")
    return redact(text, secrets)[:_RAW_LENGTH]


def _details(body: bytes, secrets: Iterable[str]) -> tuple[tuple[str, ...], int | None, str | None]:
    """The texts, the number and the symbolic name in an error's body, as far as they are there."""
    try:
        value = load(body)
    except Unreadable:
        text = _readable(body, secrets).strip()
        # A gateway's one plain line ("Bad Gateway") is a text; its page of HTML is not.
        is_line = 0 < len(text) <= 200 and "<" not in text and "\n" not in text
        return ((text,) if is_line else ()), None, None
    fields = Fields(value)
    error_type = (fields.text("type") or "").rstrip("/").rpartition("/")[2] or None
    texts, error_code = _labelled_errors(fields.value("errors"))
    nested = fields.child("error")
    if not texts:
        found = (holder.text(name) for holder in (nested, fields) for name in _TEXT_FIELDS)
        texts = [next((text for text in found if text), fields.text("error") or "")]
    if error_code is None:
        error_code = fields.number("errorCode")
    if error_code is None:
        error_code = nested.number("errorCode")
    return tuple(redact(text, secrets) for text in texts if text), error_code, error_type


def _labelled_errors(value: Any) -> tuple[list[str], int | None]:
    """The texts under `errors`, and the number in the first label that has one."""
    texts: list[str] = []
    error_code: int | None = None
    if not isinstance(value, Mapping):
        value = {"": value}
    for label, found in value.items():
        number = re.search(r"error code:?\s*(-?\d{1,9})", str(label), re.IGNORECASE)
        if number and error_code is None:
            error_code = int(number[1])
        for text in found if isinstance(found, list) else [found]:
            if isinstance(text, str) and text.strip():
                texts.append(text.strip())
    return texts, error_code


def _retry_after(headers: Mapping[str, str]) -> timedelta:
    """How long the answer asks to wait: between one second and an hour."""
    wanted = headers.get("Retry-After", "").strip()
    seconds = DEFAULT_RETRY_AFTER_SECONDS
    if wanted.isascii() and wanted.isdigit():
        seconds = float(wanted[:9])
    elif wanted:
        # A date is compared with the server's own clock, as ours may differ.
        try:
            until = parsedate_to_datetime(wanted)
            seconds = (until - parsedate_to_datetime(headers.get("Date", ""))).total_seconds()
        except (ValueError, TypeError):
            seconds = DEFAULT_RETRY_AFTER_SECONDS
    return timedelta(seconds=min(max(seconds, 1.0), MAX_RETRY_AFTER_SECONDS))


def _request_id(headers: Mapping[str, str]) -> str | None:
    found = (headers.get(name) for name in _REQUEST_ID_HEADERS)
    return next((value[:200] for value in found if value), None)
