"""The webhook address: what is stored, what is refused, and what it answers."""

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from portal import create_app
from portal.extensions import db
from portal.models import WebhookEvent, WebhookState
from portal.queue import JobName
from portal.schlage.signature import UnusableKey
from portal.services import inbox
from portal.views import webhooks
from portal.views._throttle import Throttle
from tests.support.bells import FakeBell
from tests.support.client import PortalClient
from tests.support.settings import DATA, make_settings
from tests.support.webhooks import Signer

ADDRESS = "/webhooks/schlage"


def event(event_id: str = "event-1", **fields: Any) -> dict[str, Any]:
    return {
        "eventId": event_id,
        "deviceId": "device-1",
        "time": "2026-11-24T09:30:00.000Z",
        "eventType": "CommandUpdate",
        "trigger": "CommandSucceeded",
        "data": {"commandId": "command-1", "commandType": "AddAccessCode"},
        "version": "2.0",
    } | fields


def stored() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(WebhookEvent)) or 0


@pytest.fixture(autouse=True)
def _fresh_throttle(app: Flask) -> None:
    """What one test forged is not held against the next."""
    app.extensions["webhook_throttle"] = Throttle(
        burst=webhooks.FORGED_BURST, per_second=1, timer=lambda: 0.0
    )


def test_a_verified_event_is_stored_and_its_job_is_rung(
    client: PortalClient, signer: Signer, bell: FakeBell
) -> None:
    answer = client.post(ADDRESS, **signer.request(event()))

    row = db.session.scalars(select(WebhookEvent)).one()
    assert (answer.status_code, answer.data) == (204, b"")
    assert (row.event_id, row.command_id, row.state) == (
        "event-1",
        "command-1",
        WebhookState.RECEIVED,
    )
    assert json.loads(row.body.reveal()) == event()
    assert bell.rings == [(JobName.PROCESS_WEBHOOK, (row.id,))]


def test_the_body_is_encrypted_in_the_database(client: PortalClient, signer: Signer) -> None:
    client.post(ADDRESS, **signer.request(event()))

    raw = db.session.execute(text("SELECT body FROM webhook_event")).scalar_one()
    assert raw.startswith("v1.")
    assert "device-1" not in raw


def test_the_same_event_again_is_answered_and_changes_nothing(
    client: PortalClient, signer: Signer, bell: FakeBell
) -> None:
    answers = [client.post(ADDRESS, **signer.request(event())).status_code for _ in range(3)]

    assert answers == [204, 204, 204]
    assert stored() == 1
    assert len(bell.rings) == 1


def test_equal_events_at_the_same_moment_are_one_row_and_no_error(
    app: Flask, signer: Signer, bell: FakeBell
) -> None:
    request = signer.request(event())
    start = Barrier(6)

    def deliver(_: int) -> int:
        start.wait()
        return app.test_client().post(ADDRESS, **request).status_code

    with ThreadPoolExecutor(6) as senders:
        answers = list(senders.map(deliver, range(6)))

    assert answers == [204] * 6
    assert stored() == 1
    assert len(bell.rings) == 1


def test_a_list_of_events_is_stored_one_by_one(client: PortalClient, signer: Signer) -> None:
    client.post(ADDRESS, **signer.request([event("a"), event("b")]))
    client.post(ADDRESS, **signer.request([event("b"), event("c")]))

    rows = db.session.scalars(select(WebhookEvent).order_by(WebhookEvent.id)).all()
    assert [row.event_id for row in rows] == ["a", "b", "c"]
    assert [json.loads(row.body.reveal())["eventId"] for row in rows] == ["a", "b", "c"]


def test_the_vendors_way_of_signing_is_the_one_that_passes(client: PortalClient) -> None:
    vectors = json.loads((DATA / "schlage" / "own" / "vectors.json").read_text())
    ours = [vector for vector in vectors if vector["verifies"]]

    answers = [
        client.post(
            ADDRESS,
            data=vector["body"].encode(),
            headers={"WebHook-Signature": vector["signature"]},
        ).status_code
        for vector in ours
    ]

    assert ours
    assert set(answers) == {204}


def test_other_ways_of_signing_are_refused_with_nothing_stored(client: PortalClient) -> None:
    vectors = json.loads((DATA / "schlage" / "own" / "vectors.json").read_text())
    wrong = [vector for vector in vectors if not vector["verifies"]]

    answers = [
        client.post(
            ADDRESS,
            data=vector["body"].encode(),
            headers={"WebHook-Signature": vector["signature"]},
        )
        for vector in wrong
    ]

    assert wrong
    assert {(answer.status_code, answer.data) for answer in answers} == {(401, b"")}
    assert stored() == 0


@pytest.mark.parametrize(
    "signature",
    [None, "", "v1,", "AAAA", "=", "x" * 5000, base64.b64encode(b"\0" * 256).decode(), "☃"],
)
def test_a_missing_or_broken_signature_is_refused_with_nothing_stored(
    client: PortalClient, bell: FakeBell, signature: str | None
) -> None:
    headers = (
        {} if signature is None else {"WebHook-Signature": signature.encode().decode("latin1")}
    )

    answer = client.post(ADDRESS, json=event(), headers=headers)

    assert (answer.status_code, answer.data) == (401, b"")
    assert stored() == 0
    assert bell.rings == []


