"""Staff codes on the lock itself: their hours, their end, and that they are gone when revoked."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal.domain.door_event import Whose
from portal.domain.notices import STAFF_REMOVAL
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.domain.week import Weekday, WeeklyWindow
from portal.extensions import db
from portal.models import (
    Alert,
    Booking,
    DoorCode,
    DoorEvent,
    Lock,
    PinOrigin,
    PinSource,
    Property,
    StaffCode,
)
from portal.services import bookings, connections, rebuilds, staff_codes
from portal.services.ringing import changing
from portal.services.staff_codes import BadStaffCode, StaffWish
from simulator.schedules import ALWAYS as AT_ANY_TIME
from simulator.script import UNTIL_DELETE_ALL
from tests.engine.promises import Watch
from tests.support.house import House

ALWAYS = "delete_all"
IN_USE = "Access code/code name are already in use"
MONDAYS = WeeklyWindow(frozenset({Weekday.MONDAY}), time(9), time(12))
FRIDAYS = WeeklyWindow(frozenset({Weekday.FRIDAY}), time(13), time(15, 30))


def a_wish(house: House, **changes: Any) -> StaffWish:
    values = {"name": "Rosa Clean", "property_ids": frozenset({house.place.id})}
    return StaffWish(**values | changes)


def hire(house: House, *, minutes: float = 3, **changes: Any) -> StaffCode:
    """A staff code for the whole house, on its locks by the time this returns."""
    with changing() as session:
        staff = staff_codes.create(session, house.account.id, a_wish(house, **changes), "manager:1")
        staff_id = staff.id
    house.stage.run_for(minutes=minutes)
    db.session.rollback()
    return db.session.get_one(StaffCode, staff_id)


def change(house: House, staff: StaffCode, **changes: Any) -> bool:
    with changing() as session:
        row = session.get_one(StaffCode, staff.id)
        is_changed = staff_codes.update(session, row, a_wish(house, **changes), "manager:1")
    house.stage.run_for(minutes=3)
    return is_changed


def revoke(house: House, staff: StaffCode) -> None:
    with changing() as session:
        staff_codes.revoke(session, session.get_one(StaffCode, staff.id), "manager:1")
    house.stage.work()


def doors(staff: StaffCode) -> list[DoorCode]:
    db.session.rollback()
    return list(
        db.session.scalars(
            select(DoorCode).where(DoorCode.staff_code_id == staff.id).order_by(DoorCode.lock_id)
        )
    )


def forget_clock(house: House) -> None:
    """Schlage has not told the lock's time zone yet."""
    with changing() as session:
        session.get_one(Lock, house.lock.id).time_zone = None


def on(house: House, text: str) -> datetime:
    """New York time, where the house stands, in winter."""
    return (datetime.fromisoformat(text) + timedelta(hours=5)).replace(tzinfo=UTC)


def writes(watch: Watch) -> list[str]:
    return [fact.data["command"] for fact in watch.writes]


def test_a_cleaner_gets_in_in_her_hours_and_in_no_others(house: House) -> None:
    staff = hire(house, windows=(MONDAYS, FRIDAYS))
    pin = staff.pin.reveal()

    assert [code.status for code in doors(staff)] == [Status.CONFIRMED]
    assert house.opens(pin, on(house, "2026-03-09T09:30") - timedelta(hours=1))
    assert house.opens(pin, on(house, "2026-03-06T15:29"))
    assert not house.opens(pin, on(house, "2026-03-06T15:30"))
    assert not house.opens(pin, on(house, "2026-03-05T10:00"))


def test_without_hours_and_without_an_end_she_gets_in_always(house: House) -> None:
    staff = hire(house)

    held = house.door.lock_codes.by_pin(staff.pin.reveal())

    assert held is not None
    assert held.schedule.type == "Always"
    assert held.name.startswith("Rosa Clean ")


