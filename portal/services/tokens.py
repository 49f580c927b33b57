"""API tokens: made once, shown once, stored as a hash."""

import secrets
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from portal import clock, crypto
from portal.domain.secret import Secret
from portal.models import Account, ApiToken, Manager
from portal.services import accounts
from portal.services.callers import TokenHolder

PREFIX: Final = "lb_"
USED_EVERY: Final = timedelta(minutes=5)

# Built once: building it costs as much as running it, and it runs with every call.
_FIND: Final = (
    select(
        ApiToken.id,
        ApiToken.can_reveal_pins,
        ApiToken.last_used_at,
        Manager.id,
        Manager.name,
        Manager.email,
        Manager.role,
        Account.id,
        Account.name,
        Account.version,
    )
    .join(Manager, Manager.id == ApiToken.manager_id)
    .join(Account, Account.id == ApiToken.account_id)
    .where(ApiToken.token_hash == bindparam("token_hash"), Manager.is_active)
)


class NoSuchManager(Exception):
    """Nobody active has this e-mail address."""


def create(session: Session, email: str, *, name: str = "", can_reveal_pins: bool = True) -> Secret:
    """A new token with the role of the manager who has this address; it is not shown again."""
    manager = session.scalars(
        select(Manager).where(Manager.email == accounts.normalised_email(email), Manager.is_active)
    ).one_or_none()
    if manager is None:
        raise NoSuchManager(f"No active manager has the e-mail address {email!r}.")
    token = PREFIX + secrets.token_urlsafe(32)
    session.add(
        ApiToken(
            account_id=manager.account_id,
            manager_id=manager.id,
            token_hash=crypto.token_hash(token),
            name=name[:100],
            can_reveal_pins=can_reveal_pins,
            created_at=clock.now(),
        )
    )
    return Secret(token)


def find(session: Session, token: str) -> TokenHolder | None:
    """Who holds this token, or None where it is unknown or its manager is not active."""
    row = session.execute(_FIND, {"token_hash": crypto.token_hash(token)}).one_or_none()
    if row is None:
        return None
    token_id, can_reveal, used_at, manager_id, name, email, role, account_id, account, version = row
    return TokenHolder(
        token_id=token_id,
        can_reveal_pins=can_reveal,
        last_used_at=used_at,
        manager_id=manager_id,
        name=name,
        email=email,
        role=role,
        account_id=account_id,
        account_name=account,
        account_version=version,
    )


def is_use_due(holder: TokenHolder, now: datetime) -> bool:
    """Whether it is time to note that the token is in use."""
    return holder.last_used_at is None or now - holder.last_used_at >= USED_EVERY


def note_used(session: Session, token_id: int, now: datetime) -> None:
    """`last_used_at` is now. One statement past the ORM: no page changes because of it."""
    session.execute(
        update(ApiToken)
        .where(ApiToken.id == token_id)
        .values(last_used_at=now)
        .execution_options(synchronize_session=False)
    )
