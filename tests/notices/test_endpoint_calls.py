"""Webhooks out: written with the change they tell of, signed, tried again, given up in the end."""

import json
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select
from standardwebhooks import Webhook, WebhookVerificationError

from portal.domain.outgoing import CALL_PAUSES, State
from portal.domain.secret import Secret
from portal.domain.status import Status, Verdict
from portal.domain.webhook_events import CHOICES, FIELDS, EventKind
from portal.extensions import db
from portal.models import Alert, Booking, DoorCode, Endpoint, EndpointCall
from portal.network.errors import CallFailed, CallRefused
from portal.network.post import Answer, post
from portal.services import alarms, endpoint_events, endpoints, feed_alerts, verdicts
from portal.services.standings import restate
from portal.unit_of_work import writing
from tests.fakes.outside import DOWN
from tests.notices.passing_time import World
from tests.support.bells import FakeBell
from tests.support.builders import (
    fresh,
    make_account,
    make_booking,
    make_door_code,
    make_endpoint,
    make_endpoint_call,
    make_feed,
    make_lock,
    make_property,
)

HOUR = timedelta(hours=1)
NAMES = {"Ana Guest", "482917", "Street door", "Casa Mar"}


def a_stay(arrives_in: timedelta = 20 * HOUR, **fields: Any) -> tuple[Booking, DoorCode]:
    lock = make_lock(name="Street door")
    booking = make_booking(make_property(locks=[lock], name="Casa Mar"), arrives_in=arrives_in)
    return booking, make_door_code(booking, lock, **fields)


def bodies(world: World) -> list[dict[str, Any]]:
    return [json.loads(posted.body) for posted in world.receiver.posted]


def calls() -> list[EndpointCall]:
    db.session.rollback()
    return list(db.session.scalars(select(EndpointCall).order_by(EndpointCall.id)))


# What is written


def test_a_status_is_told_with_the_change_itself(world: World) -> None:
    endpoint = make_endpoint(kinds=["door_code.status_changed"])
    booking, code = a_stay(status=Status.CONFIRMED)

    with writing() as session:
        restate(session, [session.get_one(DoorCode, code.id)], world.now)

    (call,) = calls()
    assert (call.endpoint_id, call.kind) == (endpoint.id, "door_code.status_changed")
    assert call.body["data"] == {
        "door_code_id": code.id,
        "kind": "guest",
        "booking_id": booking.id,
        "lock_id": code.lock_id,
        "before": "confirmed",
        "after": "queued",
        "problem": None,
    }


def test_a_change_that_is_rolled_back_is_not_told(world: World) -> None:
    make_endpoint()
    _, code = a_stay(status=Status.CONFIRMED)

    def change_and_fail() -> None:
        with writing() as session:
            restate(session, [session.get_one(DoorCode, code.id)], world.now)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change_and_fail()

    assert calls() == []


def test_a_verdict_is_told_when_it_changes_and_only_then(world: World) -> None:
    make_endpoint(kinds=["booking.verdict_changed"])
    booking, _ = a_stay(arrives_in=5 * HOUR, status=Status.QUEUED)

    for _ in range(2):
        with writing() as session:
            verdicts.refresh(session, [booking.id], world.now)

    (call,) = calls()
    assert call.body["data"]["before"] == Verdict.ON_TRACK
    assert call.body["data"]["after"] == Verdict.AT_RISK
    assert call.body["data"]["external_id"] == booking.external_id


def test_an_alert_is_told_when_it_opens_escalates_and_is_over(world: World) -> None:
    make_endpoint(kinds=["alert.opened", "alert.resolved"])
    booking, code = a_stay(
        arrives_in=7 * HOUR, status=Status.RETRYING, created_at=world.now - 48 * HOUR
    )

    world.sweep()
    world.jump(hours=2)
    with writing() as session:
        session.get_one(DoorCode, code.id).status = Status.CONFIRMED
    world.sweep()

    told = [(body["type"], body["data"].get("escalates")) for body in bodies(world)]
    first = db.session.scalars(select(Alert).order_by(Alert.id)).first()
    assert first is not None
    assert told == [("alert.opened", None), ("alert.opened", first.id), ("alert.resolved", None)]
    assert {body["data"]["booking_id"] for body in bodies(world)} == {booking.id}


def test_a_calendars_alert_is_told_too(world: World) -> None:
    make_endpoint()
    feed = make_feed()

    with writing() as session:
        feed_alerts.open_alert(session, feed, feed_alerts.SICK, "It cannot be read.", world.now)
    with writing() as session:
        feed_alerts.close_alert(session, feed, feed_alerts.SICK, world.now)
    world.sweep()

    assert [body["type"] for body in bodies(world)] == ["alert.opened", "alert.resolved"]
    assert {body["data"]["feed_id"] for body in bodies(world)} == {feed.id}