def test_without_hours_and_with_a_last_day_the_lock_itself_ends_it(house: House) -> None:
    staff = hire(house, ends_on=date(2026, 3, 6))
    pin = staff.pin.reveal()

    assert house.opens(pin, on(house, "2026-03-06T23:59"))
    assert not house.opens(pin, on(house, "2026-03-07T00:00"))


@pytest.mark.parametrize("windows", [(), (MONDAYS,)])
def test_after_the_last_day_it_is_proven_off(
    house: House, watch: Watch, windows: tuple[WeeklyWindow, ...]
) -> None:
    staff = hire(house, ends_on=date(2026, 3, 3), windows=windows)
    house.stage.run_until(on(house, "2026-03-04T01:00"))

    assert [code.status for code in doors(staff)] == [Status.REMOVED]
    assert house.held() == []
    watch.assert_settled()


def test_hours_whose_end_never_reached_the_lock_do_not_end_by_themselves(
    house: House, watch: Watch
) -> None:
    staff = hire(house, ends_on=date(2026, 3, 3), windows=(MONDAYS, FRIDAYS))
    house.set_connected(False)
    change(house, staff, ends_on=date(2026, 3, 3))
    house.stage.run_for(days=1, hours=14)
    house.door.script.push("timeout_listed_only", only="delete", until=UNTIL_DELETE_ALL)

    house.set_connected(True)
    house.stage.run_for(hours=6)

    assert house.held() != []
    assert [code.status for code in doors(staff)] == [Status.REMOVING]


def test_hours_that_no_list_shows_are_not_over_with_the_end_that_was_wanted_instead(
    house: House, watch: Watch
) -> None:
    house.door.script.push("split_brain_a", only="add")
    staff = hire(house, minutes=0.3, ends_on=date(2026, 3, 3), windows=(MONDAYS, FRIDAYS))
    with changing() as session:
        row = session.get_one(StaffCode, staff.id)
        digits = staff_codes.show_pin(session, row, "manager:1").reveal()
    change(house, staff, ends_on=date(2026, 3, 3))

    house.stage.run_until(on(house, "2026-03-04T06:00"))

    assert house.opens(digits, on(house, "2026-03-06T14:00"))
    assert [code.status for code in doors(staff)] == [Status.REMOVING]


def test_hours_that_only_an_older_attempt_brought_to_the_lock_are_not_taken_for_the_newer(
    house: House, watch: Watch
) -> None:
    house.book("before")
    house.stage.run_for(minutes=5)
    house.door.script.push("split_brain_a", only="add")
    house.door.script.push("timeout_listed_only", only="add")
    house.door.script.push(f"failed:{IN_USE}", only="update")
    staff = hire(house, minutes=0.3, windows=(MONDAYS,))
    change(house, staff, windows=(FRIDAYS,))

    for _ in range(30):
        house.stage.run_for(minutes=1)
        watch.assert_kept()

    assert [code.status for code in doors(staff)] == [Status.CONFIRMED]


def test_hours_to_be_sent_again_when_the_last_day_is_over_are_not_shown_as_removed(
    house: House, watch: Watch
) -> None:
    house.book("before")
    house.stage.run_for(minutes=5)
    house.door.script.push("split_brain_a", only="add")
    staff = hire(house, minutes=0.3, ends_on=date(2026, 3, 2), windows=(MONDAYS,))
    house.set_connected(False)

    house.stage.run_until(on(house, "2026-03-03T06:00"))

    assert house.opens(staff.pin.reveal(), on(house, "2026-03-09T10:00"))
    assert [code.status for code in doors(staff)] == [Status.REMOVING]


