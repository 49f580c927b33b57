"""The guest's own page: what is seen when, what is written down, and help at the door."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal import clock
from portal.domain.door_event import What
from portal.domain.entry import EntryState, Evidence
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Alert, Booking, DoorCode, GuestLink, TimelineEntry
from portal.queue import JobName
from portal.services import alarms, guest_help, limits, sweep
from portal.services.timeline import Kind
from portal.unit_of_work import writing
from tests.support.bells import FakeBell
from tests.support.builders import (
    fresh,
    make_alert,
    make_booking,
    make_door_code,
    make_door_event,
    make_entry,
    make_guest_link,
    make_lock,
    make_property,
    utc,
)
from tests.support.client import PortalClient
from tests.web.pages import browser, element, elements, poll_url, roots, words

PIN = "839261"
HOUR = timedelta(hours=1)
HTMX = {"HX-Request": "true"}


def a_stay(
    status: Status = Status.CONFIRMED,
    *,
    arrives_in: timedelta = 5 * HOUR,
    doors: tuple[str, ...] = ("Front door",),
    **place: Any,
) -> Booking:
    locks = [make_lock(name=name) for name in doors]
    booking = make_booking(
        make_property(locks=locks, name="Casa Mar", **place), arrives_in=arrives_in, pin=PIN
    )
    for lock in locks:
        code = make_door_code(booking, lock, status=status)
        if status is Status.CONFIRMED:
            make_entry(code, state=EntryState.HELD, evidence=Evidence.CONFIRMED, pin=Secret(PIN))
    return booking


def digits_on(html: str) -> list[str]:
    """The PINs that the page shows, as they are read aloud, without their spaces."""
    shown = re.findall(r'class="guest__digits">(.*?)</p>', html, re.DOTALL)
    return [re.sub(r"\D", "", re.sub(r".*visually-hidden", "", each)) for each in shown]


def has_pin_anywhere(html: str, pin: str = PIN) -> bool:
    """Whether the digits stand one after the other, whatever markup and spaces stand between."""
    return pin in re.sub(r"\s", "", re.sub(r"<[^>]*>", "", html)) or pin in html


def kinds(booking: Booking) -> list[str]:
    db.session.rollback()
    return list(
        db.session.scalars(
            select(TimelineEntry.kind)
            .where(TimelineEntry.booking_id == booking.id)
            .order_by(TimelineEntry.id)
        )
    )


def calls() -> list[Alert]:
    db.session.rollback()
    return list(db.session.scalars(select(Alert).where(Alert.cause == guest_help.CAUSE)))


def ask(client: PortalClient, token: str, **changes: Any) -> TestResponse:
    """Presses the button of the page, as the page's own form does."""
    html = client.get(f"/guest/{token}").text
    fields = {e["name"]: e["value"] for e in elements(html, name="form_token")}
    return client.post(f"/guest/{token}/help", data=fields | changes)


def test_the_pin_stands_there_with_its_doors_and_how_to_use_it(client: PortalClient) -> None:
    token = make_guest_link(a_stay(doors=("Apartment 4", "Street door")))

    html = client.get(f"/guest/{token}").text

    shown = words(element(html, id="guest").text)
    assert digits_on(html) == [PIN]
    assert "Casa Mar" in shown
    assert "Apartment 4 · Street door" in shown
    assert "no key to confirm" in shown
    assert "palm of your hand" in shown
    assert "Green check mark" in shown
    assert "Red X" in shown


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.CONFIRMED])
def test_a_pin_that_no_door_has_confirmed_is_nowhere_on_the_page(
    client: PortalClient, status: Status
) -> None:
    token = make_guest_link(a_stay(status, arrives_in=-HOUR))

    html = client.get(f"/guest/{token}").text

    assert element(html, id="guest")["data-sight"] == "preparing"
    assert not has_pin_anywhere(html)


