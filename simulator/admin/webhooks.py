"""Webhooks in the operator's hand: off, withheld, sent again, made up, and their key."""

from pathlib import Path

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from simulator import status
from simulator.admin.asking import Missing, answer, cloud, fields_given, is_true
from simulator.signing import Signer
from simulator.wire import Request

views = Blueprint("admin_webhooks", __name__, url_prefix="/admin")


@views.get("/webhooks")
def webhooks() -> ResponseReturnValue:
    """The last webhooks with their bodies, tries and answers, oldest first."""
    with cloud.steady():
        return jsonify([status.of_delivery(delivery) for delivery in cloud.webhooks.last])


@views.post("/webhooks")
def settings() -> ResponseReturnValue:
    """`on` false: none are made any more; `withhold` true: they wait for `release`."""
    fields = fields_given()
    with cloud.steady() as core:
        if "on" in fields:
            core.settings.webhooks_are_on = is_true(fields["on"])
        if "withhold" in fields:
            core.settings.webhooks_are_withheld = is_true(fields["withhold"])
        core.keep_settings()
        now_set = core.settings
        return answer({"on": now_set.webhooks_are_on, "withheld": now_set.webhooks_are_withheld})


@views.post("/webhooks/release")
def release() -> ResponseReturnValue:
    with cloud.steady():
        released = cloud.webhooks.release()
    return answer({"released": released})


@views.post("/webhooks/<event_id>/replay")
def replay(event_id: str) -> ResponseReturnValue:
    """The webhook is sent once more, byte for byte."""
    with cloud.steady():
        sent = cloud.webhooks.replay(event_id)
    if not sent:
        raise Missing(f"no webhook with the eventId {event_id} is remembered")
    return answer({"sent": sent})


@views.post("/webhooks/send")
def send() -> ResponseReturnValue:
    """The `event` as it stands is signed and sent, to one `user_id` or to all subscribers."""
    fields = fields_given()
    with cloud.steady():
        sent = cloud.webhooks.send_raw(fields["event"], fields.get("user_id"))
    return answer({"sent": sent})


@views.post("/request")
def as_user() -> ResponseReturnValue:
    """A request (`method`, `path`, `body`) to the API in the name of `user_id`."""
    fields = fields_given()
    token = cloud.issue_token(fields["user_id"], "operator").access_token
    headers = {"Authorization": f"Bearer {token}", "alle-subscription-key": "operator"}
    answer = cloud.handle(Request(fields["method"], fields["path"], headers, fields.get("body")))
    return jsonify({"status": answer.status, "json": answer.json})


@views.get("/key")
def key() -> ResponseReturnValue:
    """The public key as PEM."""
    signer = cloud.webhooks.signer
    if signer is None:
        raise Missing("webhooks go unsigned here")
    return signer.public_pem(), {"Content-Type": "application/x-pem-file"}


@views.post("/key/rotate")
def rotate() -> ResponseReturnValue:
    """Webhooks are signed with a new key from now on; its public half replaces the old file."""
    signer = Signer.generate()
    cloud.use_key(signer)
    key_out: Path | None = current_app.config["KEY_OUT"]
    if key_out is not None:
        key_out.write_text(signer.public_pem())
    return answer({"public_key": signer.public_pem()}, said="Webhooks have a new key.")
