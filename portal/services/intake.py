"""Taking over what a booking feed says, without losing a stay.

The rules of what a poll changes are `portal.domain.intake`; this module keeps their state in rows
and sends every change through `services.bookings`, like any other source.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.domain import intake
from portal.domain.intake_match import match
from portal.domain.intake_types import (
    Cancelled,
    Change,
    Closure,
    Created,
    DatesChanged,
    DetailsChanged,
    FeedSource,
    FeedStay,
    Held,
    HoldReason,
    HoldReleased,
    Kept,
    KnownStatus,
    KnownStay,
    MarkedMissing,
    Moment,
    Poll,
    Reappeared,
    SkippedEvent,
    UidReplaced,
    day_of,
    instant,
    moment_from_text,
    moment_text,
)
from portal.domain.sentences import Sentence
from portal.feeds.reader import Reading
from portal.models import Booking, BookingStatus, Feed, Source
from portal.services import bookings, feed_alerts
from portal.services.bookings import BadBooking, BookingWish, changing
from portal.zones import zone_or_utc

# Stays longer gone than this are over for the feed, too.
REMEMBERED_FOR: Final = timedelta(days=7)
KEPT_NOTES: Final = 100

_HOLD_WORDS: Final = {
    HoldReason.EMPTY: "The calendar came empty although stays are booked.",
    HoldReason.MANY: "Several stays vanished from the calendar at once.",
    HoldReason.ONE_OF_FEW: "A stay vanished from a calendar that has only few.",
    HoldReason.MOVED: "New dates would lock out a guest who is inside.",
    HoldReason.MANY_MOVED: "Several stays moved to other days at once.",
}

_HELD_ALERT: Final = Sentence("{calendar}: {why} Their codes stay for now.", ours={"why"})
_LEFT_OUT: Final = Sentence("Left out: {why}", ours={"why"})

# Normal for one guest: it waits, but nobody needs to be alarmed.
_QUIET: Final = frozenset({HoldReason.ONE_OF_FEW})


@dataclass(frozen=True)
class Taken:
    """What one poll brought: notes in words for the page, newest state kept on the feed."""

    created: int
    changed: int
    cancelled: int
    skipped: int


def take(feed_id: int, reading: Reading) -> Taken:
    """Takes over one healthy reading of a feed."""
    with changing() as session:
        feed = session.get_one(Feed, feed_id)
        now = clock.now()
        zone = zone_or_utc(feed.property.time_zone)
        poll = reading.poll(now, zone, _closures(feed))
        if feed.good_at is None:
            _take_up_again(session, feed, poll, now)
        rows = _rows(session, feed, now)
        known = [_known(row, zone) for row in rows.values()]
        outcome = intake.reconcile(known, poll)
        notes, taken = _apply(session, feed, reading.source, rows, outcome.changes, zone)
        feed.source = str(reading.source)
        feed.good_at = feed.tried_at = now
        feed.failures, feed.error_key, feed.error_words = 0, "", ""
        if notes:
            feed.last_changes, feed.changed_at = notes[:KEPT_NOTES], now
        skipped = [*reading.skipped, *outcome.skipped]
        feed.skipped = [_skipped_note(event) for event in skipped[:KEPT_NOTES]]
        feed.flags = list(reading.flags)[:KEPT_NOTES]
        feed.closures = [
            {"uid": c.uid, "starts": moment_text(c.starts), "ends": moment_text(c.ends)}
            for c in outcome.closures
        ]
        _settle_hold(session, feed, now)
        feed_alerts.close_alert(session, feed, feed_alerts.SICK, now)
        return Taken(taken["created"], taken["changed"], taken["cancelled"], len(skipped))


def accept_hold(session: Session, feed: Feed) -> None:
    """A person says that what vanished is really gone (or what moved really moved)."""
    now = clock.now()
    zone = zone_or_utc(feed.property.time_zone)
    _answer(session, feed, lambda known: intake.accept(known, now, zone))


def keep_held(session: Session, feed: Feed) -> None:
    """A person says that what is held stands: it stays until the feed lists it again."""
    _answer(session, feed, intake.keep)


def _answer(
    session: Session, feed: Feed, changes_of: Callable[[Sequence[KnownStay]], list[Change]]
) -> None:
    """Does what a person answered to a hold."""
    now = clock.now()
    zone = zone_or_utc(feed.property.time_zone)
    rows = _rows(session, feed, now)
    changes = changes_of([_known(row, zone) for row in rows.values()])
    source = source_of(feed.source) or FeedSource.ICAL
    notes, _ = _apply(session, feed, source, rows, changes, zone)
    feed.hold_accepted_at = now
    if notes:
        feed.last_changes, feed.changed_at = notes[:KEPT_NOTES], now
    _settle_hold(session, feed, now)


def source_of(text: str | None) -> FeedSource | None:
    """The source of that name; None for any other word."""
    return FeedSource(text) if text in set(FeedSource) else None


def _rows(session: Session, feed: Feed, now: datetime) -> dict[int, Booking]:
    return {
        row.id: row
        for row in session.scalars(
            select(Booking).where(
                Booking.feed_id == feed.id, Booking.ends_at > now - REMEMBERED_FOR
            )
        )
    }


def _take_up_again(session: Session, feed: Feed, poll: Poll, now: datetime) -> None:
    """The stays that a calendar, removed since, brought to this property, as far as the new one
    lists them: a calendar that is removed and added again makes no second booking of any stay.
    """
    zone = zone_or_utc(feed.property.time_zone)
    left = {
        row.id: row
        for row in session.scalars(
            select(Booking).where(
                Booking.property_id == feed.property_id,
                Booking.source == Source(poll.source.booking_source),
                Booking.feed_id.is_(None),
                Booking.uid.is_not(None),
                Booking.ends_at > now - REMEMBERED_FOR,
            )
        )
    }
    known = [_known(row, zone) for row in left.values()]
    for stay, _ in match(known, poll.stays, poll).pairs:
        left[stay.key].feed_id = feed.id
    session.flush()


def is_waiting(session: Session, feed: Feed) -> bool:
    """Whether an absence or a move of this feed waits to be believed."""
    count = session.scalars(
        select(func.count(Booking.id)).where(
            Booking.feed_id == feed.id,
            Booking.status == BookingStatus.CONFIRMED,
            Booking.ends_at > clock.now(),
            Booking.missing_since.is_not(None) | Booking.held_until.is_not(None),
        )
    ).one()
    return count > 0


def _known(row: Booking, zone: ZoneInfo) -> KnownStay:
    status = KnownStatus.LIVE
    if row.status is BookingStatus.CANCELLED:
        status = KnownStatus.DISMISSED if row.is_dismissed else KnownStatus.CANCELLED
    return KnownStay(
        key=row.id,
        uid=row.uid or row.external_id,
        starts=_listed(row.listed_starts) or _moment(row.arrives_on, row.arrives_time, zone),
        ends=_listed(row.listed_ends) or _moment(row.departs_on, row.departs_time, zone),
        status=status,
        missing_since=row.missing_since,
        missing_polls=row.missing_polls,
        held_until=row.held_until,
        is_kept=row.is_kept,
        guest_name=_said(row.listed_name, row.guest_name),
        phone_last4=_last_digits(_said(row.listed_phone, row.guest_phone) or "") or None,
        reservation_code=row.reservation_code,
    )


def _said(listed: str | None, now: str) -> str | None:
    """What the feed said of the guest: what a person has written over it is not its word."""
    return (now if listed is None else listed) or None


def _last_digits(phone: str) -> str:
    """What a calendar gives of a phone: a whole number, filled in here, is no other guest's."""
    return "".join(letter for letter in phone if letter.isdigit())[-4:]


