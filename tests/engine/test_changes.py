"""Bookings change: the lock follows, and the guest never stands before a closed door."""

from datetime import timedelta

import pytest

from portal.domain.command import Kind
from portal.domain.problems import ProblemKey
from portal.domain.status import Status, Verdict
from portal.models import Property
from portal.services import bookings, mapping
from simulator.script import UNTIL_DELETE_ALL
from tests.engine.promises import Watch
from tests.support.builders import make_property
from tests.support.house import House


def kinds(house: House) -> list[str]:
    return [str(command.kind) for command in house.commands()]


@pytest.mark.parametrize(
    "changed",
    [
        {"departs": "2026-03-07"},
        {"departs": "2026-03-12"},
        {"arrives": "2026-03-04"},
        {"arrives": "2026-03-06"},
        {"arrives": "2026-03-20", "departs": "2026-03-24"},
    ],
    ids=["shortened", "extended", "earlier", "later", "another week"],
)
def test_moved_dates_keep_the_pin_and_the_one_entry(
    house: House, watch: Watch, changed: dict[str, str]
) -> None:
    booking = house.book(arrives="2026-03-05", departs="2026-03-08")
    house.stage.run_for(minutes=1)
    pin, label = house.pin(booking), house.held()

    house.book(**{"arrives": "2026-03-05", "departs": "2026-03-08"} | changed)
    house.stage.run_until(house.booking(booking.id).starts_at - timedelta(days=1))

    watch.assert_settled()
    assert house.pin(booking) == pin
    assert house.held() == label
    assert kinds(house) == ["add", "update"]
    stay = house.booking(booking.id)
    assert house.opens(pin, stay.starts_at)
    assert house.opens(pin, stay.ends_at - timedelta(minutes=1))
    assert not house.opens(pin, stay.ends_at + timedelta(hours=3))


def test_a_change_while_the_first_add_travels_ends_with_the_newest_dates(
    house: House, watch: Watch
) -> None:
    house.door.script.push("webhook_late:400")
    house.book(departs="2026-03-08")

    booking = house.book(departs="2026-03-10")
    house.stage.run_for(minutes=12)

    watch.assert_settled()
    assert house.opens(house.pin(booking), house.booking(booking.id).ends_at)


def test_an_older_revision_that_succeeds_late_is_corrected(house: House, watch: Watch) -> None:
    house.door.script.push("timeout_then_success:500")
    house.book(departs="2026-03-08")
    house.stage.run_for(minutes=1)

    booking = house.book(departs="2026-03-10")
    house.stage.run_for(minutes=30)

    watch.assert_settled()
    assert house.opens(house.pin(booking), house.booking(booking.id).ends_at)


def test_a_cancelled_booking_is_off_the_lock_before_it_is_shown_removed(
    house: House, watch: Watch
) -> None:
    booking = house.book()
    house.stage.run_for(minutes=1)

    house.cancel(booking)
    assert house.status(booking) is Status.REMOVING
    assert house.held() != []
    house.stage.run_for(seconds=30)

    assert house.held() == []
    assert house.status(booking) is Status.REMOVED
    assert house.booking(booking.id).verdict is Verdict.READY


def test_a_booking_cancelled_while_its_add_travels_leaves_nothing_behind(
    house: House, watch: Watch
) -> None:
    house.door.script.push("webhook_lost")
    booking = house.book()

    house.cancel(booking)
    house.stage.run_for(minutes=5)

    watch.assert_settled()
    assert house.held() == []


def test_a_booking_cancelled_while_its_add_is_in_doubt_leaves_nothing_behind(
    house: House, watch: Watch
) -> None:
    house.door.script.push("timeout_applied_late:400")
    booking = house.book()
    house.stage.run_for(minutes=2)

    house.cancel(booking)
    house.stage.run_for(hours=2)

    assert house.held() == []
    assert house.status(booking) is Status.REMOVED


