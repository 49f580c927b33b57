"""What locks said of themselves over time."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import AccountOwned, Base, UTCDateTime


class LockReading(AccountOwned, Base):
    """A lock's battery, signal and connection at one time; None where Schlage had not said."""

    __tablename__ = "lock_reading"
    __table_args__ = (Index("ix_lock_reading_lock_at", "lock_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    lock_id: Mapped[int] = mapped_column(ForeignKey("lock.id"))
    at: Mapped[datetime] = mapped_column(UTCDateTime())
    is_online: Mapped[bool | None] = mapped_column()
    battery_state: Mapped[str | None] = mapped_column(String(40))
    battery_level: Mapped[int | None]
    wifi_signal: Mapped[int | None]  # dBm