def test_one_door_of_two_is_not_enough(client: PortalClient) -> None:
    booking = a_stay()
    make_door_code(booking, status=Status.SENT)
    token = make_guest_link(booking)

    html = client.get(f"/guest/{token}").text

    assert element(html, id="guest")["data-sight"] == "preparing"
    assert not has_pin_anywhere(html)


def test_before_its_time_the_page_says_in_words_when_the_pin_appears(client: PortalClient) -> None:
    booking = a_stay(arrives_in=50 * HOUR, pin_hours_before=12)
    token = make_guest_link(booking)

    early = client.get(f"/guest/{token}").text
    with freeze_time(booking.starts_at - 12 * HOUR):
        later = client.get(f"/guest/{token}").text

    assert element(early, id="guest")["data-sight"] == "early"
    assert "Your door code comes later" in early
    assert not has_pin_anywhere(early)
    assert digits_on(later) == [PIN]


def test_doors_with_a_pin_of_their_own_show_it_each(client: PortalClient) -> None:
    booking = a_stay(doors=("Four digits", "Six digits"))
    with writing() as session:
        code = session.get_one(DoorCode, booking.door_codes[0].id)
        code.own_pin = Secret("4917")
    token = make_guest_link(booking)

    html = client.get(f"/guest/{token}").text

    assert sorted(digits_on(html)) == ["4917", PIN]


def test_what_the_page_showed_only_a_person_changes(client: PortalClient) -> None:
    booking = a_stay()
    token = make_guest_link(booking)

    client.get(f"/guest/{token}")

    assert fresh(booking).pin_shown_at is not None
    assert kinds(booking) == [Kind.GUEST_SAW_PIN, Kind.GUEST_PAGE_OPENED]


def test_a_pin_that_appears_on_an_open_page_counts_as_shown(client: PortalClient) -> None:
    booking = a_stay(Status.SENT)
    token = make_guest_link(booking)
    url = poll_url(client.get(f"/guest/{token}").text)
    assert fresh(booking).pin_shown_at is None

    with writing() as session:
        session.get_one(DoorCode, booking.door_codes[0].id).status = Status.CONFIRMED
    answer = client.get(url, headers=HTMX)

    assert digits_on(answer.text) == [PIN]
    assert fresh(booking).pin_shown_at is not None


def test_a_page_that_shows_no_pin_leaves_it_free_to_change(client: PortalClient) -> None:
    booking = a_stay(Status.SENT)

    client.get(f"/guest/{make_guest_link(booking)}")

    assert fresh(booking).pin_shown_at is None
    assert kinds(booking) == [Kind.GUEST_PAGE_OPENED]


def test_openings_are_written_down_once_an_hour(client: PortalClient) -> None:
    booking = a_stay(Status.SENT)
    token = make_guest_link(booking)
    begin = clock.now()

    for minutes in (0, 1, 59, 61, 100, 122):
        with freeze_time(begin + timedelta(minutes=minutes)):
            client.get(f"/guest/{token}")

    assert kinds(booking).count(Kind.GUEST_PAGE_OPENED) == 3
    link = db.session.scalars(select(GuestLink)).one()
    assert link.first_opened_at is not None
    assert link.opened_at is not None
    assert link.first_opened_at < link.opened_at


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", {}),
        ("GET", {"Sec-Purpose": "prefetch;anonymous-client-ip"}),
        ("GET", {"User-Agent": "WhatsApp/2.23.20.0"}),
        ("GET", {"User-Agent": "facebookexternalhit/1.1 Facebot Twitterbot/1.0"}),
        ("GET", {"User-Agent": "TelegramBot (like TwitterBot)"}),
    ],
)
def test_a_messengers_preview_is_no_guest(
    client: PortalClient, method: str, headers: dict[str, str]
) -> None:
    booking = a_stay()
    token = make_guest_link(booking)

    answer = client.open(f"/guest/{token}", method=method, headers=headers)

    assert (answer.status_code, answer.data) == (204, b"")
    assert kinds(booking) == []
    assert fresh(booking).pin_shown_at is None


