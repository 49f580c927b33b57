"""The keypad of a simulated lock: wrong tries, the pause, and the hand at the thumb-turn."""

from simulator.app import create_app
from simulator.lock import Lock
from tests.simulator.worlds import World


def try_wrong(world: World, times: int) -> None:
    for _ in range(times):
        assert not world.cloud.people.key_in(world.lock, "0000")


def events(world: World) -> list[str]:
    return [item.event for item in world.lock.history]


def test_the_third_wrong_try_in_a_row_pauses_the_keypad_for_a_minute():
    world = World()
    world.put_on_lock()

    try_wrong(world, 3)
    during = world.cloud.people.key_in(world.lock, "4829")
    world.run(61)
    after = world.cloud.people.key_in(world.lock, "4829")

    assert (during, after) == (False, True)
    assert events(world)[1:] == [*["InvalidAccessCode"] * 3, "KeypadDisabledInvalidCode"] + [
        "UnlockedByKeypad"
    ]


def test_a_pause_is_told_by_one_webhook_and_a_single_wrong_try_by_none():
    world = World()

    try_wrong(world, 2)
    world.run(0)
    assert world.triggers() == []

    try_wrong(world, 1)
    world.run(0)
    assert world.triggers() == ["DeviceKeypadLockedOut"]


def test_the_right_digits_in_between_begin_the_count_anew():
    world = World()
    world.put_on_lock()

    try_wrong(world, 2)
    assert world.cloud.people.key_in(world.lock, "4829")
    try_wrong(world, 2)

    assert "KeypadDisabledInvalidCode" not in events(world)


def test_after_a_pause_three_tries_are_free_again():
    world = World()

    try_wrong(world, 3)
    world.run(61)
    try_wrong(world, 2)

    assert events(world).count("KeypadDisabledInvalidCode") == 1


def test_a_door_opened_from_inside_names_nobody():
    world = World()

    world.cloud.people.turn_thumb(world.lock)
    world.run(0)

    data = world.letters[-1].event["data"]
    assert (world.lock.bolt, data["lockState"]) == ("Unlocked", "Unlocked")
    assert data["accessor"] == {"id": None, "friendlyName": None, "accessType": "Thumbturn"}


def test_a_pause_outlives_a_restart_and_a_row_of_an_older_version_has_none():
    world = World()
    try_wrong(world, 3)

    row = world.lock.to_row()
    again = Lock.from_row(row, world.lock.rng)
    for name in ("wrong_tries", "paused_until"):
        del row[name]
    older = Lock.from_row(row, world.lock.rng)

    assert (again.wrong_tries, again.paused_until) == (0, world.lock.paused_until)
    assert (older.wrong_tries, older.paused_until) == (0, None)


def test_the_operators_page_has_a_button_for_it():
    world = World()
    client = create_app(world.cloud).test_client()

    page = client.get("/").text
    answer = client.post("/admin/locks/lock-1/thumb-turn", json={})
    for _ in range(3):
        told = client.post("/admin/locks/lock-1/keypad", data={"pin": "0000"})

    assert "/admin/locks/lock-1/thumb-turn" in page
    assert answer.json == {"opens": True}
    assert "keypad+takes+a+pause" in told.location
