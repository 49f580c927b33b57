"""Stays and windows, over every change of the clocks: right to the minute or wider."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.domain.stay import (
    Window,
    crosses_clock_change,
    instants,
    stay_of,
    window_of,
    zone_of,
)

ZONES = ("America/New_York", "America/Phoenix", "Europe/Rome", "Australia/Lord_Howe")
HOUR = timedelta(hours=1)
NONE = timedelta(0)
# The first day of each change of the clocks in 2026.
CHANGES = {
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Europe/Rome": (date(2026, 3, 29), date(2026, 10, 25)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),
}
zones = st.sampled_from(ZONES)
days = st.dates(date(2026, 1, 1), date(2026, 12, 1))
times = st.times().map(lambda t: t.replace(microsecond=0))


@given(zones, days, times, st.integers(1, 20), times, st.integers(0, 180), st.integers(0, 180))
@example("America/New_York", date(2026, 3, 8), time(2, 30), 1, time(11), 0, 0)
@example("America/New_York", date(2026, 10, 31), time(16), 1, time(1, 30), 60, 60)
@example("Australia/Lord_Howe", date(2026, 4, 4), time(16), 1, time(1, 45), 0, 0)
@example("Europe/Rome", date(2026, 3, 28), time(16), 1, time(2, 30), 0, 0)
def test_a_window_is_never_narrower_than_the_stay_by_any_reading(
    name: str, on: date, at: time, nights: int, until: time, before: int, after: int
) -> None:
    zone = zone_of(name)
    leaves = on + timedelta(days=nights)

    stay = stay_of(on, at, leaves, until, zone)
    window = window_of(stay, zone, timedelta(minutes=before), timedelta(minutes=after))

    for fold in (0, 1):
        start = datetime.combine(on, at, zone).replace(fold=fold).astimezone(UTC)
        end = datetime.combine(leaves, until, zone).replace(fold=fold).astimezone(UTC)
        assert window.starts_at <= start - timedelta(minutes=before)
        assert window.ends_at >= end + timedelta(minutes=after)
    assert window.covers(stay)
    for edge in (window.starts_at, window.ends_at):
        assert (edge.second, edge.microsecond) == (0, 0)


@given(zones, days, times, st.integers(1, 20), times)
def test_a_window_is_at_most_an_hour_and_a_minute_wider_at_each_end(
    name: str, on: date, at: time, nights: int, until: time
) -> None:
    zone = zone_of(name)

    stay = stay_of(on, at, on + timedelta(days=nights), until, zone)
    window = window_of(stay, zone, NONE, NONE)

    slack = HOUR + timedelta(minutes=1)
    assert stay.starts_at - window.starts_at < slack
    assert window.ends_at - stay.ends_at < slack


@pytest.mark.parametrize(
    ("name", "day"), [(name, day) for name, pair in CHANGES.items() for day in pair]
)
def test_a_stay_over_a_clock_change_is_an_hour_wider_at_both_ends(name: str, day: date) -> None:
    zone = ZoneInfo(name)
    stay = stay_of(day - timedelta(days=1), time(16), day + timedelta(days=1), time(11), zone)

    window = window_of(stay, zone, NONE, NONE)

    assert crosses_clock_change(stay, zone)
    assert window == Window(stay.starts_at - HOUR, stay.ends_at + HOUR)


@pytest.mark.parametrize("name", ZONES)
def test_a_stay_far_from_any_change_is_right_to_the_minute(name: str) -> None:
    zone = ZoneInfo(name)
    stay = stay_of(date(2026, 7, 1), time(16), date(2026, 7, 4), time(11), zone)

    window = window_of(stay, zone, HOUR, HOUR)

    assert window == Window(stay.starts_at - HOUR, stay.ends_at + HOUR)


def test_phoenix_has_no_clock_change_all_year() -> None:
    year = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC))

    assert not crosses_clock_change(year, ZoneInfo("America/Phoenix"))


def test_an_hour_that_exists_twice_begins_with_the_first_and_ends_with_the_second() -> None:
    zone = ZoneInfo("America/New_York")

    early, late = instants(date(2026, 11, 1), time(1, 30), zone)

    assert late - early == HOUR


def test_lord_howe_changes_by_half_an_hour() -> None:
    zone = ZoneInfo("Australia/Lord_Howe")

    early, late = instants(date(2026, 4, 5), time(1, 45), zone)

    assert late - early == timedelta(minutes=30)


def test_a_stay_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="after the arrival"):
        stay_of(date(2026, 7, 4), time(16), date(2026, 7, 4), time(11), ZoneInfo("UTC"))


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "America", "\0"])
def test_a_zone_that_is_none_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(ValueError, match="America/New_York"):
        zone_of(name)
