"""What a door code's status is called; `engine.status_of` computes it."""

from enum import StrEnum


class Status(StrEnum):
    PLANNED = "planned"
    QUEUED = "queued"
    SENT = "sent"
    CONFIRMED = "confirmed"
    RETRYING = "retrying"
    UNSURE = "unsure"
    NEEDS_YOU = "needs_you"
    REMOVING = "removing"
    REMOVED = "removed"


class Verdict(StrEnum):
    """What a booking's doors together say, best first."""

    READY = "ready"
    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    NOT_READY = "not_ready"
