"""Each problem as the product itself comes to show it: cause, what runs, steps, deadline, links."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import pytest
from flask import Flask

from portal import clock
from portal.domain.problems import CATALOGUE, REBUILD, Page, ProblemKey
from portal.domain.status import Status
from portal.models import BookingStatus, ConnectionState
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

SETTINGS: Final = "/settings/door-locks/schlage"
SOON: Final = timedelta(minutes=7, seconds=30)


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
    entry = CATALOGUE[key]
    path = CASES[key]()
    client = browser(app)

    html = client.get(path).text

    trouble = element(html, data_trouble=str(key))
    shown = words(trouble.text)
    for text in (entry.title, entry.cause, entry.automatic, *entry.steps):
        assert words(text) in shown
    assert "By itself" in shown
    anchors = {words(e.text): e["href"] or "" for e in elements(html) if e.tag == "a"}
    for link in entry.links:
        # A connection's page knows no property and no lock: what would lead there is left out.
        if link.to in {Page.LOCK, Page.REBUILD} and path == SETTINGS:
            continue
        address = next(url for text, url in anchors.items() if text.startswith(link.words))
        if not isinstance(link.to, Page):
            assert address == link.to
            continue
        page, _, anchor = address.partition("#")
        answer = client.get(page)
        assert answer.status_code == 200, address
        assert not anchor or elements(answer.text, id=anchor), address


@pytest.mark.parametrize("key", [k for k, e in CATALOGUE.items() if e.links[:1] == (REBUILD,)])
def test_what_a_rebuild_repairs_is_repaired_from_here_and_not_in_another_app(
    app: Flask, key: ProblemKey
) -> None:
    html = browser(app).get(CASES[key]()).text

    first = words(elements(html, data_trouble=str(key))[0].text).partition("What you can do")[2]
    assert f"Press “{REBUILD.words}”" in first.partition("Schlage Home app")[0]


@pytest.mark.parametrize(
    ("key", "deadline"),
    [
        (ProblemKey.COMMAND_TIMEOUT, "Next try by itself in 7 min"),
        (ProblemKey.NACK, "Next try by itself in 7 min"),
        (ProblemKey.RATE_LIMITED, "Next try by itself in 7 min"),
        (ProblemKey.UNKNOWN, "Next try by itself in 7 min"),
        (ProblemKey.ALREADY_IN_USE, "The lock's list is read in 7 min"),
        (ProblemKey.CODE_ID_NOT_FOUND, "The lock's list is read in 7 min"),
        (ProblemKey.OUTCOME_UNKNOWN, "The lock's list is read in 7 min"),
        (ProblemKey.REMOVAL_UNCONFIRMED, "Next try to remove it in 7 min"),
    ],
)
def test_what_runs_by_itself_says_until_when(app: Flask, key: ProblemKey, deadline: str) -> None:
    html = browser(app).get(CASES[key]()).text

    assert deadline in words(element(html, data_problem=str(key)).text)


@pytest.mark.parametrize("key", [k for k, entry in CATALOGUE.items() if entry.needs_person])
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
