"""What to do next on one lock: pure, level-triggered, one step at a time.

`decide` looks at the gap between what is wanted (for each door code exactly one entry of the
current revision held, all its other entries gone) and what is known, and names the one next
action. The caller does it, commits, and asks again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from portal.domain import preflight, reach, reading, spare, witness
from portal.domain.command import Event, Kind, State
from portal.domain.entry import EntryState, Evidence
from portal.domain.problems import ProblemKey
from portal.domain.rebuild import FREEZING, RebuildFacts, Stage, next_look
from portal.domain.snapshot import (
    CodeFacts,
    CodeKind,
    CommandFacts,
    EntryFacts,
    Snapshot,
    is_held_as_wanted,
    is_written_as_wanted,
    wanted_entry,
)


class Rung(StrEnum):
    """The steps of the split-brain ladder, in order."""

    FRESH_LABEL = "fresh_label"  # the same PIN under a new name, once
    FRESH_PIN = "fresh_pin"  # a new PIN, where nobody was shown the old one
    SPLIT_BRAIN = "split_brain"  # a person must press Delete All


@dataclass(frozen=True)
class LookUp:
    """Ask Schlage how this command ended."""

    command_id: int


class Part(StrEnum):
    """What can be read of a lock, in the order in which it is."""

    LIST = "list"  # its codes, as Schlage's servers list them
    LOG = "log"  # its own log
    STATE = "state"  # whether it is in reach, and how it is


@dataclass(frozen=True)
class Read:
    """Read these parts of the lock; the first that is not answered ends it."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Send:
    """Write to the lock; without `entry_id` a new entry is made for the code first."""

    code_id: int
    entry_id: int | None
    kind: Kind


@dataclass(frozen=True)
class Close:
    """Close a command that a dead worker left behind; nothing is sent."""

    command_id: int
    event: Event


@dataclass(frozen=True)
class Refuse:
    """Do not send: the pre-flight found why the lock would refuse."""

    code_id: int
    fault: preflight.Fault


@dataclass(frozen=True)
class Climb:
    """Give the entry up and take the next rung of the ladder."""

    code_id: int
    entry_id: int
    rung: Rung


@dataclass(frozen=True)
class MakeSpare:
    """One more spare for the stock."""


@dataclass(frozen=True)
class RenewSpare:
    """Move the end of a spare in stock on."""

    code_id: int


@dataclass(frozen=True)
class DropSpare:
    """Take a spare in stock off: it is one too many, or its place or digits are needed."""

    code_id: int


@dataclass(frozen=True)
class DeleteAll:
    """Send the delete-all command of a rebuild."""


@dataclass(frozen=True)
class StopRebuild:
    """Nobody went on with the rebuild: the queue runs again."""


@dataclass(frozen=True)
class Wait:
    """Nothing to do before `until`, always in the future; None: until something happens."""

    until: datetime | None


OfStock = MakeSpare | RenewSpare | DropSpare
OfRebuild = DeleteAll | StopRebuild
Action = LookUp | Read | Send | Close | Refuse | Climb | OfStock | OfRebuild | Wait
Rank = tuple[int, datetime, int]

_TIER_INSIDE: Final = 0
_TIER_ARRIVAL: Final = 1
_TIER_REMOVAL: Final = 2
_TIER: Final = {CodeKind.STAFF: 3, CodeKind.SPARE: 4}
# So many updates in a row may be refused as in use before the entry is given up.
UPDATES_IN_USE: Final = 2
# Problems that the pre-flight finds: a code stuck on one is free as soon as the check passes. Not
# one of the wrong length: the lock itself may have refused it, by a rule that is not known yet.
CHECKED: Final = frozenset({ProblemKey.PIN_CLASH, ProblemKey.LOCK_FULL})


@dataclass(frozen=True)
class _Step:
    """A possible action, when it may be taken, and how urgent it is."""

    at: datetime
    rank: Rank
    action: Action


def decide(snapshot: Snapshot, now: datetime) -> Action:
    """The one next action for this lock.

    Order: an open command comes first (one at a time); then a read that is due, because a write
    rests on what is known; then the most urgent write that may go now; else wait for the earliest
    time at which any of these changes. A lock that Schlage no longer lists waits until its
    connection's check has found it. In an outage nothing is done before the next probe, and a
    lock that has nothing to do by then leaves the probe to others.
    """
    if snapshot.command is not None:
        return _attend(snapshot.command, now)
    lock = snapshot.lock
    # Where nothing can be done, a code whose window is over is still no longer said to be wanted.
    ends = [c.ends_at for c in snapshot.codes if c.wants(now)]
    if not lock.can_call:
        return Wait(min(ends, default=None))
    if lock.is_missing:
        return Wait(min([now + reach.MISSING_AGAIN, *ends]))
    action = _of_its_own(snapshot, now)
    if lock.call_after is None or lock.call_after <= now:
        return action
    if isinstance(action, Wait):
        return Wait(action.until and max(action.until, lock.call_after))
    return Wait(reach.next_probe(snapshot, lock.call_after, now))


