"""Sending from pages: whereto it would go, who may, what came of it; and how it is set up."""

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal import clock
from portal.domain.bulk import ItemState, Kind, RunState
from portal.domain.entry import EntryState, Evidence
from portal.domain.guest_sending import Hindrance, State, Way
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.extensions import db
from portal.models import (
    Account,
    Booking,
    BulkItem,
    GuestMessage,
    GuestSend,
    GuestWay,
    PinOrigin,
    Role,
)
from portal.queue import JobName
from portal.services import guest_sending
from portal.views import _sending_words
from tests.fakes.outside import FakeMessenger
from tests.support.bells import FakeBell
from tests.support.builders import (
    fresh,
    make_account,
    make_booking,
    make_bulk_run,
    make_door_code,
    make_entry,
    make_guest_message,
    make_guest_send,
    make_guest_way,
    make_lock,
    make_property,
    saved,
)
from tests.web.pages import browser, element, elements, poll_url, words

PIN = "839261"
SETTINGS = "/settings/guest-messages"
MAIL = {
    "sender": "host@example.com",
    "sender_name": "Casa Verde",
    "server": "smtp.example.com",
    "port": "587",
    "security": "starttls",
    "user": "host",
    "password": "mail-passw0rd",
}
TWILIO = "twilio://AC0123456789:gateway-token@12125550100/{to}"


def a_stay(
    status: Status = Status.CONFIRMED, account: Account | None = None, **fields: Any
) -> Booking:
    lock = make_lock(name="Front door", account=account)
    traits = {"arrives_in": timedelta(hours=12), "guest_email": "ana.guest@example.com"}
    booking = make_booking(
        make_property(account, locks=[lock], name="Casa Mar"), pin=PIN, **traits | fields
    )
    code = make_door_code(booking, lock, status=status)
    if status is Status.CONFIRMED:
        make_entry(code, state=EntryState.HELD, evidence=Evidence.CONFIRMED, pin=Secret(PIN))
    return booking


def sends() -> list[GuestSend]:
    db.session.rollback()
    return list(db.session.scalars(select(GuestSend).order_by(GuestSend.id)))


def way_of(way: Way = Way.EMAIL) -> GuestWay | None:
    db.session.rollback()
    return db.session.scalars(select(GuestWay).where(GuestWay.way == way)).one_or_none()


def settings_of(way: Way = Way.EMAIL) -> dict[str, Any]:
    row = way_of(way)
    assert row is not None
    found: dict[str, Any] = json.loads(row.settings.reveal())
    return found


@pytest.fixture
def messenger(app: Flask) -> Any:
    fake = FakeMessenger()
    before, app.extensions["messenger"] = app.extensions["messenger"], fake
    yield fake
    app.extensions["messenger"] = before


# One message


def test_the_booking_leads_to_sending_and_to_copying(app: Flask) -> None:
    booking = a_stay()

    page = browser(app).get(f"/bookings/{booking.id}").text

    links = {words(e.text): e.get("href") for e in elements(page) if e.tag == "a"}
    assert links["Send to guest"] == f"/bookings/{booking.id}/send"
    assert links["Copy the message"] == f"/bookings/{booking.id}/message"


def test_before_it_is_sent_the_page_says_whereto_and_changes_nothing(
    app: Flask, bell: FakeBell
) -> None:
    make_guest_way()
    make_guest_way(way=Way.SMS)
    booking = a_stay()

    page = browser(app).get(f"/bookings/{booking.id}/send").text

    assert "to ana.guest@example.com" in words(page)
    assert "to +12125550142" in words(page)
    assert "checked" in element(page, name="way", value="email")
    assert PIN not in page
    assert sends() == []
    assert bell.rings == []


def test_a_number_that_the_pin_is_made_of_is_not_shown(app: Flask) -> None:
    make_guest_way(way=Way.SMS)
    booking = a_stay(pin_origin=PinOrigin.PHONE)

    page = browser(app).get(f"/bookings/{booking.id}/send").text

    assert "to +121•••" in words(page)
    assert "0142" not in page


