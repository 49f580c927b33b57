"""Locks: what Schlage says of them, and the engine's bookkeeping for each."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.problems import ProblemKey
from portal.domain.reach import MISSING_CHECKS
from portal.domain.secret import Secret
from portal.models.base import AccountOwned, Base, EncryptedText, EnumText, UTCDateTime
from portal.models.connection import Connection


class Lock(AccountOwned, Base):
    """A Schlage device of a connection."""

    __tablename__ = "lock"
    __table_args__ = (UniqueConstraint("account_id", "device_id"),)
    unseen: ClassVar[frozenset[str]] = frozenset(
        {
            "due_at",
            "entries_due_at",
            "failed_at",
            "failure_problem",
            "failures",
            "log_read_after",
            "read_after",
            "read_failures",
        }
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"), index=True)
    device_id: Mapped[str] = mapped_column(String(100), index=True)
    name: Mapped[str] = mapped_column(String(200))
    model: Mapped[str] = mapped_column(String(100), default="")
    firmware: Mapped[str] = mapped_column(String(100), default="")
    time_zone: Mapped[str | None] = mapped_column(String(64))

    # Facts from the device and its events; None where Schlage has not said.
    is_online: Mapped[bool | None] = mapped_column()
    online_changed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    battery_state: Mapped[str | None] = mapped_column(String(40))
    battery_level: Mapped[int | None]
    wifi_signal: Mapped[int | None]  # dBm
    bolt_state: Mapped[str | None] = mapped_column(String(40))
    code_length: Mapped[int | None]
    has_vlac: Mapped[bool] = mapped_column(default=False)
    seen_at: Mapped[datetime | None] = mapped_column(UTCDateTime())  # in Schlage's device list
    missing_since: Mapped[datetime | None] = mapped_column(UTCDateTime())
    missing_checks: Mapped[int] = mapped_column(default=0)  # see is_missing

    # The bell: when work_lock has something to do here.
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime(), index=True)
    # The lease: who works this lock now. The token grows with every taking.
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_token: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime())
    is_rung: Mapped[bool] = mapped_column(default=False)  # a ring met the lease: look once more

    # The breaker: three equal failures in a row slow the whole lock to one probe at a time.
    failure_problem: Mapped[ProblemKey | None] = mapped_column(EnumText(ProblemKey))
    failures: Mapped[int] = mapped_column(default=0)
    failed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    breaker_until: Mapped[datetime | None] = mapped_column(UTCDateTime())

    # Reading the list.
    read_at: Mapped[datetime | None] = mapped_column(UTCDateTime())  # the last complete read
    read_after: Mapped[datetime | None] = mapped_column(UTCDateTime())  # a read failed: not before
    read_failures: Mapped[int] = mapped_column(default=0)  # in a row
    read_wanted_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    unknown_at: Mapped[datetime | None] = mapped_column(UTCDateTime())  # last unknown outcome
    listed_count: Mapped[int | None]
    # Reading the lock's own log: the last whole read, and after a failed one not before.
    log_read_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    log_read_after: Mapped[datetime | None] = mapped_column(UTCDateTime())
    # When it is next read for the entry log: webhooks that got lost are made up for by it.
    entries_due_at: Mapped[datetime | None] = mapped_column(UTCDateTime(), index=True)

    created_at: Mapped[datetime] = mapped_column(UTCDateTime())
    connection: Mapped[Connection] = relationship(viewonly=True)

    @property
    def is_missing(self) -> bool:
        """Whether it is believed to have left the account: enough checks did not find it."""
        return self.missing_checks >= MISSING_CHECKS

    @property
    def is_battery_critical(self) -> bool:
        return "critical" in (self.battery_state or "").casefold()

    def has(self, trouble: str) -> bool:
        """Whether it is in this trouble of its own, one of the problem catalogue."""
        return {
            str(ProblemKey.LOCK_MISSING): self.is_missing,
            str(ProblemKey.LOCK_OFFLINE): self.is_online is False,
            str(ProblemKey.LOW_BATTERY): self.is_battery_critical,
        }.get(trouble, False)


class ForeignCode(AccountOwned, Base):
    """An entry in a lock's list that we did not make. Shown, respected, never touched."""

    __tablename__ = "foreign_code"
    __table_args__ = (UniqueConstraint("lock_id", "access_code_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    lock_id: Mapped[int] = mapped_column(ForeignKey("lock.id"), index=True)
    access_code_id: Mapped[str] = mapped_column(String(200))
    label: Mapped[str] = mapped_column(String(200))
    pin: Mapped[Secret | None] = mapped_column(EncryptedText("foreign_code.pin"))
    # Its name carries our tag: made by this portal, but its row is lost or long forgotten.
    has_our_tag: Mapped[bool] = mapped_column(default=False)
    schedule_type: Mapped[str] = mapped_column(String(40), default="")
    first_seen_at: Mapped[datetime] = mapped_column(UTCDateTime())
    last_seen_at: Mapped[datetime] = mapped_column(UTCDateTime())