def _of_its_own(snapshot: Snapshot, now: datetime) -> Action:
    """The next action of a lock without an open command, as if Schlage were in reach."""
    lock = snapshot.lock
    if lock.rebuild is not None and lock.rebuild.stage in FREEZING:
        return _rebuild(lock.rebuild, lock.read_after, now)

    reads = {
        Part.LIST: reading.next_read(snapshot, now),
        Part.LOG: witness.next_log_read(snapshot, now),
        Part.STATE: reach.next_ask(snapshot, now),
    }
    due = tuple(part for part, at in reads.items() if at is not None and at <= now)
    if due and due != (Part.STATE,):
        return Read(due)
    steps = list(_steps(snapshot, now))
    ready = [step for step in steps if step.at <= now]
    # Of a lock that is thought to be there a write tells as well, and does something.
    if due and (lock.is_offline or not ready):
        return Read(due)
    if ready:
        return min(ready, key=lambda step: step.rank).action
    times = [step.at for step in steps]
    times += [at for at in (*reads.values(), lock.next_send_at) if at is not None]
    # A code that is no longer wanted becomes removable at the end of its window.
    times += [c.ends_at for c in snapshot.codes if c.wants(now)]
    return Wait(min(times, default=None))


def _rebuild(facts: RebuildFacts, read_after: datetime | None, now: datetime) -> Action:
    """The frozen lock's next step: nothing else is written or concluded until its list is empty."""
    if now >= facts.until:
        return StopRebuild()
    at = next_look(facts, read_after)
    if at > now:
        return Wait(min(at, facts.until))
    return DeleteAll() if facts.stage is Stage.DELETING else Read((Part.LIST,))


def _attend(command: CommandFacts, now: datetime) -> Action:
    """The open command's turn. Whoever asks holds the lock's lease, so nobody is sending it."""
    if command.state is State.INTENDED:
        return Close(command.id, Event.SUPERSEDED)
    if command.state is State.SENDING:
        return Close(command.id, Event.ABANDONED)
    if command.look_at is None or command.look_at <= now:
        return LookUp(command.id)
    return Wait(command.look_at)


def _steps(snapshot: Snapshot, now: datetime) -> Iterator[_Step]:
    """Every action that the gap calls for, with the removals that arrivals wait for ranked up."""
    lifted: dict[int, Rank] = {}
    removals: list[tuple[CodeFacts, _Step]] = []
    for code in snapshot.codes:
        if code.wants(now):
            for step in _wanted_steps(snapshot, code, now):
                if isinstance(step.action, Refuse) and step.action.fault.waits_for:
                    for other in step.action.fault.waits_for:
                        lifted[other] = min(step.rank, lifted.get(other, step.rank))
                    if code.problem is step.action.fault.problem:
                        continue
                yield step
        else:
            removals += [(code, step) for step in _removal_steps(snapshot, code, now)]
    yield from _stock_steps(snapshot, now)
    for code, step in removals:
        rank = min(step.rank, lifted.get(code.id, step.rank))
        yield replace(step, rank=rank)


def _stock_steps(snapshot: Snapshot, now: datetime) -> Iterator[_Step]:
    """As many spares as wanted, none that others keep changing, each with an end far ahead.

    Only rows change, so there is no gate.
    """
    stock = spare.stock_of(snapshot, now)
    last = (_TIER[CodeKind.SPARE], now, 0)
    if len(stock.codes) > stock.wanted:
        yield _Step(now, last, DropSpare(stock.codes[-1].id))
    elif len(stock.codes) < stock.wanted and spare.has_room(snapshot, now):
        yield _Step(now, last, MakeSpare())
    for code in stock.codes:
        if (at := spare.replaced_at(code)) is not None:
            yield _Step(at, last, DropSpare(code.id))
        else:
            yield _Step(spare.renewed_at(code), last, RenewSpare(code.id))


def _wanted_steps(snapshot: Snapshot, code: CodeFacts, now: datetime) -> Iterator[_Step]:
    entries = snapshot.entries_of(code)
    entry = wanted_entry(code, entries)
    rank = _rank(code, now)
    gate = _gate(snapshot, code, now)

    if entry is not None and entry.state is EntryState.HELD:
        others = [e for e in entries if e is not entry and e.may_be_on_lock]
        yield from _held_steps(code, entry, others, gate, rank)
    elif entry is not None and entry.may_be_on_lock and (rung := _rung(code, entry)) is not None:
        yield _Step(now, rank, Climb(code.id, entry.id, rung))
    elif entry is not None and entry.may_be_on_lock and not _is_denied(entry):
        # Ours after all: it is adopted by an update to its id. Otherwise the next read decides
        # (or the lock's log, after a success), and until then nothing is sent.
        if _is_to_be_updated(code, entry) and not code.is_stuck:
            yield _Step(gate, rank, Send(code.id, entry.id, Kind.UPDATE))
    else:
        yield from _adding_steps(snapshot, code, entry, gate, rank, now)


