"""What came in and what happened: the webhook inbox and the timeline."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.domain.secret import Secret
from portal.models.base import AccountOwned, Base, EncryptedText, EnumText, UTCDateTime

_OF_ACCOUNT = text("booking_id IS NULL AND lock_id IS NULL")


class WebhookState(StrEnum):
    RECEIVED = "received"  # stored, not yet worked
    PARKED = "parked"  # names a command we do not know (yet)
    DONE = "done"
    GIVEN_UP = "given_up"  # parked for 24 hours


class WebhookEvent(Base):
    """A verified webhook, stored once by its event id. Belongs to no account until it is worked."""

    __tablename__ = "webhook_event"

    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(String(100), unique=True)
    body: Mapped[Secret] = mapped_column(EncryptedText("webhook_event.body"))
    state: Mapped[WebhookState] = mapped_column(EnumText(WebhookState), index=True)
    command_id: Mapped[str | None] = mapped_column(String(200), index=True)
    received_at: Mapped[datetime] = mapped_column(UTCDateTime(), index=True)
    done_at: Mapped[datetime | None] = mapped_column(UTCDateTime())


class TimelineEntry(AccountOwned, Base):
    """One line of the append-only history of a booking and of a lock."""

    __tablename__ = "timeline_entry"
    __table_args__ = (
        Index("ix_timeline_booking", "booking_id", "id"),
        Index("ix_timeline_lock", "lock_id", "id"),
        # What was done about the account itself: a handful of lines among those of its doors.
        Index(
            "ix_timeline_account",
            "account_id",
            "id",
            sqlite_where=_OF_ACCOUNT,
            postgresql_where=_OF_ACCOUNT,
        ),
    )

    # No index of its own, unlike other rows': an account's lines are most of the table.
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime())
    kind: Mapped[str] = mapped_column(String(60))  # services.timeline.Kind
    actor: Mapped[str] = mapped_column(String(60))  # engine, schlage, feed, manager:3, api:2
    booking_id: Mapped[int | None] = mapped_column(ForeignKey("booking.id"))
    lock_id: Mapped[int | None] = mapped_column(ForeignKey("lock.id"))
    door_code_id: Mapped[int | None] = mapped_column(ForeignKey("door_code.id"), index=True)
    staff_code_id: Mapped[int | None] = mapped_column(ForeignKey("staff_code.id"), index=True)
    command_row_id: Mapped[int | None] = mapped_column(ForeignKey("command.id"))
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # never a secret
