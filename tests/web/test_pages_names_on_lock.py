"""The names that codes have on their lock, where a person is sent to the Schlage Home app."""

from typing import Any

import pytest
from flask import Flask

from portal.domain.entry import EntryState, Evidence
from portal.domain.problems import CATALOGUE, ProblemKey
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.extensions import db
from portal.models import BookingStatus, DoorCode, Role
from tests.support.builders import (
    make_account,
    make_booking,
    make_door_code,
    make_entry,
    make_lock,
    make_property,
    make_spare,
    make_staff_code,
)
from tests.web.pages import Element, browser, element, words

HELD: dict[str, Any] = {"state": EntryState.HELD, "evidence": Evidence.CONFIRMED}
STEP = CATALOGUE[ProblemKey.REMOVAL_UNCONFIRMED].steps[0]


def row(html: str, code: DoorCode) -> Element:
    return element(html, id=f"door-code-{code.id}")


def a_stuck_removal(**fields: Any) -> DoorCode:
    booking = make_booking(make_property(), status=BookingStatus.CANCELLED)
    values = {
        "status": Status.REMOVING,
        "is_wanted": False,
        "problem": ProblemKey.REMOVAL_UNCONFIRMED,
    }
    code = make_door_code(booking, make_lock(), **values | fields)
    make_entry(code, label="Ana G x7k2mqf", **HELD)
    return code


def test_the_lock_page_names_the_code_that_a_step_says_it_names(app: Flask) -> None:
    code = a_stuck_removal()

    html = browser(app).get(f"/locks/{code.lock_id}").text

    assert "the lock's page names it" in STEP
    assert "Name on the lock: Ana G x7k2mqf" in words(row(html, code).text)


def test_the_booking_page_names_it_beside_the_step(app: Flask) -> None:
    code = a_stuck_removal()

    html = browser(app).get(f"/bookings/{code.booking_id}").text

    told = words(row(html, code).text)
    assert "Name on the lockAna G x7k2mqf" in told
    assert STEP in told


def test_an_old_entry_that_is_on_its_way_off_is_named_too(app: Flask) -> None:
    lock = make_lock()
    code = make_door_code(make_booking(make_property(locks=[lock])), lock, status=Status.SENT)
    make_entry(code, label="Ana G gonegon", state=EntryState.GONE, evidence=Evidence.DELETED)
    make_entry(code, label="Ana G old2old", **HELD)
    make_entry(code, label="Ana G new3new", evidence=Evidence.SENT)
    client = browser(app)

    on_lock = words(row(client.get(f"/locks/{lock.id}").text, code).text)
    on_booking = words(row(client.get(f"/bookings/{code.booking_id}").text, code).text)

    names = "Ana G old2old (old, being taken off), Ana G new3new"
    assert f"Names on the lock: {names}" in on_lock
    assert f"Names on the lock{names}" in on_booking
    assert "gonegon" not in on_lock


def test_staff_codes_and_spares_are_named_too(app: Flask) -> None:
    lock = make_lock()
    staff = make_staff_code(locks=[lock])
    of_staff = db.session.query(DoorCode).filter_by(staff_code_id=staff.id).one()
    spare = make_spare(lock)
    given = make_spare(lock, given_to_id=make_booking(make_property(locks=[lock])).id)
    make_entry(of_staff, label="Rosa Clean abc2def", **HELD)
    make_entry(spare, label="Spare bcd3efg", **HELD)
    make_entry(given, label="Spare cde4fgh", **HELD)
    client = browser(app)

    html = client.get(f"/locks/{lock.id}").text

    assert "Name on the lock: Rosa Clean abc2def" in words(row(html, of_staff).text)
    assert "Name on the lock: Spare bcd3efg" in words(row(html, spare).text)
    assert "Name on the lock: Spare cde4fgh" in words(row(html, given).text)
    of_person = words(row(client.get(f"/staff-codes/{staff.id}").text, of_staff).text)
    assert "Name on the lock: Rosa Clean abc2def" in of_person
    of_stay = words(row(client.get(f"/bookings/{given.given_to_id}").text, given).text)
    assert "Name on the lockSpare cde4fgh" in of_stay


def test_a_code_that_never_went_to_the_lock_has_no_name_there(app: Flask) -> None:
    lock = make_lock()
    code = make_door_code(make_booking(make_property(locks=[lock])), lock, status=Status.PLANNED)
    make_entry(code, label="Ana G not2yet")
    client = browser(app)

    pages = [client.get(url).text for url in (f"/locks/{lock.id}", f"/bookings/{code.booking_id}")]

    assert all("on the lock:" not in page and "not2yet" not in page for page in pages)


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER, Role.VIEWER])
def test_the_page_with_the_names_holds_no_pin_and_no_other_accounts_name(
    app: Flask, role: Role
) -> None:
    ours, theirs = make_account("Ours"), make_account("Theirs")
    lock = make_lock(account=ours)
    booking = make_booking(make_property(ours, locks=[lock]), pin="739164")
    code = make_door_code(booking, lock, status=Status.CONFIRMED)
    make_entry(code, label="Ana G x7k2mqf", pin=Secret("739164"), **HELD)
    other = make_door_code(make_booking(make_property(theirs)), make_lock(account=theirs))
    make_entry(other, label="Bob H y8m3nrg", **HELD)

    html = browser(app, ours, role).get(f"/locks/{lock.id}").text

    assert "Ana G x7k2mqf" in html
    assert "739164" not in html
    assert "Bob H" not in html
