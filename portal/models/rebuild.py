"""Rebuilds: a lock emptied and set again, step by step, resumable after a crash."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.rebuild import Stage
from portal.models.base import AccountOwned, Base, EnumText, UTCDateTime
from portal.models.lock import Lock

_IS_RUNNING = text("stage IN ('waiting', 'deleting', 'verifying', 'setting')")


class Rebuild(AccountOwned, Base):
    """One rebuild of one lock; at most one runs per lock."""

    __tablename__ = "rebuild"
    __table_args__ = (
        Index(
            "uq_rebuild_running",
            "lock_id",
            unique=True,
            sqlite_where=_IS_RUNNING,
            postgresql_where=_IS_RUNNING,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lock_id: Mapped[int] = mapped_column(ForeignKey("lock.id"), index=True)
    stage: Mapped[Stage] = mapped_column(EnumText(Stage))
    started_by: Mapped[str] = mapped_column(String(60))
    started_at: Mapped[datetime] = mapped_column(UTCDateTime())
    until: Mapped[datetime] = mapped_column(UTCDateTime())
    gate: Mapped[datetime] = mapped_column(UTCDateTime())
    empty_reads: Mapped[int] = mapped_column(default=0)
    emptied_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    listed_before: Mapped[int | None]
    # Codes of ours to be set again, without those that are sent later at their time.
    planned: Mapped[int] = mapped_column(default=0)
    listed_after: Mapped[int | None]
    lock: Mapped[Lock] = relationship()
