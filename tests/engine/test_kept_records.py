"""What the database itself guards: one open command per lock, and a history that only grows."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from portal import clock
from portal.domain.command import Kind, Lane, State
from portal.extensions import db
from portal.models import Command, Lock, TimelineEntry
from portal.services import timeline
from portal.unit_of_work import writing
from tests.engine.promises import Watch
from tests.support.house import House


def a_command(lock: Lock, lane: Lane, state: State) -> Command:
    kind = Kind.ADD if lane is Lane.CODES else Kind.UNLOCK
    return Command(
        account_id=lock.account_id,
        lock_id=lock.id,
        kind=kind,
        lane=lane,
        state=state,
        cause="test",
        lease_token=1,
        created_at=clock.now(),
    )


@pytest.mark.parametrize("first", [State.INTENDED, State.SENDING, State.ACCEPTED])
@pytest.mark.parametrize("second", [State.INTENDED, State.SENDING, State.ACCEPTED])
def test_the_database_refuses_a_second_open_command_on_a_lock(
    house: House, first: State, second: State
) -> None:
    lock = house.lock
    with writing() as session:
        session.add(a_command(lock, Lane.CODES, first))

    with pytest.raises(IntegrityError), writing() as session:
        session.add(a_command(lock, Lane.CODES, second))


def test_a_closed_command_and_one_that_moves_the_bolt_are_in_nobodys_way(house: House) -> None:
    lock = house.lock
    with writing() as session:
        session.add(a_command(lock, Lane.CODES, State.SUCCEEDED))
        session.add(a_command(lock, Lane.CODES, State.INTENDED))
        session.add(a_command(lock, Lane.BOLT, State.INTENDED))

    assert len(house.commands()) == 3


def lines() -> list[TimelineEntry]:
    db.session.rollback()
    return list(db.session.scalars(select(TimelineEntry).order_by(TimelineEntry.id)))


def picture(row: TimelineEntry) -> tuple[object, ...]:
    return tuple(getattr(row, column.key) for column in TimelineEntry.__table__.columns)


def test_every_write_has_one_line_that_says_when_why_and_for_whom(
    house: House, watch: Watch
) -> None:
    """I22."""
    house.door.script.push("timeout_not_applied", only="add")
    booking = house.book()
    house.stage.run_for(minutes=10)
    house.book(departs="2026-03-09")
    house.stage.run_for(minutes=5)
    house.cancel(booking)
    house.stage.run_for(minutes=5)

    told = [row for row in lines() if row.kind == timeline.Kind.COMMAND_SENT]
    assert [row.data["command"] for row in told] == [w.data["command"] for w in watch.writes]
    assert [row.data["cause"] for row in told] == ["arrival", "retry", "change", "removal"]
    assert {row.booking_id for row in told} == {booking.id}
    assert [row.at for row in told] == [write.at for write in watch.writes]


def test_no_line_of_the_history_is_ever_changed_or_removed(house: House, watch: Watch) -> None:
    """I22."""
    booking = house.book()
    house.stage.run_for(minutes=5)
    before = [picture(row) for row in lines()]
    assert before

    house.new_pin(booking)
    house.stage.run_for(minutes=5)
    house.cancel(booking)
    house.stage.run_for(days=40)

    after = [picture(row) for row in lines()]
    assert after[: len(before)] == before
    assert len(after) > len(before)