def test_a_cancelled_booking_that_was_never_sent_is_simply_over(house: House, watch: Watch) -> None:
    booking = house.book(arrives="2026-04-20", departs="2026-04-23")

    house.cancel(booking)

    assert house.status(booking) is Status.REMOVED
    assert watch.writes == []


def test_a_booking_cancelled_by_mistake_and_reinstated_has_its_pin_again(
    house: House, watch: Watch
) -> None:
    booking = house.book()
    house.stage.run_for(minutes=1)
    pin = house.pin(booking)
    house.cancel(booking)
    house.stage.run_for(minutes=1)

    house.book()
    house.stage.run_for(minutes=1)

    watch.assert_settled()
    assert house.pin(booking) == pin
    assert house.opens(pin, house.booking(booking.id).starts_at)


def test_a_guest_inside_who_extends_is_never_locked_out(house: House, watch: Watch) -> None:
    booking = house.book(arrives="2026-03-02T08:00", departs="2026-03-03")
    house.stage.run_for(minutes=5)
    pin = house.pin(booking)
    for fault in ("timeout_not_applied", "bad_gateway_done", "nack"):
        house.door.script.push(fault, only="update")

    house.book(arrives="2026-03-02T08:00", departs="2026-03-05")
    house.stage.run_for(hours=2)

    watch.assert_settled()
    assert house.opens(pin, house.booking(booking.id).ends_at)


def test_a_stay_moved_away_and_back_at_once_opens_again_as_soon_as_the_lock_answers(
    house: House, watch: Watch
) -> None:
    booking = house.book(arrives="2026-03-02T08:00", departs="2026-03-03")
    house.stage.run_for(minutes=5)
    pin = house.pin(booking)

    house.book(arrives="2026-03-02T18:00", departs="2026-03-03")
    house.book(arrives="2026-03-02T08:00", departs="2026-03-03")
    house.stage.run_for(seconds=10)

    updates = [c for c in house.commands() if c.kind is Kind.UPDATE]
    assert [c.revision for c in updates] == [2, 3]
    assert house.opens(pin)
    watch.assert_settled()


def test_while_a_harmless_change_travels_the_booking_stays_ready(house: House) -> None:
    booking = house.book(arrives="2026-03-03", departs="2026-03-08")
    house.stage.run_for(minutes=1)
    house.door.script.push("state:Pending", only="update")

    house.book(arrives="2026-03-03", departs="2026-03-06")
    house.stage.run_for(minutes=1)

    assert house.status(booking) is Status.SENT
    assert house.booking(booking.id).verdict is Verdict.READY


@pytest.mark.parametrize("fault", ["", "timeout_not_applied", "timeout_applied", "nack"])
def test_a_new_pin_is_confirmed_before_the_old_one_goes(
    house: House, watch: Watch, fault: str
) -> None:
    booking = house.book(arrives="2026-03-02T08:00", departs="2026-03-05")
    house.stage.run_for(minutes=5)
    old = house.pin(booking)
    if fault:
        house.door.script.push(fault, only="add")

    house.new_pin(booking)
    assert house.pin(booking) != old
    house.stage.run_for(minutes=20)

    watch.assert_settled()
    assert house.opens(house.pin(booking))
    assert not house.opens(old)
    adds = [c for c in house.commands() if c.kind == "add" and c.state == "succeeded"]
    [delete] = [c for c in house.commands() if c.kind == "delete"]
    confirmed = [c.closed_at for c in house.commands() if c.kind != "delete"][-1]
    assert adds
    assert delete.sent_at is not None
    assert confirmed is not None
    assert confirmed <= delete.sent_at


def test_a_new_pin_twice_in_a_row_ends_with_the_last_one_alone(house: House, watch: Watch) -> None:
    booking = house.book()
    house.stage.run_for(minutes=1)

    house.new_pin(booking)
    house.new_pin(booking)
    house.stage.run_for(minutes=5)

    watch.assert_settled()
    assert house.opens(house.pin(booking), house.booking(booking.id).starts_at)


