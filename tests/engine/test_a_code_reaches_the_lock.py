"""A booking's code on the lock and off again, on a lock that behaves."""

import pytest

from portal.domain import label
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


def test_many_stays_under_one_guests_name_have_names_of_their_own_on_the_lock(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label, "_ALPHABET", "ab")  # sixteen tags, so that they repeat
    for day in range(3, 9):
        house.book(f"b{day}", f"2026-03-{day:02}", f"2026-03-{day + 1:02}", guest="Reserved")
    house.stage.run_for(minutes=10)

    assert len(set(house.held())) == 6
