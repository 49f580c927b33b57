"""Spares in stock: how many, for how long, and how they give way."""

from datetime import timedelta
from typing import Any

import pytest

from portal.domain import spare
from portal.domain.engine import DropSpare, MakeSpare, Refuse, RenewSpare, Send, Wait, decide
from portal.domain.preflight import check
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.snapshot import CAPACITY, CodeFacts, CodeKind
from portal.domain.stay import Window
from tests.domain.facts import ARRIVES, DEPARTS, NOW, a_code, a_snapshot, an_entry

HOUR = timedelta(hours=1)
GUEST = a_code()


def a_spare(number: int = 7, **changes: Any) -> CodeFacts:
    """A spare in stock, made a moment ago."""
    window = spare.window_from(NOW)
    values: dict[str, Any] = {
        "id": number,
        "kind": CodeKind.SPARE,
        "pin": Secret(f"{6040 + number}73"),
        "starts_at": window.starts_at,
        "ends_at": window.ends_at,
        "arrives_at": window.starts_at,
        "departs_at": window.ends_at,
        "send_at": NOW,
    }
    return a_code(**values | changes)


# How many


def test_a_lock_without_its_spare_gets_one_made() -> None:
    assert decide(a_snapshot(spares=1), NOW) == MakeSpare()


def test_no_spare_is_made_before_the_lock_was_ever_read() -> None:
    assert decide(a_snapshot(spares=1, read_at=None), NOW) != MakeSpare()


def test_a_guest_is_sent_before_a_spare_is_even_made() -> None:
    assert isinstance(decide(a_snapshot(GUEST, spares=1), NOW), Send)


def test_one_too_many_goes_and_it_is_one_that_does_not_work() -> None:
    works, does_not = a_spare(8), a_spare(7)

    action = decide(a_snapshot(works, does_not, entries=(an_entry(works),), spares=1), NOW)

    assert action == DropSpare(7)


def test_one_that_was_given_is_not_counted_and_never_dropped() -> None:
    given = a_spare(is_given=True)

    assert decide(a_snapshot(given, entries=(an_entry(given),), spares=0), NOW) != DropSpare(7)
    assert decide(a_snapshot(given, entries=(an_entry(given),), spares=1), NOW) == MakeSpare()


def test_one_whose_end_is_reached_is_replaced() -> None:
    over = a_spare(starts_at=NOW - spare.LASTS, ends_at=NOW)

    actions = [decide(a_snapshot(over, spares=1), NOW)]

    assert actions == [MakeSpare()]


def test_one_that_is_stuck_gives_way_to_a_new_one_a_day_later() -> None:
    stuck = a_spare(is_stuck=True, problem=ProblemKey.CHANGED_OUTSIDE, problem_at=NOW)
    snapshot = a_snapshot(stuck, spares=1, read_at=NOW + HOUR)

    assert decide(snapshot, NOW + HOUR) == Wait(NOW + spare.REPLACED_AFTER)
    assert decide(snapshot, NOW + spare.REPLACED_AFTER) == DropSpare(7)


def test_its_end_is_moved_on_long_before_it_is_reached() -> None:
    code = a_spare(ends_at=NOW + spare.RENEWED_BEFORE)
    snapshot = a_snapshot(code, entries=(an_entry(code),), spares=1)

    assert decide(snapshot, NOW) == RenewSpare(7)
    assert decide(snapshot, NOW - HOUR) != RenewSpare(7)


def test_the_engine_wakes_for_the_renewal() -> None:
    code = a_spare()

    assert spare.renewed_at(code) < code.ends_at - timedelta(days=30)
    assert spare.renewed_at(code) > NOW


# Room


@pytest.mark.parametrize(
    ("others", "made"),
    [
        (CAPACITY - spare.PLACES_LEFT_FREE - 1, True),
        (CAPACITY - spare.PLACES_LEFT_FREE, False),
        (CAPACITY, False),
    ],
)
def test_the_last_places_are_for_guests(others: int, made: bool) -> None:
    snapshot = a_snapshot(spares=1, foreign_count=others)

    assert (decide(snapshot, NOW) == MakeSpare()) is made


