"""What watchers ask."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask

from portal import clock, create_app
from portal.domain.command import State
from portal.domain.outgoing import State as Sending
from portal.domain.status import Status
from portal.extensions import db
from portal.models import WebhookState
from portal.unit_of_work import writing
from tests.support.bells import FakeBell
from tests.support.builders import (
    make_account,
    make_command,
    make_door_code,
    make_endpoint_call,
    make_feed,
    make_lock,
    make_notice,
    make_webhook_event,
)
from tests.support.client import PortalClient
from tests.support.settings import make_settings


@pytest.fixture
def guarded(database_url: str, app: Flask) -> Iterator[PortalClient]:
    """A portal whose figures need a token."""
    settings = make_settings(DATABASE_URL=database_url, METRICS_TOKEN="a token for figures")
    other = create_app(settings, bell=FakeBell())
    other.test_client_class = PortalClient
    client = other.test_client()
    assert isinstance(client, PortalClient)
    yield client
    with other.app_context():
        db.engine.dispose()


def test_healthz_says_that_the_process_lives(client: PortalClient) -> None:
    answer = client.get("/healthz")

    assert (answer.status_code, answer.text) == (200, "alive\n")


def test_redis_is_reported_and_not_required(client: PortalClient) -> None:
    answer = client.get("/readyz")

    assert answer.json["redis"] == "away"
    assert answer.json["database"] == "ok"


def test_readyz_is_503_while_the_database_is_away(tmp_path: object) -> None:
    settings = make_settings(DATABASE_URL=f"sqlite:///{tmp_path}/nowhere/missing.db")
    app = create_app(settings, bell=FakeBell())

    answer = app.test_client().get("/readyz")

    assert answer.status_code == 503
    assert answer.json["database"] == "away"
    assert "missing.db" not in answer.text


def test_figures_come_from_the_database_of_every_account(client: PortalClient) -> None:
    now = clock.now()
    for name in ("Ours", "Theirs"):
        lock = make_lock(account=make_account(name), due_at=now - timedelta(seconds=90))
        code = make_door_code(lock=lock, status=Status.SENT)
    make_feed(failures=2)
    make_webhook_event(state=WebhookState.PARKED, received_at=now - timedelta(hours=1))
    command = make_command(state=State.ACCEPTED)
    command.created_at = now - timedelta(minutes=7)
    db.session.commit()
    assert code.id

    text = client.get("/metrics").text

    def figure(name: str) -> float:
        line = next(line for line in text.splitlines() if line.startswith(f"latchboard_{name} "))
        return float(line.rsplit(" ", 1)[1])

    assert figure("locks_due") == 2
    assert 85 < figure("sweep_lateness_seconds") < 150
    assert figure('door_codes{status="sent"}') == 2
    assert figure("feeds_sick") == 1
    assert figure('webhook_events{state="parked"}') == 1
    assert 3500 < figure("oldest_parked_webhook_seconds") < 3700
    assert figure('open_commands{age="under_10_min"}') == 1
    assert figure('open_commands{age="over_10_min"}') == 0


def test_figures_tell_what_goes_out_and_what_nobody_took(client: PortalClient) -> None:
    now = clock.now()
    make_notice(due_at=now - timedelta(minutes=10))
    make_endpoint_call(due_at=now + timedelta(hours=1), ring_at=now + timedelta(hours=1))
    for days in (0, 3):
        made_at = now - timedelta(days=days)
        make_notice(state=Sending.DEAD, due_at=None, ring_at=None, created_at=made_at)

    lines = client.get("/metrics").text.splitlines()

    assert 'latchboard_outgoing_waiting{what="notice"} 1.0' in lines
    assert 'latchboard_outgoing_waiting{what="endpoint_call"} 1.0' in lines
    assert 'latchboard_outgoing_dead_last_day{what="notice"} 1.0' in lines
    assert 'latchboard_outgoing_dead_last_day{what="endpoint_call"} 0.0' in lines
    late = next(line for line in lines if line.startswith("latchboard_outgoing_lateness_seconds "))
    assert 590 < float(late.rsplit(" ", 1)[1]) < 700


def test_figures_name_no_guest_and_no_account(client: PortalClient) -> None:
    make_door_code()
    make_account("Casa Verde Rentals")

    text = client.get("/metrics").text

    assert "Casa Verde" not in text
    assert "Ana" not in text


@pytest.mark.parametrize(
    "environ",
    [
        {"REMOTE_ADDR": "203.0.113.9"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=203.0.113.9"},
        {"REMOTE_ADDR": "not an address"},
        {"REMOTE_ADDR": ""},
    ],
)
def test_without_a_token_figures_are_given_on_the_machine_only(
    client: PortalClient, environ: dict[str, str]
) -> None:
    assert client.get("/metrics", environ_overrides=environ).status_code == 403


def test_ipv6_loopback_is_the_machine_too(client: PortalClient) -> None:
    answer = client.get("/metrics", environ_overrides={"REMOTE_ADDR": "::1"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer a token for figures", 200),
        ("bearer a token for figures", 200),
        ("Bearer a token for figure", 401),
        ("Basic a token for figures", 401),
        ("Bearer ", 401),
        ("", 401),
        ("Bearer ü", 401),
    ],
)
def test_with_a_token_set_only_its_holder_gets_figures(
    guarded: PortalClient, authorization: str, status: int
) -> None:
    headers = {"Authorization": authorization.encode().decode("latin1")}

    assert guarded.get("/metrics", headers=headers).status_code == status


def test_asking_for_figures_writes_nothing(client: PortalClient) -> None:
    with writing():
        pass

    assert client.get("/metrics").status_code == 200
