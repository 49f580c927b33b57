"""Endpoints of other programs: adding them, calling them, giving up on them.

Signed as the Standard Webhooks specification says: the id of an event stays the same through every
try, so a receiver that keeps ids is told of nothing twice.
"""

import base64
import json
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import structlog
from flask import current_app
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from standardwebhooks import Webhook

from portal import clock
from portal.domain.outgoing import CALL_PAUSES, ENDPOINT_GIVES_UP, State
from portal.domain.secret import Secret
from portal.domain.sentences import Sentence
from portal.domain.webhook_events import CHOICES, EventKind
from portal.models import Endpoint, EndpointCall
from portal.network import post as network
from portal.network.errors import CallFailed, CallProblem, CallRefused
from portal.services import endpoint_events, outgoing
from portal.services.channels import allows_private
from portal.unit_of_work import writing

log = structlog.get_logger(__name__)

MOST: Final = 20
GONE: Final = 410

_TOO_MANY: Final = Sentence("An account has at most {most} webhooks. Remove one first.")
_NOT_TAKEN: Final = Sentence("The receiver answered with {status}, not with 2xx.")


class BadEndpoint(Exception):
    """The endpoint will not do so: `field` is at fault, `words` say why and what would do."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field
        self.words = words


def add(
    session: Session, account_id: int, *, name: str, address: str, kinds: Iterable[str]
) -> Endpoint:
    """An endpoint with a secret of its own, called from now on; raises BadEndpoint."""
    if session.scalars(select(func.count(Endpoint.id))).one() >= MOST:
        raise BadEndpoint("name", _TOO_MANY(most=MOST))
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    endpoint = Endpoint(
        account_id=account_id, secret=Secret(secret), created_at=clock.now(), kinds=[]
    )
    change(endpoint, name=name, kinds=kinds)
    set_address(endpoint, address)
    session.add(endpoint)
    session.flush()
    return endpoint


def change(endpoint: Endpoint, *, name: str, kinds: Iterable[str]) -> None:
    """The endpoint is told of events of these kinds from now on."""
    name = " ".join(name.replace("\x00", "").split())
    if not name or len(name) > 100:
        raise BadEndpoint("name", "Give it a name of at most 100 characters.")
    chosen = set(kinds)
    wanted = [str(kind) for kind in CHOICES if kind in chosen]
    if not wanted:
        raise BadEndpoint("kinds", "Choose at least one event.")
    endpoint.name, endpoint.kinds = name, wanted


def set_address(endpoint: Endpoint, address: str) -> None:
    """Calls go there from now on; raises BadEndpoint for an address that is never called."""
    address = address.strip()
    try:
        host = network.check(address, allow_private=allows_private())
    except CallRefused as refused:
        raise BadEndpoint("address", refused.words) from refused
    endpoint.address, endpoint.host = Secret(address), host


def enable(endpoint: Endpoint) -> None:
    """The endpoint is called again, with what happens from now on."""
    endpoint.disabled_at = endpoint.failing_since = None


def remove(session: Session, endpoint: Endpoint) -> None:
    """The endpoint and its log are forgotten."""
    session.execute(delete(EndpointCall).where(EndpointCall.endpoint_id == endpoint.id))
    session.delete(endpoint)


def test(session: Session, endpoint: Endpoint) -> int:
    """The id of a call that is due at once; ring CALL_ENDPOINT after the commit."""
    call = endpoint_events.tested(session, endpoint)
    session.flush()
    return call.id


def redeliver(session: Session, call: EndpointCall) -> None:
    """The same event, with the same id, is sent once more; ring CALL_ENDPOINT after the commit."""
    if call.state not in {State.INTENDED, State.SENDING}:
        outgoing.intend(call, clock.now())


def call(call_id: int) -> None:
    """Makes one call, if it is due and nobody else has it; what came of it is written."""
    with writing() as session:
        claimed = outgoing.claim(session, EndpointCall, call_id, clock.now())
        if claimed is None:
            return
        attempts = claimed.attempts
    if outgoing.is_worn_out(attempts, CALL_PAUSES):
        _conclude(call_id, attempts, outgoing.BROKE_OFF)
        return
    with writing() as session:
        found = outgoing.held(session, EndpointCall, call_id, attempts)
        if found is None:
            return
        endpoint = found.endpoint
        if endpoint.disabled_at is not None and found.kind != EventKind.TEST:
            outgoing.settle(found, State.DROPPED, clock.now())
            return
        address = endpoint.address.reveal()
        body = json.dumps(found.body, separators=(",", ":"))
        headers = _signed(endpoint.secret, found.event_id, body, clock.now())
    problem = None
    try:
        answer = current_app.extensions["endpoint_post"](
            address, body.encode(), headers, allow_private=allows_private()
        )
        if not answer.is_good:
            problem = _refusal(answer.status)
    except CallProblem as error:
        problem = error
    _conclude(call_id, attempts, problem)


def _signed(secret: Secret, event_id: str, body: str, now: datetime) -> dict[str, str]:
    signature = Webhook(secret.reveal()).sign(event_id, now, body)
    return {
        "User-Agent": "Latchboard (webhooks)",
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }


def _refusal(status: int) -> CallProblem:
    if status == GONE:
        return CallRefused(
            "http_410", "The receiver says that this address is gone for good (410)."
        )
    return CallFailed(f"http_{status}", _NOT_TAKEN(status=status))


def _conclude(call_id: int, attempts: int, problem: CallProblem | None) -> None:
    with writing() as session:
        found = outgoing.held(session, EndpointCall, call_id, attempts)
        if found is None:
            return
        now, endpoint = clock.now(), found.endpoint
        if problem is None:
            outgoing.settle(found, State.SENT, now)
            found.error_key = found.error_words = ""
            endpoint.failing_since = None
        elif found.kind == EventKind.TEST:
            outgoing.failed(found, problem, (), now)
        else:
            outgoing.failed(found, problem, CALL_PAUSES, now)
            _mind_failure(session, endpoint, problem, now)
        log.info(
            "endpoint_called",
            call=call_id,
            endpoint=endpoint.id,
            kind=found.kind,
            outcome=str(found.state),
            problem=found.error_key,
        )


def _mind_failure(
    session: Session, endpoint: Endpoint, problem: CallProblem, now: datetime
) -> None:
    """An endpoint that is gone, or took nothing for days, is called no more: an alert says so."""
    endpoint.failing_since = endpoint.failing_since or now
    is_given_up = now - endpoint.failing_since >= ENDPOINT_GIVES_UP
    if endpoint.disabled_at is None and (is_given_up or problem.key == f"http_{GONE}"):
        endpoint.disabled_at = now
        session.flush()
        outgoing.drop(session, EndpointCall, now, EndpointCall.endpoint_id == endpoint.id)
