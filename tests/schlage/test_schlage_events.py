"""What a webhook is taken for: by its content, and never dropped."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.schlage.events import EventKind, classify, parse_events
from portal.schlage.payloads import BatteryState, LockState

VENDOR_BODY = (Path(__file__).parents[1] / "data/schlage/vendor/payload.txt").read_bytes()


def make_body(**values):
    event = {
        "eventId": "e1",
        "deviceId": "d1",
        "time": "2026-11-24T09:30:00.000Z",
        "eventType": "DeviceUpdate",
        "trigger": "",
        "data": {},
        "version": "2.0",
    }
    return json.dumps(event | values).encode()


def test_the_vendors_sample_is_a_succeeded_command():
    (event,) = parse_events(VENDOR_BODY)

    assert event.kind is EventKind.COMMAND_SUCCEEDED
    assert event.event_id == "c0ffb609f373bc533f3a32657c93ec1a"
    assert event.device_id == "baa9e53e-bf1d-57a5-bbf1-5cf501ec504f"
    assert event.command_id == "7b316fb8-2ddb-4714-95a0-37a39a1a5a28"
    assert event.command_type == "AddAccessCode"
    assert event.client_id == "401gh34b3tm6kqat21841i4ug0"
    assert event.at == datetime(2024, 4, 29, 19, 17, 18, tzinfo=UTC)
    assert event.error_text is None


@pytest.mark.parametrize(
    ("trigger", "kind"),
    [
        ("CommandSucceeded", EventKind.COMMAND_SUCCEEDED),
        ("commandsuccess", EventKind.COMMAND_SUCCEEDED),
        ("CommandFailed", EventKind.COMMAND_FAILED),
        ("CommandNack", EventKind.COMMAND_FAILED),
        ("CommandRejected", EventKind.COMMAND_FAILED),
        ("CommandError", EventKind.COMMAND_FAILED),
        ("CommandTimedOut", EventKind.COMMAND_TIMED_OUT),
        ("Command_Time_Out", EventKind.COMMAND_TIMED_OUT),
        ("CommandTimeout", EventKind.COMMAND_TIMED_OUT),
        ("CommandSimmering", EventKind.COMMAND_UNKNOWN),
        ("", EventKind.COMMAND_UNKNOWN),
        ("CommandUnsuccessful", EventKind.COMMAND_UNKNOWN),
        ("CommandFailedToSucceed", EventKind.COMMAND_UNKNOWN),
    ],
)
def test_a_command_event_is_told_by_what_its_trigger_contains(trigger, kind):
    (event,) = parse_events(
        make_body(eventType="CommandUpdate", trigger=trigger, data={"commandId": "c1"})
    )

    assert event.kind is kind
    assert event.kind.is_command
    assert event.command_id == "c1"


@pytest.mark.parametrize(
    ("event_type", "trigger", "kind"),
    [
        ("DeviceUpdate", "DeviceLockStateChanged", EventKind.LOCK_STATE),
        ("DeviceUpdate", "DeviceConnectivityStateChanged", EventKind.CONNECTIVITY),
        ("DeviceUpdate", "DeviceBatteryLevelChanged", EventKind.BATTERY),
        ("AccessCodeUpdate", "AccessCodeSynchronized", EventKind.ACCESS_CODE),
        ("DeviceUpdate", "AccessCodeDeleted", EventKind.ACCESS_CODE),
        ("AccessCodeManagement", "", EventKind.ACCESS_CODE),
        ("UserUpdate", "GlobalSignOut", EventKind.USER),
        ("UserUpdate", "AccountAccessDenied", EventKind.USER),
        ("DeviceUpdate", "DeviceAlarmTriggered", EventKind.ALARM),
        ("ForcedEntry", "", EventKind.ALARM),
        ("DeviceUpdate", "ForcedEntryAlarmSilenced", EventKind.UNKNOWN),
        ("DeviceUpdate", "DeviceKeypadLockedOut", EventKind.KEYPAD_PAUSED),
        ("DeviceUpdate", "KeypadDisabledInvalidCode", EventKind.KEYPAD_PAUSED),
        ("DeviceUpdate", "TooManyInvalidCodes", EventKind.KEYPAD_PAUSED),
        ("DeviceUpdate", "KeypadLockoutEnded", EventKind.UNKNOWN),
        ("DeviceUpdate", "KeypadDisconnected", EventKind.CONNECTIVITY),
        ("DeviceUpdate", "DeviceInvalidCodeEntered", EventKind.WRONG_CODE),
        ("DeviceUpdate", "InvalidAccessCode", EventKind.WRONG_CODE),
        ("DeviceUpdate", "WrongPinAttempt", EventKind.WRONG_CODE),
        ("DeviceUpdate", "AccessDenied", EventKind.WRONG_CODE),
        ("", "", EventKind.UNKNOWN),
        # Version 1 names what moved the bolt.
        ("AccessCode", "", EventKind.LOCK_STATE),
        ("Thumbturn", "", EventKind.LOCK_STATE),
        ("1TouchLocking", "", EventKind.LOCK_STATE),
        ("BatteryCriticallyLow", "", EventKind.BATTERY),
        ("LockOffline", "", EventKind.CONNECTIVITY),
        ("AccessCodeCreate", "", EventKind.ACCESS_CODE),
    ],
)
def test_other_events_are_told_by_the_words_of_type_and_trigger(event_type, trigger, kind):
    assert classify(event_type, trigger) is kind
    assert classify(event_type.upper(), trigger.upper()) is kind


def test_a_failed_command_carries_its_error_or_not():
    error = {"errorCode": 21, "errorMesage": "Access code/code name are already in use"}
    with_error = make_body(trigger="CommandFailed", data={"commandId": "c1", "error": error})
    without = make_body(trigger="CommandFailed", data={"commandId": "c1"})

    assert parse_events(with_error)[0].error_text == "Access code/code name are already in use"
    assert parse_events(with_error)[0].error_code == 21
    assert parse_events(without)[0].error_text is None


@pytest.mark.parametrize(
    ("event_type", "data", "is_online"),
    [
        ("DeviceConnectivityStateChanged", {"connected": "false"}, False),
        ("DeviceConnectivityStateChanged", {"connected": True}, True),
        ("DeviceConnectivityStateChanged", {}, None),
        ("LockOffline", {}, False),
        ("LockOnline", {}, True),
        ("DeviceLockStateChanged", {"connected": "false"}, None),
    ],
)
def test_connectivity_is_read_from_the_flag_or_from_the_words(event_type, data, is_online):
    (event,) = parse_events(make_body(eventType=event_type, data=data))

    assert event.is_online is is_online


@pytest.mark.parametrize(
    ("event_type", "data", "state"),
    [
        (
            "DeviceBatteryLevelChanged",
            {"batteryState": "CriticallyLow"},
            BatteryState.CRITICALLY_LOW,
        ),
        ("BatteryCriticallyLow", {}, BatteryState.CRITICALLY_LOW),
        ("BatteryLow", {}, BatteryState.LOW),
        ("DeviceBatteryLevelChanged", {"batteryLevel": 44}, BatteryState.UNKNOWN),
    ],
)
def test_the_battery_is_read_from_the_field_or_from_the_words(event_type, data, state):
    # "DeviceBatteryLevelChanged" speaks of a level, not of a low battery.
    (event,) = parse_events(make_body(eventType=event_type, data=data))

    assert event.battery_state is state
    assert event.battery_level == data.get("batteryLevel")


def test_where_the_bolt_is_comes_with_the_event():
    (event,) = parse_events(
        make_body(trigger="DeviceLockStateChanged", data={"lockState": "Unlocked"})
    )

    assert event.lock_state is LockState.UNLOCKED


def test_the_list_of_version_1_gives_its_events():
    first, second = json.loads(make_body(eventId=None, id="v1-a")), json.loads(make_body())

    events = parse_events(json.dumps([first, second]).encode())

    assert [event.event_id for event in events] == ["v1-a", "e1"]


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[]", b"{}", b"17", b"null", b'{"eventId":""}']
)
def test_a_signed_body_we_cannot_read_is_one_unknown_event_with_a_lasting_id(body):
    (event,) = parse_events(body)

    assert event.kind is EventKind.UNKNOWN
    assert event.event_id == parse_events(body)[0].event_id
    assert event.event_id != parse_events(body + b" ")[0].event_id


def test_an_event_id_too_long_to_keep_gives_way_to_a_hash():
    (event,) = parse_events(make_body(eventId="x" * 1000))

    assert len(event.event_id) <= 128


def test_digits_in_the_data_do_not_show_in_the_repr():
    (event,) = parse_events(make_body(trigger="AccessCodeCreated", data={"code": "739104"}))

    assert event.data == {"code": "739104"}
    assert "739104" not in repr(event)


@given(
    body=st.binary(max_size=200)
    | st.dictionaries(
        st.sampled_from(["eventId", "data", "trigger", "eventType", "time", "deviceId", "id"]),
        st.none() | st.integers() | st.text() | st.dictionaries(st.text(), st.text()),
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_body_makes_the_reader_raise(body):
    events = parse_events(body)

    assert events
    assert all(0 < len(event.event_id) <= 128 for event in events)
