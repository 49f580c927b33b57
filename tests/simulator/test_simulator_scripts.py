"""Every fault that can be ordered for the next command of a lock."""

from datetime import timedelta

import pytest

from simulator.script import FAULTS, BadFault, Script, read_faults
from tests.simulator.worlds import ALWAYS, World, texts

IN_USE = "Access code/code name are already in use"


def scripted(faults, only=None, until=None, **traits):
    world = World(**traits)
    world.lock.script.push(faults, only, until)
    return world


def error_of(world, answer):
    return world.command(answer.json["commandId"])["data"]["error"]["errorMessage"]


def test_a_time_out_without_effect():
    world = scripted("timeout_not_applied")

    answer = world.add()
    world.run(59)
    before = world.state(answer)
    world.run(2)

    assert (before, world.state(answer)) == ("Pending", "TimedOut")
    assert world.triggers() == ["CommandTimedOut"]
    assert (world.listed(), world.held()) == ([], [])
    assert world.add().status == 202


def test_a_time_out_that_the_lock_carried_out_is_listed_and_not_added_again():
    world = scripted("timeout_applied")

    answer = world.add()
    world.run(30)
    early = (world.listed(), world.held())
    world.run(40)
    again = world.add()

    assert early == ([], ["Guest A"])
    assert (world.state(answer), world.listed()) == ("TimedOut", ["Guest A"])
    assert (again.status, texts(again)) == (400, [IN_USE])


def test_a_time_out_that_the_lock_carries_out_minutes_later():
    world = scripted("timeout_applied_late:300")

    answer = world.add()
    world.run(299)
    before = world.held()
    world.run(2)

    assert (before, world.held(), world.listed()) == ([], ["Guest A"], ["Guest A"])
    assert world.state(answer) == "TimedOut"
    assert world.triggers() == ["CommandTimedOut"]


def test_a_time_out_that_turns_into_a_success():
    world = scripted("timeout_then_success:300")

    answer = world.add()
    world.run(301)

    assert world.state(answer) == "Successful"
    assert world.triggers() == ["CommandTimedOut", "CommandSucceeded"]


def test_a_late_add_does_not_double_what_was_sent_again_meanwhile():
    world = scripted("timeout_applied_late:300")
    world.add()
    world.run(120)

    world.add()
    world.run(300)

    assert (world.held(), world.listed()) == (["Guest A"], ["Guest A"])


def test_a_code_that_only_the_server_lists_is_found_out_by_an_update():
    world = scripted("timeout_listed_only")
    world.add()
    world.run(61)
    listed, held = world.listed(), world.held()
    (code,) = world.lock.server_codes

    answer = world.update(code.id)
    world.run(10)

    assert (listed, held) == (["Guest A"], [])
    assert error_of(world, answer) == "Access code ID not found on device"


def test_split_brain_a_lets_the_lock_refuse_what_the_server_accepts():
    world = scripted("split_brain_a")
    world.add()
    world.run(61)

    again = world.add()
    world.run(10)

    assert (world.listed(), world.held()) == ([], ["Guest A"])
    assert again.status == 202
    assert error_of(world, again) == IN_USE


def test_split_brain_b_lets_a_delete_fail_and_the_list_keep_the_entry():
    world = World()
    code_id = world.put_on_lock()
    world.lock.script.push("split_brain_b", only="delete")

    answer = world.delete(code_id)
    world.run(10)

    assert error_of(world, answer) == "Access code ID not found on device"
    assert (world.listed(), world.held()) == (["Guest A"], [])


def test_the_lock_may_call_a_missing_entry_a_user():
    world = World()
    world.cloud.set_faults(world.cloud.core.settings.faults.changed({"user_not_found": 1.0}))

    answer = world.delete("no-such-id")
    world.run(10)

    assert error_of(world, answer) == "User not found in the device"


