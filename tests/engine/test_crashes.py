"""A process dies at any moment: the next one ends the work as if nothing had happened."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from benchmarks.stage import Stage
from portal.domain.command import State
from portal.domain.entry import EntryState, Evidence
from portal.domain.status import Status
from portal.models import Command, Lock, LockEntry
from portal.schlage.client import SchlageClient
from portal.schlage.payloads import CodeList
from portal.services import commands, leases, locks
from portal.services.outcomes import News
from portal.unit_of_work import writing
from tests.engine.promises import Killed, Watch
from tests.engine.reaper import Reaper, install
from tests.support.house import House


@pytest.fixture
def reaper(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Reaper:
    return install(stage, monkeypatch)


def add(house: House) -> Callable[[], None]:
    return lambda: _none(house.book())


def update(house: House) -> Callable[[], None]:
    house.book()
    house.stage.run_for(minutes=1)
    return lambda: _none(house.book(departs="2026-03-10"))


def delete(house: House) -> Callable[[], None]:
    booking = house.book()
    house.stage.run_for(minutes=1)
    return lambda: house.cancel(booking)


def _none(_: object) -> None:
    return None


# How many such moments each kind of work has, seen in a run that was not killed.
MOMENTS = {add: 22, update: 22, delete: 18}


@pytest.mark.parametrize(
    ("work", "moment"),
    [(work, moment) for work, count in MOMENTS.items() for moment in range(1, count + 1)],
)
def test_killed_at_any_moment_the_end_is_the_same(
    house: House, watch: Watch, reaper: Reaper, work: Any, moment: int
) -> None:
    do = work(house)
    before = len(watch.writes)
    reaper.kill_at = moment

    reaper.watch_over(watch)
    do()
    house.stage.run_for(minutes=8)

    assert watch.kills == 1, "there are fewer moments than MOMENTS says"
    watch.assert_settled()
    assert len(watch.writes) - before <= 2
    assert len(house.held()) == (0 if work is delete else 1)


# Far from the arrival the fourth try in a row to write waits for an hour or more.
@pytest.mark.parametrize(
    ("moment", "minutes"), [(1, 40), (2, 40), (4, 40), (5, 40), (6, 40), (7, 180), (8, 180)]
)
def test_killed_again_and_again_at_the_same_place_nothing_is_sent_twice_blindly(
    house: House, watch: Watch, reaper: Reaper, moment: int, minutes: int
) -> None:
    def again(_: object) -> None:
        reaper.moment = 0 if watch.kills < 4 else 10_000

    watch.before_job = again
    reaper.kill_at = moment

    reaper.watch_over(watch)
    house.book()
    house.stage.run_for(minutes=minutes)

    assert 1 <= watch.kills <= 4
    watch.assert_settled()
    assert len(house.held()) == 1


def test_a_worker_that_slept_through_its_lease_sends_nothing(
    house: House, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = commands.claim

    def sleep_first(session: Session, lease: leases.Lease, row_id: int) -> Command:
        monkeypatch.setattr(commands, "claim", claim)
        session.get_one(Lock, lease.lock_id).lease_token += 1
        session.flush()
        return claim(session, lease, row_id)

    monkeypatch.setattr(commands, "claim", sleep_first)

    house.book()
    assert watch.writes == []
    house.stage.run_for(minutes=5)

    watch.assert_settled()
    assert len(watch.writes) == 1


def test_green_that_is_known_to_be_wrong_does_not_wait_for_an_answer_that_never_comes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old news takes the proof away while the list is to be read, and its reader dies."""
    booking = house.book()
    house.stage.run_for(minutes=5)
    assert house.status(booking) is Status.CONFIRMED

    def die(_client: SchlageClient, _device_id: str) -> CodeList:
        raise Killed

    monkeypatch.setattr(SchlageClient, "list_codes", die)
    with writing() as session:
        entry = session.scalars(select(LockEntry)).one()
        entry.state, entry.evidence = EntryState.MAYBE, Evidence.SENT
        session.get_one(Lock, entry.lock_id).read_wanted_at = house.stage.now
    with pytest.raises(Killed):
        locks.work_lock(house.lock.id)

    assert house.status(booking) is Status.UNSURE


def test_a_worker_whose_lease_is_lost_while_it_reads_learns_nothing(
    house: House, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = house.book()
    house.stage.run_for(minutes=5)
    read_at = house.lock.read_at
    list_codes = SchlageClient.list_codes

    def read_long(client: SchlageClient, device_id: str) -> CodeList:
        monkeypatch.setattr(SchlageClient, "list_codes", list_codes)
        with writing() as session:
            session.get_one(Lock, house.lock.id).lease_token += 1
        return list_codes(client, device_id)

    monkeypatch.setattr(SchlageClient, "list_codes", read_long)
    house.resync(booking)
    house.stage.work()

    assert SchlageClient.list_codes is list_codes, "nothing was read"
    assert house.lock.read_at == read_at
    assert len(watch.writes) == 1
    house.stage.run_for(minutes=5)
    assert house.lock.read_at != read_at
    watch.assert_settled()


def test_a_second_worker_leaves_a_leased_lock_alone_and_the_first_looks_once_more(
    house: House,
) -> None:
    with writing() as session:
        first = leases.take(session, house.lock.id, "worker 1")
    assert first is not None

    with writing() as session:
        assert leases.take(session, first.lock_id, "worker 2") is None

    with writing() as session:
        assert not leases.release(session, first, None), "it was rung for meanwhile"
        assert leases.release(session, first, None)


def test_after_a_takeover_the_old_token_changes_nothing(house: House) -> None:
    with writing() as session:
        old = leases.take(session, house.lock.id, "worker 1")
    assert old is not None
    house.stage.run_for(seconds=91)
    with writing() as session:
        assert leases.take(session, old.lock_id, "worker 2") is not None

    with writing() as session, pytest.raises(leases.LeaseLost):
        leases.renew(session, old)
    with writing() as session, pytest.raises(leases.LeaseLost):
        leases.release(session, old, None)
    assert house.lock.lease_owner == "worker 2"


def test_a_worker_thought_dead_that_comes_back_with_its_202_is_still_heard(
    house: House, watch: Watch, reaper: Reaper
) -> None:
    reaper.dies_after_a_write = True
    reaper.watch_over(watch)
    house.book()
    [write] = watch.writes
    house.stage.run_for(seconds=100)
    [abandoned] = [c for c in house.commands() if c.state is State.UNKNOWN]

    with writing() as session:
        commands.accept(session, abandoned.id, write.data["command_id"])
        commands.settle(session, abandoned.id, News(event=commands.Event.SUCCEEDED, by="look_up"))
    house.stage.run_for(minutes=5)

    watch.assert_settled()
    assert len(house.held()) == 1
