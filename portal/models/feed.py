"""Booking feeds and imports."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.secret import Secret
from portal.models.base import AccountOwned, Base, EncryptedText, UTCDateTime
from portal.models.property import Property


class Feed(AccountOwned, Base):
    """An iCal calendar of one property: fetched by address, or uploaded as a file."""

    __tablename__ = "feed"

    id: Mapped[int] = mapped_column(primary_key=True)
    property_id: Mapped[int] = mapped_column(ForeignKey("property.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    source: Mapped[str] = mapped_column(String(20))
    # The address carries a token: encrypted, shown only as `host`. None for an uploaded file.
    address: Mapped[Secret | None] = mapped_column(EncryptedText("feed.address"))
    host: Mapped[str] = mapped_column(String(255), default="")
    etag: Mapped[str | None] = mapped_column(String(300))
    last_modified: Mapped[str | None] = mapped_column(String(100))
    is_paused: Mapped[bool] = mapped_column(default=False)
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime(), index=True)
    tried_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    good_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    failures: Mapped[int] = mapped_column(default=0)
    error_key: Mapped[str] = mapped_column(String(60), default="")
    error_words: Mapped[str] = mapped_column(String(500), default="")
    # A mass disappearance waits here for 24 hours or a person.
    held_until: Mapped[datetime | None] = mapped_column(UTCDateTime())
    held_reason: Mapped[str] = mapped_column(String(300), default="")
    hold_accepted_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    # What the last poll that changed anything brought, and when that was.
    changed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    last_changes: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    skipped: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    # Closed seasons of the last poll: a rest of one must not look like a stay (domain.intake).
    closures: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    flags: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime())
    property: Mapped[Property] = relationship()
