"""The link is the key: who has none learns nothing, and it is written nowhere in clear."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import event, inspect, text

from portal import clock, tenancy
from portal.domain.entry import EntryState, Evidence
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Booking, BookingStatus, GuestLink
from portal.services import guest_links
from portal.unit_of_work import writing
from portal.views._throttle import Throttle
from tests.support.builders import (
    make_account,
    make_booking,
    make_door_code,
    make_entry,
    make_guest_link,
    make_lock,
    make_property,
)
from tests.support.client import PortalClient
from tests.web.pages import browser, element, elements, poll_url

PIN = "839261"
HOUR = timedelta(hours=1)
NOBODYS = "a-token-that-was-never-given-out-1"


@pytest.fixture(autouse=True)
def _patient(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong links of one test do not count against the next."""
    monkeypatch.setitem(app.extensions, "guest_strangers", Throttle(burst=500, per_second=1))


def a_stay(**fields: Any) -> Booking:
    account = fields.pop("account", None)
    lock = make_lock(account=account)
    place = make_property(account, locks=[lock])
    booking = make_booking(place, pin=PIN, **{"arrives_in": -HOUR} | fields)
    code = make_door_code(booking, lock, status=Status.CONFIRMED)
    make_entry(code, state=EntryState.HELD, evidence=Evidence.CONFIRMED, pin=Secret(PIN))
    return booking


def unknown() -> str:
    a_stay()
    return NOBODYS


def revoked() -> str:
    return make_guest_link(a_stay(), revoked_at=clock.now())


def over() -> str:
    return make_guest_link(a_stay(arrives_in=-100 * HOUR, nights=2))


def cancelled() -> str:
    return make_guest_link(a_stay(status=BookingStatus.CANCELLED))


def renewed() -> str:
    booking = a_stay()
    old = make_guest_link(booking)
    with writing() as session:
        guest_links.renew(session, session.get_one(Booking, booking.id), "manager:1", clock.now())
    return old


BAD: tuple[Callable[[], str], ...] = (unknown, revoked, over, cancelled, renewed)


def answers(client: PortalClient, token: str) -> list[tuple[int, bytes, dict[str, str]]]:
    """What every address of this token says, without what names the address itself."""
    found = []
    for method, path, headers in (
        ("GET", f"/guest/{token}", {}),
        ("GET", f"/guest/{token}/live", {}),
        ("GET", f"/guest/{token}/live", {"HX-Request": "true"}),
        ("POST", f"/guest/{token}/help", {}),
    ):
        answer = client.open(path, method=method, headers=headers)
        told = {n: v.replace(token, "TOKEN") for n, v in answer.headers.items()}
        found.append((answer.status_code, answer.data, told))
    return found


def statements_of(run: Callable[[], object]) -> list[str]:
    found: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        found.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        run()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return found


def test_whatever_opens_nothing_is_answered_in_one_way(client: PortalClient) -> None:
    told = {make.__name__: answers(client, make()) for make in BAD}

    for name, said in told.items():
        assert said == told["unknown"], name
        assert {status for status, _, _ in said} == {404}
    page = told["unknown"][0][1].decode()
    assert "This link opens nothing" in page
    assert "Ask your host" in page


def test_whatever_opens_nothing_costs_the_same_one_query(client: PortalClient) -> None:
    costs = {}
    for make in BAD:
        token = make()
        costs[make.__name__] = statements_of(lambda token=token: client.get(f"/guest/{token}"))

    for name, statements in costs.items():
        assert statements == costs["unknown"], name
        assert len([s for s in statements if s.startswith("SELECT")]) == 1


def test_an_unchanged_poll_reads_once(client: PortalClient) -> None:
    token = make_guest_link(a_stay())
    client.get(f"/guest/{token}")
    url = poll_url(client.get(f"/guest/{token}").text)

    statements = statements_of(lambda: client.get(url, headers={"HX-Request": "true"}))

    assert len([s for s in statements if s.startswith("SELECT")]) == 1


def test_an_open_page_leaves_for_the_end_at_once(client: PortalClient) -> None:
    booking = a_stay()
    token = make_guest_link(booking)
    url = poll_url(client.get(f"/guest/{token}").text)

    with writing() as session:
        guest_links.revoke(session, session.get_one(Booking, booking.id), "manager:1", clock.now())
    answer = client.get(url, headers={"HX-Request": "true"})

    assert (answer.status_code, answer.data) == (404, b"")
    assert answer.headers["HX-Redirect"] == f"/guest/{token}"
    assert "This link opens nothing" in client.get(f"/guest/{token}").text


def test_the_link_ends_with_the_window_of_the_stay(client: PortalClient) -> None:
    booking = a_stay()
    token = make_guest_link(booking)
    end = booking.ends_at + HOUR

    with freeze_time(end - timedelta(seconds=1)):
        before = client.get(f"/guest/{token}").status_code
    with freeze_time(end):
        after = client.get(f"/guest/{token}").status_code

    assert (before, after) == (200, 404)


def test_a_link_leads_into_its_own_account_only(client: PortalClient) -> None:
    theirs = a_stay(account=make_account("Theirs"))
    ours = a_stay(account=make_account("Ours"), guest_name="Own Guest")
    make_guest_link(theirs)

    html = client.get(f"/guest/{make_guest_link(ours)}").text

    assert "Own Guest" in html
    assert theirs.property.name not in html


