"""The entry log on pages: who came when, by day and page, as a table; arrivals and wrong tries."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from portal import clock
from portal.domain.door_event import How, What, Whose
from portal.domain.status import Status
from portal.models import Alert, Booking, DoorEvent, Lock, Role
from tests.support.builders import (
    fresh,
    make_account,
    make_alert,
    make_booking,
    make_door_code,
    make_door_event,
    make_lock,
    make_property,
    utc,
)
from tests.web.pages import browser, element, elements, words

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def a_stay(**fields: Any) -> tuple[Booking, Lock]:
    """A guest who is due since an hour, whose code is on the lock."""
    lock = make_lock(name="Street door")
    values = {"arrives_in": -HOUR, "guest_name": "Ana Guest"} | fields
    booking = make_booking(make_property(locks=[lock], name="Casa Mar"), **values)
    make_door_code(booking, lock, status=Status.CONFIRMED, confirmed_at=clock.now())
    return booking, lock


def came(booking: Booking, lock: Lock, **fields: Any) -> DoorEvent:
    values = {"how": How.CODE, "whose": Whose.GUEST, "booking_id": booking.id, "name": "Ana 7Q2"}
    return make_door_event(lock, **values | fields)


def wrong(booking: Booking, lock: Lock, *minutes_ago: int, is_paused: bool = False) -> None:
    for ago in minutes_ago:
        at = clock.now() - ago * MINUTE
        make_door_event(lock, at=at, what=What.WRONG_TRY, how=How.CODE, booking_id=booking.id)
    if is_paused:
        make_door_event(lock, what=What.KEYPAD_PAUSED, how=How.UNKNOWN, booking_id=booking.id)


def lines(html: str) -> list[str]:
    return [words(e.text) for e in elements(html) if "data-entry" in e]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "Somebody inside by the thumb-turn"),
        ({"how": How.APP}, "Somebody with the app by the app"),
        ({"how": How.APP, "name": "Olga"}, "Olga by the app"),
        ({"how": How.CODE}, "Keypad by code"),
        (
            {"how": How.CODE, "whose": Whose.OTHER, "name": "Cleaner"},
            "Cleaner by a code that Latchboard did not make",
        ),
        ({"how": How.CODE, "whose": Whose.STAFF, "name": "Rosa"}, "Rosa by a staff code"),
        ({"how": How.CODE, "whose": Whose.SPARE, "name": "Spare 1"}, "Spare 1 by a spare code"),
        ({"how": How.APP, "whose": Whose.PORTAL, "name": "Maria"}, "Maria pressed Unlock here"),
        ({"what": What.WRONG_TRY, "how": How.CODE}, "Wrong digits at the keypad"),
        ({"what": What.KEYPAD_PAUSED}, "Keypad paused after wrong tries"),
        ({"what": What.ALARM}, "The lock's alarm went off"),
        ({"how": How.UNKNOWN}, "Somebody Schlage does not say how"),
    ],
)
def test_each_line_says_who_and_how(app: Flask, fields: dict[str, Any], told: str) -> None:
    lock = make_lock()
    make_door_event(lock, **fields)

    html = browser(app).get(f"/locks/{lock.id}/entries").text

    [line] = lines(html)
    assert line.startswith(told)


@pytest.mark.parametrize("what", list(What))
@pytest.mark.parametrize("how", list(How))
def test_no_line_is_without_words(app: Flask, what: What, how: How) -> None:
    lock = make_lock()
    for whose in Whose:
        make_door_event(lock, what=what, how=how, whose=whose)

    html = browser(app).get(f"/locks/{lock.id}/entries").text

    assert len(lines(html)) == len(Whose)


def test_a_guest_is_named_by_the_booking_and_the_first_arrival_is_marked(app: Flask) -> None:
    booking, lock = a_stay()
    came(booking, lock, at=clock.now() - 30 * MINUTE)
    came(booking, lock, at=clock.now() - 5 * MINUTE)

    html = browser(app).get(f"/locks/{lock.id}/entries").text

    later, first = lines(html)
    assert "Ana Guest" in later
    assert "First arrival" not in later
    assert "First arrival" in first
    assert "7Q2" not in html
    assert f"/bookings/{booking.id}" in {e.get("href") for e in elements(html)}


def test_the_lock_page_shows_the_last_lines_and_leads_to_all(app: Flask) -> None:
    lock = make_lock()
    for ago in range(12):
        make_door_event(lock, at=clock.now() - ago * HOUR)

    html = browser(app).get(f"/locks/{lock.id}").text

    assert len(lines(html)) == 8
    assert f"/locks/{lock.id}/entries" in {e.get("href") for e in elements(html)}


def test_a_day_is_a_day_at_the_property(app: Flask) -> None:
    lock = make_lock()
    make_property(locks=[lock], time_zone="America/New_York")
    make_door_event(lock, at=utc("2026-11-20T03:30"), how=How.APP)  # the 19th in New York
    make_door_event(lock, at=utc("2026-11-20T15:00"))
    client = browser(app)

    page = client.get(f"/locks/{lock.id}/entries?day=2026-11-19")
    other = client.get(f"/locks/{lock.id}/entries?day=2026-11-18")

    [line] = lines(page.text)
    assert "by the app" in line
    assert element(page.text, id="day")["value"] == "2026-11-19"
    assert lines(other.text) == []
    assert "Nothing on" in other.text


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "0001-01-01", "9999-12-31", "٣"])
def test_a_day_that_is_none_is_said_at_the_field_and_stays_in_it(app: Flask, day: str) -> None:
    lock = make_lock()
    make_door_event(lock)
    client = browser(app)

    answer = client.get(f"/locks/{lock.id}/entries", query_string={"day": day})

    assert answer.status_code == 422
    assert element(answer.text, id="day")["value"] == day
    assert element(answer.text, id="day")["aria-describedby"] == "day-error"
    assert element(answer.text, id="day-error").text
    assert len(lines(answer.text)) == 1
    assert client.get(f"/locks/{lock.id}/entries/log.csv?day=x").status_code == 404


def test_a_long_log_has_pages_the_newest_first(app: Flask) -> None:
    lock = make_lock()
    for ago in range(55):
        make_door_event(lock, at=clock.now() - ago * HOUR, how=How.APP, name=f"Person {ago:02}")
    client = browser(app)

    first = client.get(f"/locks/{lock.id}/entries").text
    second = client.get(f"/locks/{lock.id}/entries?page=2").text
    beyond = client.get(f"/locks/{lock.id}/entries?page=99").text
    odd = client.get(f"/locks/{lock.id}/entries?page=-1").text

    assert (len(lines(first)), len(lines(second))) == (50, 5)
    assert "Person 00" in lines(first)[0]
    assert "Person 54" in lines(second)[-1]
    assert lines(beyond) == lines(second)
    assert lines(odd) == lines(first)
    assert "Older" in first
    assert "Newer" in second


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_the_log_comes_as_a_table_oldest_first_in_both_times(app: Flask) -> None:
    booking, lock = a_stay()
    came(booking, lock, at=utc("2026-11-20T15:00"))
    make_door_event(lock, at=utc("2026-11-20T16:00"), alert_until=clock.now())
    client = browser(app)

    answer = client.get(f"/locks/{lock.id}/entries/log.csv")
    one_day = client.get(f"/locks/{lock.id}/entries/log.csv?day=2026-11-19")

    [header, first, second] = table(answer.text)
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert header[:4] == ["When (America/New_York)", "When (UTC)", "Lock", "Who"]
    assert first == [
        "2026-11-20 10:00:00",
        "2026-11-20 15:00:00",
        "Street door",
        "Ana Guest",
        "by code",
        str(booking.id),
        "yes",
        "",
    ]
    assert second[3:] == ["Somebody inside", "by the thumb-turn", "", "", "yes"]
    assert len(table(one_day.text)) == 1


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_a_name_that_a_spreadsheet_would_run_is_text(app: Flask, name: str) -> None:
    lock = make_lock()
    make_door_event(lock, how=How.CODE, whose=Whose.OTHER, name=name)

    body = browser(app).get(f"/locks/{lock.id}/entries/log.csv").text

    assert table(body)[1][3] == f"'{name}"


def test_the_log_is_not_for_staff_and_not_for_others(app: Flask) -> None:
    account = make_account()
    lock = make_lock(account=account)
    other = make_account("Others")

    for page in ("entries", "entries/log.csv"):
        assert browser(app, account, Role.STAFF).get(f"/locks/{lock.id}/{page}").status_code == 403
        assert browser(app, account, Role.VIEWER).get(f"/locks/{lock.id}/{page}").status_code == 200
        assert browser(app, other).get(f"/locks/{lock.id}/{page}").status_code == 404


def test_a_guest_who_came_has_arrived_on_the_booking_and_among_the_guests_inside(
    app: Flask,
) -> None:
    booking, _ = a_stay(proven_at=clock.now() - 20 * MINUTE)
    waiting, _ = a_stay(guest_name="Bo Waiting")
    client = browser(app)

    on_page = client.get(f"/bookings/{booking.id}").text
    arrivals = client.get("/").text
    inside = client.get("/?when=inside").text

    assert "Arrived" in words(element(on_page, id=f"booking-{booking.id}").text)
    assert "arrived" in words(element(arrivals, id=f"booking-{booking.id}").text)
    assert "Arrived" in words(element(inside, id=f"booking-{booking.id}").text)
    assert "rrived" not in element(arrivals, id=f"booking-{waiting.id}").text


@pytest.mark.parametrize("address", ["/", "/?when=inside", "booking"])
def test_wrong_tries_stand_on_the_arrival_with_words_for_the_guest(
    app: Flask, address: str
) -> None:
    booking, lock = a_stay()
    wrong(booking, lock, 5, 4, 3, is_paused=True)
    path = f"/bookings/{booking.id}" if address == "booking" else address

    html = browser(app).get(path).text

    told = words(element(html, id=f"booking-{booking.id}").text)
    assert "3 wrong tries, keypad paused" in told
    assert "Tell the guest: do not touch the keypad for two minutes" in told


def test_staff_see_wrong_tries_of_their_guests(app: Flask) -> None:
    booking, lock = a_stay()
    wrong(booking, lock, 5, 4, 3)

    html = browser(app, role=Role.STAFF).get("/").text

    assert "3 wrong tries" in element(html, id=f"booking-{booking.id}").text
    assert "may not get in" in element(html, data_banner="keypad").text


def test_two_wrong_tries_are_only_mistyping_and_an_arrival_ends_the_rest(app: Flask) -> None:
    mistyped, first = a_stay()
    wrong(mistyped, first, 5, 4)
    arrived, second = a_stay(guest_name="Bo In")
    wrong(arrived, second, 9, 8, 7)
    came(arrived, second, at=clock.now() - MINUTE)

    html = browser(app).get("/").text

    assert [e for e in elements(html) if "data-keypad" in e] == []
    assert elements(html, data_banner="keypad") == []


def test_an_alert_of_a_vacant_home_leads_to_the_entry_log_and_is_seen(app: Flask) -> None:
    lock = make_lock(name="Street door")
    alert: Alert = make_alert(
        cause="opened_while_vacant",
        key="opened_while_vacant:1",
        lock_id=lock.id,
        words="Street door was opened from inside while nobody stays there.",
    )
    client = browser(app)

    html = client.get("/alerts").text
    client.send(f"/alerts/{alert.id}/seen")

    group = words(element(html, data_cause="opened_while_vacant").text)
    assert "A door was opened while nobody stays there" in group
    assert "Street door was opened from inside" in group
    assert "ask who was there" in group
    assert f"/locks/{lock.id}/entries" in {e.get("href") for e in elements(html)}
    assert fresh(alert).seen_at is not None


def test_whether_a_vacant_home_is_alerted_is_each_propertys_choice(app: Flask) -> None:
    place = make_property()
    client = browser(app)
    form = {
        "name": place.name,
        "time_zone": place.time_zone,
        "check_in": "16:00",
        "check_out": "11:00",
        "lead_days": "7",
        "pin_hours_before": "24",
        "buffer_before_minutes": "60",
        "buffer_after_minutes": "60",
        "spare_codes": "2",
        "pin_source": "random",
        "fallback_entry": "",
    }
    assert "checked" not in element(
        client.get(f"/properties/{place.id}").text, id="alerts_when_vacant"
    )

    client.send(f"/properties/{place.id}", **form, alerts_when_vacant="y")
    assert fresh(place).alerts_when_vacant
    assert "checked" in element(client.get(f"/properties/{place.id}").text, id="alerts_when_vacant")

    client.send(f"/properties/{place.id}", **form)
    assert not fresh(place).alerts_when_vacant
