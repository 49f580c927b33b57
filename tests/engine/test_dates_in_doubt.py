"""The lock may have other dates than those it confirmed: nothing is green before it says so."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal.domain.problems import ProblemKey
from portal.domain.status import Status, Verdict
from portal.extensions import db
from portal.models import Account, Booking, Property, RestorePolicy
from portal.services import connections, properties, spares
from portal.services.ringing import changing
from portal.unit_of_work import writing
from simulator.faults import preset
from simulator.script import UNTIL_DELETE_ALL
from tests.engine.promises import Watch
from tests.support.house import House


def takes(house: House, seconds: float) -> None:
    """From now on a command is at the lock after so long."""
    changed = {"latency_median": seconds, "latency_p95": seconds}
    house.stage.cloud.set_faults(preset("clean").changed(changed))


def cut_by_phone(house: House, watch: Watch, pin: str) -> None:
    """Somebody lets the code with this PIN end a day sooner."""
    held = house.door.lock_codes.by_pin(pin)
    assert held is not None
    assert held.schedule.end is not None
    watch.excuse(held.name)
    schedule = replace(held.schedule, end=held.schedule.end - timedelta(days=1))
    with house.stage.cloud.steady():
        house.stage.cloud.people.edit_code(house.door, held.id, schedule=schedule)


def test_a_stay_moved_and_moved_back_is_not_ready_while_the_lock_may_have_the_dates_between(
    house: House,
) -> None:
    booking = house.book(arrives="2026-03-02T16:00", departs="2026-03-06")
    house.stage.run_for(minutes=5)
    house.door.script.push("timeout_applied+webhook_lost", only="update")
    house.book(arrives="2026-03-04T16:00", departs="2026-03-06")
    house.stage.run_for(seconds=90)
    house.stage.webhooks_arrive = False
    house.set_connected(False)

    house.book(arrives="2026-03-02T16:00", departs="2026-03-06")
    house.stage.run_until(house.booking(booking.id).starts_at + timedelta(hours=1))

    assert not house.opens(house.pin(booking))
    assert house.booking(booking.id).verdict is Verdict.NOT_READY
    assert house.status(booking) is not Status.CONFIRMED

    house.stage.webhooks_arrive = True
    house.set_connected(True)
    house.stage.run_for(minutes=30)
    assert house.opens(house.pin(booking))
    assert house.booking(booking.id).verdict is Verdict.READY


def test_dates_that_are_still_on_their_way_are_not_overtaken_by_newer_ones(
    house: House, watch: Watch
) -> None:
    house.book("b1", "2026-03-02T10:00", "2026-03-04")
    house.stage.run_for(minutes=5)
    takes(house, 40.0)
    house.door.script.push("bad_gateway_done", only="update")
    house.book("b1", "2026-03-02T10:00", "2026-03-05")
    takes(house, 1.0)
    booking = house.book("b1", "2026-03-02T10:00", "2026-03-06")

    house.stage.run_for(minutes=3)

    assert house.status(booking) is Status.CONFIRMED
    watch.assert_settled()


def test_signing_in_again_overtakes_no_dates_that_are_still_on_their_way(
    house: House, watch: Watch
) -> None:
    booking = house.book("b1", "2026-03-03T10:00", "2026-03-06")
    house.stage.run_for(minutes=5)
    takes(house, 40.0)
    house.door.script.push("bad_gateway_done", only="update")
    house.book("b1", "2026-03-03T10:00", "2026-03-05")
    takes(house, 1.0)
    with changing() as session:
        connections.sign_out(session, house.connection.id)
    house.stage.work()
    house.book("b1", "2026-03-03T10:00", "2026-03-06")
    house.reconnect()

    house.stage.run_for(minutes=3)

    assert house.status(booking) is Status.CONFIRMED
    watch.assert_settled()


def test_dates_written_once_more_and_still_on_their_way_are_not_overtaken_either(
    house: House, watch: Watch
) -> None:
    booking = house.book("b1", "2026-03-02T10:00", "2026-03-04")
    house.stage.run_for(minutes=5)
    takes(house, 40.0)
    house.door.script.push("bad_gateway_done", only="update")
    house.resync(booking)
    takes(house, 1.0)
    house.book("b1", "2026-03-02T10:00", "2026-03-05")

    house.stage.run_for(minutes=3)

    assert house.status(booking) is Status.CONFIRMED
    watch.assert_settled()


def test_hours_changed_and_changed_back_overtake_no_dates_that_are_still_on_their_way(
    house: House, watch: Watch
) -> None:
    def open_earlier(minutes: int) -> None:
        with changing() as session:
            place = session.get_one(Property, house.place.id)
            properties.update(session, place, buffer_before_minutes=minutes)
        house.stage.work()

    booking = house.book("b1", "2026-03-03T10:00", "2026-03-06")
    house.stage.run_for(minutes=5)
    before = house.place.buffer_before_minutes
    takes(house, 40.0)
    house.door.script.push("bad_gateway_done", only="update")
    open_earlier(0)
    takes(house, 1.0)
    open_earlier(before)

    house.stage.run_for(minutes=3)

    assert house.status(booking) is Status.CONFIRMED
    watch.assert_settled()


@pytest.mark.parametrize("is_read_at_once", [True, False])
def test_a_removal_that_is_still_on_its_way_is_not_overtaken_where_the_stay_is_back(
    house: House, watch: Watch, is_read_at_once: bool
) -> None:
    booking = house.book("b1", "2026-03-03T10:00", "2026-03-06")
    house.stage.run_for(minutes=5)
    takes(house, 40.0)
    house.door.script.push("bad_gateway_done", only="delete")
    house.map()
    takes(house, 1.0)
    house.map(house.locks[0])
    if is_read_at_once:
        house.reconnect()

    house.stage.run_for(minutes=5)

    assert house.status(booking) is Status.CONFIRMED
    watch.assert_settled()


def test_late_news_of_an_older_update_does_not_end_the_doubt_of_a_newer_one(
    house: House, watch: Watch
) -> None:
    early = ("b1", "2026-03-02T15:00", "2026-03-06")
    booking = house.book("b1", "2026-03-02T16:00", "2026-03-06")
    house.stage.run_for(minutes=5)
    house.door.script.push("command_forgotten+webhook_late:120", only="update")
    house.door.script.push("timeout_applied+webhook_lost", only="update")
    house.door.script.push("timeout_not_applied", only="update", until=UNTIL_DELETE_ALL)
    house.book(*early)
    house.stage.run_for(seconds=65)
    house.book("b1", "2026-03-04T16:00", "2026-03-06")
    house.stage.run_for(seconds=80)

    house.book(*early)
    house.stage.run_until(house.booking(booking.id).starts_at + timedelta(hours=1))

    assert not house.opens(house.pin(booking))
    assert house.booking(booking.id).verdict is Verdict.NOT_READY


def test_an_extension_that_may_have_arrived_is_not_over_with_the_dates_before(
    house: House, watch: Watch
) -> None:
    booking = house.book(arrives="2026-03-02T12:00", departs="2026-03-03T11:00")
    house.stage.run_for(minutes=5)
    house.door.script.push("timeout_applied", only="update")
    house.door.script.push("timeout_not_applied", only="update", until=UNTIL_DELETE_ALL)
    house.door.script.push("timeout_listed_only", only="delete", until=UNTIL_DELETE_ALL)
    house.book(arrives="2026-03-02T12:00", departs="2026-03-09T11:00")
    house.stage.run_for(seconds=70)
    house.book(arrives="2026-03-02T12:00", departs="2026-03-03T11:00")

    house.stage.run_until(house.code(booking).ends_at + timedelta(hours=12))

    assert house.opens(house.pin(booking))
    assert house.status(booking) is Status.REMOVING
    assert "removal_unconfirmed" in house.open_alerts()


def test_a_spare_whose_dates_are_in_doubt_is_given_to_nobody(house: House, watch: Watch) -> None:
    with changing() as session:
        place = session.get_one(Property, house.place.id)
        properties.update(session, place, spare_codes=1)
    house.stage.work()
    house.stage.run_for(minutes=5)
    house.door.script.push("nack", until=UNTIL_DELETE_ALL)
    [stocked] = house.stock()
    assert stocked.pin is not None
    cut_by_phone(house, watch, stocked.pin.reveal())
    house.stage.run_for(minutes=20)
    booking = house.book(arrives="2026-03-02T11:00", departs="2026-03-05")
    house.stage.run_for(minutes=5)

    with changing() as session:
        row = session.get_one(Booking, booking.id)
        with pytest.raises(spares.NoSpare):
            spares.hand_out(session, row, "manager:1", house.stage.now)


def test_hours_of_a_property_changed_and_changed_back_are_written_again(
    house: House, watch: Watch
) -> None:
    booking = house.book(arrives="2026-03-03T16:00", departs="2026-03-06")
    house.stage.run_for(minutes=5)

    def come_early(minutes: int) -> None:
        with changing() as session:
            place = session.get_one(Property, house.place.id)
            properties.update(session, place, buffer_before_minutes=minutes)
        house.stage.work()

    house.door.script.push("timeout_applied", only="update")
    come_early(0)
    house.stage.run_for(seconds=20)
    come_early(60)

    assert house.status(booking) is not Status.CONFIRMED
    house.stage.run_for(minutes=10)
    assert house.status(booking) is Status.CONFIRMED
    held = house.door.lock_codes.by_pin(house.pin(booking))
    assert held is not None
    assert held.schedule.start == house.code(booking).starts_at


@pytest.mark.parametrize("fault", ["timeout_not_applied", "nack"])
def test_dates_cut_outside_stay_amber_however_often_putting_them_back_fails(
    house: House, watch: Watch, fault: str
) -> None:
    booking = house.book()
    house.stage.run_for(minutes=2)
    house.door.script.push(fault, only="update", until=UNTIL_DELETE_ALL)
    cut_by_phone(house, watch, house.pin(booking))
    house.stage.run_for(minutes=2)

    for _ in range(30):
        assert house.status(booking) is not Status.CONFIRMED
        assert house.booking(booking.id).verdict is not Verdict.READY
        house.stage.run_for(minutes=10)

    assert house.code(booking).restores == 1
    house.door.script.end(UNTIL_DELETE_ALL)
    house.stage.run_for(hours=2)
    assert house.status(booking) is Status.CONFIRMED


def test_the_end_of_an_old_code_does_not_answer_what_a_person_is_asked_of_the_new_one(
    house: House, watch: Watch
) -> None:
    with writing() as session:
        account = session.get_one(Account, house.account.id)
        account.restore_policy = RestorePolicy.ASK
    booking = house.book()
    house.stage.run_for(minutes=2)
    house.door.script.push("nack", only="delete", until=UNTIL_DELETE_ALL)
    house.new_pin(booking)
    house.stage.run_for(minutes=5)
    cut_by_phone(house, watch, house.pin(booking))
    house.stage.run_for(minutes=30)

    house.door.script.end(UNTIL_DELETE_ALL)
    house.stage.run_for(hours=2)

    assert house.status(booking) is Status.NEEDS_YOU
    assert house.code(booking).problem is ProblemKey.CHANGED_OUTSIDE
    house.resync(booking)
    house.stage.run_for(minutes=5)
    assert house.status(booking) is Status.CONFIRMED
    db.session.rollback()
    assert len(house.held()) == 1


def test_a_code_that_no_list_shows_is_in_doubt_until_the_latest_end_it_was_sent_with(
    house: House, watch: Watch
) -> None:
    house.door.script.push("split_brain_a", only="add")
    booking = house.book(arrives="2026-03-02T10:00", departs="2026-03-05T10:00")
    house.stage.run_for(seconds=20)
    digits = house.pin(booking)
    house.book(arrives="2026-03-02T10:00", departs="2026-03-03T10:00")
    house.stage.run_for(minutes=20)

    house.stage.run_until(house.code(booking).ends_at + timedelta(hours=3))

    assert house.opens(digits)
    assert house.status(booking) is Status.REMOVING
    assert house.open_alerts() == ["removal_unconfirmed"]
    house.stage.run_for(days=2)
    assert house.status(booking) is Status.REMOVED
    watch.assert_settled()


def test_dates_sent_again_are_no_matter_once_they_are_confirmed(house: House, watch: Watch) -> None:
    house.door.script.push("timeout_not_applied", only="add")
    booking = house.book(arrives="2026-03-02T10:00", departs="2026-03-05T10:00")
    house.stage.run_for(seconds=20)
    house.book(arrives="2026-03-02T10:00", departs="2026-03-03T10:00")

    house.stage.run_for(minutes=20)

    assert house.status(booking) is Status.CONFIRMED
    house.stage.run_until(house.code(booking).ends_at + timedelta(hours=1))
    assert house.status(booking) is Status.REMOVED
    watch.assert_settled()