def test_guests_who_are_due_count_before_they_are_there() -> None:
    waiting = tuple(
        a_code(id=n, pin=Secret(f"{3000 + n}41"), retry_at=NOW + HOUR) for n in range(1, 4)
    )
    free = spare.PLACES_LEFT_FREE + 3

    assert decide(a_snapshot(*waiting, spares=1, foreign_count=CAPACITY - free), NOW) != MakeSpare()


def test_a_full_lock_drops_a_spare_for_a_guest_and_asks_nobody() -> None:
    code = a_spare()
    snapshot = a_snapshot(
        GUEST, code, entries=(an_entry(code),), spares=1, foreign_count=CAPACITY - 1
    )

    assert decide(snapshot, NOW) == DropSpare(7)


def test_a_spare_on_its_way_off_is_waited_for() -> None:
    leaving = a_spare(is_wanted=False)
    snapshot = a_snapshot(GUEST, leaving, entries=(an_entry(leaving),), foreign_count=CAPACITY - 1)

    fault = check(snapshot, GUEST, None, NOW)

    assert fault is not None
    assert (fault.waits_for, fault.gives_way) == ({7}, None)


def test_a_staff_code_may_take_a_spares_place_and_a_spare_may_not() -> None:
    code, other = a_spare(), a_spare(8)
    staff = a_code(id=5, kind=CodeKind.STAFF)
    world: dict[str, Any] = {"entries": (an_entry(code),), "foreign_count": CAPACITY - 1}

    of_staff = check(a_snapshot(staff, code, **world), staff, None, NOW)
    of_spare = check(a_snapshot(other, code, **world), other, None, NOW)

    assert of_staff is not None
    assert of_staff.gives_way == 7
    assert of_spare is not None
    assert of_spare.gives_way is None


def test_a_spare_without_room_goes_quietly() -> None:
    code = a_spare()

    action = decide(a_snapshot(code, spares=1, foreign_count=CAPACITY), NOW)

    assert action == DropSpare(7)


# Digits


@pytest.mark.parametrize("kind", [CodeKind.GUEST, CodeKind.STAFF])
def test_a_spare_gives_way_to_digits_that_somebody_knows(kind: CodeKind) -> None:
    code = a_spare(pin=Secret("482933"))
    person = a_code(kind=kind, is_pin_shown=True)

    assert decide(a_snapshot(person, code, entries=(an_entry(code),), spares=1), NOW) == DropSpare(
        7
    )


def test_a_spare_that_was_given_gives_way_to_nobody() -> None:
    code = a_spare(pin=Secret("482933"), is_given=True)

    action = decide(a_snapshot(GUEST, code, entries=(an_entry(code),)), NOW)

    assert isinstance(action, Refuse)
    assert action.fault.problem is ProblemKey.PIN_CLASH


def test_a_new_spare_that_clashes_is_refused_and_gets_other_digits() -> None:
    code = a_spare(pin=Secret("482933"))

    fault = check(a_snapshot(GUEST, code, entries=(an_entry(GUEST),)), code, None, NOW)

    assert fault is not None
    assert (fault.problem, fault.gives_way) == (ProblemKey.PIN_CLASH, None)


# Handing out


def test_one_that_was_given_is_as_urgent_as_its_guest() -> None:
    given = a_spare(is_given=True, arrives_at=NOW - HOUR, departs_at=NOW + HOUR)

    assert decide(a_snapshot(GUEST, given), NOW) == Send(7, None, "add")


@pytest.mark.parametrize(
    ("at", "may"),
    [
        (ARRIVES - 2 * HOUR - timedelta(seconds=1), False),
        (ARRIVES - 2 * HOUR, True),
        (DEPARTS - timedelta(seconds=1), True),
        (DEPARTS, False),
    ],
)
def test_it_is_given_from_two_hours_before_check_in_until_check_out(at: Any, may: bool) -> None:
    assert spare.may_be_given(ARRIVES, DEPARTS, at) is may


def test_it_covers_the_rest_of_a_stay_that_began_before_it() -> None:
    inside = ARRIVES + HOUR
    window = Window(inside - timedelta(minutes=5), DEPARTS + HOUR)

    assert spare.covers(ARRIVES, DEPARTS, window, inside)
    assert not spare.covers(ARRIVES, DEPARTS, window, ARRIVES)
    assert not spare.covers(ARRIVES, DEPARTS + 2 * HOUR, window, inside)
