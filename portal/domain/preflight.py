"""What would make a lock refuse a code, found before anything is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from portal.domain import pin as pins
from portal.domain import spare
from portal.domain.problems import ProblemKey
from portal.domain.sentences import Sentence
from portal.domain.snapshot import CAPACITY, CodeFacts, EntryFacts, Snapshot

_WRONG_LENGTH: Final = Sentence("This lock takes PINs of {wanted} digits; this one has {length}.")
_CLASH: Final = Sentence("“{label}”, a code we did not make, starts with the same four digits.")
_FULL: Final = Sentence("The lock holds {capacity} codes, which is all it can.")


@dataclass(frozen=True)
class Fault:
    """Why a code must not be sent.

    `waits_for` names codes of ours whose removal, under way already, would cure it; `gives_way` a
    spare in stock that may be taken off for it.
    """

    problem: ProblemKey
    field: str
    words: str
    waits_for: frozenset[int] = frozenset()
    gives_way: int | None = None


def check(
    snapshot: Snapshot, code: CodeFacts, entry: EntryFacts | None, now: datetime
) -> Fault | None:
    """The first fault of adding `code` to the lock now; None where it may be sent."""
    if code.pin is None:
        return Fault(ProblemKey.WRONG_LENGTH, "pin", "No PIN fits every door of this booking.")
    if code.starts_at >= code.ends_at or code.ends_at <= now:
        return Fault(
            ProblemKey.SCHEDULE_NOT_VALID, "dates", "The stay ends before it starts or is over."
        )
    return (
        _digits_fault(snapshot, code, entry)
        or _clash(snapshot, code, now)
        or _room(snapshot, code, now)
    )


def _digits_fault(snapshot: Snapshot, code: CodeFacts, entry: EntryFacts | None) -> Fault | None:
    assert code.pin is not None
    digits = code.pin.reveal()
    if not pins.is_well_formed(digits):
        return Fault(ProblemKey.WRONG_LENGTH, "pin", "A PIN is 4 to 8 digits and nothing else.")
    rule = pins.LengthRule(snapshot.lock.code_length, snapshot.lock.has_vlac)
    if not rule.allows(digits):
        return Fault(
            ProblemKey.WRONG_LENGTH,
            "pin",
            _WRONG_LENGTH(wanted=rule.code_length, length=len(digits)),
        )
    if pins.is_trivial(digits) and not (entry and entry.may_be_on_lock):
        return Fault(ProblemKey.PIN_CLASH, "pin", "This PIN is too easy to guess.")
    return None


def _clash(snapshot: Snapshot, code: CodeFacts, now: datetime) -> Fault | None:
    assert code.pin is not None
    digits = code.pin.reveal()
    leaving: set[int] = set()
    for other in snapshot.codes:
        if other.id == code.id:
            continue
        rivals = [
            entry
            for entry in snapshot.entries_of(other)
            if entry.may_be_on_lock and pins.clashes(digits, entry.pin.reveal())
        ]
        if not rivals:
            continue
        if other.wants(now) and other.pin and pins.clashes(digits, other.pin.reveal()):
            return Fault(
                ProblemKey.PIN_CLASH,
                "pin",
                "Another code on this lock starts with the same four digits.",
                gives_way=_giving_way(code, [other], now),
            )
        leaving.add(other.id)
    if leaving:
        return Fault(
            ProblemKey.PIN_CLASH,
            "pin",
            "A code that is being removed starts with the same four digits.",
            frozenset(leaving),
        )
    for foreign in snapshot.foreign:
        if foreign.pin and pins.clashes(digits, foreign.pin.reveal()):
            return Fault(
                ProblemKey.PIN_CLASH,
                "pin",
                _CLASH(label=foreign.label),
            )
    return None


def _room(snapshot: Snapshot, code: CodeFacts, now: datetime) -> Fault | None:
    ours = [e for e in snapshot.entries if e.may_be_on_lock]
    free = CAPACITY - len(ours) - snapshot.lock.foreign_count
    if free > (spare.PLACES_LEFT_FREE if spare.is_in_stock(code, now) else 0):
        return None
    wanted = {c.id for c in snapshot.codes if c.wants(now)}
    leaving = {e.code_id for e in ours if e.code_id not in wanted and e.code_id != code.id}
    on_lock = {e.code_id for e in ours}
    stock = [c for c in spare.stock_of(snapshot, now).codes if c.id in on_lock]
    return Fault(
        ProblemKey.LOCK_FULL,
        "lock",
        _FULL(capacity=CAPACITY),
        frozenset(leaving),
        gives_way=None if leaving else _giving_way(code, stock, now),
    )


def _giving_way(code: CodeFacts, others: Sequence[CodeFacts], now: datetime) -> int | None:
    """The last of the others that is a spare in stock; one spare never goes for another."""
    if spare.is_in_stock(code, now):
        return None
    return next((c.id for c in reversed(others) if spare.is_in_stock(c, now)), None)
