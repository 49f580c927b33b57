"""Any process may die at any instant: what was promised still comes true, once."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
import requests
from sqlalchemy import case, create_engine, literal, update

from portal.models import Lock
from tests.process.running import Running, eventually, wait_for_web_to_answer
from tests.process.stays import a_door
from tests.runtime.processes import needs_proc

pytestmark = [pytest.mark.process, needs_proc]

LOCK: Final = Lock.__table__


def test_redis_dies_and_comes_back_empty_and_no_code_is_lost(running: Running) -> None:
    door = a_door(running)

    running.kill("redis")
    for file in running.state.redis.rglob("*"):
        if file.is_file():
            file.unlink()
    stay = door.put("Without Redis")
    page = stay.card()
    is_ready = requests.get(f"{running.address}/readyz", timeout=10).ok
    running.start("redis")
    a_minute_passes(running, door.lock_id)
    stay.wait_for("confirmed", 60)

    assert page["data-status"] == "queued"
    assert is_ready
    assert [command["kind"] for command in door.commands()] == ["add"]
    assert door.opens(stay.pin)


def test_a_worker_that_dies_in_the_middle_of_a_call_leaves_one_code_on_the_lock(
    running: Running,
) -> None:
    door = a_door(running)
    running.pause("simulator")
    try:
        stay = door.put("Half called")
        eventually(lambda: stay.timeline("command_sent"), bool, what="the call is on its way")
        running.kill("worker")
    finally:
        running.resume("simulator")
    eventually(lambda: len(door.codes()), lambda held: held == 1, what="Schlage carries it out")
    while_dead = stay.status()
    running.start("worker")
    a_minute_passes(running, door.lock_id)
    stay.wait_for("confirmed", 60)

    assert while_dead != "confirmed"
    assert [command["kind"] for command in door.commands()] == ["add", "update"]
    assert len(door.codes()) == len(door.listed()) == 1
    assert door.opens(stay.pin)


def test_nothing_stays_green_while_nobody_works_on_a_change(running: Running) -> None:
    door = a_door(running)
    longer, gone = door.put("Longer"), door.put("Gone")
    longer.wait_for("confirmed")
    gone.wait_for("confirmed")

    running.kill("worker")
    departs = datetime.fromisoformat(longer.body["departs"]) + timedelta(days=1)
    longer.put(departs=departs.isoformat(timespec="minutes"))
    gone.put(status="cancelled")
    seen = (longer.status(), longer.told()["verdict"], gone.status())
    running.start("worker")
    a_minute_passes(running, door.lock_id)
    longer.wait_for("confirmed", 60)
    gone.wait_for("removed", 60)

    assert seen == ("queued", "on_track", "removing")
    assert [code["pin"] for code in door.codes()] == [longer.pin]


def test_a_web_process_that_dies_misses_a_webhook_and_no_outcome(running: Running) -> None:
    door = a_door(running)
    stay = door.put("Unheard")

    running.kill("web")
    eventually(
        lambda: [command["state"] for command in door.commands()],
        lambda states: states == ["Successful"],
        what="the lock has it",
    )
    running.start("web")
    wait_for_web_to_answer(running.address)
    stay.wait_for("confirmed", 60)

    assert [command["kind"] for command in door.commands()] == ["add"]
    assert len(stay.closed_by()) == 1
    assert door.opens(stay.pin)


def test_a_clock_that_dies_costs_only_time(running: Running) -> None:
    door = a_door(running)
    running.kill("clock")
    running.owner.post("/webhooks", on=False)
    try:
        stay = door.put("Timeless")
        eventually(
            lambda: [command["state"] for command in door.commands()],
            lambda states: states == ["Successful"],
            what="the lock has it",
        )
        before = stay.status()
        running.start("clock")
        stay.wait_for("confirmed")
    finally:
        running.owner.post("/webhooks", on=True)

    assert before == "sent"
    assert stay.closed_by() == ["look_up"]


def a_minute_passes(running: Running, lock_id: int) -> None:
    """A dead worker's lease and an unanswered ring are over, as time would have it.

    Both are times in the lock's row: nothing else is changed from outside.
    """
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    lease_until = case(
        (LOCK.c.lease_until.is_(None), None), else_=literal(long_ago, LOCK.c.lease_until.type)
    )
    engine = create_engine(running.database_url)
    with engine.begin() as connection:
        connection.execute(
            update(LOCK)
            .where(LOCK.c.id == lock_id)
            .values(due_at=long_ago, lease_until=lease_until)
        )
    engine.dispose()
