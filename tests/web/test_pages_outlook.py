"""The answer of the arrivals page: who is to be helped first, and numbers that all agree."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from freezegun import freeze_time

from portal import clock
from portal.domain.door_event import How, What, Whose
from portal.domain.entry import EntryState, Evidence
from portal.domain.notices import GUEST_CANNOT_ENTER, KEYPAD_LOCKED, NOT_CONFIRMED
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.status import Status, Verdict
from portal.extensions import db
from portal.models import (
    Account,
    Alert,
    Booking,
    BookingStatus,
    ConnectionState,
    DoorCode,
    Role,
)
from tests.support.builders import (
    fresh,
    make_account,
    make_alert,
    make_booking,
    make_channel,
    make_connection,
    make_door_code,
    make_door_event,
    make_entry,
    make_feed,
    make_guest_link,
    make_lock,
    make_mapping,
    make_property,
    saved,
)
from tests.support.client import PortalClient
from tests.support.statements import statements
from tests.web.pages import browser, element, elements, poll_url, words

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


# A guest who calls for help


def test_a_guest_who_calls_is_the_first_thing_on_the_page_although_the_code_is_confirmed(
    app: Flask,
) -> None:
    a_stay(arrives_in=-30 * HOUR, name="Other Olga")
    place = make_property(name="Casa Mar")
    booking = a_stay(arrives_in=-HOUR, name="Robin Reyes", place=place)
    make_connection(outage_since=clock.now())
    calls_for_help(booking)

    html = browser(app).get("/").text

    banners = [e["data-banner"] for e in elements(html) if "data-banner" in e]
    assert banners == ["call", "schlage_outage"]
    banner = words(element(html, data_banner="call").text)
    assert "Robin Reyes at Casa Mar says that the door does not open" in banner
    assert "Every door of the stay is being checked" in banner
    assert "Since just now" in banner
    assert "call the guest, then unlock the door" in banner
    assert f"/bookings/{booking.id}" in {e.get("href") for e in elements(html)}
    headline, subline = answer(html)
    assert headline == "One guest stands at the door and cannot get in"
    assert subline == "First: Robin Reyes at Casa Mar. They say that the door does not open."
    assert title(html) == "(1) Arrivals · Latchboard"
    row = words(element(html, id=f"booking-{booking.id}").text)
    assert "The guest says that the door does not open." in row
    assert "Cannot get in" in row
    assert "Ready" not in row
    assert html.index("Robin Reyes") < html.index("Other Olga")


def test_a_guest_calls_and_a_manager_on_arrivals_sees_it_and_ends_it(
    app: Flask, client: PortalClient
) -> None:
    booking = a_stay(arrives_in=-HOUR, name="Robin Reyes")
    manager = browser(app)
    before = manager.get("/").text
    token = make_guest_link(booking)
    form = {
        e["name"]: e["value"]
        for e in elements(client.get(f"/guest/{token}").text, name="form_token")
    }

    client.post(f"/guest/{token}/help", data=form)
    called = manager.get(poll_url(before))
    button = next(e for e in elements(called.text, form="act") if "/done" in str(e["formaction"]))
    pressed = manager.send(str(button["formaction"]), **{"from": "/"})
    after = manager.get("/").text

    assert "Nothing needs you" in before
    assert called.status_code == 200
    assert title(called.text) == "(1) Arrivals · Latchboard"
    assert element(called.text, data_banner="call")
    assert "The guest is in" in button.text
    assert (pressed.status_code, pressed.location) == (303, "/")
    assert not elements(after, data_banner="call")
    assert "Nothing needs you" in after
    assert title(after) == "Arrivals · Latchboard"


def test_the_guest_is_in_leads_back_to_no_other_site(app: Flask) -> None:
    alert = calls_for_help(a_stay(arrives_in=-HOUR))

    answered = browser(app).send(f"/alerts/{alert.id}/done", **{"from": "//evil.example"})

    assert answered.location == "/alerts"
    assert fresh(alert).closed_at is not None


def test_a_call_stands_on_filtered_lists_and_in_their_title_too(app: Flask) -> None:
    calls_for_help(a_stay(arrives_in=-HOUR, name="Robin Reyes"))
    a_stay(Status.NEEDS_YOU, name="Bad Bo")

    for address in ("/", "/?when=past", "/?verdict=ready", "/?q=nobody"):
        html = browser(app).get(address).text
        assert element(html, data_banner="call"), address
        assert title(html) == "(2) Arrivals · Latchboard", address


def test_more_guests_who_may_not_get_in_are_said_behind_the_one_at_the_door(app: Flask) -> None:
    calls_for_help(a_stay(arrives_in=-HOUR, name="Robin Reyes"))
    a_stay(Status.NEEDS_YOU, name="Bad Bo")
    a_stay(Status.NEEDS_YOU, name="Bad Bea")

    html = browser(app).get("/").text

    assert answer(html)[0] == "One guest stands at the door and cannot get in"
    assert "2 more guests may not get in." in answer(html)[1]
    assert title(html).startswith("(3)")


def test_a_guest_whose_keypad_is_in_trouble_is_counted_too(app: Flask) -> None:
    booking = a_stay(arrives_in=-HOUR, name="Robin Reyes")
    make_door_event(booking.door_codes[0].lock, what=What.KEYPAD_PAUSED, booking_id=booking.id)

    html = browser(app).get("/").text

    assert answer(html)[0] == "One guest at the door may not get in"
    assert "keypad paused" in answer(html)[1]
    assert title(html).startswith("(1)")
    assert "May not get in" in element(html, id=f"booking-{booking.id}").text


def test_the_guest_whom_a_locked_keypads_alert_names_is_counted_once(app: Flask) -> None:
    booking = a_stay(arrives_in=-HOUR, name="Robin Reyes")
    [code] = booking.door_codes
    make_door_event(code.lock, what=What.KEYPAD_PAUSED)
    keypad_locked(booking)

    html = browser(app).get("/").text

    headline, subline = answer(html)
    assert headline == "One guest at the door may not get in"
    assert subline.endswith("At the keypad: Wrong tries, keypad paused.")
    assert element(html, data_banner="keypad")
    assert title(html).startswith("(1)")


def test_whoever_was_let_in_by_unlock_here_stands_at_no_door(app: Flask) -> None:
    booking = a_stay(arrives_in=-HOUR)
    keypad_locked(booking, opened_at=clock.now() - timedelta(minutes=4))
    [code] = booking.door_codes
    client = browser(app)
    before = client.get("/").text
    make_door_event(code.lock, how=How.APP, whose=Whose.PORTAL)

    after = client.get("/").text

    assert answer(before)[0] == "One guest at the door may not get in"
    assert answer(after)[0] == "One guest inside: ready"
    assert not elements(after, data_banner="keypad")


def test_unlock_at_another_door_lets_nobody_in(app: Flask) -> None:
    booking = a_stay(arrives_in=-HOUR)
    make_door_event(booking.door_codes[0].lock, what=What.KEYPAD_PAUSED, booking_id=booking.id)
    make_door_event(how=How.APP, whose=Whose.PORTAL)

    assert element(browser(app).get("/").text, data_banner="keypad")


def test_a_pause_is_over_when_its_alert_is(app: Flask) -> None:
    booking = a_stay(arrives_in=-HOUR)
    at = clock.now() - timedelta(minutes=9)
    lock = booking.door_codes[0].lock
    make_door_event(lock, what=What.KEYPAD_PAUSED, booking_id=booking.id, at=at)
    client = browser(app)

    before = client.get("/").text
    with freeze_time(clock.now() + timedelta(minutes=1, seconds=1)):
        after = client.get("/").text

    assert element(before, data_banner="keypad")
    until = int(parse_qs(urlsplit(poll_url(before)).query)["until"][0])
    assert until <= at.timestamp() + 601
    assert not elements(after, data_banner="keypad")


def test_the_booking_page_says_what_arrivals_says_of_the_keypad(app: Flask) -> None:
    place = make_property(fallback_entry=Secret("Key box 4711 by the gate"))
    booking = a_stay(arrives_in=-HOUR, place=place)
    keypad_locked(booking)
    client = browser(app)

    html = client.get(f"/bookings/{booking.id}").text

    assert element(client.get("/").text, data_banner="keypad")
    assert element(html, data_keypad="paused")
    assert "Key box 4711 by the gate" in html


def test_wrong_digits_on_the_day_before_put_no_guest_at_the_door(app: Flask) -> None:
    booking = a_stay(arrives_in=20 * HOUR)
    keypad_locked(booking)

    html = browser(app).get("/").text

    assert answer(html)[0] == "The next arrival is ready"
    assert answer(html)[1].startswith("One thing needs you.")
    assert "May not get in" not in html
    assert not elements(html, data_banner="keypad")


def test_a_guest_who_comes_some_hours_early_may_stand_at_the_door(app: Flask) -> None:
    keypad_locked(a_stay(arrives_in=5 * HOUR))

    assert element(browser(app).get("/").text, data_banner="keypad")


def test_staff_are_told_of_their_guests_calls_and_of_no_alerts(app: Flask) -> None:
    account = make_account()
    place = make_property(account)
    calls_for_help(a_stay(arrives_in=-HOUR, place=place))
    far = a_stay(arrives_in=60 * HOUR, place=place)
    calls_for_help(far)
    make_alert(account, cause="staff_needs_you", key="staff_needs_you:1:2")

    html = browser(app, account, Role.STAFF).get("/").text

    assert len(elements(html, data_banner="call")) == 1
    assert not elements(html, form="act")
    assert "thing" not in answer(html)[1]
    assert title(html).startswith("(1)")


def test_staff_are_told_of_nothing_that_is_wrong_for_the_whole_account(app: Flask) -> None:
    account = make_account()
    place = make_property(account)
    now = clock.now()
    make_channel(account, dead_since=now - 3 * HOUR)
    make_feed(place, good_at=now - 5 * HOUR)
    make_feed(place, good_at=now, held_until=now + 20 * HOUR, changed_at=now - HOUR)
    make_connection(account, state=ConnectionState.SIGNED_OUT)

    of_staff = browser(app, account, Role.STAFF).get("/").text
    of_manager = browser(app, account, Role.MANAGER).get("/").text

    assert [e["data-banner"] for e in elements(of_manager) if "data-banner" in e] == [
        "signed_out",
        "feed_sick",
        "feed_held",
        "channel_dead",
    ]
    assert not [e for e in elements(of_staff) if "data-banner" in e]
    assert answer(of_staff) == ("All quiet", "Nothing needs you.")
    led_to = {e.get("href") or "" for e in elements(of_staff)}
    assert not [href for href in led_to if href.startswith(("/imports", "/settings/alerts"))]


def test_staff_know_that_nothing_is_sent_and_are_asked_for_nothing(app: Flask) -> None:
    account = make_account()
    make_lock(account=account, due_at=clock.now() - timedelta(minutes=6))

    html = browser(app, account, Role.STAFF).get("/").text

    said = words(element(html, data_banner="standstill").text)
    assert "Nothing is sent by itself right now" in said
    assert "Now:" not in said


# What a page cuts, the answer does not


def test_the_one_on_the_second_page_is_named_and_shown_on_the_first(app: Flask) -> None:
    place = make_property()
    for number in range(50):
        a_stay(place=place, arrives_in=timedelta(hours=5, minutes=number), verdict=Verdict.READY)
    bad = a_stay(
        Status.NEEDS_YOU,
        place=make_property(name="Casa Mar"),
        name="Bad Bo",
        arrives_in=20 * HOUR,
        verdict=Verdict.NOT_READY,
    )
    client = browser(app)

    html = client.get("/").text
    second = client.get("/?page=2").text

    assert answer(html)[0] == "One guest may not get in"
    assert answer(html)[1].startswith("First: Bad Bo at Casa Mar.")
    assert "Nothing needs you" not in html
    shown = words(element(html, data_list="elsewhere").text)
    assert re.search(r"(AM|PM) (Today|Tomorrow) Bad Bo", shown), "with its day"
    assert rows(html)[0] == bad.id
    assert answer(second) == answer(html)
    assert rows(second) == [bad.id]
    assert tally(html) == tally(second) == {"ready": 50, "not_ready": 1}


def test_who_arrived_an_hour_ago_is_found_among_two_hundred_guests_inside(app: Flask) -> None:
    place = make_property()
    for number in range(205):
        a_stay(
            place=place,
            arrives_in=-timedelta(hours=30, minutes=number),
            verdict=Verdict.READY,
            nights=5,
        )
    bad = a_stay(
        Status.NEEDS_YOU, name="New Noor", arrives_in=-HOUR, verdict=Verdict.NOT_READY, nights=1
    )

    html = browser(app).get("/").text

    assert answer(html)[0] == "One guest may not get in"
    assert answer(html)[1].startswith("First: New Noor")
    assert rows(html)[0] == bad.id
    assert title(html).startswith("(1)")
    assert tally(html) == {"ready": 205, "not_ready": 1}
    assert "All 206 guests inside" in html


def test_among_very_many_inside_who_leaves_today_is_not_left_out(app: Flask) -> None:
    place = make_property()
    for number in range(201):
        a_stay(place=place, arrives_in=-timedelta(hours=90, minutes=number), nights=9)
    leaving = a_stay(place=place, arrives_in=-24 * HOUR + timedelta(minutes=1), nights=1)

    html = browser(app).get("/").text

    assert leaving.id in rows(html)


@pytest.mark.parametrize("stored", list(Verdict))
def test_the_numbers_agree_whatever_the_last_sweep_has_stored(app: Flask, stored: Verdict) -> None:
    due = {"verdict": stored, "verdict_due_at": clock.now() - timedelta(minutes=1)}
    a_stay(Status.NEEDS_YOU, arrives_in=-HOUR, **due)
    a_stay(Status.NEEDS_YOU, arrives_in=3 * HOUR, **due)
    a_stay(Status.SENT, arrives_in=3 * HOUR, **due)
    a_stay(Status.SENT, arrives_in=30 * HOUR, **due)
    a_stay(arrives_in=-2 * HOUR, **due)
    client = browser(app)

    html = client.get("/").text

    assert answer(html)[0] == "2 guests may not get in"
    assert title(html).startswith("(2)")
    assert tally(html) == {"not_ready": 2, "at_risk": 1, "on_track": 1, "ready": 1}
    for verdict, number in tally(html).items():
        filtered = client.get(f"/?verdict={verdict}").text
        assert len(rows(filtered)) == number, verdict
        assert tally(filtered) == tally(html), verdict
        assert title(filtered) == title(html), verdict


def test_guests_inside_are_counted_and_filtered_with_those_who_come(app: Flask) -> None:
    inside = a_stay(Status.NEEDS_YOU, arrives_in=-HOUR, verdict=Verdict.NOT_READY)
    coming = a_stay(Status.NEEDS_YOU, verdict=Verdict.NOT_READY)
    a_stay(Status.NEEDS_YOU, arrives_in=80 * HOUR, verdict=Verdict.NOT_READY)
    client = browser(app)

    html = client.get("/").text
    link = element(html, data_count="not_ready")["href"]
    filtered = client.get(str(link)).text

    assert parse_qs(urlsplit(str(link)).query) == {"verdict": ["not_ready"]}
    assert answer(html)[0] == "2 guests may not get in"
    assert tally(html) == {"not_ready": 2}
    assert rows(filtered) == [inside.id, coming.id]
    assert "2 bookings" in filtered


def test_the_title_counts_stays_at_risk_where_nobody_is_worse(app: Flask) -> None:
    a_stay(Status.SENT)
    a_stay(Status.SENT, arrives_in=4 * HOUR)

    html = browser(app).get("/").text

    assert answer(html)[0] == "2 stays are at risk"
    assert title(html) == "(2) Arrivals · Latchboard"


def test_all_is_calm_with_guests_inside(app: Flask) -> None:
    a_stay()
    a_stay(arrives_in=-30 * HOUR)

    html = browser(app).get("/").text

    assert answer(html)[0] == "One arrival and one guest inside: all ready"
    assert answer(html)[1].startswith("Nothing needs you. Next: Ana Guest")
    assert title(html) == "Arrivals · Latchboard"
    assert tally(html) == {"ready": 2}


def test_an_empty_calm_page_is_quiet(app: Flask) -> None:
    assert answer(browser(app).get("/").text) == ("All quiet", "Nothing needs you.")


def test_the_page_is_asked_for_again_when_a_stay_that_it_does_not_show_turns(app: Flask) -> None:
    place = make_property()
    with freeze_time("2026-03-02T15:00:00Z"):
        for number in range(50):
            a_stay(place=place, arrives_in=timedelta(hours=30, minutes=number))
        a_stay(Status.SENT, place=place, arrives_in=timedelta(hours=31, minutes=10))
        client = browser(app)
        url = poll_url(client.get("/").text)
    until = int(parse_qs(urlsplit(url).query)["until"][0])

    with freeze_time("2026-03-02T15:00:00Z"):
        assert until <= (clock.now() + HOUR).timestamp() + 1


def out_of_date_at(html: str) -> int:
    return int(parse_qs(urlsplit(poll_url(html)).query)["until"][0])


def test_the_page_is_asked_for_again_when_a_stay_comes_within_three_days(app: Flask) -> None:
    booking = a_stay(arrives_in=72 * HOUR + timedelta(minutes=20))

    html = browser(app).get("/").text

    assert answer(html)[0] == "All quiet"
    assert out_of_date_at(html) == (booking.starts_at - 72 * HOUR).timestamp() + 1


def test_the_page_is_asked_for_again_when_a_calendar_was_not_read_for_long(app: Flask) -> None:
    read_at = clock.now() - timedelta(minutes=100)
    make_feed(good_at=clock.now() - timedelta(minutes=5))
    make_feed(good_at=clock.now() - timedelta(minutes=110), is_paused=True)
    make_feed(good_at=read_at)

    html = browser(app).get("/").text

    assert not elements(html, data_banner="feed_sick")
    assert out_of_date_at(html) == int((read_at + 2 * HOUR).timestamp()) + 1


@freeze_time("2026-03-03T04:40:00Z")  # 11:40 PM in New York
def test_staff_who_see_no_stay_are_shown_those_of_the_new_day(app: Flask) -> None:
    account = make_account()
    place = make_property(account, time_zone="America/New_York")
    a_stay(place=place, arrives_in=40 * HOUR)
    client = browser(app, account, Role.STAFF)

    html = client.get("/").text

    assert not rows(html)
    until = out_of_date_at(html)
    assert until == (clock.now() + timedelta(minutes=20)).timestamp() + 1
    with freeze_time("2026-03-03T05:00:01Z"):
        assert len(rows(client.get("/").text)) == 1


# What else needs somebody


def test_an_old_code_that_is_not_proven_off_is_no_quiet(app: Flask) -> None:
    an_old_code()

    html = browser(app).get("/").text

    headline, subline = answer(html)
    assert headline == "No guests soon"
    assert subline == "One old code is not proven off its lock."
    assert "Nothing needs you" not in html


def test_one_failed_removal_that_is_tried_again_leaves_the_page_calm(app: Flask) -> None:
    lock = make_lock()
    booking = make_booking(make_property(locks=[lock]), arrives_in=-48 * HOUR, nights=2)
    ends_at = booking.ends_at
    code = make_door_code(
        booking,
        lock,
        ends_at=ends_at,
        status=Status.REMOVING,
        problem=ProblemKey.NACK,
        due_at=ends_at + timedelta(minutes=6),
    )
    client = browser(app)

    with freeze_time(ends_at + timedelta(minutes=5)):
        tried = client.get("/").text
    with freeze_time(ends_at + timedelta(hours=1, minutes=31)):
        late = client.get("/").text

    assert answer(tried)[1] == "Nothing needs you."
    assert not elements(tried, data_list="overdue")
    assert f"booking-{code.booking_id}" in {e.get("id") for e in elements(tried)}
    assert answer(late)[1] == "One old code is not proven off its lock."


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_an_old_code_has_the_step_the_next_try_and_resync(app: Flask, is_cancelled: bool) -> None:
    code = an_old_code()
    booking = code.booking
    assert booking is not None
    if is_cancelled:
        booking.status = BookingStatus.CANCELLED
        saved(booking)

    html = browser(app).get("/").text

    row = element(html, id=f"booking-{booking.id}")
    said = words(row.text)
    assert "Should have been off" in said
    assert "Next try to remove it in" in said
    assert "Now: if it matters now, delete the code in the Schlage Home app" in said
    links = {e.get("href") for e in elements(html)}
    assert f"/locks/{code.lock_id}" in links
    assert f"/bookings/{booking.id}/resync" in {
        e.get("formaction") for e in elements(html, form="act")
    }


@pytest.mark.parametrize("arrives_in", [-30 * HOUR, -HOUR])
@pytest.mark.parametrize("address", ["/", "/?when=all"])
def test_a_cancelled_stay_is_never_shown_as_a_guest_inside(
    app: Flask, arrives_in: timedelta, address: str
) -> None:
    code = a_cancelled_stays_code(arrives_in)

    html = browser(app).get(address).text

    said = words(element(html, id=f"booking-{code.booking_id}").text)
    assert said.startswith("Cancelled code still there")
    assert "Should have been off" in said
    assert "Inside" not in said


@pytest.mark.parametrize("arrives_in", [-30 * HOUR, -HOUR])
def test_a_cancelled_stay_whose_code_is_off_is_not_inside_in_a_list_either(
    app: Flask, arrives_in: timedelta
) -> None:
    booking = a_stay(Status.REMOVED, arrives_in=arrives_in, nights=5)
    booking.status = BookingStatus.CANCELLED
    saved(booking)

    html = browser(app).get("/?when=all").text

    said = words(element(html, id=f"booking-{booking.id}").text)
    assert "Inside" not in said
    assert "cancelled" in said


def test_very_many_old_codes_are_all_counted_and_the_rest_a_click_away(app: Flask) -> None:
    for number in range(52):
        an_old_code(f"Late {number}")

    html = browser(app).get("/").text

    assert answer(html)[1] == "52 old codes are not proven off their locks."
    assert len(rows(html)) == 50
    assert "All 52 old codes" in html


def test_resync_of_an_old_code_ends_its_wait(app: Flask) -> None:
    code = an_old_code(retry_at=clock.now() + HOUR, failures=5)

    answered = browser(app).send(f"/bookings/{code.booking_id}/resync", **{"from": "/"})

    assert answered.location == "/"
    assert fresh(code).retry_at is None


def test_an_open_alert_is_counted_and_links_to_the_alerts(app: Flask) -> None:
    a_stay()
    make_alert(cause="staff_needs_you", key="staff_needs_you:1:2", words="Cleaner at Door: no.")

    html = browser(app).get("/").text

    assert answer(html)[0] == "The next arrival is ready"
    assert answer(html)[1].startswith("One thing needs you. Next: Ana Guest")
    assert "Nothing needs you" not in html
    assert title(html) == "Arrivals · Latchboard"
    assert "Open the alerts" in html


def test_an_alert_about_a_guest_who_is_counted_is_not_counted_twice(app: Flask) -> None:
    booking = a_stay(Status.NEEDS_YOU, arrives_in=HOUR)
    make_alert(cause="needs_you", key="needs_you:1", booking_id=booking.id)

    assert "thing" not in answer(browser(app).get("/").text)[1]


def test_a_code_that_an_alert_told_of_is_still_being_tried_and_needs_nobody_yet(
    app: Flask,
) -> None:
    account = make_account()
    place = make_property(account)
    tried = a_stay(Status.RETRYING, place=place, arrives_in=20 * HOUR)
    worse = a_stay(Status.NEEDS_YOU, place=place, arrives_in=22 * HOUR)
    manager = browser(app, account)

    def is_told_of(booking: Booking) -> None:
        make_alert(
            account,
            cause=NOT_CONFIRMED,
            key=f"{NOT_CONFIRMED}:24h:{booking.id}",
            booking_id=booking.id,
        )

    is_told_of(worse)
    bad = manager.get("/").text
    worse.status = BookingStatus.CANCELLED
    saved(worse)
    calm = manager.get("/").text
    is_told_of(tried)
    told = manager.get("/").text

    assert "still being tried" not in answer(bad)[1], "it is counted as a guest already"
    assert "still being tried" not in answer(calm)[1]
    assert answer(told)[0] == "One arrival, on track"
    assert answer(told)[1].startswith("Nothing needs you. One code is still being tried. Next:")
    assert "still being tried" not in answer(browser(app, account, Role.STAFF).get("/").text)[1]


def test_the_list_that_a_filter_leads_away_from_has_one_name(app: Flask) -> None:
    html = browser(app).get("/?when=past").text

    soon = next(e for e in elements(html, value="soon") if e.tag == "option")
    back = next(e for e in elements(html, href="/") if "Back to" in e.text)
    assert words(back.text).lower() == f"back to {words(soon.text).lower()}"


def test_a_calendar_that_was_not_read_for_long_is_told_of(app: Flask) -> None:
    now = clock.now()
    place = make_property(name="Casa Mar")
    stale = make_feed(place, good_at=now - 5 * HOUR, failures=6)
    make_feed(name="Fine", good_at=now - timedelta(minutes=20))
    make_feed(name="New", created_at=now)
    make_feed(name="Paused", good_at=now - 50 * HOUR, is_paused=True)
    make_feed(name="A file", good_at=now - 900 * HOUR, address=None)
    make_alert(cause="feed_sick", key=f"feed_sick:{stale.id}", feed_id=stale.id)

    html = browser(app).get("/").text

    banner = element(html, data_banner="feed_sick")
    assert "A calendar was not read for long: guests may be missing here" in words(banner.text)
    assert "Last read 5 h ago" in words(banner.text)
    assert "Casa Mar" in banner.text
    assert f"/imports#feed-{stale.id}" in {e.get("href") for e in elements(html)}
    assert answer(html)[1] == "One thing needs you."
    assert "All quiet" not in html


def test_stays_that_a_calendar_dropped_wait_for_somebody(app: Flask) -> None:
    now = clock.now()
    held = make_feed(good_at=now, held_until=now + 20 * HOUR, changed_at=now - HOUR)
    make_feed(name="Said", good_at=now, held_until=now + HOUR, hold_accepted_at=now)
    make_feed(name="Over", good_at=now, held_until=now - HOUR)

    html = browser(app).get("/").text

    banner = element(html, data_banner="feed_held")
    assert "suddenly lists far fewer stays" in words(banner.text)
    assert "say whether those stays are really gone" in words(banner.text)
    assert [e["href"] for e in elements(html) if "#feed-" in (e.get("href") or "")] == [
        f"/imports#feed-{held.id}"
    ]


def test_a_channel_that_reaches_nobody_is_told_of(app: Flask) -> None:
    channel = make_channel(name="Night phone", dead_since=clock.now() - 3 * HOUR)
    make_channel(name="Fine one")

    html = browser(app).get("/").text

    banner = words(element(html, data_banner="channel_dead").text)
    assert "A channel reaches nobody" in banner
    assert "Night phone" in banner
    assert "Fine one" not in banner
    assert f"/settings/alerts#channel-{channel.id}" in {e.get("href") for e in elements(html)}
    assert answer(html)[1] == "One thing needs you."


def test_a_property_without_a_lock_is_no_quiet_before_its_guest_is_near(app: Flask) -> None:
    make_booking(make_property(name="Casa Mar"), arrives_in=200 * HOUR)
    client = browser(app)

    far = client.get("/").text
    make_booking(make_property(name="Casa Sol"), arrives_in=20 * HOUR)
    near = client.get("/").text

    assert element(far, data_banner="unmapped")
    assert answer(far) == ("No guests soon", "One thing needs you.")
    # Whoever comes soon is counted as a guest, and their property not once more.
    assert answer(near)[0] == "One guest may not get in"
    assert answer(near)[1].endswith("One thing needs you.")


def test_signed_out_is_no_quiet_also_before_its_alert(app: Flask) -> None:
    make_connection(state=ConnectionState.SIGNED_OUT)

    assert "Nothing needs you" not in browser(app).get("/").text


def test_work_that_nobody_sees_to_is_told_of(app: Flask) -> None:
    lock = make_lock(due_at=clock.now() - timedelta(minutes=6))
    make_lock(due_at=clock.now() + HOUR)
    client = browser(app)

    html = client.get("/").text
    lock.due_at = clock.now() + timedelta(minutes=1)
    saved(lock)
    after = client.get("/").text

    banner = words(element(html, data_banner="standstill").text)
    assert "Nothing is sent by itself right now" in banner
    assert "Since 6 min ago" in banner
    assert "Now: tell whoever runs the server that Latchboard's background programs" in banner
    # No change of the account tells that it is over: the page looks by itself.
    until = int(parse_qs(urlsplit(poll_url(html)).query)["until"][0])
    assert until <= clock.now().timestamp() + 32
    assert not elements(after, data_banner="standstill")
    assert "Nothing needs you" in after


def test_work_that_was_due_a_moment_ago_is_no_standstill(app: Flask) -> None:
    make_lock(due_at=clock.now() - timedelta(minutes=4))

    assert not elements(browser(app).get("/").text, data_banner="standstill")


def test_anothers_troubles_stand_on_no_page(app: Flask) -> None:
    other = make_account("Other")
    place = make_property(other)
    booking = a_stay(Status.NEEDS_YOU, arrives_in=-HOUR, place=place)
    calls_for_help(booking, account_id=other.id)
    make_feed(place, good_at=clock.now() - 9 * HOUR)
    make_channel(other, dead_since=clock.now())
    make_lock(connection=make_connection(other), due_at=clock.now() - HOUR)
    account = make_account("Mine")

    html = browser(app, account).get("/").text

    assert not [e for e in elements(html) if "data-banner" in e]
    assert answer(html) == ("All quiet", "Nothing needs you.")


@contextmanager
def counted(numbers: list[int]) -> Iterator[None]:
    with statements() as asked:
        yield
    numbers.append(len(asked))


@pytest.mark.parametrize("address", ["/", "/?verdict=not_ready"])
def test_however_many_need_somebody_the_page_asks_as_often(app: Flask, address: str) -> None:
    client = browser(app)
    asked: list[int] = []

    def some(number: int) -> None:
        for _ in range(number):
            calls_for_help(a_stay(arrives_in=-HOUR, name="Calls"))
            a_stay(Status.NEEDS_YOU, arrives_in=-HOUR)
            a_stay(Status.NEEDS_YOU)
            a_stay(arrives_in=-30 * HOUR)
            an_old_code()

    some(1)
    with counted(asked):
        client.get(address)
    some(20)
    with counted(asked):
        client.get(address)

    assert asked[0] == asked[1]
