"""What a lock would refuse, found before it is asked."""

from datetime import timedelta
from typing import Any

import pytest

from portal.domain.entry import EntryState
from portal.domain.preflight import CAPACITY, Fault, check
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.snapshot import CodeFacts, ForeignFacts
from tests.domain.facts import NOW, a_code, a_snapshot, an_entry, in_doubt

CODE = a_code()


def found(code: CodeFacts = CODE, *others: CodeFacts, **world: Any) -> Fault | None:
    return check(a_snapshot(code, *others, **world), code, None, NOW)


def problem(*args: Any, **world: Any) -> ProblemKey | None:
    fault = found(*args, **world)
    return fault.problem if fault else None


def test_a_good_code_has_no_fault() -> None:
    assert found() is None


@pytest.mark.parametrize("pin", ["123", "123456789", "48a9", "٤٨٢٩"])
def test_only_four_to_eight_digits_go(pin: str) -> None:
    assert problem(a_code(pin=Secret(pin))) is ProblemKey.WRONG_LENGTH


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"code_length": 4}, ProblemKey.WRONG_LENGTH),
        ({"code_length": 4, "has_vlac": True}, None),
        ({"code_length": 6}, None),
        ({"code_length": None}, None),
    ],
)
def test_the_locks_length_holds_unless_vlac_frees_it(
    rule: dict[str, Any], expected: ProblemKey | None
) -> None:
    assert problem(CODE, **rule) is expected


def test_no_trivial_pin() -> None:
    assert problem(a_code(pin=Secret("123456"))) is ProblemKey.PIN_CLASH


def test_a_code_without_a_pin_says_so() -> None:
    assert problem(a_code(pin=None)) is ProblemKey.WRONG_LENGTH


@pytest.mark.parametrize(
    "window",
    [
        {"ends_at": CODE.starts_at},
        {"starts_at": NOW - timedelta(days=2), "ends_at": NOW},
    ],
)
def test_a_window_must_end_after_it_starts_and_after_now(window: dict[str, Any]) -> None:
    assert problem(a_code(**window)) is ProblemKey.SCHEDULE_NOT_VALID


def test_a_code_that_stays_with_the_same_four_digits_is_a_clash() -> None:
    other = a_code(id=2, pin=Secret("482933"))

    fault = found(CODE, other, entries=(an_entry(other),))

    assert fault is not None
    assert fault.problem is ProblemKey.PIN_CLASH
    assert not fault.waits_for


@pytest.mark.parametrize("make", [an_entry, in_doubt])
def test_a_leaving_code_with_the_same_four_digits_is_waited_for(make: Any) -> None:
    other = a_code(id=2, pin=Secret("482933"), is_wanted=False)

    fault = found(CODE, other, entries=(make(other),))

    assert fault is not None
    assert (fault.problem, fault.waits_for) == (ProblemKey.PIN_CLASH, {2})


def test_an_entry_proven_gone_is_in_nobodys_way() -> None:
    other = a_code(id=2, pin=Secret("482933"), is_wanted=False)

    assert found(CODE, other, entries=(an_entry(other, state=EntryState.GONE),)) is None


def test_windows_that_do_not_touch_clash_all_the_same() -> None:
    far = timedelta(days=90)
    other = a_code(
        id=2, pin=Secret("482933"), starts_at=CODE.starts_at + far, ends_at=CODE.ends_at + far
    )

    assert problem(CODE, other, entries=(an_entry(other),)) is ProblemKey.PIN_CLASH


def test_a_foreign_code_with_the_same_four_digits_is_a_clash() -> None:
    foreign = (ForeignFacts(label="Cleaner", pin=Secret("4829")),)

    assert problem(CODE, foreign=foreign) is ProblemKey.PIN_CLASH
    assert problem(CODE, foreign=(ForeignFacts(label="Masked"),)) is None


def test_a_full_lock_names_the_codes_whose_removal_makes_room() -> None:
    leaving = a_code(id=2, pin=Secret("739015"), is_wanted=False)

    fault = found(CODE, leaving, entries=(an_entry(leaving),), foreign_count=CAPACITY - 1)

    assert fault is not None
    assert (fault.problem, fault.waits_for) == (ProblemKey.LOCK_FULL, {2})


def test_the_last_place_may_be_taken() -> None:
    assert problem(CODE, foreign_count=CAPACITY - 1) is None
    assert problem(CODE, foreign_count=CAPACITY) is ProblemKey.LOCK_FULL
