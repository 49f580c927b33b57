"""Entries we sent to locks, and the commands that carried them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.command import Kind, Lane, State
from portal.domain.entry import EntryState, Evidence
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.stay import Doubt, Window
from portal.models.base import AccountOwned, Base, EncryptedText, EnumText, UTCDateTime
from portal.models.booking import DoorCode

_IS_OPEN = text("state IN ('intended', 'sending', 'accepted')")
_IS_NOT_GONE = text("state NOT IN ('gone')")


class LockEntry(AccountOwned, Base):
    """One entry we ever sent to a lock for a door code. The row exists before the first write."""

    __tablename__ = "lock_entry"
    __table_args__ = (
        UniqueConstraint("lock_id", "label"),
        # As for the doors: the entries of a page's doors, and not of the whole account.
        Index("ix_lock_entry_account_door_code", "account_id", "door_code_id"),
        # The sweep asks for what is still on the locks, which in time is little of all.
        Index("ix_lock_entry_state", "state"),
        # A lock is asked whose codes may be on it, and whose ended lately: without a look at the
        # entries themselves, so that SQLite takes the one that is meant.
        Index("ix_lock_entry_lock_ends", "lock_id", "ends_at", "door_code_id"),
        Index(
            "ix_lock_entry_lock_not_gone",
            "lock_id",
            "state",
            "door_code_id",
            sqlite_where=_IS_NOT_GONE,
            postgresql_where=_IS_NOT_GONE,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    door_code_id: Mapped[int] = mapped_column(ForeignKey("door_code.id"), index=True)
    lock_id: Mapped[int] = mapped_column(ForeignKey("lock.id"))
    label: Mapped[str] = mapped_column(String(24))
    pin: Mapped[Secret] = mapped_column(EncryptedText("lock_entry.pin"))
    # The window and revision last confirmed; before the first confirmation, those last sent.
    starts_at: Mapped[datetime] = mapped_column(UTCDateTime())
    ends_at: Mapped[datetime] = mapped_column(UTCDateTime())
    revision: Mapped[int]
    # While the lock may have other dates than those confirmed: see `doubt`.
    doubt_starts_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    doubt_ends_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    may_start_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    may_end_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    # When something that was sent of it was last given up without an answer.
    unanswered_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    # The newest update in doubt: success of an older one does not end the doubt.
    doubt_command_id: Mapped[int | None]
    access_code_id: Mapped[str | None] = mapped_column(String(200))
    # The one it had before the list showed it under another, or twice not at all.
    former_code_id: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[EntryState] = mapped_column(EnumText(EntryState), default=EntryState.MAYBE)
    evidence: Mapped[Evidence] = mapped_column(EnumText(Evidence), default=Evidence.NOT_SENT)
    evidence_at: Mapped[datetime] = mapped_column(UTCDateTime())
    # The newest command whose outcome is in `state`: older news about other commands is no news.
    evidence_command_id: Mapped[int | None]
    is_retired: Mapped[bool] = mapped_column(default=False)  # given up for another entry
    is_ghost: Mapped[bool] = mapped_column(default=False)  # listed, but the lock denies its id
    # Reading: seen in the list, or how often in a row not.
    seen_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    absent_reads: Mapped[int] = mapped_column(default=0)
    absent_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    # The lock's own log: whether it told of the last success, or how often in a row it did not.
    is_witnessed: Mapped[bool] = mapped_column(default=False)
    contradictions: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime())
    door_code: Mapped[DoorCode] = relationship(viewonly=True)

    @property
    def window(self) -> Window:
        return Window(self.starts_at, self.ends_at)

    def go_by(self, access_code_id: str | None) -> None:
        """The list shows it under this id, or no more; the lock may have it under the former.

        A ghost that is shown no more keeps its id, by which it is known should it come back.
        """
        if not self.is_ghost:
            self.former_code_id = self.former_code_id or self.access_code_id
        elif access_code_id is None:
            return
        self.access_code_id, self.is_ghost = access_code_id, False

    def recall_id(self) -> bool:
        """Whether it is known by an id that no list shows: its removal by that one is answered."""
        if self.access_code_id is not None or self.former_code_id is None:
            return False
        self.access_code_id, self.former_code_id = self.former_code_id, None
        return True

    def forget_ids(self) -> None:
        """The lock has nothing under any id that it had."""
        self.access_code_id, self.former_code_id, self.is_ghost = None, None, False

    @property
    def id_to_remove(self) -> str | None:
        """The id by which the lock may have it: the former where it denies the one in the list."""
        former = self.former_code_id if self.is_ghost else None
        return former or self.access_code_id

    @property
    def doubt(self) -> Doubt | None:
        """What is left to know of its dates on the lock; None where it has those confirmed."""
        if (
            self.doubt_starts_at is None
            or self.doubt_ends_at is None
            or self.may_start_at is None
            or self.may_end_at is None
        ):
            return None
        return Doubt(
            Window(self.doubt_starts_at, self.doubt_ends_at),
            Window(self.may_start_at, self.may_end_at),
        )

    @doubt.setter
    def doubt(self, doubt: Doubt | None) -> None:
        sure, wide = (doubt.surely, doubt.perhaps) if doubt else (None, None)
        self.doubt_starts_at = sure.starts_at if sure else None
        self.doubt_ends_at = sure.ends_at if sure else None
        self.may_start_at = wide.starts_at if wide else None
        self.may_end_at = wide.ends_at if wide else None
        self.doubt_command_id = None

    @property
    def at_least(self) -> Window:
        """When it opens the door, whichever dates the lock has."""
        return self.doubt.surely if self.doubt else self.window


class Command(AccountOwned, Base):
    """One write sent to Schlage for one lock."""

    __tablename__ = "command"
    __table_args__ = (
        # Promise 5: one open command per lock (and lane), enforced by the database.
        Index(
            "uq_command_open_per_lock",
            "lock_id",
            "lane",
            unique=True,
            sqlite_where=_IS_OPEN,
            postgresql_where=_IS_OPEN,
        ),
        UniqueConstraint("lock_id", "command_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lock_id: Mapped[int] = mapped_column(ForeignKey("lock.id"), index=True)
    lock_entry_id: Mapped[int | None] = mapped_column(ForeignKey("lock_entry.id"), index=True)
    kind: Mapped[Kind] = mapped_column(EnumText(Kind))
    lane: Mapped[Lane] = mapped_column(EnumText(Lane))
    state: Mapped[State] = mapped_column(EnumText(State), index=True)
    cause: Mapped[str] = mapped_column(String(60))  # why: arrival, resync, check_out, manager:3 …
    revision: Mapped[int | None]
    starts_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    ends_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    # Schlage's, once accepted; webhooks are found their command by it.
    command_id: Mapped[str | None] = mapped_column(String(200), index=True)
    lease_token: Mapped[int]
    looks: Mapped[int] = mapped_column(default=0)
    look_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    raw_state: Mapped[str] = mapped_column(String(100), default="")  # Schlage's own word
    outcome_text: Mapped[str] = mapped_column(String(500), default="")  # raw, secrets removed
    problem: Mapped[ProblemKey | None] = mapped_column(EnumText(ProblemKey))
    closed_by: Mapped[str] = mapped_column(String(20), default="")  # webhook, look_up, answer …
    created_at: Mapped[datetime] = mapped_column(UTCDateTime())
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    accepted_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime(), index=True)
    entry: Mapped[LockEntry | None] = relationship(viewonly=True)
