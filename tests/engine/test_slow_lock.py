"""A lock slowed down by failures: one probe at a time, and never in the way of what matters now."""

from datetime import timedelta

import pytest

from portal.domain.health import Sign
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Booking
from portal.services import lock_health
from simulator.script import UNTIL_DELETE_ALL
from tests.engine.promises import Watch
from tests.support.house import House


@pytest.fixture
def inside(house: House) -> Booking:
    """A guest is inside with a code that works, and since then every add of the lock fails."""
    booking = house.book(arrives="2026-03-02T10:00", departs="2026-03-06")
    house.stage.run_for(minutes=5)
    assert house.status(booking) is Status.CONFIRMED
    house.door.script.push("nack", only="add", until=UNTIL_DELETE_ALL)
    for number in range(2, 6):
        house.book(f"b{number}", f"2026-03-{number + 5:02}", f"2026-03-{number + 6:02}")
    house.stage.run_for(hours=3)
    while not is_slowed_for(house, timedelta(minutes=5)):
        house.stage.run_for(minutes=1)
    return house.booking(booking.id)


def is_slowed_for(house: House, pause: timedelta) -> bool:
    until = house.lock.breaker_until
    return until is not None and until > house.stage.now + pause


def test_three_equal_failures_slow_the_lock_down_to_one_probe_at_a_time(
    house: House, watch: Watch
) -> None:
    house.set_connected(False)
    for number in range(6):
        house.book(f"b{number}", f"2026-03-{5 + number:02}", f"2026-03-{6 + number:02}")

    house.stage.run_for(hours=2)

    assert house.lock.breaker_until is not None
    assert len(watch.writes) <= 20
    house.set_connected(True)
    house.stage.run_for(minutes=10)
    watch.assert_settled()


def test_a_cancelled_guest_is_out_although_all_else_fails(house: House, inside: Booking) -> None:
    pin = house.pin(inside)

    house.cancel(inside)
    house.stage.run_for(minutes=2)

    assert not house.opens(pin)
    assert house.status(inside) is Status.REMOVED


def test_a_guest_who_books_at_the_door_is_tried_at_once(house: House, inside: Booking) -> None:
    house.door.script.end(UNTIL_DELETE_ALL)

    booking = house.book("late", arrives="2026-03-02T14:00", departs="2026-03-03")
    house.stage.run_for(minutes=2)

    assert house.status(booking) is Status.CONFIRMED


def test_a_stay_made_longer_is_tried_at_once(house: House, inside: Booking) -> None:
    changed = house.book(arrives="2026-03-02T10:00", departs="2026-03-07")
    house.stage.run_for(minutes=2)

    held = house.door.lock_codes.by_pin(house.pin(changed))
    assert held is not None
    assert held.schedule.end == house.code(changed).ends_at


def test_a_lock_that_only_ever_answers_nack_is_called_unreliable(
    house: House, watch: Watch
) -> None:
    house.door.script.push("nack", until=UNTIL_DELETE_ALL)
    for number in range(6):
        house.book(f"b{number}", f"2026-03-{5 + number:02}", f"2026-03-{6 + number:02}")

    house.stage.run_for(hours=6)

    lock = house.lock
    [found] = lock_health.findings(db.session(), [lock.id], house.stage.now)[lock.id]
    assert found.sign is Sign.NO_ANSWER
    assert found.times == found.of == found.nacks >= 5
