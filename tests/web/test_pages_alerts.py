"""The alerts page: open ones by cause with the one step, what is over, seen, and the count."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from portal import clock
from portal.domain import door_event
from portal.domain.door_event import What
from portal.domain.problems import CATALOGUE, ProblemKey
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Alert, Booking, DoorCode, Lock, Role, Source
from portal.services import alarms
from portal.unit_of_work import writing
from tests.support.builders import (
    fresh,
    make_account,
    make_alert,
    make_booking,
    make_connection,
    make_door_code,
    make_door_event,
    make_feed,
    make_lock,
    make_property,
    make_staff_code,
)
from tests.web.pages import Element, browser, element, elements, poll_url, words

HOUR = timedelta(hours=1)


def a_late_stay(**fields: Any) -> tuple[Booking, DoorCode, Lock]:
    """A stay that arrives soon, whose code is not confirmed."""
    lock = make_lock(name="Street door")
    values = {"arrives_in": 5 * HOUR, "guest_name": "Ana Guest"} | fields
    booking = make_booking(make_property(locks=[lock], name="Casa Mar"), **values)
    code = make_door_code(
        booking,
        lock,
        status=Status.NEEDS_YOU,
        problem=ProblemKey.USER_NOT_FOUND,
        created_at=clock.now() - 2 * HOUR,
    )
    return booking, code, lock


def sweep_alarms() -> None:
    with writing() as session:
        alarms.refresh(session, clock.now())


def alert_of(html: str, alert: Alert) -> Element:
    return element(html, id=f"alert-{alert.id}")


def only_alert() -> Alert:
    db.session.rollback()
    return db.session.query(Alert).filter(Alert.closed_at.is_(None)).one()


def test_an_alert_names_the_guest_leads_to_the_booking_and_says_the_step(app: Flask) -> None:
    booking, _, _ = a_late_stay()
    sweep_alarms()

    html = browser(app).get("/alerts").text

    shown = alert_of(html, only_alert())
    told = words(shown.text)
    assert "Ana Guest at Casa Mar" in told
    assert "Street door is not confirmed 6 h before arrival" in told
    assert CATALOGUE[ProblemKey.USER_NOT_FOUND].steps[0][1:] in told
    assert "Since" in told
    assert f"/bookings/{booking.id}" in {e["href"] for e in elements(html) if e.tag == "a"}
    assert "A guest comes soon" in words(element(html, data_cause="not_confirmed").text)


def test_a_guest_without_a_name_is_told_apart_in_an_alert_too(app: Flask) -> None:
    a_late_stay(guest_name="", source=Source.AIRBNB, guest_phone="4403")
    sweep_alarms()

    html = browser(app).get("/alerts").text

    assert "Airbnb guest ····4403 at Casa Mar" in alert_of(html, only_alert()).text


@pytest.mark.parametrize(
    "key", [ProblemKey.SIGNED_OUT, ProblemKey.SCHLAGE_OUTAGE, ProblemKey.WEBHOOKS_OFF]
)
def test_an_alert_of_a_connection_leads_to_it_with_the_catalogues_words(
    app: Flask, key: ProblemKey
) -> None:
    connection = make_connection(name="Owner's login")
    alert = make_alert(cause=str(key), connection_id=connection.id, words="Owner's login: down.")

    html = browser(app).get("/alerts").text

    group = words(element(html, data_cause=str(key)).text)
    assert words(CATALOGUE[key].title) in group
    assert words(CATALOGUE[key].automatic) in group
    assert words(CATALOGUE[key].steps[0])[1:] in words(alert_of(html, alert).text)
    assert f"/settings/door-locks/schlage#connection-{connection.id}" in {
        e["href"] for e in elements(html) if e.tag == "a"
    }


def test_the_alert_of_a_lock_that_keeps_a_guest_out_says_what_the_guests_alert_says(
    app: Flask,
) -> None:
    lock = make_lock(is_online=False, online_changed_at=clock.now() - HOUR)
    place = make_property(locks=[lock], fallback_entry=Secret("Key box 4711"))
    booking = make_booking(place, arrives_in=HOUR)
    make_door_code(
        booking, lock, status=Status.RETRYING, created_at=clock.now() - timedelta(days=2)
    )
    sweep_alarms()

    html = browser(app).get("/alerts").text

    for cause in ("not_confirmed", "lock_offline"):
        group = words(element(html, data_cause=cause).text)
        assert "tell the guest the other way in" in group
        assert "router" not in group


@pytest.mark.parametrize("cause", ["feed_sick", "feed_held"])
def test_an_alert_of_a_calendar_leads_to_it(app: Flask, cause: str) -> None:
    feed = make_feed(make_property(name="Casa Sol"))
    alert = make_alert(cause=cause, feed_id=feed.id, words="It cannot be read.")

    html = browser(app).get("/alerts").text

    assert "Casa Sol" in alert_of(html, alert).text
    assert f"/imports#feed-{feed.id}" in {e["href"] for e in elements(html) if e.tag == "a"}


def test_an_alert_of_a_staff_code_leads_to_it(app: Flask) -> None:
    staff = make_staff_code(locks=[make_lock(name="Street door")])
    code = db.session.query(DoorCode).one()
    code.status, code.problem = Status.NEEDS_YOU, ProblemKey.USER_NOT_FOUND
    db.session.commit()
    sweep_alarms()

    html = browser(app).get("/alerts").text

    told = words(alert_of(html, only_alert()).text)
    assert "Rosa Clean at Street door" in told
    assert CATALOGUE[ProblemKey.USER_NOT_FOUND].steps[0][1:] in told
    assert f"/staff-codes/{staff.id}" in {e["href"] for e in elements(html) if e.tag == "a"}


@pytest.mark.parametrize(
    ("problem", "step"),
    [
        (ProblemKey.SPLIT_BRAIN, CATALOGUE[ProblemKey.SPLIT_BRAIN].steps[0][1:]),
        (ProblemKey.NO_PERMISSION, CATALOGUE[ProblemKey.NO_PERMISSION].steps[0][1:]),
        (ProblemKey.PIN_CLASH, "press Resync or choose another PIN"),
        (None, "press Resync or choose another PIN"),
    ],
)
def test_the_step_for_a_staff_code_mends_what_is_wrong_with_it(
    app: Flask, problem: ProblemKey | None, step: str
) -> None:
    make_staff_code(locks=[make_lock()])
    code = db.session.query(DoorCode).one()
    code.status, code.problem = Status.NEEDS_YOU, problem
    db.session.commit()
    sweep_alarms()

    html = browser(app).get("/alerts").text

    assert step in words(alert_of(html, only_alert()).text)


def test_each_alert_of_a_code_says_what_runs_by_itself_for_that_code(app: Flask) -> None:
    lock = make_lock()
    lasting = {"created_at": clock.now() - timedelta(days=2)}
    for hours, status, problem in (
        (5, Status.NEEDS_YOU, ProblemKey.SPLIT_BRAIN),
        (7, Status.RETRYING, ProblemKey.NACK),
    ):
        booking = make_booking(make_property(locks=[lock]), arrives_in=hours * HOUR)
        make_door_code(booking, lock, status=status, problem=problem, **lasting)
    sweep_alarms()

    html = browser(app).get("/alerts").text

    stuck, retried = (alert_of(html, alert).text for alert in db.session.query(Alert))
    assert words(CATALOGUE[ProblemKey.SPLIT_BRAIN].automatic) in words(stuck)
    assert "tried again by itself" not in words(stuck)
    assert "It is tried again by itself." in words(retried)


def test_a_keypad_that_locked_itself_names_the_guest_and_leads_to_the_booking(
    app: Flask,
) -> None:
    lock = make_lock(name="Street door")
    booking = make_booking(make_property(locks=[lock]), arrives_in=HOUR, guest_name="Ana Guest")
    make_door_code(booking, lock, status=Status.CONFIRMED)
    at = clock.now() - timedelta(minutes=1)
    make_door_event(
        lock, what=What.KEYPAD_PAUSED, at=at, alert_until=at + door_event.PAUSE_TOLD_FOR
    )
    sweep_alarms()
    client = browser(app)

    html = client.get("/alerts").text

    told = words(alert_of(html, only_alert()).text)
    assert told.startswith("Street door The keypad of Street door locked itself after wrong tries")
    assert "Ana Guest: Check-in" in told
    assert "leave the keypad alone for two minutes" in told
    assert f"/bookings/{booking.id}" in {e["href"] for e in elements(html) if e.tag == "a"}
    assert "A keypad locked itself" in words(element(html, data_cause="keypad_locked").text)
    assert "Nobody stayed there" not in client.get(f"/locks/{lock.id}").text


def test_alerts_of_one_cause_stand_together_and_what_keeps_guests_out_stands_first(
    app: Flask,
) -> None:
    make_alert(cause="feed_sick", opened_at=clock.now())
    for hours in (1, 2):
        make_alert(cause="not_confirmed", opened_at=clock.now() - hours * HOUR)
    make_alert(cause="something_new", words="Nobody has seen this before.")

    html = browser(app).get("/alerts").text

    causes = [e["data-cause"] for e in elements(html) if "data-cause" in e]
    assert causes == ["not_confirmed", "feed_sick", "something_new"]
    assert "Something new" in element(html, data_cause="something_new").text


def all_seen_buttons(html: str) -> int:
    return sum(words(e.text) == "Mark all as seen" for e in elements(html) if e.tag == "button")


def test_all_can_be_marked_as_seen_once_a_poll_brought_an_alert_and_no_longer_than_that(
    app: Flask,
) -> None:
    account = make_account()
    client = browser(app, account)
    calm = client.get("/alerts").text
    make_alert(account, cause="feed_sick")

    brought = client.get("/alerts/live").text
    as_viewer = browser(app, account, role=Role.VIEWER).get("/alerts/live").text
    client.send("/alerts/seen")
    afterwards = client.get("/alerts/live").text

    assert element(calm, id="act").tag == "form", "the button finds its form on a calm page too"
    assert [all_seen_buttons(html) for html in (calm, brought, afterwards)] == [0, 1, 0]
    assert all_seen_buttons(as_viewer) == 0


def test_what_is_over_stands_below_for_a_week(app: Flask) -> None:
    now = clock.now()
    over = make_alert(opened_at=now - 5 * HOUR, closed_at=now - 2 * HOUR)
    old = make_alert(opened_at=now - timedelta(days=9), closed_at=now - timedelta(days=8))

    html = browser(app).get("/alerts").text

    assert "lasted 3 h" in words(alert_of(html, over).text)
    assert elements(html, id=f"alert-{old.id}") == []
    assert "No alerts" in html


def test_an_alert_that_became_more_urgent_is_not_shown_as_over(app: Flask) -> None:
    booking, _, _ = a_late_stay(arrives_in=7 * HOUR)
    sweep_alarms()
    first = only_alert()
    with writing() as session:
        session.get_one(Booking, booking.id).starts_at -= 2 * HOUR
    sweep_alarms()

    html = browser(app).get("/alerts").text

    assert fresh(first).closed_at is not None
    assert elements(html, id=f"alert-{first.id}") == []
    assert "6 h before arrival" in alert_of(html, only_alert()).text


def test_the_count_in_the_navigation_is_of_what_nobody_has_seen(app: Flask) -> None:
    alerts = [make_alert() for _ in range(3)]
    make_alert(closed_at=clock.now())
    client = browser(app)

    def count() -> str:
        link = next(e for e in elements(client.get("/").text) if e.get("href") == "/alerts")
        return words(link.text)

    before = count()
    client.send(f"/alerts/{alerts[0].id}/seen")
    after_one = count()
    client.send("/alerts/seen")
    after_all = count()

    assert (before, after_one, after_all) == ("Alerts3 new", "Alerts2 new", "Alerts")
    assert fresh(alerts[0]).closed_at is None
    assert "Seen" in alert_of(client.get("/alerts").text, alerts[0]).text


def test_seen_twice_keeps_the_first_time(app: Flask) -> None:
    first_time = clock.now() - HOUR
    alert = make_alert(seen_at=first_time)

    browser(app).send(f"/alerts/{alert.id}/seen")

    assert fresh(alert).seen_at == first_time


def test_marking_all_leaves_another_accounts_alerts_alone(app: Flask) -> None:
    ours, theirs = make_account("Ours"), make_account("Theirs")
    make_alert(ours)
    other = make_alert(theirs)

    browser(app, ours).send("/alerts/seen")

    assert fresh(other).seen_at is None


def test_a_viewer_reads_alerts_and_marks_none(app: Flask) -> None:
    alert = make_alert()
    client = browser(app, role=Role.VIEWER)

    html = client.get("/alerts").text

    assert "/seen" not in html
    assert client.send(f"/alerts/{alert.id}/seen").status_code == 403
    assert fresh(alert).seen_at is None


def test_staff_see_neither_alerts_nor_their_count(app: Flask) -> None:
    make_alert()
    client = browser(app, role=Role.STAFF)

    assert client.get("/alerts").status_code == 403
    assert "/alerts" not in client.get("/").text


def test_the_page_follows_a_new_alert_and_an_unchanged_poll_reads_once(app: Flask) -> None:
    client = browser(app)
    url = poll_url(client.get("/alerts").text)
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        unchanged = client.get(url)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    with writing() as session:
        account = first_account_id()
        session.add(
            Alert(account_id=account, key="k", cause="c", words="New.", opened_at=clock.now())
        )
    changed = client.get(url)

    assert unchanged.status_code == 204
    assert sum(text.startswith("SELECT") for text in statements) == 1
    assert "New." in changed.text
    assert "<html" not in changed.text


def first_account_id() -> int:
    return int(db.session.execute(db.text("SELECT min(id) FROM account")).scalar_one())
