"""Codes that are in the way of others: leaving, foreign, too long, too many."""

import pytest
from sqlalchemy import select

from portal.domain import label
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Account, Booking, ForeignCode
from portal.services import bookings, connections
from tests.engine.promises import Watch
from tests.support.house import House, hours


def test_a_pin_waits_for_the_leaving_code_that_has_it(house: House, watch: Watch) -> None:
    leaving = house.book("b1", pin="284916")
    house.stage.run_for(minutes=1)
    for _ in range(2):
        house.door.script.push("timeout_not_applied", only="delete")
    house.cancel(leaving)

    arriving = house.book("b2", "2026-03-03", "2026-03-05", pin="284916")
    house.stage.run_for(hours=1)

    watch.assert_settled()
    assert house.opens("284916", house.booking(arriving.id).starts_at)


def test_a_pin_of_the_wrong_length_costs_no_call(watch: Watch) -> None:
    house = House(watch.stage, vlac=False, code_length=4)
    booking = house.book(pin="2849")
    with bookings.changing() as session:
        row = session.get_one(Booking, booking.id)
        row.pin = Secret("284916")
        row.revision += 1
        bookings.door_codes.follow(session, row, urgent=True)
    house.stage.run_for(minutes=5)

    assert house.code(booking).problem is ProblemKey.WRONG_LENGTH
    assert house.status(booking) is Status.NEEDS_YOU
    assert len(watch.writes) <= 1


def test_a_length_schlage_did_not_tell_is_learnt_from_its_refusal(watch: Watch) -> None:
    house = House(watch.stage, vlac=False)
    house.stage.cloud.people.add_code(house.door, "Owner", "5937")

    booking = house.book()
    house.stage.run_for(minutes=10)

    watch.assert_settled()
    assert len(house.pin(booking)) == 4


def test_a_foreign_code_is_listed_never_touched_and_its_digits_are_kept_clear_of(
    house: House, watch: Watch
) -> None:
    watch.add_foreign(house.door, "Cleaner", "284955")
    house.stage.run_for(minutes=2)

    with pytest.raises(bookings.BadBooking, match="same four digits"):
        house.book(pin="284916")
    booking = house.book()
    house.stage.run_for(minutes=2)
    house.cancel(booking)
    house.stage.run_for(minutes=5)

    assert db.session.scalars(select(ForeignCode.label)).all() == ["Cleaner"]
    assert house.held() == ["Cleaner"]


def of_two_lengths(watch: Watch) -> House:
    """Two doors whose locks take PINs of four and of six digits and no others."""
    house = House(watch.stage, locks=2, vlac=False)
    for door, length in zip(house.doors, (4, 6), strict=True):
        door.code_length = length
    connections.check(house.connection.id)
    house.stage.work()
    return house


def pins_at_the_doors(house: House, booking: Booking) -> list[str]:
    pins = [house.code(booking, door).pin for door in (0, 1)]
    return [pin.reveal() for pin in pins if pin is not None]


@pytest.mark.parametrize("taken", [0, 1])
def test_a_code_that_is_in_the_way_at_one_door_changes_the_pin_of_that_door_alone(
    watch: Watch, taken: int
) -> None:
    house = of_two_lengths(watch)
    booking = house.book(arrives="2026-03-20", departs="2026-03-25")
    before = pins_at_the_doors(house, booking)
    watch.add_foreign(house.doors[taken], "Owner", before[taken])

    house.stage.run_until(house.code(booking).send_at + hours(0.5))

    after = pins_at_the_doors(house, booking)
    assert [a == b for a, b in zip(before, after, strict=True)] == [taken == 1, taken == 0]
    assert [len(pin) for pin in after] == [4, 6]
    assert [fact.data["command"] for fact in watch.writes].count("add") == 2
    watch.assert_settled()


def test_doors_that_agree_on_a_length_by_now_get_one_pin_where_a_code_is_in_the_way(
    watch: Watch,
) -> None:
    house = House(watch.stage, locks=3, vlac=False)
    for door, length in zip(house.doors, (4, 4, 6), strict=True):
        door.code_length = length
    connections.check(house.connection.id)
    house.stage.work()
    booking = house.book(arrives="2026-03-20", departs="2026-03-25")
    before = pins_at_the_doors(house, booking)
    watch.add_foreign(house.doors[0], "Owner", before[0])
    house.doors[2].code_length = 4
    connections.check(house.connection.id)

    house.stage.run_until(house.code(booking).send_at + hours(1))

    assert pins_at_the_doors(house, booking) == [house.pin(booking)] * 2
    assert len(house.pin(booking)) == 4
    watch.assert_settled()


def test_a_new_pin_is_new_at_a_door_with_a_pin_of_its_own_too(watch: Watch) -> None:
    house = of_two_lengths(watch)
    booking = house.book()
    house.stage.run_for(minutes=5)
    leaked = pins_at_the_doors(house, booking)

    house.new_pin(booking)
    house.stage.run_for(minutes=10)

    fresh = pins_at_the_doors(house, booking)
    inside = house.booking(booking.id).starts_at
    for door in (0, 1):
        assert not house.opens(leaked[door], inside, door)
        assert house.opens(fresh[door], inside, door)
    watch.assert_settled()


def test_a_full_lock_gives_its_next_place_to_the_soonest_arrival(
    house: House, watch: Watch
) -> None:
    for number in range(99):
        watch.add_foreign(house.door, f"Neighbour {number}", f"{1000 + 7 * number}99")
    house.stage.run_for(minutes=2)
    first = house.book("b1", "2026-03-03", "2026-03-04")
    later = house.book("b2", "2026-03-07", "2026-03-09")
    sooner = house.book("b3", "2026-03-05", "2026-03-06")
    house.stage.run_for(minutes=5)
    assert house.status(first) is Status.CONFIRMED
    assert house.code(later).problem is ProblemKey.LOCK_FULL
    assert house.code(sooner).problem is ProblemKey.LOCK_FULL

    house.stage.run_for(days=2, hours=4)

    assert house.status(first) is Status.REMOVED
    assert house.status(sooner) is Status.CONFIRMED
    assert house.status(later) is not Status.CONFIRMED
    house.stage.run_for(days=2)
    assert house.status(later) is Status.CONFIRMED


def test_an_entry_with_our_tag_and_no_record_is_known_as_ours_and_left_alone(
    house: House, watch: Watch
) -> None:
    account = db.session.get_one(Account, house.account.id)
    name = label.make("Lost Guest", account.label_key, house.door.id)
    house.stage.cloud.people.add_code(house.door, name, "739105")

    house.stage.run_for(days=1, minutes=5)

    [row] = db.session.scalars(select(ForeignCode)).all()
    assert row.has_our_tag
    assert name in house.held()
