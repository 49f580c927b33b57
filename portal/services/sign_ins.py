"""Signing in and out. A sign-in is a row, so deleting the row ends it wherever the cookie is."""

import secrets
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, bindparam, delete, or_, select, update
from sqlalchemy.orm import Session

from portal import crypto
from portal.domain.secret import Secret
from portal.models import Account, Manager, SignIn
from portal.services import accounts
from portal.services.callers import SignedIn

IDLE: Final = timedelta(hours=12)
LONGEST: Final = timedelta(days=7)
# `last_seen_at` is written at most this often: a poll every two seconds is not to be a write.
SEEN_EVERY: Final = timedelta(minutes=5)

# Built once: building it costs as much as running it, and it runs with every poll.
_FIND: Final = (
    select(
        SignIn.id,
        SignIn.last_seen_at,
        Manager.id,
        Manager.name,
        Manager.email,
        Manager.role,
        Account.id,
        Account.name,
        Account.version,
    )
    .join(Manager, Manager.id == SignIn.manager_id)
    .join(Account, Account.id == SignIn.account_id)
    .where(SignIn.token_hash == bindparam("token_hash"), Manager.is_active)
    .where(SignIn.last_seen_at > bindparam("seen_after"))
    .where(SignIn.created_at > bindparam("created_after"))
)


def manager_with(session: Session, email: str, password: str) -> Manager | None:
    """The active manager with this e-mail address and password, or None.

    Takes the same time whether the address, the password or both are wrong.
    """
    email = accounts.normalised_email(email)
    manager = session.scalars(
        select(Manager).where(Manager.email == email, Manager.is_active)
    ).one_or_none()
    stored = manager.password_hash if manager else None
    return manager if accounts.is_password(stored, password) else None


def start(session: Session, manager_id: int, user_agent: str, now: datetime) -> Secret:
    """The token of a new sign-in, to be put into the cookie; we keep its hash.

    The manager's sign-ins that are over are forgotten on the way.
    """
    session.execute(delete(SignIn).where(SignIn.manager_id == manager_id, _is_over(now)))
    manager = session.scalars(select(Manager).where(Manager.id == manager_id)).one()
    token = secrets.token_urlsafe(32)
    session.add(
        SignIn(
            account_id=manager.account_id,
            manager_id=manager.id,
            token_hash=crypto.token_hash(token),
            created_at=now,
            last_seen_at=now,
            user_agent=user_agent.replace("\x00", "")[:200],
        )
    )
    return Secret(token)


def renew_hash(session: Session, manager_id: int, password: str) -> None:
    """The password is stored with today's settings, where it was stored with weaker ones."""
    manager = session.scalars(select(Manager).where(Manager.id == manager_id)).one()
    if accounts.is_hash_outdated(manager.password_hash):
        manager.password_hash = accounts.hash_password(password)


def find(session: Session, token: str, now: datetime) -> SignedIn | None:
    """Who holds this token, or None where it is unknown, over, or its manager is not active.

    One query, the account's version included: it is all that an unchanged poll reads.
    """
    row = session.execute(
        _FIND,
        {
            "token_hash": crypto.token_hash(token),
            "seen_after": now - IDLE,
            "created_after": now - LONGEST,
        },
    ).one_or_none()
    if row is None:
        return None
    sign_in_id, last_seen_at, manager_id, name, email, role, account_id, account, version = row
    return SignedIn(
        sign_in_id=sign_in_id,
        last_seen_at=last_seen_at,
        token=Secret(token),
        manager_id=manager_id,
        name=name,
        email=email,
        role=role,
        account_id=account_id,
        account_name=account,
        account_version=version,
    )


def is_seen_due(signed_in: SignedIn, now: datetime) -> bool:
    """Whether it is time to note that this browser is still in use."""
    return now - signed_in.last_seen_at >= SEEN_EVERY


def note_seen(session: Session, sign_in_id: int, now: datetime) -> None:
    """The idle time starts anew. One statement past the ORM: no page changes because of it."""
    session.execute(
        update(SignIn)
        .where(SignIn.id == sign_in_id)
        .values(last_seen_at=now)
        .execution_options(synchronize_session=False)
    )


def end(session: Session, sign_in_id: int) -> None:
    """This sign-in is over; a copy of its cookie is worth nothing."""
    session.execute(delete(SignIn).where(SignIn.id == sign_in_id))


def end_all_of(session: Session, manager_id: int) -> None:
    """Every browser of this manager is signed out: after a password change, or when disabled."""
    session.execute(delete(SignIn).where(SignIn.manager_id == manager_id))


def end_others_of(session: Session, manager_id: int, keep_id: int) -> None:
    """Every browser of this manager but one is signed out: after a password change in that one."""
    session.execute(delete(SignIn).where(SignIn.manager_id == manager_id, SignIn.id != keep_id))


def _is_over(now: datetime) -> ColumnElement[bool]:
    return or_(SignIn.last_seen_at <= now - IDLE, SignIn.created_at <= now - LONGEST)
