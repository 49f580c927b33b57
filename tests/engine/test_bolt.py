"""The bolt moves at once, whatever the lock's codes are waiting for."""

import pytest

from portal.domain.command import Kind, State
from portal.domain.status import Status
from portal.services import bolt
from tests.engine.promises import Watch
from tests.support.house import House


def move(house: House, kind: Kind = Kind.UNLOCK) -> int:
    return bolt.move(house.lock.id, kind, "manager:1")


def state_of(house: House, row_id: int) -> State:
    return next(c.state for c in house.commands() if c.id == row_id)


def test_the_door_unlocks_while_a_code_travels(house: House, watch: Watch) -> None:
    house.door.script.push("state:Pending", only="add")
    booking = house.book()

    row_id = move(house)
    house.stage.run_for(seconds=20)

    assert house.door.bolt == "Unlocked"
    assert state_of(house, row_id) is State.SUCCEEDED
    assert house.status(booking) is Status.SENT


def test_a_second_press_while_the_door_moves_is_refused_in_words(house: House) -> None:
    house.door.script.push("state:Pending", only="unlock")
    move(house)

    with pytest.raises(bolt.CannotMove, match="being moved already"):
        move(house)
    house.stage.run_for(seconds=91)
    move(house)
    house.stage.run_for(seconds=20)

    assert house.door.bolt == "Unlocked"


def test_without_webhooks_the_sweep_finds_out_how_it_ended(house: House) -> None:
    house.stage.webhooks_arrive = False

    row_id = move(house)
    house.stage.run_for(minutes=3)

    assert state_of(house, row_id) is State.SUCCEEDED


def test_a_door_schlage_does_not_answer_for_says_what_to_do(house: House) -> None:
    house.door.script.push("bad_gateway_not_done", only="unlock")

    with pytest.raises(bolt.CannotMove, match="other way in"):
        move(house)

    assert house.commands()[-1].state is State.UNKNOWN


def test_a_lock_that_does_not_answer_leaves_no_command_open(house: House) -> None:
    with house.stage.cloud.steady():
        house.stage.cloud.weather.set_connected(house.door, False)

    row_id = move(house)
    house.stage.run_for(minutes=15)

    assert state_of(house, row_id) in {State.TIMED_OUT, State.UNKNOWN}
