"""Stays, calls and old codes for the tests of the arrivals page, and its answer read off."""

import re
from datetime import timedelta
from typing import Any

from portal import clock
from portal.domain.entry import EntryState, Evidence
from portal.domain.notices import GUEST_CANNOT_ENTER, KEYPAD_LOCKED
from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.extensions import db
from portal.models import (
    Account,
    Alert,
    Booking,
    BookingStatus,
    DoorCode,
)
from tests.support.builders import (
    make_alert,
    make_booking,
    make_door_code,
    make_entry,
    make_lock,
    make_mapping,
    make_property,
)
from tests.web.pages import elements, words

HOUR = timedelta(hours=1)


def a_stay(
    status: Status = Status.CONFIRMED,
    *,
    arrives_in: timedelta = 5 * HOUR,
    name: str = "Ana Guest",
    place: Any = None,
    problem: ProblemKey | None = None,
    **fields: Any,
) -> Booking:
    """A stay with one door; a confirmed code is held by its lock."""
    place = place or make_property()
    lock = make_lock(account=db.session.get(Account, place.account_id))
    make_mapping(place, lock)
    booking = make_booking(place, arrives_in=arrives_in, guest_name=name, **fields)
    code = make_door_code(booking, lock, status=status, problem=problem)
    if status is Status.CONFIRMED:
        make_entry(code, state=EntryState.HELD, evidence=Evidence.CONFIRMED)
    return booking


def calls_for_help(booking: Booking, **fields: Any) -> Alert:
    alert: Alert = make_alert(
        cause=GUEST_CANNOT_ENTER,
        key=f"{GUEST_CANNOT_ENTER}:{booking.id}",
        words="The guest says that the door does not open.",
        booking_id=booking.id,
        **fields,
    )
    return alert


def keypad_locked(booking: Booking, **fields: Any) -> Alert:
    """The open alert that this guest waits before a keypad that locked itself."""
    [code] = booking.door_codes
    alert: Alert = make_alert(
        cause=KEYPAD_LOCKED,
        key=f"{KEYPAD_LOCKED}:{code.lock_id}",
        booking_id=booking.id,
        lock_id=code.lock_id,
        **fields,
    )
    return alert


def an_old_code(name: str = "Late Lea", **fields: Any) -> DoorCode:
    """A code that is not proven off its lock two days after its stay."""
    lock = make_lock()
    place = make_property(locks=[lock])
    booking = make_booking(place, arrives_in=-98 * HOUR, nights=2, guest_name=name)
    code: DoorCode = make_door_code(
        booking,
        lock,
        status=Status.REMOVING,
        problem=ProblemKey.REMOVAL_UNCONFIRMED,
        **{"due_at": clock.now() + timedelta(minutes=7)} | fields,
    )
    return code


def a_cancelled_stays_code(arrives_in: timedelta) -> DoorCode:
    """A code that is not proven off its lock two days after its stay was cancelled."""
    lock = make_lock()
    booking = make_booking(
        make_property(locks=[lock]),
        arrives_in=arrives_in,
        nights=5,
        status=BookingStatus.CANCELLED,
    )
    code: DoorCode = make_door_code(
        booking,
        lock,
        status=Status.REMOVING,
        status_at=clock.now() - 48 * HOUR,
        problem=ProblemKey.REMOVAL_UNCONFIRMED,
        due_at=clock.now() + timedelta(minutes=7),
    )
    return code


def answer(html: str) -> tuple[str, str]:
    """The headline and the line under it."""
    found = re.search(r'<div class="answer.*?<h1>(.*?)</h1>\s*<p>(.*?)</p>', html, re.DOTALL)
    assert found is not None
    return words(found[1]), words(re.sub("<a .*", "", found[2], flags=re.DOTALL))


def title(html: str) -> str:
    found = re.search(r"<title>(.*?)</title>", html, re.DOTALL)
    assert found is not None
    return words(found[1])


def tally(html: str) -> dict[str, int]:
    """The numbers by verdict, as the links of the page have them."""
    return {
        str(e["data-count"]): int(re.sub(r"\D", "", e.text))
        for e in elements(html)
        if "data-count" in e
    }


def rows(html: str) -> list[int]:
    ids = [e.get("id") or "" for e in elements(html) if e.tag == "li"]
    return [int(id_.removeprefix("booking-")) for id_ in ids if id_.startswith("booking-")]
