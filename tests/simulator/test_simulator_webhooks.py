"""Subscriptions, the handshake, signatures, the sending again, and what events look like."""

import json
import re
from base64 import b64decode
from datetime import timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from simulator.signing import Signer
from tests.simulator.worlds import HOOK, NOON, World

SIGNER = Signer.generate()


def verify(pem, letter, body=None):
    """Raises InvalidSignature unless the letter was signed with this key, as the vendor signs."""
    key = serialization.load_pem_public_key(pem.encode())
    key.verify(
        b64decode(letter.headers["WebHook-Signature"]),
        letter.body if body is None else body,
        padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32),
        hashes.SHA256(),
    )


def test_a_subscription_is_made_after_the_address_answered_options():
    world = World()
    world.cloud.webhooks.subscriptions.clear()

    answer = world.call("POST", "/Events/subscriptions", {"url": HOOK})

    (letter,) = world.letters
    assert (answer.status, answer.json["url"]) == (201, HOOK)
    assert (letter.method, letter.url, letter.body) == ("OPTIONS", HOOK, b"")
    assert letter.headers["WebHook-Request-Origin"]
    assert world.call("GET", "/Events/subscriptions").json == [answer.json]


@pytest.mark.parametrize("status", [0, 302, 404, 500])
def test_no_subscription_without_a_good_answer(status):
    world = World()
    world.cloud.webhooks.subscriptions.clear()
    world.statuses.append(status)

    answer = world.call("POST", "/Events/subscriptions", {"url": HOOK})

    assert answer.status == 400
    assert world.call("GET", "/Events/subscriptions").json == []


@pytest.mark.parametrize("url", ["http://portal.test/hook", "ftp://x/y", "", None, 7, "https://"])
def test_an_address_must_be_https_or_this_machine(url):
    world = World()

    assert world.call("POST", "/Events/subscriptions", {"url": url}).status == 400
    assert world.letters == []


def test_this_machine_may_be_plain_http():
    answer = World().call("POST", "/Events/subscriptions", {"url": "http://127.0.0.1:8000/hook"})

    assert answer.status == 201


def test_subscribing_twice_is_one_subscription_and_it_can_be_deleted():
    world = World()
    first = world.call("POST", "/Events/subscriptions", {"url": HOOK}).json
    again = world.call("POST", "/Events/subscriptions", {"url": HOOK}).json

    gone = world.call("DELETE", f"/Events/subscriptions/{first['id']}")
    world.add()
    world.run(60)

    assert first == again
    assert (gone.status, gone.json) == (204, None)
    assert world.triggers() == []


def test_the_envelope_is_the_vendors():
    world = World()
    command_id = world.add().json["commandId"]
    world.run(60)

    (letter,) = world.letters
    event = letter.event

    assert list(event) == [
        "eventId", "deviceId", "time", "eventType", "trigger", "data", "version",
    ]  # fmt: skip
    assert re.fullmatch("[0-9a-f]{32}", event["eventId"])
    assert re.fullmatch(r"2026-11-24T12:00:\d\d\.\d{3}Z", event["time"])
    assert (event["eventType"], event["trigger"]) == ("CommandUpdate", "CommandSucceeded")
    assert event["data"] == {
        "commandId": command_id,
        "commandType": "AddAccessCode",
        "clientId": "our-client",
    }
    assert letter.body == json.dumps(event, separators=(",", ":")).encode()
    assert letter.headers["User-Agent"]


def test_a_webhook_is_signed_over_its_very_bytes():
    world = World(signer=SIGNER)
    world.add()
    world.run(60)
    (letter,) = world.letters

    verify(SIGNER.public_pem(), letter)

    with pytest.raises(InvalidSignature):
        verify(SIGNER.public_pem(), letter, letter.body.replace(b",", b", "))


def test_names_outside_ascii_are_signed_as_utf_8():
    world = World(signer=SIGNER)
    world.cloud.people.add_code(world.lock, "Zoë", "7777")
    world.run(1)
    (letter,) = world.letters

    assert "Zoë".encode() in letter.body
    verify(SIGNER.public_pem(), letter)


def test_a_new_key_signs_the_next_webhook():
    world = World(signer=SIGNER)
    newer = Signer.generate()
    world.cloud.use_key(newer)
    world.add()
    world.run(60)
    (letter,) = world.letters

    verify(newer.public_pem(), letter)
    with pytest.raises(InvalidSignature):
        verify(SIGNER.public_pem(), letter)


