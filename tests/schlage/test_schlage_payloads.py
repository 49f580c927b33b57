"""What Schlage's answers are read as, in every form they are known or feared to come in."""

import json
from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.week import Weekday, WeeklyWindow
from portal.schlage.payloads import (
    AccessCode,
    BatteryState,
    CommandState,
    Device,
    LockState,
    ScheduleType,
    parse_access_code,
    parse_codes,
    parse_command,
    parse_device,
    parse_devices,
    parse_history,
    parse_subscriptions,
)
from portal.schlage.reading import Unreadable, load

FULL_DEVICE = {
    "id": "baa9e53e",
    "name": "Front door",
    "type": "be489wifi",
    "connected": True,
    "batteryState": "Low",
    "batteryLevel": 31,
    "wifiSignalStrength": -61,
    "firmwareVersion": "10.00.00264232",
    "timeZone": "America/New_York",
    "accessCodeLength": 6,
    "vlac": False,
    "lockState": "Locked",
}
LISTED_CODE = {
    "accessCodeId": "a1",
    "name": "Guest A-7F",
    "code": "004829",
    "accessCodeLength": 6,
    "readOnly": False,
    "scheduleType": "Temporary",
    "scheduleDetails": {
        "startDateTime": "2026-11-25T16:00:00-05:00",
        "endDateTime": "2026-11-28T11:00:00-05:00",
    },
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
known_names = st.sampled_from(
    ["id", "accessCodeId", "name", "code", "scheduleDetails", "state", "data", "error", "connected"]
)


def make_command(**values):
    return {
        "commandId": "c1",
        "deviceId": "d1",
        "state": "Pending",
        "name": "AddAccessCode",
    } | values


def test_a_full_device_is_read_whole():
    device = parse_device(FULL_DEVICE)

    assert device == Device(
        device_id="baa9e53e",
        name="Front door",
        device_type="be489wifi",
        is_online=True,
        lock_state=LockState.LOCKED,
        battery_state=BatteryState.LOW,
        battery_level=31,
        wifi_signal=-61,
        firmware_version="10.00.00264232",
        time_zone="America/New_York",
        code_length=6,
        has_variable_length=False,
    )


@pytest.mark.parametrize("length", [0, 3, 9, -1])
def test_a_code_length_that_no_code_can_have_tells_nothing(length):
    assert parse_device(FULL_DEVICE | {"accessCodeLength": length}).code_length is None


def test_a_device_needs_no_more_than_an_id():
    device = parse_device({"deviceId": "d1"})

    assert device == Device(device_id="d1", name="d1")
    assert device.is_online is None
    assert device.has_variable_length is None


@pytest.mark.parametrize(
    ("given_flag", "is_online"),
    [(True, True), ("true", True), ("False", False), (0, False), (None, None), ("perhaps", None)],
)
def test_connected_is_read_as_a_boolean_and_as_text(given_flag, is_online):
    assert parse_device({"id": "d1", "connected": given_flag}).is_online is is_online


@pytest.mark.parametrize(
    "device",
    [
        {"id": "d1", "vlac": "true"},
        {"id": "d1", "features": {"VLAC": True}},
        {"Id": "d1", "Vlac": 1},
    ],
)
def test_the_variable_length_flag_is_found_wherever_it_stands(device):
    assert parse_device(device).has_variable_length is True


@pytest.mark.parametrize("word", ["Ajar", "", None, 7])
def test_an_unknown_bolt_or_battery_word_is_unknown(word):
    device = parse_device({"id": "d1", "lockState": word, "batteryState": word})

    assert device.lock_state is LockState.UNKNOWN
    assert device.battery_state is BatteryState.UNKNOWN


@pytest.mark.parametrize(
    "wrapped", [[FULL_DEVICE], {"devices": [FULL_DEVICE]}, {"Data": [FULL_DEVICE]}]
)
def test_devices_come_bare_or_wrapped(wrapped):
    assert [device.device_id for device in parse_devices(wrapped)] == ["baa9e53e"]


def test_a_device_without_an_id_is_left_out_of_the_list():
    assert [device.device_id for device in parse_devices([{"name": "?"}, {"id": "d2"}, 3])] == [
        "d2"
    ]


def test_a_listed_code_is_read_whole():
    code = parse_access_code(LISTED_CODE)

    assert code == AccessCode(
        access_code_id="a1",
        label="Guest A-7F",
        pin="004829",
        schedule_type=ScheduleType.TEMPORARY,
        starts_at=datetime(2026, 11, 25, 21, 0, tzinfo=UTC),
        ends_at=datetime(2026, 11, 28, 16, 0, tzinfo=UTC),
        windows=(),
        code_length=6,
    )


def test_pascal_case_and_request_names_are_read_too():
    code = parse_access_code(
        {
            "Id": "a1",
            "Name": "Guest",
            "AccessCode": "4829",
            "Schedule": {
                "ScheduleType": "temporary",
                "ScheduleDetails": {"StartDateTime": "2026-11-25T16:00:00Z"},
            },
        }
    )

    assert code.pin == "4829"
    assert code.schedule_type is ScheduleType.TEMPORARY
    assert code.starts_at == datetime(2026, 11, 25, 16, 0, tzinfo=UTC)


@pytest.mark.parametrize("digits", [None, "", "****", "••••", "4 8", True, {"x": 1}])
def test_a_masked_or_missing_pin_is_none(digits):
    assert parse_access_code(LISTED_CODE | {"code": digits}).pin is None


def test_a_pin_that_came_as_a_number_gets_its_zeros_back():
    assert parse_access_code(LISTED_CODE | {"code": 4829}).pin == "004829"


def test_a_time_without_an_offset_is_not_guessed():
    details = {"startDateTime": "2026-11-25T16:00:00", "endDateTime": "soon"}

    code = parse_access_code(LISTED_CODE | {"scheduleDetails": details})

    assert code.starts_at is None
    assert code.ends_at is None


@given(pin=st.from_regex(r"[0-9]{4,8}", fullmatch=True))
def test_a_pin_never_shows_in_a_repr(pin):
    codes = parse_codes(
        {"accessCodes": [LISTED_CODE | {"code": pin, "accessCodeLength": len(pin)}]}
    )

    assert codes.entries[0].pin == pin
    assert "pin" not in repr(codes)
    assert repr(codes) == repr(
        parse_codes([LISTED_CODE | {"code": None, "accessCodeLength": len(pin)}])
    )


@pytest.mark.parametrize("damaged", [None, 3, {}, {"name": "Guest"}, {"accessCodeId": "a2"}])
def test_a_list_with_an_entry_that_cannot_be_read_is_not_complete(damaged):
    codes = parse_codes({"accessCodes": [LISTED_CODE, damaged]})

    assert [code.access_code_id for code in codes.entries] == ["a1"]
    assert not codes.is_complete


def test_a_list_with_a_further_page_is_not_complete():
    assert not parse_codes({"accessCodes": [], "nextPageToken": "p2"}).is_complete
    assert parse_codes({"accessCodes": [], "nextPageToken": None}).is_complete


@pytest.mark.parametrize("no_list", [{}, {"accessCodes": None}, {"accessCodes": {}}, "x", None, 1])
def test_an_answer_without_a_list_is_unreadable_and_not_empty(no_list):
    with pytest.raises(Unreadable):
        parse_codes(no_list)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Pending", CommandState.PENDING),
        ("Successful", CommandState.SUCCEEDED),
        ("SUCCEEDED", CommandState.SUCCEEDED),
        ("Failed", CommandState.FAILED),
        ("TimedOut", CommandState.TIMED_OUT),
        ("timed_out", CommandState.TIMED_OUT),
        ("Nack", CommandState.NACK),
        ("Unsuccessful", CommandState.UNRECOGNIZED),
        ("PartiallySuccessful", CommandState.UNRECOGNIZED),
        ("Simmering", CommandState.UNRECOGNIZED),
    ],
)
def test_each_state_word_is_known_whole_or_not_at_all(word, state):
    status = parse_command(make_command(state=word), "c1")

    assert (status.state, status.raw_state) == (state, word)


