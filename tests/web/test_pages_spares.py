"""Giving a guest a spare: the one step, the click, and what the pages say of it afterwards."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from portal import clock
from portal.domain.entry import EntryState, Evidence
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.domain.stay import Doubt, Window
from portal.extensions import db
from portal.models import Account, Booking, DoorCode, Lock, LockEntry, Role, TimelineEntry
from portal.queue import JobName
from portal.services import mapping, properties
from portal.services.ringing import changing
from tests.support.bells import FakeBell
from tests.support.builders import (
    fresh,
    make_account,
    make_booking,
    make_connection,
    make_door_code,
    make_entry,
    make_lock,
    make_property,
    make_spare,
)
from tests.web.pages import browser, element, elements, words

HOUR = timedelta(hours=1)
NEVER = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
NOTHING_SURE = Doubt(surely=NEVER, perhaps=NEVER)


def a_spare(lock: Lock, pin: str = "604173", **fields: Any) -> DoorCode:
    """A spare that the lock has confirmed."""
    code = make_spare(lock, pin=pin, **fields)
    make_entry(
        code,
        state=EntryState.HELD,
        evidence=Evidence.CONFIRMED,
        pin=Secret(pin),
        access_code_id=f"id-{pin}",
    )
    return code


def a_late_guest(arrives_in: timedelta = HOUR, *, account: Account | None = None) -> Booking:
    """A guest whose code is not on the one door; the door has a spare."""
    account = account or make_account()
    lock = make_lock(make_connection(account), name="Blue door")
    booking = make_booking(make_property(account, locks=[lock]), arrives_in=arrives_in)
    make_door_code(
        booking, lock, status=Status.RETRYING, problem=ProblemKey.COMMAND_TIMEOUT, failures=2
    )
    a_spare(lock)
    return booking


def give(app: Flask, booking: Booking, role: Role = Role.OWNER) -> Any:
    account = db.session.get(Account, booking.account_id)
    client = browser(app, account, role)
    return client.post(f"/bookings/{booking.id}/spare", data={"csrf_token": client.csrf_token()})


def offers(html: str) -> list[str]:
    found = [*elements(html, form="give"), *elements(html, form="give-spare")]
    return [words(button.text) for button in found]


@pytest.mark.parametrize("arrives_in", [HOUR, -3 * HOUR])
def test_arrivals_offer_the_spare_as_the_one_step(app: Flask, arrives_in: timedelta) -> None:
    booking = a_late_guest(arrives_in)
    client = browser(app, db.session.get(Account, booking.account_id))

    row = element(client.get("/").text, id=f"booking-{booking.id}")
    (button,) = elements(client.get("/").text, form="give")

    assert "Give the guest the spare code" in words(row.text)
    assert button["formaction"] == f"/bookings/{booking.id}/spare"
    assert offers(client.get(f"/bookings/{booking.id}").text) == ["Give the guest the spare code"]


def test_nothing_is_offered_three_hours_before(app: Flask) -> None:
    booking = a_late_guest(3 * HOUR)
    client = browser(app, db.session.get(Account, booking.account_id))

    assert offers(client.get("/").text) == []
    assert offers(client.get(f"/bookings/{booking.id}").text) == []


@pytest.mark.parametrize(
    ("spoilt", "values"),
    [
        (DoorCode, {"status": Status.NEEDS_YOU, "is_stuck": True}),
        (DoorCode, {"is_wanted": False}),
        (DoorCode, {"revision": 2}),
        (LockEntry, {"doubt": NOTHING_SURE}),
    ],
)
def test_a_spare_that_may_not_open_is_not_offered(
    app: Flask, spoilt: type[DoorCode | LockEntry], values: dict[str, Any]
) -> None:
    booking = a_late_guest()
    (code,) = db.session.scalars(select(DoorCode).where(DoorCode.is_spare))
    (entry,) = db.session.scalars(select(LockEntry).where(LockEntry.door_code_id == code.id))
    for name, value in values.items():
        setattr(code if spoilt is DoorCode else entry, name, value)
    db.session.commit()
    client = browser(app, db.session.get(Account, booking.account_id))

    assert offers(client.get(f"/bookings/{booking.id}").text) == []
    answer = give(app, booking)
    assert answer.status_code == 303
    assert fresh(code).given_to_id is None


def test_one_click_gives_it_shows_it_and_is_written_down(app: Flask, bell: FakeBell) -> None:
    booking = a_late_guest()

    answer = give(app, booking)

    assert answer.status_code == 200
    assert "604173" in element(answer.text, id="pin").text
    (code,) = db.session.scalars(select(DoorCode).where(DoorCode.is_spare))
    assert fresh(code).given_to_id == booking.id
    own = db.session.scalars(select(DoorCode).where(DoorCode.booking_id == booking.id)).one()
    assert (code.starts_at, code.ends_at) == (own.starts_at, own.ends_at)
    kinds = list(db.session.scalars(select(TimelineEntry.kind).order_by(TimelineEntry.id)))
    assert kinds == ["spare_given", "pin_shown"]
    assert (JobName.WORK_LOCK, (code.lock_id,)) in bell.rings


def test_the_same_click_again_shows_the_same_digits(app: Flask) -> None:
    booking = a_late_guest()
    lock = db.session.scalars(select(Lock)).one()
    a_spare(lock, "839201")

    pages = [give(app, booking).text for _ in range(2)]

    assert all("604173" in element(page, id="pin").text for page in pages)
    assert not any("839201" in page for page in pages)


def test_the_pin_is_on_no_page_before_the_click_and_on_none_after(app: Flask) -> None:
    booking = a_late_guest()
    client = browser(app, db.session.get(Account, booking.account_id))
    give(app, booking)
    lock = db.session.scalars(select(Lock)).one()

    for path in ("/", f"/bookings/{booking.id}", f"/locks/{lock.id}", "/locks"):
        assert "604173" not in client.get(path).text
    page = client.post(f"/bookings/{booking.id}/pin", data={"csrf_token": client.csrf_token()}).text
    assert "604173" in element(page, id="pin").text


def test_the_page_says_that_the_spare_opens_the_door_and_what_to_do(app: Flask) -> None:
    booking = a_late_guest()
    give(app, booking)

    html = browser(app, db.session.get(Account, booking.account_id)).get("/").text
    row = element(html, id=f"booking-{booking.id}")

    assert row["data-verdict"] == "at_risk"
    assert "the spare code given to them opens it" in words(row.text)
    assert "tell the guest the spare code" in words(row.text)
    assert offers(html) == []


def test_a_viewer_gives_nothing_and_is_offered_nothing(app: Flask) -> None:
    booking = a_late_guest()
    client = browser(app, db.session.get(Account, booking.account_id), Role.VIEWER)

    assert give(app, booking, Role.VIEWER).status_code == 403
    assert offers(client.get(f"/bookings/{booking.id}").text) == []


def test_staff_may_give_one_to_todays_guest_and_to_no_later_one(app: Flask) -> None:
    today, later = a_late_guest(), a_late_guest(timedelta(days=5))

    assert give(app, today, Role.STAFF).status_code == 200
    assert give(app, later, Role.STAFF).status_code == 404


def test_too_early_says_why_and_gives_nothing(app: Flask) -> None:
    booking = a_late_guest(5 * HOUR)
    client = browser(app, db.session.get(Account, booking.account_id))

    answer = client.post(f"/bookings/{booking.id}/spare", data={"csrf_token": client.csrf_token()})

    assert answer.status_code == 303
    assert "two hours before check-in" in client.get(answer.location).text


def test_the_lock_page_shows_stock_what_was_given_and_the_room_left(app: Flask) -> None:
    booking = a_late_guest()
    lock = db.session.scalars(select(Lock)).one()
    a_spare(lock, "839201")
    with changing() as session:
        place = session.get_one(Booking, booking.id).property
        place.spare_codes = 2
    give(app, booking)
    client = browser(app, db.session.get(Account, booking.account_id))

    section = words(element(client.get(f"/locks/{lock.id}").text, id="spares").text)

    assert "1 of 2 ready" in section
    assert "room for 98 more codes" in section
    assert "Given to Ana Guest" in section


def test_a_booking_that_is_over_still_shows_that_its_spare_is_coming_off(app: Flask) -> None:
    booking = a_late_guest()
    give(app, booking)
    (code,) = db.session.scalars(select(DoorCode).where(DoorCode.is_spare))
    own = db.session.scalars(select(DoorCode).where(DoorCode.booking_id == booking.id)).one()
    past = clock.now() - 2 * HOUR
    fresh(booking).starts_at, booking.ends_at = past - 24 * HOUR, past
    code.status, own.status = Status.REMOVING, Status.REMOVED
    code.ends_at = own.ends_at = past + HOUR
    db.session.commit()

    html = browser(app, db.session.get(Account, booking.account_id)).get("/").text

    assert "not proven yet" in words(element(html, id=f"booking-{booking.id}").text)


@pytest.mark.parametrize(("given", "ring"), [(0, True), (2, False)])
def test_another_number_of_spares_rings_for_the_locks(
    app: Flask, bell: FakeBell, given: int, ring: bool
) -> None:
    lock = make_lock()
    place = make_property(locks=[lock], spare_codes=2)

    with changing() as session:
        properties.update(session, session.merge(place), spare_codes=given)

    assert ((JobName.WORK_LOCK, (lock.id,)) in bell.rings) is ring


def test_a_lock_newly_mapped_is_worked_although_no_guest_comes(app: Flask, bell: FakeBell) -> None:
    lock = make_lock()
    place = make_property()

    with changing() as session:
        mapping.set_locks(session, session.merge(place), [lock.id], "manager:1")

    assert (JobName.WORK_LOCK, (lock.id,)) in bell.rings


def test_offering_spares_costs_the_same_queries_whatever_the_number_of_guests(
    app: Flask,
) -> None:
    account = make_account()
    a_late_guest(account=account)
    client = browser(app, account)
    client.get("/")
    few = _queries(lambda: client.get("/"))
    for _ in range(4):
        a_late_guest(account=account)

    assert _queries(lambda: client.get("/")) == few


def _queries(do: Any) -> int:
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        do()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len([statement for statement in seen if statement.lstrip().startswith("SELECT")])
