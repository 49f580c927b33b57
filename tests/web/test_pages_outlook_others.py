"""Arrivals when something else needs somebody: old codes, alerts, calendars, a standstill."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from freezegun import freeze_time

from portal import clock
from portal.domain.notices import NOT_CONFIRMED
from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.models import (
    Booking,
    BookingStatus,
    ConnectionState,
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
    make_feed,
    make_lock,
    make_property,
    saved,
)
from tests.support.statements import statements
from tests.web.outlook import (
    HOUR,
    a_cancelled_stays_code,
    a_stay,
    an_old_code,
    answer,
    calls_for_help,
    rows,
    title,
)
from tests.web.pages import browser, element, elements, poll_url, words


def what_is_old(booking: Booking) -> None:
    """The open alert that an old PIN or old dates of this stay still open its door."""
    [code] = booking.door_codes
    make_alert(
        cause="removal_unconfirmed",
        key=f"removal_unconfirmed:{code.id}",
        words="Front door: Not proven yet that the old code is off the lock.",
        booking_id=booking.id,
        lock_id=code.lock_id,
    )


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


def test_an_old_pin_that_still_opens_is_no_quiet_although_its_guest_is_ready(app: Flask) -> None:
    booking = a_stay()
    what_is_old(booking)
    client = browser(app)

    html = client.get("/").text
    page = client.get(f"/bookings/{booking.id}").text

    lock_id = booking.door_codes[0].lock_id
    assert answer(html)[0] == "The next arrival is ready"
    assert answer(html)[1].startswith("One thing needs you.")
    assert "Open the alerts" in html
    assert "Nothing needs you" not in html
    said = words(element(page, data_old_code="yes").text)
    assert "Not proven yet that the old code is off the lock" in said
    assert "Do this now: if it matters now, delete the code in the Schlage Home app" in said
    assert f"/locks/{lock_id}" in {e.get("href") for e in elements(page)}
    assert words(element(page, id=f"booking-{booking.id}").text).startswith("Ready")


def test_what_is_old_of_a_stay_that_needs_more_comes_after_that(app: Flask) -> None:
    booking = a_stay(arrives_in=-HOUR)
    what_is_old(booking)
    calls_for_help(booking)

    html = browser(app).get(f"/bookings/{booking.id}").text

    page = words(element(html, id=f"booking-{booking.id}").text)
    assert page.count("Do this now:") == 1
    assert "Do this now: call the guest" in page
    assert "After that: if it matters now, delete the code" in page


def test_staff_are_not_sent_to_the_schlage_home_app(app: Flask) -> None:
    booking = a_stay()
    what_is_old(booking)

    page = browser(app, role=Role.STAFF).get(f"/bookings/{booking.id}").text

    assert not elements(page, data_old_code="yes")


def test_a_past_stays_old_code_that_was_alerted_is_counted_once(app: Flask) -> None:
    code = an_old_code()
    make_alert(
        cause="removal_unconfirmed",
        key=f"removal_unconfirmed:{code.id}",
        booking_id=code.booking_id,
        lock_id=code.lock_id,
    )
    client = browser(app)

    html = client.get("/").text
    page = client.get(f"/bookings/{code.booking_id}").text

    assert answer(html)[1] == "One old code is not proven off its lock."
    assert not elements(page, data_old_code="yes")


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