def test_a_succeeded_add_tells_the_codes_id():
    data = {"accessCodeId": "a1", "friendlyName": "Guest A", "error": None}

    status = parse_command(make_command(state="Successful", data=data), "c1")

    assert status.access_code_id == "a1"
    assert status.error_text is None


@pytest.mark.parametrize("spelling", ["errorMessage", "errorMesage", "ErrorMessage"])
def test_a_commands_error_is_read_in_both_spellings(spelling):
    error = {
        "statusCode": 502,
        "errorCode": 34,
        spelling: "Invalid access code schedule parameters.",
    }

    status = parse_command(make_command(state="Failed", data={"error": error}), "c1")

    assert status.error_text == "Invalid access code schedule parameters."
    assert status.error_code == 34


def test_a_command_without_a_state_is_unreadable():
    with pytest.raises(Unreadable):
        parse_command({"commandId": "c1"}, "c1")


def test_history_is_read_from_both_forms_and_skips_what_says_nothing():
    line = {
        "id": "h1",
        "timestamp": "2024-11-13T13:35:19.001-06:00",
        "eventCode": "AccessCodeUserAdded",
        "accessor": {"id": "u1", "friendlyName": "Guest A", "accessType": "AccessCode"},
    }

    bare, wrapped = parse_history([line, {}]), parse_history({"history": [line]})

    assert bare == wrapped
    assert bare[0].at == datetime(2024, 11, 13, 19, 35, 19, 1000, tzinfo=UTC)
    assert (bare[0].event_code, bare[0].accessor_name) == ("AccessCodeUserAdded", "Guest A")


