"""What Schlage's answers mean, as values of our own. Nothing here needs the network.

Only the identifiers are required; everything else may be missing, since a lock out of reach
drops most of its fields instead of nulling them.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum

from portal.domain.week import Weekday, WeeklyWindow
from portal.schlage.reading import Fields, Unreadable, items

_CODE_LENGTHS = range(4, 9)  # digits (Allegion's access-code guide)
_PIN_FORM = re.compile(r"[0-9]{1,12}")
_NEXT_PAGE_KEYS = ("next", "nextLink", "nextPageToken", "continuationToken")


class LockState(StrEnum):
    """Where the bolt is. UNKNOWN also stands for a word that we do not know."""

    LOCKED = "Locked"
    UNLOCKED = "Unlocked"
    JAMMED = "Jammed"
    UNKNOWN = "Unknown"


class BatteryState(StrEnum):
    """What the lock says of its batteries. UNKNOWN also stands for a word we do not know."""

    NORMAL = "Normal"
    LOW = "Low"
    CRITICALLY_LOW = "CriticallyLow"
    UNKNOWN = "Unknown"


class ScheduleType(StrEnum):
    """When a code opens. UNKNOWN is only ever read, never sent."""

    ALWAYS = "Always"
    RECURRING = "Recurring"
    TEMPORARY = "Temporary"
    UNKNOWN = "Unknown"


class CommandState(StrEnum):
    """What a look-up says of a command. UNRECOGNIZED counts as pending and is shown raw."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    NACK = "nack"
    UNRECOGNIZED = "unrecognized"


#: Only whole words we know: a guess from a part of a word ("Unsuccessful") could show a wrong
#: green. Allegion's release notes (2024-08-15) name the first, second and fourth.
_COMMAND_STATES = {
    "pending": CommandState.PENDING,
    "successful": CommandState.SUCCEEDED,
    "succeeded": CommandState.SUCCEEDED,
    "failed": CommandState.FAILED,
    "timedout": CommandState.TIMED_OUT,
    "timeout": CommandState.TIMED_OUT,
    "nack": CommandState.NACK,
}


@dataclass(frozen=True)
class Device:
    """A lock as its server describes it; None where the server says nothing."""

    device_id: str
    name: str
    device_type: str | None = None
    is_online: bool | None = None
    lock_state: LockState = LockState.UNKNOWN
    battery_state: BatteryState = BatteryState.UNKNOWN
    #: Percent.
    battery_level: int | None = None
    #: dBm, negative.
    wifi_signal: int | None = None
    firmware_version: str | None = None
    #: An IANA name, as given; not checked.
    time_zone: str | None = None
    #: The length every code of this lock must have, unless `has_variable_length`.
    code_length: int | None = None
    #: The vendor's `vlac` flag: codes of different lengths may stand side by side.
    has_variable_length: bool | None = None


@dataclass(frozen=True)
class AccessCode:
    """One entry of a lock's list on the server. Not a proof that the lock itself holds it."""

    access_code_id: str
    label: str
    #: None when the server masks or leaves out the digits.
    pin: str | None = field(default=None, repr=False)
    schedule_type: ScheduleType = ScheduleType.UNKNOWN
    #: UTC; None for other schedules, and for a time that came without an offset.
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    #: The hours of a recurring schedule, none for another; None where they cannot be read.
    windows: tuple[WeeklyWindow, ...] | None = None
    code_length: int | None = None
    is_read_only: bool = False


@dataclass(frozen=True)
class CodeList:
    """The codes the server lists for a lock.

    `is_complete` is False where an entry could not be read or more pages follow: then an entry
    that is not found may still be there, and nothing may be concluded from its absence.
    """

    entries: tuple[AccessCode, ...]
    is_complete: bool = True


@dataclass(frozen=True)
class CommandStatus:
    """What a look-up of a command says. `raw_state` is the vendor's own word."""

    command_id: str
    state: CommandState
    raw_state: str
    device_id: str | None = None
    #: The vendor's name of the command, such as `AddAccessCode`.
    name: str | None = None
    #: Present once an add or an update succeeded; an update may bring a new one.
    access_code_id: str | None = None
    error_text: str | None = None
    error_code: int | None = None


