"""The entry log: what happened at the doors themselves."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.domain.door_event import How, What, Whose
from portal.models.base import AccountOwned, Base, EnumText, UTCDateTime


class DoorEvent(AccountOwned, Base):
    """One thing that happened at a door, however often and by whom it was told.

    A webhook and the lock's own log each name it by a key of their own: the second to come adds
    its key to the row of the first.
    """

    __tablename__ = "door_event"
    __table_args__ = (
        UniqueConstraint("lock_id", "webhook_key"),
        UniqueConstraint("lock_id", "log_key"),
        Index("ix_door_event_lock_at", "lock_id", "at"),
        Index("ix_door_event_booking_at", "booking_id", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lock_id: Mapped[int] = mapped_column(ForeignKey("lock.id"))
    at: Mapped[datetime] = mapped_column(UTCDateTime())
    what: Mapped[What] = mapped_column(EnumText(What))
    how: Mapped[How] = mapped_column(EnumText(How))
    whose: Mapped[Whose] = mapped_column(EnumText(Whose))
    booking_id: Mapped[int | None] = mapped_column(ForeignKey("booking.id"))
    door_code_id: Mapped[int | None] = mapped_column(ForeignKey("door_code.id"))
    # Of a code that is no guest's, or of a person; a guest is named by the booking.
    name: Mapped[str] = mapped_column(String(100), default="")
    webhook_key: Mapped[str | None] = mapped_column(String(40))
    log_key: Mapped[str | None] = mapped_column(String(40))
    # Alerted until this time: an opening while nobody stays there, if nobody has seen it yet, and a
    # keypad that locked itself, if no guest was let in since.
    alert_until: Mapped[datetime | None] = mapped_column(UTCDateTime(), index=True)