def test_a_body_changed_by_one_byte_is_refused(client: PortalClient, signer: Signer) -> None:
    request = signer.request(event())
    changed = request["data"].replace(b"command-1", b"command-2")

    answer = client.post(ADDRESS, data=changed, headers=request["headers"])

    assert answer.status_code == 401
    assert stored() == 0


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(body=st.binary(max_size=300), signature=st.binary(max_size=400))
def test_no_bytes_that_we_did_not_sign_are_stored_or_break_it(
    client: PortalClient, body: bytes, signature: bytes
) -> None:
    header = base64.b64encode(signature).decode()

    answer = client.post(ADDRESS, data=body, headers={"WebHook-Signature": header})

    assert answer.status_code in (401, 429)
    assert stored() == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b'{"eventId": 7}',
        b'{"eventId": "nul \\u0000 in it", "data": {"commandId": "\\ud800"}}',
        json.dumps(event("long " + "x" * 5000)).encode(),
        json.dumps(event(data={"commandId": "c" * 5000})).encode(),
        b"[" * 3000 + b"]" * 3000,
        "ünïcode".encode("utf-16"),
        b"\xff\xfe\x00",
    ],
)
def test_whatever_schlage_signs_is_stored_and_never_refused(
    client: PortalClient, signer: Signer, body: bytes
) -> None:
    answer = client.post(ADDRESS, **signer.request(body))

    assert answer.status_code == 204
    assert stored() == 1


def test_long_event_ids_that_differ_only_at_their_end_stay_different(app: Flask) -> None:
    assert inbox._storable_id("x" * 200 + "a") != inbox._storable_id("x" * 200 + "b")
    assert inbox._storable_id("x" * 200) == inbox._storable_id("x" * 200)


def test_a_body_over_the_limit_is_refused_though_its_signature_is_right(
    client: PortalClient, signer: Signer
) -> None:
    request = signer.request(b" " * (webhooks.MAX_BYTES + 1))

    answer = client.post(ADDRESS, **request)

    assert (answer.status_code, answer.data) == (401, b"")
    assert stored() == 0


def test_a_body_that_does_not_tell_its_length_is_read_no_further_than_the_limit(
    client: PortalClient, signer: Signer
) -> None:
    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            buffer[:] = b" " * len(buffer)
            self.given += len(buffer)
            assert self.given < 10 * webhooks.MAX_BYTES, "it reads without a limit"
            return len(buffer)

    chunked = {
        "wsgi.input": Endless(),
        "wsgi.input_terminated": True,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "CONTENT_LENGTH": "",
    }
    answer = client.post(
        ADDRESS, headers={"WebHook-Signature": signer.sign(b"")}, environ_overrides=chunked
    )

    assert answer.status_code == 401
    assert chunked["wsgi.input"].given >= webhooks.MAX_BYTES


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data", "x", ""]
)
def test_the_content_type_does_not_matter(
    client: PortalClient, signer: Signer, content_type: str
) -> None:
    answer = client.post(ADDRESS, content_type=content_type, **signer.request(event()))

    assert answer.status_code == 204


def test_a_database_that_is_away_is_answered_503_so_that_the_event_comes_again(
    client: PortalClient, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database is locked"))

    monkeypatch.setattr(webhooks.inbox, "store", away)

    answer = client.post(ADDRESS, **signer.request(event()))

    assert (answer.status_code, answer.data) == (503, b"")
    assert "Retry-After" in answer.headers


def test_after_many_forged_ones_an_address_is_not_read_any_more_and_others_are(
    app: Flask, signer: Signer
) -> None:
    forger, schlage = app.test_client(), app.test_client()
    forger.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    schlage.environ_base["REMOTE_ADDR"] = "198.51.100.1"

    answers = [forger.post(ADDRESS, data=b"x").status_code for _ in range(62)]
    good = schlage.post(ADDRESS, **signer.request(event()))

    assert answers[:60] == [401] * 60
    assert answers[-1] == 429
    assert good.status_code == 204


def test_good_events_are_never_limited(client: PortalClient, signer: Signer) -> None:
    answers = {
        client.post(ADDRESS, **signer.request(event(str(number)))).status_code
        for number in range(70)
    }

    assert answers == {204}


def test_the_handshake_is_agreed_to(client: PortalClient) -> None:
    answer = client.options(ADDRESS, headers={"WebHook-Request-Origin": "schlage.example.com"})

    assert answer.status_code == 200
    assert answer.headers["WebHook-Allowed-Origin"] == "schlage.example.com"
    assert answer.headers["WebHook-Allowed-Rate"] == "*"
    assert "Set-Cookie" not in answer.headers


def test_a_handshake_without_a_name_is_agreed_to_as_well(client: PortalClient) -> None:
    answer = client.options(ADDRESS)

    assert answer.status_code == 200
    assert "WebHook-Allowed-Origin" not in answer.headers


def test_the_address_takes_nothing_but_events_and_handshakes(client: PortalClient) -> None:
    assert client.get(ADDRESS).status_code == 405


def test_what_became_of_webhooks_is_counted(client: PortalClient, signer: Signer) -> None:
    def count(outcome: str) -> float:
        line = f'latchboard_webhooks_total{{outcome="{outcome}"}} '
        text = client.get("/metrics").text
        return float(text.partition(line)[2].partition("\n")[0] or 0)

    before = {name: count(name) for name in ("accepted", "doubled", "rejected_signature")}
    client.post(ADDRESS, **signer.request(event()))
    client.post(ADDRESS, **signer.request(event()))
    client.post(ADDRESS, json=event())

    assert {name: count(name) - value for name, value in before.items()} == {
        "accepted": 1,
        "doubled": 1,
        "rejected_signature": 1,
    }


@pytest.mark.parametrize("keys", ["nowhere.pem", __file__])
def test_without_a_usable_key_the_app_does_not_start(keys: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableKey, match=Path(keys).name):
        create_app(make_settings(SCHLAGE_WEBHOOK_KEYS=keys), bell=FakeBell())
