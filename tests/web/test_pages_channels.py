"""Settings > Alerts: adding channels and webhooks, what is shown of them, who may do what."""

from datetime import time, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal import clock
from portal.domain.notices import Kind
from portal.domain.outgoing import State
from portal.domain.secret import Secret
from portal.extensions import db
from portal.models import Channel, Endpoint, EndpointCall, Notice, Role
from portal.queue import JobName
from tests.support.bells import FakeBell
from tests.support.builders import (
    fresh,
    make_account,
    make_alert,
    make_channel,
    make_endpoint,
    make_endpoint_call,
    make_notice,
    make_property,
)
from tests.web.pages import browser, element, elements, poll_url, words

SETTINGS = "/settings/alerts"
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/t0kent0kent0ken"
MAIL = {
    "name": "Night box",
    "recipients": "night@example.com, day@example.com",
    "sender": "portal@example.com",
    "server": "smtp.example.com",
    "port": "587",
    "security": "starttls",
    "user": "portal",
    "password": "mail-passw0rd",
}
WANTS: dict[str, Any] = {
    "name": "Night phone",
    "topics": ["arrivals"],
    "time_zone": "Europe/Madrid",
    "language": "en",
    "quiet_from": "22:00",
    "quiet_until": "07:30",
}


def channels() -> list[Channel]:
    db.session.rollback()
    return list(db.session.scalars(select(Channel).order_by(Channel.id)))


# Channels


def test_a_messenger_is_added_and_starts_with_everything_in_the_propertys_zone(app: Flask) -> None:
    make_property(time_zone="Europe/Lisbon")
    client = browser(app, role=Role.MANAGER)

    answer = client.send(f"{SETTINGS}/channels/new", name="Night phone", address=SLACK)

    (channel,) = channels()
    assert (answer.status_code, answer.location) == (303, f"{SETTINGS}/channels/{channel.id}")
    assert (channel.kind, channel.address) == ("slack", Secret(SLACK))
    assert channel.topics == ["arrivals", "removals", "equipment"]
    assert channel.time_zone == "Europe/Lisbon"


def test_an_e_mail_box_is_added_by_the_fields_of_its_server(app: Flask) -> None:
    client = browser(app)

    client.send(f"{SETTINGS}/channels/new?kind=email", **MAIL)

    (channel,) = channels()
    assert channel.kind == "email"
    assert channel.hint == "night@example.com, day@example.com by smtp.example.com"
    address = channel.address.reveal()
    assert address.startswith("mailtos://portal:mail-passw0rd@smtp.example.com:587?")
    assert "mode=starttls" in address


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("name", "", "needed"),
        ("recipients", "nobody", "e-mail addresses"),
        ("recipients", "a@example.com?bcc=b@example.com", "e-mail addresses"),
        ("sender", "x y@example.com", "one e-mail address"),
        ("server", "smtp.example.com/path", "Give the server"),
        ("server", "10.0.0.1", "private network"),
        ("server", "localhost", "private network"),
        ("port", "22", "Mail is sent by port"),
        ("port", "many", "whole number"),
        ("security", "insecure", "Choose one"),
    ],
)
def test_a_wrong_field_of_an_e_mail_box_says_so_and_keeps_the_rest(
    app: Flask, field: str, value: str, told: str
) -> None:
    answer = browser(app).send(f"{SETTINGS}/channels/new?kind=email", **{**MAIL, field: value})

    assert answer.status_code == 422
    assert told in words(answer.text)
    if field != "sender":
        assert element(answer.text, name="sender")["value"] == "portal@example.com"
    assert channels() == []


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "dbus://", "https://example.com/x", "jsons://10.0.0.1/", "x y"],
)
def test_a_hostile_address_is_refused_at_its_field(app: Flask, address: str) -> None:
    answer = browser(app).send(f"{SETTINGS}/channels/new", name="x", address=address)

    assert answer.status_code == 422
    assert elements(answer.text, id="address-error")
    assert channels() == []


def test_an_address_is_never_shown_again(app: Flask) -> None:
    client = browser(app)
    client.send(f"{SETTINGS}/channels/new", name="Night phone", address=SLACK)
    client.send(f"{SETTINGS}/channels/new?kind=email", **MAIL)
    ids = [channel.id for channel in channels()]

    pages = [client.get(SETTINGS), client.get(f"{SETTINGS}/log"), client.get("/alerts")]
    for number in ids:
        pages += [
            client.get(f"{SETTINGS}/channels/{number}{part}")
            for part in ("", "/live", "/address", "/remove")
        ]

    shown = " ".join(page.text for page in pages)
    assert "smtp.example.com" in shown
    assert not any(secret in shown for secret in ("t0ken", "A1BRTD4JD", "mail-passw0rd"))


