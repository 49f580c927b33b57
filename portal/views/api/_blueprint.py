"""What every part of the API shares: its prefix, its limits, and how it reads bodies."""

from json import JSONDecodeError
from math import ceil
from typing import Any, Final, NoReturn

from flask import abort, current_app, request
from flask_smorest import Blueprint
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import TooManyRequests

from portal.extensions import csrf
from portal.services.callers import Caller
from portal.views._guard import caller
from portal.views._throttle import Throttle

PREFIX: Final = "/api/v1"
MAX_BYTES: Final = 64 * 1024
# 20 a second are promised. More at once is fine; a loop without a pause is not.
BURST: Final = 50
PER_SECOND: Final = 25.0


class _Parser(FlaskParser):
    """Refuses what we do not know, by name: a misspelt field would otherwise be lost silently."""

    DEFAULT_UNKNOWN_BY_LOCATION: Final = {"json": "raise", "query": "raise", "path": "raise"}

    def load_json(self, req: Any, schema: Any) -> Any:
        if not req.is_json:
            abort(415, "Send JSON, with the header Content-Type: application/json.")
        try:
            return super().load_json(req, schema)
        except RecursionError:
            abort(400, "This JSON is nested too deeply.")

    def _handle_invalid_json_error(
        self, error: JSONDecodeError | UnicodeDecodeError, *_: Any, **__: Any
    ) -> NoReturn:
        where = f" at line {error.lineno}, column {error.colno}" if hasattr(error, "lineno") else ""
        abort(400, f"The body is not JSON in UTF-8{where}. Correct it and send it again.")


class ApiBlueprint(Blueprint):
    ARGUMENTS_PARSER = _Parser()


def make(name: str, description: str) -> ApiBlueprint:
    """A part of the API under its prefix, limited per token, with bearer tokens for CSRF tokens."""
    blueprint = ApiBlueprint(name, __name__, url_prefix=PREFIX, description=description)
    blueprint.before_request(_limit)
    csrf.exempt(blueprint)
    return blueprint


def make_throttle() -> Throttle:
    return Throttle(burst=BURST, per_second=PER_SECOND)


def _limit() -> None:
    request.max_content_length = MAX_BYTES
    throttle: Throttle = current_app.extensions["api_throttle"]
    holder: Caller = caller()
    wait = throttle.take(holder.actor)
    if wait:
        raise TooManyRequests(
            "More than 20 requests a second with this token. Wait as Retry-After says.",
            retry_after=ceil(wait),
        )