def test_hours_of_an_add_beside_the_one_that_the_lock_denies_are_in_doubt_for_good(
    house: House, watch: Watch
) -> None:
    for fault in ("split_brain_a", "timeout_listed_only"):
        house.door.script.push(fault, only="add")
    staff = hire(house, minutes=0.3, ends_on=date(2026, 3, 3), windows=(MONDAYS,))
    house.stage.run_for(minutes=2.6)

    revoke(house, staff)
    house.stage.run_until(on(house, "2026-03-05T06:00"))

    assert house.opens(staff.pin.reveal(), on(house, "2026-03-09T10:00"))
    [code] = doors(staff)
    assert (code.status, code.problem) == (Status.REMOVING, ProblemKey.SPLIT_BRAIN)
    assert writes(watch).count("delete") == 1


def test_the_last_day_is_of_the_locks_own_clock_also_where_that_is_learnt_later(
    house: House, watch: Watch
) -> None:
    forget_clock(house)
    staff = hire(house, ends_on=date(2026, 3, 3))
    pin = staff.pin.reveal()

    connections.check(house.connection.id)
    house.stage.run_for(minutes=5)

    assert house.opens(pin, on(house, "2026-03-03T23:59"))
    assert not house.opens(pin, on(house, "2026-03-04T00:00"))
    assert writes(watch) == ["add", "update"]


def test_a_last_day_that_is_over_by_the_clock_learnt_later_ends_at_once(watch: Watch) -> None:
    house = House(watch.stage, zone="Asia/Tokyo")
    forget_clock(house)
    staff = hire(house, ends_on=date(2026, 3, 2))
    assert house.opens(staff.pin.reveal())

    # Midnight was an hour ago in Tokyo, and is in eight hours in Greenwich.
    house.stage.run_for(hours=1)
    connections.check(house.connection.id)
    house.stage.run_for(minutes=5)

    assert not house.opens(staff.pin.reveal())
    assert [code.status for code in doors(staff)] == [Status.REMOVED]
    watch.assert_settled()


def test_other_hours_go_to_the_same_code_with_the_same_pin(house: House, watch: Watch) -> None:
    staff = hire(house, windows=(MONDAYS,))
    pin = staff.pin.reveal()
    was = house.door.lock_codes.by_pin(pin)

    assert change(house, staff, windows=(FRIDAYS,))

    now = house.door.lock_codes.by_pin(pin)
    assert writes(watch) == ["add", "update"]
    assert was is not None
    assert now is not None
    assert now.name == was.name
    assert house.opens(pin, on(house, "2026-03-06T14:00"))
    assert not house.opens(pin, on(house, "2026-03-09T10:00") - timedelta(hours=1))


def test_from_hours_to_always_and_back_are_updates_too(house: House, watch: Watch) -> None:
    staff = hire(house, windows=(MONDAYS,))

    change(house, staff)
    change(house, staff, ends_on=date(2026, 4, 1))
    change(house, staff, windows=(FRIDAYS,))

    assert writes(watch) == ["add", "update", "update", "update"]
    assert [code.status for code in doors(staff)] == [Status.CONFIRMED]


def test_the_same_wish_again_changes_nothing(house: House, watch: Watch) -> None:
    staff = hire(house, windows=(MONDAYS,))

    assert not change(house, staff, windows=(MONDAYS,))
    assert writes(watch) == ["add"]


def test_another_pin_is_there_before_the_old_one_goes(house: House, watch: Watch) -> None:
    staff = hire(house)
    old = staff.pin.reveal()

    change(house, staff, pin=Secret("730951"))
    house.stage.run_for(minutes=3)

    assert writes(watch) == ["add", "add", "delete"]
    assert house.opens("730951")
    assert not house.opens(old)


def test_a_revoked_code_is_removing_until_each_lock_has_proven_it(
    watch: Watch,
) -> None:
    house = House(watch.stage, locks=2)
    staff = hire(house)
    house.doors[1].script.push("nack", only="delete", until=ALWAYS)

    revoke(house, staff)
    house.stage.run_for(minutes=5)
    assert [code.status for code in doors(staff)] == [Status.REMOVED, Status.REMOVING]

    house.doors[1].script.end(ALWAYS)
    house.stage.run_for(hours=1)
    assert [code.status for code in doors(staff)] == [Status.REMOVED] * 2
    assert house.held(0) == house.held(1) == []
    watch.assert_settled()


