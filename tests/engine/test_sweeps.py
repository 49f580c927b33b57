"""The sweep: it finds what Redis lost, and changes nothing where there is nothing to do."""

from portal.domain.status import Status
from tests.engine.promises import Watch
from tests.support.house import House


def test_with_a_deaf_bell_the_next_sweep_picks_everything_up(house: House, watch: Watch) -> None:
    house.stage.bell.is_deaf = True
    booking = house.book()
    house.stage.run_for(minutes=3)
    assert house.commands() == []

    house.stage.bell.is_deaf = False
    house.stage.run_for(minutes=2)

    watch.assert_settled()
    assert house.status(booking) is Status.CONFIRMED


def test_a_sweep_that_runs_again_and_again_changes_nothing(house: House, watch: Watch) -> None:
    house.book()
    house.door.script.push("state:Pending")
    house.book("b2", "2026-03-09", "2026-03-11")
    before = (len(watch.writes), [(c.state, c.looks) for c in house.commands()])

    for _ in range(20):
        house.stage.sweep()

    assert (len(watch.writes), [(c.state, c.looks) for c in house.commands()]) == before
