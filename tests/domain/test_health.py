"""The rules on how a lock has been doing: statistics, trends, and when it is called unreliable."""

from datetime import UTC, date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain import health
from portal.domain.command import State
from portal.domain.health import Answer, Finding, Reading, Sign
from portal.domain.problems import (
    ASK_SCHLAGE,
    CLOSER_WIFI,
    NEW_BATTERIES,
    RESTART_ROUTER,
    ProblemKey,
)

NOW = datetime(2026, 3, 20, 15, 0, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NEW_YORK = ZoneInfo("America/New_York")

ENDS = st.sampled_from([State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.UNKNOWN])
ANSWERS = st.lists(
    st.builds(
        Answer,
        st.integers(0, 60 * 24 * 47).map(lambda minutes: NOW - timedelta(minutes=minutes)),
        ENDS,
        st.floats(0, 600),
    ),
    max_size=60,
)


def answers(*states: State) -> list[Answer]:
    """One answer an hour, the last one now."""
    return [Answer(NOW - n * HOUR, state, 5.0) for n, state in enumerate(reversed(states))]


def levels(*values: int, every: timedelta = DAY) -> list[Reading]:
    """Battery levels, the last one now."""
    return [Reading(NOW - n * every, True, None, value) for n, value in enumerate(reversed(values))]


@pytest.mark.parametrize(
    ("state", "level", "word"),
    [
        (None, None, ""),
        ("Normal", None, "good"),
        ("Normal", 80, "good"),
        (None, 80, "good"),
        (None, 20, "low"),
        (None, 0, "critical"),
        ("Normal", 20, "low"),
        ("Low", 28, "low"),
        ("CriticallyLow", 40, "critical"),
        ("critically_low", None, "critical"),
    ],
)
def test_batteries_in_a_word(state: str | None, level: int | None, word: str) -> None:
    assert health.battery_word(state, level) == word


@pytest.mark.parametrize(
    ("dbm", "word"), [(None, ""), (-50, "strong"), (-60, "strong"), (-61, "fair"), (-71, "weak")]
)
def test_the_signal_in_a_word(dbm: int | None, word: str) -> None:
    assert health.signal_word(dbm) == word


LAST = Reading(NOW, True, "Normal", 80, -60)


@pytest.mark.parametrize(
    ("new", "is_kept"),
    [
        (Reading(NOW + HOUR, True, "Normal", 80, -60), True),
        (Reading(NOW + HOUR / 2, True, "Normal", 80, -60), False),
        (Reading(NOW + HOUR / 2, False, "Normal", 80, -60), True),
        (Reading(NOW + HOUR / 2, True, "Low", 80, -60), True),
        (Reading(NOW + HOUR / 2, True, "Normal", 79, -60), True),
        (Reading(NOW + HOUR / 2, True, "Normal", 80, -63), False),
        (Reading(NOW + HOUR / 2, True, "Normal", 80, -66), True),
        (Reading(NOW + HOUR / 2, True, "Normal", 80, None), True),
    ],
)
def test_one_reading_an_hour_is_kept_unless_something_changed(new: Reading, is_kept: bool) -> None:
    assert health.is_worth_keeping(LAST, new) is is_kept
    assert health.is_worth_keeping(None, new)


def test_days_and_weeks_end_today() -> None:
    today = date(2026, 3, 20)

    days, weeks = health.days_of(today, 30), health.weeks_of(today, 90)

    assert (days[0], days[-1], len(days)) == (date(2026, 2, 19), today, 30)
    assert (weeks[-1], len(weeks)) == (date(2026, 3, 14), 13)
    assert today - weeks[0] >= 89 * DAY


def test_a_day_is_a_day_of_the_lock_and_not_of_utc() -> None:
    evening = datetime(2026, 3, 20, 2, 30, tzinfo=UTC)  # still the 19th in New York
    days = health.days_of(date(2026, 3, 20), 2)

    [before, today] = health.tallies([Answer(evening, State.FAILED)], days, NEW_YORK)

    assert (before.failed, today.total) == (1, 0)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([7], 0.5, 7), ([1, 2, 3, 4], 0.5, 2), ([1, 2, 3, 4], 0.95, 4), (range(1, 101), 0.95, 95)],
)
def test_a_percentile_is_one_of_the_values(
    values: list[float], share: float, expected: float
) -> None:
    assert health.percentile(list(values), share) == expected


