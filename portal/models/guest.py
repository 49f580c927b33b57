"""What is for guests: the link to their page, and the texts of their message."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.secret import Secret
from portal.models.base import AccountOwned, Base, EncryptedText, UTCDateTime
from portal.models.booking import Booking


class GuestLink(AccountOwned, Base):
    """The random link to a booking's guest page; a renewed link takes the place of the old one."""

    __tablename__ = "guest_link"

    id: Mapped[int] = mapped_column(primary_key=True)
    booking_id: Mapped[int] = mapped_column(ForeignKey("booking.id"), unique=True)
    # A visitor's token is looked up by its hash; encrypted it is kept so that messages can name it.
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    token: Mapped[Secret] = mapped_column(EncryptedText("guest_link.token"))
    made_at: Mapped[datetime] = mapped_column(UTCDateTime())
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    first_opened_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    opened_at: Mapped[datetime | None] = mapped_column(UTCDateTime())  # the last one written down
    booking: Mapped[Booking] = relationship()


class GuestMessage(AccountOwned, Base):
    """An account's own text of the message that brings a guest their code, in one language."""

    __tablename__ = "guest_message"
    __table_args__ = (UniqueConstraint("account_id", "language"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(String(20))  # such as de or pt-BR
    text: Mapped[str] = mapped_column(Text)
    saved_at: Mapped[datetime] = mapped_column(UTCDateTime())