def test_a_webhook_that_is_not_acknowledged_comes_again_and_again_and_then_no_more():
    world = World()
    world.statuses = [500] * 20
    world.add()

    world.run(86_400)

    waits = [
        round((after.at - before.at).total_seconds())
        for before, after in zip(world.letters, world.letters[1:], strict=False)
    ]
    assert waits == [10, 30, 60, 300, 600, 1800]
    assert len({letter.body for letter in world.letters}) == 1
    assert world.cloud.next_event_at() is None


def test_an_acknowledgement_ends_the_retries():
    world = World()
    world.statuses = [0, 503]
    world.add()

    world.run(86_400)

    assert len(world.letters) == 3


def test_withheld_webhooks_wait_for_their_release():
    world = World()
    world.cloud.core.settings.webhooks_are_withheld = True
    world.put_on_lock()
    world.put_on_lock("Guest B", "7351")
    before = world.triggers()

    released = world.cloud.webhooks.release()
    world.run(0)

    assert (before, released) == ([], 2)
    assert world.triggers() == ["CommandSucceeded"] * 2


def test_a_replay_is_the_same_bytes():
    world = World()
    world.put_on_lock()
    (letter,) = world.letters

    assert world.cloud.webhooks.replay(letter.event["eventId"]) == 1
    assert world.cloud.webhooks.replay("0" * 32) == 0
    world.run(0)

    assert [one.body for one in world.letters] == [letter.body] * 2


def test_an_event_can_be_made_up():
    world = World()

    assert world.cloud.webhooks.send_raw({"eventId": "1", "trigger": "Surprise"}) == 1
    world.run(0)

    assert world.triggers() == ["Surprise"]


def test_without_webhooks_everything_else_goes_on():
    world = World()
    world.cloud.core.settings.webhooks_are_on = False

    world.put_on_lock()

    assert (world.triggers(), world.held()) == ([], ["Guest A"])


def test_the_keypad_tells_who_opened():
    world = World()
    world.put_on_lock()

    opened = world.cloud.people.key_in(world.lock, "4829")
    refused = world.cloud.people.key_in(world.lock, "0000")
    world.run(0)

    assert (opened, refused) == (True, False)
    data = world.letters[-1].event["data"]
    assert data["lockState"] == "Unlocked"
    assert (data["accessor"]["friendlyName"], data["accessor"]["accessType"]) == (
        "Guest A",
        "AccessCode",
    )
    assert [item.event for item in world.lock.history] == [
        "AccessCodeUserAdded",
        "UnlockedByKeypad",
        "InvalidAccessCode",
    ]


def test_asking_whether_a_code_would_open_leaves_no_trace():
    world = World()
    world.put_on_lock()

    assert not world.cloud.people.key_in(world.lock, "4829", NOON - timedelta(hours=1))
    assert len(world.lock.history) == 1


def test_a_battery_is_told_when_its_state_changes():
    world = World()

    for level in (80, 20, 19, 5):
        world.cloud.people.set_battery(world.lock, level)
    world.run(0)

    assert [letter.event["data"]["batteryState"] for letter in world.letters] == [
        "Low",
        "CriticallyLow",
    ]


def test_signing_out_everywhere_is_told():
    world = World()

    world.cloud.sign_out("owner")
    world.run(0)

    (letter,) = world.letters
    assert (letter.event["eventType"], letter.event["deviceId"]) == ("UserUpdate", None)
    assert world.call("GET", "/Devices").status == 401


def test_the_phone_app_changes_both_lists_and_is_told():
    world = World()

    code = world.cloud.people.add_code(world.lock, "Cleaner", "7305")
    world.cloud.people.edit_code(world.lock, code.id, pin="7306")
    world.run(0)
    lists = (world.listed(), world.lock.opens("7306", NOON))
    world.cloud.people.remove_code(world.lock, code.id)
    world.run(0)

    assert lists == (["Cleaner"], True)
    assert (world.listed(), world.held()) == ([], [])
    assert world.triggers() == ["AccessCodeCreated", "AccessCodeUpdated", "AccessCodeDeleted"]


def test_synchronisation_makes_the_server_believe_the_lock():
    world = World()
    world.put_on_lock()
    world.cloud.people.split_a(world.lock, None, "Ghost", "1212")
    world.cloud.people.split_b(world.lock, world.lock.server_codes.by_pin("4829").id, "", "")
    world.letters.clear()

    world.cloud.people.synchronise(world.lock)
    world.run(0)

    assert world.listed() == world.held() == ["Ghost"]
    assert world.triggers() == ["AccessCodeDeleted", "AccessCodeCreated", "AccessCodesSynchronized"]
