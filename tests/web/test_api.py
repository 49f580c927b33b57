"""What all calls of the API share: tokens, limits, errors, pages."""

import re
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time

from portal.extensions import db
from portal.models import ApiToken, Role
from portal.views._throttle import Throttle
from portal.views.api import _blueprint
from tests.support.builders import (
    fresh,
    make_account,
    make_connection,
    make_lock,
    make_manager,
    make_property,
    make_token,
)
from tests.support.client import PortalClient
from tests.web.api import Program, faults, stay


@pytest.fixture(autouse=True)
def _fresh_throttle(app: Flask) -> None:
    """What one test asked for is not held against the next."""
    app.extensions["api_throttle"] = _blueprint.make_throttle()


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic YTpi", "Bearer \x00"]
)
def test_without_a_good_token_the_answer_is_401_in_words(
    client: PortalClient, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}

    answer = client.get("/api/v1/locks", headers=headers)

    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "token" in answer.json["detail"]


def test_a_signed_in_browser_is_no_token(client: PortalClient) -> None:
    client.become(make_manager())

    assert client.get("/api/v1/locks").status_code == 401


def test_a_token_ends_with_its_manager(app: Flask) -> None:
    manager = make_manager()
    program = Program(app, make_token(manager))
    assert program.get("/api/v1/locks").status_code == 200

    manager.is_active = False
    db.session.commit()

    assert program.get("/api/v1/locks").status_code == 401


def test_the_last_use_of_a_token_is_noted_every_five_minutes_and_refreshes_no_page(
    app: Flask,
) -> None:
    manager = make_manager()
    program = Program(app, make_token(manager))
    row = db.session.query(ApiToken).one()
    version = manager.account.version

    with freeze_time("2026-11-24T08:00:00Z") as time:
        program.get("/api/v1/locks")
        first = fresh(row).last_used_at
        time.tick(240)
        program.get("/api/v1/locks")
        assert fresh(row).last_used_at == first
        time.tick(60)
        program.get("/api/v1/locks")

    assert fresh(row).last_used_at != first
    assert fresh(manager.account).version == version


def test_a_viewers_token_reads_and_does_not_write(app: Flask) -> None:
    program = Program(app, make_token(make_manager(role=Role.VIEWER)))

    assert program.get("/api/v1/locks").status_code == 200
    assert program.post("/api/v1/properties", name="x").status_code == 403


def test_twenty_requests_at_once_are_answered_and_a_flood_is_told_when_to_go_on(
    app: Flask,
) -> None:
    # On a clock that stands still, however busy the machine is.
    app.extensions["api_throttle"] = Throttle(
        burst=_blueprint.BURST, per_second=_blueprint.PER_SECOND, timer=lambda: 0.0
    )
    program, other = Program(app), Program(app, make_token(make_manager()))

    answers = [program.get("/api/v1/locks") for _ in range(_blueprint.BURST + 5)]

    codes = [answer.status_code for answer in answers]
    limited = answers[-1]
    assert codes == [200] * _blueprint.BURST + [429] * 5
    assert _blueprint.BURST >= 20
    assert _blueprint.PER_SECOND >= 20
    assert int(limited.headers["Retry-After"]) >= 1
    assert limited.content_type == "application/problem+json"
    assert other.get("/api/v1/locks").status_code == 200


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 20_000, "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"", "application/json", 422),
        (b'{"name": "' + b"x" * 70_000 + b'"}', "application/json", 413),
    ],
)
def test_a_body_that_cannot_be_read_gets_a_problem_that_says_so(
    app: Flask, data: bytes, content_type: str, status: int
) -> None:
    answer = Program(app).send("POST", "/api/v1/properties", data=data, content_type=content_type)

    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == status
    assert answer.json["detail"]


@pytest.mark.parametrize("body", [b"null", b"7", b"[]", b'"text"'])
def test_json_that_is_no_object_is_refused(app: Flask, body: bytes) -> None:
    answer = Program(app).send(
        "POST", "/api/v1/properties", data=body, content_type="application/json"
    )

    assert answer.status_code == 422
    assert faults(answer)


