"""What a manager gives a guest: the message, which waits for the doors, and the link."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal.domain.entry import EntryState, Evidence
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Booking, GuestLink, GuestMessage, Role, TimelineEntry
from portal.services.timeline import Kind
from tests.support.builders import (
    fresh,
    make_account,
    make_booking,
    make_door_code,
    make_entry,
    make_guest_link,
    make_guest_message,
    make_lock,
    make_property,
)
from tests.web.pages import browser, element, elements, words

PIN = "839261"
HOUR = timedelta(hours=1)


def a_stay(status: Status = Status.CONFIRMED, **fields: Any) -> Booking:
    place = fields.pop("place", {})
    lock = make_lock(name="Front door")
    booking = make_booking(
        make_property(locks=[lock], name="Casa Mar", **place),
        pin=PIN,
        **{"arrives_in": 30 * HOUR} | fields,
    )
    code = make_door_code(booking, lock, status=status)
    if status is Status.CONFIRMED:
        make_entry(code, state=EntryState.HELD, evidence=Evidence.CONFIRMED, pin=Secret(PIN))
    return booking


def lines(booking: Booking) -> list[TimelineEntry]:
    db.session.rollback()
    return list(
        db.session.scalars(
            select(TimelineEntry)
            .where(TimelineEntry.booking_id == booking.id)
            .order_by(TimelineEntry.id)
        )
    )


def kinds(booking: Booking) -> list[str]:
    return [line.kind for line in lines(booking)]


def test_the_message_is_shown_by_a_click_that_is_written_down(app: Flask) -> None:
    booking = a_stay()
    client = browser(app)

    before = client.get(f"/bookings/{booking.id}/message").text
    answer = client.send(f"/bookings/{booking.id}/message", language="en")

    assert PIN not in before
    assert answer.status_code == 200
    message = element(answer.text, id="message").text
    assert "Hello Ana Guest," in message
    assert f"your door code for Casa Mar is {PIN}" in message
    assert element(answer.text, data_copy="message")
    assert kinds(booking) == [Kind.GUEST_LINK_MADE, Kind.MESSAGE_SHOWN]
    assert lines(booking)[-1].data == {"language": "en", "forced": False}
    assert fresh(booking).pin_shown_at is not None


def test_the_link_in_the_message_opens_the_guests_page(app: Flask) -> None:
    booking = a_stay()
    client = browser(app)

    answer = client.send(f"/bookings/{booking.id}/message", language="en")

    address = element(answer.text, id="message").text.split()[-1]
    page = app.test_client().get(address.removeprefix("http://localhost"))
    assert page.status_code == 200
    assert "Casa Mar" in page.text


def test_a_link_that_holds_stays_the_same_in_every_message(app: Flask) -> None:
    booking = a_stay()
    token = make_guest_link(booking)
    client = browser(app)

    for _ in range(2):
        answer = client.send(f"/bookings/{booking.id}/message", language="en")
        assert token in element(answer.text, id="message").text


@pytest.mark.parametrize(
    "status", [s for s in Status if s not in {Status.CONFIRMED, Status.REMOVED}]
)
def test_while_a_door_has_not_confirmed_the_message_waits_and_says_why(
    app: Flask, status: Status
) -> None:
    booking = a_stay(status, arrives_in=HOUR)
    client = browser(app)

    page = client.get(f"/bookings/{booking.id}/message").text
    refused = client.send(f"/bookings/{booking.id}/message", language="en")

    assert "Wait with telling the guest" in page
    assert "What to do:" in page
    assert "Show it all the same" in page
    assert refused.status_code == 409
    assert PIN not in refused.text
    assert kinds(booking) == []
    assert fresh(booking).pin_shown_at is None
    assert db.session.scalars(select(GuestLink)).all() == []


def test_a_manager_who_insists_is_shown_it_and_the_history_says_so(app: Flask) -> None:
    booking = a_stay(Status.SENT)
    client = browser(app)

    answer = client.send(f"/bookings/{booking.id}/message", language="en", all_the_same="yes")

    assert PIN in element(answer.text, id="message").text
    assert "Not every door has confirmed" in answer.text
    assert lines(booking)[-1].data["forced"] is True
    assert "all the same" in client.get(f"/bookings/{booking.id}").text


def test_staff_may_not_insist(app: Flask) -> None:
    account = make_account()
    lock = make_lock(account=account)
    booking = make_booking(make_property(account, locks=[lock]), pin=PIN, arrives_in=12 * HOUR)
    make_door_code(booking, lock, status=Status.SENT)
    client = browser(app, account, Role.STAFF)

    page = client.get(f"/bookings/{booking.id}/message").text
    answer = client.send(f"/bookings/{booking.id}/message", language="en", all_the_same="yes")

    assert "all the same" not in page
    assert answer.status_code == 403
    assert kinds(booking) == []


def test_staff_tell_the_guests_of_their_days(app: Flask) -> None:
    account = make_account()
    found = {}
    for name, hours in (("soon", 12), ("later", 90)):
        lock = make_lock(account=account)
        booking = make_booking(
            make_property(account, locks=[lock]), pin=PIN, arrives_in=hours * HOUR
        )
        code = make_door_code(booking, lock, status=Status.CONFIRMED)
        make_entry(code, state=EntryState.HELD, evidence=Evidence.CONFIRMED, pin=Secret(PIN))
        client = browser(app, account, Role.STAFF)
        found[name] = client.send(f"/bookings/{booking.id}/message", language="en")

    assert PIN in found["soon"].text
    assert found["later"].status_code == 404


@pytest.mark.parametrize("path", ["message", "guest-page", "guest-page/show", "guest-page/revoke"])
def test_a_viewer_is_given_neither_message_nor_link(app: Flask, path: str) -> None:
    booking = a_stay()
    client = browser(app, role=Role.VIEWER)

    assert client.send(f"/bookings/{booking.id}/{path}", language="en").status_code == 403
    html = client.get(f"/bookings/{booking.id}").text
    assert "Message for the guest" not in html
    assert "Guest page" not in html
    assert kinds(booking) == []


def test_nothing_is_told_of_a_cancelled_stay_however_one_insists(app: Flask) -> None:
    booking = a_stay()
    client = browser(app)
    client.send(f"/bookings/{booking.id}/cancel")

    page = client.get(f"/bookings/{booking.id}/message").text
    answer = client.send(f"/bookings/{booking.id}/message", language="en", all_the_same="yes")

    assert "There is nothing to tell" in page
    assert answer.status_code == 409
    assert PIN not in answer.text


def test_a_booking_without_a_pin_says_what_is_missing(app: Flask) -> None:
    booking = make_booking(pin=None)

    page = browser(app).get(f"/bookings/{booking.id}/message").text

    assert "There is no PIN yet" in page
    assert f"#mapping-{booking.property_id}" in page


def test_a_language_of_ones_own_tells_times_as_its_people_write_them(app: Flask) -> None:
    booking = a_stay()
    make_guest_message()
    client = browser(app)

    page = client.get(f"/bookings/{booking.id}/message").text
    answer = client.send(f"/bookings/{booking.id}/message", language="de")
    again = client.get(f"/bookings/{booking.id}/message").text

    assert [o["value"] for o in elements(page) if o.tag == "option"] == ["en", "de"]
    message = element(answer.text, id="message").text
    assert message.startswith(f"Hallo Ana Guest, der Code ist {PIN}. Anreise: ")
    local = booking.starts_at.astimezone(tz=None)
    assert f"{local.year}" in message
    assert "tag, " in message
    assert fresh(booking).guest_language == "de"
    assert "selected" in elements(again, value="de")[0]


def test_what_is_not_written_down_leaves_no_gap_in_the_message(app: Flask) -> None:
    bare, full = a_stay(), a_stay(place={"address": "1 Sea St", "directions": "Blue door"})
    client = browser(app)

    told = [
        element(client.send(f"/bookings/{b.id}/message", language="en").text, id="message").text
        for b in (bare, full)
    ]

    assert "Address" not in told[0]
    assert "Address: 1 Sea St" in told[1]
    assert "Blue door" in told[1]


def test_a_language_that_is_none_is_named(app: Flask) -> None:
    booking = a_stay()

    answer = browser(app).send(f"/bookings/{booking.id}/message", language="klingon!")

    assert answer.status_code == 422
    assert "not a language code" in answer.text
    assert kinds(booking) == []


def test_a_link_is_made_shown_renewed_and_revoked_and_each_is_written_down(app: Flask) -> None:
    booking = a_stay()
    client, guest = browser(app), app.test_client()
    page = f"/bookings/{booking.id}/guest-page"

    def shown() -> str:
        address = element(client.send(f"{page}/show").text, id="link").text
        return address.removeprefix("http://localhost")

    assert client.send(page).status_code == 303
    assert "/guest/" not in client.get(page).text
    first = shown()
    assert guest.get(first).status_code == 200
    client.send(page)
    second = shown()
    assert (guest.get(first).status_code, guest.get(second).status_code) == (404, 200)
    assert client.send(f"{page}/revoke").status_code == 303
    assert guest.get(second).status_code == 404
    assert "The link was revoked" in client.get(page).text
    made, told = Kind.GUEST_LINK_MADE, Kind.GUEST_LINK_SHOWN
    history = [k for k in kinds(booking) if k != Kind.GUEST_PAGE_OPENED]
    assert history == [made, told, made, told, Kind.GUEST_LINK_REVOKED]


def test_revoking_what_is_not_there_changes_nothing(app: Flask) -> None:
    booking = a_stay()

    answer = browser(app).send(f"/bookings/{booking.id}/guest-page/revoke")

    assert answer.status_code == 303
    assert kinds(booking) == []


def test_a_stay_that_is_over_gets_no_link(app: Flask) -> None:
    booking = a_stay(arrives_in=-100 * HOUR, nights=1)
    client = browser(app)

    answer = client.send(f"/bookings/{booking.id}/guest-page")

    assert answer.status_code == 303
    assert "needs no page" in client.get(answer.location or "").text
    assert db.session.scalars(select(GuestLink)).all() == []


def test_the_managers_page_says_when_the_guest_looked(app: Flask) -> None:
    booking = a_stay()
    token = make_guest_link(booking)
    client = browser(app)
    before = words(client.get(f"/bookings/{booking.id}/guest-page").text)

    app.test_client().get(f"/guest/{token}")

    after = words(client.get(f"/bookings/{booking.id}/guest-page").text)
    assert "not yet" in before
    assert "not yet" not in after
    assert "Last seen" in after


def test_each_account_has_our_text_and_may_have_its_own(app: Flask) -> None:
    client = browser(app)
    ours = client.get("/settings/guest-messages").text

    saved = client.send(
        "/settings/guest-messages/edit", language="en", text="Hi {guest}!\r\n\r\n{pin}"
    )
    own = client.get("/settings/guest-messages").text
    client.send("/settings/guest-messages/remove", language="en")
    again = client.get("/settings/guest-messages").text

    assert "Hello {guest}," in ours
    assert saved.status_code == 303
    assert "Hi {guest}!" in own
    assert "Hello {guest}," not in own
    assert "Hello {guest}," in again
    assert db.session.scalars(select(GuestMessage)).all() == []


def test_a_new_language_is_kept_by_its_code(app: Flask) -> None:
    client = browser(app)

    client.send("/settings/guest-messages/edit", language="pt_br", text="Olá {guest}: {pin}")

    html = client.get("/settings/guest-messages").text
    assert "Portuguese (Brazil)" in html
    assert element(html, id="text-pt-BR")
    assert "Olá" in client.get("/settings/guest-messages/edit?language=pt-BR").text


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"text": "Your {pni}"}, "text", "{pni}"),
        ({"text": "Your {pni}"}, "text", "{check_in}"),
        ({"text": "Welcome"}, "text", "{pin} or {link}"),
        ({"text": ""}, "text", "Write the message"),
        ({"text": "{pin" + "x" * 5000}, "text", "characters"),
        ({"language": "german"}, "language", "language code"),
        ({"language": ""}, "language", "language code"),
    ],
)
def test_what_is_wrong_with_a_text_is_said_at_its_field_and_nothing_is_lost(
    app: Flask, change: dict[str, str], field: str, said: str
) -> None:
    typed = {"language": "de", "text": "Hallo {guest}: {pin}"} | change

    answer = browser(app).send("/settings/guest-messages/edit", **typed)

    assert answer.status_code == 422
    assert said in words(element(answer.text, id=f"{field}-error").text)
    assert words(element(answer.text, id="text").text) == words(typed["text"])
    assert db.session.scalars(select(GuestMessage)).all() == []


def test_texts_are_each_accounts_own(app: Flask) -> None:
    make_guest_message(make_account("Theirs"), text="Theirs: {pin}")
    ours = make_account("Ours")
    client = browser(app, ours)

    page = client.get("/settings/guest-messages").text
    client.send("/settings/guest-messages/remove", language="de")
    client.send("/settings/guest-messages/edit", language="de", text="Ours: {pin}")

    assert "Theirs" not in page
    texts = sorted(db.session.scalars(select(GuestMessage.text)))
    assert texts == ["Ours: {pin}", "Theirs: {pin}"]


def test_only_those_who_may_act_are_offered_changing_a_text(app: Flask) -> None:
    client = browser(app, role=Role.VIEWER)

    assert "Add a language" not in client.get("/settings/guest-messages").text
    assert client.get("/settings/guest-messages/edit").status_code == 403


def test_a_propertys_words_for_guests_are_kept(app: Flask) -> None:
    place = make_property()
    client = browser(app)
    fields = {
        "name": place.name,
        "time_zone": place.time_zone,
        "check_in": "16:00",
        "check_out": "11:00",
        "pin_source": "random",
        "lead_days": "7",
        "buffer_before_minutes": "60",
        "buffer_after_minutes": "60",
        "spare_codes": "2",
        "address": " 1 Sea St ",
        "directions": "Blue door",
        "pin_hours_before": "6",
        "shares_fallback": "y",
    }

    saved = client.send(f"/properties/{place.id}", **fields)
    wrong = client.send(f"/properties/{place.id}", **fields | {"pin_hours_before": "999"})

    assert saved.status_code == 303
    kept = fresh(place)
    assert (kept.address, kept.directions) == ("1 Sea St", "Blue door")
    assert (kept.pin_hours_before, kept.shares_fallback) == (6, True)
    assert wrong.status_code == 422
    assert "0 to 336" in element(wrong.text, id="pin_hours_before-error").text