@pytest.mark.parametrize(
    "text", ["User not found in the device", "Schedule parameters are not valid", "Böse: 1+1"]
)
def test_a_command_fails_with_any_text(text):
    world = scripted(f"failed:{text}")

    answer = world.add()
    world.run(10)

    assert world.state(answer) == "Failed"
    assert error_of(world, answer) == text
    assert world.letters[0].event["data"]["error"]["errorMessage"] == text
    assert world.held() == []


def test_a_nack_is_a_state_without_a_reason():
    world = scripted("nack")

    answer = world.add()
    world.run(10)

    assert world.command(answer.json["commandId"])["state"] == "Nack"
    assert world.command(answer.json["commandId"])["data"]["error"] is None
    assert world.triggers() == ["CommandFailed"]


def test_a_state_word_that_nobody_knows_stays():
    world = scripted("state:Marinating")

    answer = world.add()
    world.run(86_400)

    assert world.state(answer) == "Marinating"
    assert (world.triggers(), world.held()) == ([], [])


def test_a_false_success_is_listed_and_does_not_open():
    world = scripted("false_success")

    answer = world.add()
    world.run(10)

    assert (world.state(answer), world.listed(), world.held()) == ("Successful", ["Guest A"], [])
    assert world.call("GET", "/Devices/lock-1/history").json == []


def test_a_delete_that_only_pretends_leaves_the_code_working():
    world = World()
    code_id = world.put_on_lock()
    world.lock.script.push("false_success")

    world.delete(code_id)
    world.run(10)

    assert (world.listed(), world.held()) == ([], ["Guest A"])


def test_an_id_changes_although_the_digits_do_not():
    world = World()
    code_id = world.put_on_lock()
    world.lock.script.push("id_changes")

    world.update(code_id)
    world.run(10)

    (listed,), (held,) = world.lock.server_codes, world.lock.lock_codes
    assert listed.id == held.id != code_id


def test_a_command_is_forgotten_but_done():
    world = scripted("command_forgotten")

    answer = world.add()
    world.run(10)

    path = f"/Devices/lock-1/commands/{answer.json['commandId']}"
    assert world.call("GET", path).status == 404
    assert world.held() == ["Guest A"]


def test_a_webhook_is_lost():
    world = scripted("webhook_lost")

    world.add()
    world.run(3600)

    assert (world.triggers(), world.held()) == ([], ["Guest A"])


def test_a_webhook_comes_twice_with_the_same_bytes():
    world = scripted("webhook_doubled")

    world.add()
    world.run(60)

    first, second = world.letters
    assert first.body == second.body


def test_a_webhook_is_late():
    world = scripted("webhook_late:86400")

    world.add()
    world.run(86_000)
    before = world.triggers()
    world.run(1000)

    assert (before, world.triggers()) == ([], ["CommandSucceeded"])


def test_a_webhook_arrives_before_the_answer():
    world = scripted("webhook_before_202")
    states = []
    original = world.cloud._deliver

    def look_up_at_once(method, url, headers, body):
        status = original(method, url, headers, body)
        command_id = world.letters[-1].event["data"]["commandId"]
        states.append(world.command(command_id)["state"])
        return status

    world.cloud._deliver = look_up_at_once

    answer = world.add()

    assert world.letters[0].event["data"]["commandId"] == answer.json["commandId"]
    assert states == ["Successful"]
    assert world.held() == ["Guest A"]


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ("bad_gateway_done", 502, "Bad Gateway"),
        ("gateway_timeout_done", 504, "Gateway Timeout"),
        ("error_34_done", 502, "Invalid access code schedule parameters."),
    ],
)
def test_an_answer_of_failure_to_what_is_done_all_the_same(fault, status, text):
    world = scripted(fault)

    answer = world.add()
    world.run(10)

    assert (answer.status, texts(answer)) == (status, [text])
    assert (world.listed(), world.held()) == (["Guest A"], ["Guest A"])


def test_error_34_has_the_body_that_was_seen():
    body = scripted("error_34_done").add().json

    assert body == {
        "type": "https://api.allegion.com/errors/producers/SchlageHomeAPI/errorcodes/"
        "ResourceProviderBadGateway",
        "title": "The resource provider returned an invalid response.",
        "errors": {"Error Code: 34": ["Invalid access code schedule parameters."]},
    }