def _moment(on: date, at: time | None, zone: ZoneInfo) -> Moment:
    return on if at is None else datetime.combine(on, at, tzinfo=zone)


def _listed(text: str | None) -> Moment | None:
    """What the feed listed before a person moved the stay; floating: the property's local time."""
    return moment_from_text(text) if text else None


def _local(moment: Moment, zone: ZoneInfo) -> tuple[date, time | None]:
    """A feed's date or time as the property writes it."""
    if not isinstance(moment, datetime):
        return moment, None
    local = instant(moment, zone).astimezone(zone)
    return local.date(), local.time().replace(second=0, microsecond=0)


def _closures(feed: Feed) -> list[Closure]:
    return [
        Closure(
            uid=c["uid"],
            starts=moment_from_text(c["starts"]),
            ends=moment_from_text(c["ends"]),
        )
        for c in feed.closures or []
    ]


def _apply(
    session: Session,
    feed: Feed,
    source: FeedSource,
    rows: dict[int, Booking],
    changes: Sequence[Change],
    zone: ZoneInfo,
) -> tuple[list[dict[str, str]], dict[str, int]]:
    """Writes the changes in their order; notes in words, and how many of which."""
    notes: list[dict[str, str]] = []
    counts = {"created": 0, "changed": 0, "cancelled": 0}
    actor = f"feed:{feed.id}"
    for change in changes:
        words = _apply_one(session, feed, source, rows, change, zone, actor)
        if words:
            notes.append({"when": _when(rows, change, zone), "words": words})
        if isinstance(change, Created):
            counts["created"] += 1
        elif isinstance(change, Cancelled):
            counts["cancelled"] += 1
        elif isinstance(change, DatesChanged | DetailsChanged | Reappeared):
            counts["changed"] += 1
    return notes, counts


