"""Settings > Door Locks > Schlage: connections in words, and the mapping."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from flask import Flask
from sqlalchemy import select

from portal import clock
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Connection, ConnectionState, DoorCode, Mapping, Role
from portal.queue import JobName
from portal.services import settings_page
from tests.support.bells import FakeBell
from tests.support.builders import (
    fresh,
    make_account,
    make_booking,
    make_connection,
    make_door_code,
    make_lock,
    make_property,
)
from tests.web.pages import browser, element, elements, words

PAGE = "/settings/door-locks/schlage"


@pytest.fixture
def token_endpoint() -> Iterator[responses.RequestsMock]:
    """Schlage's token endpoint, as the tests tell it to answer."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def mapped(property_id: int) -> set[int]:
    db.session.rollback()
    return set(
        db.session.scalars(select(Mapping.lock_id).where(Mapping.property_id == property_id))
    )


def test_each_connection_says_in_words_how_it_is(app: Flask) -> None:
    good = make_connection(
        subscription_id="s",
        last_webhook_at=clock.now() - timedelta(minutes=4),
        checked_at=clock.now(),
    )
    bad = make_connection(state=ConnectionState.SIGNED_OUT)
    make_lock(good, is_online=False)

    html = browser(app).get(PAGE).text

    told = words(element(html, id=f"connection-{good.id}").text)
    assert "Connected. Codes can be sent" in told
    assert "4 min ago" in told
    assert "1, 1 offline" in told
    ended = words(element(html, id=f"connection-{bad.id}").text)
    assert "Schlage ended our access" in ended
    assert "Reconnect" in ended


def test_connecting_sends_the_owner_to_schlage_with_state_and_pkce(app: Flask) -> None:
    answer = browser(app).get(f"{PAGE}/connect")

    query = parse_qs(urlsplit(answer.location or "").query)
    assert (answer.location or "").startswith("http://127.0.0.1:1/authorize")
    assert query["code_challenge_method"] == ["S256"]
    assert query["state"][0]
    assert query["redirect_uri"] == ["http://localhost/settings/door-locks/schlage/callback"]


def test_the_callback_keeps_the_tokens_and_rings_for_the_check(
    app: Flask, bell: FakeBell, token_endpoint: responses.RequestsMock
) -> None:
    token_endpoint.post(
        "http://127.0.0.1:1/token",
        json={"access_token": "a-token", "refresh_token": "r-token", "expires_in": 3600},
    )
    client = browser(app)
    start = parse_qs(urlsplit(client.get(f"{PAGE}/connect").location or "").query)

    answer = client.get(f"{PAGE}/callback?code=the-code&state={start['state'][0]}")

    connection = db.session.scalars(select(Connection)).one()
    assert answer.status_code == 303
    assert (answer.location or "").endswith(f"#connection-{connection.id}")
    assert connection.state is ConnectionState.CONNECTED
    assert connection.access_token is not None
    assert connection.access_token.reveal() == "a-token"
    assert bell.ids_of(JobName.CHECK_CONNECTION) == [connection.id]


def test_reconnecting_heals_the_connection_it_was_pressed_for(
    app: Flask, token_endpoint: responses.RequestsMock
) -> None:
    token_endpoint.post("http://127.0.0.1:1/token", json={"access_token": "new"})
    connection = make_connection(state=ConnectionState.SIGNED_OUT)
    client = browser(app)
    start = client.get(f"{PAGE}/connect?connection={connection.id}")
    state = parse_qs(urlsplit(start.location or "").query)["state"][0]

    client.get(f"{PAGE}/callback?code=c&state={state}")

    assert fresh(connection).state is ConnectionState.CONNECTED
    assert len(db.session.scalars(select(Connection)).all()) == 1


@pytest.mark.parametrize("query", ["code=c", "code=c&state=wrong", "state=", "error=access_denied"])
def test_a_callback_that_was_not_asked_for_changes_nothing(app: Flask, query: str) -> None:
    client = browser(app)
    client.get(f"{PAGE}/connect")

    answer = client.get(f"{PAGE}/callback?{query}", follow_redirects=True)

    assert "Start again" in answer.text
    assert db.session.scalars(select(Connection)).all() == []


def test_a_state_is_good_for_one_callback_only(app: Flask) -> None:
    client = browser(app)
    start = parse_qs(urlsplit(client.get(f"{PAGE}/connect").location or "").query)
    address = f"{PAGE}/callback?error=access_denied&state={start['state'][0]}"

    first = client.get(address, follow_redirects=True)
    second = client.get(address, follow_redirects=True)

    assert "Schlage did not give access" in first.text
    assert "Start again" in second.text


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 400, "json": {"error": "invalid_grant"}}, "did not accept this sign-in"),
        ({"status": 401, "json": {"error": "invalid_client"}}, "client id and secret"),
        ({"status": 503, "body": "busy"}, "does not answer at the moment"),
        ({"body": requests.ConnectionError("gone")}, "does not answer at the moment"),
    ],
)
def test_a_sign_in_that_fails_says_why(
    app: Flask, token_endpoint: responses.RequestsMock, answer: dict[str, Any], said: str
) -> None:
    token_endpoint.post("http://127.0.0.1:1/token", **answer)
    client = browser(app)
    start = parse_qs(urlsplit(client.get(f"{PAGE}/connect").location or "").query)

    page = client.get(f"{PAGE}/callback?code=c&state={start['state'][0]}", follow_redirects=True)

    assert page.status_code == 200
    assert said in page.text


