"""Alerts about a feed: one per cause, open for as long as it is so."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Alert, Feed
from portal.services import endpoint_events

SICK = "feed_sick"
HELD = "feed_held"


def open_alert(session: Session, feed: Feed, cause: str, words: str, now: datetime) -> None:
    """The alert stands, unless it does already."""
    if _open(session, feed, cause) is None:
        alert = Alert(
            account_id=feed.account_id,
            key=f"{cause}:{feed.id}",
            cause=cause,
            words=words[:300],
            feed_id=feed.id,
            opened_at=now,
        )
        session.add(alert)
        endpoint_events.alert_opened(session, alert)


def close_alert(session: Session, feed: Feed, cause: str, now: datetime) -> None:
    """The alert is over, if there was one."""
    alert = _open(session, feed, cause)
    if alert is not None:
        alert.closed_at = now
        endpoint_events.alert_resolved(session, alert)


def _open(session: Session, feed: Feed, cause: str) -> Alert | None:
    return session.scalars(
        select(Alert).where(
            Alert.account_id == feed.account_id,
            Alert.key == f"{cause}:{feed.id}",
            Alert.closed_at.is_(None),
        )
    ).one_or_none()
