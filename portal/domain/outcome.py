"""What the outcome of a command means: for the entry it wrote, and for trying again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from portal.domain.command import Kind, State
from portal.domain.entry import EntryState, Evidence, may_be_on_lock
from portal.domain.problems import CATALOGUE, Policy, ProblemKey
from portal.domain.stay import Doubt, Window

# The lock itself answered that it has no such entry.
DENIALS: Final = frozenset({ProblemKey.CODE_ID_NOT_FOUND, ProblemKey.USER_NOT_FOUND})
# The lock itself has said that it has nothing under the id that such an entry had.
_OFF: Final = frozenset({Evidence.DELETED, Evidence.ID_UNKNOWN})
# Refusals after which an add is certainly not on the lock: nothing has to be read first.
DEFINITE: Final = frozenset(
    {
        ProblemKey.WRONG_LENGTH,
        ProblemKey.LOCK_FULL,
        ProblemKey.PIN_CLASH,
        ProblemKey.NO_PERMISSION,
        ProblemKey.SIGNED_OUT,
        ProblemKey.RATE_LIMITED,
        ProblemKey.LOCK_MISSING,
    }
)
# How often a problem of that policy may come back in a row before a person is asked.
TRIES: Final = {Policy.ONCE_MORE: 2, Policy.PERSON: 1}
# An error of Schlage's servers that names such a problem is its word less surely than the lock's.
TRIES_UNCERTAIN: Final = {Policy.ONCE_MORE: 4, Policy.PERSON: 1}


@dataclass(frozen=True, kw_only=True)
class Written:
    """The entry as it stood, as far as an outcome depends on it."""

    state: EntryState
    evidence: Evidence
    evidence_command_id: int | None
    is_ghost: bool = False
    has_former_id: bool = False  # under which the lock may have it, whatever the list shows
    unanswered_adds: int = 0  # since a write of it last succeeded
    adds_elsewhere: int = 0  # of these, those that the lock may have under another id: see below


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a command ended. `was_sent` is False where the call certainly never reached Schlage."""

    command_id: int
    kind: Kind
    state: State
    problem: ProblemKey | None
    was_sent: bool = True


@dataclass(frozen=True, kw_only=True)
class EntryChange:
    """What becomes of the entry. `takes_values`: window and revision are now the command's.

    `is_ghost`: the lock denies the id that the list shows. `drops_former_id`: and has it no more
    under the one before either. `drops_ids`: what is added now gets an id of its own.
    """

    state: EntryState
    evidence: Evidence
    takes_values: bool = False
    is_ghost: bool = False
    drops_former_id: bool = False
    drops_ids: bool = False


@dataclass(frozen=True)
class UnansweredAdd:
    """An add that was given up without an answer."""

    command_id: int
    sent_at: datetime


def adds_elsewhere(
    adds: Sequence[UnansweredAdd], seen_at: datetime | None, denied_by: int | None
) -> int:
    """How many of these adds, oldest first, the lock may have under another id than the entry's.

    The entry's id may be that of one of them if the list has shown it since the first was sent.
    Where the lock has denied that id before, by the command `denied_by`, it is of none sent later.
    """
    if not adds:
        return 0
    is_of_one = seen_at is not None and seen_at >= adds[0].sent_at
    later = 0 if denied_by is None else sum(add.command_id > denied_by for add in adds)
    return max(len(adds) - is_of_one, later)


def entry_when_sent(entry: Written, kind: Kind) -> EntryChange | None:
    """The entry's change with the call itself, whatever becomes of it; None where it has none.

    A removal may have happened from then on: what was held is no more, should it be wanted again.
    """
    if kind is Kind.ADD:
        is_off = entry.state is EntryState.GONE and entry.evidence in _OFF
        return EntryChange(
            state=EntryState.MAYBE, evidence=Evidence.SENT, takes_values=True, drops_ids=is_off
        )
    if kind is Kind.DELETE and entry.state is EntryState.HELD:
        return EntryChange(state=EntryState.MAYBE, evidence=Evidence.LEAVING)
    return None


def dates_on_lock(entry: Written, last: Window, doubt: Doubt | None) -> Doubt | None:
    """The dates that the lock may have for what was sent of the entry; None where it has nothing.

    `last` was sent last, `doubt` is what was known before this is asked. That two lists do not
    show an add which had no answer does not take its dates off a lock.
    """
    if may_be_on_lock(entry.state, entry.evidence) or entry.evidence is Evidence.READ_TWICE:
        return doubt or Doubt(last, last)
    return None


def entry_after(entry: Written, outcome: Outcome) -> EntryChange | None:
    """The entry's change for this outcome; None where it teaches nothing about the entry.

    News of an older command than the one that last settled the entry is no news, with one
    exception: a late success proves an entry of which we were not sure, unless we removed it since.
    """
    latest = entry.evidence_command_id
    is_old = latest is not None and outcome.command_id < latest
    is_in_doubt = entry.state is EntryState.MAYBE and entry.evidence is not Evidence.LEAVING
    if is_old and not (outcome.state is State.SUCCEEDED and is_in_doubt):
        return None
    if outcome.kind is Kind.ADD:
        return _after_add(entry, outcome)
    if outcome.kind is Kind.UPDATE:
        return _after_update(entry, outcome)
    if outcome.kind is Kind.DELETE:
        return _after_delete(entry, outcome)
    return None