def test_only_who_wants_an_event_gets_it(world: World) -> None:
    wants = make_endpoint(kinds=["alert.opened"])
    make_endpoint(kinds=["booking.verdict_changed"])
    make_endpoint(disabled_at=world.now)
    make_endpoint(make_account("Theirs"))
    a_stay(status=Status.RETRYING, created_at=world.now - 48 * HOUR)

    with writing() as session:
        alarms.refresh(session, world.now)

    assert {call.endpoint_id for call in calls()} == {wants.id}


def test_many_changes_in_one_transaction_ask_once_who_wants_them(world: World) -> None:
    codes = [a_stay(status=Status.CONFIRMED)[1] for _ in range(5)]
    asked: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "FROM endpoint" in statement:
            asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        with writing() as session:
            restate(session, [session.get_one(DoorCode, code.id) for code in codes], world.now)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)

    assert len(asked) == 1


def test_an_endpoint_made_between_two_transactions_is_known_in_the_second(world: World) -> None:
    booking, _ = a_stay(status=Status.QUEUED)
    with writing() as session:
        endpoint_events.verdict_changed(session, session.get_one(Booking, booking.id), "a", "b", "")
    make_endpoint()

    with writing() as session:
        endpoint_events.verdict_changed(session, session.get_one(Booking, booking.id), "b", "c", "")

    assert [call.body["data"]["after"] for call in calls()] == ["c"]


def test_events_say_what_the_documentation_says_and_no_name_or_pin(world: World) -> None:
    make_endpoint()
    booking, code = a_stay(
        arrives_in=5 * HOUR, status=Status.RETRYING, created_at=world.now - 48 * HOUR
    )
    with writing() as session:
        endpoint = session.scalars(select(Endpoint)).one()
        endpoint_events.tested(session, endpoint)
        alarms.refresh(session, world.now)
        verdicts.refresh(session, [booking.id], world.now)
        restate(session, [session.get_one(DoorCode, code.id)], world.now)
    with writing() as session:
        session.get_one(DoorCode, code.id).status = Status.CONFIRMED
        session.flush()
        alarms.refresh(session, world.now)

    found = {call.kind: call.body for call in calls()}
    assert set(found) == set(EventKind)
    for kind, body in found.items():
        assert list(body) == ["type", "timestamp", "data"]
        assert set(body["data"]) == set(FIELDS[EventKind(kind)]), kind
        assert not any(name in json.dumps(body) for name in NAMES)


# How it is sent


def test_a_call_that_is_taken_is_done(world: World) -> None:
    call = make_endpoint_call()

    world.sweep()
    world.pass_time(minutes=10)

    assert len(world.receiver.posted) == 1
    assert world.receiver.posted[0].address == "https://program.example.com/hooks/path-token"
    assert fresh(call).state is State.SENT


@pytest.mark.parametrize("status", [301, 400, 404, 500, 503])
def test_any_other_answer_is_tried_again_with_the_same_id(world: World, status: int) -> None:
    call = make_endpoint_call()
    world.receiver.status = status

    world.sweep()
    world.receiver.status = 204
    world.pass_time(minutes=2)

    ids = [posted.headers["webhook-id"] for posted in world.receiver.posted]
    assert ids == [call.event_id, call.event_id]
    assert fresh(call).state is State.SENT
    assert fresh(call.endpoint).failing_since is None


def test_what_is_never_taken_is_given_up_and_so_is_the_endpoint(world: World) -> None:
    call = make_endpoint_call()
    endpoint = call.endpoint
    world.receiver.problem = DOWN

    for pause in CALL_PAUSES:
        world.jump(seconds=pause.total_seconds() * 1.11 + 60)
    other = make_endpoint_call(endpoint)
    world.jump(minutes=2)

    assert fresh(endpoint).disabled_at is not None
    assert fresh(call).state in {State.DEAD, State.DROPPED}
    assert fresh(other).state is State.DROPPED
    causes = db.session.scalars(select(Alert.cause).where(Alert.closed_at.is_(None))).all()
    assert causes == ["endpoint_off"]


def test_an_endpoint_that_says_it_is_gone_is_called_no_more(world: World) -> None:
    endpoint = make_endpoint()
    for _ in range(2):
        make_endpoint_call(endpoint)
    world.receiver.status = 410

    world.sweep()
    world.pass_time(hours=1)

    assert len(world.receiver.posted) == 1
    assert fresh(endpoint).disabled_at is not None


def test_an_endpoint_that_is_switched_on_again_ends_its_alert(world: World) -> None:
    endpoint = make_endpoint(disabled_at=world.now, failing_since=world.now - timedelta(days=4))
    world.sweep()

    with writing() as session:
        endpoints.enable(session.get_one(Endpoint, endpoint.id))
    world.sweep()

    assert db.session.scalars(select(Alert).where(Alert.closed_at.is_(None))).all() == []