def test_a_guest_moved_to_another_house_gets_the_new_door_before_the_old_one_goes(
    stage: object, watch: Watch
) -> None:
    house = House(watch.stage, locks=2)
    first, second = house.locks
    house.map(first)
    other = make_property(house.account, name="Casa Blanca")
    with bookings.changing() as session:
        mapping.set_locks(session, session.get_one(Property, other.id), [second.id], "manager:1")
    booking = house.book(arrives="2026-03-02T08:00", departs="2026-03-05")
    house.stage.run_for(minutes=2)
    pin = house.pin(booking)
    assert house.opens(pin, door=0)
    house.doors[1].script.push("timeout_not_applied")

    house.place = other
    house.book(arrives="2026-03-02T08:00", departs="2026-03-05")
    house.stage.run_for(minutes=2)
    assert house.opens(pin, door=0), "the new door is not confirmed yet"
    house.stage.run_for(minutes=20)

    watch.assert_settled()
    assert house.opens(pin, door=1)
    assert house.held(0) == []


def test_a_guest_inside_whose_stay_has_no_door_any_more_keeps_the_old_one_until_the_end(
    house: House, watch: Watch
) -> None:
    inside = house.book("b1", "2026-03-02T09:00", "2026-03-05")
    coming = house.book("b2", "2026-03-06", "2026-03-08")
    house.stage.run_for(minutes=5)

    house.map()
    house.stage.run_for(hours=1)

    assert house.opens(house.pin(inside))
    assert len(house.held()) == 1
    assert house.booking(coming.id).verdict is Verdict.NOT_READY
    house.stage.run_until(house.booking(inside.id).ends_at + timedelta(hours=2))
    assert house.held() == []


def test_a_stay_moved_away_is_not_left_open_on_its_old_dates(house: House, watch: Watch) -> None:
    booking = house.book(arrives="2026-03-02T11:00", departs="2026-03-05")
    house.stage.run_for(minutes=5)
    for _ in range(4):
        house.door.script.push("nack", only="update")

    house.book(arrives="2026-03-12T11:00", departs="2026-03-15")
    house.stage.run_for(minutes=15)

    assert not house.opens(house.pin(booking))


def test_old_dates_that_a_lock_refuses_to_give_up_are_tried_at_with_patience(house: House) -> None:
    house.book(arrives="2026-03-02T08:00", departs="2026-03-20")
    house.stage.run_for(minutes=5)
    house.door.script.push("nack", only="update", until=UNTIL_DELETE_ALL)

    house.book(arrives="2026-03-17T16:00", departs="2026-03-20")
    house.stage.run_for(days=1)

    assert len(house.commands()) < 125


def test_an_old_door_kept_for_a_guest_lets_them_go_once_the_booking_is_cancelled(
    watch: Watch,
) -> None:
    house = House(watch.stage, locks=2)
    first, second = house.locks
    house.map(second)
    booking = house.book()
    house.stage.run_for(minutes=1)
    for _ in range(4):
        house.doors[0].script.push("timeout_not_applied")
    house.map(first)
    house.stage.run_for(minutes=3)
    assert len(house.held(1)) == 1, "the new door is not confirmed yet"

    house.cancel(booking)
    house.stage.run_for(seconds=30)

    assert house.held(1) == []
    assert house.status(booking, 1) is Status.REMOVED


def test_two_doors_share_one_pin_and_each_is_proven_by_itself(watch: Watch) -> None:
    house = House(watch.stage, locks=2)
    house.doors[1].script.push("timeout_not_applied")

    booking = house.book(arrives="2026-03-02T18:00", departs="2026-03-05")
    house.stage.run_for(seconds=90)
    assert house.status(booking, 0) is Status.CONFIRMED
    assert house.status(booking, 1) is Status.UNSURE
    assert house.booking(booking.id).verdict is Verdict.AT_RISK
    house.stage.run_for(minutes=10)

    watch.assert_settled()
    at = house.booking(booking.id).starts_at
    assert house.opens(house.pin(booking), at, 0)
    assert house.opens(house.pin(booking), at, 1)