def test_testing_a_connection_rings_for_its_check(app: Flask, bell: FakeBell) -> None:
    connection = make_connection()

    answer = browser(app).send(f"{PAGE}/{connection.id}/test")

    assert answer.status_code == 303
    assert bell.ids_of(JobName.CHECK_CONNECTION) == [connection.id]


def test_disconnecting_asks_first(app: Flask) -> None:
    connection = make_connection()
    make_lock(connection)
    client = browser(app)

    asked = client.get(f"{PAGE}/{connection.id}/disconnect").text
    before = fresh(connection).state
    client.send(f"{PAGE}/{connection.id}/disconnect")

    assert "1 lock would no longer be managed" in asked
    assert before is ConnectionState.CONNECTED
    assert fresh(connection).state is ConnectionState.DISCONNECTED
    assert fresh(connection).access_token is None


def test_mapping_a_lock_makes_the_codes_of_waiting_bookings(app: Flask, bell: FakeBell) -> None:
    place, lock = make_property(), make_lock()
    booking = make_booking(place)

    answer = browser(app).send(f"{PAGE}/mapping/{place.id}", lock=str(lock.id))

    assert (answer.status_code, answer.location) == (303, f"{PAGE}#mapping-{place.id}")
    assert mapped(place.id) == {lock.id}
    codes = db.session.scalars(select(DoorCode).where(DoorCode.booking_id == booking.id)).all()
    assert [code.lock_id for code in codes] == [lock.id]
    assert lock.id in bell.ids_of(JobName.WORK_LOCK)


def test_unticking_every_lock_unmaps_the_property(app: Flask) -> None:
    lock = make_lock()
    place = make_property(locks=[lock])

    page = browser(app).send(f"{PAGE}/mapping/{place.id}")

    assert page.status_code == 303
    assert mapped(place.id) == set()


def test_a_lock_of_another_account_cannot_be_mapped(app: Flask) -> None:
    ours, theirs = make_account("Ours"), make_account("Theirs")
    place, foreign = make_property(ours), make_lock(account=theirs)

    answer = browser(app, ours).send(f"{PAGE}/mapping/{place.id}", lock=str(foreign.id))

    assert answer.status_code == 404
    assert mapped(place.id) == set()


def test_unmapped_properties_with_coming_guests_come_first(app: Flask) -> None:
    make_property(name="Aardvark Inn", locks=[make_lock()])
    urgent = make_property(name="Zebra Inn")
    make_booking(urgent)

    html = browser(app).get(PAGE).text

    order = [e["id"] for e in elements(html) if (e.get("id") or "").startswith("mapping-")]
    assert order[0] == f"mapping-{urgent.id}"
    assert "would get no code" in words(element(html, id=f"mapping-{urgent.id}").text)


def test_shared_doors_and_other_zones_are_pointed_out(app: Flask) -> None:
    lock = make_lock(name="Street door", time_zone="America/Denver")
    first = make_property(name="Flat One", locks=[lock])
    make_property(name="Flat Two", locks=[lock])

    html = browser(app).get(PAGE).text

    told = words(element(html, id=f"mapping-{first.id}").text)
    assert "also opens Flat Two" in told
    assert "its time zone is Denver, this property's is New York" in told


@pytest.mark.parametrize(
    ("name", "locks", "suggested"),
    [
        ("Beach Cottage", ["Beach Cottage front door", "Lake House"], "Beach Cottage front door"),
        ("Harbour Loft 2", ["Harbour Loft 1", "Harbour Loft 2"], "Harbour Loft 2"),
        ("Casa Verde", ["Front door", "Back door"], None),
        ("The House", ["The House door"], None),
        ("Loft", ["Loft one", "Loft two"], None),
        ("Anything", [], None),
    ],
)
def test_a_lock_is_suggested_by_its_name_or_not_at_all(
    name: str, locks: list[str], suggested: str | None
) -> None:
    assert settings_page.suggestion(name, locks) == suggested


@pytest.mark.parametrize("role", list(Role))
def test_only_owners_connect_and_only_managers_map(app: Flask, role: Role) -> None:
    account = make_account()
    make_connection(account)
    make_property(account, locks=[make_lock(account=account)])

    answer = browser(app, account, role).get(PAGE)

    if role is Role.STAFF:
        assert answer.status_code == 403
        return
    assert ("Disconnect" in answer.text) is (role is Role.OWNER)
    assert ("Save the locks" in answer.text) is (role in {Role.OWNER, Role.MANAGER})


def test_a_lock_page_tells_health_room_and_foreign_codes(app: Flask) -> None:
    lock = make_lock(
        wifi_signal=-78, battery_state="CriticallyLow", battery_level=7, firmware="10.00.264"
    )
    booking = make_booking(make_property(locks=[lock]), guest_name="Ana Guest")
    make_door_code(booking, lock, status=Status.SENT)

    html = browser(app).get(f"/locks/{lock.id}").text

    told = words(element(html, id=f"lock-{lock.id}").text)
    for text in ("weak signal", "Batteries nearly empty (7 %)", "10.00.264", "room for 100"):
        assert text in told
    assert "Ana Guest" in told
    assert element(html, data_trouble="low_battery")
