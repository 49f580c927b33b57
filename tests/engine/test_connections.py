"""Connections: tokens renewed early and by one worker, locks found and missed, events taken in."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import select

from benchmarks.stage import USER, Stage
from portal import tenancy
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.status import Status, Verdict
from portal.extensions import db
from portal.models import CheckFault, Connection, ConnectionState, Lock, TimelineEntry
from portal.queue import JobName
from portal.schlage.client import SchlageClient
from portal.schlage.errors import SchlageUnauthorized, SchlageUnavailable, SignedOut
from portal.schlage.oauth import Tokens
from portal.schlage.payloads import Device
from portal.services import clients, connections, inbox
from portal.services.ringing import changing
from portal.unit_of_work import writing
from tests.support.builders import make_account
from tests.support.house import House


def _connection(house: House) -> Connection:
    db.session.rollback()
    return db.session.get_one(Connection, house.connection.id)


def _set(house: House, **fields: Any) -> None:
    connection_id = house.connection.id
    with writing() as session:
        row = session.get_one(Connection, connection_id)
        for name, value in fields.items():
            setattr(row, name, value)


def _refreshes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every request to the token endpoint from now on."""
    seen: list[str] = []
    adapter = stage.adapter

    class Counting(requests.adapters.HTTPAdapter):
        def send(self, request: requests.PreparedRequest, **options: Any) -> Any:  # type: ignore[override]
            if "token" in (request.url or "").lower():
                seen.append(str(request.url))
            return adapter.send(request, **options)

    def counting() -> requests.Session:
        session = requests.Session()
        session.mount("http://schlage.test", Counting())
        return session

    monkeypatch.setitem(stage.app.extensions, "schlage_http", counting)
    return seen


