"""Alerts on what a person should know of: opened, kept, handed on, closed by what is so now."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal import clock
from portal.domain.problems import CATALOGUE, ProblemKey
from portal.domain.reach import MISSING_CHECKS
from portal.domain.status import Status
from portal.extensions import db
from portal.models import (
    Alert,
    Booking,
    BookingStatus,
    Connection,
    ConnectionState,
    DoorCode,
    Lock,
    StaffCode,
)
from portal.services import alarms
from portal.unit_of_work import writing
from tests.support.builders import (
    make_booking,
    make_channel,
    make_connection,
    make_door_code,
    make_endpoint,
    make_lock,
    make_mapping,
    make_property,
    make_spare,
    make_staff_code,
)
from tests.support.statements import statements

HOUR = timedelta(hours=1)


def refresh(**passed: float) -> list[str]:
    """The keys of the alerts that are open after a look, `passed` from now."""
    with writing() as session:
        alarms.refresh(session, clock.now() + timedelta(**passed))
    db.session.rollback()
    return sorted(db.session.scalars(select(Alert.key).where(Alert.closed_at.is_(None))))


def a_stay(lock: Lock, *, arrives_in: timedelta, **fields: Any) -> tuple[Booking, DoorCode]:
    values = {"status": Status.CONFIRMED, "created_at": clock.now() - 48 * HOUR} | fields
    booking = make_booking(make_property(locks=[lock]), arrives_in=arrives_in)
    return booking, make_door_code(booking, lock, **values)


def an_offline_lock(connection: Connection | None = None, **fields: Any) -> Lock:
    values = {"is_online": False, "online_changed_at": clock.now() - HOUR, "name": "Street door"}
    return make_lock(connection, **values | fields)


# Locks


def test_a_lock_that_is_offline_with_a_guest_on_the_way_is_told(app: Flask) -> None:
    lock = an_offline_lock()
    booking, _ = a_stay(lock, arrives_in=20 * HOUR)

    assert refresh() == [f"lock_offline:{lock.id}"]
    alert = db.session.scalars(select(Alert)).one()
    assert (alert.booking_id, alert.lock_id) == (booking.id, lock.id)
    assert alert.words == f"Street door: {CATALOGUE[ProblemKey.LOCK_OFFLINE].title}."


@pytest.mark.parametrize(
    ("lock", "hours"),
    [
        ({"is_online": True}, 20),
        ({"is_online": None}, 20),
        ({"online_changed_at_minutes": 5}, 20),
        ({}, 25),
        ({}, -2),
    ],
    ids=["online", "unknown", "just now", "no guest yet", "guest is in"],
)
def test_a_lock_that_keeps_nobody_out_is_not_told(
    app: Flask, lock: dict[str, Any], hours: float
) -> None:
    minutes = lock.pop("online_changed_at_minutes", 60)
    changed_at = clock.now() - timedelta(minutes=minutes)
    a_stay(an_offline_lock(online_changed_at=changed_at, **lock), arrives_in=hours * HOUR)

    assert refresh() == []


def test_a_lock_back_online_ends_its_alert(app: Flask) -> None:
    lock = an_offline_lock()
    a_stay(lock, arrives_in=20 * HOUR)
    refresh()
    with writing() as session:
        session.get_one(Lock, lock.id).is_online = True

    assert refresh() == []


def test_the_alert_of_a_lock_names_the_guest_who_comes_next(app: Flask) -> None:
    lock = an_offline_lock()
    a_stay(lock, arrives_in=2 * HOUR)
    second, _ = a_stay(lock, arrives_in=20 * HOUR)
    refresh()

    assert refresh(hours=3) == [f"lock_offline:{lock.id}"]
    assert db.session.scalars(select(Alert)).one().booking_id == second.id


@pytest.mark.parametrize(("hours", "is_told"), [(60, True), (80, False)])
def test_critical_batteries_before_an_arrival_are_told(
    app: Flask, hours: float, is_told: bool
) -> None:
    lock = make_lock(battery_state="Critical")
    a_stay(lock, arrives_in=hours * HOUR)

    assert refresh() == ([f"low_battery:{lock.id}"] if is_told else [])


def test_critical_batteries_are_told_of_until_the_guest_inside_has_left(app: Flask) -> None:
    lock = make_lock(battery_state="Critical")
    stay, _ = a_stay(lock, arrives_in=2 * HOUR)

    assert refresh(hours=1) == [f"low_battery:{lock.id}"]
    assert refresh(hours=3) == [f"low_battery:{lock.id}"]
    alert = db.session.scalars(select(Alert)).one()
    assert alert.booking_id == stay.id
    assert refresh(hours=3 + 3 * 24) == []


def test_a_lock_that_left_the_account_is_told_of_until_the_guest_inside_has_left(
    app: Flask,
) -> None:
    lock = make_lock(missing_since=clock.now() - HOUR, missing_checks=MISSING_CHECKS)
    a_stay(lock, arrives_in=-HOUR)

    assert refresh() == [f"lock_missing:{lock.id}"]
    assert refresh(hours=3 * 24) == []


def test_critical_batteries_name_the_guest_who_comes_before_the_one_inside(app: Flask) -> None:
    lock = make_lock(battery_state="Critical")
    a_stay(lock, arrives_in=-24 * HOUR)
    coming, _ = a_stay(lock, arrives_in=50 * HOUR)

    refresh()

    assert db.session.scalars(select(Alert)).one().booking_id == coming.id


def test_a_lock_without_room_is_told_once_however_many_codes_wait(app: Flask) -> None:
    lock = make_lock()
    for days in (2, 3, 4):
        a_stay(
            lock,
            arrives_in=days * 24 * HOUR,
            status=Status.RETRYING,
            problem=ProblemKey.LOCK_FULL,
        )

    assert refresh() == [f"lock_full:{lock.id}"]


# Codes that need a person


def test_a_code_that_needs_a_person_is_told_however_far_the_arrival(app: Flask) -> None:
    _, code = a_stay(
        make_lock(name="Street door"),
        arrives_in=100 * HOUR,
        status=Status.NEEDS_YOU,
        problem=ProblemKey.SPLIT_BRAIN,
    )

    assert refresh() == [f"needs_you:{code.id}"]
    alert = db.session.scalars(select(Alert)).one()
    assert alert.words == f"Street door: {CATALOGUE[ProblemKey.SPLIT_BRAIN].title}."


def test_close_to_the_arrival_the_alarm_of_the_arrival_takes_its_place(app: Flask) -> None:
    _, code = a_stay(make_lock(), arrives_in=25 * HOUR, status=Status.NEEDS_YOU)
    before = refresh()

    assert before == [f"needs_you:{code.id}"]
    assert refresh(hours=2) == [f"not_confirmed:24h:{code.id}"]


def test_a_code_that_needs_a_person_while_the_guest_is_inside_is_told(app: Flask) -> None:
    _, code = a_stay(
        make_lock(), arrives_in=-5 * HOUR, status=Status.NEEDS_YOU, created_at=clock.now()
    )

    assert refresh() == [f"needs_you:{code.id}"]


def test_the_codes_of_a_connection_that_is_signed_out_are_one_alert(app: Flask) -> None:
    connection = make_connection(state=ConnectionState.SIGNED_OUT)
    for _ in range(3):
        a_stay(make_lock(connection), arrives_in=100 * HOUR, status=Status.NEEDS_YOU)

    assert refresh() == [f"signed_out:{connection.id}"]


def change(code: DoorCode, **fields: Any) -> None:
    with writing() as session:
        row = session.get_one(DoorCode, code.id)
        for field, value in fields.items():
            setattr(row, field, value)


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SENT, Status.UNSURE, Status.RETRYING])
def test_a_code_that_needed_a_person_is_alerted_until_it_is_on_its_lock(
    app: Flask, status: Status
) -> None:
    _, code = a_stay(
        make_lock(name="Street door"),
        arrives_in=100 * HOUR,
        status=Status.NEEDS_YOU,
        problem=ProblemKey.SPLIT_BRAIN,
    )
    refresh()
    first = db.session.scalars(select(Alert)).one().id

    change(code, status=status, problem=None)

    assert refresh() == [f"needs_you:{code.id}"]
    alert = db.session.scalars(select(Alert)).one()
    assert alert.id == first
    assert alert.words == "Street door: the code is not confirmed yet."
    change(code, status=Status.CONFIRMED)
    assert refresh() == []


def test_a_code_that_needed_a_person_is_not_over_because_its_connection_signs_out(
    app: Flask,
) -> None:
    connection = make_connection()
    lock = make_lock(connection)
    _, told = a_stay(lock, arrives_in=100 * HOUR, status=Status.NEEDS_YOU)
    refresh()
    a_stay(lock, arrives_in=200 * HOUR, status=Status.NEEDS_YOU)

    with writing() as session:
        session.get_one(Connection, connection.id).state = ConnectionState.SIGNED_OUT

    assert refresh() == [f"needs_you:{told.id}", f"signed_out:{connection.id}"]


def test_a_code_that_needed_a_person_is_over_once_nobody_waits_for_it(app: Flask) -> None:
    lock = make_lock()
    _, unmapped = a_stay(lock, arrives_in=100 * HOUR, status=Status.NEEDS_YOU)
    called_off, _ = a_stay(lock, arrives_in=100 * HOUR, status=Status.NEEDS_YOU)
    a_stay(lock, arrives_in=-100 * HOUR, status=Status.NEEDS_YOU)
    assert len(refresh()) == 2

    change(unmapped, is_wanted=False, status=Status.REMOVED)
    with writing() as session:
        session.get_one(Booking, called_off.id).status = BookingStatus.CANCELLED

    assert refresh() == []


def test_a_staff_code_that_needed_a_person_is_alerted_until_it_is_on_its_lock(
    app: Flask,
) -> None:
    lock = make_lock()
    staff = make_staff_code(locks=[lock])
    code = _code_of(staff)
    change(code, status=Status.NEEDS_YOU, problem=ProblemKey.SPLIT_BRAIN)
    opened = refresh()

    change(code, status=Status.SENT)

    assert opened == refresh() == [f"staff_needs_you:{lock.id}:{staff.id}"]
    change(code, status=Status.CONFIRMED)
    assert refresh() == []


@pytest.mark.parametrize(
    ("hours", "is_told", "status"),
    [
        (100, True, Status.NEEDS_YOU),
        (24 * 30, False, Status.NEEDS_YOU),
        (100, False, Status.CONFIRMED),
    ],
    ids=["comes soon", "comes in a month", "code is on its lock"],
)
def test_a_connection_that_was_ended_is_told_of_while_codes_of_coming_guests_wait_for_it(
    app: Flask, hours: float, is_told: bool, status: Status
) -> None:
    connection = make_connection(state=ConnectionState.DISCONNECTED)
    a_stay(make_lock(connection), arrives_in=hours * HOUR, status=status)

    assert refresh() == ([f"disconnected:{connection.id}"] if is_told else [])


def test_a_connection_that_was_ended_is_told_of_while_a_staff_code_waits_for_it(
    app: Flask,
) -> None:
    connection = make_connection(state=ConnectionState.DISCONNECTED)
    staff = make_staff_code(locks=[make_lock(connection)])
    assert refresh() == [f"disconnected:{connection.id}"]

    change(_code_of(staff), is_wanted=False)

    assert refresh() == []


def test_a_code_for_which_its_lock_has_no_room_is_one_alert_and_that_of_the_lock(
    app: Flask,
) -> None:
    lock = make_lock()
    full = {"status": Status.NEEDS_YOU, "problem": ProblemKey.LOCK_FULL}
    for hours in (60, 90):
        a_stay(lock, arrives_in=hours * HOUR, **full)
    change(_code_of(make_staff_code(locks=[lock])), **full)

    assert refresh() == [f"lock_full:{lock.id}"]


@pytest.mark.parametrize("hours", [-10, 5], ids=["is inside", "comes soon"])
def test_a_change_of_a_code_is_told_of_when_it_was_tried_in_vain_for_a_quarter_of_an_hour(
    app: Flask, hours: float
) -> None:
    _, code = a_stay(make_lock(), arrives_in=hours * HOUR)
    change(code, status=Status.QUEUED, changed_at=clock.now())
    step = 6 if hours > 0 else 2

    assert refresh(minutes=1) == []
    assert refresh(minutes=14) == []
    assert refresh(minutes=16) == [f"not_confirmed:{step}h:{code.id}"]


def test_a_late_code_that_is_changed_is_not_over_because_of_that(app: Flask) -> None:
    _, code = a_stay(make_lock(), arrives_in=5 * HOUR, status=Status.RETRYING)
    opened = refresh()

    change(code, status=Status.QUEUED, changed_at=clock.now())

    assert opened == refresh(minutes=1) == [f"not_confirmed:6h:{code.id}"]


def test_a_code_that_is_sent_at_check_in_is_not_late_before(app: Flask) -> None:
    arrives_at = clock.now().replace(second=0, microsecond=0) + 5 * HOUR
    _, code = a_stay(make_lock(), arrives_in=5 * HOUR, status=Status.PLANNED, send_at=arrives_at)

    assert refresh(hours=4) == []
    change(code, status=Status.QUEUED)
    assert refresh(hours=5, minutes=5) == []
    assert refresh(hours=5, minutes=16) == [f"not_confirmed:2h:{code.id}"]


# Bookings that no lock opens


def a_stay_without_lock(**fields: Any) -> Booking:
    values = {"arrives_in": 25 * HOUR, "created_at": clock.now() - 48 * HOUR} | fields
    return make_booking(make_property(name="Casa Sol"), **values)


def test_a_booking_that_no_lock_opens_is_told_of_at_24_6_and_2_hours(app: Flask) -> None:
    booking = a_stay_without_lock()

    seen = [(refresh(hours=hours), words_of_open_alerts()) for hours in (0, 2, 20, 24, 26)]

    key = f"not_confirmed:{{}}h:booking-{booking.id}"
    assert seen == [
        ([], []),
        ([key.format(24)], ["No lock opens Casa Sol, 24 h before arrival."]),
        ([key.format(6)], ["No lock opens Casa Sol, 6 h before arrival."]),
        ([key.format(2)], ["No lock opens Casa Sol, 2 h before arrival."]),
        ([key.format(2)], ["No lock opens Casa Sol, and the stay has begun."]),
    ]
    threads = {alert.thread for alert in db.session.scalars(select(Alert))}
    assert threads == {f"arrival:{booking.id}:"}


def words_of_open_alerts() -> list[str]:
    return list(db.session.scalars(select(Alert.words).where(Alert.closed_at.is_(None))))


@pytest.mark.parametrize(
    "fields",
    [
        {"status": BookingStatus.CANCELLED},
        {"arrives_in": -100 * HOUR},
    ],
    ids=["called off", "over"],
)
def test_a_booking_without_lock_that_nobody_waits_at_is_not_told_of(
    app: Flask, fields: dict[str, Any]
) -> None:
    a_stay_without_lock(**{"arrives_in": 5 * HOUR} | fields)

    assert refresh() == []


def test_a_booking_without_lock_that_came_in_just_now_is_not_told_of_yet(app: Flask) -> None:
    booking = a_stay_without_lock(arrives_in=5 * HOUR, created_at=clock.now())

    assert refresh(minutes=10) == []
    assert refresh(minutes=20) == [f"not_confirmed:6h:booking-{booking.id}"]


@pytest.mark.parametrize(
    ("hours", "is_told"), [(5, True), (-5, False)], ids=["comes soon", "is inside"]
)
def test_a_guest_whose_last_lock_is_unmapped_is_told_of_unless_they_are_inside_with_their_code(
    app: Flask, hours: float, is_told: bool
) -> None:
    booking = a_stay_without_lock(arrives_in=hours * HOUR)
    make_door_code(booking, is_wanted=False, status=Status.REMOVING)

    key = f"not_confirmed:6h:booking-{booking.id}"
    assert refresh() == ([key] if is_told else [])


def test_a_booking_that_gets_a_lock_is_told_of_until_the_lock_has_its_code(app: Flask) -> None:
    booking = a_stay_without_lock(arrives_in=20 * HOUR)
    refresh()
    lock = make_lock(name="Street door")
    make_mapping(booking.property, lock)
    code = make_door_code(booking, lock, status=Status.QUEUED)

    assert refresh() == [f"not_confirmed:24h:booking-{booking.id}"]
    assert words_of_open_alerts() == [
        "The code for Street door is not confirmed 24 h before arrival."
    ]
    change(code, status=Status.CONFIRMED)
    assert refresh() == []


# The ways to tell


def test_a_dead_channel_and_a_given_up_endpoint_are_told_until_they_live(app: Flask) -> None:
    channel = make_channel(dead_since=clock.now())
    endpoint = make_endpoint(disabled_at=clock.now())
    opened = refresh()
    with writing() as session:
        session.get_one(type(channel), channel.id).dead_since = None
        session.get_one(type(endpoint), endpoint.id).disabled_at = None

    assert opened == [f"channel_dead:{channel.id}", f"endpoint_off:{endpoint.id}"]
    assert refresh() == []


# Codes of others than guests


def a_stuck_code(code: DoorCode, problem: ProblemKey, status: Status = Status.NEEDS_YOU) -> None:
    with writing() as session:
        row = session.get_one(DoorCode, code.id)
        row.status, row.problem = status, problem


def test_a_staff_code_that_waits_for_a_person_is_told_and_leads_to_it(app: Flask) -> None:
    lock = make_lock(name="Street door")
    staff = make_staff_code(locks=[lock])
    assert refresh() == []
    a_stuck_code(_code_of(staff), ProblemKey.SPLIT_BRAIN)

    assert refresh() == [f"staff_needs_you:{lock.id}:{staff.id}"]
    alert = db.session.scalars(select(Alert)).one()
    title = CATALOGUE[ProblemKey.SPLIT_BRAIN].title
    assert alert.words == f"Rosa Clean at Street door: {title}."
    assert (alert.booking_id, alert.lock_id) == (None, lock.id)


def test_a_staff_code_that_is_revoked_or_over_needs_nobody(app: Flask) -> None:
    staff = make_staff_code(locks=[make_lock(), make_lock()])
    revoked, over = db.session.scalars(select(DoorCode).order_by(DoorCode.id)).all()
    for code in (revoked, over):
        a_stuck_code(code, ProblemKey.NACK)
    assert len(refresh()) == 2
    with writing() as session:
        session.get_one(DoorCode, revoked.id).is_wanted = False
        session.get_one(DoorCode, over.id).ends_at = clock.now()

    assert refresh() == []
    assert staff.id


def test_a_lock_without_room_for_a_staff_code_is_told(app: Flask) -> None:
    lock = make_lock()
    a_stuck_code(_code_of(make_staff_code(locks=[lock])), ProblemKey.LOCK_FULL, Status.RETRYING)

    assert refresh() == [f"lock_full:{lock.id}"]


def test_a_spare_that_does_not_get_on_its_lock_asks_for_nobody(app: Flask) -> None:
    a_stuck_code(make_spare(), ProblemKey.LOCK_FULL)

    assert refresh() == []


def test_a_given_spare_that_is_not_proven_off_names_the_stay(app: Flask) -> None:
    booking = make_booking(arrives_in=-72 * HOUR, nights=2)
    spare = make_spare(
        given_to_id=booking.id,
        is_wanted=False,
        ends_at=clock.now() - 2 * HOUR,
        status=Status.REMOVING,
    )

    assert refresh() == [f"removal_unconfirmed:{spare.id}"]
    assert db.session.scalars(select(Alert)).one().booking_id == booking.id


def test_a_revoked_staff_code_that_is_not_proven_off_names_the_person(app: Flask) -> None:
    lock = make_lock(name="Street door")
    staff = make_staff_code(locks=[lock])
    change(
        _code_of(staff),
        is_wanted=False,
        status=Status.REMOVING,
        ends_at=clock.now() - timedelta(minutes=31),
    )

    assert refresh() == [f"staff_removal:{lock.id}:{staff.id}"]
    alert = db.session.scalars(select(Alert)).one()
    title = CATALOGUE[ProblemKey.REMOVAL_UNCONFIRMED].title
    assert alert.words == f"Rosa Clean at Street door: {title}."
    assert alert.cause == "removal_unconfirmed"


@pytest.mark.parametrize(
    ("arrives_in", "for_minutes", "is_told"),
    [(-5 * HOUR, 31, True), (-5 * HOUR, 29, False), (20 * HOUR, 31, False)],
    ids=["opens the door", "just now", "opens later"],
)
def test_the_code_of_a_stay_that_was_called_off_is_told_of_while_it_opens_the_door(
    app: Flask, arrives_in: timedelta, for_minutes: int, is_told: bool
) -> None:
    booking = make_booking(arrives_in=arrives_in, nights=5, status=BookingStatus.CANCELLED)
    code = make_door_code(
        booking,
        is_wanted=False,
        status=Status.REMOVING,
        status_at=clock.now() - timedelta(minutes=for_minutes),
    )

    assert refresh() == ([f"removal_unconfirmed:{code.id}"] if is_told else [])


def _code_of(staff: StaffCode) -> DoorCode:
    return db.session.scalars(select(DoorCode).where(DoorCode.staff_code_id == staff.id)).one()


# Cost


def test_a_look_that_changes_nothing_writes_nothing_and_asks_as_often_for_many(
    app: Flask,
) -> None:
    connection = make_connection()

    def asked() -> list[str]:
        with statements() as found:
            refresh()
        return [statement for statement, _ in found]

    a_stay(an_offline_lock(connection), arrives_in=20 * HOUR)
    refresh()
    few = asked()
    for _ in range(5):
        a_stay(an_offline_lock(connection), arrives_in=20 * HOUR)
    refresh()
    many = asked()

    assert len(many) == len(few)
    assert not any(text.startswith(("UPDATE", "INSERT", "DELETE")) for text in many)
