"""A guest whose door does not open gets a spare from their own page: once, and only at the door."""

import pytest
from sqlalchemy import select

from benchmarks.stage import Stage
from portal import tenancy
from portal.extensions import db
from portal.models import Booking, DoorCode
from portal.services import guest_help, guest_page
from portal.services.guest_page import GuestPage
from portal.services.ringing import changing
from tests.engine.promises import Watch
from tests.support.house import House, hours

ALWAYS = "delete_all"  # a fault that stays until somebody presses Delete All


@pytest.fixture
def house(stage: Stage, watch: Watch) -> House:
    house = House(stage, spares=2)
    stage.run_for(minutes=5)
    return house


def ask(house: House, booking: Booking) -> GuestPage:
    """The guest says that the door does not open; what their page shows then."""
    with changing() as session:
        guest_help.ask(session, session.get_one(Booking, booking.id), house.stage.now)
    house.stage.work()
    db.session.rollback()
    with tenancy.as_account(booking.account_id):
        return guest_page.read(db.session(), booking.id, house.stage.now)


def pins_shown(page: GuestPage) -> list[str]:
    assert page.help is not None
    return [spare.pin.reveal() for spare in page.help.spares]


def given(booking: Booking) -> list[DoorCode]:
    db.session.rollback()
    return list(db.session.scalars(select(DoorCode).where(DoorCode.given_to_id == booking.id)))


def test_a_door_that_lacks_the_code_gives_a_spare_at_the_first_word(house: House) -> None:
    house.door.script.push("nack", only="add", until=ALWAYS)
    booking = house.book(arrives="2026-03-02T11:30", departs="2026-03-03")
    house.stage.run_until(booking.starts_at)

    [pin] = pins_shown(ask(house, booking))

    assert house.opens(pin)
    assert pins_shown(ask(house, booking)) == [pin], "one spare for a door, however often asked"
    assert len(given(booking)) == 1


def test_a_door_that_holds_the_code_gives_one_only_when_the_guest_has_tried_again(
    house: House,
) -> None:
    booking = house.book(arrives="2026-03-02T11:30", departs="2026-03-03")
    house.stage.run_until(booking.starts_at + hours(1))

    assert pins_shown(ask(house, booking)) == []
    assert pins_shown(ask(house, booking)) == [], "a button pressed twice is one word"
    house.stage.run_for(minutes=2)
    [pin] = pins_shown(ask(house, booking))

    assert pin != house.pin(booking)
    assert house.opens(pin)


def test_a_spare_given_at_the_door_goes_with_the_stay(house: House, watch: Watch) -> None:
    house.door.script.push("nack", only="add", until=ALWAYS)
    booking = house.book(arrives="2026-03-02T11:30", departs="2026-03-03")
    house.stage.run_until(booking.starts_at)
    [pin] = pins_shown(ask(house, booking))
    house.door.script.clear()

    house.stage.run_until(booking.ends_at + hours(2))

    assert not house.opens(pin)
    watch.assert_kept()


def test_a_spare_that_opens_the_door_ends_the_call_for_help(house: House) -> None:
    house.door.script.push("nack", only="add", until=ALWAYS)
    booking = house.book(arrives="2026-03-02T11:30", departs="2026-03-03")
    house.stage.run_until(booking.starts_at)
    [pin] = pins_shown(ask(house, booking))

    house.stage.cloud.people.key_in(house.door, pin)
    house.stage.run_for(minutes=1)

    db.session.rollback()
    assert guest_help.call_of(db.session(), booking.id) is None
    assert house.booking(booking.id).proven_at is not None
