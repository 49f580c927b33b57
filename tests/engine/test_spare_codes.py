"""Spares: confirmed ahead, renewed, handed out once, gone at check-out; never in a guest's way."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from benchmarks.stage import Stage
from portal.domain import spare
from portal.domain.door_event import Whose
from portal.domain.problems import ProblemKey
from portal.domain.snapshot import CAPACITY
from portal.domain.status import Status, Verdict
from portal.domain.verdict import Reason
from portal.extensions import db
from portal.models import Alert, Booking, DoorCode, DoorEvent, Property
from portal.services import bookings, properties, spares, stays
from portal.services.ringing import changing
from portal.services.spares import NoSpare
from tests.engine.promises import Watch
from tests.support.house import House, hours

ALWAYS = "delete_all"  # a fault that stays until somebody presses Delete All


@pytest.fixture
def house(stage: Stage, watch: Watch) -> House:
    """A house whose door keeps two spares, both confirmed."""
    house = House(stage, spares=2)
    stage.run_for(minutes=5)
    assert [s.status for s in house.stock()] == [Status.CONFIRMED] * 2
    return house


def hand_out(house: House, booking: Booking) -> list[DoorCode]:
    with changing() as session:
        row = session.get_one(Booking, booking.id)
        given = spares.hand_out(session, row, "manager:1", house.stage.now)
        ids = [code.id for code in given]
    house.stage.work()
    db.session.rollback()
    return [db.session.get_one(DoorCode, code_id) for code_id in ids]


def a_guest_whose_code_fails(house: House) -> Booking:
    """A booking of the last minute whose adds all fail, an hour before check-in."""
    house.door.script.push("nack", only="add", until=ALWAYS)
    booking = house.book(arrives="2026-03-02T11:30", departs="2026-03-03")
    house.stage.run_until(booking.starts_at - hours(1))
    assert house.status(booking) is not Status.CONFIRMED
    return house.booking(booking.id)


def pin_of(code: DoorCode) -> str:
    assert code.pin is not None
    return code.pin.reveal()


def judged(house: House, booking: Booking) -> stays.Stay:
    db.session.rollback()
    stay = stays.find(db.session(), booking.id, house.stage.now)
    assert stay is not None
    return stay


# In stock


def test_a_mapped_lock_has_two_spares_that_open_it_and_end(house: House, watch: Watch) -> None:
    for code in house.stock():
        held = house.door.lock_codes.by_pin(pin_of(code))
        assert held is not None
        assert held.schedule.type == "Temporary"
        assert held.schedule.end == code.ends_at
        assert house.opens(pin_of(code))
    assert len({pin_of(code)[:4] for code in house.stock()}) == 2


def test_guests_are_sent_before_spares(stage: Stage, watch: Watch) -> None:
    house = House(stage)
    booking = house.book()
    with changing() as session:
        properties.update(session, session.get_one(Property, house.place.id), spare_codes=2)
    stage.run_for(minutes=5)

    order = [fact.data["name"].split()[0] for fact in watch.writes]

    assert order == ["Ana", "Spare", "Spare"]
    assert house.status(booking) is Status.CONFIRMED


def test_a_spare_is_renewed_in_place_long_before_it_ends(house: House) -> None:
    pins = [pin_of(code) for code in house.stock()]
    first_end = house.stock()[0].ends_at

    house.stage.run_until(first_end - spare.RENEWED_BEFORE + timedelta(hours=1))

    assert [pin_of(code) for code in house.stock()] == pins
    for code in house.stock():
        held = house.door.lock_codes.by_pin(pin_of(code))
        assert held is not None
        assert held.schedule.end == code.ends_at
        assert code.ends_at > first_end
        assert code.status is Status.CONFIRMED


def test_fewer_are_wanted_and_fewer_are_there(house: House, watch: Watch) -> None:
    with changing() as session:
        properties.update(session, session.get_one(Property, house.place.id), spare_codes=0)
    house.stage.run_for(minutes=10)

    assert house.held() == []
    assert [s.status for s in house.spares()] == [Status.REMOVED] * 2
    watch.assert_settled()


def test_a_lock_that_opens_nothing_any_more_keeps_none(house: House) -> None:
    house.map()
    house.stage.run_for(minutes=10)

    assert house.held() == []


def test_a_spare_refused_as_in_use_gets_other_digits(stage: Stage, watch: Watch) -> None:
    house = House(stage)
    house.door.script.push("split_brain_a")
    with changing() as session:
        properties.update(session, session.get_one(Property, house.place.id), spare_codes=1)
    stage.run_for(hours=2)

    assert [s.status for s in house.stock()] == [Status.CONFIRMED]
    assert house.opens(pin_of(house.stock()[0]))


def test_a_spare_that_somebody_keeps_deleting_gives_way_to_a_new_one_a_day_later(
    stage: Stage, watch: Watch
) -> None:
    house = House(stage, spares=1)
    stage.run_for(minutes=5)
    old = pin_of(house.stock()[0])
    for _ in range(3):
        [held] = house.door.lock_codes
        watch.excuse(held.name)
        stage.cloud.people.remove_code(house.door, held.id)
        stage.run_for(minutes=10)
    assert [code.status for code in house.stock()] == [Status.NEEDS_YOU]

    stage.run_for(hours=25)

    assert [code.status for code in house.stock()] == [Status.CONFIRMED]
    assert pin_of(house.stock()[0]) != old
    assert house.opens(pin_of(house.stock()[0]))
    watch.assert_settled()


def test_a_spare_that_ran_out_while_nobody_could_call_is_replaced(house: House) -> None:
    old = [pin_of(code) for code in house.stock()]
    house.stage.bell.is_deaf = True
    house.stage.run_for(days=91)
    house.stage.bell.is_deaf = False
    house.stage.sweep()
    house.stage.run_for(hours=2)

    fresh = [pin_of(code) for code in house.stock()]

    assert not set(fresh) & set(old)
    assert all(house.opens(pin) for pin in fresh)
    assert [s.status for s in house.spares()[:2]] == [Status.REMOVED] * 2


# Never in a guest's way


def fill(house: House, watch: Watch, free: int) -> None:
    """Codes of others take every place but these."""
    held = [code.pin for code in house.door.lock_codes]
    taken = {pin[:4] for pin in held}
    digits = (f"{start}99" for start in range(1000, 10_000, 7) if str(start) not in taken)
    for number in range(CAPACITY - len(held) - free):
        watch.add_foreign(house.door, f"Other {number}", next(digits))
    house.stage.sweep()
    house.stage.run_for(hours=25)


def test_on_a_full_lock_a_spare_makes_room_for_a_guest(house: House, watch: Watch) -> None:
    fill(house, watch, free=0)

    booking = house.book(arrives="2026-03-09", departs="2026-03-11")
    house.stage.run_for(minutes=15)

    assert house.status(booking) is Status.CONFIRMED
    assert len(house.stock()) == 1
    assert len(house.door.lock_codes) == CAPACITY


def test_a_nearly_full_lock_gets_no_spare_and_no_person_is_asked(
    stage: Stage, watch: Watch
) -> None:
    house = House(stage)
    fill(house, watch, free=spare.PLACES_LEFT_FREE)
    with changing() as session:
        properties.update(session, session.get_one(Property, house.place.id), spare_codes=2)
    stage.run_for(hours=1)

    assert house.stock() == []
    assert len(house.door.lock_codes) == CAPACITY - spare.PLACES_LEFT_FREE


def test_digits_that_a_person_gave_a_guest_go_before_a_spare_with_the_same(
    house: House,
) -> None:
    wished = pin_of(house.stock()[0])[:4] + "73"

    booking = house.book(pin=wished)
    house.stage.run_for(minutes=15)

    assert house.pin(booking) == wished
    assert house.status(booking) is Status.CONFIRMED
    assert all(pin_of(code)[:4] != wished[:4] for code in house.stock())
    assert len(house.stock()) == 2


# Handed out


def test_a_guest_without_a_code_gets_in_with_the_spare(house: House) -> None:
    booking = a_guest_whose_code_fails(house)
    assert judged(house, booking).can_have_spare

    (given,) = hand_out(house, booking)
    assert house.opens(pin_of(given)), "the lock keeps it while its window travels"
    house.stage.run_for(minutes=5)

    held = house.door.lock_codes.by_pin(pin_of(given))
    assert held is not None
    code = house.code(booking)
    assert (held.schedule.start, held.schedule.end) == (code.starts_at, code.ends_at)
    assert house.opens(pin_of(given), booking.starts_at)
    assert not house.opens(pin_of(given), code.ends_at + hours(1))


def test_the_verdict_says_that_the_spare_opens_and_is_never_green(house: House) -> None:
    booking = a_guest_whose_code_fails(house)
    assert judged(house, booking).verdict is Verdict.NOT_READY

    hand_out(house, booking)
    house.stage.run_for(minutes=5)

    stay = judged(house, booking)
    assert (stay.verdict, stay.judgement.reason) == (Verdict.AT_RISK, Reason.SPARE_GIVEN)
    assert not stay.can_have_spare
    assert house.booking(booking.id).verdict is Verdict.AT_RISK


def test_handing_out_twice_gives_the_same_spare(house: House) -> None:
    booking = a_guest_whose_code_fails(house)

    first = hand_out(house, booking)
    house.stage.run_for(minutes=5)
    again = hand_out(house, booking)

    assert [code.id for code in again] == [code.id for code in first]
    assert house.told(booking).count("spare_given") == 1


def test_each_door_that_lacks_the_code_gives_one(stage: Stage, watch: Watch) -> None:
    house = House(stage, locks=2, spares=1)
    stage.run_for(minutes=5)
    house.doors[1].script.push("nack", only="add", until=ALWAYS)
    booking = house.book(arrives="2026-03-02T11:30")
    stage.run_until(booking.starts_at - hours(1))

    given = hand_out(house, booking)

    assert [code.lock_id for code in given] == [house.locks[1].id]
    assert house.status(booking, door=0) is Status.CONFIRMED


def test_two_stays_are_given_two_spares(house: House) -> None:
    first = a_guest_whose_code_fails(house)
    second = house.book("b2", arrives="2026-03-02T11:45", guest="Ben Guest")
    house.stage.run_for(minutes=1)

    given = [*hand_out(house, first), *hand_out(house, second)]

    assert len({pin_of(code) for code in given}) == 2


def test_before_the_last_two_hours_nobody_gets_one(house: House) -> None:
    house.door.script.push("nack", only="add", until=ALWAYS)
    booking = house.book(arrives="2026-03-02T12:30")
    house.stage.run_until(booking.starts_at - hours(2) - timedelta(minutes=1))

    with pytest.raises(NoSpare, match="two hours before check-in"):
        hand_out(house, booking)


def test_after_check_out_nobody_gets_one(house: House) -> None:
    booking = a_guest_whose_code_fails(house)
    house.door.script.end(ALWAYS)
    house.stage.run_until(booking.ends_at)

    with pytest.raises(NoSpare):
        hand_out(house, booking)


def test_a_guest_whose_code_is_confirmed_gets_none(house: House) -> None:
    booking = house.book(arrives="2026-03-02T11:30")
    house.stage.run_until(booking.starts_at - hours(1))

    assert not judged(house, booking).can_have_spare
    with pytest.raises(NoSpare, match="No lock that lacks"):
        hand_out(house, booking)


def test_a_spare_that_a_read_does_not_show_is_not_handed_out(house: House) -> None:
    for code in house.stock():
        held = house.door.lock_codes.by_pin(pin_of(code))
        assert held is not None
        house.stage.cloud.people.remove_code(house.door, held.id)
    house.stage.run_for(seconds=30)
    booking = house.book()

    ready = spares.ready_on(db.session(), [house.lock.id], house.stage.now)

    assert booking
    assert all(house.opens(pin_of(code)) for code in ready.get(house.lock.id, []))


def test_the_own_code_that_comes_after_all_joins_the_spare(house: House) -> None:
    booking = a_guest_whose_code_fails(house)
    (given,) = hand_out(house, booking)

    house.door.script.end(ALWAYS)
    house.stage.run_for(hours=1)

    assert house.status(booking) is Status.CONFIRMED
    assert house.opens(house.pin(booking))
    assert house.opens(pin_of(given))
    assert judged(house, booking).verdict is Verdict.READY


# After use


def test_at_check_out_the_spare_is_proven_off_and_another_has_taken_its_place(
    house: House, watch: Watch
) -> None:
    booking = a_guest_whose_code_fails(house)
    (given,) = hand_out(house, booking)
    house.door.script.end(ALWAYS)
    house.stage.run_for(minutes=10)
    assert len(house.stock()) == 2, "the next guest in need finds one"
    house.stage.run_until(booking.ends_at + hours(3))

    db.session.rollback()
    assert db.session.get_one(DoorCode, given.id).status is Status.REMOVED
    assert house.door.lock_codes.by_pin(pin_of(given)) is None
    assert len(house.stock()) == 2
    assert judged(house, booking).judgement.reason is Reason.STAY_OVER
    watch.assert_settled()


def test_a_spare_not_proven_off_after_check_out_is_alarmed(house: House) -> None:
    booking = a_guest_whose_code_fails(house)
    (given,) = hand_out(house, booking)
    house.door.script.end(ALWAYS)
    house.stage.run_for(hours=2)
    house.door.script.push("nack", only="delete", until=ALWAYS)

    house.stage.run_until(booking.ends_at + hours(2))
    house.stage.sweep()

    db.session.rollback()
    keys = set(db.session.scalars(select(Alert.key).where(Alert.closed_at.is_(None))))
    assert f"{ProblemKey.REMOVAL_UNCONFIRMED}:{given.id}" in keys
    assert judged(house, booking).judgement.reason is Reason.REMOVAL_LATE


def test_the_spare_follows_the_stay_that_it_was_given_for(house: House) -> None:
    booking = a_guest_whose_code_fails(house)
    (given,) = hand_out(house, booking)
    house.stage.run_for(minutes=5)

    with bookings.changing() as session:
        row = session.get_one(Booking, booking.id)
        leaves = row.departs_on + timedelta(days=2)
        bookings.change_dates(session, row, row.arrives_on, None, leaves, None, "manager:1")
    house.stage.run_for(minutes=5)

    held = house.door.lock_codes.by_pin(pin_of(given))
    assert held is not None
    assert held.schedule.end == house.code(booking).ends_at


def test_a_cancelled_booking_takes_its_spare_along(house: House) -> None:
    booking = a_guest_whose_code_fails(house)
    (given,) = hand_out(house, booking)

    with bookings.changing() as session:
        bookings.cancel(session, session.get_one(Booking, booking.id), "manager:1")
    house.stage.run_for(minutes=5)

    assert not house.opens(pin_of(given))
    db.session.rollback()
    assert db.session.get_one(DoorCode, given.id).status is Status.REMOVED


def test_the_guest_who_comes_in_with_the_spare_has_proven_it(house: House) -> None:
    booking = a_guest_whose_code_fails(house)
    (given,) = hand_out(house, booking)
    house.stage.run_until(booking.starts_at + hours(1))

    house.stage.cloud.people.key_in(house.door, pin_of(given))
    house.stage.run_for(minutes=1)

    assert house.booking(booking.id).proven_at is not None
    assert "door_opened" in house.told(booking)
    [event] = db.session.scalars(select(DoorEvent))
    assert (event.whose, event.booking_id) == (Whose.GUEST, booking.id)


def test_a_spare_that_nobody_was_given_is_no_guest_in_the_entry_log(house: House) -> None:
    house.stage.cloud.people.key_in(house.door, pin_of(house.stock()[0]))
    house.stage.run_for(minutes=1)

    db.session.rollback()
    [event] = db.session.scalars(select(DoorEvent))
    assert (event.whose, event.booking_id) == (Whose.SPARE, None)


def test_spares_come_back_after_a_rebuild(house: House) -> None:
    pins = {pin_of(code) for code in house.stock()}
    house.stage.cloud.people.delete_all(house.door)
    house.stage.run_for(days=2)

    assert {pin_of(code) for code in house.stock()} == pins
    assert all(house.opens(pin) for pin in pins)


def test_the_date_of_a_start_is_a_whole_minute() -> None:
    moment = datetime.fromisoformat("2026-03-02T15:00:31+00:00")

    assert spare.window_from(moment).starts_at == moment.replace(second=0)
