"""A history that does not say the same thing twice: one line for a success and its status."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from portal.domain.status import Status
from portal.extensions import db
from portal.models import Booking, DoorCode, TimelineEntry
from portal.services.timeline import Kind
from tests.support.builders import (
    make_booking,
    make_door_code,
    make_lock,
    make_property,
    make_timeline_entry,
    utc,
)
from tests.web.pages import browser, element, words

AT = utc("2026-11-24T03:00:00")
SUCCESS = {"command": "add", "state": "succeeded", "by": "webhook", "seconds": 9}
CONFIRMED = {"before": "sent", "after": "confirmed"}


@pytest.fixture
def code(app: Flask) -> DoorCode:
    lock = make_lock(name="Street door")
    booking = make_booking(make_property(locks=[lock]))
    return make_door_code(booking, lock, status=Status.CONFIRMED)


def tell(code: DoorCode, kind: Kind, data: dict[str, Any], after_seconds: float = 0) -> None:
    booking = db.session.get_one(Booking, code.booking_id)
    make_timeline_entry(
        booking,
        kind,
        at=AT + timedelta(seconds=after_seconds),
        lock_id=code.lock_id,
        door_code_id=code.id,
        data=data,
    )


def history(app: Flask, path: str) -> str:
    return words(element(browser(app).get(path).text, id="timeline").text)


def test_a_confirmation_and_its_status_are_one_line_and_both_rows_stay(
    app: Flask, code: DoorCode
) -> None:
    tell(code, Kind.COMMAND_CLOSED, SUCCESS)
    tell(code, Kind.STATUS_CHANGED, CONFIRMED, 0.4)

    for path in (f"/bookings/{code.booking_id}", f"/locks/{code.lock_id}"):
        told = history(app, path)
        assert "Street door confirmed: the code is on it" in told
        assert "On the lock" not in told
    assert db.session.query(TimelineEntry).count() == 2
    assert "On the lock" in browser(app).get(f"/bookings/{code.booking_id}/timeline.csv").text


def test_a_removal_and_its_status_are_one_line(app: Flask, code: DoorCode) -> None:
    tell(code, Kind.COMMAND_CLOSED, SUCCESS | {"command": "delete"})
    tell(code, Kind.STATUS_CHANGED, {"before": "removing", "after": "removed"}, 0.4)

    told = history(app, f"/bookings/{code.booking_id}")

    assert "the code is off" in told
    assert "Removed" not in told


@pytest.mark.parametrize(
    ("closed", "status", "after_seconds"),
    [
        (SUCCESS | {"state": "failed"}, CONFIRMED, 1),
        (SUCCESS | {"command": "delete"}, CONFIRMED, 1),
        (SUCCESS, CONFIRMED, 120),
        (SUCCESS, {"before": "sent", "after": "retrying"}, 1),
    ],
    ids=["failed", "another command", "later", "another status"],
)
def test_a_status_that_says_something_new_is_shown(
    app: Flask,
    code: DoorCode,
    closed: dict[str, Any],
    status: dict[str, Any],
    after_seconds: float,
) -> None:
    tell(code, Kind.COMMAND_CLOSED, closed)
    tell(code, Kind.STATUS_CHANGED, status, after_seconds)

    told = history(app, f"/bookings/{code.booking_id}")

    assert "Street door: " in told


def test_another_doors_confirmation_hides_nothing(app: Flask, code: DoorCode) -> None:
    booking = db.session.get_one(Booking, code.booking_id)
    other = make_door_code(booking, make_lock(name="Loft door"), status=Status.CONFIRMED)
    tell(other, Kind.COMMAND_CLOSED, SUCCESS)
    tell(code, Kind.STATUS_CHANGED, CONFIRMED, 0.4)

    assert "Street door: On the lock" in history(app, f"/bookings/{code.booking_id}")


def test_how_a_write_ended_says_that_it_was_accepted(app: Flask, code: DoorCode) -> None:
    tell(code, Kind.COMMAND_SENT, {"command": "add", "cause": "arrival"})
    tell(code, Kind.COMMAND_ACCEPTED, {"command": "add", "seconds": 0}, 0.4)

    assert "Schlage accepted it" in history(app, f"/bookings/{code.booking_id}")
    tell(code, Kind.COMMAND_CLOSED, SUCCESS, 9)
    told = history(app, f"/bookings/{code.booking_id}")
    export = browser(app).get(f"/bookings/{code.booking_id}/timeline.csv").text

    assert "Sent to Street door" in told
    assert "Schlage accepted it" not in told
    assert "Schlage accepted it" in export


def test_the_second_look_at_a_list_says_that_there_was_a_first(app: Flask, code: DoorCode) -> None:
    tell(code, Kind.ENTRY_ABSENT, {"reads": 1})
    assert "read once" in history(app, f"/bookings/{code.booking_id}")

    tell(code, Kind.ENTRY_ABSENT, {"reads": 2}, 30)
    told = history(app, f"/bookings/{code.booking_id}")

    assert "read 2 times" in told
    assert "read once" not in told