@pytest.mark.parametrize(
    "browser_name",
    [
        "Mozilla/5.0 (Linux; Android 11; CUBOT NOTE 20) AppleWebKit/537.36 Chrome/120 Mobile",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) [FBAN/FBIOS;FBAV/450.0]",
        "",
    ],
)
def test_a_guest_is_a_guest_whatever_their_phone_is_called(
    client: PortalClient, browser_name: str
) -> None:
    token = make_guest_link(a_stay())

    answer = client.get(f"/guest/{token}", headers={"User-Agent": browser_name})

    assert digits_on(answer.text) == [PIN]


def test_the_page_is_live_and_quiet_while_nothing_changes(client: PortalClient) -> None:
    booking = a_stay()
    token = make_guest_link(booking)
    client.get(f"/guest/{token}")
    url = poll_url(client.get(f"/guest/{token}").text)

    unchanged = client.get(url, headers=HTMX)
    with writing() as session:
        session.get_one(DoorCode, booking.door_codes[0].id).status = Status.NEEDS_YOU
    changed = client.get(url, headers=HTMX)

    assert (unchanged.status_code, unchanged.data) == (204, b"")
    assert changed.status_code == 200
    assert not has_pin_anywhere(changed.text)
    assert len(roots(changed.text)) == 1


def test_time_alone_brings_the_pin_onto_an_open_page(client: PortalClient) -> None:
    booking = a_stay(arrives_in=24 * HOUR + timedelta(minutes=20))
    token = make_guest_link(booking)
    client.get(f"/guest/{token}")
    url = poll_url(client.get(f"/guest/{token}").text)

    with freeze_time(booking.starts_at - 24 * HOUR + timedelta(seconds=2)):
        answer = client.get(url, headers=HTMX)

    assert digits_on(answer.text) == [PIN]


def test_the_page_knows_no_way_into_the_portal_and_no_other_site(client: PortalClient) -> None:
    token = make_guest_link(a_stay(arrives_in=-HOUR))

    html = client.get(f"/guest/{token}").text

    assert [e for e in elements(html) if e.tag == "nav"] == []
    assert [e["href"] for e in elements(html) if e.tag == "a"] == ["#content"]
    assert "Latchboard" not in html
    assert "http" not in html
    assert "Set-Cookie" not in client.get(f"/guest/{token}").headers


@pytest.mark.parametrize(
    ("accepts", "wished", "expected", "time"),
    [
        ("en-US", "", "en-US", "4:00 PM"),
        ("en-GB,en;q=0.8", "", "en-GB", "16:00"),
        ("en-GB", "en-US", "en-US", "4:00 PM"),
        # No catalogue speaks it: English, and not German dates between English words.
        ("de-DE,de;q=0.9", "", "en", "4:00 PM"),
        ("xx-nonsense, *;q=0.5", "tlh", "en", "4:00 PM"),
        ("", "", "en", "4:00 PM"),
    ],
)
@freeze_time("2026-11-20T12:00:00Z")
def test_the_page_speaks_the_guests_language_where_we_know_it(
    client: PortalClient, accepts: str, wished: str, expected: str, time: str
) -> None:
    arrives = utc("2026-11-21T21:00")  # 16:00 in New York
    booking = make_booking(starts_at=arrives, ends_at=arrives + 72 * HOUR, guest_language=wished)

    html = client.get(
        f"/guest/{make_guest_link(booking)}", headers={"Accept-Language": accepts}
    ).text

    assert elements(html)[0]["lang"] == expected
    check_in = next(e for e in elements(html) if e.tag == "dd")
    assert time in check_in.text.replace("\xa0", " ")


def test_the_button_alerts_the_manager_and_has_the_doors_checked(
    client: PortalClient, bell: FakeBell
) -> None:
    booking = a_stay(arrives_in=-HOUR)
    token = make_guest_link(booking)

    answer = ask(client, token)

    assert (answer.status_code, answer.location) == (303, f"/guest/{token}#help")
    [alert] = calls()
    assert (alert.booking_id, alert.closed_at) == (booking.id, None)
    lock_ids = [code.lock_id for code in fresh(booking).door_codes]
    assert bell.ids_of(JobName.WORK_LOCK) == lock_ids
    assert kinds(booking)[-2:] == [Kind.RESYNC_PRESSED, Kind.GUEST_ASKED]
    html = client.get(f"/guest/{token}").text
    assert "We are checking the lock now" in html
    assert "Your host was told" in html