def test_unknown_addresses_and_methods_are_problems_too(app: Flask) -> None:
    program = Program(app)

    missing = program.get("/api/v1/nothing")
    wrong = program.send("DELETE", "/api/v1/locks")

    assert (missing.status_code, missing.content_type) == (404, "application/problem+json")
    assert (wrong.status_code, wrong.content_type) == (405, "application/problem+json")
    assert "GET" in wrong.headers["Allow"]


def test_a_misspelt_field_is_named_and_not_ignored(app: Flask) -> None:
    answer = Program(app).put(
        "/api/v1/bookings/api/B1", **stay(make_property(), guest_fone="+1 212 555 0142")
    )

    assert answer.status_code == 422
    assert "guest_fone" in faults(answer)


@pytest.mark.parametrize("cursor", ["x", "", "W10=", "bnVsbA==", "WzEsMl0=", "é", "A" * 3000])
@pytest.mark.parametrize("path", ["locks", "bookings"])
def test_a_cursor_that_we_did_not_make_is_refused_by_name(
    app: Flask, path: str, cursor: str
) -> None:
    answer = Program(app).send("GET", f"/api/v1/{path}", query_string={"cursor": cursor})

    assert answer.status_code == 422
    assert "cursor" in faults(answer)


def test_locks_come_with_what_they_open_by_the_hundred(app: Flask) -> None:
    account = make_account()
    connection = make_connection(account)
    locks = [make_lock(connection) for _ in range(103)]
    place = make_property(account, locks=locks[:1])
    make_lock(account=make_account("Theirs"))
    program = Program(app, make_token(make_manager(account)))

    first = program.get("/api/v1/locks").json
    everything = program.items("/api/v1/locks")

    assert len(first["items"]) == 100
    assert re.match(r"/api/v1/locks\?cursor=", first["next"])
    assert [item["id"] for item in everything] == [lock.id for lock in locks]
    assert everything[0] == {
        "id": locks[0].id,
        "device_id": locks[0].device_id,
        "name": locks[0].name,
        "online": True,
        "battery": 90,
        "code_length": 6,
        "property_ids": [place.id],
    }
    assert everything[1]["property_ids"] == []


def test_exactly_one_page_has_no_next(app: Flask) -> None:
    account = make_account()
    connection = make_connection(account)
    for _ in range(100):
        make_lock(connection)

    page = Program(app, make_token(make_manager(account))).get("/api/v1/locks").json

    assert (len(page["items"]), page["next"]) == (100, None)


def test_a_property_is_made(app: Flask) -> None:
    answer = Program(app).post(
        "/api/v1/properties",
        name="Casa Azul",
        time_zone="Europe/Madrid",
        check_in="15:00",
        check_out="11:00",
    )

    assert answer.status_code == 201
    assert isinstance(answer.json.pop("id"), int)
    assert answer.json == {
        "id": answer.json["id"],
        "name": "Casa Azul",
        "time_zone": "Europe/Madrid",
        "check_in": "15:00",
        "check_out": "11:00",
        "spare_codes": 2,
        "lock_ids": [],
    }


@pytest.mark.parametrize(("given", "status"), [(0, 201), (4, 201), (5, 422), (-1, 422), ("x", 422)])
def test_how_many_spares_a_propertys_locks_keep_may_be_said(
    app: Flask, given: Any, status: int
) -> None:
    answer = Program(app).post(
        "/api/v1/properties",
        name="Casa Azul",
        time_zone="Europe/Madrid",
        check_in="15:00",
        check_out="11:00",
        spare_codes=given,
    )

    assert answer.status_code == status
    if status == 201:
        assert answer.json["spare_codes"] == given


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", 7),
        ("name", None),
        ("name", "x" * 201),
        ("name", "a\x00b"),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../../etc/passwd"),
        ("time_zone", ""),
        ("time_zone", []),
        ("check_in", "25:00"),
        ("check_in", "4 pm"),
        ("check_in", 16),
        ("check_in", None),
        ("check_out", "11"),
        ("check_out", "11:00:00+02:00"),
    ],
)
def test_each_wrong_field_of_a_property_is_named(app: Flask, field: str, value: object) -> None:
    body = {
        "name": "Casa Azul",
        "time_zone": "Europe/Madrid",
        "check_in": "15:00",
        "check_out": "11:00",
    }

    answer = Program(app).post("/api/v1/properties", **{**body, field: value})

    assert answer.status_code == 422, answer.text
    assert list(faults(answer)) == [field]