def _after_add(entry: Written, outcome: Outcome) -> EntryChange | None:
    if outcome.state is State.SUCCEEDED:
        if entry.state is EntryState.GONE and entry.evidence in {
            Evidence.DELETED,
            Evidence.LIST_EMPTY,
        }:
            return None
        return EntryChange(state=EntryState.HELD, evidence=Evidence.CONFIRMED, takes_values=True)
    if outcome.state is State.FAILED and entry.state is not EntryState.HELD:
        if outcome.was_sent and outcome.problem is ProblemKey.ALREADY_IN_USE:
            return EntryChange(state=EntryState.MAYBE, evidence=Evidence.IN_USE)
        is_refused = not outcome.was_sent or outcome.problem in DEFINITE
        # It says nothing of what was sent before, and what no list shows may be there all the same.
        has_older = entry.unanswered_adds > 0 or entry.has_former_id
        if is_refused and not has_older:
            return EntryChange(state=EntryState.GONE, evidence=Evidence.REFUSED)
    if outcome.state is not State.SUPERSEDED and entry.state is not EntryState.HELD:
        return EntryChange(state=EntryState.MAYBE, evidence=Evidence.SENT)
    return None


def _after_update(entry: Written, outcome: Outcome) -> EntryChange | None:
    if outcome.state is State.SUCCEEDED:
        if entry.state is EntryState.GONE:
            return None
        return EntryChange(state=EntryState.HELD, evidence=Evidence.CONFIRMED, takes_values=True)
    if outcome.state is State.FAILED and outcome.problem in DENIALS:
        return EntryChange(state=EntryState.MAYBE, evidence=Evidence.ID_UNKNOWN, is_ghost=True)
    is_refused = outcome.state is State.FAILED and outcome.problem is ProblemKey.ALREADY_IN_USE
    if is_refused and entry.state is EntryState.MAYBE:
        # Its name or digits stand under another id as well: perhaps those of an older add of ours.
        return EntryChange(state=EntryState.MAYBE, evidence=Evidence.IN_USE)
    return None


def _after_delete(entry: Written, outcome: Outcome) -> EntryChange | None:
    if outcome.state is State.SUCCEEDED:
        return EntryChange(state=EntryState.GONE, evidence=Evidence.DELETED, drops_former_id=True)
    if outcome.state is not State.FAILED or outcome.problem not in DENIALS:
        return None
    if entry.has_former_id:
        # The lock never had what the list shows: what it had before is to be removed next. Where
        # that was asked for, and is denied as well, the one in the list has the last word.
        return EntryChange(
            state=EntryState.MAYBE,
            evidence=Evidence.LEAVING,
            is_ghost=True,
            drops_former_id=entry.is_ghost,
        )
    if entry.adds_elsewhere:
        return EntryChange(state=EntryState.MAYBE, evidence=Evidence.DENIED, is_ghost=True)
    return EntryChange(state=EntryState.GONE, evidence=Evidence.ID_UNKNOWN)


def is_done(outcome: Outcome) -> bool:
    """Whether the command reached what it was for: an entry held, or an entry gone."""
    return outcome.state is State.SUCCEEDED or (
        outcome.kind is Kind.DELETE and outcome.state is State.FAILED and outcome.problem in DENIALS
    )


def problem_of(
    state: State, named: ProblemKey | None, *, is_offline: bool = False
) -> ProblemKey | None:
    """The problem an outcome stands for where Schlage's words name none.

    Silence of a lock that is known to be offline is no riddle: offline is what it is called.
    """
    if is_offline and state in {State.TIMED_OUT, State.UNKNOWN}:
        return ProblemKey.LOCK_OFFLINE
    if state is State.TIMED_OUT:
        return named if named not in {None, ProblemKey.UNKNOWN} else ProblemKey.COMMAND_TIMEOUT
    if state is State.UNKNOWN:
        return named if named not in {None, ProblemKey.UNKNOWN} else ProblemKey.OUTCOME_UNKNOWN
    if state is State.FAILED:
        return named or ProblemKey.UNKNOWN
    return None


def is_stuck_after(
    kind: Kind, problem: ProblemKey, failures: int, *, is_certain: bool = True
) -> bool:
    """Whether automatic means are used up after this many equal failures in a row.

    A removal is never given up: the person is told, and the engine goes on. `is_certain`: the last
    one was a refusal, and not an error after which it may have been done all the same.
    """
    if kind is Kind.DELETE:
        return False
    if problem is ProblemKey.WRONG_LENGTH:
        # The first refusal teaches the lock's rule, and a PIN nobody was shown is chosen anew.
        return failures >= 2
    tries = (TRIES if is_certain else TRIES_UNCERTAIN).get(CATALOGUE[problem].policy)
    return tries is not None and failures >= tries
