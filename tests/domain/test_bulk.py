"""One deed for many bookings: what it does to each, and which are left out and why."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from portal.domain.bulk import (
    Dates,
    Facts,
    Options,
    Why,
    forecast_new_pin,
    forecast_resync,
    forecast_shift,
)
from portal.domain.stay import stay_of

NEW_YORK = ZoneInfo("America/New_York")
BEFORE = datetime(2026, 3, 4, 12, tzinfo=UTC)
INSIDE = datetime(2026, 3, 6, 12, tzinfo=UTC)
AFTER = datetime(2026, 3, 9, 12, tzinfo=UTC)


def facts(**traits: Any) -> Facts:
    """A stay from March 5, 16:00, to March 8, 11:00, in New York."""
    dates = traits.pop("dates", None) or Dates(
        arrives_on=date(2026, 3, 5),
        arrives_time=None,
        departs_on=date(2026, 3, 8),
        departs_time=None,
    )
    stay = stay_of(
        dates.arrives_on,
        dates.arrives_time or time(16),
        dates.departs_on,
        dates.departs_time or time(11),
        NEW_YORK,
    )
    values: dict[str, Any] = {
        "starts_at": stay.starts_at,
        "ends_at": stay.ends_at,
        "dates": dates,
        "check_in": time(16),
        "check_out": time(11),
        "zone": NEW_YORK,
    }
    return Facts(**values | traits)


def later(arrival: int = 0, departure: int = 0) -> Options:
    return Options(arrival_minutes=arrival, departure_minutes=departure)


@pytest.mark.parametrize("forecast", [forecast_resync, forecast_new_pin, forecast_shift])
def test_a_cancelled_or_ended_stay_is_left_out_of_everything(forecast: Any) -> None:
    assert forecast(facts(is_cancelled=True), later(60), BEFORE).why is Why.CANCELLED
    assert forecast(facts(), later(60), AFTER).why is Why.OVER


@pytest.mark.parametrize("forecast", [forecast_resync, forecast_new_pin])
def test_without_a_lock_there_is_nothing_to_send(forecast: Any) -> None:
    assert forecast(facts(has_lock=False), Options(), BEFORE).why is Why.NO_LOCK


def test_a_resync_reaches_a_guest_inside_and_joins_none_that_runs() -> None:
    inside = forecast_resync(facts(), Options(), INSIDE)

    assert not inside.is_left_out
    assert inside.is_inside
    assert forecast_resync(facts(is_resyncing=True), Options(), BEFORE).why is Why.RESYNCING


def test_a_new_pin_leaves_out_whoever_knows_the_old_one() -> None:
    told = facts(is_pin_told=True)

    assert forecast_new_pin(facts(), Options(), BEFORE).why is None
    assert forecast_new_pin(told, Options(), BEFORE).why is Why.TOLD
    assert forecast_new_pin(told, Options(also_told=True), BEFORE).why is None


def test_a_guest_inside_never_gets_a_new_pin_in_bulk() -> None:
    assert forecast_new_pin(facts(), Options(also_told=True), INSIDE).why is Why.INSIDE


@pytest.mark.parametrize("forecast", [forecast_new_pin, forecast_shift])
def test_what_was_changed_since_the_confirmation_is_left_alone(forecast: Any) -> None:
    assert forecast(facts(has_changed=True), later(60), BEFORE).why is Why.CHANGED


def test_a_resync_does_not_mind_what_was_changed() -> None:
    assert forecast_resync(facts(has_changed=True), Options(), BEFORE).why is None


@pytest.mark.parametrize(
    ("minutes", "on", "at"),
    [
        (-60, date(2026, 3, 5), time(15)),
        (90, date(2026, 3, 5), time(17, 30)),
        (8 * 60, date(2026, 3, 6), time(0)),
        (-16 * 60 - 1, date(2026, 3, 4), time(23, 59)),
    ],
)
def test_an_arrival_moves_on_the_wall_clock_over_midnight_too(
    minutes: int, on: date, at: time
) -> None:
    moved = forecast_shift(facts(), later(arrival=minutes), BEFORE)

    assert moved.dates is not None
    assert (moved.dates.arrives_on, moved.dates.arrives_time) == (on, at)


def test_a_side_that_does_not_move_keeps_the_propertys_own_time() -> None:
    moved = forecast_shift(facts(), later(departure=60), BEFORE)

    assert moved.dates is not None
    assert moved.dates.arrives_time is None
    assert moved.dates.departs_time == time(12)
    assert moved.stay is not None
    assert moved.stay.ends_at - facts().ends_at == timedelta(hours=1)


def test_an_hour_is_an_hour_of_the_wall_clock_where_the_clocks_change() -> None:
    dates = Dates(
        arrives_on=date(2026, 3, 7),
        arrives_time=None,
        departs_on=date(2026, 3, 8),
        departs_time=time(1, 30),
    )

    moved = forecast_shift(facts(dates=dates), later(departure=120), BEFORE)

    assert moved.dates is not None
    assert moved.dates.departs_time == time(3, 30)


def test_a_guest_inside_may_stay_longer_and_is_never_shut_out_sooner() -> None:
    longer = forecast_shift(facts(), later(arrival=-60, departure=60), INSIDE)

    assert longer.why is None
    assert longer.is_inside
    assert longer.dates is not None
    assert longer.dates.arrives_time is None, "they have arrived: their check-in stays"
    assert forecast_shift(facts(), later(departure=-60), INSIDE).why is Why.INSIDE_EARLIER
    assert forecast_shift(facts(), later(arrival=60), INSIDE).why is Why.INSIDE


def test_a_stay_is_not_moved_inside_out_or_into_the_past() -> None:
    short = facts(
        dates=Dates(
            arrives_on=date(2026, 3, 5),
            arrives_time=time(10),
            departs_on=date(2026, 3, 5),
            departs_time=time(12),
        )
    )
    soon = short.starts_at - timedelta(minutes=5)

    assert forecast_shift(short, later(arrival=120), BEFORE).why is Why.NO_STAY
    assert forecast_shift(short, later(-600, -600), soon).why is Why.ENDS_IN_PAST


def test_options_survive_being_stored_and_read_by_an_older_program() -> None:
    stored = {"arrival_minutes": -60, "also_told": True, "text": "of a later program"}

    assert Options.read(stored) == Options(arrival_minutes=-60, also_told=True)
    assert Options.read({}) == Options()