def test_a_token_is_renewed_before_it_ends(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _refreshes(house.stage, monkeypatch)
    _set(house, expires_at=house.stage.now + timedelta(minutes=2))
    before = _connection(house).access_token

    clients.client_for(house.connection.id).list_devices()

    assert len(seen) == 1
    assert _connection(house).access_token != before
    assert _connection(house).refreshing_until is None


def test_only_one_worker_renews_and_the_other_goes_on_with_the_old_token(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = _refreshes(house.stage, monkeypatch)
    now = house.stage.now
    _set(
        house,
        expires_at=now + timedelta(minutes=2),
        refreshing_until=now + timedelta(seconds=30),
    )

    devices = clients.client_for(house.connection.id).list_devices()

    assert len(devices) == 1
    assert seen == []


def test_with_a_dead_token_the_other_worker_waits_for_the_one_that_renews(house: House) -> None:
    now = house.stage.now
    _set(
        house,
        expires_at=now - timedelta(minutes=1),
        refreshing_until=now + timedelta(seconds=30),
    )

    with pytest.raises(SchlageUnavailable):
        clients.client_for(house.connection.id).list_devices()

    assert _connection(house).state is ConnectionState.CONNECTED


def test_a_refused_token_that_somebody_replaced_meanwhile_is_not_renewed_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = clients._TokenSource(house.connection.id)
    source(must_refresh=False)
    seen = _refreshes(house.stage, monkeypatch)
    _set(house, access_token=Secret("the token another worker got"))

    assert source(must_refresh=True) == "the token another worker got"
    assert seen == []


def _during_a_refresh(
    house: House, monkeypatch: pytest.MonkeyPatch, happening: Callable[[], None], *, works: bool
) -> clients._TokenSource:
    """A source whose refresh ends, well or not, only after something else has happened."""

    class Slow:
        def refresh(self, _token: str, *, now: datetime) -> Tokens:
            happening()
            if not works:
                raise SignedOut("invalid_grant")
            return Tokens("renewed", "renewed too", now + timedelta(minutes=30))

    source = clients._TokenSource(house.connection.id)
    source(must_refresh=False)
    monkeypatch.setattr(clients, "oauth", Slow)
    return source


@pytest.mark.parametrize("works", [True, False])
def test_a_sign_in_during_a_refresh_outlives_whatever_that_brings(
    house: House, monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    newer = {"access_token": Secret("newer"), "refresh_token": Secret("newer too")}
    source = _during_a_refresh(house, monkeypatch, lambda: _set(house, **newer), works=works)

    assert source(must_refresh=True) == "newer"

    assert _connection(house).access_token == Secret("newer")
    assert _connection(house).refresh_token == Secret("newer too")
    assert _connection(house).state is ConnectionState.CONNECTED


def test_a_lock_is_worked_on_by_a_sign_in_that_came_during_a_refused_refresh(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = house.stage.cloud.issue_token(USER, "stage")
    newer = {
        "access_token": Secret(grant.access_token),
        "refresh_token": Secret(grant.refresh_token),
    }
    _set(house, access_token=Secret("dead"), refresh_token=Secret("dead too"))
    _during_a_refresh(house, monkeypatch, lambda: _set(house, **newer), works=False)

    booking = house.book()
    house.stage.run_for(minutes=1)

    assert _connection(house).state is ConnectionState.CONNECTED
    assert house.status(booking) is Status.CONFIRMED


def test_what_a_refresh_brings_is_forgotten_once_the_connection_is_ended(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end() -> None:
        connections.disconnect(house.connection.id, "manager:1")

    source = _during_a_refresh(house, monkeypatch, end, works=True)

    with pytest.raises(SchlageUnauthorized, match="signed out"):
        source(must_refresh=True)

    assert _connection(house).access_token is None
    assert _connection(house).refresh_token is None
    assert _connection(house).state is ConnectionState.DISCONNECTED


def test_a_newer_sign_in_can_be_renewed_while_a_refresh_of_the_old_one_lasts(
    house: House,
) -> None:
    now = house.stage.now
    _set(house, refreshing_until=now + timedelta(seconds=30))

    with writing() as session:
        connection = session.get_one(Connection, house.connection.id)
        clients.keep(connection, Tokens("newer", "newer too", now + timedelta(minutes=30)))

    assert _connection(house).refreshing_until is None


def test_a_sign_in_that_schlage_ended_asks_for_a_person_and_stops_all_calls(house: House) -> None:
    house.stage.cloud.sign_out(USER)

    with pytest.raises(SchlageUnauthorized):
        clients.client_for(house.connection.id).list_devices()
    connections.check(house.connection.id)

    assert _connection(house).state is ConnectionState.SIGNED_OUT
    with pytest.raises(SchlageUnauthorized, match="signed out"):
        clients.client_for(house.connection.id).list_devices()


def test_a_lost_subscription_is_made_again_by_the_daily_check(house: House) -> None:
    client = clients.client_for(house.connection.id)
    [subscription] = client.list_subscriptions()
    client.unsubscribe(subscription.subscription_id)

    house.stage.run_for(days=1, minutes=2)

    assert len(client.list_subscriptions()) == 1


def test_a_test_that_fails_says_how_and_one_that_passes_forgets_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    extensions = house.stage.app.extensions
    works = extensions["schlage_http"]

    class Silence(requests.adapters.HTTPAdapter):
        def send(self, *_: Any, **__: Any) -> Any:
            raise requests.ConnectTimeout("nobody answers")

    def nobody_answers() -> requests.Session:
        session = requests.Session()
        session.mount("http://schlage.test", Silence())
        return session

    monkeypatch.setitem(extensions, "schlage_http", nobody_answers)
    assert connections.ask_for_check(house.connection.id)
    is_asked = _connection(house).check_asked_at is not None
    house.stage.work()
    failed = _connection(house)
    fault, is_over = failed.check_fault, failed.check_asked_at is None
    monkeypatch.setitem(extensions, "schlage_http", works)
    assert connections.ask_for_check(house.connection.id)
    house.stage.work()

    assert is_asked
    assert is_over
    assert fault is CheckFault.NO_ANSWER
    assert _connection(house).check_fault is None
    assert _connection(house).check_error is None
    assert _connection(house).checked_at is not None


def test_a_connection_that_is_signed_out_cannot_be_tested(house: House) -> None:
    _set(house, state=ConnectionState.SIGNED_OUT)

    assert not connections.ask_for_check(house.connection.id)


def test_disconnecting_deletes_the_subscription_and_the_tokens(house: House) -> None:
    client = clients.client_for(house.connection.id)
    assert len(house.stage.cloud.webhooks.subscriptions) == 1

    connections.disconnect(house.connection.id, "manager:1")

    assert _connection(house).state is ConnectionState.DISCONNECTED
    assert _connection(house).access_token is None
    assert house.stage.cloud.webhooks.subscriptions == {}
    with pytest.raises(SchlageUnauthorized):
        client.list_subscriptions()


def _connect_twice(house: House) -> int:
    """The id of a second connection to the same login, checked as well."""
    connection_id = house.stage.connect(house.account).id
    house.stage.run_for(minutes=1)
    return connection_id


def _sign_out(connection_id: int) -> None:
    with changing() as session:
        connections.sign_out(session, connection_id)


def _disconnect(connection_id: int) -> None:
    connections.disconnect(connection_id, "manager:1")


def test_a_lock_stays_with_the_connection_that_works_when_another_finds_it(house: House) -> None:
    _connect_twice(house)

    assert house.lock.connection_id == house.connection.id


@pytest.mark.parametrize("end", [_sign_out, _disconnect])
@pytest.mark.parametrize("is_older", [True, False])
def test_of_two_connections_to_a_lock_either_is_enough(
    house: House, end: Callable[[int], None], is_older: bool
) -> None:
    newer_id = _connect_twice(house)

    end(house.connection.id if is_older else newer_id)
    house.stage.work()
    booking = house.book(arrives="2026-03-02T12:00")
    house.stage.run_for(minutes=2)

    assert house.lock.connection_id == (newer_id if is_older else house.connection.id)
    assert house.status(booking) is Status.CONFIRMED


def test_a_lock_that_moves_to_another_login_is_taken_over_by_it_at_once(house: House) -> None:
    newer_id = house.stage.connect(house.account, "cohost").id
    house.stage.run_for(minutes=1)
    house.door.owner_id = "cohost"

    connections.check(house.connection.id)
    house.stage.work()

    assert house.lock.connection_id == newer_id
    assert house.lock.missing_since is None


def test_a_subscription_lasts_until_the_last_of_its_connections_is_ended(house: House) -> None:
    subscriptions = house.stage.cloud.webhooks.subscriptions
    newer_id = _connect_twice(house)

    _disconnect(house.connection.id)
    left = len(subscriptions)
    _disconnect(newer_id)

    assert left == 1
    assert subscriptions == {}


def test_a_subscription_is_kept_for_another_account_with_the_same_login(house: House) -> None:
    house.stage.connect(make_account())
    house.stage.run_for(minutes=1)

    with tenancy.as_account(house.account.id):
        _disconnect(house.connection.id)

    assert len(house.stage.cloud.webhooks.subscriptions) == 1


def test_a_check_during_which_its_connection_is_ended_takes_no_lock_over(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer_id = _connect_twice(house)
    list_devices = SchlageClient.list_devices

    def ended_meanwhile(client: SchlageClient) -> list[Device]:
        devices = list_devices(client)
        for connection_id in (house.connection.id, newer_id):
            _disconnect(connection_id)
        return devices

    monkeypatch.setattr(SchlageClient, "list_devices", ended_meanwhile)
    connections.check(newer_id)

    assert house.lock.connection_id == house.connection.id
    assert _connection(house).due_at is None


def test_a_lock_that_left_the_list_is_believed_gone_only_after_an_hour(house: House) -> None:
    house.stage.cloud.remove_lock(house.door.id)

    connections.check(house.connection.id)
    assert _missing_lines() == 0

    house.stage.run_for(hours=2)
    assert _missing_lines() == 1
    assert house.lock.missing_since is not None
    assert db.session.scalars(select(Lock)).all()


def _leave(house: House) -> None:
    """The lock is another login's from now on, and all calls for it are refused."""
    house.door.owner_id = "nobody"


def _return(house: House) -> None:
    house.door.owner_id = USER


def _calls(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every call from now on that is about a lock, whose id its address has."""
    seen: list[str] = []
    send = stage.adapter.send

    def noting(request: requests.PreparedRequest, **options: Any) -> requests.Response:
        if "devices/" in (request.url or "").lower():
            seen.append(f"{request.method} {request.url}")
        return send(request, **options)

    monkeypatch.setattr(stage.adapter, "send", noting)
    return seen


@pytest.mark.parametrize(
    "stay",
    [
        {"arrives": "2026-03-02T09:00", "departs": "2026-03-02T14:00"},  # its code is to go off
        {"arrives": "2026-03-02T09:00", "departs": "2026-03-09"},  # it holds for now
        {"arrives": "2026-03-03", "departs": "2026-03-09"},
    ],
)
def test_a_lock_that_is_gone_is_called_no_more(
    house: House, monkeypatch: pytest.MonkeyPatch, stay: dict[str, str]
) -> None:
    house.book(**stay)
    house.stage.run_for(minutes=5)
    _leave(house)
    house.book("b2", arrives="2026-03-03", departs="2026-03-04", guest="Ben Next")
    house.stage.run_for(hours=6)

    calls = _calls(house.stage, monkeypatch)
    house.stage.run_for(days=1)

    assert house.lock.is_missing
    assert calls == []


def test_the_first_refusal_of_a_write_to_a_lock_that_is_gone_has_the_list_looked_at(
    house: House,
) -> None:
    _leave(house)

    house.book()

    assert house.lock.missing_since == house.stage.now


def test_before_it_is_believed_a_missing_lock_is_looked_for_at_the_times_of_checks_only(
    house: House,
) -> None:
    _leave(house)
    house.book(arrives="2026-03-02T10:20")

    house.stage.run_for(minutes=20)

    assert house.lock.missing_checks == 1


def test_a_lock_that_many_checks_miss_in_a_short_time_is_told_of_after_an_hour(
    house: House,
) -> None:
    _leave(house)
    for _ in range(5):
        connections.check(house.connection.id)
    is_believed_at_once = house.lock.is_missing

    house.stage.run_for(hours=2)

    assert not is_believed_at_once
    assert house.lock.is_missing
    assert _missing_lines() == 1


def test_stays_at_a_lock_that_is_gone_are_at_risk_and_somebody_is_told(house: House) -> None:
    held = house.book("b1", arrives="2026-03-02T12:00", departs="2026-03-06")
    house.stage.run_for(minutes=5)
    _leave(house)
    due = house.book("b2", arrives="2026-03-06T16:00", departs="2026-03-09")
    house.stage.run_for(hours=2)

    for booking in (held, due):
        assert house.booking(booking.id).verdict is Verdict.AT_RISK
        assert house.booking(booking.id).problem is ProblemKey.LOCK_MISSING
    assert house.open_alerts() == ["lock_missing"]


def test_a_lock_that_is_back_is_worked_with_the_check_that_finds_it(house: House) -> None:
    held = house.book("b1", arrives="2026-03-02T12:00", departs="2026-03-06")
    house.stage.run_for(minutes=5)
    _leave(house)
    due = house.book("b2", arrives="2026-03-06T16:00", departs="2026-03-09")
    house.stage.run_for(hours=20)
    _return(house)

    connections.check(house.connection.id)
    house.stage.run_for(minutes=1)

    assert house.status(due) is Status.CONFIRMED
    assert house.lock.missing_since is None
    assert house.lock.entries_due_at is not None
    for booking in (held, due):
        assert house.booking(booking.id).verdict is Verdict.READY
    assert house.open_alerts() == []


def test_a_lock_that_answers_before_it_was_believed_gone_is_not_missing(house: House) -> None:
    _leave(house)
    connections.check(house.connection.id)
    _return(house)

    booking = house.book()
    house.stage.run_for(minutes=5)
    house.resync(booking)
    house.stage.run_for(minutes=5)

    assert house.status(booking) is Status.CONFIRMED
    assert house.lock.missing_since is None


def _missing_lines() -> int:
    db.session.rollback()
    kinds = db.session.scalars(select(TimelineEntry.kind)).all()
    return list(kinds).count("lock_missing")


def _event(house: House, trigger: str, **data: Any) -> None:
    """A webhook about the house's lock, as Schlage sends it; stored and worked."""
    body = {
        "eventId": f"{len(trigger):032x}{datetime.now().microsecond}"[:32],  # noqa: DTZ005
        "deviceId": house.door.id,
        "time": house.stage.now.isoformat(),
        "eventType": "DeviceUpdate",
        "trigger": trigger,
        "data": data,
        "version": "2.0",
    }
    with writing() as session:
        stored = inbox.store(session, json.dumps(body).encode())
    for row_id in stored.row_ids:
        house.stage.bell.ring(JobName.PROCESS_WEBHOOK, row_id)
    house.stage.work()


def test_a_battery_event_shows_on_the_lock_and_in_its_history(house: House) -> None:
    _event(house, "DeviceBatteryLevelChanged", batteryState="Low", batteryLevel=22)

    assert house.lock.battery_state == "Low"
    assert house.lock.battery_level == 22
    assert "battery" in db.session.scalars(select(TimelineEntry.kind)).all()


def test_a_connectivity_event_with_a_text_shows_the_lock_offline(house: House) -> None:
    _event(house, "DeviceConnectivityStateChanged", connected="false")

    assert house.lock.is_online is False


def test_the_guests_own_code_at_the_door_proves_the_code(house: House) -> None:
    booking = house.book(arrives="2026-03-02T09:00", departs="2026-03-05")
    house.stage.run_for(minutes=5)
    [label] = house.held()

    _event(
        house,
        "DeviceLockStateChanged",
        lockState="Unlocked",
        accessor={"id": None, "friendlyName": label, "accessType": "AccessCode"},
    )

    assert house.booking(booking.id).proven_at is not None
    assert house.code(booking).proven_at is not None
    assert "door_opened" in house.told(booking)


def test_an_access_code_event_has_the_list_read_again(house: House) -> None:
    read_at = house.lock.read_at

    _event(house, "AccessCodesSynchronized")
    house.stage.run_for(minutes=2)

    assert house.lock.read_at is not None
    assert read_at is not None
    assert house.lock.read_at > read_at