@pytest.mark.parametrize("windows", [(), (MONDAYS,)])
def test_half_an_hour_after_revoking_an_unproven_lock_is_alarmed(
    house: House, windows: tuple[WeeklyWindow, ...]
) -> None:
    staff = hire(house, windows=windows)
    house.door.script.push("nack", only="delete", until=ALWAYS)

    revoke(house, staff)
    house.stage.run_for(minutes=31)
    house.stage.sweep()

    (code,) = doors(staff)
    keys = set(db.session.scalars(select(Alert.key).where(Alert.closed_at.is_(None))))
    assert keys == {f"{STAFF_REMOVAL}:{code.lock_id}:{staff.id}"}


def test_a_revoked_code_that_no_list_shows_asks_for_the_one_step_that_clears_the_lock(
    house: House,
) -> None:
    house.door.script.push(f"failed:{IN_USE}", only="add", until=ALWAYS)
    staff = hire(house)
    house.stage.run_for(hours=1)

    revoke(house, staff)
    house.stage.run_for(minutes=31)
    house.stage.sweep()

    (code,) = doors(staff)
    assert (code.status, code.problem) == (Status.REMOVING, ProblemKey.SPLIT_BRAIN)
    alerts = db.session.execute(select(Alert.key, Alert.cause).where(Alert.closed_at.is_(None)))
    assert [tuple(row) for row in alerts] == [
        (f"{STAFF_REMOVAL}:{code.lock_id}:{staff.id}", str(ProblemKey.SPLIT_BRAIN))
    ]

    with changing() as session:
        rebuilds.start(session, session.get_one(Lock, code.lock_id), "manager:1", by_command=True)
    house.stage.run_for(minutes=10)
    house.stage.sweep()

    (code,) = doors(staff)
    assert (code.status, code.problem) == (Status.REMOVED, None)
    assert not db.session.scalars(select(Alert).where(Alert.closed_at.is_(None))).all()


def test_a_revoked_code_that_only_the_locks_log_tells_of_asks_for_that_step_too(
    house: House,
) -> None:
    house.book("before")
    house.stage.run_for(minutes=5)
    house.door.script.push("split_brain_a", only="add")
    staff = hire(house, minutes=0.3)

    revoke(house, staff)
    house.stage.run_for(minutes=40)

    [code] = doors(staff)
    assert house.opens(staff.pin.reveal())
    assert (code.status, code.problem) == (Status.REMOVING, ProblemKey.SPLIT_BRAIN)
    assert house.open_alerts() == [str(ProblemKey.SPLIT_BRAIN)]


def test_a_lock_mapped_later_gets_the_code_and_one_unmapped_loses_it(watch: Watch) -> None:
    house = House(watch.stage, locks=2)
    house.map(house.locks[0])
    staff = hire(house)
    pin = staff.pin.reveal()

    house.map(*house.locks)
    house.stage.run_for(minutes=3)
    assert house.opens(pin, door=1)

    house.map(house.locks[1])
    house.stage.run_for(minutes=3)
    assert (house.opens(pin, door=0), house.opens(pin, door=1)) == (False, True)


def test_a_pin_that_one_of_its_locks_would_refuse_names_the_lock(watch: Watch) -> None:
    house = House(watch.stage, locks=2)
    other = house.locks[1]
    watch.add_foreign(house.doors[1], "Neighbour", "730951")
    house.stage.run_for(hours=25)

    with pytest.raises(BadStaffCode, match=other.name), changing() as session:
        staff_codes.create(
            session, house.account.id, a_wish(house, pin=Secret("730988")), "manager:1"
        )


def of_two_lengths(watch: Watch) -> House:
    """Two doors whose locks take PINs of four and of six digits and no others."""
    house = House(watch.stage, locks=2, vlac=False)
    for door, length in zip(house.doors, (4, 6), strict=True):
        door.code_length = length
    connections.check(house.connection.id)
    house.stage.work()
    return house


