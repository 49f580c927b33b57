"""What the pages about people read: the team, tokens, one's own sign-ins, what was done to them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.models import ApiToken, Manager, Property, Role, SignIn
from portal.services import booking_page
from portal.services.booking_page import Line
from portal.services.timeline import TEAM

HISTORY_SIZE: Final = 40


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody of the team."""

    id: int
    name: str
    email: str
    role: Role
    is_active: bool
    created_at: datetime
    sign_ins: int
    seen_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Token:
    """A program's token; the token itself is stored nowhere."""

    id: int
    name: str
    manager_name: str
    role: Role
    is_active: bool
    can_reveal_pins: bool
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Browser:
    """A browser in which somebody is signed in."""

    id: int
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    is_this: bool


def people(session: Session) -> tuple[Person, ...]:
    """The account's people: those who can sign in first, then by name."""
    rows = session.execute(
        select(Manager, func.count(SignIn.id), func.max(SignIn.last_seen_at))
        .outerjoin(SignIn, SignIn.manager_id == Manager.id)
        .group_by(Manager.id)
        .order_by(Manager.is_active.desc(), func.lower(Manager.name), Manager.id)
    )
    return tuple(
        Person(
            id=manager.id,
            name=manager.name,
            email=manager.email,
            role=manager.role,
            is_active=manager.is_active,
            created_at=manager.created_at,
            sign_ins=number,
            seen_at=seen_at,
        )
        for manager, number, seen_at in rows
    )


def tokens(session: Session) -> tuple[Token, ...]:
    """The account's API tokens, the newest first."""
    rows = session.execute(
        select(ApiToken, Manager.name, Manager.role, Manager.is_active)
        .join(Manager, Manager.id == ApiToken.manager_id)
        .order_by(ApiToken.id.desc())
    )
    return tuple(
        Token(
            id=token.id,
            name=token.name,
            manager_name=name,
            role=role,
            is_active=is_active,
            can_reveal_pins=token.can_reveal_pins,
            created_at=token.created_at,
            last_used_at=token.last_used_at,
        )
        for token, name, role, is_active in rows
    )


def browsers(session: Session, manager_id: int, this_id: int) -> tuple[Browser, ...]:
    """Where this person is signed in: this browser first, then the last used."""
    rows = session.scalars(
        select(SignIn)
        .where(SignIn.manager_id == manager_id)
        .order_by(SignIn.last_seen_at.desc(), SignIn.id.desc())
    )
    found = [
        Browser(
            id=row.id,
            user_agent=row.user_agent,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            is_this=row.id == this_id,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda browser: not browser.is_this))


def history(session: Session) -> tuple[Line, ...]:
    """What was done about people and tokens, the newest first."""
    return booking_page.timeline_of_account(session, TEAM, HISTORY_SIZE)


def zone(session: Session) -> str:
    """The zone of what belongs to the account and no one property: its first property's."""
    return session.scalar(select(Property.time_zone).order_by(Property.id).limit(1)) or "UTC"
