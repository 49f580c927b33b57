"""Conditions a person should know of, one row per cause and place."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.domain import notices
from portal.models.base import AccountOwned, Base, UTCDateTime

_IS_OPEN = text("closed_at IS NULL")


class Alert(AccountOwned, Base):
    """Open from the moment its condition was seen until it was seen to be over."""

    __tablename__ = "alert"
    __table_args__ = (
        Index(
            "uq_alert_open",
            "account_id",
            "key",
            unique=True,
            sqlite_where=_IS_OPEN,
            postgresql_where=_IS_OPEN,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(120))  # cause and place, such as not_confirmed:6h:17
    cause: Mapped[str] = mapped_column(String(40))
    words: Mapped[str] = mapped_column(String(300))
    booking_id: Mapped[int | None] = mapped_column(ForeignKey("booking.id"), index=True)
    lock_id: Mapped[int | None] = mapped_column(ForeignKey("lock.id"), index=True)
    feed_id: Mapped[int | None] = mapped_column(ForeignKey("feed.id"), index=True)
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connection.id"))
    opened_at: Mapped[datetime] = mapped_column(UTCDateTime())
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    seen_at: Mapped[datetime | None] = mapped_column(UTCDateTime())

    @property
    def thread(self) -> str:
        """The trouble it is about, the same through its escalation."""
        return notices.thread_of(self.cause, self.key, self.booking_id, self.lock_id)
