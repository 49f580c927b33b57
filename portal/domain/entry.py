"""What we know of one entry we ever sent to a lock."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class EntryState(StrEnum):
    """Whether the lock holds the entry."""

    MAYBE = "maybe"  # not sent yet, or sent and not known
    HELD = "held"  # the lock confirmed it
    GONE = "gone"  # proven off, or proven never to have arrived


class Evidence(StrEnum):
    """How we know."""

    NOT_SENT = "not_sent"  # the row exists, the call has not been made
    SENT = "sent"  # a write is or may be under way
    ANSWERED = "answered"  # an add or update succeeded, and the lock's log has not told of it yet
    CONFIRMED = "confirmed"  # an add or update succeeded
    UNWITNESSED = "unwitnessed"  # it was said to have succeeded, and the lock's log does not tell
    REFUSED = "refused"  # the write was refused for a reason that proves it is not there
    LEAVING = "leaving"  # it was held, and its removal was sent and is not proven
    IN_USE = "in_use"  # the lock says that it has it, no list shows it: ours until proven otherwise
    DENIED = "denied"  # the lock denies the id in the list; another add of ours may be there
    DELETED = "deleted"  # the delete succeeded
    ID_UNKNOWN = "id_unknown"  # the lock answered that it has no such id
    READ_TWICE = "read_twice"  # two complete reads do not list it
    WINDOW_OVER = "window_over"  # its window is over and two reads do not list it
    LIST_EMPTY = "list_empty"  # Delete All, and the list verified empty


def may_be_on_lock(state: EntryState, evidence: Evidence) -> bool:
    """Whether the lock may hold such an entry: it was sent, and is not proven gone."""
    return state is not EntryState.GONE and evidence is not Evidence.NOT_SENT


@dataclass(frozen=True)
class Sent:
    """An entry as far as its name goes; the newest of a code carries it, unless it was given up."""

    label: str
    state: EntryState
    evidence: Evidence
    is_retired: bool = False


@dataclass(frozen=True)
class NameOnLock:
    """The name that a person finds in the Schlage Home app. `is_old`: another entry took over."""

    label: str
    is_old: bool = False


def names_on_lock(entries: Iterable[Sent]) -> tuple[NameOnLock, ...]:
    """The names of one code that may be on its lock, given all its entries, the oldest first."""
    found = list(entries)
    current = next((each for each in reversed(found) if not each.is_retired), None)
    return tuple(
        NameOnLock(each.label, is_old=each is not current)
        for each in found
        if may_be_on_lock(each.state, each.evidence)
    )
