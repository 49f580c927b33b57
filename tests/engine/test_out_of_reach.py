"""A lock that cannot be reached: how it is found again, and what is said of it meanwhile."""

from datetime import timedelta

from portal.domain.problems import ProblemKey
from portal.domain.status import Status, Verdict
from tests.engine.promises import Watch
from tests.support.house import House


def test_a_lock_that_was_offline_gets_its_code_within_minutes_of_its_event(
    house: House, watch: Watch
) -> None:
    house.set_connected(False)
    booking = house.book()
    house.stage.run_for(hours=2)
    assert house.status(booking) in {Status.RETRYING, Status.UNSURE, Status.SENT}
    assert house.code(booking).problem is not None

    house.set_connected(True)
    house.stage.run_for(minutes=3)

    watch.assert_settled()


def test_a_lock_that_was_offline_is_found_again_without_any_event(
    house: House, watch: Watch
) -> None:
    house.stage.webhooks_arrive = False
    house.set_connected(False)
    booking = house.book(arrives="2026-03-03T09:00")
    house.stage.run_for(hours=1)
    assert house.status(booking) is not Status.CONFIRMED

    house.set_connected(True)
    house.stage.run_for(minutes=25)

    watch.assert_settled()


def test_a_lock_that_went_away_without_a_word_is_told_of_before_the_guest_comes(
    house: House, watch: Watch
) -> None:
    booking = house.book(arrives="2026-03-04T16:00")
    house.stage.run_for(hours=1)
    arrives = house.booking(booking.id).starts_at
    house.stage.run_until(arrives - timedelta(hours=5))
    house.stage.webhooks_arrive = False
    house.set_connected(False)

    house.stage.run_until(arrives - timedelta(hours=1, minutes=30))

    assert house.booking(booking.id).verdict is Verdict.AT_RISK
    assert "lock_offline" in house.open_alerts()


def test_with_a_guest_at_the_door_a_lock_is_found_again_though_its_event_was_lost(
    house: House, watch: Watch
) -> None:
    house.set_connected(False)
    house.stage.run_for(minutes=1)
    house.stage.webhooks_arrive = False
    booking = house.book(arrives="2026-03-02T10:20")
    house.stage.run_for(hours=2)
    assert house.status(booking) is not Status.CONFIRMED
    assert len(watch.writes) <= 3 + 120 / 5

    house.set_connected(True)
    house.stage.run_for(minutes=4)

    watch.assert_settled()
    assert house.lock.is_online


def test_with_a_guest_at_the_door_a_lock_nobody_knew_to_be_away_is_written_within_minutes(
    house: House, watch: Watch
) -> None:
    house.stage.webhooks_arrive = False
    house.set_connected(False)
    booking = house.book(arrives="2026-03-02T10:20")
    house.stage.run_for(hours=1)
    assert house.status(booking) is not Status.CONFIRMED
    assert len(watch.writes) <= 3 + 60 / 5

    house.set_connected(True)
    house.stage.run_for(minutes=8)

    watch.assert_settled()


def test_a_lock_that_answers_is_in_reach_whatever_message_was_lost(
    house: House, watch: Watch
) -> None:
    booking = house.book()
    house.stage.run_for(minutes=1)
    house.set_connected(False)
    house.stage.run_for(minutes=1)
    house.stage.webhooks_arrive = False
    house.set_connected(True)
    house.stage.run_for(minutes=1)
    assert house.booking(booking.id).verdict is Verdict.AT_RISK

    house.book(departs="2026-03-09")
    house.stage.run_for(minutes=3)

    assert house.booking(booking.id).verdict is Verdict.READY
    watch.assert_settled()


def test_an_offline_lock_puts_a_confirmed_booking_at_risk_and_its_return_ends_that(
    house: House,
) -> None:
    booking = house.book()
    house.stage.run_for(minutes=1)

    house.set_connected(False)
    house.stage.run_for(minutes=1)
    assert house.booking(booking.id).verdict is Verdict.AT_RISK
    assert house.booking(booking.id).problem is ProblemKey.LOCK_OFFLINE
    house.set_connected(True)
    house.stage.run_for(minutes=1)

    assert house.booking(booking.id).verdict is Verdict.READY


def test_a_critical_battery_puts_a_confirmed_booking_at_risk(house: House) -> None:
    booking = house.book()
    house.stage.run_for(minutes=1)

    with house.stage.cloud.steady():
        house.stage.cloud.people.set_battery(house.door, 5)
    house.stage.run_for(minutes=1)

    assert house.booking(booking.id).verdict is Verdict.AT_RISK
    assert house.booking(booking.id).problem is ProblemKey.LOW_BATTERY
