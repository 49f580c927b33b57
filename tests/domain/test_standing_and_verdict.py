"""What the page says of a door, and of the booking behind it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.entry import EntryState
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.standing import Standing, standing_of
from portal.domain.status import Status, Verdict
from portal.domain.stay import Doubt, Window
from portal.domain.verdict import BookingFacts, DoorFacts, Judgement, Reason, judge
from tests.domain.facts import (
    ARRIVES,
    DEPARTS,
    NOW,
    a_code,
    a_command,
    a_snapshot,
    an_entry,
    in_doubt,
)

CODE = a_code()
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def stands(code: Any = CODE, *entries: Any, **lock: Any) -> Standing:
    command = lock.pop("command", None)
    return standing_of(a_snapshot(code, entries=entries, command=command, **lock), code, NOW)


def test_a_code_before_its_time_is_planned_with_that_time() -> None:
    code = a_code(send_at=NOW + HOUR)

    assert stands(code) == Standing(Status.PLANNED, NOW + HOUR)


def test_a_due_code_is_queued_and_told_when_the_lock_is_free() -> None:
    command = a_command(entry_id=99)

    assert stands(CODE) == Standing(Status.QUEUED, None)
    assert stands(CODE, command=command) == Standing(Status.QUEUED, NOW + MINUTE)


def test_a_code_whose_command_travels_is_sent_with_the_next_look() -> None:
    assert stands(CODE, in_doubt(CODE), command=a_command()) == Standing(Status.SENT, NOW + MINUTE)


def test_a_held_entry_as_wanted_is_confirmed() -> None:
    assert stands(CODE, an_entry(CODE)) == Standing(Status.CONFIRMED, None)


@pytest.mark.parametrize(
    "difference",
    [{"revision": 2}, {"ends_at": CODE.ends_at + HOUR}, {"pin": Secret("739015")}],
    ids=["revision", "window", "pin"],
)
def test_a_held_entry_of_other_values_is_not(difference: dict[str, Any]) -> None:
    assert stands(a_code(**difference), an_entry(CODE)).status is Status.QUEUED


def test_an_entry_in_doubt_is_unsure_with_the_next_read() -> None:
    entry = in_doubt(CODE, evidence_at=NOW)

    assert stands(CODE, entry, read_at=NOW) == Standing(Status.UNSURE, NOW + timedelta(seconds=30))


def test_a_failed_code_retries_at_a_shown_time() -> None:
    code = a_code(failures=2, retry_at=NOW + MINUTE)
    gone = in_doubt(CODE, state=EntryState.GONE)

    assert stands(code, gone) == Standing(Status.RETRYING, NOW + MINUTE)
    assert stands(code, gone, breaker_until=NOW + HOUR).due_at == NOW + HOUR


def test_what_a_missing_lock_has_to_do_has_no_time() -> None:
    entry = in_doubt(CODE)
    leaving = replace(CODE, is_wanted=False, retry_at=NOW - MINUTE)

    assert stands(CODE, entry, is_missing=True) == Standing(Status.UNSURE, None)
    assert stands(leaving, entry, is_missing=True) == Standing(Status.REMOVING, None)


def test_stuck_or_signed_out_needs_you() -> None:
    assert stands(a_code(is_stuck=True)).status is Status.NEEDS_YOU
    assert stands(CODE, can_call=False).status is Status.NEEDS_YOU


def test_signed_out_a_confirmed_code_stays_confirmed() -> None:
    assert stands(CODE, an_entry(CODE), can_call=False).status is Status.CONFIRMED


@pytest.mark.parametrize("problem", [None, ProblemKey.CHANGED_OUTSIDE, ProblemKey.NACK])
def test_what_the_lock_may_have_with_other_dates_is_not_green(problem: ProblemKey | None) -> None:
    doubt = Doubt(Window(NOW, NOW + HOUR), Window(NOW, DEPARTS))
    code, asks = a_code(problem=problem), a_code(problem=problem, is_stuck=True)

    assert stands(code, an_entry(code, doubt=doubt)).status is Status.UNSURE
    assert stands(asks, an_entry(asks, doubt=doubt)).status is Status.NEEDS_YOU


def test_while_an_older_valid_entry_is_held_the_code_is_changing() -> None:
    inside = a_code(starts_at=NOW - HOUR, revision=2)
    entry = an_entry(inside, revision=1)

    assert stands(inside, entry).is_changing


def test_a_code_not_wanted_is_removing_until_nothing_may_be_on_the_lock() -> None:
    code = a_code(is_wanted=False)

    assert stands(code, an_entry(CODE)).status is Status.REMOVING
    assert stands(code, in_doubt(CODE)).status is Status.REMOVING
    assert stands(code, an_entry(CODE, state=EntryState.GONE)).status is Status.REMOVED
    assert stands(code).status is Status.REMOVED


# The booking


def booking(*doors: DoorFacts, **changes: Any) -> BookingFacts:
    values = {
        "starts_at": ARRIVES,
        "ends_at": DEPARTS,
        "window_ends_at": DEPARTS + HOUR,
        "is_cancelled": False,
        "doors": doors,
    }
    return BookingFacts(**values | changes)


def door(status: Status = Status.CONFIRMED, **changes: Any) -> DoorFacts:
    return DoorFacts(**{"door_code_id": 1, "status": status} | changes)


def verdict(*doors: DoorFacts, at: datetime = NOW, **changes: Any) -> Judgement:
    return judge(booking(*doors, **changes), at)


def test_every_door_confirmed_is_ready() -> None:
    judged = verdict(door(), door(door_code_id=2))

    assert (judged.verdict, judged.reason) == (Verdict.READY, Reason.ALL_CONFIRMED)


def test_the_worst_door_decides_and_is_named() -> None:
    judged = verdict(door(), door(Status.NEEDS_YOU, door_code_id=2, problem=ProblemKey.SPLIT_BRAIN))

    assert (judged.verdict, judged.door_code_id) == (Verdict.NOT_READY, 2)
    assert judged.problem is ProblemKey.SPLIT_BRAIN


def test_a_booking_without_a_lock_is_an_unrecognized_job_state() -> None:
    judged = verdict()

    assert (judged.verdict, judged.reason) == (Verdict.NOT_READY, Reason.NO_LOCK)
    assert judged.problem is ProblemKey.UNRECOGNIZED_JOB_STATE


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (timedelta(hours=48), Verdict.ON_TRACK),
        (timedelta(hours=6, seconds=1), Verdict.ON_TRACK),
        (timedelta(hours=6), Verdict.AT_RISK),
        (timedelta(hours=2, seconds=1), Verdict.AT_RISK),
        (timedelta(hours=2), Verdict.NOT_READY),
        (timedelta(hours=-1), Verdict.NOT_READY),
    ],
)
@pytest.mark.parametrize("status", [Status.QUEUED, Status.SENT, Status.RETRYING])
def test_an_unconfirmed_door_is_judged_by_the_time_left(
    status: Status, before: timedelta, expected: Verdict
) -> None:
    assert verdict(door(status), at=ARRIVES - before).verdict is expected


def test_unsure_is_at_risk_however_far_the_arrival() -> None:
    assert verdict(door(Status.UNSURE)).verdict is Verdict.AT_RISK


@pytest.mark.parametrize(
    ("trouble", "problem"),
    [
        ({"is_offline": True}, ProblemKey.LOCK_OFFLINE),
        ({"is_battery_critical": True}, ProblemKey.LOW_BATTERY),
        ({"is_missing_once": True}, None),
        ({"is_lock_missing": True}, ProblemKey.LOCK_MISSING),
    ],
)
def test_a_confirmed_door_in_trouble_is_at_risk(
    trouble: dict[str, bool], problem: ProblemKey | None
) -> None:
    judged = verdict(door(**trouble))

    assert (judged.verdict, judged.problem) == (Verdict.AT_RISK, problem)


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SENT, Status.RETRYING])
def test_an_unconfirmed_door_whose_lock_is_offline_says_so(status: Status) -> None:
    bare = verdict(door(status, is_offline=True), at=ARRIVES - 3 * HOUR)
    told = verdict(door(status, is_offline=True, problem=ProblemKey.NACK), at=ARRIVES - 3 * HOUR)

    assert (bare.verdict, bare.reason) == (Verdict.AT_RISK, Reason.WAITS_FOR_LOCK)
    assert (bare.problem, told.problem) == (ProblemKey.LOCK_OFFLINE, ProblemKey.NACK)


@pytest.mark.parametrize("status", [Status.QUEUED, Status.UNSURE, Status.RETRYING])
def test_a_code_for_a_lock_that_is_gone_is_at_risk_however_far_the_arrival(status: Status) -> None:
    far = verdict(door(status, is_lock_missing=True, is_offline=True))
    near = verdict(door(status, is_lock_missing=True), at=ARRIVES - HOUR)

    assert (far.verdict, far.reason) == (Verdict.AT_RISK, Reason.LOCK_MISSING)
    assert far.problem is ProblemKey.LOCK_MISSING
    assert (near.verdict, near.reason) == (Verdict.NOT_READY, Reason.LOCK_MISSING)


def test_a_planned_code_is_planned_though_its_lock_is_gone() -> None:
    judged = verdict(door(Status.PLANNED, is_lock_missing=True))

    assert (judged.verdict, judged.reason) == (Verdict.ON_TRACK, Reason.PLANNED)


def test_while_a_harmless_change_travels_it_stays_ready() -> None:
    judged = verdict(door(Status.SENT, is_covered=True), at=ARRIVES - MINUTE)

    assert (judged.verdict, judged.reason) == (Verdict.READY, Reason.CHANGE_TRAVELS)


def test_a_ready_booking_shows_no_old_problem() -> None:
    assert verdict(door(problem=ProblemKey.COMMAND_TIMEOUT)).problem is None


def test_a_pin_that_opened_a_door_is_proven() -> None:
    assert verdict(door(is_proven=True)).reason is Reason.PROVEN


def test_a_door_no_longer_wanted_does_not_count() -> None:
    assert verdict(door(), door(Status.REMOVING, is_wanted=False)).verdict is Verdict.READY


@pytest.mark.parametrize("cancelled", [True, False])
def test_a_stay_that_is_over_is_ready_once_its_codes_are_off(cancelled: bool) -> None:
    after = DEPARTS + 2 * HOUR

    off = verdict(door(Status.REMOVED), at=after, is_cancelled=cancelled)
    late = verdict(door(Status.REMOVING), at=after, is_cancelled=cancelled)

    assert off.verdict is Verdict.READY
    assert (late.verdict, late.problem) == (Verdict.AT_RISK, ProblemKey.REMOVAL_UNCONFIRMED)


def test_a_removal_has_half_an_hour_before_it_is_at_risk() -> None:
    ends = DEPARTS + HOUR
    young = verdict(door(Status.REMOVING), at=ends)

    assert (young.verdict, young.changes_at) == (Verdict.ON_TRACK, ends + 30 * MINUTE)
    assert verdict(door(Status.REMOVING), at=ends + 30 * MINUTE).verdict is Verdict.AT_RISK


def test_a_removal_that_failed_needs_nobody_before_it_is_late() -> None:
    ends = DEPARTS + HOUR
    doors = (
        door(Status.REMOVING),
        door(Status.REMOVING, door_code_id=2, problem=ProblemKey.NACK),
    )

    tried = verdict(*doors, at=ends + 29 * MINUTE)
    late = verdict(*doors, at=ends + 30 * MINUTE)

    assert (tried.verdict, tried.reason) == (Verdict.ON_TRACK, Reason.STAY_OVER)
    assert (tried.problem, tried.changes_at) == (None, ends + 30 * MINUTE)
    assert (late.verdict, late.reason) == (Verdict.AT_RISK, Reason.REMOVAL_LATE)
    assert tried.door_code_id == late.door_code_id == 2


def test_of_a_stay_that_was_called_off_it_is_at_risk_half_an_hour_later() -> None:
    inside = ARRIVES + 5 * HOUR
    leaving = door(Status.REMOVING, since=inside)
    before = door(Status.REMOVING, since=ARRIVES - 9 * HOUR)

    def at(facts: DoorFacts, now: datetime) -> Verdict:
        return verdict(facts, at=now, is_cancelled=True).verdict

    assert at(leaving, inside + 29 * MINUTE) is Verdict.ON_TRACK
    assert at(leaving, inside + 30 * MINUTE) is Verdict.AT_RISK
    assert at(before, ARRIVES + 29 * MINUTE) is Verdict.ON_TRACK, "nobody gets in before"
    assert at(before, ARRIVES + 30 * MINUTE) is Verdict.AT_RISK


facts = st.builds(
    DoorFacts,
    door_code_id=st.integers(1, 3),
    status=st.sampled_from(Status),
    problem=st.none() | st.sampled_from(ProblemKey),
    is_wanted=st.booleans(),
    is_covered=st.booleans(),
    is_offline=st.booleans(),
    is_lock_missing=st.booleans(),
    is_battery_critical=st.booleans(),
    is_missing_once=st.booleans(),
    is_proven=st.booleans(),
)


@given(st.lists(facts, max_size=3), st.booleans(), st.integers(-8000, 8000))
def test_a_verdict_turns_only_at_the_time_it_names(
    doors: list[DoorFacts], is_cancelled: bool, minutes: int
) -> None:
    """The page is refreshed at `changes_at`: a turn before it would not be seen."""
    at = ARRIVES + timedelta(minutes=minutes)
    stay = booking(*doors, is_cancelled=is_cancelled)
    judged = judge(stay, at)

    assert judged.changes_at is None or judged.changes_at > at
    until = judged.changes_at or at + timedelta(days=30)
    for share in (0.01, 0.5, 0.99):
        later = judge(stay, at + (until - at) * share)
        assert (later.verdict, later.reason) == (judged.verdict, judged.reason)


@given(
    st.lists(facts, min_size=2, max_size=3, unique_by=lambda d: d.door_code_id),
    st.booleans(),
    st.integers(-8000, 8000),
)
def test_whichever_lock_was_worked_last_the_verdict_is_the_same(
    doors: list[DoorFacts], is_cancelled: bool, minutes: int
) -> None:
    at = ARRIVES + timedelta(minutes=minutes)
    first, last = (booking(*each, is_cancelled=is_cancelled) for each in (doors, doors[::-1]))

    assert judge(first, at) == judge(last, at)


def test_of_two_doors_alike_the_one_that_can_say_why_is_named() -> None:
    judged = verdict(
        door(Status.SENT), door(Status.SENT, door_code_id=2, problem=ProblemKey.LOCK_OFFLINE)
    )

    assert (judged.door_code_id, judged.problem) == (2, ProblemKey.LOCK_OFFLINE)


# A spare that was given


@pytest.mark.parametrize("status", [Status.RETRYING, Status.SENT, Status.NEEDS_YOU, Status.UNSURE])
def test_a_door_that_only_a_spare_opens_is_at_risk_and_says_why(status: Status) -> None:
    judged = verdict(door(status, has_spare=True), at=ARRIVES - timedelta(hours=1))

    assert (judged.verdict, judged.reason) == (Verdict.AT_RISK, Reason.SPARE_GIVEN)


def test_a_door_with_neither_code_nor_spare_still_makes_the_stay_not_ready() -> None:
    doors = (
        door(Status.RETRYING, has_spare=True),
        door(Status.RETRYING, door_code_id=2),
    )

    judged = verdict(*doors, at=ARRIVES - timedelta(hours=1))

    assert (judged.verdict, judged.door_code_id) == (Verdict.NOT_READY, 2)
    assert judged.without_code == {1, 2}


def test_a_spare_makes_nothing_worse_and_a_confirmed_code_needs_none() -> None:
    early = verdict(door(Status.RETRYING, has_spare=True), at=ARRIVES - timedelta(days=1))
    confirmed = verdict(door(has_spare=True), at=ARRIVES - timedelta(hours=1))

    assert early.verdict is Verdict.ON_TRACK
    assert confirmed.verdict is Verdict.READY


def test_a_stay_is_over_once_its_spare_is_off_too() -> None:
    gone, going = door(Status.REMOVED), door(Status.REMOVING, door_code_id=2)
    after = booking(gone).window_ends_at

    soon = verdict(gone, spares=(going,), at=after + timedelta(minutes=5))
    late = verdict(gone, spares=(going,), at=after + timedelta(minutes=31))

    assert (soon.verdict, soon.door_code_id) == (Verdict.ON_TRACK, 2)
    assert (late.verdict, late.reason) == (Verdict.AT_RISK, Reason.REMOVAL_LATE)