def test_subscriptions_are_read_by_either_name_of_their_id():
    found = parse_subscriptions([{"id": "s1", "url": "https://x"}, {"subscriptionId": "s2"}, {}])

    assert [one.subscription_id for one in found] == ["s1", "s2"]


@given(value=json_values, extra=st.dictionaries(known_names, json_values))
def test_no_answer_makes_a_parser_raise_anything_but_unreadable(value, extra):
    bodies = [value, extra, [extra], {"accessCodes": [extra, value]}, {"devices": [extra]}]
    parsers = [
        parse_device,
        parse_devices,
        parse_codes,
        parse_history,
        parse_subscriptions,
        lambda body: parse_command(body, "c1"),
    ]

    for body in bodies:
        for parse in parsers:
            try:
                parse(body)
            except Unreadable:
                continue


@given(body=st.binary(max_size=300))
def test_bytes_are_json_or_unreadable(body):
    try:
        load(body)
    except Unreadable:
        return
    json.loads(body)


@pytest.mark.parametrize("body", [b"", b"\xff", b"NaN", b"{", b"[" * 100_000])
def test_damaged_bodies_are_unreadable(body):
    with pytest.raises(Unreadable):
        load(body)


def test_texts_that_a_database_would_refuse_are_made_storable():
    value = load(rb'{"a\u0000": ["x\u0000y", "\ud83d", 1e999]}')

    assert value == {"a": ["xy", "?", None]}


@given(st.text(), st.sampled_from(["utf-8", "utf-16", "utf-32"]), st.booleans())
def test_a_text_reads_alike_in_every_encoding_and_with_escapes_or_without(text, encoding, escapes):
    value = text.replace("\x00", "")

    body = json.dumps({"a": [value]}, ensure_ascii=escapes).encode(encoding)

    assert load(body) == {"a": [value]}


def test_half_a_surrogate_pair_is_replaced_also_where_it_stands_unescaped():
    body = json.dumps(["\ud83d"], ensure_ascii=False).encode("utf-8", "surrogatepass")

    assert load(body) == ["?"]


HOURS = {"startTime": "09:00", "endTime": "12:30", "activeWeekDays": ["Monday", "Friday"]}


def test_the_hours_of_a_recurring_code_are_read():
    code = parse_access_code(
        LISTED_CODE | {"scheduleType": "Recurring", "scheduleDetails": {"schedules": [HOURS]}}
    )

    assert code.schedule_type is ScheduleType.RECURRING
    assert code.starts_at is None
    assert code.windows == (
        WeeklyWindow(frozenset({Weekday.MONDAY, Weekday.FRIDAY}), time(9), time(12, 30)),
    )


@pytest.mark.parametrize(
    "details",
    [
        {},
        {"schedules": []},
        {"schedules": "often"},
        {"schedules": [HOURS | {"startTime": "13:00"}]},
        {"schedules": [HOURS | {"activeWeekDays": ["Someday"]}]},
        {"schedules": [HOURS | {"activeWeekDays": None}]},
        {"schedules": [HOURS | {"endTime": None}]},
    ],
)
def test_hours_that_cannot_be_read_say_nothing(details):
    code = parse_access_code(
        LISTED_CODE | {"scheduleType": "Recurring", "scheduleDetails": details}
    )

    assert code.windows is None


def test_an_unknown_kind_of_schedule_says_nothing_of_hours():
    assert parse_access_code(LISTED_CODE | {"scheduleType": "Lunar"}).windows is None
    assert parse_access_code(LISTED_CODE | {"scheduleType": "Always"}).windows == ()
