"""The life of a command: one write sent to Schlage for one lock.

`TRANSITIONS` is the whole truth about it, legal no-ops included; a pair that is not in it raises
IllegalTransition. docs/state-machine.md is generated from it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What the command asks of the lock."""

    ADD = "add"
    UPDATE = "update"
    DELETE = "delete"
    DELETE_ALL = "delete_all"
    UNLOCK = "unlock"
    LOCK = "lock"


class Lane(StrEnum):
    """One command may be open per lock and lane: moving the bolt never waits for a code."""

    CODES = "codes"
    BOLT = "bolt"


LANE_OF: Final[Mapping[Kind, Lane]] = {
    Kind.ADD: Lane.CODES,
    Kind.UPDATE: Lane.CODES,
    Kind.DELETE: Lane.CODES,
    Kind.DELETE_ALL: Lane.CODES,
    Kind.UNLOCK: Lane.BOLT,
    Kind.LOCK: Lane.BOLT,
}


class State(StrEnum):
    """Where a command stands."""

    INTENDED = "intended"  # written down; the call has certainly not been made
    SENDING = "sending"  # the call may have been made
    ACCEPTED = "accepted"  # Schlage answered 202: says nothing about the lock
    SUCCEEDED = "succeeded"  # the lock confirmed
    FAILED = "failed"  # the lock or Schlage refused
    TIMED_OUT = "timed_out"  # Schlage gave up waiting for the lock: it may have been carried out
    UNKNOWN = "unknown"  # no answer in time: it may have been carried out
    SUPERSEDED = "superseded"  # never sent, no longer wanted


class Event(StrEnum):
    """What can happen to a command."""

    CLAIMED = "claimed"  # the lease was checked; the call is made next
    ACCEPTED = "accepted"  # 202 with a command id
    SUCCEEDED = "succeeded"  # a look-up or webhook says so
    FAILED = "failed"  # a look-up or webhook says so
    TIMED_OUT = "timed_out"  # a look-up or webhook says so
    REFUSED = "refused"  # the call's own answer is a definitive no
    NOT_SENT = "not_sent"  # the call never reached Schlage
    UNCERTAIN = "uncertain"  # time-out after sending, 5xx, broken answer
    ABANDONED = "abandoned"  # the worker that was sending is gone
    EXPIRED = "expired"  # ten minutes without an answer, or Schlage forgot it
    SUPERSEDED = "superseded"  # withdrawn before it was sent


OPEN: Final = frozenset({State.INTENDED, State.SENDING, State.ACCEPTED})
# Outcomes after which the lock may or may not have done it.
UNCERTAIN: Final = frozenset({State.TIMED_OUT, State.UNKNOWN})

_S, _E = State, Event

# Late news about a closed command ranks success, failure, time-out, whatever the order in which the
# news came, so that all orders end in the same state.
TRANSITIONS: Final[Mapping[tuple[State, Event], State]] = {
    (_S.INTENDED, _E.CLAIMED): _S.SENDING,
    (_S.INTENDED, _E.SUPERSEDED): _S.SUPERSEDED,
    (_S.SUPERSEDED, _E.SUPERSEDED): _S.SUPERSEDED,
    (_S.SENDING, _E.ACCEPTED): _S.ACCEPTED,
    (_S.SENDING, _E.REFUSED): _S.FAILED,
    (_S.SENDING, _E.NOT_SENT): _S.FAILED,
    (_S.SENDING, _E.UNCERTAIN): _S.UNKNOWN,
    (_S.SENDING, _E.ABANDONED): _S.UNKNOWN,
    # The worker that was thought dead comes back with its answer.
    (_S.UNKNOWN, _E.ACCEPTED): _S.UNKNOWN,
    (_S.UNKNOWN, _E.REFUSED): _S.FAILED,
    (_S.UNKNOWN, _E.NOT_SENT): _S.FAILED,
    (_S.UNKNOWN, _E.UNCERTAIN): _S.UNKNOWN,
    (_S.ACCEPTED, _E.SUCCEEDED): _S.SUCCEEDED,
    (_S.ACCEPTED, _E.FAILED): _S.FAILED,
    (_S.ACCEPTED, _E.TIMED_OUT): _S.TIMED_OUT,
    (_S.ACCEPTED, _E.EXPIRED): _S.UNKNOWN,
    (_S.UNKNOWN, _E.SUCCEEDED): _S.SUCCEEDED,
    (_S.UNKNOWN, _E.FAILED): _S.FAILED,
    (_S.UNKNOWN, _E.TIMED_OUT): _S.TIMED_OUT,
    (_S.UNKNOWN, _E.EXPIRED): _S.UNKNOWN,
    (_S.TIMED_OUT, _E.SUCCEEDED): _S.SUCCEEDED,
    (_S.TIMED_OUT, _E.FAILED): _S.FAILED,
    (_S.TIMED_OUT, _E.TIMED_OUT): _S.TIMED_OUT,
    (_S.TIMED_OUT, _E.EXPIRED): _S.TIMED_OUT,
    (_S.FAILED, _E.SUCCEEDED): _S.SUCCEEDED,
    (_S.FAILED, _E.FAILED): _S.FAILED,
    (_S.FAILED, _E.TIMED_OUT): _S.FAILED,
    (_S.FAILED, _E.EXPIRED): _S.FAILED,
    (_S.SUCCEEDED, _E.SUCCEEDED): _S.SUCCEEDED,
    (_S.SUCCEEDED, _E.FAILED): _S.SUCCEEDED,
    (_S.SUCCEEDED, _E.TIMED_OUT): _S.SUCCEEDED,
    (_S.SUCCEEDED, _E.EXPIRED): _S.SUCCEEDED,
}


class IllegalTransition(Exception):
    """An event that makes no sense in the command's state: a defect of ours, never a user's."""


def next_state(state: State, event: Event) -> State:
    """The state after `event`; the same state for a legal no-op; raises IllegalTransition."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"{event} while {state}") from None