def test_a_press_sends_it_in_a_job_and_the_page_tells_the_result(
    app: Flask, bell: FakeBell, messenger: FakeMessenger
) -> None:
    make_guest_way()
    booking = a_stay()
    client = browser(app)
    path = f"/bookings/{booking.id}/send"

    answer = client.send(path, way="email", language="en")
    waiting = client.get(path).text
    live = poll_url(waiting)
    unchanged = client.get(live).status_code
    (row,) = sends()
    guest_sending.send(*bell.ids_of(JobName.SEND_TO_GUEST))
    told = client.get(live).text

    assert (answer.status_code, answer.location) == (303, path)
    assert element(waiting, id=f"send-{row.id}")["data-state"] == "intended"
    assert unchanged == 204
    assert element(told, id=f"send-{row.id}")["data-state"] == "sent"
    assert "E-mail to a•••@example.com, English" in words(told)
    assert PIN not in told
    ((_, text),) = messenger.sent
    assert PIN in text.body
    history = words(client.get(f"/bookings/{booking.id}").text)
    assert "Message sent to the guest" in history
    assert "E-mail to a•••@example.com, English" in history


def test_the_same_message_is_refused_and_a_tick_sends_it_all_the_same(
    app: Flask, bell: FakeBell, messenger: FakeMessenger
) -> None:
    make_guest_way()
    booking = a_stay()
    client = browser(app)
    path = f"/bookings/{booking.id}/send"
    client.send(path, way="email", language="en")
    guest_sending.send(*bell.ids_of(JobName.SEND_TO_GUEST))

    refused = client.send(path, way="email", language="en")
    again = client.send(path, way="email", language="en", again="yes")

    assert refused.status_code == 409
    assert "The guest has this very message already." in words(refused.text)
    assert element(refused.text, name="again")
    assert again.status_code == 303
    assert len(sends()) == 2


def test_an_unconfirmed_code_waits_and_only_a_manager_insists(app: Flask) -> None:
    account = make_account()
    make_guest_way(account)
    booking = a_stay(Status.SENT, account)
    path = f"/bookings/{booking.id}/send"
    staff, manager = browser(app, account, Role.STAFF), browser(app, account, Role.MANAGER)

    page = manager.get(path).text
    waited = manager.send(path, way="email", language="en")
    by_staff = staff.send(path, way="email", language="en", all_the_same="yes")
    nothing = sends()
    forced = manager.send(path, way="email", language="en", all_the_same="yes")

    assert "Wait with telling the guest" in page
    assert "Send it all the same" in page
    assert "Send it all the same" not in staff.get(path).text
    assert (waited.status_code, by_staff.status_code) == (409, 403)
    assert nothing == []
    assert forced.status_code == 303
    assert sends()[0].is_forced


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"guest_email": "", "guest_phone": ""}, "The guest's address is not known"),
        ({"arrives_in": timedelta(days=-9)}, "The stay is over."),
    ],
)
def test_what_stands_in_the_way_is_said_with_the_next_step(
    app: Flask, fields: dict[str, Any], told: str
) -> None:
    make_guest_way()
    booking = a_stay(**fields)

    page = browser(app).get(f"/bookings/{booking.id}/send").text

    assert told in words(page)
    assert elements(page, name="way") == []


def test_where_nothing_is_set_up_the_page_leads_there(app: Flask) -> None:
    page = browser(app).get(f"/bookings/{a_stay().id}/send").text

    assert "not set up yet" in words(page)
    assert element(page, href=f"{SETTINGS}/email")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"way": "pigeon", "language": "en"}, "Choose how it is sent."),
        ({"language": "en"}, "Choose how it is sent."),
        ({"way": "email", "language": "klingon!"}, "not a language code"),
        ({"way": "email"}, "not a language code"),
    ],
)
def test_a_wrong_choice_is_said_at_its_field(app: Flask, fields: dict[str, str], told: str) -> None:
    make_guest_way()
    booking = a_stay()

    answer = browser(app).send(f"/bookings/{booking.id}/send", **fields)

    assert answer.status_code == 422
    assert told in words(answer.text)
    assert sends() == []


def test_a_person_is_asked_whether_an_uncertain_one_arrived_and_says_so(app: Flask) -> None:
    make_guest_way()
    booking = a_stay()
    row = make_guest_send(booking, state=State.UNSURE)
    client = browser(app)

    page = client.get(f"/bookings/{booking.id}/send").text
    answer = client.send(f"/bookings/{booking.id}/send/arrived")

    assert "May have been sent" in words(element(page, id=f"send-{row.id}").text)
    assert words(element(page, form="arrived").text) == "It has arrived"
    assert answer.status_code == 303
    assert fresh(row).state is State.SENT
    assert "has arrived, somebody here says" in client.get(f"/bookings/{booking.id}").text


