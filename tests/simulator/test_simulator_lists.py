"""The way of a command when nothing goes wrong, and the rules of the two lists."""

from datetime import timedelta

import pytest

from simulator.codes import Code
from simulator.faults import CLEAN
from simulator.schedules import read_schedule
from tests.simulator.worlds import ALWAYS, NOON, World, code_body, stay, texts

IN_USE = "Access code/code name are already in use"


def test_a_code_is_on_the_lock_only_after_the_lock_answered():
    world = World()

    answer = world.add()

    assert answer.status == 202
    assert world.state(answer) == "Pending"
    assert (world.listed(), world.held()) == ([], [])

    world.run(60)

    assert world.state(answer) == "Successful"
    assert (world.listed(), world.held()) == (["Guest A"], ["Guest A"])
    assert world.triggers() == ["CommandSucceeded"]


def test_the_command_names_the_code_only_when_it_succeeded():
    world = World()

    command_id = world.add().json["commandId"]
    pending = world.command(command_id)["data"]
    world.run(60)
    done = world.command(command_id)

    assert pending == {"accessCodeId": None, "friendlyName": "Guest A", "error": None}
    assert done["name"] == "AddAccessCode"
    assert done["deviceId"] == "lock-1"
    assert done["data"]["accessCodeId"] in world.lock.lock_codes


def test_a_code_opens_within_its_window_by_the_locks_own_list():
    world = World()
    world.add(schedule=stay(NOON + timedelta(hours=3), hours=24))
    world.run(60)

    opens_at = {
        minutes: world.lock.opens("4829", NOON + timedelta(minutes=minutes))
        for minutes in (179, 180, 180 + 24 * 60 - 1, 180 + 24 * 60)
    }

    assert opens_at == {179: False, 180: True, 1619: True, 1620: False}


def test_a_lock_whose_clock_missed_the_change_is_an_hour_off():
    world = World(zone="America/New_York")
    before_change = "2026-10-31T16:00:00-04:00"
    after_change = "2026-11-02T11:00:00-05:00"
    world.lock.lock_codes.put(
        Code("c1", "Guest", "4829", world_schedule(before_change, after_change))
    )
    last_minute = world_schedule(before_change, after_change).end - timedelta(minutes=1)

    assert world.lock.opens("4829", last_minute)

    world.lock.clock_offset_minutes = -4 * 60

    assert not world.lock.opens("4829", last_minute)
    assert world.lock.opens("4829", last_minute - timedelta(hours=1))


def world_schedule(start, end):
    return read_schedule(
        {
            "scheduleType": "Temporary",
            "scheduleDetails": {"startDateTime": start, "endDateTime": end},
        }
    )


def test_an_update_changes_the_entry_in_place():
    world = World()
    code_id = world.put_on_lock()

    world.update(code_id, "Guest B")
    world.run(60)

    assert [code.id for code in world.lock.lock_codes] == [code_id]
    assert (world.listed(), world.held()) == (["Guest B"], ["Guest B"])


@pytest.mark.parametrize(("renews", "same"), [(True, False), (False, True)])
def test_new_digits_give_a_new_id_where_that_is_switched_on(renews, same):
    world = World(CLEAN.changed({"new_id_on_new_digits": renews}))
    code_id = world.put_on_lock()

    answer = world.update(code_id, pin="7351")
    world.run(60)

    (code,) = world.lock.server_codes
    assert (code.id == code_id) is same
    assert world.command(answer.json["commandId"])["data"]["accessCodeId"] == code.id
    assert [held.id for held in world.lock.lock_codes] == [code.id]


def test_a_deleted_code_is_gone_from_both_lists():
    world = World()
    code_id = world.put_on_lock()

    answer = world.delete(code_id)
    world.run(60)

    assert world.state(answer) == "Successful"
    assert (world.listed(), world.held()) == ([], [])


