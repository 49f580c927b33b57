"""What every view of the operator shares: the cloud, what was sent, and how to answer."""

from typing import Any, cast
from urllib.parse import urlencode

from flask import current_app, jsonify, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.local import LocalProxy

from simulator.cloud import Cloud
from simulator.lock import Lock

cloud = cast(Cloud, LocalProxy(lambda: current_app.extensions["cloud"]))
"""The cloud that the application at hand stands in front of."""

TRUE = (True, "true", "True", "1", "on", "yes")


class Missing(LookupError):
    """There is no lock, user or webhook of this name."""


def fields_given() -> dict[str, Any]:
    """The fields of a JSON body or of a form."""
    body = request.get_json() if request.is_json else request.form.to_dict()
    return body if isinstance(body, dict) else {}


def is_true(value: Any) -> bool:
    """Whether a field of JSON or of a form means yes."""
    return value in TRUE


def answer(body: Any, code: int = 200, said: str = "Done.") -> ResponseReturnValue:
    """JSON, or for a form the page with a sentence."""
    if request.mimetype != "application/x-www-form-urlencoded":
        return jsonify(body), code
    told = body.get("error") if isinstance(body, dict) and code >= 400 else None
    return redirect("/?" + urlencode({"said": told or said}), 303)


def lock_called(named: str) -> Lock:
    """The lock with this id or name, in any case; raises Missing."""
    key = named.lower()
    for lock in cloud.locks.values():
        if key in (lock.id, lock.name.lower()):
            return lock
    raise Missing(f"no lock is called {named}")
