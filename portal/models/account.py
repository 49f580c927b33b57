"""Accounts, their managers, and the ways a manager proves who they are."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import AccountOwned, Base, EnumText, UTCDateTime


class Role(StrEnum):
    """What a manager may do; each role may do all that the ones after it may."""

    OWNER = "owner"  # also the team, connections and tokens
    MANAGER = "manager"  # bookings, locks, mapping, feeds
    STAFF = "staff"  # today's and tomorrow's arrivals, their PINs on a recorded click
    VIEWER = "viewer"  # everything to read but no PINs


class RestorePolicy(StrEnum):
    """What happens when somebody removed or changed a code of ours in another app."""

    RESTORE = "restore"
    ASK = "ask"


class Account(Base):
    """A customer: the tenant. Everything else belongs to exactly one."""

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime())
    # Counts every committed change of the account's rows; open pages compare it (unit_of_work).
    version: Mapped[int] = mapped_column(default=0)
    # Proves that a label on a lock is ours (domain.label).
    label_key: Mapped[str] = mapped_column(String(64))
    restore_policy: Mapped[RestorePolicy] = mapped_column(
        EnumText(RestorePolicy), default=RestorePolicy.RESTORE
    )


class Manager(AccountOwned, Base):
    """A user of an account."""

    __tablename__ = "manager"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(EnumText(Role))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime())
    account: Mapped[Account] = relationship()


class SignIn(AccountOwned, Base):
    """One signed-in browser. The cookie holds the token, we keep its hash; deleting ends it."""

    __tablename__ = "sign_in"

    id: Mapped[int] = mapped_column(primary_key=True)
    manager_id: Mapped[int] = mapped_column(ForeignKey("manager.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime())
    last_seen_at: Mapped[datetime] = mapped_column(UTCDateTime())
    user_agent: Mapped[str] = mapped_column(String(200), default="")
    manager: Mapped[Manager] = relationship()


class ApiToken(AccountOwned, Base):
    """A program's bearer token; only its hash is stored."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    manager_id: Mapped[int] = mapped_column(ForeignKey("manager.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(100), default="")
    can_reveal_pins: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime())
    last_used_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    manager: Mapped[Manager] = relationship()


class LimitBucket(Base):
    """A token bucket of some limit (sign-in tries, API calls); in the database so that a Redis
    flush or a restart does not hand out fresh tries."""

    __tablename__ = "limit_bucket"
    __table_args__ = (UniqueConstraint("key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(128))
    tokens: Mapped[float]
    refilled_at: Mapped[datetime] = mapped_column(UTCDateTime())