def test_a_bad_gateway_that_meant_it():
    world = scripted("bad_gateway_not_done")

    answer = world.add()
    world.run(3600)

    assert (answer.status, world.held(), world.triggers()) == (502, [], [])


def test_a_throttled_write_says_for_how_long():
    world = scripted("throttled:17")

    answer = world.add()
    world.run(60)

    assert (answer.status, answer.headers["Retry-After"], world.held()) == (429, "17", [])


def test_the_list_lags_behind_the_lock():
    world = scripted("list_stale:120")

    answer = world.add()
    world.run(100)
    before = (world.state(answer), world.listed(), world.held())
    world.run(100)

    assert before == ("Successful", [], ["Guest A"])
    assert world.listed() == ["Guest A"]


def test_a_stale_list_refuses_what_was_just_deleted():
    world = World()
    code_id = world.put_on_lock()
    world.lock.script.push("list_stale:120")
    world.delete(code_id)
    world.run(10)

    assert world.add().status == 400

    world.run(120)

    assert world.add().status == 202


def test_one_read_of_the_list_omits_the_newest_entry():
    world = World()
    world.put_on_lock()
    world.put_on_lock("Guest B", "7351")
    world.lock.script.push("list_omits")

    assert world.listed() == ["Guest A"]
    assert world.listed() == ["Guest A", "Guest B"]


def test_a_step_waits_for_its_kind_of_command():
    world = scripted("nack", only="delete")

    added = world.add()
    world.run(10)
    (code,) = world.lock.lock_codes
    deleted = world.delete(code.id)
    world.run(10)

    assert (world.state(added), world.state(deleted)) == ("Successful", "Nack")


def test_a_refused_request_does_not_use_up_a_step():
    world = scripted("nack")

    assert world.add(pin="1").status == 400
    assert len(world.lock.script) == 1


def test_faults_can_be_joined():
    world = scripted("timeout_applied+webhook_lost+command_forgotten")

    answer = world.add()
    world.run(70)

    assert (world.triggers(), world.held()) == ([], ["Guest A"])
    assert world.call("GET", f"/Commands/{answer.json['commandId']}").status == 404


def test_a_step_may_stand_until_delete_all():
    world = scripted(f"failed:{IN_USE}", only="add", until="delete_all")

    refused = [world.add(f"Guest {number}", f"{4000 + number}") for number in range(3)]
    world.run(10)
    world.cloud.people.delete_all(world.lock)
    accepted = world.add()
    world.run(10)

    assert [world.state(answer) for answer in refused] == ["Failed"] * 3
    assert world.state(accepted) == "Successful"


def test_the_lock_is_down_whatever_the_script():
    world = World()
    world.cloud.weather.set_connected(world.lock, False)

    answer = world.add()
    world.run(61)

    assert (world.state(answer), world.held()) == ("TimedOut", [])


@pytest.mark.parametrize(
    "faults", ["explode", "failed", "failed:", "throttled", "webhook_late:soon", "", "nack+explode"]
)
def test_a_fault_that_cannot_be_is_refused_with_a_sentence(faults):
    with pytest.raises(BadFault, match="fault|needs"):
        read_faults(faults)


def test_a_step_for_an_unknown_command_is_refused():
    with pytest.raises(BadFault):
        Script().push("nack", only="dance")
    with pytest.raises(BadFault):
        Script().push("nack", until="doomsday")


def test_every_fault_is_explained():
    assert all(FAULTS.values())
    assert len(FAULTS) == 24


def test_a_script_survives_as_rows():
    script = Script()
    script.push("failed:a+b", only="add", until="delete_all")

    assert list(Script.from_rows(script.to_rows())) == list(script)


def test_a_command_is_forgotten_after_a_week():
    world = World()
    old = world.add()
    world.run(timedelta(days=8).total_seconds())

    world.add("Guest B", "7351", ALWAYS)

    assert world.call("GET", f"/Commands/{old.json['commandId']}").status == 404
