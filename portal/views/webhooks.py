"""What Schlage tells us: verified, stored once, answered at once. A job makes something of it.

There is no session and no CSRF token here; the signature over the raw bytes is what is trusted.
"""

from math import ceil
from typing import Final

import structlog
from flask import Blueprint, Flask, Response, current_app, request
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from portal import queue
from portal.extensions import csrf
from portal.metrics import Metrics
from portal.queue import JobName
from portal.schlage import signature
from portal.services import inbox
from portal.unit_of_work import writing
from portal.views._guard import public
from portal.views._remote import address
from portal.views._throttle import Throttle

log = structlog.get_logger(__name__)

MAX_BYTES: Final = 64 * 1024
# Forged requests of one address: so many, then so many a second. Verifying costs microseconds;
# it is reading their bodies that we spare ourselves.
FORGED_BURST: Final = 60
FORGED_PER_SECOND: Final = 1.0

blueprint = Blueprint("webhooks", __name__)
csrf.exempt(blueprint)


def init_app(app: Flask, key_paths: tuple[str, ...]) -> None:
    """Webhooks signed by one of these keys are accepted.

    Raises signature.UnusableKey, naming the file, so that an app that could trust nobody or
    anybody does not start.
    """
    app.extensions["webhook_keys"] = signature.load_keys(key_paths)
    app.extensions["webhook_throttle"] = Throttle(burst=FORGED_BURST, per_second=FORGED_PER_SECOND)
    app.register_blueprint(blueprint)


@blueprint.route("/webhooks/schlage", methods=["OPTIONS"], provide_automatic_options=False)
@public("Schlage asks this before it subscribes, without a signature")
def handshake() -> Response:
    """Agrees to be called, in the words of the CloudEvents webhook handshake."""
    response = Response(status=200)
    response.headers["Allow"] = "POST, OPTIONS"
    origin = request.headers.get("WebHook-Request-Origin")
    if origin:
        response.headers["WebHook-Allowed-Origin"] = origin
    response.headers["WebHook-Allowed-Rate"] = "*"
    return response


@blueprint.route("/webhooks/schlage", methods=["POST"], provide_automatic_options=False)
@public("the signature says who sent it")
def receive() -> Response:
    """204 once the event is stored, also when it was before; 401 and no trace when not verified.

    503 while the database is away: the sender then sends again, and the sweep looks for itself.
    """
    throttle: Throttle = current_app.extensions["webhook_throttle"]
    who = address()
    wait = throttle.wait(who)
    if wait:
        return _rejected("throttled", 429, {"Retry-After": str(ceil(wait))})
    body = _read()
    keys = current_app.extensions["webhook_keys"]
    if body is None or not signature.verify(body, request.headers.get(signature.HEADER), keys):
        throttle.take(who)
        return _rejected("too_large" if body is None else "signature", 401)
    try:
        with writing() as session:
            stored = inbox.store(session, body)
    except DBAPIError:
        log.exception("webhook_not_stored")
        return _rejected("database", 503, {"Retry-After": "30"})
    _metrics().count_webhooks("accepted", len(stored.row_ids))
    _metrics().count_webhooks("doubled", stored.doubled)
    for row_id in stored.row_ids:
        queue.ring(JobName.PROCESS_WEBHOOK, row_id)
    return Response(status=204)


def _read() -> bytes | None:
    """The raw body; None where it is longer than any event, or cannot be read."""
    request.max_content_length = MAX_BYTES
    try:
        return request.get_data(cache=False, parse_form_data=False)
    except (HTTPException, OSError):
        return None


def _rejected(reason: str, status: int, headers: dict[str, str] | None = None) -> Response:
    _metrics().count_webhooks(f"rejected_{reason}")
    return Response(status=status, headers=headers)


def _metrics() -> Metrics:
    found: Metrics = current_app.extensions["metrics"]
    return found
