"""Windows as Schlage takes them: whole minutes, the offset of the lock's zone, never narrower."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.schlage.schedules import (
    Weekday,
    WeeklyWindow,
    code_as_json,
    recurring_schedule,
    temporary_schedule,
)

NEW_YORK = ZoneInfo("America/New_York")
WORK = WeeklyWindow(frozenset({Weekday.FRIDAY, Weekday.MONDAY}), time(9), time(17, 30))

zones = st.sampled_from(
    [ZoneInfo(name) for name in ("America/New_York", "Europe/Berlin", "Asia/Kathmandu", "UTC")]
)
moments = st.datetimes(
    datetime(2026, 1, 1),  # noqa: DTZ001  Hypothesis takes naive bounds and adds the zone
    datetime(2027, 12, 31),  # noqa: DTZ001
    timezones=zones,
)


def test_a_window_goes_out_with_the_locks_offset():
    starts_at = datetime(2026, 11, 25, 21, 0, tzinfo=UTC)
    ends_at = datetime(2026, 11, 28, 16, 0, tzinfo=UTC)

    body = code_as_json("Guest A", "004829", temporary_schedule(starts_at, ends_at, NEW_YORK))

    assert body == {
        "name": "Guest A",
        "accessCode": "004829",
        "schedule": {
            "scheduleType": "Temporary",
            "scheduleDetails": {
                "startDateTime": "2026-11-25T16:00:00-05:00",
                "endDateTime": "2026-11-28T11:00:00-05:00",
            },
        },
    }


def test_each_end_has_the_offset_of_its_own_day():
    starts_at = datetime(2026, 10, 31, 20, 0, tzinfo=UTC)
    ends_at = datetime(2026, 11, 2, 16, 0, tzinfo=UTC)

    schedule = temporary_schedule(starts_at, ends_at, NEW_YORK).as_json()

    assert schedule["scheduleDetails"] == {
        "startDateTime": "2026-10-31T16:00:00-04:00",
        "endDateTime": "2026-11-02T11:00:00-05:00",
    }


@given(
    starts_at=moments,
    length=st.timedeltas(timedelta(microseconds=1), timedelta(days=90)),
    zone=zones,
)
def test_whole_minutes_never_narrow_a_window(starts_at, length, zone):
    ends_at = (starts_at.astimezone(UTC) + length).astimezone(starts_at.tzinfo)

    schedule = temporary_schedule(starts_at, ends_at, zone)

    sent_start, sent_end = schedule.starts_at.astimezone(UTC), schedule.ends_at.astimezone(UTC)
    assert timedelta(0) <= starts_at.astimezone(UTC) - sent_start < timedelta(minutes=1)
    assert timedelta(0) <= sent_end - ends_at.astimezone(UTC) < timedelta(minutes=1)
    assert (sent_start.second, sent_end.second) == (0, 0)
    assert schedule.starts_at.utcoffset() == zone.utcoffset(sent_start.astimezone(zone))


@given(starts_at=moments, backwards=st.timedeltas(timedelta(0), timedelta(days=9)))
def test_a_window_that_does_not_end_after_it_starts_is_refused(starts_at, backwards):
    with pytest.raises(ValueError, match="ends after it starts"):
        temporary_schedule(starts_at, starts_at.astimezone(UTC) - backwards, NEW_YORK)


def test_the_hour_that_comes_twice_is_told_apart():
    first = datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK)

    schedule = temporary_schedule(first, first.replace(fold=1), NEW_YORK)

    assert schedule.ends_at.astimezone(UTC) - schedule.starts_at.astimezone(UTC) == timedelta(
        hours=1
    )


def test_a_moment_without_a_zone_is_refused():
    naive = datetime(2026, 11, 25, 21, 0)  # noqa: DTZ001  the very thing that is refused

    with pytest.raises(ValueError, match="time zone"):
        temporary_schedule(naive, naive + timedelta(hours=1), NEW_YORK)


def test_a_recurring_schedule_names_its_days_in_order():
    schedule = recurring_schedule([WORK]).as_json()

    assert schedule == {
        "scheduleType": "Recurring",
        "scheduleDetails": {
            "schedules": [
                {"startTime": "09:00", "endTime": "17:30", "activeWeekDays": ["Monday", "Friday"]}
            ]
        },
    }


@pytest.mark.parametrize("count", [0, 3])
def test_a_recurring_schedule_has_one_or_two_windows(count):
    with pytest.raises(ValueError, match="1 to 2"):
        recurring_schedule([WORK] * count)


@pytest.mark.parametrize(
    ("weekdays", "starts", "ends", "reason"),
    [
        (frozenset(), time(9), time(17), "weekday"),
        (frozenset({Weekday.MONDAY}), time(17), time(9), "midnight"),
        (frozenset({Weekday.MONDAY}), time(9), time(9), "midnight"),
        (frozenset({Weekday.MONDAY}), time(9, 0, 30), time(17), "whole minutes"),
    ],
)
def test_a_weekly_window_that_no_lock_could_hold_is_refused(weekdays, starts, ends, reason):
    with pytest.raises(ValueError, match=reason):
        WeeklyWindow(weekdays, starts, ends)
