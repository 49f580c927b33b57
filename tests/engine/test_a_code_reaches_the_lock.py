"""A booking's code on the lock and off again, on a lock that behaves."""

from portal.domain.status import Status, Verdict
from tests.support.house import House


def test_a_booking_soon_to_arrive_is_confirmed_within_minutes(house: House) -> None:
    booking = house.book(arrives="2026-03-05", departs="2026-03-08")

    house.stage.run_for(minutes=3)

    assert house.status(booking) is Status.CONFIRMED
    assert house.booking(booking.id).verdict is Verdict.READY
    assert len(house.held()) == 1
    assert [c.kind for c in house.commands()] == ["add"]


def test_the_pin_opens_the_door_for_the_stay_and_not_after_it(house: House) -> None:
    booking = house.book(arrives="2026-03-05", departs="2026-03-08")
    pin = house.pin(booking)

    house.stage.run_for(days=3, hours=7)
    assert house.opens(pin)

    house.stage.run_for(days=3)
    assert not house.opens(pin)
    assert house.held() == []
    assert house.status(booking) is Status.REMOVED


def test_a_far_booking_waits_for_its_lead_time(house: House) -> None:
    booking = house.book(arrives="2026-04-20", departs="2026-04-23")

    house.stage.run_for(days=10)
    assert house.status(booking) is Status.PLANNED
    assert house.commands() == []

    house.stage.run_for(days=33)
    assert house.status(booking) is Status.CONFIRMED
