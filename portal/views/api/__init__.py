"""API v1: JSON for programs, behind a bearer token. docs: /api/v1/openapi.json."""

from typing import Any, Final

from flask import Blueprint as FlaskBlueprint
from flask import Flask, Response, current_app, jsonify
from flask_smorest import Api

from portal.views._guard import public
from portal.views.api import bookings, locks, properties
from portal.views.api._blueprint import PREFIX, make_throttle
from portal.views.api._schemas import Problem
from portal.views.errors import PROBLEM_TYPE

VERSION: Final = "1"

description = FlaskBlueprint("api_description", __name__, url_prefix=PREFIX)


class _Api(Api):
    """flask-smorest with the portal's own errors: RFC 9457 problem details (views.errors)."""

    ERROR_SCHEMA = Problem

    def _register_error_handlers(self) -> None:
        """None: views.errors answers for the whole app."""

    def _register_responses(self) -> None:
        """Errors are described under the content type that they have."""
        self.DEFAULT_RESPONSE_CONTENT_TYPE = PROBLEM_TYPE
        super()._register_responses()
        del self.DEFAULT_RESPONSE_CONTENT_TYPE


def init_app(app: Flask) -> None:
    """The API is part of this app."""
    app.config.update(
        API_TITLE="Latchboard",
        API_VERSION=f"v{VERSION}",
        OPENAPI_VERSION="3.1.0",
        API_SPEC_OPTIONS={
            "info": {
                "description": "Door codes for bookings. Errors are RFC 9457 problem details; "
                "lists are {items, next} by 100, where `next` is the address of the next page. "
                "20 requests a second per token are always answered; a 429 says in Retry-After "
                "how long to wait."
            },
            "security": [{"token": []}],
        },
    )
    app.extensions["api_throttle"] = make_throttle()
    api = _Api(app)
    api.spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    for blueprint in (locks.blueprint, properties.blueprint, bookings.blueprint):
        api.register_blueprint(blueprint)
    app.extensions["openapi"] = api.spec
    app.register_blueprint(description)


@description.get("/openapi.json")
@public("describes the API and holds no data")
def openapi() -> Response:
    spec: Any = current_app.extensions["openapi"]
    return jsonify(spec.to_dict())
