"""Events for endpoints, written with the change that they tell of, where an endpoint wants them."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal import clock
from portal.domain.webhook_events import EventKind
from portal.models import Alert, Booking, DoorCode, Endpoint, EndpointCall
from portal.services import outgoing

_ASKED: Final = "wanted_events"
# Built once, because it may run with every change of a status.
_ENDPOINTS: Final = select(Endpoint.id, Endpoint.kinds).where(
    Endpoint.account_id == bindparam("account"), Endpoint.disabled_at.is_(None)
)


def status_changed(session: Session, code: DoorCode, before: str, after: str) -> None:
    """The code's status is about to change."""
    wanted_by = _wanted(session, code.account_id, EventKind.DOOR_CODE_STATUS_CHANGED)
    if wanted_by:
        _write(
            session,
            code.account_id,
            wanted_by,
            EventKind.DOOR_CODE_STATUS_CHANGED,
            {
                "door_code_id": code.id,
                "kind": str(code.kind),
                "booking_id": code.stay_id,
                "lock_id": code.lock_id,
                "before": before,
                "after": after,
                "problem": str(code.problem) if code.problem else None,
            },
        )


def verdict_changed(
    session: Session, booking: Booking, before: str, after: str, problem: str | None
) -> None:
    """The booking's verdict is about to change."""
    wanted_by = _wanted(session, booking.account_id, EventKind.BOOKING_VERDICT_CHANGED)
    if wanted_by:
        _write(
            session,
            booking.account_id,
            wanted_by,
            EventKind.BOOKING_VERDICT_CHANGED,
            {
                "booking_id": booking.id,
                "source": str(booking.source),
                "external_id": booking.external_id,
                "before": before,
                "after": after,
                "problem": problem,
            },
        )


def alert_opened(session: Session, alert: Alert, escalates: int | None = None) -> None:
    wanted_by = _wanted(session, alert.account_id, EventKind.ALERT_OPENED)
    if wanted_by:
        session.flush()  # it needs its id
        data = {**_alert(alert), "escalates": escalates}
        _write(session, alert.account_id, wanted_by, EventKind.ALERT_OPENED, data)


def alert_resolved(session: Session, alert: Alert) -> None:
    wanted_by = _wanted(session, alert.account_id, EventKind.ALERT_RESOLVED)
    if wanted_by:
        data = {**_alert(alert), "closed_at": _time(alert.closed_at)}
        _write(session, alert.account_id, wanted_by, EventKind.ALERT_RESOLVED, data)


def tested(session: Session, endpoint: Endpoint) -> EndpointCall:
    """An event that tells of nothing, for one endpoint."""
    data = {"endpoint_id": endpoint.id}
    return _write(session, endpoint.account_id, [endpoint.id], EventKind.TEST, data)[0]


def _wanted(session: Session, account_id: int, kind: EventKind) -> list[int]:
    """The endpoints that want it. They are asked for once in a transaction, and nobody else's
    transaction changes what this one has read."""
    transaction = session.get_transaction()
    asked = session.info.get(_ASKED)
    if asked is None or asked[0] is not transaction:
        asked = session.info[_ASKED] = (transaction, {})
    by_account: dict[int, list[tuple[int, list[str]]]] = asked[1]
    if account_id not in by_account:
        with session.no_autoflush:
            rows = session.execute(_ENDPOINTS, {"account": account_id}).all()
        by_account[account_id] = [(row.id, row.kinds) for row in rows]
    return [endpoint_id for endpoint_id, kinds in by_account[account_id] if kind in kinds]


def _write(
    session: Session,
    account_id: int,
    endpoint_ids: list[int],
    kind: EventKind,
    data: Mapping[str, Any],
) -> list[EndpointCall]:
    """One call per endpoint, all with the same event id."""
    now = clock.now()
    event_id = f"evt_{secrets.token_hex(12)}"
    body = {"type": str(kind), "timestamp": _time(now), "data": dict(data)}
    calls = []
    for endpoint_id in endpoint_ids:
        call = EndpointCall(
            account_id=account_id,
            endpoint_id=endpoint_id,
            event_id=event_id,
            kind=str(kind),
            body=body,
            created_at=now,
        )
        outgoing.intend(call, now)
        session.add(call)
        calls.append(call)
    return calls


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "alert_id": alert.id,
        "cause": alert.cause,
        "booking_id": alert.booking_id,
        "lock_id": alert.lock_id,
        "feed_id": alert.feed_id,
        "connection_id": alert.connection_id,
        "opened_at": _time(alert.opened_at),
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
