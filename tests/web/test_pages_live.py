"""The live refresh: cheap while nothing moved, complete when something did."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import event

from portal import clock
from portal.domain.entry import EntryState, Evidence
from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Account, Alert, Booking, DoorCode, Role
from portal.unit_of_work import writing
from portal.views._live import RecentFragments
from tests.support.builders import (
    make_account,
    make_alert,
    make_booking,
    make_channel,
    make_command,
    make_door_code,
    make_endpoint,
    make_entry,
    make_lock,
    make_property,
)
from tests.support.client import PortalClient
from tests.support.statements import statements
from tests.web.pages import browser, element, elements, poll_url, roots, words

HTMX = {"HX-Request": "true"}
STATUSES = list(Status)


def a_house(status: Status = Status.CONFIRMED, **fields: Any) -> tuple[Booking, DoorCode]:
    lock = make_lock()
    booking = make_booking(make_property(locks=[lock]), pin="839261")
    code = make_door_code(booking, lock, status=status, **fields)
    if status is Status.CONFIRMED:
        make_entry(code, state=EntryState.HELD, evidence=Evidence.CONFIRMED)
    return booking, code


def pages_of(booking: Booking, code: DoorCode) -> tuple[str, ...]:
    return (
        *("/", f"/bookings/{booking.id}", f"/bookings/{booking.id}/send", "/calendar"),
        *("/locks", f"/locks/{code.lock_id}", f"/locks/{code.lock_id}/rebuild"),
        *("/alerts", "/staff-codes", "/settings/door-locks/schlage"),
        f"/settings/alerts/channels/{make_channel().id}",
        f"/settings/alerts/webhooks/{make_endpoint().id}",
    )


def test_every_live_page_has_one_poller_and_an_unchanged_poll_answers_204(app: Flask) -> None:
    booking, code = a_house()
    client = browser(app)

    for path in pages_of(booking, code):
        answer = client.get(poll_url(client.get(path).text), headers=HTMX)
        assert (answer.status_code, answer.data) == (204, b""), path


def test_an_unchanged_poll_reads_once(app: Flask) -> None:
    booking, code = a_house()
    client = browser(app)
    urls = [poll_url(client.get(path).text) for path in pages_of(booking, code)]

    for url in urls:
        statements: list[str] = []

        def note(
            _c: Any, _cursor: Any, statement: str, *_rest: Any, kept: Any = statements
        ) -> None:
            kept.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            client.get(url, headers=HTMX)
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        assert sum(text.startswith("SELECT") for text in statements) == 1, statements


def test_a_poll_after_a_change_brings_the_fragment_with_the_new_version(app: Flask) -> None:
    booking, code = a_house(Status.SENT)
    client = browser(app)
    url = poll_url(client.get(f"/bookings/{booking.id}").text)

    with writing() as session:
        session.get_one(DoorCode, code.id).status = Status.CONFIRMED
    answer = client.get(url, headers=HTMX)

    assert answer.status_code == 200
    assert element(answer.text, id=f"door-code-{code.id}")["data-status"] == "confirmed"
    assert client.get(poll_url(answer.text), headers=HTMX).status_code == 204


def test_time_alone_makes_a_page_out_of_date(app: Flask) -> None:
    # Seven hours before an arrival the verdict changes within the next: before the sign-in ends.
    lock = make_lock()
    booking = make_booking(make_property(locks=[lock]), arrives_in=timedelta(hours=7))
    make_door_code(booking, lock, status=Status.SENT)
    client = browser(app)
    url = poll_url(client.get(f"/bookings/{booking.id}").text)
    until = int(url.rpartition("until=")[2])

    with freeze_time(datetime.fromtimestamp(until - 2, UTC)):
        before = client.get(url, headers=HTMX)
    with freeze_time(datetime.fromtimestamp(until + 1, UTC)):
        after = client.get(url, headers=HTMX)

    assert (before.status_code, after.status_code) == (204, 200)


def test_a_page_is_out_of_date_when_its_verdict_changes(app: Flask) -> None:
    lock = make_lock()
    booking = make_booking(make_property(locks=[lock]), arrives_in=timedelta(hours=7))
    make_door_code(booking, lock, status=Status.SENT)

    url = poll_url(browser(app).get("/").text)

    until = int(url.rpartition("until=")[2])
    at_risk_at = booking.starts_at - timedelta(hours=6)
    assert clock.now().timestamp() < until <= at_risk_at.timestamp() + 1


@pytest.mark.parametrize("query", ["", "?version=x&until=y", "?version=0", "?until=99999999999"])
def test_a_poll_that_says_nothing_of_its_page_gets_the_fragment(app: Flask, query: str) -> None:
    a_house()

    assert browser(app).get(f"/arrivals/live{query}", headers=HTMX).status_code == 200


def test_an_expired_session_is_sent_to_sign_in_and_not_into_the_page(app: Flask) -> None:
    booking, code = a_house()
    signed_in = browser(app)
    stranger = app.test_client()

    for path in pages_of(booking, code):
        answer = stranger.get(poll_url(signed_in.get(path).text), headers=HTMX)
        assert answer.headers["HX-Redirect"].startswith("/sign-in")
        assert answer.data == b""


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("page", ["arrivals", "booking", "locks", "lock"])
def test_every_status_renders_in_every_fragment(app: Flask, status: Status, page: str) -> None:
    problem = None if status is Status.CONFIRMED else ProblemKey.COMMAND_TIMEOUT
    booking, code = a_house(status, problem=problem, problem_text="Timed out")
    client = browser(app)
    url = {
        "arrivals": "/arrivals/live",
        "booking": f"/bookings/{booking.id}/live",
        "locks": "/locks/live",
        "lock": f"/locks/{code.lock_id}/live",
    }[page]
    own_id = {
        "arrivals": "arrivals",
        "booking": f"booking-{booking.id}",
        "locks": "locks",
        "lock": f"lock-{code.lock_id}",
    }[page]

    html = client.get(url, headers=HTMX).text

    trees = [root for root in roots(html) if root.tag != "title"]
    # The count of new alerts comes along, for the navigation of the page.
    assert [root["id"] for root in trees] == [own_id, "new-alerts"]
    assert trees[0]["hx-swap"] == "morph:outerHTML"
    assert "839261" not in html
    # What a person is typing or has opened would be lost at every refresh.
    assert not [e for e in elements(html) if e.tag in {"input", "select", "textarea", "details"}]


@pytest.mark.parametrize("status", STATUSES)
def test_whatever_a_page_shows_it_asks_every_two_seconds(app: Flask, status: Status) -> None:
    # A webhook may change any of them, a booking that nobody knows of yet, or nothing on the page.
    booking, code = a_house(status, due_at=clock.now() + timedelta(days=9))
    client = browser(app)

    for path in pages_of(booking, code):
        found = [e for e in elements(client.get(path).text) if "data-poll" in e]
        assert [(e["hx-trigger"] or "").split(",")[0] for e in found] == ["every 2s"], path


def test_an_empty_page_asks_as_often(app: Flask) -> None:
    found = [e for e in elements(browser(app).get("/").text) if "data-poll" in e]

    assert (found[0]["hx-trigger"] or "").startswith("every 2s")


def test_a_running_resync_stands_on_the_page(app: Flask) -> None:
    booking, _ = a_house(resync_at=clock.now())

    assert "Resync is running" in browser(app).get(f"/bookings/{booking.id}").text


def test_an_open_command_stands_on_the_page_of_its_lock(app: Flask) -> None:
    _, code = a_house(Status.SENT)
    make_command(make_entry(code))

    html = browser(app).get(f"/locks/{code.lock_id}").text

    assert "the lock has not answered yet" in html


def test_a_new_alert_is_counted_on_every_page_that_is_open(app: Flask) -> None:
    booking, code = a_house()
    client = browser(app)
    opened = {path: client.get(path).text for path in pages_of(booking, code)}

    with writing() as session:
        alert = Alert(account_id=booking.account_id, key="k", cause="c", words="New.")
        alert.opened_at = clock.now()
        session.add(alert)

    for path, html in opened.items():
        in_navigation = element(html, id="new-alerts")
        assert (in_navigation.text, "hx-swap-oob" in in_navigation) == ("", False), path
        polled = client.get(poll_url(html), headers=HTMX).text
        # Only what stands outside of the fragment is found by htmx.
        (brought,) = [root for root in roots(polled) if root.get("id") == "new-alerts"]
        assert (words(brought.text), brought["hx-swap-oob"]) == ("1 new", "morph"), path


def test_staff_are_brought_no_count_of_alerts(app: Flask) -> None:
    make_alert()

    html = browser(app, role=Role.STAFF).get("/arrivals/live", headers=HTMX).text

    assert "new-alerts" not in html


def change(booking: Booking) -> None:
    """What a webhook or a person does to a booking: the account's version counts up."""
    with writing() as session:
        session.get_one(Booking, booking.id).guest_name += "!"


