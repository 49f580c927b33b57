"""The link to a booking's guest page: made, renewed and revoked by managers, opened by guests.

Who has the link is who may look: a random token of 192 bits, found by its hash. It ends with the
stay. Encrypted the token is kept as well, so that the message to the guest can name the link again.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from flask import current_app
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal import crypto
from portal.config import Settings
from portal.domain.secret import Secret
from portal.domain.stay import Window, window_of
from portal.models import Account, Booking, BookingStatus, GuestLink, Property
from portal.services import door_codes, timeline
from portal.services.upsert import insert_unless_there
from portal.zones import zone_or_utc

TOKEN_BYTES: Final = 24
# An open page is written down at most this often: a guest who reloads is not to fill the history.
OPENING_EVERY: Final = timedelta(hours=1)

# One query whatever the token is, without the encrypted columns: a wrong one costs as much as one
# that is over.
_FIND: Final = (
    select(
        GuestLink.id,
        GuestLink.account_id,
        GuestLink.booking_id,
        GuestLink.revoked_at,
        GuestLink.opened_at,
        Booking.status,
        Booking.starts_at,
        Booking.ends_at,
        Booking.guest_language,
        Property.time_zone,
        Property.buffer_before_minutes,
        Property.buffer_after_minutes,
        Account.version,
    )
    .join(Booking, Booking.id == GuestLink.booking_id)
    .join(Property, Property.id == Booking.property_id)
    .join(Account, Account.id == GuestLink.account_id)
    .where(GuestLink.token_hash == bindparam("token_hash"))
)


class StayIsOver(Exception):
    """The booking is cancelled or its stay is over: its guest needs no page."""


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Whoever opened a link that holds: whose guest they are, and what their open page compares."""

    link_id: int
    account_id: int
    account_version: int
    booking_id: int
    opened_at: datetime | None
    language: str

    def is_opening_due(self, now: datetime) -> bool:
        """Whether this opening is to be written down."""
        return self.opened_at is None or now - self.opened_at >= OPENING_EVERY


def find(session: Session, token: str, now: datetime) -> Visitor | None:
    """The visitor with this token; None where it is unknown, revoked or over, without a word which.

    Runs as the system: the token is what says whose rows the visitor may see.
    """
    row = session.execute(_FIND, {"token_hash": crypto.token_hash(token)}).one_or_none()
    if row is None or row.revoked_at is not None or row.status is not BookingStatus.CONFIRMED:
        return None
    if now >= _window(row).ends_at:
        return None
    return Visitor(
        link_id=row.id,
        account_id=row.account_id,
        account_version=row.version,
        booking_id=row.booking_id,
        opened_at=row.opened_at,
        language=row.guest_language,
    )


def of_booking(session: Session, booking_id: int) -> GuestLink | None:
    """The booking's link, revoked or not; None where none was ever made."""
    return session.scalars(
        select(GuestLink).where(GuestLink.booking_id == booking_id)
    ).one_or_none()


def ensure(session: Session, booking: Booking, actor: str, now: datetime) -> Secret:
    """The token of the booking's link, which is made where there is none that holds."""
    link = of_booking(session, booking.id)
    if link is not None and link.revoked_at is None:
        return link.token
    return renew(session, booking, actor, now)


def address_of(token: Secret) -> str:
    """The whole address of a guest's page."""
    settings: Settings = current_app.extensions["settings"]
    return f"{settings.public_url}/guest/{token.reveal()}"


def renew(session: Session, booking: Booking, actor: str, now: datetime) -> Secret:
    """The token of a new link; an older one opens nothing from now on. Raises StayIsOver."""
    is_over = now >= door_codes.window_of_booking(booking).ends_at
    if is_over or booking.status is not BookingStatus.CONFIRMED:
        raise StayIsOver
    token = Secret(secrets.token_urlsafe(TOKEN_BYTES))
    hashed = crypto.token_hash(token.reveal())
    row_id = insert_unless_there(
        session,
        GuestLink,
        account_id=booking.account_id,
        booking_id=booking.id,
        token_hash=hashed,
        token=token,
        made_at=now,
    )
    if row_id is None:
        link = session.scalars(select(GuestLink).where(GuestLink.booking_id == booking.id)).one()
        link.token_hash, link.token, link.made_at = hashed, token, now
        link.revoked_at = link.first_opened_at = link.opened_at = None
    _note(session, timeline.Kind.GUEST_LINK_MADE, booking, actor)
    return token


def show(session: Session, booking: Booking, actor: str) -> Secret | None:
    """The token, with a line in the history of who was shown it. None where no link holds."""
    link = of_booking(session, booking.id)
    if link is None or link.revoked_at is not None:
        return None
    _note(session, timeline.Kind.GUEST_LINK_SHOWN, booking, actor)
    return link.token


def revoke(session: Session, booking: Booking, actor: str, now: datetime) -> bool:
    """The link opens nothing any more; False where there was none that did."""
    link = of_booking(session, booking.id)
    if link is None or link.revoked_at is not None:
        return False
    link.revoked_at = now
    _note(session, timeline.Kind.GUEST_LINK_REVOKED, booking, actor)
    return True


def note_opened(session: Session, visitor: Visitor, now: datetime) -> None:
    """The opening stands in the booking's history, unless one of the same hour does already."""
    link = session.get_one(GuestLink, visitor.link_id)
    if link.opened_at is not None and now - link.opened_at < OPENING_EVERY:
        return
    link.first_opened_at = link.first_opened_at or now
    link.opened_at = now
    timeline.record(
        session,
        timeline.Kind.GUEST_PAGE_OPENED,
        "guest",
        account_id=link.account_id,
        booking_id=link.booking_id,
    )


def _window(row: Any) -> Window:
    return window_of(
        Window(row.starts_at, row.ends_at),
        zone_or_utc(row.time_zone),
        timedelta(minutes=row.buffer_before_minutes),
        timedelta(minutes=row.buffer_after_minutes),
    )


def _note(session: Session, kind: timeline.Kind, booking: Booking, actor: str) -> None:
    timeline.record(session, kind, actor, account_id=booking.account_id, booking_id=booking.id)