def test_the_mapping_is_what_was_put(app: Flask) -> None:
    account = make_account()
    connection = make_connection(account)
    a, b, c = (make_lock(connection) for _ in range(3))
    place = make_property(account, locks=[a, b])
    program = Program(app, make_token(make_manager(account)))

    answer = program.put(f"/api/v1/properties/{place.id}/locks", lock_ids=[c.id, b.id, b.id])

    assert (answer.status_code, answer.json["lock_ids"]) == (200, [b.id, c.id])
    by_id = {lock["id"]: lock["property_ids"] for lock in program.items("/api/v1/locks")}
    assert by_id == {a.id: [], b.id: [place.id], c.id: [place.id]}


@pytest.mark.parametrize("lock_ids", [None, "all", [0], [-1], ["1"], [1.5], [2**40], [True], [[1]]])
def test_wrong_lock_ids_are_named(app: Flask, lock_ids: object) -> None:
    place = make_property()

    answer = Program(app).put(f"/api/v1/properties/{place.id}/locks", lock_ids=lock_ids)

    assert answer.status_code == 422
    assert next(iter(faults(answer))).startswith("lock_ids")


def test_another_accounts_lock_cannot_be_mapped_and_is_like_a_missing_one(app: Flask) -> None:
    account = make_account("Ours")
    place = make_property(account)
    foreign = make_lock(account=make_account("Theirs"))
    program = Program(app, make_token(make_manager(account)))

    answers = [
        program.put(f"/api/v1/properties/{place.id}/locks", lock_ids=[lock_id])
        for lock_id in (foreign.id, 1_999_999_999)
    ]

    said = [
        (answer.status_code, answer.text.replace(str(number), "N"))
        for answer, number in zip(answers, (foreign.id, 1_999_999_999), strict=True)
    ]
    assert said[0] == said[1]
    assert said[0][0] == 422
    assert program.items("/api/v1/locks") == []


@pytest.mark.parametrize(
    ("method", "path", "status", "remedy"),
    [
        ("GET", "/api/v1/nothing", 404, "openapi.json"),
        ("DELETE", "/api/v1/locks", 405, "Allow"),
    ],
)
def test_an_error_that_nobody_worded_is_told_to_a_program_and_not_to_a_browser(
    app: Flask, method: str, path: str, status: int, remedy: str
) -> None:
    answer = Program(app).send(method, path)

    assert answer.status_code == status
    assert remedy in answer.json["detail"]
    assert "URL manually" not in answer.json["detail"]


def test_json_that_breaks_off_says_where(app: Flask) -> None:
    answer = Program(app).send(
        "POST", "/api/v1/properties", data=b'{"name": ', content_type="application/json"
    )

    assert "line 1, column 10" in answer.json["detail"]


def test_a_name_that_is_no_field_is_refused_with_the_remedy(app: Flask) -> None:
    program = Program(app)

    body = program.put("/api/v1/bookings/api/B1", **stay(make_property(), guest_fone="1"))
    query = program.get("/api/v1/bookings?arriving=72")

    assert "check its spelling" in faults(body)["guest_fone"]
    assert "check its spelling" in faults(query)["arriving"]


@pytest.mark.parametrize("field", ["pin", "status"])
def test_null_for_what_may_be_left_out_says_so(app: Flask, field: str) -> None:
    answer = Program(app).put("/api/v1/bookings/api/B1", **stay(make_property(), **{field: None}))

    assert "leave it out" in faults(answer)[field]
