"""No answer to a GET has a secret in it, whoever asks: PINs are shown on a recorded click alone."""

import json
from typing import Final

import pytest
from flask import Flask

from portal.domain.command import State
from portal.domain.entry import EntryState, Evidence
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.models import Role
from portal.services.timeline import Kind
from tests.support.builders import (
    make_account,
    make_booking,
    make_channel,
    make_command,
    make_connection,
    make_door_code,
    make_endpoint,
    make_endpoint_call,
    make_entry,
    make_feed,
    make_foreign_code,
    make_guest_link,
    make_lock,
    make_property,
    make_spare,
    make_staff_code,
    make_timeline_entry,
    make_webhook_event,
)
from tests.support.client import PASSWORD
from tests.web.test_isolation import CHANGES_BY_GET, ID_OF, Person, calls

PIN: Final = "739164"
OWN_PIN: Final = "864205"
OLD_PIN: Final = "517293"
STAFF_PIN: Final = "951627"
SPARE_PIN: Final = "628413"
GIVEN_PIN: Final = "346187"
FOREIGN_PIN: Final = "284951"
SECRETS: Final = (
    PIN,
    OWN_PIN,
    OLD_PIN,
    STAFF_PIN,
    SPARE_PIN,
    GIVEN_PIN,
    FOREIGN_PIN,
    "marker-access-token",
    "marker-refresh-token",
    "marker-feed-key",
    "marker-of-a-webhook",
    "marker-channel-token",
    "marker-endpoint-path",
    "marker-endpoint-secret",
    "guest-token-of-the-tests",
    PASSWORD,
)


@pytest.mark.parametrize("role", list(Role))
def test_no_page_no_call_and_no_metric_shows_a_secret(app: Flask, role: Role) -> None:
    account = make_account()
    person = Person(app, account, role)
    connection = make_connection(
        account,
        access_token=Secret("marker-access-token"),
        refresh_token=Secret("marker-refresh-token"),
    )
    lock = make_lock(connection)
    place = make_property(account, locks=[lock])
    booking = make_booking(place, pin=PIN)
    code = make_door_code(
        booking,
        lock,
        status=Status.NEEDS_YOU,
        own_pin=Secret(OWN_PIN),
        problem=ProblemKey.UNKNOWN,
        problem_text="Refused.",
    )
    entry = make_entry(
        code, state=EntryState.HELD, evidence=Evidence.CONFIRMED, pin=Secret(OLD_PIN)
    )
    make_command(entry, state=State.FAILED)
    make_timeline_entry(booking, Kind.PIN_CHOSEN, data={"origin": "random", "note": ""})
    make_webhook_event(body=Secret(json.dumps({"eventId": "marker-of-a-webhook"})))
    feed = make_feed(place, address=Secret("https://feeds.example.com/marker-feed-key/1.ics"))
    staff = make_staff_code(account, locks=[lock], pin=STAFF_PIN)
    make_spare(lock, pin=SPARE_PIN)
    make_entry(make_spare(lock, pin=GIVEN_PIN, given_to_id=booking.id), pin=Secret(GIVEN_PIN))
    make_foreign_code(lock, pin=Secret(FOREIGN_PIN))
    make_guest_link(booking)
    channel = make_channel(account, address=Secret("slack://T1JJ3T3L2/A1/marker-channel-token"))
    endpoint = make_endpoint(
        account,
        address=Secret("https://program.example.com/marker-endpoint-path"),
        secret=Secret("whsec_marker-endpoint-secret"),
    )
    ids = {
        "booking_id": booking.id,
        "channel_id": channel.id,
        "endpoint_id": endpoint.id,
        "call_id": make_endpoint_call(endpoint).id,
        "staff_code_id": staff.id,
        "connection_id": connection.id,
        "door_code_id": code.id,
        "feed_id": feed.id,
        "lock_id": lock.id,
        "property_id": place.id,
    }

    told = []
    for call in calls(app):
        if call.method != "GET" or call.rule.endpoint in CHANGES_BY_GET:
            continue
        values = {n: ids[n] if n in ids else ID_OF[n](account) for n in call.rule.arguments}
        answer = person.do(call, values)
        assert answer.status_code < 500, call
        told += [f"{call}: {secret}" for secret in SECRETS if secret in answer.text]
    for path in ("/metrics", "/readyz", "/healthz", "/sign-in", "/api/v1/openapi.json", "/nowhere"):
        text = person.client.get(path).text
        told += [f"{path}: {secret}" for secret in SECRETS if secret in text]

    assert told == []


def test_the_pin_is_there_for_who_asks_for_it_so_that_the_test_above_can_fail(app: Flask) -> None:
    account = make_account()
    person = Person(app, account)
    booking = make_booking(make_property(account, locks=[make_lock(account=account)]), pin=PIN)

    page = person.client.send(f"/bookings/{booking.id}/pin")

    assert PIN in page.text


@pytest.mark.parametrize("pin", ["73916", "7391648820", "73916a"])
def test_a_refused_pin_is_not_said_back_to_a_program(app: Flask, pin: str) -> None:
    account = make_account()
    place = make_property(account, locks=[make_lock(account=account, code_length=4)])
    person = Person(app, account)

    answer = app.test_client().put(
        "/api/v1/bookings/api/B1",
        headers={"Authorization": f"Bearer {person.token}"},
        json={
            "property_id": place.id,
            "guest_name": "Ana",
            "arrives": "2027-01-10",
            "departs": "2027-01-12",
            "pin": pin,
        },
    )

    assert answer.status_code == 422, answer.text
    assert pin not in answer.text