def test_staff_send_to_todays_guests_and_to_no_others(app: Flask) -> None:
    account = make_account()
    make_guest_way(account)
    today = a_stay(account=account)
    far = a_stay(account=account, arrives_in=timedelta(days=20))
    staff = browser(app, account, Role.STAFF)
    viewer = browser(app, account, Role.VIEWER)

    answers = [
        person.send(f"/bookings/{booking.id}/send", way="email", language="en").status_code
        for person in (staff, viewer)
        for booking in (today, far)
    ]

    assert answers == [303, 404, 403, 403]


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_its_look_and_stands_in_the_log(app: Flask, state: State) -> None:
    booking = a_stay(guest_name="Ana Logged")
    row = make_guest_send(booking, state=state, error_words="Something.")

    log = browser(app).get(f"{SETTINGS}/sent").text

    line = element(log, id=f"send-{row.id}")
    assert line["data-state"] == str(state)
    assert "Ana Logged" in line.text
    assert str(_sending_words.LOOKS[state].word) in line.text


def test_every_reason_has_its_words() -> None:
    assert set(_sending_words.WHY) == set(Hindrance)
    assert set(_sending_words.WAYS) == set(Way)


# In bulk


def test_several_are_chosen_looked_at_and_sent(
    app: Flask, bell: FakeBell, messenger: FakeMessenger
) -> None:
    make_guest_way()
    ready, waiting = a_stay(), a_stay(Status.SENT, guest_name="Bo Waiting")
    client = browser(app)

    choice = client.get("/bulk").text
    answer = client.send("/bulk", kind="send", booking=[str(ready.id), str(waiting.id)])
    preview = client.get(answer.location or "").text

    assert element(choice, name="kind", value="send")
    row = words(element(preview, id=f"booking-{ready.id}").text)
    assert "Gets the message" in row
    assert "E-mail to a•••@example.com, English" in row
    left_out = element(preview, id=f"booking-{waiting.id}")
    assert left_out["data-why"] == "unconfirmed"
    assert "1 guest would be written to, 1 is left out. Nothing is sent yet." in words(preview)
    assert "Send to 1 guest" in words(preview)
    assert sends() == []
    assert PIN not in preview


def test_the_choice_of_way_and_of_unconfirmed_codes_is_kept(app: Flask) -> None:
    make_guest_way(way=Way.SMS)
    booking = a_stay(Status.SENT)
    client = browser(app)

    answer = client.send(
        "/bulk",
        kind="send",
        booking=[str(booking.id)],
        message_way="sms",
        also_unconfirmed="y",
    )
    preview = words(client.get(answer.location or "").text)

    assert "Text message to +121•••, English" in preview


def test_a_runs_page_tells_what_became_of_each_message(app: Flask) -> None:
    stays = [a_stay(guest_name=f"Guest {n}") for n in range(4)]
    run = make_bulk_run(*stays, kind=Kind.SEND, state=RunState.RUNNING, started_at=clock.now())
    rows = db.session.scalars(
        select(BulkItem).where(BulkItem.run_id == run.id).order_by(BulkItem.place)
    ).all()
    ends = (ItemState.DONE, ItemState.FAILED, ItemState.UNSURE, ItemState.BEGUN)
    for item, state in zip(rows, ends, strict=True):
        item.state = state
        item.words = "It does not accept the address." if state is ItemState.FAILED else ""
        saved(item)
    make_guest_send(stays[0], bulk_item_id=rows[0].id)

    page = browser(app).get(f"/bulk/{run.id}").text

    told = [words(element(page, id=f"booking-{stay.id}").text) for stay in stays]
    assert "Sent E-mail to a•••@example.com, English" in told[0]
    assert "Failed It does not accept the address." in told[1]
    assert "May have been sent" in told[2]
    assert element(page, href=f"/bookings/{stays[2].id}/send")
    assert "Being sent" in told[3]
    assert "3 of 4 bookings have their result." in words(page)
    assert "1 done · 1 failed · 1 may have been sent · 0 left out · 1 waiting" in words(page)


# How messages reach guests


