"""What the pages about channels and webhooks read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal.domain.outgoing import OPEN, State
from portal.models import Channel, Endpoint, EndpointCall, Notice

LOG_SIZE: Final = 200
OWN_LOG_SIZE: Final = 20


@dataclass(frozen=True, kw_only=True)
class Line:
    """One notice, or one call to an endpoint, as logs show it."""

    id: int
    to_id: int
    to: str
    kind: str
    title: str
    body: str
    state: State
    created_at: datetime
    done_at: datetime | None
    due_at: datetime | None
    attempts: int
    error: str

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


def channels(session: Session) -> Sequence[Channel]:
    return session.scalars(select(Channel).order_by(Channel.name, Channel.id)).all()


def endpoints(session: Session) -> Sequence[Endpoint]:
    return session.scalars(select(Endpoint).order_by(Endpoint.name, Endpoint.id)).all()


def notices(session: Session, channel_id: int | None = None) -> list[Line]:
    """The newest notices, of one channel or of all."""
    statement = select(Notice).options(joinedload(Notice.channel)).order_by(Notice.id.desc())
    if channel_id is not None:
        statement = statement.where(Notice.channel_id == channel_id)
    rows = session.scalars(statement.limit(_size(channel_id)))
    return [
        _line(row, row.channel_id, row.channel.name, str(row.kind), row.title, row.body)
        for row in rows
    ]


def calls(session: Session, endpoint_id: int) -> list[Line]:
    """The newest calls to one endpoint."""
    statement = (
        select(EndpointCall)
        .options(joinedload(EndpointCall.endpoint))
        .where(EndpointCall.endpoint_id == endpoint_id)
        .order_by(EndpointCall.id.desc())
        .limit(LOG_SIZE)
    )
    return [
        _line(row, row.endpoint_id, row.endpoint.name, row.kind, row.event_id, "")
        for row in session.scalars(statement)
    ]


def _size(channel_id: int | None) -> int:
    return LOG_SIZE if channel_id is None else OWN_LOG_SIZE


def _line(row: Any, to_id: int, to: str, kind: str, title: str, body: str) -> Line:
    return Line(
        id=row.id,
        to_id=to_id,
        to=to,
        kind=kind,
        title=title,
        body=body,
        state=row.state,
        created_at=row.created_at,
        done_at=row.done_at,
        due_at=row.due_at,
        attempts=row.attempts,
        error=row.error_words,
    )
