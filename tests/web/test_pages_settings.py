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
from portal.models import CheckFault, Connection, ConnectionState, DoorCode, Mapping, Role
from portal.queue import JobName
from tests.support.bells import FakeBell
from tests.support.builders import (
    fresh,
    make_account,
    make_booking,
    make_connection,
    make_door_code,
    make_foreign_code,
    make_lock,
    make_property,
)
from tests.web.pages import browser, element, elements, poll_url, roots, words

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


def test_a_lock_is_offered_by_its_name_in_one_click_and_never_ticked_by_itself(app: Flask) -> None:
    lock = make_lock(name="Maple Cottage Front Door")
    place = make_property(name="Maple Cotage")
    client = browser(app)

    html = client.get(PAGE).text
    before = mapped(place.id)
    offer = element(html, data_suggestion=str(place.id))
    client.send(f"{PAGE}/mapping/{place.id}", lock=str(lock.id))

    assert "this is Maple Cottage Front Door" in words(offer.text)
    boxes = [e for e in elements(html, name="lock") if e.get("type") == "checkbox"]
    assert [("checked" in box) for box in boxes] == [False]
    assert before == set()
    assert mapped(place.id) == {lock.id}
    assert "data-suggestion" not in client.get(PAGE).text


def test_a_lock_that_opens_a_property_already_is_offered_to_no_other(app: Flask) -> None:
    make_property(name="Somewhere", locks=[make_lock(name="Maple Cottage")])
    make_property(name="Maple Cottage")

    assert "data-suggestion" not in browser(app).get(PAGE).text


def test_a_mapped_lock_that_schlage_no_longer_lists_is_warned_of(app: Flask) -> None:
    lock = make_lock(name="Gone door", missing_since=clock.now() - timedelta(days=2))
    place = make_property(locks=[lock])

    told = words(element(browser(app).get(PAGE).text, id=f"mapping-{place.id}").text)

    assert "Schlage no longer lists Gone door" in told
    assert "2 days ago" in told or "48 h ago" in told
    assert "tick the new lock here" in told


def test_another_time_zone_comes_with_its_remedy(app: Flask) -> None:
    place = make_property(locks=[make_lock(name="Side door", time_zone="America/Denver")])

    told = element(browser(app).get(PAGE).text, id=f"mapping-{place.id}")

    assert "Side door keeps another time than this property" in words(told.text)
    assert "in the Schlage Home app, or the property's here" in words(told.text)


def test_zones_that_keep_the_same_time_are_no_mismatch(app: Flask) -> None:
    place = make_property(locks=[make_lock(time_zone="America/Detroit")])

    told = words(element(browser(app).get(PAGE).text, id=f"mapping-{place.id}").text)

    assert "another time" not in told


def test_each_lock_tells_its_rule_and_contradicting_rules_are_warned_of(app: Flask) -> None:
    four, six = make_lock(name="Gate", code_length=4), make_lock(name="Door", code_length=6)
    free = make_lock(name="Cellar", code_length=5, has_vlac=True)
    split = make_property(locks=[four, six, free])
    fine = make_property(locks=[six, free])

    html = browser(app).get(PAGE).text

    told = words(element(html, id=f"mapping-{split.id}").text)
    assert "PINs of 4 digits" in told
    assert "PINs of 4 to 8 digits" in told
    assert "These locks want PINs of different lengths" in told
    assert "Door: 6 digits, Gate: 4 digits." in told
    assert "different lengths" not in words(element(html, id=f"mapping-{fine.id}").text)


def test_another_programs_numbering_is_warned_of_at_the_mapping(app: Flask) -> None:
    lock = make_lock(name="Busy door")
    for number in (4711, 4712, 4713):
        make_foreign_code(lock, label=f"Slot {number}")
    calm = make_lock(name="Calm door")
    make_foreign_code(calm, label="Cleaner")
    place, other = make_property(locks=[lock]), make_property(locks=[calm])

    html = browser(app).get(PAGE).text

    told = words(element(html, id=f"mapping-{place.id}").text)
    assert "Another program seems to write codes to Busy door" in told
    assert "Slot 4711, Slot 4712, Slot 4713" in told
    assert "write codes to Calm" not in words(element(html, id=f"mapping-{other.id}").text)


def test_codes_of_ours_that_were_forgotten_are_no_other_program(app: Flask) -> None:
    lock = make_lock()
    for number in range(3):
        make_foreign_code(lock, label=f"Guest {number}", has_our_tag=True)
    make_property(locks=[lock])

    assert "Another program" not in browser(app).get(PAGE).text


def test_locks_that_open_nothing_are_listed(app: Flask) -> None:
    used, spare = make_lock(name="Used"), make_lock(name="Old shed")
    make_property(locks=[used])

    html = browser(app).get(PAGE).text

    assert [e["data-spare"] for e in elements(html) if "data-spare" in e] == [str(spare.id)]


def test_a_test_is_shown_running_and_survives_a_lost_ring(app: Flask, bell: FakeBell) -> None:
    connection = make_connection(checked_at=clock.now() - timedelta(hours=3))
    client = browser(app)

    client.send(f"{PAGE}/{connection.id}/test")
    html = client.get(PAGE).text

    assert "Schlage is asked for the locks" in words(
        element(html, id=f"connection-{connection.id}").text
    )
    due_at = fresh(connection).due_at
    assert due_at is not None
    assert due_at <= clock.now() + timedelta(seconds=60)


def test_the_connections_move_by_the_one_poller_and_hold_no_inputs(app: Flask) -> None:
    connection = make_connection()
    client = browser(app)
    address = poll_url(client.get(PAGE).text)

    before = client.get(address)
    client.send(f"{PAGE}/{connection.id}/test")
    after = client.get(address).text

    assert before.status_code == 204
    assert [root["id"] for root in roots(after)] == ["connections", "new-alerts"]
    assert not [e for e in elements(after) if e.tag in {"input", "details", "form"}]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (CheckFault.NO_ANSWER, "Schlage did not answer"),
        (CheckFault.SLOW_DOWN, "asks us to slow down"),
        (CheckFault.REFUSED, "Sign in again with the login that owns them"),
        (CheckFault.ODD, "an answer that we do not understand"),
        (None, "an answer that we do not understand"),
    ],
)
def test_a_failed_test_says_what_it_came_to_and_what_to_do(
    app: Flask, fault: CheckFault | None, said: str
) -> None:
    connection = make_connection(
        check_error="Schlage answered 503", check_fault=fault, check_failed_at=clock.now()
    )

    told = words(element(browser(app).get(PAGE).text, id=f"connection-{connection.id}").text)

    assert said in told
    assert "Schlage answered 503" in told


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
    for text in ("weak signal", "Batteries nearly empty (7 %)", "room for 100"):
        assert text in told
    assert "Ana Guest" in told
    assert element(html, data_trouble="low_battery")
    assert "10.00.264" in words(element(html, id="about").text)
