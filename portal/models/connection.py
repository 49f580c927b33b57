"""OAuth links to Schlage Home."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.models.base import AccountOwned, Base, EncryptedText, EnumText, UTCDateTime


class ConnectionState(StrEnum):
    """Whether calls may be made for a connection."""

    CONNECTED = "connected"
    SIGNED_OUT = "signed_out"  # Schlage refused the tokens: a person must reconnect
    DISCONNECTED = "disconnected"  # a manager ended it here

    @property
    def problem(self) -> ProblemKey | None:
        """Why no code goes out through such a connection; None where calls may be made."""
        return {
            ConnectionState.SIGNED_OUT: ProblemKey.SIGNED_OUT,
            ConnectionState.DISCONNECTED: ProblemKey.UNRECOGNIZED_JOB_STATE,
        }.get(self)


class CheckFault(StrEnum):
    """What kept the last test of a connection from passing."""

    NO_ANSWER = "no_answer"  # Schlage did not answer, or not usably
    SLOW_DOWN = "slow_down"  # too many calls at the moment
    REFUSED = "refused"  # this login or this portal may not ask
    ODD = "odd"  # an answer that nobody expected


class Connection(AccountOwned, Base):
    """One of an account's links to Schlage Home; owners of homes often keep their own login."""

    __tablename__ = "connection"
    unseen: ClassVar[frozenset[str]] = frozenset({"due_at", "refreshing_until"})

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[ConnectionState] = mapped_column(EnumText(ConnectionState))
    state_at: Mapped[datetime] = mapped_column(UTCDateTime())
    access_token: Mapped[Secret | None] = mapped_column(EncryptedText("connection.access_token"))
    refresh_token: Mapped[Secret | None] = mapped_column(EncryptedText("connection.refresh_token"))
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    # Single flight: who refreshes holds this until the time given; others wait or use the old one.
    refreshing_until: Mapped[datetime | None] = mapped_column(UTCDateTime())
    subscription_id: Mapped[str | None] = mapped_column(String(200))
    checked_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    check_error: Mapped[str | None] = mapped_column(String(300))
    check_fault: Mapped[CheckFault | None] = mapped_column(EnumText(CheckFault))
    check_failed_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    check_asked_at: Mapped[datetime | None] = mapped_column(UTCDateTime())  # until it is answered
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime(), index=True)
    last_webhook_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    # An outage seen over several locks: calls wait for the one probe that goes out at this time.
    outage_since: Mapped[datetime | None] = mapped_column(UTCDateTime())
    probe_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    # Since when a lock's log is known to tell of codes of ours; None: nobody has seen it yet.
    log_tells_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    created_at: Mapped[datetime] = mapped_column(UTCDateTime())