@given(ANSWERS)
def test_every_answer_of_the_days_is_counted_once_and_under_its_own_end(
    given_answers: list[Answer],
) -> None:
    days = health.days_of(date(2026, 3, 20), 30)

    told = health.tallies(given_answers, days, NEW_YORK)

    inside = [a for a in given_answers if a.at.astimezone(NEW_YORK).date() >= days[0]]
    assert [tally.start for tally in told] == list(days)
    assert sum(tally.total for tally in told) == len(inside)
    assert sum(tally.timed_out for tally in told) == sum(a.state is State.TIMED_OUT for a in inside)


@given(ANSWERS)
def test_days_and_weeks_count_the_same_confirmations_and_a_median_is_never_above_its_p95(
    given_answers: list[Answer],
) -> None:
    today = date(2026, 3, 20)
    daily = health.confirm_times(given_answers, health.days_of(today, 91), NEW_YORK)
    weekly = health.confirm_times(given_answers, health.weeks_of(today, 90), NEW_YORK)

    confirmed = [a.seconds for a in given_answers if a.state is State.SUCCEEDED and a.seconds]
    assert sum(t.number for t in daily) == sum(t.number for t in weekly)
    assert sum(t.number for t in daily) >= len(confirmed)
    assert all(times.median <= times.p95 for times in (*daily, *weekly))


def test_only_confirmations_have_a_time_to_confirm() -> None:
    given_answers = [
        Answer(NOW, State.SUCCEEDED, 4),
        Answer(NOW, State.SUCCEEDED, 8),
        Answer(NOW, State.SUCCEEDED, 60),
        Answer(NOW, State.TIMED_OUT, 600),
        Answer(NOW, State.SUCCEEDED, None),
    ]

    [times] = health.confirm_times(given_answers, health.days_of(NOW.date(), 7), NEW_YORK)

    assert (times.number, times.median, times.p95) == (3, median([4, 8, 60]), 60)


def test_a_day_has_its_last_battery_level_and_its_weakest_signal() -> None:
    readings = [
        Reading(NOW - 2 * HOUR, True, None, 80, -60),
        Reading(NOW - HOUR, True, None, 79, -81),
        Reading(NOW, True, None, None, -70),
        Reading(NOW - DAY, True, None, 82, None),
    ]

    battery = health.battery_levels(readings, NEW_YORK)
    signal = health.signal_levels(readings, NEW_YORK)

    assert [(level.on.day, level.value) for level in battery] == [(19, 82), (20, 79)]
    assert [(level.on.day, level.value) for level in signal] == [(20, -81)]


@pytest.mark.parametrize(
    ("readings", "left"),
    [
        ([], None),
        (levels(80), None),
        (levels(80, 79, 78), None),  # two days are no trend
        (levels(*range(60, 40, -1)), 41),
        (levels(*[70] * 20), None),
        (levels(*[95] * 12, *[94] * 12, *[93] * 12), None),  # years ahead is no news
        (levels(*range(40, 60)), None),  # nothing charges a lock
        (levels(30, 25, 20, 95, 94, 93, 92, 91, 90, 89, 88), 88),
        (levels(30, 25, 20, 15, 10, 95), None),  # new since today
        (levels(5, 4, 3, 2, 2, 1, 1, 0, 0, 0), 0),
    ],
)
def test_days_left_follow_the_levels_since_the_batteries_were_new(
    readings: list[Reading], left: int | None
) -> None:
    assert health.days_left(readings) == left


