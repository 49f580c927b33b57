"""What pages call a stay: no “Ready” where nobody comes, no “Delete All” while software tries."""

from datetime import timedelta

import pytest
from flask import Flask

from portal import clock
from portal.domain.engine import Rung
from portal.domain.problems import CATALOGUE, Policy, ProblemKey
from portal.domain.status import Status
from portal.models import Booking, BookingStatus, ConnectionState, DoorCode
from portal.services.timeline import Kind
from tests.support.builders import (
    make_booking,
    make_connection,
    make_door_code,
    make_lock,
    make_property,
    make_timeline_entry,
    utc,
)
from tests.web.api import Program
from tests.web.pages import browser, element, elements, words

SETTINGS = "/settings/door-locks/schlage"
LADDER = [key for key, entry in CATALOGUE.items() if entry.policy is Policy.LADDER]


def a_code(booking: Booking, status: Status, **fields: object) -> DoorCode:
    return make_door_code(booking, make_lock(), status=status, **fields)


@pytest.mark.parametrize("status", [Status.REMOVED, Status.REMOVING])
@pytest.mark.parametrize("is_cancelled", [True, False])
def test_a_stay_that_nobody_comes_for_is_grey_and_not_called_ready(
    app: Flask, is_cancelled: bool, status: Status
) -> None:
    booking = (
        make_booking(status=BookingStatus.CANCELLED)
        if is_cancelled
        else make_booking(ends_at=clock.now() - timedelta(minutes=1))
    )
    a_code(booking, status, is_wanted=False)
    word = "Cancelled" if is_cancelled else "Over"
    client = browser(app)

    page = client.get(f"/bookings/{booking.id}").text
    row = element(client.get("/?when=all").text, id=f"booking-{booking.id}")

    assert words(element(page, id=f"booking-{booking.id}").text).startswith(word)
    assert f"{word}: " in page.partition("</title>")[0]
    assert "tone--grey" in (row["class"] or "")
    assert word in words(row.text)
    assert "Ready" not in words(row.text)


@pytest.mark.parametrize("key", LADDER)
@pytest.mark.parametrize(
    ("status", "heading"),
    [
        (Status.RETRYING, "What you can do if that fails"),
        (Status.NEEDS_YOU, "What you can do"),
    ],
)
def test_delete_all_is_for_when_the_software_is_at_its_end(
    app: Flask, key: ProblemKey, status: Status, heading: str
) -> None:
    booking = make_booking()
    a_code(booking, status, problem=key, failures=1)

    html = browser(app).get(f"/bookings/{booking.id}").text

    assert heading in [words(e.text) for e in elements(html) if e.tag in {"h4", "h5"}]


@pytest.mark.parametrize("status", [Status.NEEDS_YOU, Status.CONFIRMED])
def test_behind_a_connection_that_was_ended_here_a_booking_is_not_associated_to_a_lock(
    app: Flask, status: Status
) -> None:
    connection = make_connection(state=ConnectionState.DISCONNECTED)
    lock = make_lock(connection)
    place = make_property(locks=[lock])
    booking = make_booking(place)
    make_door_code(booking, lock, status=status)

    html = browser(app).get(f"/bookings/{booking.id}").text
    (door,) = Program(app).get(f"/api/v1/bookings/{booking.id}").json["door_codes"]

    shown = words(element(html, data_trouble="unrecognized_job_state").text)
    assert "Settings > Door Locks > Schlage" in shown
    assert {e["href"] for e in elements(html) if e.tag == "a"} >= {
        f"{SETTINGS}#connection-{connection.id}",
        f"{SETTINGS}#mapping-{place.id}",
    }
    assert door["problem"] == "unrecognized_job_state"
    if status is Status.NEEDS_YOU:
        panel = words(element(html, id=f"booking-{booking.id}").text)
        assert f"The connection of {lock.name} to Schlage is not active" in panel
        assert "sent by themselves once the connection is active" in panel


def test_schlages_own_unrecognized_job_state_says_when_it_is_tried_again(app: Flask) -> None:
    lock = make_lock()
    place = make_property(locks=[lock])
    booking = make_booking(place)
    make_door_code(
        booking,
        lock,
        status=Status.RETRYING,
        problem=ProblemKey.UNRECOGNIZED_JOB_STATE,
        due_at=clock.now() + timedelta(minutes=7, seconds=30),
    )

    html = browser(app).get(f"/bookings/{booking.id}").text

    panel = words(element(html, id=f"booking-{booking.id}").text)
    assert "Next try by itself in 7 min" in panel
    assert "once the connection is active" not in panel
    assert f"{SETTINGS}#mapping-{place.id}" in {e["href"] for e in elements(html) if e.tag == "a"}


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "is_told"),
    [
        ("2027-03-13T21:00", "2027-03-15T16:00", True),
        ("2027-03-10T21:00", "2027-03-12T16:00", False),
    ],
)
def test_a_stay_over_a_clock_change_says_what_that_means(
    app: Flask, starts_at: str, ends_at: str, is_told: bool
) -> None:
    booking = make_booking(starts_at=utc(starts_at), ends_at=utc(ends_at))
    a_code(booking, Status.PLANNED)

    html = browser(app).get(f"/bookings/{booking.id}").text

    told = elements(html, data_trouble="clock_change")
    assert len(told) == is_told
    if is_told:
        entry = CATALOGUE[ProblemKey.CLOCK_CHANGE]
        for text in (entry.title, entry.cause, entry.automatic, *entry.steps):
            assert words(text) in words(told[0].text)


@pytest.mark.parametrize("rung", list(Rung))
def test_each_step_of_the_ladder_is_a_sentence_in_the_history(app: Flask, rung: Rung) -> None:
    booking = make_booking()
    make_timeline_entry(booking, Kind.LADDER, data={"rung": str(rung)})

    told = words(element(browser(app).get(f"/bookings/{booking.id}").text, id="timeline").text)

    assert str(rung).replace("_", " ") not in told
    assert {
        Rung.FRESH_LABEL: "under another name",
        Rung.FRESH_PIN: "another one is tried",
        Rung.SPLIT_BRAIN: "Only a person",
    }[rung] in told


def test_one_look_at_a_list_is_told_as_one(app: Flask) -> None:
    booking = make_booking()
    make_timeline_entry(booking, Kind.ENTRY_ABSENT, data={"reads": 1})
    make_timeline_entry(booking, Kind.ENTRY_ABSENT, data={"reads": 2})

    told = words(element(browser(app).get(f"/bookings/{booking.id}").text, id="timeline").text)

    assert "read once" in told
    assert "read 2 times" in told


@pytest.mark.parametrize(
    ("doors", "told"),
    [
        (1, "The lock has confirmed the code."),
        (2, "Both locks have confirmed the code."),
        (3, "All 3 locks have confirmed the code."),
    ],
)
def test_how_many_locks_have_confirmed_is_said_as_a_person_would(
    app: Flask, doors: int, told: str
) -> None:
    booking = make_booking()
    for _ in range(doors):
        a_code(booking, Status.CONFIRMED)

    html = browser(app).get(f"/bookings/{booking.id}").text

    assert told in words(element(html, id=f"booking-{booking.id}").text)
