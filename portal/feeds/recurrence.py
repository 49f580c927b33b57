"""The occurrences of a recurring event, within bounds."""

from datetime import date, timedelta
from typing import Final

import recurring_ical_events
from icalendar import Calendar, Component, vRecur

from portal.feeds.event import UnusableEvent

_BACK: Final = timedelta(days=7)
_AHEAD: Final = timedelta(days=550)
_MOST: Final = 400
_OFTEN: Final = {"SECONDLY", "MINUTELY", "HOURLY"}
_FINE_PARTS: Final = ("BYSECOND", "BYMINUTE", "BYHOUR")


def occurrences(calendar: Calendar, events: list[Component], today: date) -> list[Component]:
    """The occurrences of `events`, all of one UID, that matter at `today`, in order of time.

    Rules that repeat within a day are no stays and could cost hours: they make the event
    unusable, and so does a rule that cannot be followed.
    """
    uid = str(events[0].get("UID"))
    if any(_repeats_within_a_day(event, uid) for event in events):
        raise UnusableEvent("too_frequent", "An event repeats more often than daily.", uid)
    series = Calendar()
    for zone in calendar.walk("VTIMEZONE"):
        series.add_component(zone)
    for event in events:
        series.add_component(event)
    first, last = today - _BACK, today + _AHEAD
    try:
        found = recurring_ical_events.of(series).between(first, last)
        return sorted(found, key=first_day)[:_MOST]
    except Exception as error:
        raise UnusableEvent("bad_rule", "A repeating event cannot be followed.", uid) from error


def first_day(event: Component) -> date:
    """The date an event starts on, in its own zone; ValueError when it has none."""
    start = getattr(event.get("DTSTART"), "dt", None)
    if not isinstance(start, date):
        raise ValueError("an occurrence without a start")
    return date(start.year, start.month, start.day)


def _repeats_within_a_day(event: Component, uid: str) -> bool:
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        if not isinstance(rule, vRecur):
            raise UnusableEvent("bad_rule", "A repeating event cannot be followed.", uid)
        frequencies = {str(value).upper() for value in rule.get("FREQ", [])}
        if frequencies & _OFTEN or any(part in rule for part in _FINE_PARTS):
            return True
    return False