def test_a_delete_of_an_id_that_the_server_does_not_list_still_goes_to_the_lock():
    world = World()
    code_id = world.put_on_lock()
    world.lock.server_codes.clear()

    known = world.delete(code_id)
    unknown = world.delete("no-such-id")
    world.run(60)

    assert world.held() == []
    assert world.state(known) == "Successful"
    error = world.command(unknown.json["commandId"])["data"]["error"]
    assert error["errorMessage"] == "Access code ID not found on device"


def test_an_update_of_an_id_that_the_server_does_not_list_is_not_found():
    answer = World().update("no-such-id")

    assert (answer.status, texts(answer)) == (404, ["Access code ID not found on device"])


def test_an_expired_code_stays_until_it_is_deleted():
    world = World()
    world.add(schedule=stay(hours=1))
    world.run(7200)

    answer = world.add("guest a", "7777", ALWAYS)

    assert world.listed() == ["Guest A"]
    assert not world.lock.opens("4829", world.clock.now())
    assert (answer.status, texts(answer)) == (400, [IN_USE])


@pytest.mark.parametrize(
    ("name", "pin"),
    [("GUEST A", "1111"), ("Guest B", "4829"), ("Guest B", "482911")],
    ids=["same name in another case", "same digits", "same first four digits"],
)
def test_a_duplicate_is_refused_at_once_by_the_servers_list(name, pin):
    world = World(vlac=True)
    world.put_on_lock()

    answer = world.add(name, pin)

    assert (answer.status, texts(answer)) == (400, [IN_USE])


@pytest.mark.parametrize("pin", ["123", "123456789", "12a4", "*123", "", None, 4829, "١٢٣٤"])
def test_digits_must_be_four_to_eight_in_text(pin):
    answer = World(vlac=True).add(pin=pin)

    assert answer.status == 400


@pytest.mark.parametrize("name", ["", "   ", "x" * 25, "Zoë", "a\nb", None, 7])
def test_a_name_must_be_short_ascii(name):
    assert World().add(name=name).status == 400


@pytest.mark.parametrize(
    "schedule",
    [
        {"scheduleType": "Sometimes"},
        {"scheduleType": "Temporary"},
        stay(NOON - timedelta(days=3), hours=24),
        stay(hours=-1),
        stay(NOON.replace(tzinfo=None)),
        stay(NOON + timedelta(seconds=30)),
        {"scheduleType": "Recurring", "scheduleDetails": {"schedules": []}},
        "always",
    ],
)
def test_a_schedule_of_a_wrong_form_is_refused(schedule):
    answer = World().add(schedule=schedule)

    assert (answer.status, texts(answer)) == (400, ["Schedule parameters are not valid"])


def test_the_first_code_fixes_the_length_until_delete_all():
    world = World()
    world.put_on_lock()

    refused = world.add("Guest B", "735112")
    device = world.call("GET", "/Devices/lock-1").json
    world.call("DELETE", "/Devices/lock-1/accesscodes")
    world.run(60)
    accepted = world.add("Guest B", "735112")

    assert (refused.status, device["accessCodeLength"]) == (400, 4)
    assert accepted.status == 202


def test_a_vlac_lock_takes_any_length():
    world = World(vlac=True)
    world.put_on_lock()

    world.add("Guest B", "73511234")
    world.run(60)

    assert world.held() == ["Guest A", "Guest B"]
    assert world.call("GET", "/Devices/lock-1").json["vlac"] is True


def test_there_is_no_room_for_a_hundred_and_first_code():
    world = World(vlac=True)
    for number in range(100):
        world.lock.server_codes.put(Code(str(number), f"Guest {number}", f"{1000 + number}"))

    answer = world.add(pin="9999")

    assert answer.status == 400


def test_the_lock_checks_by_its_own_list_as_well():
    world = World(vlac=True)
    for number in range(100):
        world.lock.lock_codes.put(Code(str(number), f"Guest {number}", f"{1000 + number}"))

    same_pin, full = world.add(pin="1000"), world.add("Guest B", pin="9999")
    world.run(60)

    said = [
        world.command(answer.json["commandId"])["data"]["error"]["errorMessage"]
        for answer in (same_pin, full)
    ]
    assert said == [IN_USE, "Maximum number of access codes reached."]


