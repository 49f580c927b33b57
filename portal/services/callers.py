"""Who is asking: a manager in a browser, or a program with a token of a manager."""

from dataclasses import dataclass, field
from datetime import datetime

from portal.domain.secret import Secret
from portal.models import Role


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The manager on whose behalf a request runs, as the database had it when it began.

    A plain value and no row, so that it outlives every transaction of the request.
    `account_version` is what open pages compare (unit_of_work): it came with the same query.
    """

    manager_id: int
    account_id: int
    account_name: str
    account_version: int
    name: str
    email: str
    role: Role

    @property
    def actor(self) -> str:
        """How the timeline names this caller."""
        return f"manager:{self.manager_id}"


@dataclass(frozen=True, kw_only=True)
class SignedIn(Caller):
    """A manager in a browser; what Flask-Login calls the user."""

    sign_in_id: int
    last_seen_at: datetime
    token: Secret = field(repr=False)

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """What the cookie holds: the random token, and nothing that means anything by itself."""
        return self.token.reveal()


@dataclass(frozen=True, kw_only=True)
class TokenHolder(Caller):
    """A program that holds an API token of a manager, with that manager's role."""

    token_id: int
    can_reveal_pins: bool
    last_used_at: datetime | None

    @property
    def actor(self) -> str:
        return f"api:{self.token_id}"
