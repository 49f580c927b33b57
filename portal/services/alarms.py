"""Alarms: open alerts are the conditions that hold now; whoever asked is told of what changes."""

from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Alert
from portal.services import endpoint_events, guest_help, late_codes, troubles
from portal.services.conditions import Condition

# Built once, because it runs every 30 s and mostly finds nothing.
# What a guest said is over when a door opens for them, or a person says so; what is wrong with a
# feed, its fetch says. (Those are left out afterwards: the index has the open ones and no others.)
_OPEN_ALERTS: Final = select(Alert).where(
    Alert.closed_at.is_(None), Alert.cause != guest_help.CAUSE
)


def refresh(session: Session, now: datetime) -> None:
    """Open alerts are exactly the conditions that hold now; those that ended are closed."""
    alerts = [alert for alert in session.scalars(_OPEN_ALERTS) if alert.feed_id is None]
    standing = [*late_codes.standing(session, now, alerts), *troubles.standing(session, now)]
    found = {(c.account_id, c.key): c for c in standing}
    open_now = {(a.account_id, a.key): a for a in alerts}
    ended = {key: alert for key, alert in open_now.items() if key not in found}
    for alert in ended.values():
        alert.closed_at = now
    started = {key: condition for key, condition in found.items() if key not in open_now}
    _open(session, started, ended, now)
    for key, condition in found.items():
        if key in open_now:
            _follow(open_now[key], condition)


def _open(
    session: Session,
    started: dict[tuple[int, str], Condition],
    ended: dict[tuple[int, str], Alert],
    now: datetime,
) -> None:
    """The new alerts are rows, and endpoints are told of them and of what is over.

    What goes on as another alert of the same thread is not over.
    """
    before = {(a.account_id, a.thread): a for a in ended.values()}
    for condition in started.values():
        alert = Alert(opened_at=now, **condition.__dict__)
        session.add(alert)
        escalated = before.pop((condition.account_id, condition.thread), None)
        endpoint_events.alert_opened(session, alert, escalated.id if escalated else None)
    for alert in before.values():
        endpoint_events.alert_resolved(session, alert)


def _follow(alert: Alert, condition: Condition) -> None:
    """An open alert names the guest who comes next, and says what is so, as that changes."""
    if (alert.booking_id, alert.words) != (condition.booking_id, condition.words):
        alert.booking_id, alert.words = condition.booking_id, condition.words
