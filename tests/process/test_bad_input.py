"""Whatever comes in wrong gets a clear answer, loses nothing, and never ends in a 500."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from sqlalchemy import create_engine, text

from tests.process.running import Running
from tests.process.stays import Stay, a_door
from tests.process.test_codes_reach_locks import a_feed, the_booking_at
from tests.runtime.processes import needs_proc
from tests.support.webhooks import Signer
from tests.web.pages import elements, words

pytestmark = [pytest.mark.process, needs_proc]

FEEDS: Final = Path(__file__).parent.parent / "data" / "feeds"
PROBLEM: Final = "application/problem+json"
LATER: Final = "2027-05-0"


@pytest.fixture(scope="module")
def booked(running: Running) -> Stay:
    """A booking from a calendar, on its lock."""
    door = a_door(running)
    upload(running, door.property_id, a_feed("kept"))
    stay = Stay(door, the_booking_at(running, door.property_id), "", {"guest_name": "Reserved"})
    stay.wait_for("confirmed")
    return stay


def upload(running: Running, property_id: int, body: bytes) -> requests.Response:
    return running.manager.submit(
        "/imports/file",
        "/imports/file",
        files={"file": ("calendar.ics", body, "text/calendar")},
        property_id=property_id,
        source="airbnb",
    )


SICK: Final = {
    "empty": b"",
    "an error of the listing site": (FEEDS / "bad-error.json").read_bytes(),
    "a sign-in page": (FEEDS / "bad-login-page.html").read_bytes(),
    "cut short": (FEEDS / "bad-truncated.ics").read_bytes(),
    "cut short in the middle of ours": a_feed("kept")[:-40],
    "no calendar at all": bytes(range(256)) * 40,
    "too large": b"BEGIN:VCALENDAR\r\n" + b"X-PADDING:0\r\n" * 180_000 + b"END:VCALENDAR\r\n",
}


@pytest.mark.parametrize("name", SICK)
def test_a_sick_calendar_is_refused_in_words_and_takes_nothing_away(
    running: Running, booked: Stay, name: str
) -> None:
    before = booked.told()

    answer = upload(running, booked.door.property_id, SICK[name])

    assert answer.status_code in {413, 422}
    if answer.status_code == 422:
        (said,) = elements(answer.text, id="file-error")
        assert len(words(said.text)) > 20
    else:
        assert "2 MB" in answer.text
    assert booked.told() == before
    assert len(booked.door.codes()) == 1


def a_body(booked: Stay, **changes: Any) -> dict[str, Any]:
    body = {
        "property_id": booked.door.property_id,
        "guest_name": "Wrong",
        "arrives": f"{LATER}1",
        "departs": f"{LATER}4",
        **changes,
    }
    return {name: value for name, value in body.items() if value != "left out"}


WRONG_FIELDS: Final = [
    ("property_id", "left out"),
    ("property_id", None),
    ("property_id", "one"),
    ("property_id", 0),
    ("property_id", 999_999),
    ("property_id", 2**70),
    ("guest_name", "left out"),
    ("guest_name", ""),
    ("guest_name", 7),
    ("guest_name", "x" * 201),
    ("guest_name", "a\x00b"),
    ("guest_phone", ["+1"]),
    ("arrives", "left out"),
    ("arrives", "tomorrow"),
    ("arrives", "2027-02-30"),
    ("arrives", "2027-05-01T17:30Z"),
    ("arrives", 20270501),
    ("departs", "left out"),
    ("departs", f"{LATER}1T01:00"),
    ("departs", "2031-01-01"),
    ("departs", "9999-12-31"),
    ("pin", "12"),
    ("pin", "1234"),
    ("pin", "12ab56"),
    ("pin", 482917),
    ("pin", "١٢٣٤"),
    ("status", "perhaps"),
    ("status", 1),
    ("colour", "blue"),
]


@pytest.mark.parametrize(("field", "value"), WRONG_FIELDS)
def test_a_body_with_one_field_wrong_names_the_field_and_the_remedy(
    running: Running, booked: Stay, field: str, value: Any
) -> None:
    answer = running.api.ask("PUT", "/bookings/api/wrong", json=a_body(booked, **{field: value}))

    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == PROBLEM
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert len(error["detail"]) > 8
    assert field in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PUT", "/bookings/carrier-pigeon/1", None, "source"),
        ("PUT", "/bookings/api/" + "x" * 600, None, "external_id"),
        ("POST", "/properties", {"name": ""}, "name"),
        ("POST", "/properties", {"time_zone": "Mars/Phobos"}, "time_zone"),
        ("POST", "/properties", {"check_in": "25:00"}, "check_in"),
        ("POST", "/properties", {"check_out": None}, "check_out"),
        ("GET", "/bookings?arriving_within_hours=soon", None, "arriving_within_hours"),
        ("GET", "/bookings?cursor=!", None, "cursor"),
        ("GET", "/bookings/1?reveal=all", None, "reveal"),
    ],
)
def test_every_other_call_names_what_is_wrong_too(
    running: Running, booked: Stay, method: str, path: str, body: Any, field: str
) -> None:
    place = {"name": "A", "time_zone": "UTC", "check_in": "16:00", "check_out": "11:00"}
    sent = a_body(booked) if body is None else {**place, **body}

    answer = running.api.ask(method, path, json=sent if method != "GET" else None)

    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("lock_ids", [[999_999], ["one"], "all", None, [[]]])
def test_a_wrong_mapping_is_refused_and_the_old_one_stays(
    running: Running, booked: Stay, lock_ids: Any
) -> None:
    path = f"/properties/{booked.door.property_id}/locks"

    answer = running.api.ask("PUT", path, json={"lock_ids": lock_ids})

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"].startswith("lock_ids")
    assert booked.status() == "confirmed"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 422),
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"[" * 50_000, "application/json", 400),
        (b'{"a": 1}', "text/plain", 415),
        (b"x" * 70_000, "application/json", 413),
    ],
)
def test_a_body_that_cannot_be_read_is_a_clear_problem(
    running: Running, body: bytes, content_type: str, status: int
) -> None:
    answer = running.api.ask(
        "PUT", "/bookings/api/wrong", data=body, headers={"Content-Type": content_type}
    )

    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == PROBLEM
    assert answer.json()["detail"]


def test_without_a_good_token_nothing_is_told(running: Running, booked: Stay) -> None:
    for token in ("", "Bearer", "Bearer x", "Bearer " + "y" * 5_000, "Basic eDp5"):
        answer = requests.get(
            f"{running.address}/api/v1{booked.path}", headers={"Authorization": token}, timeout=10
        )
        assert answer.status_code == 401
        assert answer.headers["Content-Type"] == PROBLEM


def test_a_forged_webhook_is_answered_401_and_leaves_nothing(
    running: Running, tmp_path: Path
) -> None:
    door = a_door(running)
    door.script("timeout_not_applied", only="add")
    running.owner.post("/webhooks", withhold=True)
    try:
        stay = door.put("Forged")
        stay.wait_for("sent")
        (command,) = door.commands()
        event = {
            "eventId": "forged-1",
            "deviceId": command["lock_id"],
            "eventType": "CommandUpdate",
            "trigger": "CommandSucceeded",
            "data": {"commandId": command["command_id"]},
            "version": "2.0",
        }
        body = json.dumps(event).encode()
        foreign = Signer(tmp_path / "foreign.pem").sign(body)
        before = stored_webhooks(running)

        statuses = [
            requests.post(
                f"{running.address}/webhooks/schlage", data=body, headers=headers, timeout=10
            ).status_code
            for headers in (
                {},
                {"WebHook-Signature": ""},
                {"WebHook-Signature": "bm90IGEgc2lnbmF0dXJl"},
                {"WebHook-Signature": foreign},
                {"WebHook-Signature": "ü".encode().decode("latin-1")},
            )
        ]

        assert statuses == [401] * 5
        assert stored_webhooks(running) == before
        assert stay.status() != "confirmed"
    finally:
        running.owner.post("/webhooks/release")
    stay.wait_for("confirmed")


def stored_webhooks(running: Running) -> int:
    engine = create_engine(running.database_url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT count(*) FROM webhook_event")).scalar_one()
    engine.dispose()
    return int(found)
