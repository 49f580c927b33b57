"""What Settings > Door Locks > Schlage reads: connections, and which locks open which property."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.domain.problems import ProblemKey
from portal.models import (
    Account,
    Alert,
    CheckFault,
    Connection,
    ConnectionState,
    Lock,
    RestorePolicy,
)
from portal.services import booking_page, mapping_page
from portal.services.booking_page import Line
from portal.services.mapping_page import Mappings
from portal.services.timeline import Kind

# A test that nobody answered for so long is not running any more.
_TEST_TAKES: Final = timedelta(minutes=3)
# So often it is told who last chose what is done with codes that others changed.
_CHOICES_TOLD: Final = 3


@dataclass(frozen=True, kw_only=True)
class Link:
    """A connection, in what a person wants to know of it."""

    id: int
    name: str
    state: ConnectionState
    state_at: datetime
    locks: int
    offline: int
    missing: int  # not in Schlage's list any more
    last_webhook_at: datetime | None
    has_subscription: bool
    checked_at: datetime | None
    check_error: str | None
    check_fault: CheckFault | None
    check_failed_at: datetime | None
    is_testing: bool
    outage_since: datetime | None
    is_webhooks_off: bool

    @property
    def problem(self) -> ProblemKey | None:
        if self.state is ConnectionState.SIGNED_OUT:
            return ProblemKey.SIGNED_OUT
        if self.state is ConnectionState.DISCONNECTED:
            return None
        if self.outage_since is not None:
            return ProblemKey.SCHLAGE_OUTAGE
        return ProblemKey.WEBHOOKS_OFF if self.is_webhooks_off else None


@dataclass(frozen=True)
class Settings:
    """The whole page."""

    links: tuple[Link, ...]
    mapping: Mappings
    restore_policy: RestorePolicy
    choices: tuple[Line, ...]  # who chose that policy, the newest first


def read(session: Session, account_id: int, now: datetime) -> Settings:
    """Connections, those in use first, the mapping, and what happens to codes others changed."""
    links = connections(session, now)
    usable = {link.id for link in links if link.state is ConnectionState.CONNECTED}
    names = {link.id: link.name for link in links}
    return Settings(
        links=links,
        mapping=mapping_page.read(session, names, usable, now),
        restore_policy=session.get_one(Account, account_id).restore_policy,
        choices=booking_page.timeline_of_account(
            session, [Kind.RESTORE_POLICY_CHANGED], _CHOICES_TOLD
        ),
    )


def connections(session: Session, now: datetime) -> tuple[Link, ...]:
    """The account's connections, those in use first."""
    rows = session.scalars(select(Connection).order_by(func.lower(Connection.name), Connection.id))
    locks = {
        row[0]: row[1]
        for row in session.execute(
            select(Lock.connection_id, func.count()).group_by(Lock.connection_id)
        )
    }
    offline = {
        row[0]: row[1]
        for row in session.execute(
            select(Lock.connection_id, func.count())
            .where(Lock.is_online.is_(False))
            .group_by(Lock.connection_id)
        )
    }
    missing = {
        row[0]: row[1]
        for row in session.execute(
            select(Lock.connection_id, func.count())
            .where(Lock.missing_since.is_not(None))
            .group_by(Lock.connection_id)
        )
    }
    silent = set(
        session.scalars(
            select(Alert.connection_id).where(
                Alert.cause == str(ProblemKey.WEBHOOKS_OFF), Alert.closed_at.is_(None)
            )
        )
    )
    found = [
        Link(
            id=row.id,
            name=row.name,
            state=row.state,
            state_at=row.state_at,
            locks=locks.get(row.id, 0),
            offline=offline.get(row.id, 0),
            missing=missing.get(row.id, 0),
            last_webhook_at=row.last_webhook_at,
            has_subscription=row.subscription_id is not None,
            checked_at=row.checked_at,
            check_error=row.check_error,
            check_fault=row.check_fault or (CheckFault.ODD if row.check_error else None),
            check_failed_at=row.check_failed_at,
            is_testing=row.check_asked_at is not None and now - row.check_asked_at < _TEST_TAKES,
            outage_since=row.outage_since,
            is_webhooks_off=row.id in silent,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda link: link.state is ConnectionState.DISCONNECTED))
