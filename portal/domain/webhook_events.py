"""The events that endpoints of other programs are told of, and what each of them says.

Ids and states only: whoever wants names or times asks the API, and nobody is sent a PIN.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class EventKind(StrEnum):
    """What happened; a caller chooses which of these it wants."""

    DOOR_CODE_STATUS_CHANGED = "door_code.status_changed"  # a door code has another status
    BOOKING_VERDICT_CHANGED = "booking.verdict_changed"  # a booking has another verdict
    ALERT_OPENED = "alert.opened"  # something that a person should know of began
    ALERT_RESOLVED = "alert.resolved"  # it is over; not sent where a more urgent alert took over
    TEST = "test"  # a person pressed the test button; every endpoint gets it


CHOICES: Final = tuple(kind for kind in EventKind if kind is not EventKind.TEST)

_STATUS: Final = "one of [the statuses](state-machine.md#a-door-codes-status)"
_VERDICT: Final = "`ready`, `on_track`, `at_risk` or `not_ready`"
_PROBLEM: Final = "the problem's key, or null"
_ALERT: Final = {
    "alert_id": "the alert's id",
    "cause": "what is wrong, such as `not_confirmed` or a problem's key",
    "booking_id": "the booking it is about, or null",
    "lock_id": "the lock it is about, or null",
    "feed_id": "the calendar it is about, or null",
    "connection_id": "the connection it is about, or null",
    "opened_at": "when it began",
}
# The fields of `data`, each with what it says.
FIELDS: Final[Mapping[EventKind, Mapping[str, str]]] = {
    EventKind.DOOR_CODE_STATUS_CHANGED: {
        "door_code_id": "the door code's id",
        "kind": "whose it is: `guest`, `staff` or `spare`",
        "booking_id": "the booking whose guest uses it; null for staff and for a spare in stock",
        "lock_id": "its lock's id",
        "before": _STATUS,
        "after": _STATUS,
        "problem": _PROBLEM,
    },
    EventKind.BOOKING_VERDICT_CHANGED: {
        "booking_id": "the booking's id",
        "source": "where the booking came from",
        "external_id": "the booking's id at its source",
        "before": _VERDICT,
        "after": _VERDICT,
        "problem": _PROBLEM,
    },
    EventKind.ALERT_OPENED: {
        **_ALERT,
        "escalates": "the id of the less urgent alert that this one takes over from, or null",
    },
    EventKind.ALERT_RESOLVED: {**_ALERT, "closed_at": "when it was over"},
    EventKind.TEST: {"endpoint_id": "the id of the endpoint that is tested"},
}
