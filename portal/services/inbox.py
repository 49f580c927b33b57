"""Verified webhooks are stored here, once each, before anything is made of them."""

import hashlib
import json
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal import clock
from portal.domain.secret import Secret
from portal.models import WebhookEvent, WebhookState
from portal.schlage.events import parse_events
from portal.schlage.reading import Unreadable, load
from portal.services.upsert import insert_unless_there

_MAX_EVENT_ID = 100
# Built once, because it runs with every command that Schlage accepts.
_PARKED: Final = select(WebhookEvent).where(
    WebhookEvent.command_id == bindparam("command_id"),
    WebhookEvent.state == WebhookState.PARKED,
)


@dataclass(frozen=True)
class Stored:
    """What became of a body: the rows that are new, and how many events were there already."""

    row_ids: tuple[int, ...]
    doubled: int

    @property
    def is_new(self) -> bool:
        return bool(self.row_ids)


def store(session: Session, body: bytes) -> Stored:
    """Every event of this verified body is stored, with the body encrypted, unless it was before.

    A body may be a list of events. Each gets a row of its own with its own part of the body: were
    the list one row, an event that comes again in another list would hide that list's others.
    """
    events = parse_events(body)
    row_ids = []
    for event, part in zip(events, _parts(body, len(events)), strict=True):
        row_id = insert_unless_there(
            session,
            WebhookEvent,
            event_id=_storable_id(event.event_id),
            body=Secret(part),
            state=WebhookState.RECEIVED,
            command_id=event.command_id[:200] if event.command_id else None,
            received_at=clock.now(),
        )
        if row_id is not None:
            row_ids.append(row_id)
    return Stored(tuple(row_ids), doubled=len(events) - len(row_ids))


def _parts(body: bytes, count: int) -> list[str]:
    if count == 1:
        return [body.decode(json.detect_encoding(body), "replace")]
    try:
        return [json.dumps(envelope) for envelope in load(body)]
    except Unreadable:  # one unreadable body is one event, so this is not reached with several
        return [body.decode(json.detect_encoding(body), "replace")] * count


def _storable_id(event_id: str) -> str:
    """The id, or its hash where the column could not hold it; equal ids stay equal."""
    if len(event_id) <= _MAX_EVENT_ID:
        return event_id
    return f"sha256-{hashlib.sha256(event_id.encode()).hexdigest()}"


def unpark(session: Session, command_id: str) -> list[int]:
    """The rows that came before we knew this command id, ready to be worked now."""
    with session.no_autoflush:  # the caller's changes are of other tables
        rows = session.scalars(_PARKED, {"command_id": command_id}).all()
    for row in rows:
        row.state = WebhookState.RECEIVED
    return [row.id for row in rows]
