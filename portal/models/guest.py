"""What is for guests: the link to their page, and the texts of their message."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
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


_OF_ACCOUNT = text("property_id IS NULL")
_OF_PROPERTY = text("property_id IS NOT NULL")


class GuestMessage(AccountOwned, Base):
    """An account's own text of the message that brings a guest their code, in one language, for
    all its properties or for one."""

    __tablename__ = "guest_message"
    # Two indexes, because to a database no NULL is like another.
    __table_args__ = (
        Index(
            "uq_guest_message_account",
            "account_id",
            "language",
            unique=True,
            sqlite_where=_OF_ACCOUNT,
            postgresql_where=_OF_ACCOUNT,
        ),
        Index(
            "uq_guest_message_property",
            "property_id",
            "language",
            unique=True,
            sqlite_where=_OF_PROPERTY,
            postgresql_where=_OF_PROPERTY,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    property_id: Mapped[int | None] = mapped_column(ForeignKey("property.id"))
    language: Mapped[str] = mapped_column(String(20))  # such as de or pt-BR
    text: Mapped[str] = mapped_column(Text)
    saved_at: Mapped[datetime] = mapped_column(UTCDateTime())
