"""Presets come out at about their rates, and a seed gives the same world again."""

import math
import random
import statistics
from collections import Counter
from datetime import timedelta

import pytest

from simulator import rng as chance
from simulator.clock import RealClock, VirtualClock
from simulator.cloud import Cloud
from simulator.core import FactKind
from simulator.faults import CLEAN, PRESETS, REALISTIC, BadFault, preset
from tests.simulator.worlds import HOOK, NOON, World

DRAWS = 20_000


def drawn(faults, kind="add", seed=7):
    rng = random.Random(seed)
    return Counter(name for _ in range(DRAWS) for name in faults.draw(kind, rng).faults)


def share(counts, *names):
    return sum(counts[name] for name in names) / DRAWS


TIMEOUTS = (
    "timeout_not_applied", "timeout_applied", "timeout_applied_late", "timeout_then_success",
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "timeouts", "gateways", "lost"),
    [("realistic", 0.05, 0.01, 0.03), ("harsh", 0.20, 0.05, 0.30), ("bad-wifi", 0.25, 0.01, 0.03)],
)
def test_a_preset_comes_out_at_its_rates(name, timeouts, gateways, lost):
    faults = preset(name)
    counts = drawn(faults)
    rng = random.Random(3)
    webhooks = Counter(fault for _ in range(DRAWS) for fault in faults.draw_webhook(rng).faults)

    assert share(counts, *TIMEOUTS) == pytest.approx(timeouts, rel=0.1)
    assert share(counts, *TIMEOUTS[1:]) == pytest.approx(timeouts * faults.timeout_applied, rel=0.1)
    assert share(
        counts, "bad_gateway_done", "bad_gateway_not_done", "gateway_timeout_done"
    ) == pytest.approx(gateways, rel=0.2)
    assert share(webhooks, "webhook_lost") == pytest.approx(lost, rel=0.1)


def test_realistic_has_the_rare_faults_too():
    counts = drawn(REALISTIC)
    rng = random.Random(5)
    omitted = sum("list_omits" in REALISTIC.draw_list(rng) for _ in range(DRAWS))

    assert share(counts, "false_success") == pytest.approx(0.005, rel=0.3)
    assert share(counts, "error_34_done") == pytest.approx(0.003, rel=0.3)
    assert omitted / DRAWS == pytest.approx(0.01, rel=0.2)


def test_only_what_sets_a_code_can_be_a_false_success_by_chance():
    assert "false_success" not in drawn(REALISTIC, "delete")
    assert "error_34_done" not in drawn(REALISTIC, "delete")


def test_clean_is_clean():
    assert not drawn(CLEAN)


def test_latency_has_the_median_and_the_tail_it_should():
    rng = random.Random(11)
    raw = sorted(chance.log_normal(rng, 6.0, 40.0) for _ in range(DRAWS))

    assert statistics.median(raw) == pytest.approx(6.0, rel=0.05)
    assert raw[int(0.95 * DRAWS)] == pytest.approx(40.0, rel=0.05)
    assert max(REALISTIC.latency(rng) for _ in range(DRAWS)) < REALISTIC.lock_timeout


def a_day(seed, faults="harsh"):
    """All facts and webhooks of a day in which codes are added to three locks."""
    clock, sent = VirtualClock(NOON), []

    def deliver(method, url, headers, body):
        sent.append((clock.now(), body))
        return 204

    cloud = Cloud(clock, deliver=deliver, faults=faults, seed=seed)
    facts = []
    cloud.on_fact(facts.append)
    cloud.add_user("owner")
    cloud.webhooks.subscribe("owner", HOOK)
    locks = [cloud.add_lock("owner", f"Door {n}", f"lock-{n}", vlac=True) for n in range(3)]
    world = World.__new__(World)
    world.cloud, world.token = cloud, cloud.issue_token("owner").access_token
    for hour in range(24):
        for lock in locks:
            body = {
                "name": f"{lock.id} {hour}",
                "accessCode": f"{1000 + hour}",
                "schedule": {"scheduleType": "Always"},
            }
            if hour % 10 == 0:
                world.token = cloud.issue_token("owner").access_token
            world.call("POST", f"/Devices/{lock.id}/accesscodes", body)
        cloud.advance_to(clock.now() + timedelta(hours=1))
    return facts, sent


def test_a_seed_gives_the_same_day_again():
    assert a_day(1) == a_day(1)
    assert a_day(1) != a_day(2)


def test_locks_and_api_go_down_and_come_up_as_harsh_says():
    world = World("harsh")
    days = 400

    world.run(days * 86_400)

    downs = Counter(fact.lock_id for fact in world.facts if fact.kind is FactKind.DOWN)
    ups = Counter(fact.lock_id for fact in world.facts if fact.kind is FactKind.UP)
    assert downs["lock-1"] == pytest.approx(days / 4, rel=0.3)
    assert downs[None] == pytest.approx(days / 3, rel=0.3)
    assert all(abs(downs[key] - ups[key]) <= 1 for key in downs)


