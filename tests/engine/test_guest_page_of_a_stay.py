"""A guest's page beside the real lock: the PIN stands there exactly while it opens every door."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from benchmarks.stage import Stage
from portal import tenancy
from portal.domain.guest_view import Advice, Sight
from portal.extensions import db
from portal.models import Alert, Booking, Property
from portal.services import bookings, guest_help, guest_links, guest_page
from portal.services.guest_page import GuestPage
from portal.services.ringing import changing
from portal.unit_of_work import writing
from tests.engine.promises import Watch
from tests.support.client import PortalClient
from tests.support.house import House

# Check-in is on Thursday 5 March, 16:00 in New York.
ARRIVES = datetime(2026, 3, 5, 21, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def page_of(house: House, booking: Booking) -> GuestPage:
    db.session.rollback()
    with tenancy.as_account(booking.account_id):
        return guest_page.read(db.session(), booking.id, house.stage.now)


def sight(house: House, booking: Booking) -> Sight:
    return page_of(house, booking).sight


def ask(house: House, booking: Booking) -> None:
    with changing() as session:
        guest_help.ask(session, session.get_one(Booking, booking.id), house.stage.now)
    house.stage.work()


def open_calls() -> list[Alert]:
    db.session.rollback()
    return list(
        db.session.scalars(
            select(Alert).where(Alert.cause == guest_help.CAUSE, Alert.closed_at.is_(None))
        )
    )


def test_from_the_booking_to_the_pin_and_hidden_again_when_the_door_changes(
    house: House, client: PortalClient
) -> None:
    booking = house.book()
    with writing() as session:
        row = session.get_one(Booking, booking.id)
        token = guest_links.renew(session, row, "manager:1", house.stage.now).reveal()

    def seen() -> tuple[str, bool]:
        html = client.get(f"/guest/{token}").text
        found = re.search(r'data-sight="(\w+)"', html)
        digits = re.sub(r"\s|<[^>]*>", "", html)
        return found[1] if found else "", house.pin(booking) in digits

    house.stage.run_for(minutes=3)
    assert seen() == ("early", False)

    house.stage.run_until(ARRIVES - 24 * HOUR)
    assert seen() == ("pin", True)
    assert house.opens(house.pin(booking), at=ARRIVES)

    old_pin = house.pin(booking)
    house.door.script.push("state:Pending", only="add")
    house.new_pin(booking)
    assert house.pin(booking) != old_pin
    assert seen() == ("preparing", False)

    house.stage.run_for(minutes=30)
    assert seen() == ("pin", True)
    assert house.opens(house.pin(booking), at=ARRIVES)

    house.cancel(booking)
    assert seen() == ("", False)


def test_a_second_door_hides_the_pin_until_it_has_it_too(stage: Stage, watch: Watch) -> None:
    house = House(stage, locks=2)
    house.map(house.locks[0])
    booking = house.book()
    stage.run_until(ARRIVES - 2 * HOUR)
    assert sight(house, booking) is Sight.PIN

    house.doors[1].script.push("state:Pending", only="add")
    house.map(*house.locks)
    assert sight(house, booking) is Sight.PREPARING

    stage.run_for(minutes=30)
    assert sight(house, booking) is Sight.PIN
    assert house.opens(house.pin(booking), door=1, at=ARRIVES)


@pytest.mark.parametrize(
    "fault",
    [
        "timeout_not_applied",
        "timeout_applied",
        "nack",
        "webhook_lost",
        "bad_gateway_done",
    ],
)
def test_the_page_never_shows_a_pin_that_does_not_open_the_door(house: House, fault: str) -> None:
    with writing() as session:
        session.get_one(Property, house.place.id).pin_hours_before = 48
    house.door.script.push(fault, only="add")
    booking = house.book(arrives="2026-03-03")
    seen = set()

    for _ in range(90):
        page = page_of(house, booking)
        seen.add(page.sight)
        for keys in page.keys:
            assert house.opens(keys.pin.reveal(), at=booking.starts_at)
        house.stage.run_for(minutes=1)

    assert seen == {Sight.PREPARING, Sight.PIN}


def test_a_call_for_help_checks_the_lock_and_ends_when_the_code_opens_the_door(
    house: House,
) -> None:
    booking = house.book()
    house.stage.run_until(ARRIVES + HOUR)
    sent_before = len(house.commands())

    ask(house, booking)
    help_at_once = page_of(house, booking).help
    house.stage.run_for(minutes=2)
    help_later = page_of(house, booking).help

    assert help_at_once is not None
    assert help_at_once.advice is Advice.CHECKING
    assert [c.kind for c in house.commands()[sent_before:]] == ["update"]
    assert help_later is not None
    assert help_later.advice is Advice.TRY_AGAIN
    assert len(open_calls()) == 1

    assert house.stage.cloud.people.key_in(house.door, house.pin(booking))
    house.stage.run_for(minutes=1)

    assert open_calls() == []
    page = page_of(house, booking)
    assert page.help is None
    assert page.was_let_in


def test_a_call_at_a_lock_that_does_not_answer_says_so_and_goes_on_trying(house: House) -> None:
    booking = house.book()
    house.stage.run_until(ARRIVES + HOUR)
    with house.stage.cloud.steady():
        house.stage.cloud.weather.set_connected(house.door, False)

    ask(house, booking)
    house.stage.run_for(minutes=4)

    found = page_of(house, booking).help
    assert found is not None
    assert found.advice is Advice.NOT_ANSWERING
    assert page_of(house, booking).sight is Sight.PIN
    assert len(open_calls()) == 1


def test_the_old_pin_is_offered_at_the_door_until_the_new_one_is_there(house: House) -> None:
    booking = house.book()
    house.stage.run_until(ARRIVES + HOUR)
    old_pin = house.pin(booking)
    house.door.script.push("state:Pending", only="add")
    house.new_pin(booking)

    ask(house, booking)

    found = page_of(house, booking).help
    assert found is not None
    [other] = found.spares
    assert other.pin.reveal() == old_pin
    assert house.opens(other.pin.reveal())

    house.stage.run_for(minutes=30)
    later = page_of(house, booking)
    assert later.sight is Sight.PIN
    assert later.help is not None
    assert later.help.spares == ()


def test_a_call_ends_with_the_stay(house: House) -> None:
    booking = house.book()
    house.stage.run_until(ARRIVES + HOUR)
    ask(house, booking)

    house.stage.run_for(days=4)
    house.stage.sweep()

    assert open_calls() == []


@pytest.mark.parametrize("change", ["cancel", "move"])
def test_a_stay_that_is_taken_back_takes_the_pin_with_it(house: House, change: str) -> None:
    booking = house.book()
    house.stage.run_until(ARRIVES - 2 * HOUR)
    assert sight(house, booking) is Sight.PIN

    if change == "cancel":
        house.cancel(booking)
        assert sight(house, booking) is Sight.NOTHING
    else:
        with changing() as session:
            row = session.get_one(Booking, booking.id)
            bookings.change_dates(
                session,
                row,
                row.arrives_on + timedelta(days=9),
                None,
                row.departs_on + timedelta(days=9),
                None,
                "manager:1",
            )
        house.stage.work()
        assert sight(house, booking) is Sight.EARLY
