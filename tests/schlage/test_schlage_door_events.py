"""What webhooks and lines of a lock's log tell of a door, in whatever words they come."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain import door_event
from portal.domain.door_event import How, Told, What
from portal.schlage.door_events import of_event, of_line
from portal.schlage.events import parse_events
from portal.schlage.payloads import HistoryItem

NOW = datetime(2026, 3, 20, 15, 0, tzinfo=UTC)


def told_by(trigger: str, event_type: str = "DeviceUpdate", **data: object) -> Told | None:
    body = {
        "eventId": "e1",
        "deviceId": "d1",
        "time": "2026-03-20T14:59:30.000Z",
        "eventType": event_type,
        "trigger": trigger,
        "data": data,
    }
    return of_event(parse_events(json.dumps(body).encode())[0], NOW)


def line(event_code: str, **fields: object) -> HistoryItem:
    values = {"history_id": "h1", "at": NOW, "event_code": event_code}
    return HistoryItem(**values | fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("access_type", "how"),
    [
        ("AccessCode", How.CODE),
        ("Thumbturn", How.THUMB_TURN),
        ("VirtualKey", How.APP),
        ("AppleHomeNFC", How.APPLE_KEY),
        ("UnlockButton", How.BUTTON),
        ("AccessTypeUnavailable", How.UNKNOWN),
        ("SomethingNew", How.UNKNOWN),
    ],
)
def test_an_opening_says_how_and_by_whom(access_type: str, how: How) -> None:
    accessor = {"id": "c7", "friendlyName": "Cleaner", "accessType": access_type}

    told = told_by("DeviceLockStateChanged", lockState="Unlocked", accessor=accessor)

    assert told is not None
    assert (told.what, told.how, told.code_id, told.name) == (What.OPENED, how, "c7", "Cleaner")
    assert told.at == NOW - timedelta(seconds=30)


@pytest.mark.parametrize(
    ("trigger", "what"),
    [
        ("DeviceKeypadLockedOut", What.KEYPAD_PAUSED),
        ("DeviceInvalidCodeEntered", What.WRONG_TRY),
        ("DeviceAlarmTriggered", What.ALARM),
    ],
)
def test_trouble_at_the_door_is_told_without_any_data(trigger: str, what: What) -> None:
    told = told_by(trigger)

    assert told is not None
    assert (told.what, told.name) == (what, "")


def test_other_events_tell_nothing_of_the_door() -> None:
    assert told_by("DeviceLockStateChanged", lockState="Locked") is None
    assert told_by("DeviceConnectivityStateChanged", connected="true") is None
    assert told_by("CommandSucceeded", "CommandUpdate", commandId="c1") is None


def test_the_flat_events_of_version_1_say_how_in_their_type() -> None:
    told = told_by("", "Thumbturn", lockState="Unlocked")

    assert told is not None
    assert told.how is How.THUMB_TURN


@pytest.mark.parametrize(
    ("event_code", "what", "how"),
    [
        ("UnlockedByKeypad", What.OPENED, How.CODE),
        ("Unlocked by thumbturn", What.OPENED, How.THUMB_TURN),
        ("UNLOCKED_BY_MOBILE_DEVICE", What.OPENED, How.APP),
        ("UnlockedByAppleKey", What.OPENED, How.APPLE_KEY),
        ("UnlockedByTime", What.OPENED, How.TIMER),
        ("InvalidAccessCode", What.WRONG_TRY, How.UNKNOWN),
        ("KeypadDisabledInvalidCode", What.KEYPAD_PAUSED, How.UNKNOWN),
        ("AlarmTriggered", What.ALARM, How.UNKNOWN),
        ("2", What.OPENED, How.CODE),
        ("4", What.OPENED, How.THUMB_TURN),
        ("11", What.KEYPAD_PAUSED, How.UNKNOWN),
    ],
)
def test_a_line_of_the_log_is_read_by_word_or_number(event_code: str, what: What, how: How) -> None:
    told = of_line(line(event_code))

    assert told is not None
    assert (told.what, told.how) == (what, how)


@pytest.mark.parametrize(
    "event_code",
    [
        "LockedByKeypad",
        "AccessCodeUserAdded",
        "AllAccessCodesDeleted",
        "ForcedEntryAlarmSilenced",
        "MotorJammedOnFail",
        "FirmwareUpdateFailed",
        "1",
        "14",
        "255",
        "",
    ],
)
def test_other_lines_tell_nothing_of_the_door(event_code: str) -> None:
    assert of_line(line(event_code)) is None


def test_a_line_without_a_time_tells_nothing() -> None:
    assert of_line(line("UnlockedByKeypad", at=None)) is None


def test_a_line_without_an_id_is_known_again_by_what_it_says() -> None:
    first = of_line(line("UnlockedByKeypad", history_id=None, accessor_name="Ana"))
    again = of_line(line("UnlockedByKeypad", history_id=None, accessor_name="Ana"))
    other = of_line(line("UnlockedByKeypad", history_id=None, accessor_name="Bo"))

    assert first is not None
    assert again is not None
    assert other is not None
    assert first.key == again.key != other.key


def test_webhook_and_line_of_one_opening_are_one_event() -> None:
    accessor = {"id": "c7", "friendlyName": "Ana 7Q2", "accessType": "AccessCode"}
    by_webhook = told_by("DeviceLockStateChanged", lockState="Unlocked", accessor=accessor)
    by_log = of_line(line("UnlockedByKeypad", accessor_name="Ana 7Q2", access_type="AccessCode"))

    assert by_webhook is not None
    assert by_log is not None
    assert door_event.is_same(by_webhook, by_log)


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_words_make_the_reader_raise_and_every_key_fits_its_column(
    event_code: str, name: str
) -> None:
    told = of_line(line(event_code, history_id=name, accessor_name=name * 5))

    assert told is None or (len(told.key) == 40 and len(told.name) <= 100)
