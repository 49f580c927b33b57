"""One event of a calendar, as far as intake needs it, or the reason why it cannot be used."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from icalendar import Component

from portal.domain.intake_types import LONGEST_UID, Moment

_YEARS: Final = range(2000, 2101)


class UnusableEvent(Exception):
    """The event is rejected: `words` say why, `uid` is set where the event named it."""

    def __init__(self, flag: str, words: str, uid: str | None) -> None:
        super().__init__(flag)
        self.flag = flag
        self.words = words
        self.uid = uid


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEvent:
    """The usable fields of an event. Times with a zone are in UTC, so that the same instant is
    always the same value; `nights` were counted in the event's own zone.
    """

    uid: str
    starts: Moment
    ends: Moment
    nights: int
    summary: str
    description: str
    status: str
    is_transparent: bool
    sequence: int
    has_unknown_zone: bool


def feed_event(event: Component) -> FeedEvent:
    """The usable fields of `event`; raises UnusableEvent, and no other exception."""
    uid = _uid(event)
    try:
        starts, ends = _dates(event, uid)
        nights = (_day(ends) - _day(starts)).days
        return FeedEvent(
            uid=uid,
            starts=_in_utc(starts),
            ends=_in_utc(ends),
            nights=nights,
            summary=_text(event, "SUMMARY"),
            description=_text(event, "DESCRIPTION"),
            status=_text(event, "STATUS").strip().upper(),
            is_transparent=_text(event, "TRANSP").strip().upper() == "TRANSPARENT",
            sequence=_sequence(event),
            has_unknown_zone=_has_unknown_zone(event, starts),
        )
    except (ValueError, OverflowError, TypeError, AttributeError, ArithmeticError) as error:
        raise UnusableEvent("bad_date", "An event has a date that cannot be read.", uid) from error


def _uid(event: Component) -> str:
    value = event.get("UID")
    if isinstance(value, list):
        raise UnusableEvent("two_uids", "An event has two identifiers.", None)
    uid = "" if value is None else str(value).strip()
    if not uid:
        raise UnusableEvent("no_uid", "An event has no identifier.", None)
    if len(uid) > LONGEST_UID:
        raise UnusableEvent("long_uid", "An event's identifier is longer than 512 signs.", None)
    return uid


def _dates(event: Component, uid: str) -> tuple[Moment, Moment]:
    starts = _moment(event.get("DTSTART"))
    ends = _end(event, starts)
    if isinstance(starts, datetime) is not isinstance(ends, datetime):
        starts, ends = _day(starts), _day(ends)
    if isinstance(starts, datetime) and isinstance(ends, datetime):
        is_ordered = _comparable(starts, ends)
    else:
        is_ordered = starts < ends
    if not is_ordered:
        raise UnusableEvent("end_before_start", "An event ends before it starts.", uid)
    if starts.year not in _YEARS or ends.year not in _YEARS:
        raise ValueError("a year that no booking has")
    return starts, ends


def _comparable(starts: datetime, ends: datetime) -> bool:
    if (starts.tzinfo is None) is not (ends.tzinfo is None):
        raise ValueError("one time has a zone and the other has none")
    return starts < ends


def _end(event: Component, starts: Moment) -> Moment:
    """The end as given, by duration, or a whole day for a date alone, as RFC 5545 has it."""
    if event.get("DTEND") is not None:
        return _moment(event.get("DTEND"))
    if event.get("DURATION") is not None:
        return starts + _length(event.get("DURATION"))
    if isinstance(starts, datetime):
        raise ValueError("a time without an end")
    return starts + timedelta(days=1)


def _moment(field: object) -> Moment:
    value = getattr(field, "dt", None)
    if not isinstance(value, date):
        raise ValueError("neither a date nor a time")
    return value


def _length(field: object) -> timedelta:
    value = getattr(field, "dt", None) or getattr(field, "td", None)
    if not isinstance(value, timedelta):
        raise ValueError("a duration that is none")
    return value


def _day(moment: Moment) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _in_utc(moment: Moment) -> Moment:
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        return moment.astimezone(UTC)
    return moment


def _has_unknown_zone(event: Component, starts: Moment) -> bool:
    is_floating = isinstance(starts, datetime) and starts.tzinfo is None
    return is_floating and "TZID" in getattr(event.get("DTSTART"), "params", {})


def _text(event: Component, name: str) -> str:
    value = event.get(name)
    if isinstance(value, list):
        value = value[0] if value else None
    return "" if value is None else str(value)


def _sequence(event: Component) -> int:
    text = _text(event, "SEQUENCE")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