def test_a_second_press_joins_what_runs(client: PortalClient) -> None:
    booking = a_stay(arrives_in=-HOUR)
    token = make_guest_link(booking)

    for _ in range(3):
        ask(client, token)

    assert len(calls()) == 1
    assert kinds(booking).count(Kind.RESYNC_PRESSED) == 1
    assert kinds(booking).count(Kind.GUEST_ASKED) == 1


def test_a_press_while_a_manager_resyncs_joins_that(app: Flask, client: PortalClient) -> None:
    booking = a_stay(arrives_in=-HOUR)
    token = make_guest_link(booking)
    browser(app).send(f"/bookings/{booking.id}/resync")

    ask(client, token)

    assert kinds(booking).count(Kind.RESYNC_PRESSED) == 1
    assert len(calls()) == 1


def test_help_cannot_be_asked_for_days_before(client: PortalClient) -> None:
    booking = a_stay(arrives_in=48 * HOUR)
    token = make_guest_link(booking)

    answer = ask(client, token)

    assert answer.status_code == 303
    assert calls() == []
    assert "does not open" not in client.get(f"/guest/{token}").text


def test_who_presses_on_and_on_is_told_kindly_and_rings_no_more(
    client: PortalClient, bell: FakeBell
) -> None:
    token = make_guest_link(a_stay(arrives_in=-HOUR))
    for _ in range(limits.GUEST_CALLS.attempts):
        ask(client, token)
    bell.forget()

    answer = ask(client, token)

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "we are on it" in answer.text
    assert digits_on(answer.text) == [PIN]
    assert bell.rings == []


@pytest.mark.parametrize("reason", ["no token", "of another link", "cross-site"])
def test_a_form_that_was_not_made_for_this_link_does_nothing_and_can_be_sent_again(
    client: PortalClient, reason: str
) -> None:
    booking = a_stay(arrives_in=-HOUR)
    token = make_guest_link(booking)
    other = client.get(f"/guest/{make_guest_link()}").text
    own = client.get(f"/guest/{token}").text
    form = {"of another link": other, "cross-site": own}.get(reason, "")
    fields = {e["name"]: e["value"] for e in elements(form, name="form_token")}
    headers = {"Sec-Fetch-Site": "cross-site"} if reason == "cross-site" else {}

    answer = client.post(f"/guest/{token}/help", data=fields, headers=headers)

    assert answer.status_code == 403
    assert "press the button once more" in answer.text
    assert calls() == []
    assert (
        element(answer.text, name="form_token")["value"] == element(own, name="form_token")["value"]
    )


def test_the_other_way_in_is_the_managers_to_allow(client: PortalClient) -> None:
    box = {"fallback_entry": Secret("Key box by the gate, 2719")}
    kept = make_guest_link(a_stay(Status.NEEDS_YOU, arrives_in=-HOUR, **box))
    shared = make_guest_link(
        a_stay(Status.NEEDS_YOU, arrives_in=-HOUR, shares_fallback=True, **box)
    )
    early = make_guest_link(
        a_stay(Status.NEEDS_YOU, arrives_in=3 * HOUR, shares_fallback=True, **box)
    )

    assert "Key box" not in client.get(f"/guest/{kept}").text
    assert "Key box by the gate" in client.get(f"/guest/{shared}").text
    assert "Key box" not in client.get(f"/guest/{early}").text


def test_after_some_minutes_outside_a_guest_is_shown_the_other_way_in(
    client: PortalClient,
) -> None:
    booking = a_stay(arrives_in=-HOUR, fallback_entry=Secret("Key box"), shares_fallback=True)
    token = make_guest_link(booking)
    ask(client, token)
    asked_at = calls()[0].opened_at

    at_once = client.get(f"/guest/{token}").text
    with freeze_time(asked_at + timedelta(minutes=5)):
        later = client.get(f"/guest/{token}").text

    assert "Key box" not in at_once
    assert "Key box" in later


