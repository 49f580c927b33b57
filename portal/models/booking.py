"""Stays, and the door codes they want on locks."""

from datetime import date, datetime, time
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    String,
    Text,
    Time,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.snapshot import CodeKind
from portal.domain.status import Status, Verdict
from portal.models.base import AccountOwned, Base, EncryptedText, EnumText, UTCDateTime
from portal.models.lock import Lock
from portal.models.property import Property
from portal.models.staff_code import StaffCode

_IS_GIVEN = text("given_to_id IS NOT NULL AND is_wanted")
_IS_NOT_OVER = text("status NOT IN ('removed')")


class Source(StrEnum):
    """Where a booking came from."""

    AIRBNB = "airbnb"
    VRBO = "vrbo"
    BOOKING_COM = "booking_com"
    ICAL = "ical"
    API = "api"
    CSV = "csv"
    TYPED = "typed"


class BookingStatus(StrEnum):
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


class PinOrigin(StrEnum):
    """How the booking came by its PIN."""

    GIVEN = "given"  # by the source or a manager
    PHONE = "phone"  # the last digits of the guest's phone
    RANDOM = "random"


class Booking(AccountOwned, Base):
    """A stay at a property, from a source with the source's own id."""

    __tablename__ = "booking"
    __table_args__ = (
        UniqueConstraint("account_id", "source", "external_id"),
        Index("ix_booking_account_starts", "account_id", "starts_at"),
        Index("ix_booking_account_ends", "account_id", "ends_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    property_id: Mapped[int] = mapped_column(ForeignKey("property.id"), index=True)
    source: Mapped[Source] = mapped_column(EnumText(Source))
    external_id: Mapped[str] = mapped_column(String(512))
    status: Mapped[BookingStatus] = mapped_column(EnumText(BookingStatus))
    guest_name: Mapped[str] = mapped_column(String(200), default="")
    guest_phone: Mapped[str] = mapped_column(String(60), default="")
    guest_email: Mapped[str] = mapped_column(String(254), default="")
    guest_language: Mapped[str] = mapped_column(String(20), default="")  # such as de or pt-BR
    note: Mapped[str] = mapped_column(Text, default="")

    # As the source said it, in the property's zone; no time means the property's check-in or -out.
    arrives_on: Mapped[date] = mapped_column(Date)
    arrives_time: Mapped[time | None] = mapped_column(Time)
    departs_on: Mapped[date] = mapped_column(Date)
    departs_time: Mapped[time | None] = mapped_column(Time)
    # The stay as instants, computed from the above by domain.stay.
    starts_at: Mapped[datetime] = mapped_column(UTCDateTime())
    ends_at: Mapped[datetime] = mapped_column(UTCDateTime())
    # Grows with every change of what is wanted on the doors.
    revision: Mapped[int] = mapped_column(default=1)

    pin: Mapped[Secret | None] = mapped_column(EncryptedText("booking.pin"))
    pin_origin: Mapped[PinOrigin | None] = mapped_column(EnumText(PinOrigin))
    pin_note: Mapped[str] = mapped_column(String(300), default="")
    # When somebody was first shown the PIN: from then on only a person changes it.
    pin_shown_at: Mapped[datetime | None] = mapped_column(UTCDateTime())

    # Stored as an index for lists; computed only by services.verdicts.
    verdict: Mapped[Verdict] = mapped_column(EnumText(Verdict), default=Verdict.ON_TRACK)
    problem: Mapped[ProblemKey | None] = mapped_column(EnumText(ProblemKey))
    verdict_due_at: Mapped[datetime | None] = mapped_column(UTCDateTime(), index=True)

    # A feed's stay: which feed, its UID, and since when the feed has not listed it.
    feed_id: Mapped[int | None] = mapped_column(ForeignKey("feed.id"), index=True)
    uid: Mapped[str | None] = mapped_column(String(512))
    reservation_code: Mapped[str | None] = mapped_column(String(60))
    # The dates as the feed last listed them, where a person has changed them here since.
    listed_starts: Mapped[str | None] = mapped_column(String(40))
    listed_ends: Mapped[str | None] = mapped_column(String(40))
    # The same of the guest: what the feed last said, where a person has written something else.
    listed_name: Mapped[str | None] = mapped_column(String(200))
    listed_phone: Mapped[str | None] = mapped_column(String(60))
    is_dismissed: Mapped[bool] = mapped_column(default=False)  # a person cancelled it here
    missing_since: Mapped[datetime | None] = mapped_column(UTCDateTime())
    missing_polls: Mapped[int] = mapped_column(default=0)
    held_until: Mapped[datetime | None] = mapped_column(UTCDateTime())
    # A person said that it stands, whatever its feed lists.
    is_kept: Mapped[bool] = mapped_column(default=False)
    import_id: Mapped[int | None] = mapped_column(index=True)

    proven_at: Mapped[datetime | None] = mapped_column(UTCDateTime())  # the PIN opened a door
    created_at: Mapped[datetime] = mapped_column(UTCDateTime())
    property: Mapped[Property] = relationship(viewonly=True)
    door_codes: Mapped[list["DoorCode"]] = relationship(
        foreign_keys="DoorCode.booking_id", viewonly=True
    )
    spares: Mapped[list["DoorCode"]] = relationship(
        foreign_keys="DoorCode.given_to_id", viewonly=True
    )


class DoorCode(AccountOwned, Base):
    """What one lock should hold for one booking or one staff code, or as a spare of its own."""

    __tablename__ = "door_code"
    __table_args__ = (
        UniqueConstraint("booking_id", "lock_id"),
        # A page asks for the doors of its bookings within its account. With an index on each alone
        # SQLite goes through all doors of the account.
        Index("ix_door_code_account_booking", "account_id", "booking_id"),
        Index("ix_door_code_account_given", "account_id", "given_to_id"),
        Index("ix_door_code_account_status", "account_id", "status"),
        # The sweep asks over all accounts, and leaves out what is far ahead.
        Index("ix_door_code_status_starts", "status", "starts_at"),
        # A lock is asked for what is not over, or ends later: all else is most of its history. All
        # that is asked of a code stands in the index, or SQLite may not prefer it to the other.
        Index("ix_door_code_lock_ends", "lock_id", "ends_at"),
        Index(
            "ix_door_code_lock_not_over",
            "lock_id",
            "status",
            "send_at",
            "due_at",
            "is_wanted",
            "resync_at",
            sqlite_where=_IS_NOT_OVER,
            postgresql_where=_IS_NOT_OVER,
        ),
        UniqueConstraint("staff_code_id", "lock_id"),
        CheckConstraint(
            "CASE WHEN booking_id IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN staff_code_id IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN is_spare THEN 1 ELSE 0 END = 1",
            name="one_holder",
        ),
        CheckConstraint("given_to_id IS NULL OR is_spare", name="only_spares_are_given"),
        # A booking is given one spare per door, however often and whence it is asked for.
        Index(
            "uq_door_code_given",
            "given_to_id",
            "lock_id",
            unique=True,
            sqlite_where=_IS_GIVEN,
            postgresql_where=_IS_GIVEN,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    booking_id: Mapped[int | None] = mapped_column(ForeignKey("booking.id"), index=True)
    staff_code_id: Mapped[int | None] = mapped_column(ForeignKey("staff_code.id"), index=True)
    is_spare: Mapped[bool] = mapped_column(default=False)
    # A spare that was handed out: the stay whose window it has taken.
    given_to_id: Mapped[int | None] = mapped_column(ForeignKey("booking.id"), index=True)
    given_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    lock_id: Mapped[int] = mapped_column(ForeignKey("lock.id"))
    # Wanted: whether it should be on the lock at all, and with which window and revision.
    is_wanted: Mapped[bool] = mapped_column(default=True)
    revision: Mapped[int] = mapped_column(default=1)
    starts_at: Mapped[datetime] = mapped_column(UTCDateTime())
    ends_at: Mapped[datetime] = mapped_column(UTCDateTime())
    send_at: Mapped[datetime] = mapped_column(UTCDateTime())
    # When something else was last wanted of it than before.
    changed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    # A PIN of its own: a spare's, or where the locks' rules allow no common one.
    own_pin: Mapped[Secret | None] = mapped_column(EncryptedText("door_code.own_pin"))

    # The engine's bookkeeping.
    retry_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    failures: Mapped[int] = mapped_column(default=0)
    is_stuck: Mapped[bool] = mapped_column(default=False)  # only a person can go on
    ladder: Mapped[int] = mapped_column(default=0)  # steps of the split-brain ladder taken
    # Resync: entries confirmed before this are confirmed once more.
    reaffirm_after: Mapped[datetime | None] = mapped_column(UTCDateTime())
    resync_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    resync_ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    restored_on: Mapped[date | None] = mapped_column(Date)
    restores: Mapped[int] = mapped_column(default=0)

    # Computed only by services.standings; stored as an index.
    status: Mapped[Status] = mapped_column(EnumText(Status), default=Status.PLANNED)
    status_at: Mapped[datetime] = mapped_column(UTCDateTime())
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    removed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    # The problem stays, through later attempts, until a success.
    problem: Mapped[ProblemKey | None] = mapped_column(EnumText(ProblemKey))
    problem_text: Mapped[str] = mapped_column(String(500), default="")  # raw, secrets removed
    problem_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    proven_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    created_at: Mapped[datetime] = mapped_column(UTCDateTime())

    booking: Mapped[Booking | None] = relationship(foreign_keys=[booking_id], viewonly=True)
    staff_code: Mapped[StaffCode | None] = relationship(viewonly=True)
    given_to: Mapped[Booking | None] = relationship(foreign_keys=[given_to_id], viewonly=True)
    lock: Mapped[Lock] = relationship(viewonly=True)

    @property
    def kind(self) -> CodeKind:
        if self.is_spare:
            return CodeKind.SPARE
        return CodeKind.GUEST if self.booking_id is not None else CodeKind.STAFF

    @property
    def serves(self) -> CodeKind:
        """For whom it is now: a spare that was given is a guest's code."""
        return CodeKind.GUEST if self.given_to_id is not None else self.kind

    @property
    def stay(self) -> Booking | None:
        """The booking whose guest uses the code: its own, or as a spare handed out."""
        return self.booking or self.given_to

    @property
    def stay_id(self) -> int | None:
        return self.booking_id or self.given_to_id

    @property
    def pin(self) -> Secret | None:
        """The digits that are wanted on this lock; None while none are chosen."""
        if self.own_pin is not None:
            return self.own_pin
        if self.booking is not None:
            return self.booking.pin
        return self.staff_code.pin if self.staff_code is not None else None