@given(st.lists(st.integers(0, 100), max_size=40))
def test_days_left_are_never_negative_and_never_raise(values: list[int]) -> None:
    left = health.days_left(levels(*values))

    assert left is None or left >= 0


def test_spells_offline_are_counted_within_the_span_and_one_may_last() -> None:
    readings = [
        Reading(NOW - 20 * DAY, False),
        Reading(NOW - 10 * DAY, True),
        Reading(NOW - 5 * DAY, False),
        Reading(NOW - 5 * DAY + HOUR, False),
        Reading(NOW - 5 * DAY + 2 * HOUR, True),
        Reading(NOW - HOUR, False),
    ]

    spells = health.offline_spells(readings, NOW - 14 * DAY, NOW)

    assert spells == (4 * DAY, 2 * HOUR, HOUR)


OK, LATE, LOST, NO = State.SUCCEEDED, State.TIMED_OUT, State.UNKNOWN, State.FAILED


@pytest.mark.parametrize(
    ("given_answers", "finding"),
    [
        (answers(), None),
        (answers(LATE, LATE, LATE), None),  # too few to say anything
        (answers(*[OK] * 20, LATE, LOST), None),
        (answers(*[OK] * 12, LATE, LOST, LATE), (3, 15)),
        (answers(*[OK] * 27, LATE, LATE, LATE), None),  # a tenth
        (answers(*[OK] * 24, *[LATE] * 6), (6, 30)),
        (answers(*[LATE] * 6, *[OK] * 30), None),  # long ago
        (answers(*[NO] * 10), None),  # a refusal is an answer
    ],
)
def test_a_lock_that_leaves_a_fifth_of_its_last_30_writes_unanswered_is_unreliable(
    given_answers: list[Answer], finding: tuple[int, int] | None
) -> None:
    found = health.judge(given_answers, [], NOW)

    assert [(f.sign, f.times, f.of) for f in found] == (
        [(Sign.NO_ANSWER, *finding)] if finding else []
    )


def failed(problem: ProblemKey, number: int) -> list[Answer]:
    """So many writes that Schlage called failed for this reason, one an hour, the last one now."""
    return [Answer(NOW - n * HOUR, NO, 5.0, problem) for n in range(number)]


@pytest.mark.parametrize(
    ("given_answers", "finding"),
    [
        (failed(ProblemKey.NACK, 20), (20, 20, 20)),
        (failed(ProblemKey.NACK, 2) + answers(LATE, LATE, OK, OK), (4, 6, 2)),
        (failed(ProblemKey.NACK, 2) + answers(*[OK] * 10), None),
        (failed(ProblemKey.COMMAND_TIMEOUT, 20), (20, 20, 0)),  # a time-out by another name
        (failed(ProblemKey.ALREADY_IN_USE, 20), None),  # the lock did answer
        ([Answer(a.at, OK, 5.0, ProblemKey.NACK) for a in answers(*[OK] * 20)], None),
    ],
)
def test_a_nack_is_no_answer_although_schlage_calls_it_a_failure(
    given_answers: list[Answer], finding: tuple[int, int, int] | None
) -> None:
    found = health.judge(given_answers, [], NOW)

    assert [(f.sign, f.times, f.of, f.nacks) for f in found] == (
        [(Sign.NO_ANSWER, *finding)] if finding else []
    )
    if found:
        assert health.advice(found) == (CLOSER_WIFI, RESTART_ROUTER, NEW_BATTERIES, ASK_SCHLAGE)


def test_nacks_are_counted_apart_from_refusals_and_time_outs() -> None:
    given_answers = [
        *failed(ProblemKey.NACK, 2),
        *failed(ProblemKey.COMMAND_TIMEOUT, 1),
        *failed(ProblemKey.LOCK_FULL, 3),
        *answers(OK, LATE, LOST),
    ]

    [of_all] = health.tallies(given_answers, [date(2026, 3, 1)], NEW_YORK)

    ends = (of_all.confirmed, of_all.failed, of_all.nack, of_all.timed_out, of_all.unknown)
    assert ends == (1, 3, 2, 2, 1)
    assert of_all.total == len(given_answers)


