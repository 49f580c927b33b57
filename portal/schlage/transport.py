"""One HTTP exchange with Schlage: bounded in time and size, and honest about what is known.

The two ways an exchange can fail are kept apart, because one may be repeated and the other may
not: `NotSent` (the server cannot have seen the request) and `AnswerLost` (it may have).
"""

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.auth import AuthBase
from requests.structures import CaseInsensitiveDict
from urllib3 import exceptions as urllib3_errors

MAX_ANSWER_BYTES = 2 * 1024 * 1024

#: Seconds to connect, and seconds to wait for the next piece of the answer. Their sum stays under
#: 30 s, and an answer that trickles in is cut at that sum too, so that a lease outlives a call.
DEFAULT_TIMEOUTS = (5.0, 20.0)


class NotSent(Exception):
    """The request cannot have reached the server: it is safe to send it again."""


class AnswerLost(Exception):
    """The request may have reached the server, and no whole answer came back."""


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer. The body stays out of the repr: it may carry PINs or tokens."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class HeaderAuth(AuthBase):
    """Sets the Authorization header to exactly this value.

    An auth object rather than a header, because requests lets an entry of the machine's .netrc
    overwrite a header of ours, but not an auth object.
    """

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._value
        return request


def send(
    session: requests.Session,
    method: str,
    url: str,
    *,
    timeouts: tuple[float, float],
    auth: AuthBase,
    headers: Mapping[str, str],
    params: Mapping[str, str] | None = None,
    json: object | None = None,
    data: str | None = None,
) -> Answer:
    """The whole answer to one request, whatever its status; redirects are not followed.

    Ends by the sum of the two time-outs, and reads no more than MAX_ANSWER_BYTES. Only a server
    with several addresses (one connect time-out each), or one that closes the connection after
    every answer and stalls within it (one read time-out more), can make it longer. Raises
    NotSent or AnswerLost.
    """
    deadline = time.monotonic() + sum(timeouts)
    sent = {**session.headers, **headers}
    request = requests.Request(
        method, url, headers=sent, params=params, json=json, data=data, auth=auth
    )
    try:
        # By itself, as the session would add cookies and look for a password of the machine's own.
        prepared = request.prepare()
        address = prepared.url or url
        settings = session.merge_environment_settings(address, {}, True, None, None)
        # By the adapter, as the session's own send reads the body of a redirect without bounds,
        # and keeps cookies, which would travel from one account to another.
        response = session.get_adapter(address).send(
            prepared,
            stream=True,
            timeout=timeouts,
            verify=True if settings["verify"] is None else settings["verify"],
            cert=settings["cert"],
            proxies=settings["proxies"],
        )
    except requests.RequestException as error:
        if _never_arrived(error):
            raise NotSent(_reason(error)) from error
        raise AnswerLost(_reason(error)) from error
    try:
        body = _read(response, deadline)
    finally:
        response.close()
    return Answer(response.status_code, CaseInsensitiveDict(response.headers), body)


def _read(response: requests.Response, deadline: float) -> bytes:
    """The body, piece by piece as it arrives, so that a trickle cannot outlast the deadline."""
    pieces = bytearray()
    # Without a connection the socket was handed over to the answer, or there never was one.
    sock = getattr(response.raw.connection, "sock", None)
    try:
        while True:
            seconds_left = deadline - time.monotonic()
            if seconds_left <= 0:
                raise AnswerLost("the answer did not end in time")
            if sock is not None:
                sock.settimeout(min(seconds_left, sock.gettimeout() or seconds_left))
            piece = response.raw.read1(65536, decode_content=True)
            if not piece:
                break
            pieces += piece
            if len(pieces) > MAX_ANSWER_BYTES:
                raise AnswerLost(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
    except (urllib3_errors.HTTPError, OSError) as error:
        raise AnswerLost(_reason(error)) from error
    return bytes(pieces)


def _never_arrived(error: requests.RequestException) -> bool:
    """Whether the failure came before any byte of the request was sent."""
    if isinstance(error, (requests.ConnectTimeout, ValueError)):
        # requests' ValueErrors (InvalidURL, InvalidHeader ...) are raised while preparing.
        return True
    cause: Any = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    reason = getattr(reason, "original_error", reason)  # of a proxy that cannot be reached
    if isinstance(reason, urllib3_errors.SSLError):
        # Only a refused certificate is known to come before the request; other TLS errors may not.
        return bool(reason.args) and isinstance(reason.args[0], ssl.SSLCertVerificationError)
    return isinstance(
        reason, (urllib3_errors.NewConnectionError, urllib3_errors.ConnectTimeoutError)
    )


def _reason(error: Exception) -> str:
    """The kind of failure only: the library's own text can quote headers, and so a token."""
    return type(error).__name__
