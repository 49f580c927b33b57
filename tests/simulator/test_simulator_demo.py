"""The demo is what its description says it is."""

from datetime import timedelta

from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from simulator.demo import LOCKS, USER_ID, load_demo
from tests.simulator.worlds import NOON, World, code_body

NEEDS_A_PERSON = "5d1f7a52-0008-4c1e-9a10-6b2f3d8e0008"
HEALS_ITSELF = "5d1f7a52-0003-4c1e-9a10-6b2f3d8e0003"


def demo_world():
    """A World whose cloud is the demo's."""
    world = World.__new__(World)
    world.clock = VirtualClock(NOON)
    world.cloud = Cloud(world.clock, faults="clean")
    load_demo(world.cloud)
    world.token = world.cloud.issue_token(USER_ID).access_token
    return world


def add(world, lock_id, name, pin):
    answer = world.call("POST", f"/Devices/{lock_id}/accesscodes", code_body(name, pin))
    world.cloud.advance_to(world.clock.now() + timedelta(seconds=70))
    return world.call("GET", f"/commands/{answer.json['commandId']}").json["state"]


def test_there_are_eight_locks_of_five_properties():
    world = demo_world()

    devices = world.call("GET", "/Devices").json

    assert [device["name"] for device in devices] == [lock.name for lock in LOCKS]
    assert len({lock.property for lock in LOCKS}) == 5
    assert {device.get("accessCodeLength") for device in devices} == {None, 4, 6}
    assert [device["batteryState"] for device in devices].count("Low") == 1
    assert [device["connected"] for device in devices].count(False) == 1


def test_one_lock_heals_itself():
    world = demo_world()

    states = [add(world, HEALS_ITSELF, "Guest A", "4829") for _ in range(2)]

    assert states == ["TimedOut", "Successful"]


def test_one_lock_refuses_everything_until_delete_all():
    world = demo_world()
    lock = world.cloud.locks[NEEDS_A_PERSON]

    before = [add(world, lock.id, f"Guest {n}", f"{5000 + n}") for n in range(4)]
    ghosts = len(lock.lock_codes)
    world.cloud.people.delete_all(lock)
    after = add(world, lock.id, "Guest A", "4829")

    assert before == ["Failed"] * 4
    assert (ghosts, len(lock.server_codes), len(lock.lock_codes)) == (2, 1, 1)
    assert after == "Successful"


def test_a_code_of_somebody_else_is_on_both_lists():
    world = demo_world()
    (lock,) = [one for one in world.cloud.locks.values() if one.name.startswith("Cedar")]

    assert [code.name for code in lock.server_codes] == ["Cleaner"]
    assert lock.opens("730518", NOON)