def test_a_keypad_that_rests_is_said_first(client: PortalClient) -> None:
    booking = a_stay(arrives_in=-HOUR)
    token = make_guest_link(booking)
    ask(client, token)
    make_door_event(booking.door_codes[0].lock, what=What.KEYPAD_PAUSED)

    html = client.get(f"/guest/{token}").text

    assert "The keypad is resting" in html


def test_a_call_ends_when_a_manager_says_that_the_guest_is_in(
    app: Flask, client: PortalClient
) -> None:
    booking = a_stay(arrives_in=-HOUR)
    token = make_guest_link(booking)
    ask(client, token)
    [alert] = calls()
    manager = browser(app)

    page = manager.get("/alerts").text
    group = words(element(page, data_cause=guest_help.CAUSE).text)
    answer = manager.send(f"/alerts/{alert.id}/done")

    assert "A guest stands at the door" in group
    assert "call the guest" in group
    assert "The guest is in" in group
    assert answer.status_code == 303
    assert calls()[0].closed_at is not None
    assert Kind.GUEST_HELPED in kinds(booking)
    assert "Your host says that it is solved" in client.get(f"/guest/{token}").text


def test_done_is_only_for_what_a_guest_said(app: Flask) -> None:
    other = make_alert()

    assert browser(app).send(f"/alerts/{other.id}/done").status_code == 404
    assert fresh(other).closed_at is None


def test_the_sweep_leaves_a_call_open_and_ends_it_with_the_stay(client: PortalClient) -> None:
    booking = a_stay(arrives_in=-HOUR)
    ask(client, make_guest_link(booking))

    with writing() as session:
        alarms.refresh(session, clock.now())
    sweep.turn_what_turned()
    still_open = calls()[0].closed_at
    with freeze_time(booking.ends_at + timedelta(minutes=1)):
        sweep.turn_what_turned()

    assert still_open is None
    assert calls()[0].closed_at is not None


def test_the_booking_page_says_that_the_guest_stands_outside(
    app: Flask, client: PortalClient
) -> None:
    booking = a_stay(arrives_in=-HOUR, fallback_entry=Secret("Key box by the gate"))
    ask(client, make_guest_link(booking))

    html = browser(app).get(f"/bookings/{booking.id}").text

    assert "The guest says that the door does not open" in html
    assert "Key box by the gate" in html


def test_a_manager_on_the_booking_page_says_that_the_guest_is_in_and_stays_there(
    app: Flask, client: PortalClient
) -> None:
    booking = a_stay(arrives_in=-HOUR)
    page = f"/bookings/{booking.id}"
    manager = browser(app)
    before = manager.get(page).text
    ask(client, make_guest_link(booking))

    live = manager.get(poll_url(before)).text
    # The call came after the page was loaded: the form that its button sends stands there already.
    form = element(before, id="act")
    button = element(live, form="act")
    back = next(e["value"] for e in elements(before, name="from"))
    answer = manager.send(str(button["formaction"]), **{"from": back})

    assert form["method"] == "post"
    assert "The guest is in" in button.text
    assert (answer.status_code, answer.location) == (303, page)
    assert calls()[0].closed_at is not None


def test_an_old_pin_that_still_opens_is_offered_while_the_new_one_travels(
    client: PortalClient,
) -> None:
    booking = a_stay(Status.SENT, arrives_in=-HOUR)
    make_entry(
        booking.door_codes[0],
        state=EntryState.HELD,
        evidence=Evidence.CONFIRMED,
        pin=Secret("204815"),
    )
    token = make_guest_link(booking)

    before = client.get(f"/guest/{token}").text
    ask(client, token)
    after = client.get(f"/guest/{token}").text

    assert digits_on(before) == []
    assert digits_on(after) == ["204815"]