def test_an_outage_ends_within_its_longest_time():
    world = World("harsh")
    world.run(100 * 86_400)

    down_at = None
    longest = timedelta(0)
    for fact in world.facts:
        if fact.lock_id == "lock-1" and fact.kind is FactKind.DOWN:
            down_at = fact.at
        elif fact.lock_id == "lock-1" and fact.kind is FactKind.UP:
            longest = max(longest, fact.at - down_at)

    assert timedelta(hours=1) < longest <= timedelta(hours=8)


def test_a_change_of_faults_ends_what_the_old_ones_had_planned():
    world = World("harsh")
    world.cloud.set_faults("clean")

    world.run(30 * 86_400)

    assert FactKind.DOWN not in world.fact_kinds()


def test_a_lost_lock_is_noticed_late_and_a_lock_that_is_back_at_once():
    world = World("realistic")
    world.cloud.set_lock_faults(
        world.lock,
        REALISTIC.changed({"webhook_lost": 0, "webhook_late": 0, "webhook_doubled": 0}),
    )

    world.cloud.weather.set_connected(world.lock, False)
    at_first = world.lock.shown_connected
    world.run(1201)
    later = world.lock.shown_connected
    world.cloud.weather.set_connected(world.lock, True)
    world.run(31)

    assert (at_first, later, world.lock.shown_connected) == (True, False, True)
    assert [letter.event["data"].get("connected") for letter in world.letters] == [
        "false",
        "true",
        None,
    ]
    assert world.letters[2].event["data"]["accessor"]["accessType"] == "AccessTypeUnavailable"


def test_a_lock_that_is_back_before_anyone_noticed_tells_nothing():
    world = World("realistic")

    world.cloud.weather.set_connected(world.lock, False)
    world.cloud.weather.set_connected(world.lock, True)
    world.run(3600)

    assert world.letters == []


def test_history_of_an_offline_lock_is_not_known_yet():
    world = World()
    world.put_on_lock()
    world.cloud.weather.set_connected(world.lock, False)
    world.run(60)
    world.cloud.people.key_in(world.lock, "4829")

    offline = world.call("GET", "/Devices/lock-1/history").json
    world.cloud.weather.set_connected(world.lock, True)

    assert [item["eventCode"] for item in offline] == ["AccessCodeUserAdded"]
    assert len(world.call("GET", "/Devices/lock-1/history").json) == 2


def test_while_the_api_is_down_every_call_is_a_gateway_error():
    world = World()
    world.cloud.weather.set_api(False)

    statuses = {world.call("GET", "/Devices").status for _ in range(50)}
    world.cloud.weather.set_api(True)

    assert statuses == {502, 504}
    assert world.call("GET", "/Devices").status == 200
    assert [(fact.kind, fact.lock_id) for fact in world.facts] == [
        (FactKind.DOWN, None),
        (FactKind.UP, None),
    ]


def test_the_split_brain_preset_parts_about_half_of_the_locks():
    cloud = Cloud(VirtualClock(NOON), faults="split-brain", seed=4)
    cloud.add_user("owner")
    locks = [cloud.add_lock("owner", f"Door {n}") for n in range(200)]

    cloud.advance_to(NOON + timedelta(days=1))

    steps = Counter(step.faults for lock in locks for step in lock.script)
    assert sum(steps.values()) == pytest.approx(100, rel=0.2)
    assert set(steps) == {"split_brain_a", "split_brain_b"}


def test_rates_are_set_by_name_from_text_or_numbers():
    faults = CLEAN.changed({"timeout": "0.5", "list_lag": "1-2", "new_id_on_new_digits": "true"})

    assert (faults.timeout, faults.list_lag, faults.new_id_on_new_digits) == (0.5, (1, 2), True)
    with pytest.raises(BadFault, match="no rate is called"):
        CLEAN.changed({"bogus": 1})
    with pytest.raises(BadFault, match="timeout cannot be"):
        CLEAN.changed({"timeout": "often"})
    with pytest.raises(BadFault, match="no preset is called"):
        preset("sunny")


def test_every_preset_of_the_design_is_there():
    assert set(PRESETS) == {
        "clean", "realistic", "bad-wifi", "split-brain", "outage", "harsh",
    }  # fmt: skip


def test_facts_tell_the_keypads_own_list_and_every_write():
    world = World()
    world.lock.script.push("timeout_listed_only")
    world.add()
    world.run(61)
    world.cloud.people.add_code(world.lock, "Cleaner", "7305")

    write, lists = world.facts[0], world.facts[1:]
    assert (write.kind, write.data["status"], write.data["command"]) == (
        FactKind.WRITE,
        202,
        "add",
    )
    assert write.data["faults"] == {"timeout_listed_only": ""}
    assert [[code.name for code in fact.data["codes"]] for fact in lists] == [["Cleaner"]]


def test_a_hurried_clock_runs_ahead():
    clock = RealClock(scale=1.0)
    clock.hurry(1_000_000.0)
    first = clock.now()
    while clock.now() == first:
        math.sqrt(2)
    clock.skip(3600)
    kept = RealClock.from_row(clock.to_row())

    assert clock.now() - first > timedelta(hours=1)
    assert abs((kept.now() - clock.now()).total_seconds()) < 100_000
    assert kept.scale == 1_000_000.0


def test_a_virtual_clock_never_goes_back():
    clock = VirtualClock(NOON)
    clock.move_to(NOON - timedelta(days=1))

    assert clock.now() == NOON
