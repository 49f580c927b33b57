"""Each problem as the product itself comes to show it: cause, what runs, steps, deadline, links."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import pytest
from flask import Flask

from portal import clock
from portal.domain.problems import CATALOGUE, REBUILD, ProblemKey
from portal.domain.status import Status
from portal.models import BookingStatus, ConnectionState, Lock
from tests.support.builders import (
    make_alert,
    make_booking,
    make_connection,
    make_door_code,
    make_foreign_code,
    make_lock,
    make_property,
    utc,
)
from tests.web.pages import browser, element, elements, words
from tests.web.troubles import SETTINGS, assert_all_is_told

SOON: Final = timedelta(minutes=7, seconds=30)
FOUR_HOURS: Final = timedelta(hours=4)


def _code(key: ProblemKey, status: Status, wish: BookingStatus = BookingStatus.CONFIRMED) -> str:
    lock = make_lock()
    booking = make_booking(make_property(locks=[lock]), status=wish)
    due_at = None if status is Status.NEEDS_YOU else clock.now() + SOON
    make_door_code(booking, lock, status=status, problem=key, problem_at=clock.now(), due_at=due_at)
    return f"/bookings/{booking.id}"


def _lock(**fields: object) -> str:
    return f"/locks/{make_lock(**fields).id}"


def _full_lock() -> str:
    lock = make_lock()
    for number in range(100):
        make_foreign_code(lock, label=f"Guest {number}")
    return f"/locks/{lock.id}"


def _connection(**fields: object) -> str:
    make_connection(**fields)
    return SETTINGS


def _silent_webhooks() -> str:
    connection = make_connection()
    make_alert(cause=str(ProblemKey.WEBHOOKS_OFF), connection_id=connection.id, words="Silent.")
    return SETTINGS


def _over_a_clock_change() -> str:
    booking = make_booking(starts_at=utc("2027-03-13T21:00"), ends_at=utc("2027-03-15T16:00"))
    make_door_code(booking, status=Status.PLANNED)
    return f"/bookings/{booking.id}"


Case = Callable[[], str]
# How each comes about; what `_code` makes is what the engine leaves behind (tests/engine).
CASES: Final[dict[ProblemKey, Case]] = {
    ProblemKey.UNRECOGNIZED_JOB_STATE: lambda: f"/bookings/{make_booking().id}",
    ProblemKey.CLOCK_CHANGE: _over_a_clock_change,
    ProblemKey.LOCK_OFFLINE: lambda: _lock(is_online=False),
    ProblemKey.LOW_BATTERY: lambda: _lock(battery_state="Low", is_online=True),
    ProblemKey.LOCK_MISSING: lambda: _lock(missing_since=clock.now()),
    ProblemKey.LOCK_FULL: _full_lock,
    ProblemKey.SIGNED_OUT: lambda: _connection(state=ConnectionState.SIGNED_OUT),
    ProblemKey.SCHLAGE_OUTAGE: lambda: _connection(outage_since=clock.now()),
    ProblemKey.WEBHOOKS_OFF: _silent_webhooks,
    ProblemKey.REMOVAL_UNCONFIRMED: lambda: _code(
        ProblemKey.REMOVAL_UNCONFIRMED, Status.REMOVING, BookingStatus.CANCELLED
    ),
}
CASES |= {
    key: lambda key=key, status=status: _code(key, status)
    for status, keys in {
        Status.RETRYING: (
            ProblemKey.COMMAND_TIMEOUT,
            ProblemKey.NACK,
            ProblemKey.RATE_LIMITED,
            ProblemKey.UNKNOWN,
        ),
        Status.UNSURE: (
            ProblemKey.ALREADY_IN_USE,
            ProblemKey.CODE_ID_NOT_FOUND,
            ProblemKey.OUTCOME_UNKNOWN,
        ),
        Status.NEEDS_YOU: (
            ProblemKey.USER_NOT_FOUND,
            ProblemKey.SCHEDULE_NOT_VALID,
            ProblemKey.SPLIT_BRAIN,
            ProblemKey.WRONG_LENGTH,
            ProblemKey.PIN_CLASH,
            ProblemKey.NO_PERMISSION,
            ProblemKey.CHANGED_OUTSIDE,
        ),
    }.items()
    for key in keys
}


def test_every_problem_has_its_case() -> None:
    assert set(CASES) == set(ProblemKey)


@pytest.mark.parametrize("key", list(ProblemKey))
def test_the_page_of_a_problem_says_why_what_runs_and_what_to_do(
    app: Flask, key: ProblemKey
) -> None:
    path = CASES[key]()

    assert_all_is_told(browser(app), path, key)


@pytest.mark.parametrize("key", [k for k, e in CATALOGUE.items() if e.links[:1] == (REBUILD,)])
def test_what_a_rebuild_repairs_is_repaired_from_here_and_not_in_another_app(
    app: Flask, key: ProblemKey
) -> None:
    html = browser(app).get(CASES[key]()).text

    first = words(elements(html, data_trouble=str(key))[0].text).partition("What you can do")[2]
    assert f"Press “{REBUILD.words}”" in first.partition("Schlage Home app")[0]


# “Press Resync.”, “Press “Set all codes …””, “Press Test the connection under …”
PRESS: Final = re.compile(
    r"[Pp]ress (?:“([^”]+)”|((?:[A-Z]\w*|the|connection)(?: (?:[A-Z]\w*|the|connection))*))"
)
IN_THE_APP: Final = {"Delete All"}


@pytest.mark.parametrize("key", list(ProblemKey))
def test_what_a_step_says_to_press_stands_on_the_same_page(app: Flask, key: ProblemKey) -> None:
    html = browser(app).get(CASES[key]()).text

    named = {
        quoted or bare for s in CATALOGUE[key].steps for quoted, bare in PRESS.findall(s)
    } - IN_THE_APP
    there = [words(e.text) for e in elements(html) if e.tag in {"a", "button"}]
    assert {name for name in named if not any(text.startswith(name) for text in there)} == set()


def test_a_step_that_names_a_button_is_read_as_one() -> None:
    assert PRESS.findall("Press New PIN: we choose.") == [("", "New PIN")]
    assert PRESS.findall("Then press Resync.") == [("", "Resync")]
    assert PRESS.findall("Press Test the connection under Settings") == [
        ("", "Test the connection")
    ]


NEXT_TRY: Final = "Next try by itself in 7 min"
NEXT_READ: Final = "The lock's list is read in 7 min"
# What runs by itself says until when, on the page of the booking.
RUNS_UNTIL: Final = {
    ProblemKey.COMMAND_TIMEOUT: NEXT_TRY,
    ProblemKey.NACK: NEXT_TRY,
    ProblemKey.RATE_LIMITED: NEXT_TRY,
    ProblemKey.UNKNOWN: NEXT_TRY,
    ProblemKey.ALREADY_IN_USE: NEXT_READ,
    ProblemKey.CODE_ID_NOT_FOUND: NEXT_READ,
    ProblemKey.OUTCOME_UNKNOWN: NEXT_READ,
    ProblemKey.REMOVAL_UNCONFIRMED: "Next try to remove it in 7 min",
}
# What waits for a person names one step and its hour, on the row of the booking.
WAITS_FOR_A_PERSON: Final = (
    ProblemKey.USER_NOT_FOUND,
    ProblemKey.SCHEDULE_NOT_VALID,
    *(key for key, entry in CATALOGUE.items() if entry.needs_person),
)
# A lock, a home or a connection in trouble: the row of whoever comes next has step and hour.
OF_AN_ARRIVAL: Final[dict[ProblemKey, Callable[[], int]]] = {
    ProblemKey.UNRECOGNIZED_JOB_STATE: lambda: make_booking(arrives_in=FOUR_HOURS).id,
    ProblemKey.SIGNED_OUT: lambda: _arrival(
        make_lock(make_connection(state=ConnectionState.SIGNED_OUT)), Status.NEEDS_YOU
    ),
    ProblemKey.SCHLAGE_OUTAGE: lambda: _arrival(
        make_lock(make_connection(outage_since=clock.now())), Status.QUEUED
    ),
    ProblemKey.LOCK_OFFLINE: lambda: _arrival(make_lock(is_online=False), Status.QUEUED),
    ProblemKey.LOCK_MISSING: lambda: _arrival(
        make_lock(missing_since=clock.now()), Status.RETRYING, ProblemKey.LOCK_MISSING
    ),
    ProblemKey.LOCK_FULL: lambda: _arrival(make_lock(), Status.QUEUED, ProblemKey.LOCK_FULL),
    ProblemKey.LOW_BATTERY: lambda: _arrival(
        make_lock(battery_state="CriticallyLow", is_online=True), Status.CONFIRMED
    ),
}
NO_HURRY: Final = {
    ProblemKey.WEBHOOKS_OFF: "codes end right, only later",
    ProblemKey.CLOCK_CHANGE: "the code is an hour wider already",
}


def _arrival(lock: Lock, status: Status, problem: ProblemKey | None = None) -> int:
    booking = make_booking(make_property(locks=[lock]), arrives_in=FOUR_HOURS)
    make_door_code(booking, lock, status=status, problem=problem)
    return booking.id


def test_every_problem_has_its_hour_somewhere() -> None:
    known = [*RUNS_UNTIL, *WAITS_FOR_A_PERSON, *OF_AN_ARRIVAL, *NO_HURRY]

    assert sorted(known) == sorted(ProblemKey)


@pytest.mark.parametrize("key", RUNS_UNTIL)
def test_what_runs_by_itself_says_until_when(app: Flask, key: ProblemKey) -> None:
    html = browser(app).get(CASES[key]()).text

    assert RUNS_UNTIL[key] in words(element(html, data_problem=str(key)).text)


@pytest.mark.parametrize("key", WAITS_FOR_A_PERSON)
def test_what_waits_for_a_person_names_one_step_and_its_hour_on_the_row(
    app: Flask, key: ProblemKey
) -> None:
    path = CASES[key]()

    row = element(browser(app).get("/").text, id=f"booking-{path.rpartition('/')[2]}")

    said = words(row.text)
    first = words(CATALOGUE[key].steps[0])
    assert row["data-verdict"] == "not_ready"
    assert first[0].lower() + first[1:] in said
    assert "By " in said


@pytest.mark.parametrize("key", OF_AN_ARRIVAL)
def test_trouble_behind_an_arrival_has_one_step_and_its_hour_on_the_row(
    app: Flask, key: ProblemKey
) -> None:
    booking_id = OF_AN_ARRIVAL[key]()

    html = browser(app).get("/").text

    row = element(html, id=f"booking-{booking_id}")
    assert row["data-verdict"] in {"at_risk", "not_ready"}
    assert re.search(r"By (today|tomorrow) \d+:\d\d [AP]M: \w+", words(row.text))


def test_a_stay_whose_lock_left_the_account_says_so_and_what_to_check(app: Flask) -> None:
    lock = make_lock(name="Garden gate", missing_since=clock.now(), missing_checks=3)
    soon = _arrival(lock, Status.CONFIRMED)
    here = make_booking(make_property(locks=[lock]), arrives_in=timedelta(minutes=30))
    make_door_code(here, lock, status=Status.RETRYING, problem=ProblemKey.LOCK_MISSING)

    html = browser(app).get("/").text

    in_time = words(element(html, id=f"booking-{soon}").text)
    too_late = words(element(html, id=f"booking-{here.id}").text)
    assert "Garden gate is not in the Schlage account any more" in in_time
    assert "check in the Schlage Home app that the lock is there" in in_time
    assert "have another way in ready" in too_late


def test_a_code_that_waits_for_an_offline_lock_says_so_and_what_brings_it_back(app: Flask) -> None:
    soon = OF_AN_ARRIVAL[ProblemKey.LOCK_OFFLINE]()
    lock = make_lock(name="Garden gate", is_online=False)
    here = make_booking(make_property(locks=[lock]), arrives_in=timedelta(minutes=30))
    make_door_code(here, lock, status=Status.SENT)

    html = browser(app).get("/").text

    in_time = words(element(html, id=f"booking-{soon}").text)
    too_late = words(element(html, id=f"booking-{here.id}").text)
    assert "restart the internet router" in in_time
    assert "Garden gate is offline. The code is sent the moment it is back." in too_late
    assert "have another way in ready" in too_late
