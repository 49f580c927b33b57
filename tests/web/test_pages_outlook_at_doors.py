"""Arrivals when a guest calls for help or a keypad is in trouble: first, and said alike."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from freezegun import freeze_time

from portal import clock
from portal.domain.door_event import How, What, Whose
from portal.domain.entry import EntryState, Evidence
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.models import ConnectionState, DoorCode, Lock, PinOrigin, Role
from tests.support.builders import (
    fresh,
    make_account,
    make_alert,
    make_channel,
    make_connection,
    make_door_event,
    make_entry,
    make_feed,
    make_guest_link,
    make_lock,
    make_property,
    make_spare,
)
from tests.support.client import PortalClient
from tests.web.outlook import HOUR, a_stay, answer, calls_for_help, keypad_locked, title
from tests.web.pages import browser, element, elements, poll_url, words


def a_spare(lock: Lock, **fields: Any) -> DoorCode:
    """A spare that the lock has confirmed."""
    code = make_spare(lock, **fields)
    make_entry(
        code,
        state=EntryState.HELD,
        evidence=Evidence.CONFIRMED,
        pin=code.own_pin,
        starts_at=code.starts_at,
        ends_at=code.ends_at,
    )
    return code


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


def test_the_page_of_a_guest_who_calls_says_so_first_and_names_one_step(app: Flask) -> None:
    booking = a_stay(arrives_in=-HOUR, name="Robin Reyes", guest_phone="+1 612 555 0107")
    calls_for_help(booking)
    client = browser(app)

    html = client.get(f"/bookings/{booking.id}").text
    live = client.get(f"/bookings/{booking.id}/live").text

    lock = booking.door_codes[0].lock
    for page in (html, live):
        assert title(page) == "Cannot get in: Robin Reyes · Latchboard"
        panel = words(element(page, id=f"booking-{booking.id}").text)
        assert panel.startswith("Cannot get in The guest says that the door does not open.")
        assert panel.count("Do this now:") == 1
        assert "call the guest, then unlock the door here or tell them the other way in" in panel
        assert "Their phone: +1 612 555 0107" in panel
        assert f"Unlock {lock.name} now" in panel
        assert "The guest is in" in panel
        assert "Ready" not in panel


def test_a_guest_who_calls_and_lacks_a_code_has_one_step_and_the_spare_beside_it(
    app: Flask,
) -> None:
    booking = a_stay(Status.NEEDS_YOU, arrives_in=-HOUR)
    a_spare(booking.door_codes[0].lock)
    calls_for_help(booking)

    html = browser(app).get(f"/bookings/{booking.id}").text

    panel = words(element(html, id=f"booking-{booking.id}").text)
    assert panel.count("Do this now:") == 1
    assert "Do this now: call the guest" in panel
    assert [e.text.strip() for e in elements(html, form="give-spare")] == [
        "Give the guest the spare code"
    ]


def test_a_guest_with_a_spare_who_calls_is_not_only_to_be_told_the_spare(app: Flask) -> None:
    booking = a_stay(Status.NEEDS_YOU, arrives_in=-HOUR)
    a_spare(booking.door_codes[0].lock, given_to_id=booking.id)
    calls_for_help(booking)

    html = browser(app).get(f"/bookings/{booking.id}").text

    panel = words(element(html, id=f"booking-{booking.id}").text)
    assert "Cannot get in" in panel
    assert panel.count("Do this now:") == 1
    assert "Do this now: call the guest" in panel


@pytest.mark.parametrize("role", [Role.STAFF, Role.VIEWER])
def test_who_may_not_unlock_is_not_told_to(app: Flask, role: Role) -> None:
    booking = a_stay(arrives_in=-HOUR)
    calls_for_help(booking)
    client = browser(app, role=role)

    arrivals, page = client.get("/").text, client.get(f"/bookings/{booking.id}").text

    step = "call the guest and tell them the other way in, or ask a manager to unlock the door"
    assert step in words(element(arrivals, data_banner="call").text)
    for html in (arrivals, page):
        shown = words(element(html, id=f"booking-{booking.id}").text)
        assert step in shown
        assert "then unlock" not in shown


def test_a_step_that_is_read_elsewhere_says_where_the_door_is_unlocked(app: Flask) -> None:
    calls_for_help(a_stay(arrives_in=-HOUR))
    client = browser(app)

    step = "call the guest, then unlock the door on the booking's page or tell them"
    assert step in words(element(client.get("/").text, data_banner="call").text)
    assert step in words(element(client.get("/alerts").text, id="alerts").text)


def test_who_is_to_call_a_guest_whose_number_is_hidden_is_told_what_shows_it(app: Flask) -> None:
    booking = a_stay(
        arrives_in=-HOUR, pin="550142", pin_origin=PinOrigin.PHONE, guest_phone="+12125550142"
    )
    calls_for_help(booking)
    client = browser(app)
    address = f"/bookings/{booking.id}"

    html = client.get(address).text
    shown = client.send(f"{address}/pin").text
    viewers = browser(app, role=Role.VIEWER).get(address).text

    assert "Show PIN shows their phone number too." in words(html)
    assert element(html, form="give-spare", formaction=f"{address}/pin")
    assert "5550142" not in html
    assert "+12125550142" in shown
    assert "Show PIN" not in viewers


def test_a_keypad_in_trouble_is_the_headline_of_the_guests_page_too(app: Flask) -> None:
    booking = a_stay(arrives_in=-HOUR, name="Robin Reyes")
    keypad_locked(booking)

    html = browser(app).get(f"/bookings/{booking.id}").text

    assert title(html) == "May not get in: Robin Reyes · Latchboard"
    assert words(element(html, id=f"booking-{booking.id}").text).startswith("May not get in")


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


def test_the_last_digits_of_a_phone_are_not_called_a_number_to_call(app: Flask) -> None:
    booking = a_stay(arrives_in=-HOUR, guest_phone="1187")
    calls_for_help(booking)

    panel = words(browser(app).get(f"/bookings/{booking.id}").text)

    assert "Their phone ends in 1187; the whole number stands where they booked." in panel
    assert "Their phone: 1187" not in panel