@pytest.mark.parametrize(
    ("hours_offline", "is_told"),
    [([1], False), ([1, 1], False), ([1, 1, 1], True), ([7], True), ([2, 2], False)],
)
def test_a_lock_is_unreliable_after_three_spells_or_six_hours_offline(
    hours_offline: list[int], is_told: bool
) -> None:
    readings = []
    for number, hours in enumerate(hours_offline):
        began = NOW - (number + 1) * DAY
        readings += [Reading(began, False), Reading(began + hours * HOUR, True)]

    found = health.judge([], readings, NOW)

    assert [f.sign for f in found] == ([Sign.OFFLINE] if is_told else [])
    if is_told:
        assert found[0].seconds == sum(hours_offline) * 3600


@pytest.mark.parametrize(
    ("signals", "dbm"),
    [([], None), ([-60], None), ([-74], None), ([-80], -80), ([-60, -60, -95], None)],
)
def test_a_signal_counts_as_too_weak_by_its_usual_strength(
    signals: list[int], dbm: int | None
) -> None:
    readings = [Reading(NOW - n * HOUR, wifi_signal=signal) for n, signal in enumerate(signals)]

    found = health.judge([], readings, NOW)

    assert [f.dbm for f in found] == ([dbm] if dbm else [])


def test_batteries_that_are_weak_or_last_two_weeks_at_most_are_told() -> None:
    weak = health.judge([], [Reading(NOW, battery_state="Low", battery_level=28)], NOW)
    falling = health.judge([], levels(*range(60, 20, -3)), NOW)
    fine = health.judge([], levels(*range(80, 60, -1)), NOW)

    assert weak == (Finding(sign=Sign.BATTERY, level=28, days_left=None),)
    assert falling == (Finding(sign=Sign.BATTERY, level=21, days_left=7),)
    assert fine == ()


@pytest.mark.parametrize(
    ("signs", "steps"),
    [
        ([], ()),
        ([Sign.WEAK_SIGNAL], (CLOSER_WIFI, ASK_SCHLAGE)),
        ([Sign.OFFLINE], (RESTART_ROUTER, CLOSER_WIFI, ASK_SCHLAGE)),
        ([Sign.BATTERY], (NEW_BATTERIES, ASK_SCHLAGE)),
        ([Sign.NO_ANSWER], (CLOSER_WIFI, RESTART_ROUTER, NEW_BATTERIES, ASK_SCHLAGE)),
        (
            [Sign.BATTERY, Sign.NO_ANSWER],
            (NEW_BATTERIES, CLOSER_WIFI, RESTART_ROUTER, ASK_SCHLAGE),
        ),
    ],
)
def test_advice_begins_with_the_measured_cause_and_ends_with_the_vendor(
    signs: list[Sign], steps: tuple[str, ...]
) -> None:
    assert health.advice([Finding(sign=sign) for sign in signs]) == steps


def test_the_most_certain_cause_stands_first() -> None:
    readings = [*levels(*range(60, 20, -3)), Reading(NOW, wifi_signal=-85)]

    found = health.judge(answers(*[LATE] * 10), readings, NOW)

    assert [f.sign for f in found] == [Sign.WEAK_SIGNAL, Sign.BATTERY, Sign.NO_ANSWER]


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("America/New_York", "America/New_York", True),
        ("America/New_York", "US/Eastern", True),
        ("America/New_York", "America/Chicago", False),
        ("America/Denver", "America/Phoenix", False),  # the same in winter only
    ],
)
def test_clocks_are_the_same_where_they_are_so_in_summer_and_winter(
    one: str, other: str, is_same: bool
) -> None:
    winter = datetime(2026, 1, 10, tzinfo=UTC)

    assert health.is_same_clock(ZoneInfo(one), ZoneInfo(other), winter) is is_same