def _held_steps(
    code: CodeFacts, entry: EntryFacts, others: list[EntryFacts], gate: datetime, rank: Rank
) -> Iterator[_Step]:
    if is_held_as_wanted(code, entry) and not _must_reaffirm(code, entry):
        # Only now that the wanted entry is confirmed may the ones before it go.
        for old in others:
            yield from _removal(code, old, gate)
    elif entry.access_code_id is not None and not code.is_stuck:
        yield _Step(gate, rank, Send(code.id, entry.id, Kind.UPDATE))


def _is_to_be_updated(code: CodeFacts, entry: EntryFacts) -> bool:
    """Whether an entry in doubt is known well enough to be written again under its id."""
    if entry.access_code_id is None:
        return False
    if entry.evidence is Evidence.ANSWERED:
        return not is_written_as_wanted(code, entry)
    return entry.is_listed


def _adding_steps(
    snapshot: Snapshot,
    code: CodeFacts,
    entry: EntryFacts | None,
    gate: datetime,
    rank: Rank,
    now: datetime,
) -> Iterator[_Step]:
    at = max(gate, code.send_at)
    if code.is_stuck and code.problem not in CHECKED:
        return
    fault = preflight.check(snapshot, code, entry, now)
    if fault is None:
        yield _Step(at, rank, Send(code.id, entry.id if entry else None, Kind.ADD))
    elif fault.gives_way is not None:
        yield _Step(max(code.send_at, now), rank, DropSpare(fault.gives_way))
    elif fault.problem is ProblemKey.LOCK_FULL and spare.is_in_stock(code, now):
        # No person need know that there is no room for a spare.
        yield _Step(now, rank, DropSpare(code.id))
    elif fault.waits_for or code.problem is not fault.problem or not code.is_stuck:
        yield _Step(max(code.send_at, now), rank, Refuse(code.id, fault))


def _removal_steps(snapshot: Snapshot, code: CodeFacts, now: datetime) -> Iterator[_Step]:
    gate = _gate(snapshot, code, now)
    for entry in snapshot.entries_of(code):
        if not entry.may_be_on_lock:
            continue
        at = gate
        if code.is_kept_until_replaced:
            at = max(at, min(entry.ends_at, code.ends_at))
        yield from _removal(code, entry, at)


def _removal(code: CodeFacts, entry: EntryFacts, at: datetime) -> Iterator[_Step]:
    """The entry's removal, by its id; one that the lock denied waits for the end of its window."""
    if entry.access_code_id is None:
        return
    if entry.evidence is Evidence.DENIED:
        if not entry.ends_by_itself:
            return
        at = max(at, entry.at_most.ends_at)
    rank = (_TIER_REMOVAL, code.ends_at, code.id)
    yield _Step(at, rank, Send(code.id, entry.id, Kind.DELETE))


def _must_reaffirm(code: CodeFacts, entry: EntryFacts) -> bool:
    return code.reaffirm_after is not None and entry.evidence_at < code.reaffirm_after


def _is_denied(entry: EntryFacts) -> bool:
    """Listed by the server under an id that the lock says it does not have."""
    return entry.is_ghost and entry.evidence is Evidence.ID_UNKNOWN and entry.is_listed


def _rung(code: CodeFacts, entry: EntryFacts) -> Rung | None:
    """The next step of the ladder once verified reads show no rival to a code refused as in use."""
    if entry.evidence is not Evidence.IN_USE or code.is_stuck:
        return None
    shows_no_rival = entry.absent_reads >= reading.READS_TO_BELIEVE
    is_denied = entry.is_ghost and entry.is_listed
    is_refused_again = witness.is_refused_though_listed(entry) and code.failures >= UPDATES_IN_USE
    if not (shows_no_rival or is_denied or is_refused_again):
        return None
    if code.ladder == 0:
        return Rung.FRESH_LABEL
    if code.ladder == 1 and not code.is_pin_shown:
        return Rung.FRESH_PIN
    return Rung.SPLIT_BRAIN


def _rank(code: CodeFacts, now: datetime) -> Rank:
    """Guest inside, then soonest arrival, then removals, staff, spares."""
    if code.serves in _TIER:
        return (_TIER[code.serves], code.starts_at, code.id)
    if code.arrives_at <= now < code.departs_at:
        return (_TIER_INSIDE, code.arrives_at, code.id)
    return (_TIER_ARRIVAL, code.arrives_at, code.id)


def _gate(snapshot: Snapshot, code: CodeFacts, now: datetime) -> datetime:
    """Before this time nothing is written for the code."""
    return reach.next_write(snapshot, code, now) or now
