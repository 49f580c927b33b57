"""The demo's past: enough of it to judge a lock by, and nothing that anybody waits for."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import func, select

from portal import clock
from portal.domain.command import OPEN
from portal.domain.entry import EntryState
from portal.domain.status import Status, Verdict
from portal.extensions import db
from portal.models import Booking, Command, DoorCode, Lock, LockEntry, LockReading
from portal.services import demo_past
from portal.unit_of_work import writing
from tests.support.builders import default_account, make_lock, make_property
from tests.web.pages import browser, elements, words


def a_past(*signals: int) -> list[Lock]:
    """Homes with one lock each, of such a signal, and the weeks behind them."""
    locks = [make_lock(wifi_signal=dbm, battery_level=40, is_online=True) for dbm in signals]
    for lock in locks:
        make_property(locks=[lock])
    account_id = default_account().id
    with writing() as session:
        demo_past.write(session, account_id, clock.now())
    db.session.rollback()
    return locks


def count(model: type[Any], *conditions: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0


def test_a_new_user_finds_charts_to_judge(app: Flask) -> None:
    [lock] = a_past(-48)
    client = browser(app)

    for days in (30, 90):
        html = client.get(f"/locks/{lock.id}?days={days}").text
        assert len(elements(html, role="img")) == 4
        for absent in ("No code was confirmed", "Nothing was sent", "how full", "how strong"):
            assert absent not in words(html)


@pytest.mark.parametrize("day", ["2026-11-26 00:04", "2026-12-31", "2027-02-28", "2027-06-15"])
def test_on_any_day_only_a_weak_signal_makes_a_lock_unreliable(app: Flask, day: str) -> None:
    with freeze_time(day):
        strong, fair, weak = a_past(-48, -65, -72)
        client = browser(app)

        for lock, is_unreliable in ((strong, False), (fair, False), (weak, True)):
            html = client.get(f"/locks/{lock.id}").text
            assert bool(elements(html, id="unreliable")) is is_unreliable


def test_all_of_it_is_over_and_says_that_it_is_made_up(app: Flask) -> None:
    a_past(-48, -72)

    now = clock.now()
    assert count(Booking) > 20
    assert count(Booking, Booking.note != "Made up for the demo.") == 0
    assert count(Booking, Booking.ends_at > now - timedelta(days=3)) == 0
    assert count(Booking, Booking.verdict != Verdict.READY) == 0
    assert count(DoorCode, DoorCode.status != Status.REMOVED) == 0
    assert count(DoorCode, DoorCode.is_wanted.is_(True)) == 0
    assert count(LockEntry, LockEntry.state != EntryState.GONE) == 0
    assert count(Command, Command.state.in_(OPEN)) == 0
    assert count(Command, Command.closed_at > now) == 0


def test_no_home_has_two_guests_at_once(app: Flask) -> None:
    a_past(-48)

    stays = db.session.scalars(select(Booking).order_by(Booking.starts_at)).all()
    assert all(a.ends_at <= b.starts_at for a, b in zip(stays, stays[1:], strict=False))


def test_the_past_is_written_once(app: Flask) -> None:
    a_past(-48)
    before = count(Booking), count(Command), count(LockReading)

    with writing() as session:
        demo_past.write(session, default_account().id, clock.now())

    assert (count(Booking), count(Command), count(LockReading)) == before