def test_one_code_for_locks_that_agree_on_no_length_is_refused_and_made_as_two(
    watch: Watch,
) -> None:
    house = of_two_lengths(watch)

    with pytest.raises(BadStaffCode, match="two codes") as refused:
        hire(house)

    assert refused.value.field == "places"
    for lock in house.locks:
        staff = hire(house, property_ids=frozenset(), lock_ids=frozenset({lock.id}))
        assert [code.status for code in doors(staff)] == [Status.CONFIRMED]


def test_a_door_whose_length_the_code_cannot_have_is_not_added_to_it(watch: Watch) -> None:
    house = of_two_lengths(watch)
    four, six = house.locks
    staff = hire(house, property_ids=frozenset(), lock_ids=frozenset({four.id}))

    with pytest.raises(BadStaffCode, match="two codes"):
        change(house, staff, property_ids=frozenset(), lock_ids=frozenset({four.id, six.id}))

    assert [code.lock_id for code in doors(staff)] == [four.id]


def test_a_lock_of_another_length_that_is_mapped_later_asks_a_person_and_spares_the_other_door(
    watch: Watch,
) -> None:
    house = of_two_lengths(watch)
    house.map(house.locks[0])
    staff = hire(house)
    pin = staff.pin.reveal()

    house.map(*house.locks)
    house.stage.run_for(hours=1)

    assert [code.status for code in doors(staff)] == [Status.CONFIRMED, Status.NEEDS_YOU]
    assert doors(staff)[1].problem is ProblemKey.WRONG_LENGTH
    assert house.opens(pin)
    assert writes(watch) == ["add"]


def test_a_guests_digits_that_clash_with_a_staff_code_fall_back_to_random(house: House) -> None:
    hire(house, pin=Secret("550199"))
    with bookings.changing() as session:
        session.get_one(Property, house.place.id).pin_source = PinSource.PHONE
    booking = house.book()
    with bookings.changing() as session:
        row = session.get_one(Booking, booking.id)
        row.pin, row.guest_phone = None, "+1 212 555 0142"
        bookings.new_pin(session, row, "manager:1")
    house.stage.run_for(minutes=5)

    booking = house.booking(booking.id)
    assert booking.pin_origin is PinOrigin.RANDOM
    assert "taken on this lock" in booking.pin_note
    assert house.status(booking) is Status.CONFIRMED


def test_a_code_changed_to_always_in_another_app_gets_its_hours_back(
    house: House, watch: Watch
) -> None:
    staff = hire(house, windows=(MONDAYS,))
    held = house.door.lock_codes.by_pin(staff.pin.reveal())
    assert held is not None

    watch.excuse(held.name)
    house.stage.cloud.people.edit_code(house.door, held.id, schedule=AT_ANY_TIME)
    house.stage.run_for(hours=25)

    again = house.door.lock_codes.by_pin(staff.pin.reveal())
    assert again is not None
    assert again.schedule.type == "Recurring"


def test_a_staff_code_waits_for_guests(house: House, watch: Watch) -> None:
    with changing() as session:
        staff_codes.create(session, house.account.id, a_wish(house), "manager:1")
    house.book()
    house.stage.run_for(minutes=5)

    names = [fact.data["name"].split()[0] for fact in watch.writes]
    assert sorted(names) == ["Ana", "Rosa"]
    watch.assert_settled()


def test_who_opened_the_door_with_a_staff_code_is_told(house: House) -> None:
    staff = hire(house)

    house.stage.cloud.people.key_in(house.door, staff.pin.reveal())
    house.stage.run_for(minutes=1)

    assert doors(staff)[0].proven_at is not None
    [event] = db.session.scalars(select(DoorEvent))
    assert (event.whose, event.name) == (Whose.STAFF, staff.name)
