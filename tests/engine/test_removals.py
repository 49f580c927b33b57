"""Removals that do not work at once: proven in the end, and told of meanwhile."""

from datetime import timedelta

from portal.domain.command import Kind
from portal.domain.problems import ProblemKey
from portal.domain.status import Status, Verdict
from portal.services import connections
from portal.services.ringing import changing
from simulator.script import UNTIL_DELETE_ALL
from tests.engine.promises import Watch
from tests.support.house import House


def test_an_old_code_is_off_the_lock_after_its_stay_even_when_every_delete_fails(
    house: House, watch: Watch
) -> None:
    booking = house.book(arrives="2026-03-03", departs="2026-03-04")
    house.stage.run_for(minutes=2)
    pin = house.pin(booking)
    for _ in range(6):
        house.door.script.push("timeout_not_applied", only="delete")

    house.stage.run_until(house.code(booking).ends_at + timedelta(minutes=15))
    assert not house.opens(pin)
    assert house.status(booking) is Status.REMOVING
    house.stage.run_for(hours=2)

    assert house.held() == []
    assert house.status(booking) is Status.REMOVED


def test_a_removal_that_is_not_proven_30_minutes_after_its_window_is_alarmed(
    house: House, watch: Watch
) -> None:
    booking = house.book(arrives="2026-03-03", departs="2026-03-04")
    house.stage.run_for(minutes=2)
    ends = house.code(booking).ends_at
    house.stage.run_until(ends - timedelta(minutes=5))
    house.set_connected(False)

    house.stage.run_until(ends + timedelta(minutes=45))

    assert "removal_unconfirmed" in house.open_alerts()
    assert house.status(booking) is Status.REMOVING
    assert house.booking(booking.id).verdict is Verdict.AT_RISK
    house.set_connected(True)
    house.stage.run_for(minutes=30)
    assert house.status(booking) is Status.REMOVED
    assert house.open_alerts() == []


def test_a_stay_that_was_moved_and_still_opens_on_its_old_dates_is_alarmed(
    house: House, watch: Watch
) -> None:
    booking = house.book(arrives="2026-03-03", departs="2026-03-06")
    house.stage.run_for(minutes=2)
    opens_at = house.code(booking).starts_at
    house.set_connected(False)
    house.book(arrives="2026-03-13", departs="2026-03-16")

    house.stage.run_until(opens_at + timedelta(minutes=20))
    assert "removal_unconfirmed" not in house.open_alerts()
    house.stage.run_until(opens_at + timedelta(minutes=45))
    assert "removal_unconfirmed" in house.open_alerts()

    house.set_connected(True)
    house.stage.run_for(minutes=30)
    assert house.status(booking) is Status.CONFIRMED
    assert house.open_alerts() == []


def test_a_stay_that_was_moved_and_may_open_on_dates_that_no_list_shows_is_alarmed(
    house: House, watch: Watch
) -> None:
    house.door.script.push("split_brain_a", only="add")
    booking = house.book(arrives="2026-03-02T12:00", departs="2026-03-06")
    digits = house.show_pin(booking)
    house.stage.run_for(seconds=20)
    house.book(arrives="2026-03-04", departs="2026-03-06")

    house.stage.run_for(hours=4)

    assert house.opens(digits)
    assert "removal_unconfirmed" in house.open_alerts()


def test_a_pin_that_was_replaced_and_still_opens_the_door_is_alarmed(
    house: House, watch: Watch
) -> None:
    booking = house.book(arrives="2026-03-03", departs="2026-03-06")
    house.stage.run_until(house.code(booking).starts_at + timedelta(hours=1))
    old = house.show_pin(booking)
    house.door.script.push("nack", only="delete", until=UNTIL_DELETE_ALL)

    house.new_pin(booking)
    house.stage.run_for(minutes=20)
    assert house.status(booking) is Status.CONFIRMED
    assert house.open_alerts() == []
    house.stage.run_for(minutes=15)

    assert house.opens(old)
    assert house.open_alerts() == ["removal_unconfirmed"]


def test_a_resync_after_the_stay_tries_the_removal_at_once(house: House, watch: Watch) -> None:
    house.door.script.push("nack", only="delete", until=UNTIL_DELETE_ALL)
    booking = house.book(arrives="2026-03-03", departs="2026-03-04")
    house.stage.run_until(house.code(booking).ends_at + timedelta(hours=12))
    next_try = house.code(booking).retry_at
    assert next_try is not None
    house.stage.run_until(next_try + timedelta(minutes=5))
    waits_until = house.code(booking).retry_at
    assert waits_until is not None
    assert waits_until > house.stage.now + timedelta(minutes=5)
    before = [c.id for c in house.commands() if c.kind is Kind.DELETE]

    started = house.resync(booking)
    again = house.resync(booking)

    tried = [c for c in house.commands() if c.kind is Kind.DELETE and c.id not in before]
    assert len(tried) == 1
    assert (started, again) == (True, False)


def test_the_removal_of_a_cancelled_bookings_code_says_why_also_during_a_resync(
    house: House,
) -> None:
    booking = house.book()
    house.stage.run_for(minutes=1)
    house.resync(booking)

    house.cancel(booking)
    house.stage.run_for(minutes=2)

    (removal,) = [c for c in house.commands() if c.kind is Kind.DELETE]
    assert removal.cause == "removal"


def test_signed_out_a_code_whose_window_is_over_is_not_shown_as_on_the_lock(
    house: House, watch: Watch
) -> None:
    booking = house.book(arrives="2026-03-02T09:00", departs="2026-03-03T11:00")
    house.stage.run_for(minutes=5)
    with changing() as session:
        connections.sign_out(session, house.connection.id)
    house.stage.work()

    house.stage.run_until(house.code(booking).ends_at + timedelta(minutes=45))

    assert house.status(booking) is Status.REMOVING
    assert "removal_unconfirmed" in house.open_alerts()
    house.reconnect()
    house.stage.run_for(minutes=5)
    assert house.status(booking) is Status.REMOVED


def test_whatever_was_wrong_before_a_removal_that_fails_is_named_as_such(house: House) -> None:
    booking = house.book(arrives="2026-03-02T12:00", departs="2026-03-03T11:00")
    house.stage.run_for(minutes=5)
    house.door.script.push("nack", until=UNTIL_DELETE_ALL)
    house.book(arrives="2026-03-02T12:00", departs="2026-03-03T10:30")

    house.stage.run_until(house.code(booking).ends_at + timedelta(hours=2))

    assert house.code(booking).problem is ProblemKey.REMOVAL_UNCONFIRMED
    house.door.script.end(UNTIL_DELETE_ALL)
    house.stage.run_for(hours=2)
    assert house.status(booking) is Status.REMOVED
    assert house.code(booking).failures == 0


def test_of_two_codes_of_a_stay_the_old_one_is_not_left_for_hours(house: House) -> None:
    booking = house.book(arrives="2026-03-08", departs="2026-03-10")
    house.stage.run_for(minutes=2)
    for _ in range(4):
        house.door.script.push("timeout_not_applied", only="delete")

    house.new_pin(booking)
    house.stage.run_for(minutes=4)
    assert len(house.held()) == 2

    house.stage.run_for(minutes=41)
    assert len(house.held()) == 1