def test_an_address_is_encrypted_at_rest(app: Flask) -> None:
    channel = make_channel(address=Secret(SLACK))
    endpoint = make_endpoint()

    stored = [
        db.session.execute(db.text(f"SELECT {column} FROM {table}")).scalar_one()  # noqa: S608
        for table, column in (
            ("channel", "address"),
            ("endpoint", "address"),
            ("endpoint", "secret"),
        )
    ]

    assert all(value.startswith("v1.") for value in stored)
    assert SLACK not in repr(channel)
    assert "whsec_" not in repr(endpoint)


def test_what_a_channel_wants_is_saved(app: Flask) -> None:
    channel = make_channel()

    answer = browser(app).send(f"{SETTINGS}/channels/{channel.id}", **WANTS, has_digest="y")

    assert answer.status_code == 303
    saved = fresh(channel)
    assert saved.topics == ["arrivals"]
    assert (saved.quiet_from, saved.quiet_until) == (time(22), time(7, 30))
    assert (saved.time_zone, saved.has_digest) == ("Europe/Madrid", True)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("topics", [], "at least one thing"),
        ("topics", ["everything"], "valid choice"),
        ("time_zone", "Mars/Base", "Choose a zone"),
        ("quiet_until", "", "both ends"),
        ("quiet_from", "late", "not a time"),
        ("language", "tlh", "Choose one"),
        ("name", "  ", "Give it a name"),
    ],
)
def test_a_wrong_wish_says_so_at_its_field(app: Flask, field: str, value: Any, told: str) -> None:
    channel = make_channel(topics=["removals"])

    answer = browser(app).send(f"{SETTINGS}/channels/{channel.id}", **{**WANTS, field: value})

    assert answer.status_code == 422
    assert told in words(answer.text)
    assert fresh(channel).topics == ["removals"]


def test_the_test_button_sends_a_notice_and_the_page_follows_its_result(
    app: Flask, bell: FakeBell
) -> None:
    channel = make_channel()
    client = browser(app)

    client.send(f"{SETTINGS}/channels/{channel.id}/test")

    notice = db.session.scalars(select(Notice)).one()
    assert bell.rings == [(JobName.SEND_NOTICE, (notice.id,))]
    page = client.get(f"{SETTINGS}/channels/{channel.id}").text
    assert element(page, id=f"notice-{notice.id}")["data-state"] == "intended"
    assert client.get(poll_url(page)).status_code == 204
    make_notice(channel, state=State.SENT, due_at=None, ring_at=None, done_at=clock.now())
    touch(channel)
    assert "Sent" in client.get(poll_url(page)).text


def touch(channel: Channel) -> None:
    account = db.session.get(type(make_account()), channel.account_id)
    assert account is not None
    account.version += 1
    db.session.commit()


def test_a_new_address_takes_the_place_of_the_old_one_and_clears_its_trouble(app: Flask) -> None:
    channel = make_channel(dead_since=clock.now())

    browser(app).send(
        f"{SETTINGS}/channels/{channel.id}/address", name="Night phone", address="tgram://t0ken/1"
    )

    assert fresh(channel).address == Secret("tgram://t0ken/1")
    assert (channel.kind, channel.dead_since) == ("chat", None)


def test_a_removed_channel_is_gone_with_its_log(app: Flask) -> None:
    channel = make_channel()
    make_notice(channel)

    browser(app).send(f"{SETTINGS}/channels/{channel.id}/remove")

    assert channels() == []
    assert db.session.scalar(select(func.count(Notice.id))) == 0


def test_the_log_says_when_where_what_and_what_came_of_it(app: Flask) -> None:
    channel = make_channel(name="Night phone")
    make_notice(
        channel,
        kind=Kind.OPENED,
        title="Ana Guest at Casa Mar",
        body="What is wrong.\nYour one step.",
        state=State.DEAD,
        attempts=7,
        due_at=None,
        ring_at=None,
        done_at=clock.now(),
        error_words="The service could not be reached.",
    )

    page = words(browser(app).get(f"{SETTINGS}/log").text)

    assert "Ana Guest at Casa Mar" in page
    assert "Night phone" in page
    assert "7 tries" in page
    assert "The service could not be reached." in page
    assert "Your one step." in page
    assert "Failed" in page


def test_a_notice_that_waits_says_when_it_is_tried_again(app: Flask) -> None:
    channel = make_channel()
    make_notice(
        channel,
        attempts=2,
        due_at=clock.now() + timedelta(minutes=10),
        error_words="The service did not answer in time.",
    )

    page = words(browser(app).get(f"{SETTINGS}/channels/{channel.id}").text)

    assert "Trying again" in page
    assert "The service did not answer in time. Next try by itself" in page


# Webhooks


