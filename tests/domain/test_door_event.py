"""The rules on what happens at doors: one event told twice, whose tries, and vacant homes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain import door_event
from portal.domain.door_event import Event, Expected, How, Opening, Told, What, Whose
from portal.domain.stay import Window

NOW = datetime(2026, 3, 20, 15, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

TOLD = Told(key="a", at=NOW, what=What.OPENED, how=How.CODE, name="Cleaner")


def told(**fields) -> Told:
    values = {"key": "b", "at": NOW, "what": What.OPENED, "how": How.CODE, "name": "Cleaner"}
    return Told(**values | fields)


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (told(at=NOW + 20 * SECOND), True),
        (told(at=NOW - 61 * SECOND), False),
        (told(name="CLEANER"), True),
        (told(name=""), True),
        (told(name="Gardener"), False),
        (told(how=How.UNKNOWN), True),
        (told(how=How.THUMB_TURN), False),
        (told(what=What.WRONG_TRY), False),
    ],
)
def test_two_sources_tell_of_one_event_where_neither_contradicts(
    other: Told, is_same: bool
) -> None:
    assert door_event.is_same(TOLD, other) is is_same
    assert door_event.is_same(other, TOLD) is is_same


def test_an_event_is_the_nearest_of_those_it_could_be() -> None:
    known = [(1, told(at=NOW - 40 * SECOND)), (2, told(at=NOW + 5 * SECOND)), (3, told(name="X"))]

    assert door_event.twin(TOLD, known) == 2
    assert door_event.twin(told(at=NOW + HOUR), known) is None


def stay(number: int, starts: float, ends: float, *, has_arrived: bool = False) -> Expected:
    window = Window(NOW + starts * HOUR, NOW + ends * HOUR)
    return Expected(number, window, has_arrived=has_arrived)


@pytest.mark.parametrize(
    ("expected", "booking"),
    [
        ([], None),
        ([stay(1, -1, 40)], 1),
        ([stay(1, -40, 20, has_arrived=True)], 1),
        ([stay(1, 5, 40)], 1),  # stands at the door too early
        ([stay(1, 7, 40)], None),
        ([stay(1, -40, 0.5, has_arrived=True), stay(2, -0.5, 40)], 2),
        ([stay(1, -40, 1, has_arrived=True), stay(2, 1, 40)], 1),
        ([stay(1, -1, 40), stay(2, -2, 40)], None),  # a shared door: nobody can tell
        ([stay(1, -1, 40, has_arrived=True), stay(2, -2, 40, has_arrived=True)], None),
    ],
)
def test_wrong_digits_are_those_of_the_one_guest_who_could_stand_there(
    expected: list[Expected], booking: int | None
) -> None:
    assert door_event.whose_try(expected, NOW) == booking


def tries(*minutes_ago: float) -> list[Event]:
    return [Event(NOW - ago * MINUTE, What.WRONG_TRY) for ago in minutes_ago]


PAUSE = Event(NOW - 4 * MINUTE, What.KEYPAD_PAUSED)


@pytest.mark.parametrize(
    ("events", "trouble"),
    [
        ([], None),
        (tries(5, 4), None),
        (tries(6, 5, 4), (3, False)),
        ([*tries(6, 5, 4), PAUSE], (3, True)),
        ([PAUSE], (0, True)),
        ([Event(NOW - 10 * MINUTE, What.KEYPAD_PAUSED)], None),
        ([*tries(16, 15, 14), Event(NOW - 10 * MINUTE, What.KEYPAD_PAUSED)], (3, False)),
        ([*tries(6, 5, 4), Event(NOW - MINUTE, What.OPENED, is_own=True)], None),
        ([*tries(6, 5, 4), Event(NOW - MINUTE, What.OPENED)], (3, False)),  # somebody else
        ([Event(NOW - 9 * MINUTE, What.OPENED, is_own=True), *tries(6, 5, 4)], (3, False)),
        (tries(130, 125, 121), None),
        ([*tries(6, 5), Event(NOW - MINUTE, What.ALARM)], None),
    ],
)
def test_three_wrong_tries_or_a_pause_are_told_until_the_guest_is_in(
    events: list[Event], trouble: tuple[int, bool] | None
) -> None:
    found = door_event.keypad_trouble(events, NOW)

    assert (found and (found.tries, found.is_paused)) == trouble
    if found:
        assert found.until > NOW


def test_a_keypads_trouble_turns_when_its_pause_or_its_first_try_is_long_ago() -> None:
    paused = door_event.keypad_trouble([*tries(6, 5, 4), PAUSE], NOW)
    tried = door_event.keypad_trouble(tries(6, 5, 4), NOW)

    assert paused is not None
    assert tried is not None
    assert paused.until == PAUSE.at + door_event.PAUSE_TOLD_FOR
    assert tried.until == NOW - 6 * MINUTE + door_event.TRIES_TOLD_FOR


@pytest.mark.parametrize(
    ("events", "trouble"),
    [
        ([], (0, True)),
        (tries(60), (1, True)),
        ([Event(NOW - 21 * MINUTE, What.OPENED, is_own=True)], (0, True)),
        ([Event(NOW - 19 * MINUTE, What.OPENED, is_own=True)], None),
    ],
)
def test_an_alerted_keypad_is_in_trouble_until_the_guest_is_in(
    events: list[Event], trouble: tuple[int, bool] | None
) -> None:
    found = door_event.keypad_trouble(events, NOW, locked_since=NOW - 20 * MINUTE)

    assert (found and (found.tries, found.is_paused)) == trouble
    if found:
        assert found.until > NOW


@pytest.mark.parametrize(
    ("expected", "booking"),
    [
        ([], None),
        ([stay(1, -1, 40)], 1),
        ([stay(1, 20, 40)], 1),  # a day too early, as it happens
        ([stay(1, 25, 40)], None),
        ([stay(1, -40, 0)], None),  # over
        ([stay(1, -40, 20, has_arrived=True), stay(2, 5, 40)], 1),
        ([stay(1, -40, 0.5, has_arrived=True), stay(2, -0.5, 40)], 2),
        ([stay(1, -30, 40), stay(2, -2, 40)], 2),  # a shared door: the one who has just come
        ([stay(1, 9, 40), stay(2, 3, 40)], 2),
    ],
)
def test_before_a_door_stands_most_likely_who_is_due_and_was_not_seen(
    expected: list[Expected], booking: int | None
) -> None:
    assert door_event.who_waits(expected, NOW) == booking
    assert door_event.who_waits(list(reversed(expected)), NOW) == booking


LET_IN = Event(NOW - MINUTE, What.OPENED, is_own=True)
PAUSED_AGAIN = Event(NOW - MINUTE / 2, What.KEYPAD_PAUSED)


@pytest.mark.parametrize(
    ("events", "until"),
    [
        ([], None),
        (tries(6, 5, 4), None),  # the lock takes digits all the time
        ([PAUSE], NOW + 6 * MINUTE),
        ([*tries(2), PAUSE], NOW + 6 * MINUTE),
        ([PAUSE, PAUSED_AGAIN], NOW + 9.5 * MINUTE),  # whoever goes on guessing
        ([PAUSE, LET_IN], None),
        ([LET_IN, PAUSE], None),  # told in any order
        ([PAUSE, Event(NOW - MINUTE, What.OPENED)], NOW + 6 * MINUTE),  # somebody else
        ([PAUSE, LET_IN, PAUSED_AGAIN], NOW + 9.5 * MINUTE),
    ],
)
def test_a_pause_of_the_keypad_is_told_until_a_guest_is_in_or_it_is_quiet(
    events: list[Event], until: datetime | None
) -> None:
    assert door_event.paused_until(events) == until


def opening(how: How = How.CODE, whose: Whose = Whose.OTHER, hours: float = 0) -> Opening:
    return Opening(NOW + hours * HOUR, how, whose)


@pytest.mark.parametrize(
    ("given_opening", "is_told"),
    [
        (opening(), True),
        (opening(whose=Whose.GUEST), True),  # a cancelled guest's code that is still there
        (opening(whose=Whose.SPARE), True),
        (opening(whose=Whose.STAFF), False),
        (opening(How.THUMB_TURN, Whose.NOBODY), True),
        (opening(How.APP, Whose.NOBODY), False),
        (opening(How.APP, Whose.PORTAL), False),
        (opening(How.UNKNOWN, Whose.NOBODY), False),
    ],
)
def test_only_codes_and_the_thumb_turn_are_uncalled_for_and_staff_may_always_come(
    given_opening: Opening, is_told: bool
) -> None:
    stays = [Window(NOW - 50 * HOUR, NOW - HOUR), Window(NOW + HOUR, NOW + 50 * HOUR)]

    assert door_event.is_uncalled_for(given_opening, stays) is is_told


@given(st.floats(-5, 5), st.floats(0.1, 5))
def test_nothing_is_uncalled_for_while_a_stay_is_going_on(starts: float, hours: float) -> None:
    stays = [Window(NOW + starts * HOUR, NOW + (starts + hours) * HOUR)]

    is_going_on = stays[0].starts_at <= NOW < stays[0].ends_at

    assert door_event.is_uncalled_for(opening(), stays) is not is_going_on


@pytest.mark.parametrize(
    ("before", "is_told"),
    [
        ([opening(whose=Whose.STAFF, hours=-2)], False),
        ([opening(how=How.APP, whose=Whose.PORTAL, hours=-2)], False),
        ([opening(hours=-2)], False),  # alerted by itself
        ([opening(whose=Whose.STAFF, hours=-13)], True),
        ([opening(whose=Whose.GUEST, hours=-2)], True),  # a guest who stays too long
        ([opening(How.THUMB_TURN, Whose.NOBODY, hours=-2)], True),
    ],
)
def test_who_came_in_from_outside_may_open_from_inside(
    before: list[Opening], is_told: bool
) -> None:
    inside = opening(How.THUMB_TURN, Whose.NOBODY)

    assert door_event.is_uncalled_for(inside, [], before) is is_told


@pytest.mark.parametrize(
    ("began", "has_arrived", "hours"),
    [(1, False, 3), (1, True, 24), (11, False, 3), (12, False, 24), (-2, False, 3)],
)
def test_a_log_is_read_sooner_while_a_guest_is_awaited(
    began: int, has_arrived: bool, hours: int
) -> None:
    starts_at = NOW - timedelta(hours=began)
    window = Window(starts_at, starts_at + timedelta(days=3))

    pause = door_event.read_after([Expected(1, window, has_arrived=has_arrived)], NOW)

    assert pause == timedelta(hours=hours)


def test_a_log_that_nobody_is_awaited_at_is_read_daily() -> None:
    assert door_event.read_after([], NOW) == timedelta(days=1)