def reads(client: PortalClient, url: str) -> list[str]:
    """What one poll asks of the database."""
    with statements() as asked:
        assert client.get(url, headers=HTMX).status_code == 200
    return [text for text, _ in asked if text.startswith("SELECT")]


def test_what_one_page_is_sent_the_next_that_shows_the_same_costs_one_query(app: Flask) -> None:
    booking, _ = a_house(Status.SENT)
    client = browser(app)
    account = db.session.get_one(Account, booking.account_id)
    colleague = browser(app, account)
    urls = [poll_url(each.get("/").text) for each in (client, client, colleague)]
    change(booking)

    first, *others = [
        (len(reads(each, url)), each.get(url, headers=HTMX).text)
        for each, url in zip((client, client, colleague), urls, strict=True)
    ]

    assert first[0] > 1
    assert [number for number, _ in others] == [1, 1]
    assert {text for _, text in others} == {first[1]}


@pytest.mark.parametrize("other", ["role", "account", "page", "filter", "version"])
def test_what_differs_in_anything_is_rendered_anew(app: Flask, other: str) -> None:
    booking, code = a_house()
    account = db.session.get_one(Account, booking.account_id)
    client = browser(app, account)
    assert len(reads(client, "/arrivals/live")) > 1
    assert len(reads(client, "/arrivals/live")) == 1

    asking, url = client, "/arrivals/live"
    if other == "role":
        asking = browser(app, account, role=Role.VIEWER)
    elif other == "account":
        asking = browser(app, make_account("Others"))
    elif other == "page":
        url = f"/locks/{code.lock_id}/live"
    elif other == "filter":
        url = "/arrivals/live?when=all"
    elif other == "version":
        change(booking)

    assert len(reads(asking, url)) > 1


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        ("when=all&when=past&q=ana", True),
        ("q=ana&when=all&when=past", True),
        ("q=ana&when=past&when=all", False),
        ("q=ana&when=all&when=past&when=past", False),
    ],
)
def test_of_filters_said_twice_the_order_counts(app: Flask, other: str, is_same: bool) -> None:
    a_house()
    client = browser(app)
    assert len(reads(client, "/arrivals/live?q=ana&when=all&when=past")) > 1

    assert (len(reads(client, f"/arrivals/live?{other}")) == 1) is is_same