@dataclass(frozen=True)
class HistoryItem:
    """One line of a lock's own log. `event_code` is the vendor's word."""

    history_id: str | None
    at: datetime | None
    event_code: str
    accessor_id: str | None = None
    accessor_name: str | None = None
    access_type: str | None = None


@dataclass(frozen=True)
class Subscription:
    """A webhook subscription: events of the whole Schlage account are sent to `url`."""

    subscription_id: str
    url: str | None = None


def parse_device(value: object) -> Device:
    """A device. Raises Unreadable without an id."""
    fields = Fields(value)
    device_id = fields.text("id", "deviceId")
    if device_id is None:
        raise Unreadable("a device without an id")
    return Device(
        device_id=device_id,
        name=fields.text("name", "deviceName") or device_id,
        device_type=fields.text("type", "deviceType"),
        is_online=fields.flag("connected"),
        lock_state=parse_lock_state(fields.text("lockState")),
        battery_state=parse_battery_state(fields.text("batteryState")),
        battery_level=fields.number("batteryLevel"),
        wifi_signal=fields.number("wifiSignalStrength", "wifiRssi"),
        firmware_version=fields.text("firmwareVersion"),
        time_zone=fields.text("timeZone"),
        code_length=_code_length(fields),
        has_variable_length=_variable_length(fields),
    )


def _code_length(fields: Fields) -> int | None:
    """How many digits codes have there; a number that no code can have tells nothing."""
    length = fields.number("accessCodeLength")
    return length if length in _CODE_LENGTHS else None


def _variable_length(fields: Fields) -> bool | None:
    """The `vlac` flag, on the device or one level down: where it stands is not published."""
    found = (holder.flag("vlac") for holder in [fields, *fields.objects()])
    return next((flag for flag in found if flag is not None), None)


def parse_devices(value: object) -> list[Device]:
    """The devices that can be read, from a bare list or a wrapped one. Raises Unreadable.

    A device without an id is left out: it cannot be addressed in any way.
    """
    return [
        parse_device(item)
        for item in items(value, "devices", "items", "data")
        if Fields(item).text("id", "deviceId") is not None
    ]


def parse_access_code(value: object) -> AccessCode:
    """One entry of a lock's list. Raises Unreadable without an id or a name."""
    fields = Fields(value)
    access_code_id = fields.text("accessCodeId", "id")
    label = fields.text("name", "friendlyName")
    if access_code_id is None or label is None:
        raise Unreadable("an access code without an id or a name")
    schedule = fields.child("schedule")
    details = Fields(fields.value("scheduleDetails") or schedule.value("scheduleDetails"))
    length = _code_length(fields)
    schedule_type = _schedule_type(fields.text("scheduleType") or schedule.text("scheduleType"))
    return AccessCode(
        access_code_id=access_code_id,
        label=label,
        pin=_pin(fields.value("code", "accessCode"), length),
        schedule_type=schedule_type,
        starts_at=details.moment("startDateTime"),
        ends_at=details.moment("endDateTime"),
        windows=_windows(schedule_type, details),
        code_length=length,
        is_read_only=fields.flag("readOnly") or False,
    )


def _windows(kind: ScheduleType, details: Fields) -> tuple[WeeklyWindow, ...] | None:
    """The hours of the week; None where nothing can be said of them."""
    if kind is not ScheduleType.RECURRING:
        return None if kind is ScheduleType.UNKNOWN else ()
    try:
        rows = items(details.value("schedules"), "schedules")
        return tuple(_window(Fields(row)) for row in rows) or None
    except (Unreadable, ValueError):
        return None


def _window(fields: Fields) -> WeeklyWindow:
    days = fields.value("activeWeekDays")
    if not isinstance(days, list):
        raise Unreadable("a weekly window without days")
    return WeeklyWindow(
        frozenset(Weekday(str(day).capitalize()) for day in days),
        time.fromisoformat(fields.text("startTime") or ""),
        time.fromisoformat(fields.text("endTime") or ""),
    )


