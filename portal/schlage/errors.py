"""What can go wrong between us and Schlage: the type of the exception says what to do next.

The client retries nothing. Whoever called decides by the type alone: `SchlageUnavailable` and
`SchlageThrottled` are simply sent again later; `SchlageRejected` is an answer and is not sent
again unchanged; `SchlageUncertain` is verified before it is sent again.
"""

from datetime import timedelta


class SchlageError(Exception):
    """Something went wrong with a call to Schlage. Never raised itself, only its kinds are.

    `texts` are the vendor's own sentences, in order; `error_code` the vendor's number for the
    first of them and `error_type` the vendor's symbolic name, each None where none was given.
    `raw` is the start of an error's body and `request_id` the vendor's id of the request, for
    support. No PIN that we sent, no token and no key stands in any of them. Before `retry_after`
    has passed Schlage does not want to be asked again; it is zero where nothing was said of it.
    """

    retry_after = timedelta(0)

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        texts: tuple[str, ...] = (),
        error_code: int | None = None,
        error_type: str | None = None,
        raw: str = "",
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.texts = texts
        self.error_code = error_code
        self.error_type = error_type
        self.raw = raw
        self.request_id = request_id


class SchlageUnavailable(SchlageError):
    """Nothing was changed at Schlage: a request never arrived, or a read got no usable answer.

    Used when the name did not resolve, the connection was refused or not made in time, and for
    reads also when the answer was late, cut, a 5xx or not readable. Send it again later.
    """


class SchlageThrottled(SchlageError):
    """Schlage refused the request unread because of too many (429). Nothing was changed.

    Send it again, but not before `retry_after` has passed.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: timedelta,
        raw: str = "",
        texts: tuple[str, ...] = (),
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, status=429, texts=texts, raw=raw, request_id=request_id)
        self.retry_after = retry_after


class SchlageRejected(SchlageError):
    """Schlage read the request and refused it for good (a 4xx); no command was made.

    `texts` say why in the vendor's words: look them up in the problem catalogue. Sending the same
    request again changes nothing, except that an `already in use` is not yet a proof (the list
    may lag) and is verified first.
    """


class SchlageNotFound(SchlageRejected):
    """The device, code, command or subscription named in the path is not there (404).

    For a command in its first minute this means "not yet". For a device it means that the lock
    left the account, or that access to it was withdrawn.
    """


class SchlageForbidden(SchlageRejected):
    """Schlage knows who we are and still refuses (403): no right to this device or this product.

    Do not send it again until a person changed the permission or the subscription key.
    """


class SchlageUnauthorized(SchlageError):
    """The access token was refused, also after one refresh (401). Nothing was changed.

    The connection is signed out: stop its work and ask a person to reconnect it.
    """


class SignedOut(SchlageUnauthorized):
    """The refresh token or the authorization code is no longer accepted (`invalid_grant`).

    Used at the token endpoint only. No refresh will bring it back: a person has to reconnect.
    """


class SchlageUncertain(SchlageError):
    """A write was sent and its outcome is unknown: it may be carried out, now or minutes later.

    Used for a time-out after sending, a connection lost before the whole answer, every 5xx
    (a 502 with error code 34 has been seen while the code was made, seamapi/public-tracker#130),
    a redirect, and a 2xx without a readable command id. Verify with a read before an add is sent
    again; an update or a delete names its id and may be repeated.
    """
