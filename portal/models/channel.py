"""Channels that tell managers of alerts, what each was told, and the messages themselves."""

from datetime import date, datetime, time
from typing import Any, ClassVar

from sqlalchemy import JSON, Date, ForeignKey, String, Text, Time, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.notices import Kind
from portal.domain.secret import Secret
from portal.models.base import AccountOwned, Base, EncryptedText, EnumText, UTCDateTime
from portal.models.outgoing import Outgoing


class Channel(AccountOwned, Base):
    """A way to reach somebody: an e-mail box, a chat room, a phone."""

    __tablename__ = "channel"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(20))  # a key of portal.messages.addresses.KINDS
    # The address carries passwords and tokens: encrypted, shown only as kind and `hint`.
    address: Mapped[Secret] = mapped_column(EncryptedText("channel.address"))
    hint: Mapped[str] = mapped_column(String(255), default="")
    topics: Mapped[list[str]] = mapped_column(JSON, default=list)
    language: Mapped[str] = mapped_column(String(10), default="en")
    time_zone: Mapped[str] = mapped_column(String(64))
    quiet_from: Mapped[time | None] = mapped_column(Time)
    quiet_until: Mapped[time | None] = mapped_column(Time)
    has_digest: Mapped[bool] = mapped_column(default=False)
    digest_on: Mapped[date | None] = mapped_column(Date)  # the day of the last morning digest
    # Since when nothing gets through: a notice failed for good and none was sent after it.
    dead_since: Mapped[datetime | None] = mapped_column(UTCDateTime())
    created_at: Mapped[datetime] = mapped_column(UTCDateTime())


class Notice(Outgoing, Base):
    """One message to one channel. Its text is written when it is sent, from what is so then."""

    __tablename__ = "notice"

    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"), index=True)
    kind: Mapped[Kind] = mapped_column(EnumText(Kind))
    items: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)  # thread, alert
    title: Mapped[str] = mapped_column(String(300), default="")
    body: Mapped[str] = mapped_column(Text, default="")
    channel: Mapped[Channel] = relationship()


class ChannelThread(AccountOwned, Base):
    """A trouble that a channel was told of, until it is told that it is over."""

    __tablename__ = "channel_thread"
    unseen: ClassVar[frozenset[str]] = frozenset({"over_at"})
    __table_args__ = (UniqueConstraint("channel_id", "thread"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"), index=True)
    thread: Mapped[str] = mapped_column(String(160))
    level: Mapped[int] = mapped_column(default=0)
    bundle: Mapped[str] = mapped_column(String(120))
    told_at: Mapped[datetime] = mapped_column(UTCDateTime())
    alert_id: Mapped[int] = mapped_column()
    # Since when it is over without a word, because it may come back.
    over_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    # The message that told of it last; no relation, because messages are forgotten after a while.
    notice_id: Mapped[int] = mapped_column()