def _pin(value: object, length: int | None) -> str | None:
    """The digits; None when they are missing or masked. A number gets its leading zeros back."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value).zfill(min(length or 0, 8))
    if isinstance(value, str) and _PIN_FORM.fullmatch(value.strip()):
        return value.strip()
    return None


def parse_codes(value: object) -> CodeList:
    """The list of a lock's codes; an entry that cannot be read makes it incomplete.

    Raises Unreadable when there is no list at all.
    """
    entries: list[AccessCode] = []
    fields = Fields(value)
    is_complete = fields.value(*_NEXT_PAGE_KEYS) in (None, "", False)
    for item in items(value, "accessCodes", "codes", "items", "data"):
        try:
            entries.append(parse_access_code(item))
        except Unreadable:
            is_complete = False
    return CodeList(tuple(entries), is_complete)


def parse_command(value: object, command_id: str) -> CommandStatus:
    """The state of the command that was asked for. Raises Unreadable without a state.

    Reads the error under both spellings of its text, as the vendor's own sample for
    ChangeLockState has `errorMesage` (Allegion release notes, Nov 2024).
    """
    fields = Fields(value)
    raw_state = fields.text("state", "status")
    if raw_state is None:
        raise Unreadable("a command without a state")
    data = fields.child("data")
    error_text, error_code = parse_command_error(data.value("error") or fields.value("error"))
    return CommandStatus(
        command_id=fields.text("commandId", "id") or command_id,
        state=_COMMAND_STATES.get(_squeezed(raw_state), CommandState.UNRECOGNIZED),
        raw_state=raw_state,
        device_id=fields.text("deviceId") or data.text("deviceId"),
        name=fields.text("name", "commandType"),
        access_code_id=data.text("accessCodeId"),
        error_text=error_text,
        error_code=error_code,
    )


def parse_command_error(value: object) -> tuple[str | None, int | None]:
    """The text and number of a command's error, from an object or a bare text."""
    if isinstance(value, str):
        return value.strip() or None, None
    fields = Fields(value)
    return fields.text("errorMessage", "errorMesage", "message"), fields.number("errorCode")


def parse_history(value: object) -> list[HistoryItem]:
    """The lines of a lock's log that say what happened. Raises Unreadable without a list."""
    lines = (_history_item(item) for item in items(value, "history", "events", "items", "data"))
    return [line for line in lines if line is not None]


def _history_item(value: object) -> HistoryItem | None:
    line = Fields(value)
    event_code = line.text("eventCode")
    if event_code is None:
        return None
    accessor = line.child("accessor")
    return HistoryItem(
        history_id=line.text("id", "historyId"),
        at=line.moment("timestamp", "time"),
        event_code=event_code,
        accessor_id=accessor.text("id"),
        accessor_name=accessor.text("friendlyName", "name"),
        access_type=accessor.text("accessType"),
    )


def parse_subscription(value: object) -> Subscription:
    """A subscription. Raises Unreadable without an id."""
    fields = Fields(value)
    subscription_id = fields.text("id", "subscriptionId")
    if subscription_id is None:
        raise Unreadable("a subscription without an id")
    return Subscription(subscription_id, fields.text("url", "callbackUrl"))


def parse_subscriptions(value: object) -> list[Subscription]:
    """The subscriptions that have an id. Raises Unreadable without a list."""
    return [
        parse_subscription(item)
        for item in items(value, "subscriptions", "items", "data")
        if Fields(item).text("id", "subscriptionId") is not None
    ]


def parse_lock_state(word: str | None) -> LockState:
    """Where the bolt is, in any spelling of case; UNKNOWN for anything else."""
    by_word = {_squeezed(state): state for state in LockState}
    return by_word.get(_squeezed(word or ""), LockState.UNKNOWN)


def parse_battery_state(word: str | None) -> BatteryState:
    """What the batteries are, in any spelling of case; UNKNOWN for anything else."""
    by_word = {_squeezed(state): state for state in BatteryState}
    return by_word.get(_squeezed(word or ""), BatteryState.UNKNOWN)


def _schedule_type(word: str | None) -> ScheduleType:
    by_word = {_squeezed(kind): kind for kind in ScheduleType}
    return by_word.get(_squeezed(word or ""), ScheduleType.UNKNOWN)


def _squeezed(word: str) -> str:
    """A word for comparison: lower case, without joints, so `Timed_Out` equals `TimedOut`."""
    return re.sub(r"[\s_-]", "", word.lower())
