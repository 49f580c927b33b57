"""A Resync of one door, step by step: asked, read, sent, confirmed, and what comes next."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from portal.domain.command import State

SHOWN_AFTER: Final = timedelta(minutes=5)  # how long a Resync that has ended is still told of


class Step(StrEnum):
    """What a Resync does, in this order."""

    ASKED = "asked"  # what became of the command that was under way when it was pressed
    READ = "read"  # the lock's list
    SENT = "sent"
    ACCEPTED = "accepted"  # by Schlage, which says nothing about the lock
    CONFIRMED = "confirmed"  # by the lock


class Progress(StrEnum):
    """How far a step is."""

    DONE = "done"
    NOW = "now"
    LATER = "later"
    FAILED = "failed"
    SKIPPED = "skipped"  # the Resync ended before it


@dataclass(frozen=True, kw_only=True)
class Sent:
    """The command that this Resync sent for the door."""

    state: State
    sent_at: datetime | None
    accepted_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One door since the press."""

    pressed_at: datetime
    ended_at: datetime | None  # of this Resync, not of one before
    was_open: bool = False  # a command was under way on the lock at the press
    open_closed_at: datetime | None = None
    read_at: datetime | None  # the last complete read, whenever that was
    sent: Sent | None = None


@dataclass(frozen=True)
class StepState:
    """One step: how far it is, and since when."""

    step: Step
    progress: Progress
    at: datetime | None = None


def is_shown(pressed_at: datetime | None, ended_at: datetime | None, now: datetime) -> bool:
    """Whether the page tells of this Resync: while it runs and a little longer."""
    if pressed_at is None:
        return False
    return ended_at is None or ended_at < pressed_at or now - ended_at < SHOWN_AFTER


def steps(facts: Facts) -> tuple[StepState, ...]:
    """The steps in order; the first that is not done runs now, or the Resync ended before it."""
    sent = facts.sent
    times: dict[Step, datetime | None] = {
        Step.ASKED: facts.open_closed_at,
        Step.READ: _since(facts.read_at, facts.pressed_at),
        Step.SENT: sent.sent_at if sent else None,
        Step.ACCEPTED: sent.accepted_at if sent else None,
        Step.CONFIRMED: sent.closed_at if sent else None,
    }
    if not facts.was_open:
        del times[Step.ASKED]
    found: list[StepState] = []
    last_done = max((n for n, at in enumerate(times.values()) if at is not None), default=-1)
    is_running = facts.ended_at is None
    for number, (step, at) in enumerate(times.items()):
        if at is not None:
            found.append(StepState(step, _ended(step, sent), at))
        elif number < last_done or not is_running:
            # A later step tells that this one is behind us, or nothing will come of it any more.
            found.append(StepState(step, Progress.SKIPPED))
        elif number == last_done + 1:
            found.append(StepState(step, Progress.NOW))
        else:
            found.append(StepState(step, Progress.LATER))
    return tuple(found)


def _since(at: datetime | None, pressed_at: datetime) -> datetime | None:
    return at if at is not None and at >= pressed_at else None


def _ended(step: Step, sent: Sent | None) -> Progress:
    if step is Step.CONFIRMED and sent is not None and sent.state is not State.SUCCEEDED:
        return Progress.FAILED
    return Progress.DONE
