"""What the intake rules are given and what they answer: stays of a feed, stays we know, changes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from enum import StrEnum
from typing import Final

#: A date (the property's check-in or check-out time then holds), an aware datetime, or a naive one
#: (a "floating" time of RFC 5545: it is the property's local time).
Moment = date | datetime

#: A longer stay is a closed season, unless the feed proves that a guest booked it.
LONGEST_STAY_NIGHTS: Final = 60
LONGEST_UID: Final = 512


class FeedSource(StrEnum):
    """Who wrote a calendar; it decides how its words and its UIDs are read."""

    AIRBNB = "airbnb"
    VRBO = "vrbo"
    BOOKING_COM = "booking_com"
    OWNERREZ = "ownerrez"
    GOOGLE = "google"
    ICAL = "ical"

    @property
    def booking_source(self) -> str:
        """The source a booking of this feed carries: any calendar without rules of its own is
        `ical`.
        """
        return "ical" if self in {FeedSource.OWNERREZ, FeedSource.GOOGLE} else str(self)


class SkipReason(StrEnum):
    """Why an event of a feed made no booking."""

    BLOCKED = "blocked"  # the words say that nobody may book
    TENTATIVE = "tentative"  # not a firm booking yet
    CANCELLED = "cancelled"  # the feed itself says so
    CLOSED_SEASON = "closed_season"  # longer than any guest stays
    FREE = "free"  # the calendar says that the time is not taken
    OVER = "over"  # ended before we first saw it
    DOUBLE = "double"  # its UID is listed twice for the same days
    REJECTED = "rejected"  # unusable: the feed is flagged


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedStay:
    """A guest's stay as one poll of a feed lists it; words of strangers stay out of the repr."""

    uid: str
    starts: Moment
    ends: Moment
    guest_name: str | None = field(default=None, repr=False)
    phone_last4: str | None = field(default=None, repr=False)
    reservation_code: str | None = field(default=None, repr=False)
    summary: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedEvent:
    """An event that made no booking, with the reason in words for the feeds page."""

    uid: str
    reason: SkipReason
    words: str
    starts: Moment | None
    ends: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """A closed season: remembered from poll to poll, because Booking.com shortens it every night
    until its rest would look like a stay.
    """

    uid: str
    starts: Moment
    ends: Moment


class KnownStatus(StrEnum):
    """What we last made of a stay."""

    LIVE = "live"
    CANCELLED = "cancelled"  # the feed no longer listed it; it comes back when the feed lists it
    DISMISSED = "dismissed"  # a person cancelled it here; no feed brings it back


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownStay:
    """A stay of this feed that we hold: a row of the bookings, as far as intake needs it.

    `key` is the row's id. `missing_since` and `missing_polls` (never above 2) say since when and
    in how many healthy polls the feed has not listed it; they are kept when it is cancelled.
    `held_until` stands while a disappearance, or a move that would lock a guest out, waits for a
    person. With `is_kept` a person has said that it stands as it is: until the feed lists it so
    again, nothing the feed does takes it away.
    """

    key: int
    uid: str
    starts: Moment
    ends: Moment
    status: KnownStatus = KnownStatus.LIVE
    missing_since: datetime | None = None
    missing_polls: int = 0
    held_until: datetime | None = None
    is_kept: bool = False
    guest_name: str | None = field(default=None, repr=False)
    phone_last4: str | None = field(default=None, repr=False)
    reservation_code: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One healthy answer of a feed: complete, parsed, and read at `now`.

    `zone` is the property's. `present_uids` are events that were unusable but named their UID, so
    their stays have not vanished; with `has_unreadable` an event named none, and no absence in
    this poll counts. `closures` are the closed seasons of this poll, `earlier_closures` the ones
    that the last poll's outcome gave back.
    """

    source: FeedSource
    now: datetime
    zone: tzinfo
    stays: Sequence[FeedStay]
    event_count: int
    closures: Sequence[Closure] = ()
    earlier_closures: Sequence[Closure] = ()
    present_uids: Sequence[str] = ()
    has_unreadable: bool = False

    @property
    def today(self) -> date:
        """The date at the property."""
        return self.now.astimezone(self.zone).date()


class HoldReason(StrEnum):
    """Why a disappearance or a move waits for a person."""

    EMPTY = "empty"  # the whole calendar came empty
    MANY = "many"  # three or more, or over a fifth, of the live stays went at once
    ONE_OF_FEW = "one_of_few"  # a single stay, but over a fifth of a small calendar
    MOVED = "moved"  # new dates would shut out a guest who is inside
    MANY_MOVED = "many_moved"  # three or more stays moved to other days at once


@dataclass(frozen=True, slots=True)
class Created:
    """A stay seen for the first time: it wants a PIN."""

    stay: FeedStay


@dataclass(frozen=True, slots=True)
class DatesChanged:
    """The stay has other dates: the window moves, the PIN stays."""

    key: int
    starts: Moment
    ends: Moment


@dataclass(frozen=True, slots=True)
class DetailsChanged:
    """The feed says more or else about the guest; the dates are not touched."""

    key: int
    guest_name: str | None = field(repr=False)
    phone_last4: str | None = field(repr=False)
    reservation_code: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class UidReplaced:
    """The same stay now goes by another UID: nothing on the doors changes."""

    key: int
    uid: str


@dataclass(frozen=True, slots=True)
class MarkedMissing:
    """A healthy poll did not list the stay: its code stays. `polls` is 1 the first time."""

    key: int
    since: datetime
    polls: int
    is_running: bool


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The stay's absence is believed: its code goes."""

    key: int


@dataclass(frozen=True, slots=True)
class Held:
    """These stays keep their codes and dates until `until`: an alert asks a person."""

    reason: HoldReason
    keys: tuple[int, ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """A person says that these held stays stand: they stay until the feed lists them again."""

    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HoldReleased:
    """The feed lists these held or kept stays as before again: nothing waits any more."""

    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reappeared:
    """The feed lists the stay again; one that was cancelled is taken up again with its PIN."""

    key: int
    was_cancelled: bool


Change = (
    Created
    | DatesChanged
    | DetailsChanged
    | UidReplaced
    | MarkedMissing
    | Cancelled
    | Held
    | Kept
    | HoldReleased
    | Reappeared
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one poll changes, the closed seasons to remember for the next one, and the stay-like
    events that made no booking.
    """

    changes: list[Change]
    closures: list[Closure]
    skipped: list[SkippedEvent]


def day_of(moment: Moment, zone: tzinfo) -> date:
    """The date of a feed's date or time at a property in `zone`."""
    if not isinstance(moment, datetime):
        return moment
    return moment.date() if moment.tzinfo is None else moment.astimezone(zone).date()


def same_moment(one: Moment, other: Moment, zone: tzinfo) -> bool:
    """Whether both say the same: a date equals only a date, times are compared as instants."""
    if isinstance(one, datetime) and isinstance(other, datetime):
        return instant(one, zone) == instant(other, zone)
    # A datetime is a date to Python, but never the same word of a feed.
    return isinstance(one, datetime) is isinstance(other, datetime) and one == other


def instant(moment: datetime, zone: tzinfo) -> datetime:
    """A feed's time as an instant in UTC; a floating one is the property's local time."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def moment_text(moment: Moment) -> str:
    """The moment as ISO text that `moment_from_text` reads back: to store or to send it."""
    return moment.isoformat()


def moment_from_text(text: str) -> Moment:
    """A date, an aware or a naive datetime, as `moment_text` wrote it; ValueError if it is none."""
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
