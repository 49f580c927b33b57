"""What is told is kept: a world in a file goes on after a kill at any moment."""

import pytest

from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from simulator.demo import load_demo
from simulator.signing import Signer
from simulator.store import FileStore
from simulator.wire import Request
from tests.simulator.worlds import HOOK, KEY, NOON, code_body


class Life:
    """One run of a cloud on a file, which may end without a word."""

    def __init__(self, path, status=204):
        self.letters = []
        self.status = status
        self.store = FileStore(path)
        self.clock = VirtualClock(NOON)
        self.cloud = Cloud(self.clock, deliver=self.deliver, faults="clean", store=self.store)

    def deliver(self, method, url, headers, body):
        self.letters.append(body)
        return self.status

    def call(self, method, path, token, body=None):
        headers = {"Authorization": f"Bearer {token}"} | KEY
        return self.cloud.handle(Request(method, f"/schlage-home{path}", headers, body))

    def advance(self, seconds):
        self.clock.skip(seconds)
        self.cloud.advance_to(self.clock.now())


@pytest.fixture
def start(tmp_path):
    """Starts a life on the same file as the one before, which ended without a word."""
    lives = []

    def start():
        lives.append(Life(tmp_path / "state"))
        return lives[-1]

    yield start
    for life in lives:
        life.store.close()


def first_life(start):
    """A run with a user, a lock and a subscription, and the token to ask it with."""
    life = start()
    life.cloud.add_user("owner")
    life.cloud.add_lock("owner", "Front door", "lock-1", vlac=True)
    token = life.cloud.issue_token("owner").access_token
    answer = life.call("POST", "/Events/subscriptions", token, {"url": HOOK})
    assert answer.status == 201
    return life, token


def add(life, token, name="Guest A", pin="4829"):
    return life.call("POST", "/Devices/lock-1/accesscodes", token, code_body(name, pin))


def test_locks_codes_history_and_tokens_survive(start):
    life, token = first_life(start)
    command_id = add(life, token).json["commandId"]
    life.advance(60)
    with life.cloud.steady():
        life.cloud.people.split_a(life.cloud.locks["lock-1"], None, "Ghost", "1212")

    next_life = start()
    next_life.advance(60)

    lock = next_life.cloud.locks["lock-1"]
    assert [code.name for code in lock.server_codes] == ["Guest A"]
    assert [code.name for code in lock.lock_codes] == ["Guest A", "Ghost"]
    assert lock.opens("4829", NOON)
    path = f"/Devices/lock-1/commands/{command_id}"
    assert next_life.call("GET", path, token).json["state"] == "Successful"
    assert len(next_life.call("GET", "/Devices/lock-1/history", token).json) == 1


def test_a_command_under_way_arrives_in_the_next_life(start):
    life, token = first_life(start)
    command_id = add(life, token).json["commandId"]

    next_life = start()
    next_life.advance(60)

    path = f"/Devices/lock-1/commands/{command_id}"
    assert next_life.call("GET", path, token).json["state"] == "Successful"
    assert next_life.cloud.locks["lock-1"].opens("4829", NOON)
    assert len(next_life.letters) == 1


def test_a_webhook_that_nobody_took_is_sent_in_the_next_life(start):
    life, token = first_life(start)
    life.status = 503
    add(life, token)
    life.advance(5)

    next_life = start()
    next_life.advance(60)

    assert next_life.letters == life.letters[1:2]


def test_a_webhook_in_the_air_at_the_kill_is_sent_again(start):
    life, token = first_life(start)
    life.cloud._dispatch = lambda work: None
    add(life, token)
    life.advance(5)

    next_life = start()
    next_life.advance(0)

    assert (len(life.letters), len(next_life.letters)) == (1, 1)


def test_withheld_webhooks_stay_withheld(start):
    life, token = first_life(start)
    with life.cloud.steady() as core:
        core.settings.webhooks_are_withheld = True
        core.keep_settings()
    add(life, token)
    life.advance(5)

    next_life = start()
    next_life.advance(5)
    before = list(next_life.letters)
    with next_life.cloud.steady():
        next_life.cloud.webhooks.release()
    next_life.advance(0)

    assert (before, len(next_life.letters)) == ([], 1)


def test_settings_and_key_survive(start):
    life, _ = first_life(start)
    life.cloud.set_faults("harsh")
    life.cloud.set_seed(99)
    signer = Signer.generate()
    life.cloud.use_key(signer)
    lock = life.cloud.locks["lock-1"]
    life.cloud.set_lock_faults(lock, "bad-wifi")
    with life.cloud.steady() as core:
        lock.script.push("nack", only="add")
        core.keep(lock)

    cloud = start().cloud

    assert (cloud.core.settings.preset, cloud.core.settings.seed) == ("harsh", 99)
    assert cloud.webhooks.signer.public_pem() == signer.public_pem()
    assert cloud.locks["lock-1"].faults.timeout == 0.25
    assert [step.faults for step in cloud.locks["lock-1"].script] == ["nack"]


def test_a_restart_never_gives_an_id_twice(start):
    life, token = first_life(start)
    first = add(life, token).json["commandId"]
    life.advance(60)

    second = add(start(), token, "Guest B", "7351").json["commandId"]

    assert first != second


def test_signing_out_and_removing_survive(start):
    life, token = first_life(start)
    (subscription,) = life.cloud.webhooks.subscriptions
    life.call("DELETE", f"/Events/subscriptions/{subscription}", token)
    life.cloud.sign_out("owner")
    life.cloud.remove_lock("lock-1")

    next_life = start()

    assert next_life.call("GET", "/Devices", token).status == 401
    assert not next_life.cloud.locks
    assert not next_life.cloud.webhooks.subscriptions


def test_the_demo_is_loaded_once(start):
    life = start()
    load_demo(life.cloud)
    life.cloud.remove_lock("5d1f7a52-0001-4c1e-9a10-6b2f3d8e0001")

    next_life = start()
    load_demo(next_life.cloud)

    assert len(next_life.cloud.locks) == 7
    assert list(next_life.cloud.locks) == list(life.cloud.locks)
