"""A calendar's bytes read as stays: what is a guest, what is not and why, and what is unusable.

Nothing is lost silently. An event is a stay, or skipped with a reason, or rejected with a flag;
a rejected one keeps the poll from taking its stay for vanished.
"""

import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from typing import Final

from icalendar import Calendar, Component

from portal.domain.intake_types import (
    LONGEST_STAY_NIGHTS,
    LONGEST_UID,
    Closure,
    FeedSource,
    FeedStay,
    Moment,
    Poll,
    SkippedEvent,
    SkipReason,
)
from portal.domain.sentences import Sentence
from portal.feeds.calendar_text import calendar_text
from portal.feeds.errors import FeedUnreadable
from portal.feeds.event import FeedEvent, UnusableEvent, feed_event
from portal.feeds.recurrence import first_day, occurrences
from portal.feeds.words import clean, guest_of, says_blocked, says_tentative

_TOO_LONG: Final = Sentence(
    "{nights} nights: more than {most} are taken for a closed season."
    " If it is a guest, add the booking by hand."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one body of a feed says.

    `flags` name the feed's problems. With `has_rejects` an event could not be used: `rejected_uids`
    are those that named themselves, `has_unreadable` says that one did not.
    """

    source: FeedSource
    stays: list[FeedStay]
    skipped: list[SkippedEvent]
    flags: list[str]
    rejected_uids: list[str]
    has_unreadable: bool
    event_count: int

    @property
    def has_rejects(self) -> bool:
        return self.has_unreadable or bool(self.rejected_uids)

    @property
    def closures(self) -> list[Closure]:
        """The closed seasons among the skipped events."""
        return [
            Closure(uid=event.uid, starts=event.starts, ends=event.ends)
            for event in self.skipped
            if event.reason is SkipReason.CLOSED_SEASON and event.starts and event.ends
        ]

    def poll(self, now: datetime, zone: tzinfo, earlier_closures: Sequence[Closure] = ()) -> Poll:
        """This reading as `portal.domain.intake.reconcile` takes it."""
        return Poll(
            source=self.source,
            now=now,
            zone=zone,
            stays=self.stays,
            event_count=self.event_count,
            closures=self.closures,
            earlier_closures=earlier_closures,
            present_uids=self.rejected_uids,
            has_unreadable=self.has_unreadable,
        )


def read(body: bytes, source: FeedSource | None = None, *, today: date) -> Reading:
    """What the calendar in `body` says; FeedUnreadable when it is no complete calendar.

    `source` is the owner's word for where the feed comes from; the calendar's own signature goes
    before it. Recurring events are followed from a week before `today` for a year and a half.
    This parses hostile bytes without limits on time and memory: services go through
    `portal.feeds.child`.
    """
    text, guessed = calendar_text(body)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calendars, broken = _parse(text)
        collector = _Collector(_source_of(calendars, source))
        if guessed:
            collector.flag("wrong_charset")
        for event in broken:
            collector.reject(event)
        for calendar in calendars:
            _collect(calendar, today, collector)
    return collector.reading()


def _parse(text: str) -> tuple[list[Calendar], list[UnusableEvent]]:
    """The calendars of `text`. Where the whole cannot be parsed, event by event: those that
    cannot be parsed alone are handed back as unusable.
    """
    try:
        return list(Calendar.from_ical(text, multiple=True)), []
    except Exception:  # noqa: BLE001 - the parser raises whatever its depths raise
        return _parse_event_by_event(text)


def _parse_event_by_event(text: str) -> tuple[list[Calendar], list[UnusableEvent]]:
    frame, events = _events_apart(text)
    calendars = []
    broken = []
    try:
        calendars.append(Calendar.from_ical(frame + "END:VCALENDAR\n"))
    except Exception as error:
        raise FeedUnreadable("cannot_parse", "The calendar cannot be read.") from error
    for event in events:
        try:
            calendars.append(Calendar.from_ical(f"{frame}{event}END:VCALENDAR\n"))
        except Exception:  # noqa: BLE001 - see above
            uid = _UID_LINE.search(event.replace("\n ", "").replace("\n\t", ""))
            named = uid[1].strip() if uid and len(uid[1].strip()) <= LONGEST_UID else None
            broken.append(UnusableEvent("cannot_parse", "An event cannot be read.", named or None))
    return calendars, broken


_UID_LINE: Final = re.compile(r"^UID(?:;[^:\n]*)?:(.*)$", re.IGNORECASE | re.MULTILINE)


def _events_apart(text: str) -> tuple[str, list[str]]:
    """The calendar without its events and its end, and each event's text."""
    frame: list[str] = []
    events: list[str] = []
    current: list[str] | None = None
    for line in text.split("\n"):
        mark = line.strip().upper()
        if mark == "BEGIN:VEVENT":
            current = []
        if current is not None:
            current.append(line)
        elif mark != "END:VCALENDAR" and not (mark == "BEGIN:VCALENDAR" and frame):
            frame.append(line)
        if mark == "END:VEVENT" and current is not None:
            events.append("\n".join(current) + "\n")
            current = None
    return "\n".join(frame) + "\n", events


_SIGNATURES: Final = (
    ("airbnb", FeedSource.AIRBNB),
    ("booking.com", FeedSource.BOOKING_COM),
    ("homeaway", FeedSource.VRBO),
    ("vrbo", FeedSource.VRBO),
    ("abritel", FeedSource.VRBO),
    ("ownerrez", FeedSource.OWNERREZ),
    ("google", FeedSource.GOOGLE),
)


def _source_of(calendars: Iterable[Calendar], hint: FeedSource | None) -> FeedSource:
    for calendar in calendars:
        named = " ".join(str(calendar.get(name, "")) for name in ("PRODID", "NAME", "X-WR-CALNAME"))
        for word, source in _SIGNATURES:
            if word in str(calendar.get("PRODID", "")).casefold():
                return source
        if "ownerrez" in named.casefold():
            return FeedSource.OWNERREZ
    return hint or FeedSource.ICAL


def _collect(calendar: Calendar, today: date, collector: "_Collector") -> None:
    """Every event of `calendar`, recurring ones as their occurrences, into `collector`."""
    series: defaultdict[str, list[Component]] = defaultdict(list)
    for event in calendar.walk("VEVENT"):
        collector.count += 1
        series[str(event.get("UID", ""))].append(event)
    for uid, events in series.items():
        if uid and any("RRULE" in event or "RDATE" in event for event in events):
            collector.take_series(uid, calendar, events, today)
        else:
            for event in events:
                collector.take(event)


class _Collector:
    """Gathers a reading event by event."""

    def __init__(self, source: FeedSource) -> None:
        self.source = source
        self.count = 0
        self._stays: list[tuple[FeedStay, FeedEvent]] = []
        self._skipped: list[SkippedEvent] = []
        self._flags: set[str] = set()
        self._rejected: set[str] = set()
        self._has_unreadable = False

    def flag(self, name: str) -> None:
        self._flags.add(name)

    def take(self, event: Component) -> None:
        try:
            fields = feed_event(event)
        except UnusableEvent as unusable:
            self.reject(unusable)
        else:
            self._sort_in(fields)

    def take_series(
        self, uid: str, calendar: Calendar, events: list[Component], today: date
    ) -> None:
        """Each occurrence as a stay of its own, named by UID and day as RFC 5545 does."""
        try:
            found = occurrences(calendar, events, today)
        except UnusableEvent as unusable:
            self.reject(unusable)
            return
        for event in found:
            event["UID"] = f"{uid}#{first_day(event):%Y%m%d}"
            self.take(event)

    def reject(self, unusable: UnusableEvent) -> None:
        self.flag(unusable.flag)
        if unusable.uid is None:
            self._has_unreadable = True
        else:
            self._rejected.add(unusable.uid)
        self._skipped.append(
            SkippedEvent(
                uid=unusable.uid or "",
                reason=SkipReason.REJECTED,
                words=unusable.words,
                starts=None,
                ends=None,
            )
        )

    def _sort_in(self, event: FeedEvent) -> None:
        if event.has_unknown_zone:
            self.flag("unknown_zone")
        stay = _stay(event, self.source)
        skip = _why_skipped(event, stay, self.source)
        if skip is None:
            self._stays.append((stay, event))
            return
        reason, words = skip
        self._skipped.append(
            SkippedEvent(
                uid=event.uid, reason=reason, words=words, starts=event.starts, ends=event.ends
            )
        )

    def reading(self) -> Reading:
        stays, doubles = _without_doubles(self._stays)
        self._skipped.extend(_double(stay) for stay in doubles)
        return Reading(
            source=self.source,
            stays=sorted(stays, key=lambda stay: (stay.starts.isoformat(), stay.uid)),
            skipped=sorted(self._skipped, key=_skipped_order),
            flags=sorted(self._flags),
            rejected_uids=sorted(self._rejected),
            has_unreadable=self._has_unreadable,
            event_count=self.count,
        )


def _skipped_order(event: SkippedEvent) -> tuple[str, str]:
    return (event.starts.isoformat() if event.starts else "", event.uid)


def _stay(event: FeedEvent, source: FeedSource) -> FeedStay:
    guest = guest_of(event.summary, event.description, source)
    return FeedStay(
        uid=event.uid,
        starts=event.starts,
        ends=event.ends,
        guest_name=guest.name,
        phone_last4=guest.phone_last4,
        reservation_code=guest.reservation_code,
        summary=clean(event.summary, 300),
    )


def _why_skipped(
    event: FeedEvent, stay: FeedStay, source: FeedSource
) -> tuple[SkipReason, str] | None:
    """The reason why the event is no stay, in words; None when it is one."""
    if event.status == "CANCELLED":
        return SkipReason.CANCELLED, "The calendar says that it is cancelled."
    if event.status == "TENTATIVE" or says_tentative(event.summary):
        return SkipReason.TENTATIVE, "Not a firm booking yet."
    if says_blocked(event.summary, source):
        return SkipReason.BLOCKED, "Blocked in the calendar, not booked by a guest."
    if event.is_transparent and source in {FeedSource.GOOGLE, FeedSource.ICAL}:
        return (
            SkipReason.FREE,
            "Marked as free in the calendar: mark it as busy there if it is a guest.",
        )
    if event.nights > LONGEST_STAY_NIGHTS and stay.reservation_code is None:
        words = _TOO_LONG(nights=event.nights, most=LONGEST_STAY_NIGHTS)
        return SkipReason.CLOSED_SEASON, words
    return None


def _double(stay: FeedStay) -> SkippedEvent:
    words = "Listed twice under one identifier: the other one counts."
    return SkippedEvent(
        uid=stay.uid, reason=SkipReason.DOUBLE, words=words, starts=stay.starts, ends=stay.ends
    )


def _without_doubles(
    found: Sequence[tuple[FeedStay, FeedEvent]],
) -> tuple[list[FeedStay], list[FeedStay]]:
    """The stays, where of events with one UID whose days overlap one is kept; and the others.

    The higher SEQUENCE is the later word (RFC 5545); without one, the longer event is kept: no
    guest is locked out by it. Events of one UID that do not overlap are stays of their own.
    """
    by_uid: defaultdict[str, list[tuple[FeedStay, FeedEvent]]] = defaultdict(list)
    for stay, event in found:
        by_uid[stay.uid].append((stay, event))
    kept: list[FeedStay] = []
    dropped: list[FeedStay] = []
    for doubles in by_uid.values():
        doubles.sort(key=lambda pair: _preference(pair[1]))
        chosen: list[tuple[FeedStay, FeedEvent]] = []
        for stay, event in doubles:
            rival = next((c for c in chosen if _overlap(c[1], event)), None)
            if rival is None:
                chosen.append((stay, event))
            else:
                dropped.append(stay)
                chosen[chosen.index(rival)] = (_with_details_of(rival[0], stay), rival[1])
        kept.extend(stay for stay, _ in chosen)
    return kept, dropped


def _preference(event: FeedEvent) -> tuple[int, int, str, str, str]:
    return (
        -event.sequence,
        -event.nights,
        event.starts.isoformat(),
        event.ends.isoformat(),
        event.summary,
    )


def _overlap(one: FeedEvent, other: FeedEvent) -> bool:
    return _sortable(one.starts) < _sortable(other.ends) and _sortable(other.starts) < _sortable(
        one.ends
    )


def _sortable(moment: Moment) -> str:
    return moment.isoformat()[:16]


def _with_details_of(stay: FeedStay, other: FeedStay) -> FeedStay:
    """`stay` with the guest's details that only its double has."""
    return replace(
        stay,
        guest_name=stay.guest_name or other.guest_name,
        phone_last4=stay.phone_last4 or other.phone_last4,
        reservation_code=stay.reservation_code or other.reservation_code,
    )
