"""Bulk runs: one deed for many bookings, worked booking by booking and resumable after a crash."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.bulk import ItemState, Kind, RunState, Why
from portal.models.base import AccountOwned, Base, EnumText, UTCDateTime
from portal.models.booking import Booking


class BulkRun(AccountOwned, Base):
    """One deed for many bookings, chosen and confirmed by a person."""

    __tablename__ = "bulk_run"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[Kind] = mapped_column(EnumText(Kind))
    options: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # domain.bulk.Options
    state: Mapped[RunState] = mapped_column(EnumText(RunState), default=RunState.PREVIEW)
    made_by: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(UTCDateTime())
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    # The bell: when its job looks again where nobody answered; None while there is nothing to do.
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime(), index=True)


class BulkItem(AccountOwned, Base):
    """One booking of a run. Its result is committed together with the deed: never done twice."""

    __tablename__ = "bulk_item"
    __table_args__ = (
        UniqueConstraint("run_id", "booking_id"),
        Index("ix_bulk_item_run_state", "run_id", "state", "place"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("bulk_run.id"))
    booking_id: Mapped[int] = mapped_column(ForeignKey("booking.id"), index=True)
    place: Mapped[int]  # the order: soonest arrival first
    revision: Mapped[int]  # of the booking, when the run was confirmed
    state: Mapped[ItemState] = mapped_column(EnumText(ItemState), default=ItemState.WAITING)
    why: Mapped[Why | None] = mapped_column(EnumText(Why))  # left out
    words: Mapped[str] = mapped_column(String(300), default="")  # failed: the remedy, no secret
    at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    booking: Mapped[Booking] = relationship()
