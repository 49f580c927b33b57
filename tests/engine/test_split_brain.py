"""Split brain: what heals by itself, and when a person is asked."""

from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from tests.engine.promises import Watch
from tests.support.house import House


def test_a_pin_the_lock_alone_remembers_is_replaced_when_nobody_was_shown_it(
    house: House, watch: Watch
) -> None:
    house.door.script.push("split_brain_a")

    booking = house.book()
    first = house.pin(booking)
    house.stage.run_for(minutes=20)

    assert house.status(booking) is Status.CONFIRMED
    assert house.pin(booking) != first
    assert house.opens(house.pin(booking), house.booking(booking.id).starts_at)


def test_a_pin_replaced_for_one_door_is_green_on_no_other_before_it_is_there(
    watch: Watch,
) -> None:
    house = House(watch.stage, locks=2)
    house.door.script.push("split_brain_a")

    booking = house.book()
    first = house.pin(booking)
    house.stage.run_for(minutes=20)

    assert house.pin(booking) != first
    assert house.status(booking, 0) is Status.CONFIRMED
    assert house.status(booking, 1) is Status.CONFIRMED
    assert house.opens(house.pin(booking), house.booking(booking.id).starts_at, door=1)


def test_a_pin_the_lock_alone_remembers_asks_a_person_once_it_was_shown(
    house: House, watch: Watch
) -> None:
    house.door.script.push("split_brain_a")

    booking = house.book(pin="284916")
    house.stage.run_for(minutes=30)

    assert house.status(booking) is Status.NEEDS_YOU
    assert house.code(booking).problem is ProblemKey.SPLIT_BRAIN
    assert "already in use" in house.code(booking).problem_text
    assert house.told(booking).count("ladder") == 2
    assert house.pin(booking) == "284916"
    writes = len(watch.writes)
    house.stage.run_for(hours=12)
    assert len(watch.writes) == writes


def test_split_brain_of_one_code_leaves_the_locks_other_codes_alone(
    house: House, watch: Watch
) -> None:
    house.door.script.push("split_brain_a")
    house.book("b1", pin="284916")
    house.stage.run_for(minutes=30)

    other = house.book("b2", "2026-03-08", "2026-03-11")
    house.stage.run_for(minutes=1)

    assert house.status(other) is Status.CONFIRMED


def test_a_split_brain_that_a_person_cleared_heals_by_resync(house: House, watch: Watch) -> None:
    house.door.script.push("split_brain_a")
    booking = house.book(pin="284916")
    house.stage.run_for(minutes=30)

    with house.stage.cloud.steady():
        house.stage.cloud.people.delete_all(house.door)
    house.resync(booking)
    house.stage.run_for(minutes=5)

    watch.assert_settled()


def test_an_entry_that_turns_up_in_the_list_is_adopted_without_a_second_one(
    house: House, watch: Watch
) -> None:
    house.door.script.push("split_brain_a")
    booking = house.book(pin="284916")
    house.stage.run_for(seconds=80)
    assert house.status(booking) is Status.UNSURE

    with house.stage.cloud.steady():
        house.stage.cloud.people.synchronise(house.door)
    house.stage.run_for(minutes=5)

    watch.assert_settled()
    assert len(house.held()) == 1