def test_what_was_rendered_is_not_kept_for_long(app: Flask) -> None:
    a_house()
    client = browser(app)
    with freeze_time(clock.now(), tick=False) as frozen:
        first = len(reads(client, "/arrivals/live"))
        frozen.tick(timedelta(seconds=4))
        within = len(reads(client, "/arrivals/live"))
        frozen.tick(timedelta(seconds=2))
        after = len(reads(client, "/arrivals/live"))

    assert (within, after) == (1, first)


def test_what_time_alone_changes_is_not_kept_past_that_time() -> None:
    recent, now = RecentFragments(), clock.now()
    recent.keep("page", "before check-in", now + timedelta(seconds=2), now)

    assert recent.find("page", now + timedelta(seconds=1)) == "before check-in"
    assert recent.find("page", now + timedelta(seconds=2)) is None


def test_no_more_is_kept_than_a_process_can_hold() -> None:
    recent, now = RecentFragments(), clock.now()
    for number in range(1_000):
        recent.keep(number, str(number), now + timedelta(hours=1), now)

    kept = [number for number in range(1_000) if recent.find(number, now)]

    assert kept == list(range(900, 1_000))


def test_staff_cannot_poll_what_they_may_not_see(app: Flask) -> None:
    booking = make_booking(arrives_in=timedelta(days=9))
    client: PortalClient = browser(app, role=Role.STAFF)

    assert client.get(f"/bookings/{booking.id}/live", headers=HTMX).status_code == 404
