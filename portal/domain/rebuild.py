"""Setting all codes of a lock again after Delete All: the stages, and what each waits for.

Only a rebuild freezes a lock's queue, and never for long: a person who starts one and walks away
finds the queue running again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from portal.domain.command import UNCERTAIN, State

PERSON_HAS: Final = timedelta(minutes=30)
READ_EVERY: Final = timedelta(seconds=30)
EMPTY_READS: Final = 2
# As long as a command that Schlage took may take to show in the list.
DELETE_AGAIN_AFTER: Final = timedelta(minutes=2)


class Stage(StrEnum):
    """Where a rebuild stands."""

    WAITING = "waiting"  # for the person to press Delete All in the Schlage Home app
    DELETING = "deleting"  # our own delete-all command is to be sent
    VERIFYING = "verifying"  # the list is read until it is empty twice
    SETTING = "setting"  # the queue runs again: guest inside first, then by arrival
    DONE = "done"
    STOPPED = "stopped"  # by a person, or because nobody went on


FREEZING: Final = frozenset({Stage.WAITING, Stage.DELETING, Stage.VERIFYING})
RUNNING: Final = FREEZING | {Stage.SETTING}


@dataclass(frozen=True, kw_only=True)
class RebuildFacts:
    """The running rebuild of a lock, as the engine sees it."""

    stage: Stage
    until: datetime  # when it stops by itself where nothing happens
    gate: datetime  # nothing is sent or read before


def after_delete_all(outcome: State, *, was_sent: bool) -> Stage:
    """How a rebuild goes on once our own Delete All has ended.

    The list tells whether it worked, unless it was refused: then nothing is deleted, and the codes
    are not kept waiting for a person to notice.
    """
    if not was_sent or outcome is State.SUPERSEDED:
        return Stage.DELETING
    return Stage.STOPPED if outcome is State.FAILED else Stage.VERIFYING


def is_to_be_sent_again(outcome: State, sent_at: datetime, now: datetime) -> bool:
    """Whether Delete All goes out once more, because a list that is not empty was read just now.

    Only where nobody knows what became of it. Twice does no harm: the lock is frozen, so that
    nothing was set meanwhile.
    """
    return outcome in UNCERTAIN and now - sent_at >= DELETE_AGAIN_AFTER


def next_look(facts: RebuildFacts, read_after: datetime | None) -> datetime:
    """When a frozen rebuild is worked next."""
    if facts.stage is Stage.WAITING:
        return facts.until
    return max(facts.gate, read_after) if read_after is not None else facts.gate
