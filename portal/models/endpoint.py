"""Endpoints of other programs that are told of events, and each call to them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.secret import Secret
from portal.models.base import AccountOwned, Base, EncryptedText, UTCDateTime
from portal.models.outgoing import Outgoing


class Endpoint(AccountOwned, Base):
    """An address that events are posted to, signed with a secret of its own."""

    __tablename__ = "endpoint"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    # The path may carry a token: encrypted, shown only as `host`.
    address: Mapped[Secret] = mapped_column(EncryptedText("endpoint.address"))
    host: Mapped[str] = mapped_column(String(255))
    secret: Mapped[Secret] = mapped_column(EncryptedText("endpoint.secret"))
    kinds: Mapped[list[str]] = mapped_column(JSON, default=list)
    # Since when no call was taken; None while the last one was.
    failing_since: Mapped[datetime | None] = mapped_column(UTCDateTime())
    disabled_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    created_at: Mapped[datetime] = mapped_column(UTCDateTime())


class EndpointCall(Outgoing, Base):
    """One event for one endpoint, written with the change that it tells of."""

    __tablename__ = "endpoint_call"

    endpoint_id: Mapped[int] = mapped_column(ForeignKey("endpoint.id"), index=True)
    event_id: Mapped[str] = mapped_column(String(60), index=True)
    kind: Mapped[str] = mapped_column(String(60))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    endpoint: Mapped[Endpoint] = relationship()