def test_a_mail_server_is_saved_and_its_password_shown_to_nobody(app: Flask) -> None:
    client = browser(app, role=Role.MANAGER)

    answer = client.send(f"{SETTINGS}/email", **MAIL)
    page = client.get(f"{SETTINGS}/email").text
    index = client.get(SETTINGS).text

    assert (answer.status_code, answer.location) == (303, f"{SETTINGS}/email")
    assert settings_of() == {**MAIL, "port": 587}
    assert "host@example.com (smtp.example.com)" in words(index)
    assert element(page, name="server")["value"] == "smtp.example.com"
    assert "mail-passw0rd" not in page + index
    stored = db.session.execute(select(GuestWay.__table__.c.settings)).scalar_one()
    assert "mail-passw0rd" not in repr(stored)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("sender", "", "needed"),
        ("sender", "nobody", "Give one e-mail address"),
        ("sender", "a@example.com?bcc=b@example.com", "Give one e-mail address"),
        ("server", "smtp.example.com/path", "Give the server"),
        ("server", "10.0.0.1", "private network"),
        ("server", "localhost", "private network"),
        ("port", "22", "Mail is sent by port"),
        ("port", "8080", "Mail is sent by port"),
        ("port", "many", "whole number"),
        ("security", "insecure", "Choose one"),
        ("password", "", "Enter the password"),
    ],
)
def test_a_wrong_field_of_a_server_says_so_and_keeps_the_rest(
    app: Flask, field: str, value: str, told: str
) -> None:
    answer = browser(app).send(f"{SETTINGS}/email", **{**MAIL, field: value})

    assert answer.status_code == 422
    assert told in words(answer.text)
    assert element(answer.text, name="sender_name")["value"] == "Casa Verde"
    assert way_of() is None


def test_an_empty_password_keeps_the_saved_one_for_the_same_server_alone(app: Flask) -> None:
    client = browser(app)
    client.send(f"{SETTINGS}/email", **MAIL)

    same = client.send(f"{SETTINGS}/email", **{**MAIL, "password": "", "sender_name": "New"})
    kept = settings_of()
    elsewhere = client.send(
        f"{SETTINGS}/email", **{**MAIL, "password": "", "server": "smtp.elsewhere.example"}
    )

    assert same.status_code == 303
    assert (kept["password"], kept["sender_name"]) == ("mail-passw0rd", "New")
    assert elsewhere.status_code == 422
    assert "Enter the password anew" in words(elsewhere.text)
    assert settings_of()["server"] == "smtp.example.com"


def test_a_gateway_is_saved_with_a_place_for_the_guests_number(app: Flask) -> None:
    client = browser(app)

    answer = client.send(f"{SETTINGS}/sms", address=TWILIO)
    page = client.get(f"{SETTINGS}/sms").text

    assert answer.status_code == 303
    assert settings_of(Way.SMS) == {"address": TWILIO}
    assert "gateway-token" not in page + client.get(SETTINGS).text


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("", "needed"),
        ("twilio://AC01:token@12125550100/12125550101", "where the guest's number goes"),
        (TWILIO + "/{to}", "where the guest's number goes"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/{to}", "no SMS gateway"),
        ("file:///etc/{to}", "not allowed"),
        ("https://example.com/{to}", "not one of a messenger"),
        (TWILIO + "?verify=no", "Leave out the option"),
        ("twilio://a b/{to}", "not an address"),
    ],
)
def test_what_is_no_gateway_is_refused_at_its_field(app: Flask, address: str, told: str) -> None:
    answer = browser(app).send(f"{SETTINGS}/sms", address=address)

    assert answer.status_code == 422
    assert told in words(element(answer.text, id="address-error").text)
    assert way_of(Way.SMS) is None


def test_a_test_goes_to_whoever_asks_and_its_result_stands_on_the_page(
    app: Flask, bell: FakeBell, messenger: FakeMessenger
) -> None:
    make_guest_way()
    client = browser(app)
    page = client.get(f"{SETTINGS}/email").text
    to = element(page, name="to")["value"] or ""

    answer = client.send(f"{SETTINGS}/email/test", to=to)
    guest_sending.send(*bell.ids_of(JobName.SEND_TO_GUEST))
    told = client.get(poll_url(page)).text

    assert answer.status_code == 303
    ((address, text),) = messenger.sent
    assert address.endswith("to=" + to.replace("@", "%40"))
    assert text.title == "A test of Latchboard"
    (row,) = sends()
    assert (row.booking_id, row.state) == (None, State.SENT)
    assert element(told, id=f"send-{row.id}")["data-state"] == "sent"


