"""The booking page: its doors, the problem and its steps, and what a person may do."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import select

from portal import clock
from portal.domain.entry import EntryState, Evidence
from portal.domain.problems import CATALOGUE, USER_REQUEST, Page, Problem, ProblemKey
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Booking, BookingStatus, DoorCode, PinOrigin, Role, TimelineEntry
from portal.queue import JobName
from portal.services.timeline import Kind
from tests.support.bells import FakeBell
from tests.support.builders import (
    fresh,
    make_account,
    make_booking,
    make_command,
    make_door_code,
    make_entry,
    make_lock,
    make_manager,
    make_property,
    make_timeline_entry,
)
from tests.web.pages import browser, element, elements, words

PIN = "839261"
HOUR = timedelta(hours=1)


def a_stay(status: Status = Status.CONFIRMED, **fields: Any) -> tuple[Booking, DoorCode]:
    place_fields = {"fallback_entry": fields.pop("fallback_entry", None)}
    booking_fields = {"arrives_in": fields.pop("arrives_in", 30 * HOUR)}
    lock = make_lock()
    booking = make_booking(make_property(locks=[lock], **place_fields), pin=PIN, **booking_fields)
    code = make_door_code(booking, lock, status=status, **fields)
    if status is Status.CONFIRMED:
        make_entry(code, state=EntryState.HELD, evidence=Evidence.CONFIRMED)
    return booking, code


def kinds(booking: Booking) -> list[str]:
    db.session.rollback()
    return list(
        db.session.scalars(
            select(TimelineEntry.kind)
            .where(TimelineEntry.booking_id == booking.id)
            .order_by(TimelineEntry.id)
        )
    )


@pytest.mark.parametrize("problem", CATALOGUE.values(), ids=str)
def test_every_problem_shows_its_cause_its_steps_and_its_links(
    app: Flask, problem: Problem
) -> None:
    booking, code = a_stay(
        Status.NEEDS_YOU, problem=problem.key, problem_text="Schlage's very words"
    )

    html = browser(app).get(f"/bookings/{booking.id}").text

    shown = words(element(html, data_trouble=str(problem.key)).text)
    for text in (problem.title, problem.cause, problem.automatic, *problem.steps):
        assert words(text) in shown
    assert "Schlage's very words" in shown
    addresses = {e["href"] for e in elements(html) if e.tag == "a"}
    for link in problem.links:
        assert words(link.words) in shown
        if not isinstance(link.to, Page):
            assert link.to in addresses
    expected = {
        Page.SCHLAGE_SETTINGS: "/settings/door-locks/schlage",
        Page.CONNECTION: f"/settings/door-locks/schlage#connection-{code.lock.connection_id}",
        Page.MAPPING: f"/settings/door-locks/schlage#mapping-{booking.property_id}",
        Page.BOOKING: f"/bookings/{booking.id}",
        Page.LOCK: f"/locks/{code.lock_id}",
        Page.REBUILD: f"/locks/{code.lock_id}/rebuild",
        Page.PROPERTY: f"/properties/{booking.property_id}",
    }
    for link in problem.links:
        if isinstance(link.to, Page):
            assert expected[link.to] in addresses


@pytest.mark.parametrize(
    ("text", "is_of_user_not_found"),
    [
        ("Access code/code name are already in use", False),
        ("User not found in the device", True),
        ("words that nobody knows", False),
        ("", False),
    ],
)
def test_a_split_brain_keeps_the_steps_of_the_text_that_led_to_it(
    app: Flask, text: str, is_of_user_not_found: bool
) -> None:
    booking, _ = a_stay(Status.NEEDS_YOU, problem=ProblemKey.SPLIT_BRAIN, problem_text=text)

    html = browser(app).get(f"/bookings/{booking.id}").text

    shown = words(element(html, data_trouble="split_brain").text)
    addresses = [e["href"] for e in elements(html) if e.tag == "a"]
    assert all(words(step) in shown for step in CATALOGUE[ProblemKey.SPLIT_BRAIN].steps)
    assert shown.count("Press “Set all codes of this lock again”") == 1
    assert ("reset the lock to factory settings" in shown) is is_of_user_not_found
    assert (USER_REQUEST.to in addresses) is is_of_user_not_found


def test_a_booking_without_a_lock_shows_the_whole_way_out(app: Flask) -> None:
    booking = make_booking()

    html = browser(app).get(f"/bookings/{booking.id}").text

    shown = words(element(html, data_trouble="unrecognized_job_state").text)
    assert "Settings > Door Locks > Schlage" in shown
    addresses = {e["href"] for e in elements(html) if e.tag == "a"}
    assert f"/settings/door-locks/schlage#mapping-{booking.property_id}" in addresses


def test_every_link_of_ours_leads_to_a_place_that_exists(app: Flask) -> None:
    booking, _ = a_stay(Status.NEEDS_YOU, problem=ProblemKey.UNRECOGNIZED_JOB_STATE)
    client = browser(app)
    html = client.get(f"/bookings/{booking.id}").text

    ours = {e["href"] or "" for e in elements(html) if e.tag == "a"}
    for address in ours:
        path, _, anchor = address.partition("#")
        if not path.startswith("/"):
            continue
        answer = client.get(path, follow_redirects=False)
        assert answer.status_code in {200, 303}, address
        if anchor:
            assert elements(answer.text, id=anchor), address


def test_showing_the_pin_is_one_click_and_stands_in_the_history(app: Flask) -> None:
    booking, _ = a_stay()
    client = browser(app)

    before = client.get(f"/bookings/{booking.id}").text
    shown = client.send(f"/bookings/{booking.id}/pin")

    assert PIN not in before
    assert PIN in shown.text
    assert kinds(booking) == [Kind.PIN_SHOWN]
    assert fresh(booking).pin_shown_at is not None
    assert PIN not in client.get(f"/bookings/{booking.id}").text


def test_a_viewer_is_never_shown_a_pin(app: Flask) -> None:
    booking, _ = a_stay()
    client = browser(app, role=Role.VIEWER)

    html = client.get(f"/bookings/{booking.id}").text

    assert "Show PIN" not in html
    assert client.send(f"/bookings/{booking.id}/pin").status_code == 403
    assert kinds(booking) == []


def test_staff_are_shown_the_pins_of_their_days_only(app: Flask) -> None:
    account = make_account()
    soon = make_booking(arrives_in=12 * HOUR, account=account, pin=PIN)
    later = make_booking(arrives_in=80 * HOUR, account=account, pin=PIN)
    client = browser(app, account, Role.STAFF)

    assert PIN in client.send(f"/bookings/{soon.id}/pin").text
    assert client.send(f"/bookings/{later.id}/pin").status_code == 404


@pytest.mark.parametrize(
    ("status", "arrives_in", "is_shown"),
    [(Status.RETRYING, HOUR, True), (Status.SENT, 5 * HOUR, True), (Status.SENT, 30 * HOUR, False)],
)
def test_the_other_way_in_is_shown_when_the_guest_may_not_get_in(
    app: Flask, status: Status, arrives_in: timedelta, is_shown: bool
) -> None:
    booking, _ = a_stay(status, arrives_in=arrives_in, fallback_entry=Secret("Key box by the gate"))

    html = browser(app).get(f"/bookings/{booking.id}").text

    assert ("Key box by the gate" in html) is is_shown


def test_the_other_way_in_is_no_more_a_viewers_than_a_pin(app: Flask) -> None:
    booking, _ = a_stay(
        Status.NEEDS_YOU, arrives_in=HOUR, fallback_entry=Secret("Key box by the gate")
    )
    client = browser(app, role=Role.VIEWER)

    assert "Key box" not in client.get(f"/bookings/{booking.id}").text
    assert "Key box" not in client.get(f"/properties/{booking.property_id}").text


def test_resync_is_one_click_and_rings_for_the_lock(app: Flask, bell: FakeBell) -> None:
    booking, code = a_stay(Status.RETRYING, problem=ProblemKey.NACK)

    answer = browser(app).send(f"/bookings/{booking.id}/resync")

    assert (answer.status_code, answer.location) == (303, f"/bookings/{booking.id}")
    assert Kind.RESYNC_PRESSED in kinds(booking)
    assert (JobName.WORK_LOCK, (code.lock_id,)) in bell.rings


def test_ten_presses_of_resync_are_one(app: Flask) -> None:
    booking, _ = a_stay()
    client = browser(app)

    for _ in range(10):
        answer = client.send(f"/bookings/{booking.id}/resync")

    assert kinds(booking).count(Kind.RESYNC_PRESSED) == 1
    assert "already running" in client.get(answer.location or "").text


def test_resync_from_a_row_comes_back_to_the_same_list_with_its_filters(app: Flask) -> None:
    booking, _ = a_stay()
    client = browser(app)
    shown = client.get("/?q=ana&when=upcoming").text
    back = element(shown, name="from")["value"] or ""

    answer = client.send(f"/bookings/{booking.id}/resync", **{"from": back})

    assert set(urlsplit(answer.location or "").query.split("&")) >= {"q=ana", "when=upcoming"}


def test_resync_leads_to_no_other_site(app: Flask) -> None:
    booking, _ = a_stay()

    answer = browser(app).send(f"/bookings/{booking.id}/resync", **{"from": "//evil.example"})

    assert answer.location == f"/bookings/{booking.id}"


def test_a_new_pin_is_asked_for_before_it_is_given(app: Flask) -> None:
    booking, _ = a_stay()
    client = browser(app)
    client.send(f"/bookings/{booking.id}/pin")

    asked = client.get(f"/bookings/{booking.id}/new-pin").text
    unchanged = fresh(booking).pin
    answer = client.send(f"/bookings/{booking.id}/new-pin", pin="")

    assert "Somebody already knows the old PIN" in asked
    assert unchanged == Secret(PIN)
    assert answer.status_code == 303
    assert fresh(booking).pin != Secret(PIN)


@pytest.mark.parametrize("typed", ["12", "1234a6", "123456789", "111111"])
def test_a_pin_that_will_not_do_is_refused_at_the_field_and_stays_typed(
    app: Flask, typed: str
) -> None:
    booking, _ = a_stay()

    answer = browser(app).send(f"/bookings/{booking.id}/new-pin", pin=typed)

    assert answer.status_code == 422
    assert element(answer.text, id="pin")["value"] == typed
    assert words(element(answer.text, id="pin-error").text)
    assert fresh(booking).pin == Secret(PIN)


def test_new_dates_move_the_stay_and_keep_the_pin(app: Flask) -> None:
    booking, _ = a_stay()
    day = booking.arrives_on + timedelta(days=2)

    answer = browser(app).send(
        f"/bookings/{booking.id}/dates",
        arrives_on=day.isoformat(),
        arrives_time="15:30",
        departs_on=(day + timedelta(days=2)).isoformat(),
        departs_time="",
    )

    assert answer.status_code == 303
    moved = fresh(booking)
    assert (moved.arrives_on, str(moved.arrives_time)) == (day, "15:30:00")
    assert moved.pin == Secret(PIN)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"departs_on": "2020-01-01"}, "departs_on"),
        ({"arrives_on": "soon"}, "arrives_on"),
        ({"arrives_time": "25:99"}, "arrives_time"),
        ({"arrives_on": ""}, "arrives_on"),
        ({"departs_on": "9999-12-31"}, "departs_on"),
    ],
)
def test_bad_dates_are_named_at_their_field_and_stay_typed(
    app: Flask, change: dict[str, str], field: str
) -> None:
    booking, _ = a_stay()
    typed = {
        "arrives_on": booking.arrives_on.isoformat(),
        "arrives_time": "16:00",
        "departs_on": booking.departs_on.isoformat(),
        "departs_time": "11:00",
    } | change

    answer = browser(app).send(f"/bookings/{booking.id}/dates", **typed)

    assert answer.status_code == 422
    assert words(element(answer.text, id=f"{field}-error").text)
    assert (element(answer.text, id=field)["value"] or "") == typed[field]
    assert fresh(booking).arrives_on == booking.arrives_on


def test_cancelling_asks_first_and_can_be_undone(app: Flask) -> None:
    booking, _ = a_stay()
    client = browser(app)

    asked = client.get(f"/bookings/{booking.id}/cancel")
    status_then = fresh(booking).status
    client.send(f"/bookings/{booking.id}/cancel")
    cancelled = fresh(booking).status
    client.send(f"/bookings/{booking.id}/reinstate")

    assert "Cancel this booking?" in asked.text
    assert status_then is BookingStatus.CONFIRMED
    assert cancelled is BookingStatus.CANCELLED
    assert fresh(booking).status is BookingStatus.CONFIRMED


def test_the_history_says_who_and_when_in_the_propertys_zone(app: Flask) -> None:
    account = make_account()
    manager = make_manager(account, name="Rosa Planner")
    place = make_property(account, time_zone="Asia/Tokyo")
    booking = make_booking(place)
    at = clock.now().replace(hour=3, minute=5)
    make_timeline_entry(booking, Kind.PIN_SHOWN, actor=f"manager:{manager.id}", at=at)

    html = browser(app, account).get(f"/bookings/{booking.id}").text

    line = words(element(html, id="timeline").text)
    assert "PIN shown" in line
    assert "Rosa Planner" in line
    assert "12:05\xa0PM".replace("\xa0", " ") in line.replace("\xa0", " ")


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_history_has_a_sentence(app: Flask, kind: Kind) -> None:
    booking = make_booking()
    make_timeline_entry(booking, kind)

    html = browser(app).get(f"/bookings/{booking.id}").text

    told = words(element(html, id="timeline").text)
    assert told
    assert not told.startswith(str(kind).replace("_", " "))


def test_a_schlage_answer_stands_in_the_history_as_it_came(app: Flask) -> None:
    booking = make_booking()
    make_timeline_entry(
        booking,
        Kind.COMMAND_CLOSED,
        actor="schlage",
        data={
            "command": "add",
            "state": "failed",
            "by": "webhook",
            "seconds": 62,
            "text": "Weird <b>thing</b>",
            "problem": "unknown",
        },
    )

    html = browser(app).get(f"/bookings/{booking.id}").text

    assert "Weird &lt;b&gt;thing&lt;/b&gt;" in html
    assert "Schlage gave an answer we have not seen before" in html


def test_a_long_history_is_shown_in_part_until_asked_for(app: Flask) -> None:
    booking = make_booking()
    for _ in range(61):
        make_timeline_entry(booking, Kind.PIN_SHOWN)
    client = browser(app)

    part = client.get(f"/bookings/{booking.id}").text
    whole = client.get(f"/bookings/{booking.id}?timeline=all").text

    assert part.count("PIN shown") == 60
    assert whole.count("PIN shown") == 61


@pytest.mark.parametrize("role", list(Role))
def test_only_those_who_may_act_are_offered_it(app: Flask, role: Role) -> None:
    account = make_account()
    booking = make_booking(account=account, arrives_in=12 * HOUR)

    answer = browser(app, account, role).get(f"/bookings/{booking.id}")

    assert answer.status_code == 200
    assert ("Cancel booking" in answer.text) is (role in {Role.OWNER, Role.MANAGER})


def test_a_phone_number_that_makes_the_pin_is_hidden_with_it(app: Flask) -> None:
    booking = make_booking(pin="550142", pin_origin=PinOrigin.PHONE, guest_phone="+12125550142")

    page = browser(app, role=Role.VIEWER).get(f"/bookings/{booking.id}").text

    assert "5550142" not in page
    assert "the PIN is made of it" in page


def test_a_running_resync_tells_its_steps_per_door_and_a_poll_moves_them(app: Flask) -> None:
    pressed = clock.now() - timedelta(seconds=20)
    booking, code = a_stay(resync_at=pressed, reaffirm_after=pressed)
    client = browser(app)
    page = client.get(f"/bookings/{booking.id}").text
    code.lock.read_at = pressed + timedelta(seconds=2)
    make_command(make_entry(code), sent_at=pressed + timedelta(seconds=3), accepted_at=None)

    later = client.get(f"/bookings/{booking.id}/live").text

    first = element(page, data_resync="running")
    assert "Read the lock's list (now)" in words(first.text)
    steps = [e["data-step"] for e in elements(later) if "data-step" in e]
    assert steps == ["done", "done", "now", "later"]
    assert "The code was sent" in words(element(later, data_resync="running").text)


def test_the_steps_of_a_resync_go_away_when_it_is_long_over(app: Flask) -> None:
    pressed = clock.now() - timedelta(minutes=20)
    booking, code = a_stay(resync_at=pressed, resync_ended_at=clock.now() - timedelta(minutes=4))
    client = browser(app)
    shown = client.get(f"/bookings/{booking.id}").text
    code.resync_ended_at = clock.now() - timedelta(minutes=6)
    db.session.commit()

    gone = client.get(f"/bookings/{booking.id}").text

    assert element(shown, data_resync="ended")
    assert "data-resync" not in gone
