"""Errors in words: what happened, what to do next, and for our own faults an id to look up."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import structlog
from flask import Flask, Response, g, json, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, OperationalError
from werkzeug.exceptions import HTTPException, InternalServerError, default_exceptions

from portal.views._guard import API_PREFIX

log = structlog.get_logger(__name__)

PROBLEM_TYPE: Final = "application/problem+json"


@dataclass(frozen=True)
class Words:
    """What an error page says: a title, and the next step."""

    title: str
    step: str


WORDS: Final = {
    400: Words(
        "This request could not be read", "Go back, reload the page, and try again from there."
    ),
    401: Words("You are not signed in", "Sign in and try again."),
    403: Words(
        "You may not do this", "Ask an owner of your account if you need it; they set the roles."
    ),
    404: Words(
        "There is nothing here",
        "The address is wrong, or what was here belongs to another account. "
        "Start again from Arrivals.",
    ),
    405: Words("This address does not do that", "Go back and use the buttons of the page."),
    413: Words("This is too large", "Files may have at most 2 MB. Send a smaller one."),
    415: Words("This kind of file is not understood", "Send one of the kinds the page names."),
    422: Words("Something in the form is not right", "Go back, correct it, and send it again."),
    429: Words("Too many requests", "Wait a moment, then try again."),
    500: Words(
        "Something went wrong on our side",
        "Nothing you entered is at fault, and the codes on your locks are not touched by it. "
        "Try again; if it stays, tell whoever runs this portal the number below.",
    ),
    503: Words(
        "The portal cannot reach its database",
        "Codes already on the locks go on working. Try again in a minute; "
        "if it stays, tell whoever runs this portal the number below.",
    ),
}
# The same for programs, where the API's own code has not said more.
_PROGRAM_WORDS: Final = {
    404: "There is no such call. All of them stand in /api/v1/openapi.json.",
    405: "This address does not take this method. The header Allow names those that it takes.",
    413: "The body is too large: at most 64 KiB.",
    500: "Something went wrong on our side, not in what you sent. Try again; if it stays, tell "
    "whoever runs this portal the request_id.",
}
_EXPIRED_FORM: Final = Words(
    "This form is too old or came from elsewhere",
    "Nothing was changed. Go back, reload the page, and send the form again.",
)
_WRONG_HOST: Final = Words(
    "This portal has another address",
    "Open it by the address in its setting PUBLIC_URL.",
)


class ServiceUnavailable(HTTPException):
    """The database does not answer. `Retry-After` says when to come back."""

    code = 503
    description = "The database does not answer. Try again in a minute."


def init_app(app: Flask) -> None:
    """Every error of this app is answered in words, as a page or as a problem of the API."""
    app.register_error_handler(HTTPException, answer)
    app.register_error_handler(CSRFError, _expired_form)
    app.register_error_handler(OperationalError, _database_down)
    app.register_error_handler(InternalServerError, _our_fault)


def answer(error: HTTPException) -> Response:
    """The page or problem for an error that somebody named."""
    code = error.code or 500
    if error.response is not None and code < 400:
        return make_response(error.response)
    if request.path.startswith(API_PREFIX):
        return problem(error)
    words = WORDS.get(code) or Words(HTTPStatus(code).phrase, "Go back and try again.")
    if code == 400 and request.routing_exception is error:
        words = _WRONG_HOST
    return _page(code, words, said=_own_description(error), headers=_kept_headers(error))


def problem(error: HTTPException) -> Response:
    """The error as RFC 9457 problem details, with one entry per field that is at fault."""
    code = error.code or 500
    fields = _fields_of(getattr(error, "data", None))
    said = "; ".join(f"{f['field']}: {f['detail']}" for f in fields) or error.description
    if said == default_exceptions[code].description:
        said = _PROGRAM_WORDS.get(code, said)
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(code).phrase,
        "status": code,
        "detail": said,
    }
    if fields:
        body["errors"] = fields
    if code >= 500:
        body["request_id"] = g.get("request_id", "")
    response = make_response(json.dumps(body), code)
    response.headers.extend(_kept_headers(error))
    response.content_type = PROBLEM_TYPE
    if code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _expired_form(error: CSRFError) -> Response:
    """403 and not 400: the form was understood, and is not trusted."""
    if request.path.startswith(API_PREFIX):
        return problem(error)
    return _page(403, _EXPIRED_FORM)


def _database_down(error: DBAPIError) -> Response:
    log.error("database_down", exc_info=error)
    return answer(ServiceUnavailable())


def _our_fault(error: InternalServerError) -> Response:
    """Flask has logged the exception, under this request's id."""
    return answer(error)


def _page(
    code: int, words: Words, said: str = "", headers: dict[str, str] | None = None
) -> Response:
    number = g.get("request_id", "") if code >= 500 else ""
    page = render_template("errors/show.html", code=code, words=words, said=said, number=number)
    return make_response(page, code, headers or {})


def _own_description(error: HTTPException) -> str:
    """What our own code said when it refused; werkzeug's own sentences are for developers."""
    if error.code != 403:
        return ""
    standard = default_exceptions[403].description
    return "" if error.description == standard else str(error.description or "")


def _kept_headers(error: HTTPException) -> dict[str, str]:
    """Headers that belong to the error itself, such as Allow and Retry-After."""
    return {
        name: value
        for name, value in error.get_headers()
        if name in ("Allow", "Retry-After", "WWW-Authenticate")
    }


def _fields_of(data: Any) -> list[dict[str, str]]:
    """What was wrong, by field, from the nested messages that webargs collects by location."""
    messages = data.get("messages", {}) if isinstance(data, dict) else {}
    found: list[dict[str, str]] = []
    for by_field in messages.values() if isinstance(messages, dict) else ():
        _collect(by_field, (), found)
    return found


def _collect(messages: Any, path: tuple[str, ...], found: list[dict[str, str]]) -> None:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            _collect(inner, path if name == "_schema" else (*path, str(name)), found)
        return
    texts = messages if isinstance(messages, list) else [messages]
    field = ".".join(path) or "body"
    found.extend({"field": field, "detail": str(text)} for text in texts)
