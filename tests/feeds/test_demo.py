"""The demo's feeds: whatever the day, there is something to see."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.domain.intake import reconcile
from portal.domain.intake_types import Created, FeedSource, FeedStay, SkipReason, day_of
from portal.feeds.demo import demo_feeds
from portal.feeds.reader import Reading, read

DENVER = ZoneInfo("America/Denver")
DAYS = [date(2026, 11, 24), date(2026, 12, 31), date(2028, 2, 28), date(2027, 3, 13)]


def readings(today: date) -> dict[str, Reading]:
    return {name: read(body, today=today) for name, body in demo_feeds(today).items()}


def all_stays(today: date) -> list[FeedStay]:
    return [stay for reading in readings(today).values() for stay in reading.stays]


def arrivals(today: date) -> list[int]:
    """How many days after `today` each stay arrives."""
    return [(day_of(stay.starts, DENVER) - today).days for stay in all_stays(today)]


@pytest.mark.parametrize("today", DAYS)
def test_every_kind_of_feed_is_there_and_healthy(today: date) -> None:
    found = readings(today)

    assert {name: reading.source for name, reading in found.items()} == {
        "chalet-du-lac": FeedSource.VRBO,
        "garden-flat": FeedSource.AIRBNB,
        "harbour-loft": FeedSource.AIRBNB,
        "old-town-studio": FeedSource.BOOKING_COM,
        "pine-cabin": FeedSource.OWNERREZ,
    }
    assert not any(reading.flags or reading.has_rejects for reading in found.values())


@pytest.mark.parametrize("today", DAYS)
def test_guests_arrive_in_the_next_days_and_one_is_inside_and_one_leaves(today: date) -> None:
    days = arrivals(today)

    assert sum(day >= 0 for day in days) == 13
    assert (days.count(0), days.count(1)) == (2, 2)
    assert sum(0 <= day <= 3 for day in days) == 6
    leaving = [stay for stay in all_stays(today) if day_of(stay.ends, DENVER) == today]
    inside = [
        stay
        for stay in all_stays(today)
        if day_of(stay.starts, DENVER) < today < day_of(stay.ends, DENVER)
    ]
    assert (len(leaving), len(inside)) == (1, 1)


def test_the_demo_shows_every_common_reason_to_skip_an_event() -> None:
    reasons = {event.reason for r in readings(DAYS[0]).values() for event in r.skipped}

    assert reasons == {
        SkipReason.BLOCKED,
        SkipReason.TENTATIVE,
        SkipReason.CANCELLED,
        SkipReason.CLOSED_SEASON,
    }


def test_a_first_poll_of_the_demo_makes_a_booking_of_every_stay() -> None:
    now = datetime(2026, 11, 24, 19, 0, tzinfo=UTC)

    changes = [
        change
        for reading in readings(DAYS[0]).values()
        for change in reconcile([], reading.poll(now, DENVER)).changes
    ]

    assert len(changes) == 15
    assert all(isinstance(change, Created) for change in changes)


def test_no_placeholder_is_left_and_no_line_is_too_long() -> None:
    for body in demo_feeds(DAYS[0]).values():
        assert b"{" not in body
        assert max(len(line.rstrip(b"\r")) for line in body.split(b"\n")) <= 75


def test_the_dates_move_with_the_day_of_loading() -> None:
    assert arrivals(DAYS[0]) == arrivals(DAYS[0] + timedelta(days=1))
