"""Booking feeds: their rows, their fetching with backoff, and files somebody uploads.

What a reading of a feed changes is `services.intake`.
"""

from datetime import date, timedelta
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock, jitter
from portal.domain.intake_types import (
    FeedSource,
)
from portal.domain.secret import Secret
from portal.domain.sentences import Sentence
from portal.feeds import child
from portal.feeds import fetch as network
from portal.feeds.errors import FeedProblem, FetchFailed
from portal.feeds.fetch import Fetched
from portal.models import Alert, Booking, Feed, Property
from portal.network.addresses import target
from portal.network.errors import CallRefused
from portal.queue import JobName, ring
from portal.services import feed_alerts, intake
from portal.unit_of_work import writing
from portal.zones import zone_or_utc

FETCH_EVERY: Final = timedelta(minutes=15)
JITTER: Final = 0.1
LONGEST_BACKOFF: Final = timedelta(hours=6)
# A feed that fails now and then is nothing to wake anybody for.
SICK_AFTER_FAILURES: Final = 4

_SICK: Final = Sentence("{calendar} cannot be read: {why}", ours={"why"})


class BadFeed(Exception):
    """The feed cannot be taken in so: `field` is at fault, `words` say why and what would do."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field
        self.words = words


def add_feed(
    session: Session, place: Property, *, name: str, address: str, source: str | None = None
) -> Feed:
    """A feed that is fetched from now on; raises BadFeed. Ring FETCH_FEED after the commit."""
    address, host = _checked(address)
    others = session.scalars(
        select(Feed).where(Feed.property_id == place.id, Feed.address.is_not(None))
    )
    if any(other.address == Secret(address) for other in others):
        raise BadFeed("address", "This property has this calendar already.")
    feed = _new(session, place, name or host, source)
    feed.address, feed.host = Secret(address), host
    feed.due_at = clock.now() + FETCH_EVERY
    session.flush()
    return feed


def change_address(session: Session, feed: Feed, address: str) -> None:
    """The feed is fetched from there from now on, and its stays are the same; raises BadFeed.

    Ring FETCH_FEED after the commit.
    """
    address, host = _checked(address)
    feed.address, feed.host = Secret(address), host
    feed.etag = feed.last_modified = None
    refresh_now(session, feed)


def _checked(address: str) -> tuple[str, str]:
    """The address as it is fetched, and its host."""
    address = address.strip()
    if address.lower().startswith("webcal://"):
        address = "https://" + address[len("webcal://") :]
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError as error:
        raise BadFeed("address", "This is not an address.") from error
    if parts.scheme not in {"http", "https"} or not host or len(address) > 4000:
        raise BadFeed(
            "address", "Paste the calendar's address; it starts with https:// or webcal://."
        )
    try:
        # What no fetch would ever call is said at once, and not after the first fetch.
        target(address, allow_private=_allows_private())
    except CallRefused as refused:
        raise BadFeed("address", refused.words) from refused
    return address, host[:255]


def upload(
    place_id: int, *, name: str, body: bytes, actor: str, source: str | None = None
) -> tuple[int, intake.Taken]:
    """Takes in an uploaded calendar file; the same file name again is the same feed."""
    with writing() as session:
        place = session.get_one(Property, place_id)
        name = (name or "calendar.ics")[:200]
        feed = session.scalars(
            select(Feed).where(
                Feed.property_id == place.id, Feed.name == name, Feed.address.is_(None)
            )
        ).first() or _new(session, place, name, source)
        session.flush()
        feed_id, zone, hint = feed.id, zone_or_utc(place.time_zone), intake.source_of(feed.source)
    try:
        reading = child.read_limited(body, hint, today=_today(zone))
    except FeedProblem as problem:
        _forget_if_never_read(feed_id)
        raise BadFeed("file", problem.words) from problem
    return feed_id, intake.take(feed_id, reading)


def fetch(feed_id: int) -> None:
    """Fetches a feed once and takes over what changed; a sick answer changes nothing."""
    with writing() as session:
        feed = session.get(Feed, feed_id)
        if feed is None or feed.address is None or feed.is_paused:
            return
        address = feed.address.reveal()
        zone, hint = zone_or_utc(feed.property.time_zone), intake.source_of(feed.source)
        # While an absence waits to be believed, "unchanged" must count as a poll too, and only a
        # whole answer can be counted.
        is_waiting = intake.is_waiting(session, feed)
        etag = None if is_waiting else feed.etag
        modified = None if is_waiting else feed.last_modified
    try:
        answer = network.fetch(
            address, etag=etag, last_modified=modified, allow_private=_allows_private()
        )
        reading = None
        if answer.status == "fresh":
            reading = child.read_limited(answer.body, hint, today=_today(zone))
    except FeedProblem as problem:
        _failed(feed_id, problem)
        return
    if reading is not None:
        intake.take(feed_id, reading)
    _fetched(feed_id, answer)


def refresh_now(session: Session, feed: Feed) -> None:
    """The feed is due at once, and no longer paused; ring FETCH_FEED after the commit."""
    feed.due_at = clock.now() + ring_again()
    feed.is_paused = False


def pause(session: Session, feed: Feed) -> None:
    """The feed is not fetched until somebody resumes it; its bookings stay, and none is cancelled.

    `refresh_now` resumes it.
    """
    feed.is_paused = True
    feed_alerts.close_alert(session, feed, feed_alerts.SICK, clock.now())


def ring_again() -> timedelta:
    """How long a fetch that was rung for may take before the sweep rings again."""
    return timedelta(minutes=5)


def remove(session: Session, feed: Feed) -> None:
    """The feed is forgotten; its bookings stay as they are."""
    for booking in session.scalars(select(Booking).where(Booking.feed_id == feed.id)).all():
        booking.feed_id = None
    for alert in session.scalars(select(Alert).where(Alert.feed_id == feed.id)).all():
        if alert.closed_at is None:
            feed_alerts.close_alert(session, feed, alert.cause, clock.now())
        alert.feed_id = None
    session.flush()
    session.delete(feed)


def ring_for(feed_id: int) -> None:
    """Rings for one fetch."""
    ring(JobName.FETCH_FEED, feed_id)


def _new(session: Session, place: Property, name: str, source: str | None) -> Feed:
    feed = Feed(
        account_id=place.account_id,
        property=place,
        property_id=place.id,
        name=" ".join(name.split())[:200] or "Calendar",
        source=str(intake.source_of(source) or FeedSource.ICAL),
        last_changes=[],
        skipped=[],
        flags=[],
        closures=[],
        created_at=clock.now(),
    )
    session.add(feed)
    return feed


def _today(zone: ZoneInfo) -> date:
    return clock.now().astimezone(zone).date()


def _allows_private() -> bool:
    return bool(current_app.extensions["settings"].feeds_allow_private)


def _forget_if_never_read(feed_id: int) -> None:
    with writing() as session:
        feed = session.get_one(Feed, feed_id)
        if feed.good_at is None:
            session.delete(feed)


def _fetched(feed_id: int, answer: Fetched) -> None:
    with writing() as session:
        feed = session.get_one(Feed, feed_id)
        now = clock.now()
        feed.tried_at = feed.good_at = now
        feed.failures, feed.error_key, feed.error_words = 0, "", ""
        if answer.status == "fresh":
            feed.etag = (answer.etag or "")[:300] or None
            feed.last_modified = (answer.last_modified or "")[:100] or None
        feed.due_at = now + jitter.around(FETCH_EVERY, JITTER)
        feed_alerts.close_alert(session, feed, feed_alerts.SICK, now)


def _failed(feed_id: int, problem: FeedProblem) -> None:
    """The last good state stays; the feed is tried again later and later, and one alert says so."""
    with writing() as session:
        feed = session.get_one(Feed, feed_id)
        now = clock.now()
        feed.tried_at = now
        feed.failures += 1
        feed.error_key, feed.error_words = problem.key[:60], problem.words[:500]
        pause = min(FETCH_EVERY * 2 ** min(feed.failures - 1, 8), LONGEST_BACKOFF)
        pause = jitter.around(pause, JITTER)
        if isinstance(problem, FetchFailed) and problem.retry_after_seconds:
            # A host's own word is a least: chance makes it longer, never shorter.
            asked = timedelta(seconds=problem.retry_after_seconds)
            pause = max(pause, jitter.beyond(asked, JITTER))
        feed.due_at = now + pause
        if feed.failures >= SICK_AFTER_FAILURES:
            feed_alerts.open_alert(
                session,
                feed,
                feed_alerts.SICK,
                _SICK(calendar=feed.name, why=problem.words),
                now,
            )