def test_a_webhooks_secret_is_shown_once(app: Flask) -> None:
    client = browser(app)

    made = client.send(
        f"{SETTINGS}/webhooks/new",
        name="Our program",
        address="https://program.example.com/hooks/path-t0ken",
        kinds=["alert.opened"],
    )

    db.session.rollback()
    endpoint = db.session.scalars(select(Endpoint)).one()
    assert element(made.text, id="secret").text == endpoint.secret.reveal()
    later = client.get(f"{SETTINGS}/webhooks/{endpoint.id}").text + client.get(SETTINGS).text
    assert "program.example.com" in later
    assert "whsec_" not in later
    assert "path-t0ken" not in later


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("name", "", "needed"),
        ("address", "http://program.example.com/", "https://"),
        ("address", "https://10.0.0.1/", "not an IP address"),
        ("kinds", [], "at least one event"),
    ],
)
def test_a_wrong_webhook_says_so_at_its_field(
    app: Flask, field: str, value: Any, told: str
) -> None:
    fields = {"name": "x", "address": "https://program.example.com/", "kinds": ["alert.opened"]}

    answer = browser(app).send(f"{SETTINGS}/webhooks/new", **{**fields, field: value})

    assert answer.status_code == 422
    assert told in words(answer.text)
    assert db.session.scalar(select(func.count(Endpoint.id))) == 0


def test_a_call_is_sent_again_by_its_button(app: Flask, bell: FakeBell) -> None:
    call = make_endpoint_call(state=State.DEAD, due_at=None, ring_at=None, attempts=10)
    client = browser(app)

    page = client.get(f"{SETTINGS}/webhooks/{call.endpoint_id}").text
    assert "/redeliver" in page
    client.send(f"{SETTINGS}/webhooks/calls/{call.id}/redeliver")

    assert (fresh(call).state, call.attempts) == (State.INTENDED, 0)
    assert bell.rings == [(JobName.CALL_ENDPOINT, (call.id,))]


def test_the_test_of_a_webhook_is_rung_for(app: Flask, bell: FakeBell) -> None:
    endpoint = make_endpoint()

    browser(app).send(f"{SETTINGS}/webhooks/{endpoint.id}/test")

    call = db.session.scalars(select(EndpointCall)).one()
    assert (call.kind, bell.rings) == ("test", [(JobName.CALL_ENDPOINT, (call.id,))])


def test_a_webhook_that_is_switched_off_says_so_and_can_be_switched_on(app: Flask) -> None:
    endpoint = make_endpoint(disabled_at=clock.now(), failing_since=clock.now())
    client = browser(app)

    assert "Switched off" in client.get(f"{SETTINGS}/webhooks/{endpoint.id}").text
    client.send(f"{SETTINGS}/webhooks/{endpoint.id}/enable")

    assert (fresh(endpoint).disabled_at, endpoint.failing_since) == (None, None)


# Who may


def test_a_viewer_sees_names_and_neither_addresses_nor_buttons(app: Flask) -> None:
    make_channel(name="Night phone", hint="night@example.com")
    client = browser(app, role=Role.VIEWER)

    page = client.get(SETTINGS).text

    assert "Night phone" in page
    assert "night@example.com" not in page
    assert "/channels/new" not in page
    assert client.get(f"{SETTINGS}/log").status_code == 403


def test_a_manager_adds_channels_and_no_webhooks(app: Flask) -> None:
    client = browser(app, role=Role.MANAGER)

    page = client.get(SETTINGS).text

    assert "/channels/new" in page
    assert "/webhooks/new" not in page
    assert client.get(f"{SETTINGS}/webhooks/new").status_code == 403


def test_staff_have_no_business_here(app: Flask) -> None:
    client = browser(app, role=Role.STAFF)

    assert client.get(SETTINGS).status_code == 403


def test_another_accounts_channels_are_not_listed(app: Flask) -> None:
    ours, theirs = make_account("Ours"), make_account("Theirs")
    make_channel(theirs, name="Their phone")
    make_endpoint(theirs, name="Their program")

    page = browser(app, ours).get(SETTINGS).text

    assert "Their" not in page
    assert "Nobody is told yet" in page


@pytest.mark.parametrize("page", ["/alerts", "/settings/door-locks/schlage"])
def test_the_page_is_linked_from_alerts_and_settings(app: Flask, page: str) -> None:
    html = browser(app).get(page).text

    assert SETTINGS in {e.get("href") for e in elements(html) if e.tag == "a"}


@pytest.mark.parametrize(
    ("cause", "title", "anchor"),
    [
        ("channel_dead", "A channel reaches nobody", "channel"),
        ("endpoint_off", "A webhook is switched off", "endpoint"),
    ],
)
def test_an_alert_about_a_way_to_tell_leads_to_it(
    app: Flask, cause: str, title: str, anchor: str
) -> None:
    make_alert(cause=cause, key=f"{cause}:17", words="Nothing gets through.")

    html = browser(app).get("/alerts").text

    assert title in html
    assert f"{SETTINGS}#{anchor}-17" in {e.get("href") for e in elements(html) if e.tag == "a"}
