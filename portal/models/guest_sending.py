"""How messages reach guests, and each message that was sent to one."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.guest_sending import Hindrance, State, Way
from portal.domain.secret import Secret
from portal.models.base import AccountOwned, Base, EncryptedText, EnumText, UTCDateTime
from portal.models.booking import Booking


class GuestWay(AccountOwned, Base):
    """An account's own way to write to guests: its mail server, or its SMS gateway."""

    __tablename__ = "guest_way"
    __table_args__ = (UniqueConstraint("account_id", "way"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    way: Mapped[Way] = mapped_column(EnumText(Way))
    # As JSON, with passwords and tokens in it: encrypted, shown only as `hint`.
    settings: Mapped[Secret] = mapped_column(EncryptedText("guest_way.settings"))
    hint: Mapped[str] = mapped_column(String(255))
    saved_at: Mapped[datetime] = mapped_column(UTCDateTime())


class GuestSend(AccountOwned, Base):
    """One message to one guest, or a test. Its text is written when it is sent, and kept nowhere.

    The row is committed as `sending` before the call: whatever happens then, it is never sent again
    by itself.
    """

    __tablename__ = "guest_send"
    __table_args__ = (Index("ix_guest_send_booking", "booking_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    booking_id: Mapped[int | None] = mapped_column(ForeignKey("booking.id"))  # None: a test
    # A bulk run sends one message per booking, whatever happens to its job.
    bulk_item_id: Mapped[int | None] = mapped_column(ForeignKey("bulk_item.id"), unique=True)
    way: Mapped[Way] = mapped_column(EnumText(Way))
    address: Mapped[Secret | None] = mapped_column(EncryptedText("guest_send.address"))
    to: Mapped[str] = mapped_column(String(255))  # the address as logs may tell it
    language: Mapped[str] = mapped_column(String(20))
    # Tells this very message, with its PIN and address, from others (crypto.KeyRing.mark).
    mark: Mapped[str] = mapped_column(String(80), default="")
    is_forced: Mapped[bool] = mapped_column(default=False)  # whether or not the doors confirmed
    state: Mapped[State] = mapped_column(EnumText(State), default=State.INTENDED)
    why: Mapped[Hindrance | None] = mapped_column(EnumText(Hindrance))  # dropped
    error_key: Mapped[str] = mapped_column(String(60), default="")
    error_words: Mapped[str] = mapped_column(String(300), default="")  # ours, never theirs
    made_by: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(UTCDateTime(), index=True)
    done_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    # When the sweep looks at it: rings for it, or says that it may have been sent. None: settled.
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime(), index=True)
    booking: Mapped[Booking | None] = relationship()
