"""What it costs when nothing is to be done: few questions, each found by an index."""

from datetime import timedelta

import pytest

from benchmarks.stage import Stage
from portal.extensions import db
from portal.models import Account, Lock
from portal.services import locks, sweep
from portal.unit_of_work import writing
from tests.engine.promises import Watch
from tests.support.builders import make_channel, make_endpoint, make_feed, make_staff_code
from tests.support.house import House
from tests.support.statements import plan, statements

# Both come all the time and mostly find nothing; beginnings and ends are not counted.
OF_A_SWEEP = 22
OF_A_VISIT = 8
# What stays small, and what an index keeps small: alerts that are open.
WALKED = (
    "lock",
    "connection",
    "channel",
    "endpoint",
    "property USING COVERING INDEX ix_property_account_id",
    "alert USING INDEX uq_alert_open",
)

# Where a visit finds the few codes and entries of a lock that are not over.
NOT_OVER = "door_code USING COVERING INDEX ix_door_code_lock_not_over"
NOT_GONE = "lock_entry USING COVERING INDEX ix_lock_entry_lock_not_gone"
ENDED_LATELY = "lock_entry USING COVERING INDEX ix_lock_entry_lock_ends"


@pytest.fixture
def house(stage: Stage, watch: Watch) -> House:
    """A house with a guest to come, spares, a cleaner, a calendar and people who are told."""
    house = House(stage, locks=2, spares=2)
    make_staff_code(house.account, locks=[house.lock])
    make_feed(house.place)
    make_channel(house.account)
    make_endpoint(house.account)
    house.book()
    stage.run_for(minutes=30)
    return house


def test_an_idle_sweep_asks_little_and_nothing_by_going_through_a_table(house: House) -> None:
    sweep.sweep()
    with statements() as asked:
        sweep.sweep()

    assert not [s for s, _ in asked if s.startswith(("INSERT", "UPDATE", "DELETE"))]
    assert len(asked) <= OF_A_SWEEP
    if db.engine.dialect.name == "sqlite":  # PostgreSQL plans by what the tables hold
        walked = {
            line
            for statement, values in asked
            if statement.startswith("SELECT")
            for line in plan(statement, values)
            if line.startswith("SCAN ")
        }
        assert walked <= {"SCAN CONSTANT ROW", *(f"SCAN {table}" for table in WALKED)}


def test_a_visit_at_a_lock_with_nothing_to_do_asks_little(house: House) -> None:
    locks.work_lock(house.lock.id)
    with statements() as asked:
        locks.work_lock(house.lock.id)

    assert len(asked) <= OF_A_VISIT


def test_a_visit_goes_through_nothing_that_is_over(house: House) -> None:
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL plans by what the tables hold.")
    with statements() as asked:
        locks.work_lock(house.lock.id)
    lines = {
        line
        for statement, values in asked
        if statement.startswith("SELECT")
        for line in plan(statement, values)
        if line.startswith(("SEARCH door_code", "SEARCH lock_entry")) and "(lock_id=?" in line
    }

    assert lines == {
        f"SEARCH {NOT_OVER} (lock_id=?)",
        f"SEARCH {NOT_OVER} (lock_id=? AND status=? AND send_at>?)",
        f"SEARCH {NOT_GONE} (lock_id=?)",
        f"SEARCH {ENDED_LATELY} (lock_id=? AND ends_at>?)",
    }


def test_a_busy_lock_is_asked_for_no_more_often_than_a_quiet_one(
    stage: Stage, watch: Watch
) -> None:
    house = House(stage)
    house.book()
    stage.run_for(minutes=30)
    with statements() as for_one:
        locks.work_lock(house.lock.id)
    for number, day in enumerate((8, 9), start=2):
        house.book(f"b{number}", arrives=f"2026-03-{day:02}", departs=f"2026-03-{day + 1:02}")
    stage.run_for(minutes=30)

    with statements() as for_many:
        locks.work_lock(house.lock.id)

    assert len(for_many) == len(for_one)


def test_what_is_open_on_a_lock_is_not_looked_for_among_all_that_ever_was(house: House) -> None:
    """With parameters for the states, SQLite could not tell that the open ones have an index."""
    with statements() as asked:
        locks.work_lock(house.lock.id)

    if db.engine.dialect.name == "sqlite":  # PostgreSQL plans by what the tables hold
        found = [line for each in asked if "EXISTS" in each[0] for line in plan(*each)]
        assert "SEARCH command USING INDEX uq_command_open_per_lock (lock_id=? AND lane=?)" in found
        assert "SEARCH rebuild USING INDEX uq_rebuild_running (lock_id=?)" in found


@pytest.mark.parametrize(
    ("field", "turns"),
    [("due_at", 0), ("read_after", 0), ("entries_due_at", 0), ("failed_at", 0), ("read_at", 1)],
)
def test_only_what_a_page_shows_of_a_lock_turns_the_page(
    house: House, field: str, turns: int
) -> None:
    before = db.session.get_one(Account, house.account.id).version

    with writing() as session:
        setattr(session.get_one(Lock, house.lock.id), field, house.stage.now + timedelta(hours=1))

    assert db.session.get_one(Account, house.account.id).version == before + turns


def test_a_value_that_is_written_once_more_turns_no_page(house: House) -> None:
    before = db.session.get_one(Account, house.account.id).version

    with writing() as session:
        lock = session.get_one(Lock, house.lock.id)
        lock.name, lock.missing_since = str(lock.name), None

    assert db.session.get_one(Account, house.account.id).version == before