def test_a_text_message_can_be_tested_too(
    app: Flask, bell: FakeBell, messenger: FakeMessenger
) -> None:
    make_guest_way(way=Way.SMS)
    client = browser(app)

    wrong = client.send(f"{SETTINGS}/sms/test", to="555 0142")
    client.send(f"{SETTINGS}/sms/test", to="+1 212 555 0142")
    guest_sending.send(*bell.ids_of(JobName.SEND_TO_GUEST))

    assert wrong.status_code == 422
    assert "country code" in words(element(wrong.text, id="to-error").text)
    assert messenger.sent[0][0].endswith("/12125550142")


@pytest.mark.parametrize(
    ("key", "field"),
    [("sign_in", "password"), ("no_connection", "server"), ("no_tls", "security")],
)
def test_what_a_test_found_wrong_stands_at_the_field_until_it_is_saved_anew(
    app: Flask, key: str, field: str
) -> None:
    way = make_guest_way()
    saved(
        GuestSend(
            account_id=way.account_id,
            way=Way.EMAIL,
            to="m•••@example.com",
            language="en",
            state=State.FAILED,
            error_key=key,
            error_words="This is why.",
            made_by="manager:1",
            made_at=clock.now(),
        )
    )
    client = browser(app)

    before = client.get(f"{SETTINGS}/email")
    client.send(f"{SETTINGS}/email", **MAIL)
    after = client.get(f"{SETTINGS}/email").text

    assert before.status_code == 200
    assert words(element(before.text, id=f"{field}-error").text) == "This is why."
    assert elements(after, id=f"{field}-error") == []


def test_a_bad_address_for_a_test_is_said_at_its_field(app: Flask) -> None:
    make_guest_way()

    answer = browser(app).send(f"{SETTINGS}/email/test", to="nobody")

    assert answer.status_code == 422
    assert "Give one e-mail address" in words(element(answer.text, id="to-error").text)
    assert element(answer.text, name="server")["value"] == "smtp.example.com"


def test_without_a_server_nothing_can_be_tested(app: Flask, bell: FakeBell) -> None:
    answer = browser(app).send(f"{SETTINGS}/email/test", to="me@example.com")

    assert answer.status_code == 303
    assert bell.rings == []


@pytest.mark.parametrize("way", list(Way))
def test_a_way_can_be_taken_away(app: Flask, way: Way) -> None:
    make_guest_way(way=way)
    client = browser(app)

    answers = [client.send(f"{SETTINGS}/{way}/remove").status_code for _ in range(2)]

    assert answers == [303, 303]
    assert way_of(way) is None


def test_another_accounts_server_is_neither_shown_nor_changed(app: Flask) -> None:
    make_guest_way(make_account("Theirs"), hint="theirs@example.com (smtp.theirs.example)")
    client = browser(app, make_account("Ours"))

    pages = client.get(SETTINGS).text + client.get(f"{SETTINGS}/email").text
    client.send(f"{SETTINGS}/email/remove")

    assert "theirs" not in pages
    assert way_of() is not None


# Texts of one property


def test_a_property_has_its_own_text_and_falls_back_to_the_accounts(app: Flask) -> None:
    make_guest_message()
    place = make_property(name="Casa Mar")
    client = browser(app)
    path = f"{SETTINGS}/property/{place.id}"

    before = client.get(path).text
    answer = client.send(f"{path}/edit", language="de", text="Nur hier: {pin}")
    own = words(element(client.get(path).text, id="text-de").text)
    listed = client.get(SETTINGS).text
    client.send(f"{path}/remove", language="de")
    back = words(element(client.get(path).text, id="text-de").text)

    assert "the text of all properties" in words(element(before, id="text-de").text)
    assert (answer.status_code, answer.location) == (303, path)
    assert "its own text" in own
    assert "Nur hier: {pin}" in own
    assert "Nur hier" not in words(element(listed, id="text-de").text)
    assert element(listed, href=path)
    assert "the text of all properties" in back
    assert [m.property_id for m in db.session.scalars(select(GuestMessage))] == [None]


def test_a_propertys_text_is_checked_like_the_others(app: Flask) -> None:
    place = make_property()

    answer = browser(app).send(
        f"{SETTINGS}/property/{place.id}/edit", language="de", text="Hallo {gast} {pin}"
    )

    assert answer.status_code == 422
    assert "{gast}" in element(answer.text, id="text-error").text


def test_the_copied_message_is_the_propertys_own_too(app: Flask) -> None:
    booking = a_stay()
    make_guest_message(language="en", text="Only here: {pin}", property_id=booking.property_id)

    answer = browser(app).send(f"/bookings/{booking.id}/message", language="en")

    assert element(answer.text, id="message").text == f"Only here: {PIN}"
