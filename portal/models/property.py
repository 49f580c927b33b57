"""Rental units and which locks open them."""

from datetime import datetime, time
from enum import StrEnum

from sqlalchemy import ForeignKey, String, Text, Time, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.secret import Secret
from portal.domain.spare import PER_LOCK
from portal.models.base import AccountOwned, Base, EncryptedText, EnumText, UTCDateTime
from portal.models.lock import Lock


class PinSource(StrEnum):
    """Where a new booking's PIN comes from when the source gave none."""

    RANDOM = "random"
    PHONE = "phone"


class Property(AccountOwned, Base):
    """A rental unit."""

    __tablename__ = "property"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    time_zone: Mapped[str] = mapped_column(String(64))
    check_in: Mapped[time] = mapped_column(Time)
    check_out: Mapped[time] = mapped_column(Time)
    lead_days: Mapped[int] = mapped_column(default=7)
    buffer_before_minutes: Mapped[int] = mapped_column(default=60)
    buffer_after_minutes: Mapped[int] = mapped_column(default=60)
    pin_source: Mapped[PinSource] = mapped_column(EnumText(PinSource), default=PinSource.RANDOM)
    # How many spare codes each of its locks keeps ready.
    spare_codes: Mapped[int] = mapped_column(default=PER_LOCK)
    # Key box, neighbour: what to tell a guest whose code fails.
    fallback_entry: Mapped[Secret | None] = mapped_column(EncryptedText("property.fallback_entry"))
    # What guests are told: where it is, how to get there, and from when their page has the PIN.
    address: Mapped[str] = mapped_column(String(300), default="")
    directions: Mapped[str] = mapped_column(Text, default="")
    pin_hours_before: Mapped[int] = mapped_column(default=24)
    shares_fallback: Mapped[bool] = mapped_column(default=False)
    # Whether a door that opens while nobody stays here is alerted.
    alerts_when_vacant: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime())
    mappings: Mapped[list["Mapping"]] = relationship(back_populates="property")


class Mapping(AccountOwned, Base):
    """A lock that opens a property. Many to many: front doors are shared."""

    __tablename__ = "mapping"
    __table_args__ = (UniqueConstraint("property_id", "lock_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    property_id: Mapped[int] = mapped_column(ForeignKey("property.id"), index=True)
    lock_id: Mapped[int] = mapped_column(ForeignKey("lock.id"), index=True)
    property: Mapped[Property] = relationship(back_populates="mappings")
    lock: Mapped[Lock] = relationship()