def test_a_request_of_a_guest_sees_no_other_accounts_rows(app: Flask) -> None:
    theirs = a_stay(account=make_account("Theirs"))
    ours = a_stay(account=make_account("Ours"))
    with tenancy.as_system():
        visitor = guest_links.find(db.session(), make_guest_link(ours), clock.now())

    assert visitor is not None
    with tenancy.as_account(visitor.account_id):
        assert db.session.get(Booking, theirs.id, populate_existing=True) is None


def test_tokens_are_long_random_and_each_another(app: Flask) -> None:
    booking = a_stay()
    tokens = set()
    for _ in range(20):
        with writing() as session:
            row = session.get_one(Booking, booking.id)
            tokens.add(guest_links.renew(session, row, "manager:1", clock.now()).reveal())

    assert len(tokens) == 20
    assert all(re.fullmatch(r"[\w-]{32}", token) for token in tokens)  # 192 bits


def every_value_in_the_database() -> Iterator[str]:
    with db.engine.connect() as connection:
        for table in inspect(db.engine).get_table_names():
            for row in connection.execute(text(f'SELECT * FROM "{table}"')):  # noqa: S608
                yield from (str(value) for value in row)


def test_the_token_stands_nowhere_in_clear(
    app: Flask, client: PortalClient, capfd: pytest.CaptureFixture[str]
) -> None:
    booking = a_stay()
    manager = browser(app)
    manager.send(f"/bookings/{booking.id}/guest-page")
    shown = manager.send(f"/bookings/{booking.id}/guest-page/show").text
    token = element(shown, id="link").text.rpartition("/")[2]
    capfd.readouterr()

    html = client.get(f"/guest/{token}").text
    client.get(poll_url(html), headers={"HX-Request": "true"})
    form = {"form_token": element(html, name="form_token")["value"]}
    assert client.post(f"/guest/{token}/help", data=form).status_code == 303
    for path in (f"/guest/{token}/", f"/guest/ {token}", f"/guest//{token}", f"/Guest/{token}/x"):
        client.get(path)
        client.post(path)

    logged = capfd.readouterr().err
    assert '"path": "/guest/' in logged
    assert token not in logged
    assert PIN not in logged
    assert not [value for value in every_value_in_the_database() if token in value]
    booking_page = manager.get(f"/bookings/{booking.id}?timeline=all").text
    export = manager.get(f"/bookings/{booking.id}/timeline.csv").text
    assert token not in booking_page + export


def test_an_exception_on_a_guests_page_is_logged_without_its_address(
    app: Flask,
    client: PortalClient,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = make_guest_link(a_stay())
    monkeypatch.setitem(app.extensions, "guest_looks", None)
    monkeypatch.setattr(app, "testing", False)
    capfd.readouterr()

    answer = client.get(f"/guest/{token}")

    logged = capfd.readouterr().err
    assert answer.status_code == 500
    assert "Exception on /guest/" in logged
    assert token not in logged
    assert token not in answer.text
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_no_address_on_the_page_holds_the_pin(client: PortalClient) -> None:
    token = make_guest_link(a_stay())

    html = client.get(f"/guest/{token}").text

    for each in elements(html):
        for name, value in each.items():
            assert PIN not in (value or ""), name


@pytest.mark.parametrize("path", ["/guest/{}", "/guest/{}/live", "/guest/wrong", "/guest/{}/help"])
def test_guests_pages_are_kept_and_told_nowhere(client: PortalClient, path: str) -> None:
    path = path.format(make_guest_link(a_stay()))

    answer = client.post(path) if path.endswith("help") else client.get(path)

    assert answer.headers.getlist("Referrer-Policy") == ["no-referrer"]
    assert answer.headers.getlist("Cache-Control") == ["no-store"]
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers


def test_guessing_is_slowed_down_and_right_links_are_not_told_apart_then(
    app: Flask, client: PortalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttle = Throttle(burst=5, per_second=0.001)
    monkeypatch.setitem(app.extensions, "guest_strangers", throttle)
    token = make_guest_link(a_stay())
    told = [client.get(f"/guest/guess-{n}").status_code for n in range(7)]

    right = client.get(f"/guest/{token}")
    wrong = client.get("/guest/guess-again")

    assert told == [404] * 5 + [429] * 2
    assert (right.status_code, right.data) == (wrong.status_code, wrong.data) == (429, wrong.data)
    assert int(right.headers["Retry-After"]) > 0


def test_one_link_is_asked_for_so_often_and_no_more(
    app: Flask, client: PortalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, "guest_looks", Throttle(burst=3, per_second=0.001))
    token, other = make_guest_link(a_stay()), make_guest_link(a_stay())

    told = [client.get(f"/guest/{token}").status_code for _ in range(5)]

    assert told == [200, 200, 200, 429, 429]
    assert client.get(f"/guest/{other}").status_code == 200


def test_a_link_shows_its_token_to_nobody_who_prints_it(app: Flask) -> None:
    token = make_guest_link(a_stay())
    link = db.session.query(GuestLink).one()

    assert token not in f"{link.token!r} {link.token} {link!r}"