def test_a_call_can_be_sent_again_by_hand_under_its_id(world: World) -> None:
    call = make_endpoint_call()
    world.sweep()

    with writing() as session:
        endpoints.redeliver(session, session.get_one(EndpointCall, call.id))
    world.sweep()

    first, second = world.receiver.posted
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_a_test_reaches_an_endpoint_that_is_switched_off(world: World) -> None:
    endpoint = make_endpoint(disabled_at=world.now)

    with writing() as session:
        endpoints.test(session, session.get_one(Endpoint, endpoint.id))
    world.sweep()

    assert [body["type"] for body in bodies(world)] == ["test"]


def add_endpoint(address: str) -> Endpoint:
    account = make_account()
    with writing() as session:
        return endpoints.add(session, account.id, name="x", address=address, kinds=CHOICES)


@pytest.mark.parametrize(
    "address",
    [
        "http://program.example.com/hooks",
        "https://127.0.0.1/hooks",
        "https://localhost/hooks",
        "https://program.example.com:8443/hooks",
        "https://user:secret@program.example.com/",
        "file:///etc/passwd",
        "",
    ],
)
def test_an_address_that_is_never_called_is_refused_when_it_is_entered(
    app: Flask, address: str
) -> None:
    with pytest.raises(endpoints.BadEndpoint) as bad:
        add_endpoint(address)

    assert bad.value.field == "address"
    assert "secret" not in bad.value.words


def test_every_endpoint_has_a_secret_of_its_own(app: Flask) -> None:
    first, second = (add_endpoint("https://program.example.com/hooks") for _ in range(2))

    assert first.secret.reveal().startswith("whsec_")
    assert first.secret != second.secret


# The contract with a real receiver


@dataclass
class Receiver:
    """A server that keeps what it is sent, and answers with `status`."""

    url: str = ""
    status: int = 204
    location: str | None = None
    got: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append((self.path, body, dict(self.headers)))
            self.send_response(found.status)
            if found.location:
                self.send_header("Location", found.location)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            pass

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}/hooks/path-token"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@pytest.fixture
def loopback(app: Flask, bell: FakeBell) -> Iterator[None]:
    """The portal's own client, on an installation that may call this machine."""

    def call(address: str, body: bytes, headers: Any, *, allow_private: bool) -> Answer:
        return post(address, body, headers, allow_private=True)

    before = app.extensions["endpoint_post"]
    app.extensions["endpoint_post"] = call
    yield
    app.extensions["endpoint_post"] = before


def call_for_real(receiver: Receiver) -> tuple[Endpoint, EndpointCall]:
    endpoint = make_endpoint(address=Secret(receiver.url))
    call = make_endpoint_call(endpoint)
    endpoints.call(call.id)
    return endpoint, call


def test_a_receiver_verifies_what_we_sign(loopback: None, receiver: Receiver) -> None:
    endpoint, call = call_for_real(receiver)

    (path, body, headers) = receiver.got[0]
    told = Webhook(endpoint.secret.reveal()).verify(body, headers)
    assert path == "/hooks/path-token"
    assert told == call.body
    assert headers["webhook-id"] == call.event_id
    assert headers["Content-Type"] == "application/json"
    assert fresh(call).state is State.SENT


def test_a_receiver_notices_another_secret_and_a_changed_body(
    loopback: None, receiver: Receiver
) -> None:
    endpoint, _ = call_for_real(receiver)
    (_, body, headers) = receiver.got[0]

    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "b3RoZXI=").verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint.secret.reveal()).verify(body.replace(b"1", b"2"), headers)


def test_a_redirect_is_not_followed(loopback: None, receiver: Receiver) -> None:
    receiver.status, receiver.location = 307, receiver.url + "/elsewhere"

    _, call = call_for_real(receiver)

    assert len(receiver.got) == 1
    assert fresh(call).error_key == "http_307"


def test_a_private_address_is_not_called_whatever_the_name_says(receiver: Receiver) -> None:
    with pytest.raises(CallRefused) as refused:
        post(
            "https://program.example.com/hooks/path-token",
            b"{}",
            {},
            resolver=lambda _host, _port: ["127.0.0.1"],
        )

    assert refused.value.key == "private_address"
    assert receiver.got == []


def test_a_receiver_that_is_not_there_is_told_in_words_without_its_address() -> None:
    with pytest.raises(CallFailed) as failed:
        post("http://127.0.0.1:9/hooks/path-token", b"{}", {}, allow_private=True)

    assert failed.value.key == "no_connection"
    assert "path-token" not in failed.value.words


def test_the_timestamp_is_the_time_of_the_call(world: World) -> None:
    make_endpoint_call()

    world.sweep()

    seconds = int(world.receiver.posted[0].headers["webhook-timestamp"])
    assert datetime.fromtimestamp(seconds, UTC) == world.now
