"""What `decide` is told: one lock's rows, frozen. Times are aware UTC; PINs stay inside Secret."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from portal.domain.command import Kind, State
from portal.domain.entry import EntryState, Evidence, may_be_on_lock
from portal.domain.problems import ProblemKey
from portal.domain.rebuild import RebuildFacts
from portal.domain.secret import Secret
from portal.domain.stay import Doubt, Window
from portal.domain.week import WeeklyWindow

CAPACITY: Final = 100  # codes per Encode (Allegion's access-code guide)


class CodeKind(StrEnum):
    """Whom a door code is for, in the order in which they are served."""

    GUEST = "guest"
    STAFF = "staff"
    SPARE = "spare"


@dataclass(frozen=True, kw_only=True)
class Pace:
    """The engine's delays that an installation may change."""

    look_up_after: tuple[timedelta, ...]
    verify_after: tuple[timedelta, timedelta]
    retry_after: timedelta

    @property
    def verify_gap(self) -> timedelta:
        return self.verify_after[1] - self.verify_after[0]

    @property
    def give_up_after(self) -> timedelta:
        """An accepted command without an answer is closed as unknown after this long."""
        return 2 * self.look_up_after[-1]


@dataclass(frozen=True, kw_only=True)
class LockFacts:
    """The lock and the way to it."""

    id: int
    can_call: bool = True  # its connection is signed in
    call_after: datetime | None = None  # an outage: the next probe of the connection
    rebuild: RebuildFacts | None = None
    code_length: int | None = None
    has_vlac: bool = False
    breaker_until: datetime | None = None
    is_slowed: bool = False  # the breaker is open because of failures, not at Schlage's request
    is_offline: bool = False  # as far as Schlage has told
    is_missing: bool = False  # Schlage lists it no more: every call would be refused
    asked_at: datetime | None = None  # when Schlage last described the lock
    read_at: datetime | None = None
    read_after: datetime | None = None
    read_wanted_at: datetime | None = None
    unknown_at: datetime | None = None
    log_read_at: datetime | None = None
    log_read_after: datetime | None = None
    log_tells_at: datetime | None = None  # a log of this connection told of a code of ours
    foreign_count: int = 0
    spares: int = 0  # how many should be in stock
    next_send_at: datetime | None = None  # of codes so far ahead that the snapshot leaves them out


@dataclass(frozen=True, kw_only=True)
class CodeFacts:
    """A door code: what is wanted, and how trying has gone."""

    id: int
    kind: CodeKind = CodeKind.GUEST
    is_wanted: bool = True
    revision: int = 1
    pin: Secret | None = None
    starts_at: datetime
    ends_at: datetime
    arrives_at: datetime
    departs_at: datetime
    send_at: datetime
    retry_at: datetime | None = None
    failures: int = 0
    problem: ProblemKey | None = None
    problem_at: datetime | None = None
    is_stuck: bool = False  # automatic means are used up, or a choice is needed
    ladder: int = 0
    is_pin_shown: bool = False
    reaffirm_after: datetime | None = None
    resync_at: datetime | None = None
    # A guest keeps the old door until the new one is confirmed.
    is_kept_until_replaced: bool = False
    is_given: bool = False  # a spare that belongs to a stay
    # A staff code's hours of the week; such a schedule has no end of its own on the lock.
    windows: tuple[WeeklyWindow, ...] = ()

    @property
    def serves(self) -> CodeKind:
        """For whom it is now: a spare that was given is a guest's code."""
        return CodeKind.GUEST if self.is_given else self.kind

    def wants(self, now: datetime) -> bool:
        return self.is_wanted and now < self.ends_at


@dataclass(frozen=True, kw_only=True)
class EntryFacts:
    """A lock entry and what we know of it."""

    id: int
    code_id: int
    label: str
    pin: Secret
    starts_at: datetime
    ends_at: datetime
    revision: int
    doubt: Doubt | None = None  # while the lock may have other dates than these
    # When a write was last given up without an answer: for a while it may still arrive.
    unanswered_at: datetime | None = None
    access_code_id: str | None = None
    state: EntryState = EntryState.MAYBE
    evidence: Evidence = Evidence.NOT_SENT
    evidence_at: datetime
    is_retired: bool = False
    is_ghost: bool = False
    seen_at: datetime | None = None
    absent_reads: int = 0
    absent_at: datetime | None = None
    ends_by_itself: bool = True  # its schedule on the lock has an end
    is_witnessed: bool = True  # False while the lock's log is still to tell of the last success

    @property
    def may_be_on_lock(self) -> bool:
        return may_be_on_lock(self.state, self.evidence)

    def is_over(self, now: datetime) -> bool:
        """The lock itself lets nobody in with it any more."""
        return self.ends_by_itself and now >= self.at_most.ends_at

    @property
    def window(self) -> Window:
        return Window(self.starts_at, self.ends_at)

    @property
    def at_least(self) -> Window:
        """When it opens the door, whichever dates the lock has."""
        return self.doubt.surely if self.doubt else self.window

    @property
    def at_most(self) -> Window:
        """When it may open the door."""
        return self.doubt.perhaps if self.doubt else self.window

    @property
    def is_out_of_reach(self) -> bool:
        """No removal can name it: the lock has it, or may, and no list shows under which id."""
        is_on_no_list = self.evidence is Evidence.IN_USE and self.access_code_id is None
        return self.may_be_on_lock and (is_on_no_list or self.evidence is Evidence.DENIED)

    @property
    def is_listed(self) -> bool:
        """Seen in the list since the last write's answer."""
        return self.seen_at is not None and self.seen_at >= self.evidence_at


@dataclass(frozen=True, kw_only=True)
class CommandFacts:
    """The open command of the lock's code lane."""

    id: int
    kind: Kind
    state: State
    entry_id: int | None
    look_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ForeignFacts:
    """An entry in the lock's list that is not ours."""

    label: str
    pin: Secret | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Everything about one lock that a decision needs."""

    lock: LockFacts
    pace: Pace
    codes: tuple[CodeFacts, ...] = ()
    entries: tuple[EntryFacts, ...] = ()
    command: CommandFacts | None = None
    foreign: tuple[ForeignFacts, ...] = ()
    by_code: dict[int, tuple[EntryFacts, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        grouped: dict[int, list[EntryFacts]] = {}
        for entry in sorted(self.entries, key=lambda e: e.id):
            grouped.setdefault(entry.code_id, []).append(entry)
        object.__setattr__(self, "by_code", {k: tuple(v) for k, v in grouped.items()})

    def entries_of(self, code: CodeFacts) -> tuple[EntryFacts, ...]:
        """The code's entries, oldest first."""
        return self.by_code.get(code.id, ())


def wanted_entry(code: CodeFacts, entries: tuple[EntryFacts, ...]) -> EntryFacts | None:
    """The entry that should carry the code: the newest one with its PIN that was not given up."""
    for entry in reversed(entries):
        if not entry.is_retired and entry.pin == code.pin:
            return entry
    return None


def is_held_as_wanted(code: CodeFacts, entry: EntryFacts | None) -> bool:
    """Whether the lock confirmed exactly what the code wants now."""
    return (
        entry is not None
        and entry.state is EntryState.HELD
        and entry.doubt is None
        and is_written_as_wanted(code, entry)
    )


def is_written_as_wanted(code: CodeFacts, entry: EntryFacts) -> bool:
    """Whether what was last written of the entry is what the code wants now."""
    return (
        entry.revision == code.revision
        and entry.starts_at == code.starts_at
        and entry.ends_at == code.ends_at
    )
