"""What a webhook of Schlage says, classified by its content.

Only `CommandSucceeded`, `DeviceLockStateChanged` and `DeviceConnectivityStateChanged` are known
for certain (the vendor's signed sample, Allegion release notes Nov 2024 and Jan 2025). The
other names are guesses of the public, so an event is classified by what its words contain, and
one that fits nothing is kept as it is rather than dropped.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from portal.schlage.payloads import (
    BatteryState,
    LockState,
    parse_battery_state,
    parse_command_error,
    parse_lock_state,
)
from portal.schlage.reading import Fields, Unreadable, load

_MAX_EVENT_ID = 128


class EventKind(StrEnum):
    """What an event is about. The first four are about a command of some client."""

    COMMAND_SUCCEEDED = "command_succeeded"
    COMMAND_FAILED = "command_failed"
    COMMAND_TIMED_OUT = "command_timed_out"
    #: About a command, in words that we do not know: only a look-up can tell.
    COMMAND_UNKNOWN = "command_unknown"
    LOCK_STATE = "lock_state"
    CONNECTIVITY = "connectivity"
    BATTERY = "battery"
    ACCESS_CODE = "access_code"
    #: Somebody keyed in digits that open nothing.
    WRONG_CODE = "wrong_code"
    #: The keypad takes no digits for a while, after too many of those.
    KEYPAD_PAUSED = "keypad_paused"
    ALARM = "alarm"
    USER = "user"
    UNKNOWN = "unknown"

    @property
    def is_command(self) -> bool:
        """Whether a command should be looked up because of this event."""
        return self.value.startswith("command_")


@dataclass(frozen=True)
class WebhookEvent:
    """One event. `event_id` is never empty and the same for the same event sent twice."""

    event_id: str
    kind: EventKind
    event_type: str
    trigger: str
    device_id: str | None = None
    #: When it happened, in UTC, by Schlage's clock.
    at: datetime | None = None
    command_id: str | None = None
    #: The vendor's name of the command, such as `AddAccessCode`.
    command_type: str | None = None
    #: The OAuth client that sent the command: events of other clients are not about ours.
    client_id: str | None = None
    error_text: str | None = None
    error_code: int | None = None
    is_online: bool | None = None
    lock_state: LockState = LockState.UNKNOWN
    battery_state: BatteryState = BatteryState.UNKNOWN
    battery_level: int | None = None
    #: All of `data`, as it came. Kept out of the repr: it may carry digits.
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)


def parse_events(body: bytes) -> tuple[WebhookEvent, ...]:
    """The events in the body of a verified webhook: one, or one for each envelope of a list.

    Version 1 wraps its event in a list of one. A body that cannot be read is one UNKNOWN event
    whose id is a hash of the body: it was signed by Schlage, so it is stored and shown, not lost.
    """
    digest = hashlib.sha256(body).hexdigest()
    try:
        value = load(body)
    except Unreadable:
        value = None
    envelopes = value if isinstance(value, list) and value else [value]
    return tuple(
        _event(envelope, fallback_id=f"sha256-{digest[:56]}-{index}")
        for index, envelope in enumerate(envelopes)
    )


def _event(envelope: object, *, fallback_id: str) -> WebhookEvent:
    fields = Fields(envelope)
    inner = fields.value("data")
    data = fields.child("data")
    event_id = fields.text("eventId", "id")
    if event_id is None or len(event_id) > _MAX_EVENT_ID:
        event_id = fallback_id
    event_type = fields.text("eventType") or ""
    trigger = fields.text("trigger") or data.text("trigger") or ""
    command_id = data.text("commandId") or fields.text("commandId")
    error_text, error_code = parse_command_error(data.value("error") or fields.value("error"))
    kind = classify(event_type, trigger, has_command=command_id is not None)
    return WebhookEvent(
        event_id=event_id,
        kind=kind,
        event_type=event_type,
        trigger=trigger,
        device_id=fields.text("deviceId") or data.text("deviceId", "identifier"),
        at=fields.moment("time", "eventTime", "timestamp"),
        command_id=command_id,
        command_type=data.text("commandType") or fields.text("commandType"),
        client_id=data.text("clientId") or fields.text("clientId"),
        error_text=error_text,
        error_code=error_code,
        is_online=_is_online(kind, event_type + trigger, data, fields),
        lock_state=parse_lock_state(data.text("lockState") or fields.text("lockState")),
        battery_state=_battery_state(kind, event_type + trigger, data),
        battery_level=data.number("batteryLevel"),
        data=inner if isinstance(inner, Mapping) else {},
    )


def classify(event_type: str, trigger: str, *, has_command: bool = False) -> EventKind:
    """What an event is about, from the words in its type and trigger, whatever their case."""
    kind_words, words = event_type.lower(), f"{event_type} {trigger}".lower()
    if has_command or "command" in kind_words:
        return _classify_command(trigger.lower() or kind_words)
    for pattern, kind in _PATTERNS:
        if re.search(pattern, words):
            return kind
    return EventKind.UNKNOWN


_NOT_OVER = r"^(?!.*(ended|cleared|silenc|disarm|enabled|restored|reconnect)).*"
_WRONG = r"(invalid|wrong|incorrect|denied|not.?recogni[sz]ed|unrecogni[sz]ed)"
_DIGITS = r"(code|pin|credential|access)"

#: Words for trouble at the door, in events and in a lock's log alike; all of them guesses. That a
#: pause or an alarm is over is nothing to tell. A keypad is paused for wrong codes: that is first.
TROUBLES = (
    (
        _NOT_OVER + r"(keypad.*(lock|disab|paus|block|suspend)|lock.?out|too.?many)",
        EventKind.KEYPAD_PAUSED,
    ),
    (_WRONG + r"\W*\w*" + _DIGITS, EventKind.WRONG_CODE),
    (_DIGITS + r"\W*" + _WRONG, EventKind.WRONG_CODE),
    (_NOT_OVER + r"(alarm|forced|tamper|intru)", EventKind.ALARM),
)

#: Looked at in this order. Version 1 names the way a bolt was moved (`Thumbturn`, `AccessCode`).
_PATTERNS = (
    (r"^user", EventKind.USER),
    (r"batter", EventKind.BATTERY),
    *TROUBLES,
    (r"connect|offline|online", EventKind.CONNECTIVITY),
    (r"lockstate", EventKind.LOCK_STATE),
    (r"accesscode.*(creat|updat|delet|add|remov|chang|sync|manage)", EventKind.ACCESS_CODE),
    (r"user|account|integration|sign.?out|workswith", EventKind.USER),
    (r"^(accesscode|autorelock|1touchlocking|thumbturn|virtualkey)\b", EventKind.LOCK_STATE),
)


def _classify_command(words: str) -> EventKind:
    """The kind of a command's event. Words that speak for both ends count as not known."""
    is_success = "succe" in words
    is_timeout = re.search(r"time[sd]?.?out", words) is not None
    is_failure = re.search(r"fail|nack|reject|error|unsucce|not.?succe", words) is not None
    if is_success and (is_timeout or is_failure):
        return EventKind.COMMAND_UNKNOWN
    if is_success:
        return EventKind.COMMAND_SUCCEEDED
    if is_timeout:
        return EventKind.COMMAND_TIMED_OUT
    return EventKind.COMMAND_FAILED if is_failure else EventKind.COMMAND_UNKNOWN


def _is_online(kind: EventKind, words: str, data: Fields, fields: Fields) -> bool | None:
    """Whether the lock can be reached: from the flag, else from the words of version 1."""
    if kind is not EventKind.CONNECTIVITY:
        return None
    flag = data.flag("connected")
    if flag is None:
        flag = fields.flag("connected")
    if flag is not None:
        return flag
    words = words.lower()
    if "offline" in words or "disconnect" in words:
        return False
    return True if "online" in words else None


def _battery_state(kind: EventKind, words: str, data: Fields) -> BatteryState:
    """What the batteries are: from the field, else from the words (`BatteryCriticallyLow`)."""
    if kind is not EventKind.BATTERY:
        return BatteryState.UNKNOWN
    stated = parse_battery_state(data.text("batteryState"))
    if stated is not BatteryState.UNKNOWN:
        return stated
    if "critical" in words.lower():
        return BatteryState.CRITICALLY_LOW
    return BatteryState.LOW if "low" in words.lower() else BatteryState.UNKNOWN