def test_delete_all_clears_both_lists_and_heals_a_split_brain():
    world = World()
    world.put_on_lock()
    world.cloud.people.split_a(world.lock, None, "Ghost", "1212")

    answer = world.call("DELETE", "/Devices/lock-1/accesscodes")
    world.run(60)

    assert world.command(answer.json["commandId"])["data"] == {"deviceId": "lock-1", "error": None}
    assert (world.listed(), world.held()) == ([], [])


def test_keys_of_a_request_may_be_in_any_case():
    world = World()
    body = {"Name": "Guest A", "Code": "4829", "Schedule": {"scheduleType": "Always"}}

    answer = world.call("POST", "/DEVICES/lock-1/AccessCodes", body)

    assert answer.status == 202


def test_times_come_back_as_they_were_sent():
    world = World()
    schedule = {
        "scheduleType": "Temporary",
        "scheduleDetails": {
            "startDateTime": "2026-11-25T16:00:00-05:00",
            "endDateTime": "2026-11-28T11:00:00-05:00",
        },
    }
    world.call("POST", "/Devices/lock-1/accesscodes", code_body("Guest A", "001234", schedule))
    world.run(60)

    (code,) = world.call("GET", "/Devices/lock-1/accesscodes").json["accessCodes"]

    assert code["scheduleDetails"] == schedule["scheduleDetails"]
    assert (code["code"], code["accessCodeLength"], code["readOnly"]) == ("001234", 6, False)


@pytest.mark.parametrize(("shown", "code"), [("masked", "****"), ("null", None)])
def test_the_list_may_hide_the_digits(shown, code):
    world = World(CLEAN.changed({"codes_shown": shown}))
    world.put_on_lock()

    (listed,) = world.call("GET", "/Devices/lock-1/accesscodes").json["accessCodes"]

    assert listed["code"] == code


def test_a_weekly_code_opens_in_the_locks_own_zone():
    world = World(zone="America/New_York")
    schedule = {
        "scheduleType": "Recurring",
        "scheduleDetails": {
            "schedules": [{"startTime": "09:00", "endTime": "12:00", "activeWeekDays": ["Tuesday"]}]
        },
    }
    world.add("Cleaner", "7305", schedule)
    world.run(60)

    nine_in_new_york = NOON + timedelta(hours=2)

    assert world.lock.opens("7305", nine_in_new_york)
    assert not world.lock.opens("7305", nine_in_new_york - timedelta(minutes=1))
    assert not world.lock.opens("7305", nine_in_new_york + timedelta(days=1))


def test_a_read_only_code_is_not_touched():
    world = World()
    world.lock.server_codes.put(Code("ro", "Owner", "9090", read_only=True))

    assert world.update("ro").status == 400
    assert world.delete("ro").status == 400


def test_the_door_can_be_unlocked_from_afar():
    world = World()

    answer = world.call("POST", "/Devices/lock-1/unlock")
    world.run(60)

    assert world.command(answer.json["commandId"])["data"]["lockState"] == "Unlocked"
    assert world.triggers() == ["DeviceLockStateChanged", "CommandSucceeded"]
    assert world.letters[0].event["data"]["accessor"]["accessType"] == "VirtualKey"


def test_history_tells_what_the_lock_itself_did():
    world = World()
    code_id = world.put_on_lock()
    world.delete(code_id)
    world.run(60)

    utc = world.call("GET", "/devices/lock-1/history?limit=1").json
    local = world.call("GET", "/devices/lock-1/history?deviceLocalTime=true").json

    assert [item["eventCode"] for item in utc] == ["AccessCodeUserDeleted"]
    assert utc[0]["timestamp"].endswith("Z")
    assert [item["eventCode"] for item in local] == [
        "AccessCodeUserDeleted",
        "AccessCodeUserAdded",
    ]
    assert local[0]["timestamp"].endswith("-05:00")
    assert local[0]["accessor"]["friendlyName"] == "Guest A"
