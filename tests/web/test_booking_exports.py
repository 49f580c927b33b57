"""A booking on paper: diagnostics without secrets, and the history as a harmless table."""

import csv
import io
from datetime import timedelta

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.command import State
from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.models import Booking, Role
from portal.services.timeline import Kind
from portal.views._csv import plain, table
from tests.support.builders import (
    make_account,
    make_booking,
    make_command,
    make_door_code,
    make_entry,
    make_lock,
    make_property,
    make_timeline_entry,
    utc,
)
from tests.web.pages import browser, element, elements

PIN = "839261"
NAME = "Bartholomew Quist"
PHONE = "+1 212 555 0199"


def a_failed_stay(text: str = "Access code/code name are already in use") -> Booking:
    lock = make_lock(device_id="device-of-the-door", model="be489WB", firmware="10.00.264")
    booking = make_booking(make_property(locks=[lock]), guest_name=NAME, guest_phone=PHONE, pin=PIN)
    code = make_door_code(
        booking, lock, status=Status.NEEDS_YOU, problem=ProblemKey.SPLIT_BRAIN, problem_text=text
    )
    entry = make_entry(code, label="Bartholomew 7Q2", access_code_id="access-17")
    make_command(
        entry,
        state=State.FAILED,
        command_id="command-4711",
        sent_at=utc("2026-11-24T03:00:01"),
        accepted_at=utc("2026-11-24T03:00:02"),
        closed_at=utc("2026-11-24T03:01:03"),
        closed_by="webhook",
        raw_state="FAILED",
        outcome_text=text,
    )
    return booking


def test_diagnostics_hold_what_support_asks_for(app: Flask) -> None:
    booking = a_failed_stay()

    html = browser(app).get(f"/bookings/{booking.id}/diagnostics").text

    text = element(html, id="diagnostics").text
    for wanted in (
        "device-of-the-door",
        "be489WB",
        "10.00.264",
        "access-17",
        "add, command id command-4711",
        "sent 2026-11-24T03:00:01Z",
        "closed 2026-11-24T03:01:03Z",
        "failed, told by webhook",
        "Schlage's state: FAILED",
        "Schlage's words: Access code/code name are already in use",
        "Problem split_brain",
    ):
        assert wanted in text


@pytest.mark.parametrize(
    "said",
    [
        f"code {PIN} is taken",
        "name 'Bartholomew 7Q2' is taken",
        "BARTHOLOMEW has a code",
        f"{NAME} ({PHONE})",
        "12125550199 asked",
    ],
)
def test_diagnostics_hold_no_pin_name_phone_or_label_even_where_schlage_repeats_them(
    app: Flask, said: str
) -> None:
    booking = a_failed_stay(said)

    html = browser(app).get(f"/bookings/{booking.id}/diagnostics").text

    text = element(html, id="diagnostics").text
    for private in (PIN, "Bartholomew", "Quist", "555 0199", "2125550199", "7Q2"):
        assert private.casefold() not in text.casefold()
    assert "[removed]" in text


def test_a_booking_without_a_lock_has_diagnostics_too(app: Flask) -> None:
    booking = make_booking(guest_name="", guest_phone="")

    html = browser(app).get(f"/bookings/{booking.id}/diagnostics").text

    assert "No lock is mapped" in element(html, id="diagnostics").text


def test_without_scripts_the_copy_button_is_not_there_and_the_text_is(app: Flask) -> None:
    html = browser(app).get(f"/bookings/{a_failed_stay().id}/diagnostics").text

    button = element(html, data_copy="diagnostics")

    assert "hidden" in button
    assert element(html, id="diagnostics").tag == "pre"


def test_the_booking_page_leads_to_both(app: Flask) -> None:
    booking = a_failed_stay()
    make_timeline_entry(booking, Kind.RESYNC_PRESSED)

    addresses = {e.get("href") for e in elements(browser(app).get(f"/bookings/{booking.id}").text)}

    assert {f"/bookings/{booking.id}/diagnostics", f"/bookings/{booking.id}/timeline.csv"} <= (
        addresses
    )


def test_the_history_comes_as_a_table_oldest_first_in_both_times(app: Flask) -> None:
    booking = make_booking(make_property(time_zone="Asia/Tokyo"))
    at = utc("2026-11-24T03:05:00")
    make_timeline_entry(booking, Kind.BOOKING_CREATED, at=at, actor="feed:1")
    closed = {"command": "add", "state": "failed", "text": "Weird, thing", "problem": "unknown"}
    make_timeline_entry(
        booking, Kind.COMMAND_CLOSED, at=at + timedelta(minutes=1), actor="schlage", data=closed
    )

    answer = browser(app).get(f"/bookings/{booking.id}/timeline.csv")

    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert rows[0][:2] == ["When (Asia/Tokyo)", "When (UTC)"]
    assert rows[1][:3] == ["2026-11-24 12:05:00", "2026-11-24 03:05:00", "Calendar"]
    assert rows[1][4] == "Booking received"
    assert rows[2][6] == "Weird, thing"
    assert len(rows) == 3


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_text(app: Flask, text: str) -> None:
    booking = make_booking()
    data = {"command": "add", "state": "failed", "text": text, "problem": "unknown"}
    make_timeline_entry(booking, Kind.COMMAND_CLOSED, actor="schlage", data=data)

    body = browser(app).get(f"/bookings/{booking.id}/timeline.csv").text

    row = list(csv.reader(io.StringIO(body.removeprefix("\ufeff"), newline="")))[1]
    assert row[6] == f"'{text}"


@given(st.lists(st.lists(st.text(), min_size=1, max_size=3), max_size=5))
def test_no_cell_of_any_table_begins_like_a_formula_and_none_is_lost(
    rows: list[list[str]],
) -> None:
    written = table(["a"], rows)

    read = list(csv.reader(io.StringIO(written.removeprefix("\ufeff"), newline="")))[1:]
    assert read == [[plain(cell) for cell in row] for row in rows]
    assert not any(cell.startswith(tuple("=+-@\t\r")) for row in read for cell in row)


def test_staff_export_the_bookings_of_their_days_only(app: Flask) -> None:
    account = make_account()
    soon = make_booking(account=account, arrives_in=timedelta(hours=12))
    later = make_booking(account=account, arrives_in=timedelta(hours=80))
    client = browser(app, account, Role.STAFF)

    assert client.get(f"/bookings/{soon.id}/timeline.csv").status_code == 200
    for page in ("timeline.csv", "diagnostics"):
        assert client.get(f"/bookings/{later.id}/{page}").status_code == 404
