"""The words for a door code and for a booking. They are computed, and stored only as an index."""

from enum import StrEnum


class Status(StrEnum):
    """What a door code's row says; `standing.standing_of` computes it."""

    PLANNED = "planned"  # will be sent at a known time
    QUEUED = "queued"  # due, waiting for its turn on this lock
    SENT = "sent"  # Schlage accepted it; the lock has not answered
    CONFIRMED = "confirmed"  # the wanted entry is held
    RETRYING = "retrying"  # failed; the next try is at a shown time
    UNSURE = "unsure"  # the outcome is unknown or reads disagree; being verified
    NEEDS_YOU = "needs_you"  # automatic means are used up, or a choice is needed
    REMOVING = "removing"  # being taken off
    REMOVED = "removed"  # proven off


class Verdict(StrEnum):
    """What a booking's doors together say, best first; `verdict.judge` computes it."""

    READY = "ready"
    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    NOT_READY = "not_ready"
