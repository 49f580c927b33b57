"""A bulk run on both sides of the wire: killed anywhere, deaf to its bell, it ends the same."""

from collections.abc import Collection

import pytest
from sqlalchemy import select

from benchmarks.stage import Stage
from portal import tenancy
from portal.domain.bulk import ItemState, Kind, Options, RunState
from portal.extensions import db
from portal.models import Booking, BulkItem, BulkRun
from portal.services import bulk
from portal.services.timeline import Kind as Happening
from portal.unit_of_work import writing
from tests.engine.promises import Watch
from tests.engine.reaper import Reaper, install
from tests.support.house import House

GUESTS = 3
# How many moments the jobs of such a run have, seen in one that was not killed.
MOMENTS = 8


@pytest.fixture
def reaper(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Reaper:
    return install(stage, monkeypatch)


def guests(house: House) -> list[Booking]:
    """Stays one after the other, all with their code on the lock."""
    stays = [
        house.book(f"b{n}", f"2026-03-{3 + 2 * n:02}", f"2026-03-{4 + 2 * n:02}")
        for n in range(GUESTS)
    ]
    house.stage.run_for(minutes=8)
    return stays


def start(house: House, kind: Kind, stays: Collection[Booking], options: Options) -> int:
    with tenancy.as_account(house.account.id):
        with writing() as session:
            ids = [stay.id for stay in stays]
            run_id = bulk.stage(session, kind, options, ids, "manager:1").id
        assert bulk.start(run_id)
    return run_id


def run_of(run_id: int) -> BulkRun:
    db.session.rollback()
    return db.session.get_one(BulkRun, run_id)


def states(run_id: int) -> list[ItemState]:
    db.session.rollback()
    return list(
        db.session.scalars(
            select(BulkItem.state).where(BulkItem.run_id == run_id).order_by(BulkItem.place)
        )
    )


@pytest.mark.parametrize("moment", range(1, MOMENTS + 1))
def test_killed_between_any_two_commits_every_stay_moves_once(
    house: House, watch: Watch, reaper: Reaper, moment: int
) -> None:
    stays = guests(house)
    before = [house.booking(stay.id).ends_at for stay in stays]
    reaper.kill_at = moment

    reaper.watch_over(watch)
    run_id = start(house, Kind.SHIFT, stays, Options(departure_minutes=60))
    house.stage.run_for(minutes=15)

    assert watch.kills == 1, "there are fewer moments than MOMENTS says"
    assert states(run_id) == [ItemState.DONE] * GUESTS
    assert run_of(run_id).state is RunState.DONE
    for stay, ends_at in zip(stays, before, strict=True):
        assert (house.booking(stay.id).ends_at - ends_at).total_seconds() == 3600
        assert house.told(stay).count(Happening.BOOKING_CHANGED) == 1
    watch.assert_settled()


def test_with_every_ring_lost_the_sweep_finds_the_run(house: House, watch: Watch) -> None:
    stays = guests(house)
    pins = [house.pin(stay) for stay in stays]

    house.stage.bell.is_deaf = True
    run_id = start(house, Kind.NEW_PIN, stays, Options())
    house.stage.run_for(minutes=5)
    unheard = states(run_id)
    house.stage.bell.is_deaf = False
    house.stage.run_for(minutes=15)

    assert unheard == [ItemState.WAITING] * GUESTS
    assert states(run_id) == [ItemState.DONE] * GUESTS
    for stay, old in zip(stays, pins, strict=True):
        assert house.pin(stay) != old
        arrival = house.booking(stay.id).starts_at
        assert house.opens(house.pin(stay), arrival)
        assert not house.opens(old, arrival)
    watch.assert_settled()


def test_a_resync_of_many_confirms_each_code_anew_and_adds_none(house: House, watch: Watch) -> None:
    stays = guests(house)
    held = house.held()
    written = len(watch.writes)

    run_id = start(house, Kind.RESYNC, stays, Options())
    house.stage.run_for(minutes=15)

    assert states(run_id) == [ItemState.DONE] * GUESTS
    assert house.held() == held
    assert len(watch.writes) - written == GUESTS
    watch.assert_settled()
