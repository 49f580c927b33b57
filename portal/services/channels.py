"""Channels: adding them, what they want, the test, taking them away."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, Final

from flask import current_app
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.domain.notices import Kind, Topic
from portal.domain.secret import Secret
from portal.domain.sentences import Sentence
from portal.domain.stay import zone_of
from portal.messages import addresses
from portal.models import Channel, ChannelThread, Notice
from portal.network.errors import CallRefused
from portal.services import outgoing

MOST: Final = 50

_TOO_MANY: Final = Sentence("An account has at most {most} channels. Remove one first.")


class BadChannel(Exception):
    """The channel will not do so: `field` is at fault, `words` say why and what would do."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field
        self.words = words


@dataclass(frozen=True, kw_only=True)
class Wants:
    """What a channel is told, in which words, and when not."""

    name: str
    topics: frozenset[Topic]
    language: str
    time_zone: str
    quiet_from: time | None
    quiet_until: time | None
    has_digest: bool


def add(
    session: Session, account_id: int, address: str, wants: Wants, *, hint: str = ""
) -> Channel:
    """A channel that is told from now on; raises BadChannel. `hint` is for people to know it by."""
    if session.scalars(select(func.count(Channel.id))).one() >= MOST:
        raise BadChannel("name", _TOO_MANY(most=MOST))
    channel = Channel(account_id=account_id, created_at=clock.now(), topics=[])
    _apply(channel, wants)
    set_address(channel, address, hint=hint)
    session.add(channel)
    session.flush()
    return channel


def change(session: Session, channel: Channel, wants: Wants) -> None:
    """The channel is told what `wants` says; what it was told of and wants no more is forgotten."""
    before = set(channel.topics)
    _apply(channel, wants)
    if before - set(channel.topics):
        session.execute(delete(ChannelThread).where(ChannelThread.channel_id == channel.id))


def set_address(channel: Channel, address: str, *, hint: str = "") -> None:
    """Messages go there from now on; raises BadChannel for an address that is never called."""
    address = address.strip()
    try:
        kind, host = addresses.check(address, allow_private=allows_private())
    except CallRefused as refused:
        raise BadChannel("address", refused.words) from refused
    channel.kind, channel.address, channel.hint = kind, Secret(address), (hint or host)[:255]
    channel.dead_since = None


def test(session: Session, channel: Channel, now: datetime) -> int:
    """The id of a test notice that is due at once; ring SEND_NOTICE after the commit."""
    return intend(session, channel, Kind.TEST, [], now).id


def intend(
    session: Session, channel: Channel, kind: Kind, items: list[dict[str, Any]], now: datetime
) -> Notice:
    """A notice that is due at once."""
    notice = Notice(
        account_id=channel.account_id,
        channel_id=channel.id,
        kind=kind,
        items=items,
        created_at=now,
    )
    outgoing.intend(notice, now)
    session.add(notice)
    session.flush()
    return notice


def remove(session: Session, channel: Channel) -> None:
    """The channel, its log and what it was told are forgotten."""
    session.execute(delete(ChannelThread).where(ChannelThread.channel_id == channel.id))
    session.execute(delete(Notice).where(Notice.channel_id == channel.id))
    session.delete(channel)


def allows_private() -> bool:
    """Whether this installation may call private addresses: one on a loopback address."""
    return bool(current_app.extensions["settings"].feeds_allow_private)


def _apply(channel: Channel, wants: Wants) -> None:
    name = " ".join(wants.name.replace("\x00", "").split())
    if not name or len(name) > 100:
        raise BadChannel("name", "Give it a name of at most 100 characters.")
    try:
        zone_of(wants.time_zone)
    except ValueError as error:
        raise BadChannel("time_zone", "Choose a zone, such as America/New_York.") from error
    if (wants.quiet_from is None) != (wants.quiet_until is None):
        raise BadChannel("quiet_until", "Give both ends of the quiet hours, or neither.")
    if not wants.topics and not wants.has_digest:
        raise BadChannel("topics", "Choose at least one thing to be told of.")
    channel.name, channel.language, channel.time_zone = name, wants.language, wants.time_zone
    channel.topics = _ordered(wants.topics)
    channel.quiet_from, channel.quiet_until = wants.quiet_from, wants.quiet_until
    channel.has_digest = wants.has_digest


def _ordered(topics: Iterable[Topic]) -> list[str]:
    chosen = set(topics)
    return [str(topic) for topic in Topic if topic in chosen]
