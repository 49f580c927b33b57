"""What the rest of the portal may rely on, held by three: the fake, the client, the simulator.

The same cases run on FakeSchlage, on the real client over a stub of the wire, and on the real
client over the simulated cloud. A case that fails on one of them shows that they have drifted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from portal.schlage.client import SchlageClient
from portal.schlage.errors import (
    SchlageNotFound,
    SchlageRejected,
    SchlageThrottled,
    SchlageUnauthorized,
    SchlageUncertain,
)
from portal.schlage.payloads import CommandState, LockState, ScheduleType
from portal.schlage.schedules import temporary_schedule
from simulator.adapter import CloudAdapter
from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from tests.fakes.schlage import ALREADY_IN_USE, FakeSchlage
from tests.fakes.schlage_wire import WireAdapter

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
STAY = temporary_schedule(NOW + timedelta(days=1), NOW + timedelta(days=4), UTC)
LATER_STAY = temporary_schedule(NOW + timedelta(days=2), NOW + timedelta(days=5), UTC)
BASE = "http://schlage.test/schlage-home"


@dataclass
class World:
    """One side under test, and how to make it do what a case needs."""

    schlage: Any
    device_id: str
    #: Lets the lock answer everything that is open.
    settle: Callable[[], None]
    #: The next write is refused with a 429 that asks for 30 seconds.
    throttle: Callable[[], None]
    #: The next write is answered with a 502 and done all the same.
    lose_the_answer: Callable[[], None]
    #: The next write ends in a time-out at the lock.
    time_out: Callable[[], None]
    #: The next write fails at the lock with this text.
    fail_with: Callable[[str], None]
    #: No token is accepted any more.
    sign_out: Callable[[], None]
    #: Schlage cannot reach any webhook address.
    close_webhooks: Callable[[], None]


def fake_world() -> World:
    fake = FakeSchlage()
    fake.is_prompt = False
    fake.add_device("lock-1", code_length=4)
    outcomes: list[tuple[CommandState, str | None]] = []
    settled: set[str] = set()

    def settle() -> None:
        for command_id in fake.command_ids:
            if command_id not in settled:
                settled.add(command_id)
                state, text = outcomes.pop(0) if outcomes else (CommandState.SUCCEEDED, None)
                fake.settle(command_id, state, text)

    return World(
        fake,
        "lock-1",
        settle,
        throttle=lambda: fake.fail_next(SchlageThrottled("429", retry_after=timedelta(seconds=30))),
        lose_the_answer=lambda: fake.fail_next(SchlageUncertain("502", status=502), accepted=True),
        time_out=lambda: outcomes.append((CommandState.TIMED_OUT, None)),
        fail_with=lambda text: outcomes.append((CommandState.FAILED, text)),
        sign_out=lambda: [fake.fail_next(SchlageUnauthorized("401", status=401)) for _ in "ab"],
        close_webhooks=lambda: fake.unreachable_urls.add("https://portal.test/hook"),
    )


def wire_world() -> World:
    world = fake_world()
    session = requests.Session()
    session.mount("http://schlage.test", WireAdapter(world.schlage))
    world.schlage = SchlageClient(session, "http://schlage.test", "key", lambda _: "token")
    return world


def simulated_world() -> World:
    statuses = {"OPTIONS": 204, "POST": 204}
    cloud = Cloud(VirtualClock(NOW), faults="clean", deliver=lambda method, *_: statuses[method])
    cloud.add_user("owner")
    lock = cloud.add_lock("owner", "Front door", "lock-1")
    token = cloud.issue_token("owner").access_token
    session = requests.Session()
    session.mount("http://schlage.test", CloudAdapter(cloud))

    def settle() -> None:
        while (at := cloud.next_event_at()) is not None:
            cloud.advance_to(at)

    return World(
        SchlageClient(session, BASE, "key", lambda _: token),
        "lock-1",
        settle,
        throttle=lambda: lock.script.push("throttled:30"),
        lose_the_answer=lambda: lock.script.push("bad_gateway_done"),
        time_out=lambda: lock.script.push("timeout_not_applied"),
        fail_with=lambda text: lock.script.push(f"failed:{text}"),
        sign_out=lambda: cloud.sign_out("owner"),
        close_webhooks=lambda: statuses.update(OPTIONS=500),
    )


@pytest.fixture(params=[fake_world, wire_world, simulated_world], ids=["fake", "client", "cloud"])
def world(request):
    return request.param()


def put_on_lock(world, label="Guest A", pin="4829"):
    """The access code id of a code that is on the lock."""
    command_id = world.schlage.add_code(world.device_id, label, pin, STAY)
    world.settle()
    return world.schlage.get_command(world.device_id, command_id).access_code_id


def labels(world):
    return [code.label for code in world.schlage.list_codes(world.device_id).entries]


def test_the_locks_of_the_account_are_listed(world):
    (device,) = world.schlage.list_devices()

    assert device.device_id == world.device_id
    assert device.is_online is True
    assert world.schlage.get_device(world.device_id).name == device.name


def test_a_lock_that_is_not_in_the_account_is_not_found(world):
    for call in (world.schlage.get_device, world.schlage.list_codes, world.schlage.unlock):
        with pytest.raises(SchlageNotFound):
            call("lock-9")


def test_an_add_is_pending_until_the_lock_answers(world):
    command_id = world.schlage.add_code(world.device_id, "Guest A", "4829", STAY)

    status = world.schlage.get_command(world.device_id, command_id)

    assert status.command_id == command_id
    assert status.state is CommandState.PENDING
    assert status.access_code_id is None
    assert labels(world) == []


def test_an_add_that_succeeded_tells_its_id_and_is_listed(world):
    access_code_id = put_on_lock(world)

    (code,) = world.schlage.list_codes(world.device_id).entries

    assert code.access_code_id == access_code_id is not None
    assert (code.label, code.pin) == ("Guest A", "4829")
    assert code.schedule_type is ScheduleType.TEMPORARY
    assert (code.starts_at, code.ends_at) == (STAY.starts_at, STAY.ends_at)
    assert world.schlage.list_codes(world.device_id).is_complete


@pytest.mark.parametrize(
    ("label", "pin"), [("guest a", "7777"), ("Guest B", "4829")], ids=["label", "pin"]
)
def test_a_label_or_pin_in_use_is_rejected_in_the_vendors_words(world, label, pin):
    put_on_lock(world)

    with pytest.raises(SchlageRejected) as caught:
        world.schlage.add_code(world.device_id, label, pin, STAY)

    assert caught.value.texts == (ALREADY_IN_USE,)
    assert labels(world) == ["Guest A"]


def test_an_update_moves_the_window_and_keeps_one_entry(world):
    access_code_id = put_on_lock(world)

    command_id = world.schlage.update_code(
        world.device_id, access_code_id, "Guest A", "4829", LATER_STAY
    )
    world.settle()

    status = world.schlage.get_command(world.device_id, command_id)
    (code,) = world.schlage.list_codes(world.device_id).entries
    assert status.state is CommandState.SUCCEEDED
    assert status.access_code_id == access_code_id == code.access_code_id
    assert code.ends_at == LATER_STAY.ends_at


def test_an_update_of_digits_tells_the_id_the_code_has_afterwards(world):
    access_code_id = put_on_lock(world)

    command_id = world.schlage.update_code(world.device_id, access_code_id, "Guest A", "7777", STAY)
    world.settle()

    (code,) = world.schlage.list_codes(world.device_id).entries
    assert code.pin == "7777"
    status = world.schlage.get_command(world.device_id, command_id)
    assert status.access_code_id == code.access_code_id


def test_an_update_of_an_id_that_is_not_there_is_not_found(world):
    with pytest.raises(SchlageNotFound) as caught:
        world.schlage.update_code(world.device_id, "gone", "Guest A", "4829", STAY)

    assert caught.value.texts == ("Access code ID not found on device",)


def test_a_removed_code_is_listed_no_more(world):
    access_code_id = put_on_lock(world)
    put_on_lock(world, "Guest B", "7777")

    command_id = world.schlage.remove_code(world.device_id, access_code_id)
    world.settle()

    status = world.schlage.get_command(world.device_id, command_id)
    assert status.state is CommandState.SUCCEEDED
    assert labels(world) == ["Guest B"]


def test_the_removal_of_an_id_that_the_lock_lacks_fails_at_the_lock(world):
    command_id = world.schlage.remove_code(world.device_id, "gone")
    world.settle()

    status = world.schlage.get_command(world.device_id, command_id)
    assert status.state is CommandState.FAILED
    assert status.error_text == "Access code ID not found on device"


@pytest.mark.parametrize("empty_id", ["", "."], ids=["empty", "dot"])
def test_a_removal_without_an_id_is_refused_before_it_can_mean_all(world, empty_id):
    put_on_lock(world)

    with pytest.raises(ValueError, match="neither empty nor"):
        world.schlage.remove_code(world.device_id, empty_id)

    world.settle()
    assert labels(world) == ["Guest A"]


def test_all_codes_can_be_removed_at_once(world):
    put_on_lock(world)
    put_on_lock(world, "Guest B", "7777")

    command_id = world.schlage.remove_all_codes(world.device_id)
    world.settle()

    status = world.schlage.get_command(world.device_id, command_id)
    assert status.state is CommandState.SUCCEEDED
    assert labels(world) == []


def test_a_command_that_nobody_knows_is_not_found(world):
    with pytest.raises(SchlageNotFound):
        world.schlage.get_command(world.device_id, "no-such-command")


def test_a_throttled_write_says_how_long_to_wait_and_was_not_done(world):
    world.throttle()

    with pytest.raises(SchlageThrottled) as caught:
        world.schlage.add_code(world.device_id, "Guest A", "4829", STAY)

    world.settle()
    assert caught.value.retry_after == timedelta(seconds=30)
    assert labels(world) == []


def test_a_write_whose_answer_was_lost_is_uncertain_and_may_be_done(world):
    world.lose_the_answer()

    with pytest.raises(SchlageUncertain):
        world.schlage.add_code(world.device_id, "Guest A", "4829", STAY)

    world.settle()
    assert labels(world) == ["Guest A"]


def test_a_command_that_timed_out_says_so_and_has_no_id(world):
    world.time_out()

    command_id = world.schlage.add_code(world.device_id, "Guest A", "4829", STAY)
    world.settle()

    status = world.schlage.get_command(world.device_id, command_id)
    assert status.state is CommandState.TIMED_OUT
    assert status.access_code_id is None
    assert labels(world) == []


def test_a_command_that_failed_says_why_in_the_vendors_words(world):
    world.fail_with("User not found in the device")

    command_id = world.schlage.add_code(world.device_id, "Guest A", "4829", STAY)
    world.settle()

    status = world.schlage.get_command(world.device_id, command_id)
    assert status.state is CommandState.FAILED
    assert status.error_text == "User not found in the device"


def test_a_signed_out_account_is_unauthorized(world):
    world.sign_out()

    with pytest.raises(SchlageUnauthorized):
        world.schlage.list_devices()


def test_the_bolt_moves_once_the_lock_answered(world):
    unlock_id = world.schlage.unlock(world.device_id)
    world.settle()

    status = world.schlage.get_command(world.device_id, unlock_id)
    assert status.state is CommandState.SUCCEEDED
    assert world.schlage.get_device(world.device_id).lock_state is LockState.UNLOCKED

    world.schlage.lock(world.device_id)
    world.settle()

    assert world.schlage.get_device(world.device_id).lock_state is LockState.LOCKED


def test_history_can_be_read(world):
    assert world.schlage.list_history(world.device_id, 10) == []


def test_a_subscription_is_made_listed_and_ended(world):
    made = world.schlage.subscribe("https://portal.test/hook")

    assert made.url == "https://portal.test/hook"
    assert world.schlage.list_subscriptions() == [made]

    world.schlage.unsubscribe(made.subscription_id)

    assert world.schlage.list_subscriptions() == []
    with pytest.raises(SchlageNotFound):
        world.schlage.unsubscribe(made.subscription_id)


def test_a_subscription_to_an_address_that_does_not_answer_is_rejected(world):
    world.close_webhooks()

    with pytest.raises(SchlageRejected):
        world.schlage.subscribe("https://portal.test/hook")

    assert world.schlage.list_subscriptions() == []
