"""How an account's messages reach guests: its own mail server, and its own SMS gateway."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.domain.guest_sending import Way, is_email
from portal.domain.secret import Secret
from portal.domain.sentences import Sentence
from portal.messages import addresses
from portal.messages.addresses import MAIL_PORTS, mail_address
from portal.models import GuestWay
from portal.network.errors import CallRefused
from portal.services import channels

# Where the guest's number goes in a gateway's address.
TO: Final = "{to}"
_ANY_NUMBER: Final = "12125550142"
_SMS: Final = "sms"
_IN_NAMES: Final = frozenset(".,-&’")

_NUMBER_ONCE: Final = Sentence("Write {placeholder} once, where the guest's number goes.")


class BadWay(Exception):
    """The way will not do so: `field` is at fault, `words` say why and what would do."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field
        self.words = words


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """Whence an account's e-mail goes out."""

    server: str
    port: int
    security: str  # starttls or ssl
    user: str = ""
    password: str = field(default="", repr=False)
    sender: str
    sender_name: str = ""

    @property
    def hint(self) -> str:
        """What may be shown of it."""
        return f"{self.sender} ({self.server})"


def ways(session: Session) -> dict[Way, GuestWay]:
    """The ways that the account has set up."""
    return {row.way: row for row in session.scalars(select(GuestWay))}


def way_of(session: Session, account_id: int, way: Way) -> GuestWay | None:
    """This way of the account; None where it has not set it up."""
    return session.scalars(
        select(GuestWay).where(GuestWay.account_id == account_id, GuestWay.way == way)
    ).one_or_none()


def mail_server(row: GuestWay | None) -> MailServer | None:
    """The account's mail server, password and all."""
    return None if row is None else MailServer(**json.loads(row.settings.reveal()))


def save_email(session: Session, account_id: int, wish: MailServer) -> None:
    """E-mail to guests goes out by this server from now on; raises BadWay.

    Without a password the one that is known stays, as long as it is for the same server and user.
    """
    known = mail_server(way_of(session, account_id, Way.EMAIL))
    password = wish.password
    if not password and known is not None:
        is_same = (wish.server, wish.user) == (known.server, known.user)
        if known.password and wish.user and not is_same:
            # Or whoever may change the server could have the password sent to one of theirs.
            raise BadWay("password", "Enter the password anew: the server or user is another one.")
        password = known.password if wish.user else ""
    if wish.user and not password:
        raise BadWay("password", "Enter the password of this user.")
    if not is_email(wish.sender):
        raise BadWay("sender", "Give one e-mail address.")
    allows_private = channels.allows_private()
    if wish.port not in MAIL_PORTS and not allows_private:
        raise BadWay("port", "Mail is sent by port 587, 465, 2525 or 25.")
    settings = {**vars(wish), "password": password}
    try:
        addresses.check(
            _email_address(MailServer(**settings), wish.sender), allow_private=allows_private
        )
    except CallRefused as refused:
        raise BadWay("server", refused.words) from refused
    _store(session, account_id, Way.EMAIL, settings, wish.hint)


def save_sms(session: Session, account_id: int, address: str) -> None:
    """Text messages to guests go out by this gateway from now on; raises BadWay."""
    address = address.strip()
    if address.count(TO) != 1:
        raise BadWay("address", _NUMBER_ONCE(placeholder=TO))
    try:
        kind, _ = addresses.check(
            address.replace(TO, _ANY_NUMBER), allow_private=channels.allows_private()
        )
    except CallRefused as refused:
        raise BadWay("address", refused.words) from refused
    if kind != _SMS:
        raise BadWay("address", "This is no SMS gateway. Use one of the services named below.")
    hint = address.partition("://")[0].capitalize()
    _store(session, account_id, Way.SMS, {"address": address}, hint)


def remove(session: Session, way: Way) -> bool:
    """Nothing is sent this way any more; False where it was not set up."""
    row = ways(session).get(way)
    if row is None:
        return False
    session.delete(row)
    return True


def apprise_address(row: GuestWay, to: str) -> Secret:
    """The Apprise address that brings a message to `to` by this way."""
    if row.way is Way.SMS:
        return Secret(json.loads(row.settings.reveal())["address"].replace(TO, to))
    server = mail_server(row)
    assert server is not None
    return Secret(_email_address(server, to))


def _email_address(server: MailServer, to: str) -> str:
    return mail_address(
        server=server.server,
        port=server.port,
        security=server.security,
        user=server.user,
        password=server.password,
        sender=_named(server),
        recipients=[to],
    )


def _named(server: MailServer) -> str:
    """The sender with its name, as Apprise reads one."""
    plain = server.sender_name.replace("'", "’")
    name = " ".join("".join(c if c.isalnum() or c in _IN_NAMES else " " for c in plain).split())
    return f"{name} <{server.sender}>" if name else server.sender


def _store(
    session: Session, account_id: int, way: Way, settings: Mapping[str, Any], hint: str
) -> None:
    row = way_of(session, account_id, way)
    if row is None:
        row = GuestWay(account_id=account_id, way=way)
        session.add(row)
    row.settings, row.hint = Secret(json.dumps(settings)), hint[:255]
    row.saved_at = clock.now()
