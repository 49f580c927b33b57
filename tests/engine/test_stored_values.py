"""How values stand in the database, and how the engine's rows hang together."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask
from sqlalchemy import inspect, select
from sqlalchemy.exc import StatementError

from portal import tenancy
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Booking, Command, DoorCode, Lock, LockEntry
from tests.support.builders import fresh, make_booking, make_door_code, make_lock

NOON_IN_ROME = datetime(2026, 7, 1, 12, 0, 0, 250, tzinfo=timezone(timedelta(hours=2)))
pytestmark = pytest.mark.usefixtures("app")


def test_a_time_comes_back_as_the_same_moment_in_utc() -> None:
    lock = fresh(make_lock(read_at=NOON_IN_ROME))

    assert lock.read_at == NOON_IN_ROME
    assert lock.read_at.tzinfo is UTC


def test_times_of_any_zone_are_compared_as_moments() -> None:
    lock = make_lock(read_at=NOON_IN_ROME)
    moment = NOON_IN_ROME.astimezone(timezone(timedelta(hours=-5)))

    with tenancy.as_system():
        at_once = db.session.scalars(select(Lock.id).where(Lock.read_at <= moment)).all()
        sooner = db.session.scalars(select(Lock.id).where(Lock.read_at < moment)).all()

    assert (at_once, sooner) == ([lock.id], [])


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(StatementError, match="must be aware"):
        make_lock(read_at=datetime(2026, 7, 1, 12, 0))  # noqa: DTZ001


def test_a_word_that_is_no_member_is_refused() -> None:
    with pytest.raises((StatementError, KeyError), match="on_the_moon"):
        make_door_code(make_booking(), make_lock(), status="on_the_moon")


def test_a_member_comes_back_as_itself() -> None:
    code = fresh(make_door_code(make_booking(), make_lock(), status=Status.UNSURE))

    assert code.status is Status.UNSURE


@pytest.mark.parametrize("model", [Booking, DoorCode, LockEntry, Command, Lock])
def test_rows_of_the_engine_are_tied_by_their_ids_alone(app: Flask, model: type) -> None:
    """With a relationship that may be written, each flush sorts the tables all around it."""
    assert [r.key for r in inspect(model).relationships if not r.viewonly] == []