def _apply_one(
    session: Session,
    feed: Feed,
    source: FeedSource,
    rows: dict[int, Booking],
    change: Change,
    zone: ZoneInfo,
    actor: str,
) -> str:
    match change:
        case Created(stay):
            return _create(session, feed, source, stay, zone, actor)
        case Held(reason, keys, until):
            for key in keys:
                rows[key].held_until = until
            feed.held_reason, feed.hold_accepted_at = _HOLD_WORDS[reason], None
            if reason not in _QUIET:
                words = _HELD_ALERT(calendar=feed.name, why=_HOLD_WORDS[reason])
                feed_alerts.open_alert(session, feed, feed_alerts.HELD, words, clock.now())
            return _HOLD_WORDS[reason]
        case Kept(keys):
            for key in keys:
                rows[key].held_until, rows[key].is_kept = None, True
            return "Kept on your word until the calendar lists it again."
        case HoldReleased(keys):
            for key in keys:
                rows[key].held_until, rows[key].is_kept = None, False
            return "What was held is listed again."
        case _:
            return _change(session, rows[change.key], change, zone, actor)


def _change(
    session: Session,
    row: Booking,
    change: DatesChanged | DetailsChanged | UidReplaced | MarkedMissing | Cancelled | Reappeared,
    zone: ZoneInfo,
    actor: str,
) -> str:
    match change:
        case DatesChanged():
            bookings.change_dates(
                session, row, *_local(change.starts, zone), *_local(change.ends, zone), actor
            )
            return "New dates: the code follows, the PIN stays."
        case DetailsChanged():
            _take_details(row, change)
            row.reservation_code = change.reservation_code or row.reservation_code
            return "The guest's details changed."
        case UidReplaced():
            row.uid = change.uid[:512]
            return ""
        case MarkedMissing():
            row.missing_since, row.missing_polls = change.since, change.polls
            return "" if change.polls > 1 else "No longer listed; its code stays for now."
        case Cancelled():
            row.held_until, row.is_kept = None, False
            bookings.cancel(session, row, actor)
            return "Cancelled: it is gone from the calendar."
        case Reappeared():
            row.missing_since, row.missing_polls = None, 0
            row.held_until, row.is_kept = None, False
            if change.was_cancelled:
                bookings.reinstate(session, row, actor)
                return "Listed again: it stands, with its PIN."
            return "Listed again."


def _take_details(row: Booking, change: DetailsChanged) -> None:
    """The guest as the feed now says; what a person wrote goes only where it says something new."""
    if change.guest_name != _said(row.listed_name, row.guest_name):
        row.guest_name, row.listed_name = (change.guest_name or row.guest_name)[:200], None
    known = _last_digits(_said(row.listed_phone, row.guest_phone) or "")
    if (change.phone_last4 or "") != known:
        row.guest_phone, row.listed_phone = (change.phone_last4 or row.guest_phone)[:60], None


