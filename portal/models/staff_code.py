"""Codes of people who come again and again: who, which locks, when."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Date, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain import week
from portal.domain.secret import Secret
from portal.domain.week import WeeklyWindow
from portal.models.base import AccountOwned, Base, EncryptedText, UTCDateTime


class StaffCode(AccountOwned, Base):
    """One person's PIN, the same on all the locks it opens."""

    __tablename__ = "staff_code"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    phone: Mapped[str] = mapped_column(String(60), default="")
    email: Mapped[str] = mapped_column(String(254), default="")
    pin: Mapped[Secret] = mapped_column(EncryptedText("staff_code.pin"))
    is_pin_given: Mapped[bool] = mapped_column(default=False)  # chosen by a person, not by us
    pin_shown_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    # The hours of the week (domain.week) by each lock's own clock; none: at any time.
    weekly: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    ends_on: Mapped[date | None] = mapped_column(Date)  # the last day; None: until revoked
    # Grows with every change of what is wanted on the doors.
    revision: Mapped[int] = mapped_column(default=1)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    created_at: Mapped[datetime] = mapped_column(UTCDateTime())
    grants: Mapped[list["StaffGrant"]] = relationship(
        back_populates="staff_code", cascade="all, delete-orphan"
    )

    @property
    def windows(self) -> tuple[WeeklyWindow, ...]:
        return week.from_rows(self.weekly)

    @property
    def ends_by_itself(self) -> bool:
        """Whether the lock lets nobody in any more once the last day is over."""
        return self.ends_on is not None and not self.weekly


class StaffGrant(AccountOwned, Base):
    """A lock that a staff code opens, or a property: then all its locks, whichever they are."""

    __tablename__ = "staff_grant"
    __table_args__ = (
        UniqueConstraint("staff_code_id", "lock_id"),
        UniqueConstraint("staff_code_id", "property_id"),
        CheckConstraint("(lock_id IS NULL) <> (property_id IS NULL)", name="one_place"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    staff_code_id: Mapped[int] = mapped_column(ForeignKey("staff_code.id"), index=True)
    lock_id: Mapped[int | None] = mapped_column(ForeignKey("lock.id"), index=True)
    property_id: Mapped[int | None] = mapped_column(ForeignKey("property.id"), index=True)
    staff_code: Mapped[StaffCode] = relationship(back_populates="grants")
