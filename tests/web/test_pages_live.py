"""The live refresh: cheap while nothing moved, complete when something did."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import event

from portal import clock
from portal.domain.entry import EntryState, Evidence
from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Booking, DoorCode, Role
from portal.unit_of_work import writing
from tests.support.builders import (
    make_booking,
    make_command,
    make_door_code,
    make_entry,
    make_lock,
    make_property,
)
from tests.support.client import PortalClient
from tests.web.pages import browser, element, elements, poll_url, roots

HTMX = {"HX-Request": "true"}
STATUSES = list(Status)


def a_house(status: Status = Status.CONFIRMED, **fields: Any) -> tuple[Booking, DoorCode]:
    lock = make_lock()
    booking = make_booking(make_property(locks=[lock]), pin="839261")
    code = make_door_code(booking, lock, status=status, **fields)
    if status is Status.CONFIRMED:
        make_entry(code, state=EntryState.HELD, evidence=Evidence.CONFIRMED)
    return booking, code


def pages_of(booking: Booking, code: DoorCode) -> tuple[str, ...]:
    return ("/", f"/bookings/{booking.id}", "/locks", f"/locks/{code.lock_id}")


def test_every_live_page_has_one_poller_and_an_unchanged_poll_answers_204(app: Flask) -> None:
    booking, code = a_house()
    client = browser(app)

    for path in pages_of(booking, code):
        answer = client.get(poll_url(client.get(path).text), headers=HTMX)
        assert (answer.status_code, answer.data) == (204, b""), path


def test_an_unchanged_poll_reads_once(app: Flask) -> None:
    booking, code = a_house()
    client = browser(app)
    urls = [poll_url(client.get(path).text) for path in pages_of(booking, code)]

    for url in urls:
        statements: list[str] = []

        def note(
            _c: Any, _cursor: Any, statement: str, *_rest: Any, kept: Any = statements
        ) -> None:
            kept.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            client.get(url, headers=HTMX)
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        assert sum(text.startswith("SELECT") for text in statements) == 1, statements


def test_a_poll_after_a_change_brings_the_fragment_with_the_new_version(app: Flask) -> None:
    booking, code = a_house(Status.SENT)
    client = browser(app)
    url = poll_url(client.get(f"/bookings/{booking.id}").text)

    with writing() as session:
        session.get_one(DoorCode, code.id).status = Status.CONFIRMED
    answer = client.get(url, headers=HTMX)

    assert answer.status_code == 200
    assert element(answer.text, id=f"door-code-{code.id}")["data-status"] == "confirmed"
    assert client.get(poll_url(answer.text), headers=HTMX).status_code == 204


def test_time_alone_makes_a_page_out_of_date(app: Flask) -> None:
    # Seven hours before an arrival the verdict changes within the next: before the sign-in ends.
    lock = make_lock()
    booking = make_booking(make_property(locks=[lock]), arrives_in=timedelta(hours=7))
    make_door_code(booking, lock, status=Status.SENT)
    client = browser(app)
    url = poll_url(client.get(f"/bookings/{booking.id}").text)
    until = int(url.rpartition("until=")[2])

    with freeze_time(datetime.fromtimestamp(until - 2, UTC)):
        before = client.get(url, headers=HTMX)
    with freeze_time(datetime.fromtimestamp(until + 1, UTC)):
        after = client.get(url, headers=HTMX)

    assert (before.status_code, after.status_code) == (204, 200)


def test_a_page_is_out_of_date_when_its_verdict_changes(app: Flask) -> None:
    lock = make_lock()
    booking = make_booking(make_property(locks=[lock]), arrives_in=timedelta(hours=7))
    make_door_code(booking, lock, status=Status.SENT)

    url = poll_url(browser(app).get("/").text)

    until = int(url.rpartition("until=")[2])
    at_risk_at = booking.starts_at - timedelta(hours=6)
    assert clock.now().timestamp() < until <= at_risk_at.timestamp() + 1


@pytest.mark.parametrize("query", ["", "?version=x&until=y", "?version=0", "?until=99999999999"])
def test_a_poll_that_says_nothing_of_its_page_gets_the_fragment(app: Flask, query: str) -> None:
    a_house()

    assert browser(app).get(f"/arrivals/live{query}", headers=HTMX).status_code == 200


def test_an_expired_session_is_sent_to_sign_in_and_not_into_the_page(app: Flask) -> None:
    booking, code = a_house()
    signed_in = browser(app)
    stranger = app.test_client()

    for path in pages_of(booking, code):
        answer = stranger.get(poll_url(signed_in.get(path).text), headers=HTMX)
        assert answer.headers["HX-Redirect"].startswith("/sign-in")
        assert answer.data == b""


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("page", ["arrivals", "booking", "locks", "lock"])
def test_every_status_renders_in_every_fragment(app: Flask, status: Status, page: str) -> None:
    problem = None if status is Status.CONFIRMED else ProblemKey.COMMAND_TIMEOUT
    booking, code = a_house(status, problem=problem, problem_text="Timed out")
    client = browser(app)
    url = {
        "arrivals": "/arrivals/live",
        "booking": f"/bookings/{booking.id}/live",
        "locks": "/locks/live",
        "lock": f"/locks/{code.lock_id}/live",
    }[page]
    own_id = {
        "arrivals": "arrivals",
        "booking": f"booking-{booking.id}",
        "locks": "locks",
        "lock": f"lock-{code.lock_id}",
    }[page]

    html = client.get(url, headers=HTMX).text

    trees = [root for root in roots(html) if root.tag != "title"]
    assert [root["id"] for root in trees] == [own_id]
    assert trees[0]["hx-swap"] == "morph:outerHTML"
    assert "839261" not in html
    # What a person is typing or has opened would be lost at every refresh.
    assert not [e for e in elements(html) if e.tag in {"input", "select", "textarea", "details"}]


@pytest.mark.parametrize(
    ("status", "due_in", "pace"),
    [
        (Status.SENT, None, 2),
        (Status.QUEUED, timedelta(seconds=30), 2),
        (Status.RETRYING, timedelta(seconds=30), 2),
        (Status.RETRYING, timedelta(minutes=20), 30),
        (Status.UNSURE, timedelta(seconds=30), 2),
        (Status.CONFIRMED, None, 30),
        (Status.PLANNED, timedelta(seconds=30), 30),
        (Status.NEEDS_YOU, None, 30),
        (Status.REMOVED, None, 30),
    ],
)
def test_the_server_names_the_pace(
    app: Flask, status: Status, due_in: timedelta | None, pace: int
) -> None:
    booking, _ = a_house(status, due_at=clock.now() + due_in if due_in else None)
    client = browser(app)

    for path in ("/", f"/bookings/{booking.id}"):
        found = [e for e in elements(client.get(path).text) if "data-poll" in e]
        assert (found[0]["hx-trigger"] or "").startswith(f"every {pace}s")


def test_a_running_resync_is_looked_at_often(app: Flask) -> None:
    booking, _ = a_house(resync_at=clock.now())

    html = browser(app).get(f"/bookings/{booking.id}").text

    assert "every 2s" in html
    assert "Resync is running" in html


def test_a_lock_with_an_open_command_is_looked_at_often(app: Flask) -> None:
    _, code = a_house(Status.SENT)
    make_command(make_entry(code))

    html = browser(app).get(f"/locks/{code.lock_id}").text

    assert "every 2s" in html
    assert "the lock has not answered yet" in html


def test_staff_cannot_poll_what_they_may_not_see(app: Flask) -> None:
    booking = make_booking(arrives_in=timedelta(days=9))
    client: PortalClient = browser(app, role=Role.STAFF)

    assert client.get(f"/bookings/{booking.id}/live", headers=HTMX).status_code == 404