def _create(
    session: Session, feed: Feed, source: FeedSource, stay: FeedStay, zone: ZoneInfo, actor: str
) -> str:
    arrives_on, arrives_time = _local(stay.starts, zone)
    departs_on, departs_time = _local(stay.ends, zone)
    row = _already_here(session, feed, stay)
    if row is not None:
        row.feed_id, row.uid = feed.id, stay.uid[:512]
        row.reservation_code = (stay.reservation_code or "")[:60] or None
        if (row.arrives_on, row.departs_on) != (arrives_on, departs_on):
            bookings.change_dates(
                session, row, arrives_on, arrives_time, departs_on, departs_time, actor
            )
        return "A stay that was here already: from now on the calendar tells of it."
    kind = Source(source.booking_source)
    try:
        bookings.save(
            session,
            kind,
            _free_id(session, feed, kind, stay.uid),
            BookingWish(
                property_id=feed.property_id,
                guest_name=stay.guest_name or "",
                guest_phone=stay.phone_last4 or "",
                arrives_on=arrives_on,
                arrives_time=arrives_time,
                departs_on=departs_on,
                departs_time=departs_time,
                reservation_code=(stay.reservation_code or "")[:60] or None,
                feed_id=feed.id,
                uid=stay.uid[:512],
            ),
            actor,
        )
    except BadBooking as error:
        return _LEFT_OUT(why=error.words)
    return "New stay."


def _already_here(session: Session, feed: Feed, stay: FeedStay) -> Booking | None:
    """The booking that a table brought under the reservation's own code.

    Equal nights alone prove nothing: two calendars may have been given to one property, and a
    guest without a code would stand before the door. Such a pair is shown on the bookings' pages.
    """
    if not stay.reservation_code:
        return None
    return session.scalars(
        select(Booking).where(
            Booking.account_id == feed.account_id,
            Booking.property_id == feed.property_id,
            Booking.source == Source.CSV,
            Booking.external_id == stay.reservation_code,
            Booking.status == BookingStatus.CONFIRMED,
            Booking.feed_id.is_(None),
        )
    ).one_or_none()


def _free_id(session: Session, feed: Feed, kind: Source, uid: str) -> str:
    """The UID as the booking's id, made unique where the account has it already: UIDs come back,
    and one calendar may be given to two properties."""
    taken = set(
        session.scalars(
            select(Booking.external_id).where(
                Booking.account_id == feed.account_id,
                Booking.source == kind,
                Booking.external_id.startswith(uid[:480], autoescape=True),
            )
        )
    )
    candidate, number = uid[:512], 1
    while candidate in taken:
        number += 1
        candidate = f"{uid[:480]} #{feed.id}.{number}"
    return candidate


def _when(rows: dict[int, Booking], change: Change, zone: ZoneInfo) -> str:
    """The days a note is about."""
    if isinstance(change, Created):
        first, last = day_of(change.stay.starts, zone), day_of(change.stay.ends, zone)
        return f"{first.isoformat()} - {last.isoformat()}"
    if isinstance(change, Held | Kept | HoldReleased):
        return ""
    row = rows[change.key]
    return f"{row.arrives_on.isoformat()} - {row.departs_on.isoformat()}"


def _skipped_note(event: SkippedEvent) -> dict[str, str]:
    when = " - ".join(moment_text(m)[:10] for m in (event.starts, event.ends) if m is not None)
    return {"when": when, "words": event.words[:300], "reason": str(event.reason)}


def _settle_hold(session: Session, feed: Feed, now: datetime) -> None:
    """The feed says until when something is held; without that its alert is over."""
    session.flush()
    until = session.scalars(
        select(func.max(Booking.held_until)).where(
            Booking.feed_id == feed.id,
            Booking.held_until > now,
            Booking.status == BookingStatus.CONFIRMED,
        )
    ).one()
    feed.held_until = until
    if until is None:
        feed.held_reason = ""
        feed_alerts.close_alert(session, feed, feed_alerts.HELD, now)