def test_a_booking_without_a_lock_says_so_and_heals_once_one_is_mapped(
    house: House, watch: Watch
) -> None:
    lock = house.lock
    house.map()
    booking = house.book()
    assert house.booking(booking.id).problem is ProblemKey.UNRECOGNIZED_JOB_STATE
    assert house.booking(booking.id).verdict is Verdict.NOT_READY

    house.map(lock)
    house.stage.run_for(minutes=1)

    assert house.booking(booking.id).problem is None
    assert house.booking(booking.id).verdict is Verdict.READY
    watch.assert_settled()


def test_ten_presses_of_resync_are_one_command(house: House, watch: Watch) -> None:
    booking = house.book()
    house.stage.run_for(minutes=1)

    pressed = [house.resync(booking) for _ in range(10)]
    house.stage.run_for(minutes=2)

    assert pressed == [True] + [False] * 9
    assert kinds(house) == ["add", "update"]
    watch.assert_settled()


def test_a_press_within_a_minute_of_a_resyncs_end_joins_it(house: House) -> None:
    booking = house.book()
    house.stage.run_for(minutes=1)
    assert house.resync(booking)
    house.stage.run_for(seconds=30)
    assert house.code(booking).resync_ended_at is not None

    assert not house.resync(booking)
    house.stage.run_for(seconds=61)
    assert house.resync(booking)


def test_resync_adds_a_missing_code_and_never_deletes(house: House, watch: Watch) -> None:
    booking = house.book()
    house.stage.run_for(minutes=1)
    watch.excuse(*house.held())
    house.door.drop(next(iter(house.door.lock_codes)).id, house.stage.now)
    for code in list(house.door.server_codes):
        house.door.server_codes.remove(code.id)

    house.stage.run_for(minutes=1)
    house.resync(booking)
    house.stage.run_for(minutes=5)

    assert "delete" not in kinds(house)
    assert house.opens(house.pin(booking), house.booking(booking.id).starts_at)
    assert house.status(booking) is Status.CONFIRMED


def test_an_update_of_ours_that_was_done_unheard_is_not_somebody_elses_change(
    house: House, watch: Watch
) -> None:
    booking = house.book()
    house.stage.run_for(minutes=5)
    house.door.script.push("timeout_applied", only="update")
    for _ in range(4):
        house.door.script.push("timeout_not_applied", only="update")

    house.book(departs="2026-03-10")
    house.stage.run_for(hours=6)

    assert "changed_outside" not in house.told(booking)
    assert house.status(booking) is Status.CONFIRMED
    watch.assert_settled()


@pytest.mark.parametrize("fault", [None, "timeout_applied", "timeout_not_applied", "nack"])
def test_a_door_that_is_mapped_again_while_its_code_leaves_is_not_green_before_it_is_there(
    watch: Watch, fault: str | None
) -> None:
    house = House(watch.stage, locks=2)
    booking = house.book(arrives="2026-03-02T10:00", departs="2026-03-04")
    house.stage.run_for(minutes=1)
    front, back = house.locks
    if fault:
        house.doors[1].script.push(fault, only="delete")

    house.map(front)
    house.map(front, back)
    assert house.status(booking, door=1) is not Status.CONFIRMED
    house.stage.run_for(minutes=10)

    assert house.status(booking, door=1) is Status.CONFIRMED
    watch.assert_settled()


def test_resync_frees_a_code_that_waits_and_one_that_was_given_up(
    house: House, watch: Watch
) -> None:
    for _ in range(2):
        house.door.script.push("failed:Schedule parameters are not valid")
    booking = house.book()
    house.stage.run_for(minutes=30)
    assert house.status(booking) is Status.NEEDS_YOU

    house.resync(booking)
    house.stage.run_for(minutes=2)

    watch.assert_settled()


def test_resync_looks_an_open_command_up_at_once(house: House) -> None:
    house.stage.webhooks_arrive = False
    booking = house.book()
    house.stage.run_for(seconds=10)
    assert house.status(booking) is Status.SENT

    house.resync(booking)
    house.stage.run_for(seconds=20)

    assert house.status(booking) is Status.CONFIRMED
