"""The one next action, each rule of the engine as a sentence."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal.domain.command import Event, Kind, State
from portal.domain.engine import (
    Action,
    Climb,
    Close,
    LookUp,
    Part,
    Read,
    Refuse,
    Rung,
    Send,
    Wait,
    decide,
)
from portal.domain.entry import EntryState, Evidence
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.snapshot import CodeKind, ForeignFacts
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

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
CODE = a_code()


def test_a_due_code_without_an_entry_is_added() -> None:
    assert decide(a_snapshot(CODE), NOW) == Send(1, None, Kind.ADD)


def test_a_code_before_its_lead_time_waits_for_it() -> None:
    code = a_code(send_at=NOW + HOUR)

    assert decide(a_snapshot(code), NOW) == Wait(NOW + HOUR)


def test_a_lock_never_read_is_read_before_anything_is_written() -> None:
    assert decide(a_snapshot(CODE, read_at=None), NOW) == Read((Part.LIST,))


def test_with_the_list_all_is_read_that_is_due_of_the_lock() -> None:
    code = a_code(arrives_at=NOW + HOUR)
    answered = an_entry(
        code, state=EntryState.MAYBE, evidence=Evidence.ANSWERED, is_witnessed=False
    )
    snapshot = a_snapshot(
        code, entries=(answered,), read_at=NOW - timedelta(days=1), is_offline=True
    )

    assert decide(snapshot, NOW) == Read((Part.LIST, Part.LOG, Part.STATE))


def test_nothing_to_do_waits_for_the_next_read() -> None:
    action = decide(a_snapshot(CODE, entries=(an_entry(CODE),)), NOW)

    assert action == Wait(NOW - 10 * MINUTE + timedelta(days=1))


# The open command


def test_an_open_command_comes_first_and_is_waited_for() -> None:
    action = decide(a_snapshot(CODE, a_code(id=2), command=a_command()), NOW)

    assert action == Wait(NOW + MINUTE)


def test_an_open_command_is_looked_up_when_its_time_has_come() -> None:
    command = a_command(look_at=NOW)

    assert decide(a_snapshot(CODE, command=command), NOW) == LookUp(100)


@pytest.mark.parametrize(
    ("state", "event"),
    [(State.INTENDED, Event.SUPERSEDED), (State.SENDING, Event.ABANDONED)],
)
def test_what_a_dead_worker_left_behind_is_closed(state: State, event: Event) -> None:
    command = a_command(state=state, look_at=None)

    assert decide(a_snapshot(CODE, command=command), NOW) == Close(100, event)


# The way to Schlage


def test_signed_out_nothing_is_called() -> None:
    """Until the window is over: then it is no longer said that the code is wanted."""
    assert decide(a_snapshot(CODE, can_call=False), NOW) == Wait(CODE.ends_at)
    assert decide(a_snapshot(CODE, can_call=False), CODE.ends_at) == Wait(None)


@pytest.mark.parametrize(("arrives_in", "later"), [(HOUR, 0), (5 * HOUR, 2), (48 * HOUR, 8)])
def test_in_an_outage_the_lock_that_is_needed_soonest_probes(
    arrives_in: timedelta, later: int
) -> None:
    code = a_code(arrives_at=NOW + arrives_in)

    waiting = decide(a_snapshot(code, call_after=NOW + MINUTE), NOW)

    assert waiting == Wait(NOW + MINUTE + later * MINUTE)


def test_in_an_outage_a_lock_with_nothing_to_do_leaves_the_probe_to_others() -> None:
    later = a_snapshot(a_code(send_at=NOW + HOUR), call_after=NOW + MINUTE)
    much_later = a_snapshot(a_code(send_at=NOW + MINUTE), call_after=NOW + HOUR)

    assert decide(later, NOW) == Wait(NOW + HOUR)
    assert decide(much_later, NOW) == Wait(NOW + HOUR)


def test_the_breaker_holds_every_write_of_the_lock_and_no_read() -> None:
    held_back = a_snapshot(CODE, breaker_until=NOW + 5 * MINUTE)

    assert decide(held_back, NOW) == Wait(NOW + 5 * MINUTE)
    assert decide(a_snapshot(CODE, breaker_until=NOW + HOUR, read_at=None), NOW) == Read(
        (Part.LIST,)
    )


def test_a_code_waits_for_its_own_retry_while_others_go() -> None:
    waiting = a_code(retry_at=NOW + MINUTE, failures=1)
    other = a_code(id=2, pin=Secret("739015"), arrives_at=ARRIVES + HOUR)

    assert decide(a_snapshot(waiting), NOW) == Wait(NOW + MINUTE)
    assert decide(a_snapshot(waiting, other), NOW) == Send(2, None, Kind.ADD)


# Check before resend


def test_an_add_in_doubt_is_read_for_and_not_sent_again() -> None:
    snapshot = a_snapshot(CODE, entries=(in_doubt(CODE),))

    assert decide(snapshot, NOW) == Read((Part.LIST,))


def test_soon_after_the_answer_the_read_waits_for_its_time() -> None:
    entry = in_doubt(CODE, evidence_at=NOW)

    action = decide(a_snapshot(CODE, entries=(entry,), read_at=NOW), NOW)

    assert action == Wait(NOW + timedelta(seconds=30))


def test_after_one_empty_read_a_second_one_is_waited_for() -> None:
    entry = in_doubt(CODE, absent_reads=1, absent_at=NOW)

    action = decide(a_snapshot(CODE, entries=(entry,), read_at=NOW), NOW)

    assert action == Wait(NOW + timedelta(seconds=30))


def test_an_entry_found_in_the_list_is_adopted_by_an_update_to_its_id() -> None:
    entry = in_doubt(CODE, seen_at=NOW, access_code_id="found")

    action = decide(a_snapshot(CODE, entries=(entry,), read_at=NOW), NOW)

    assert action == Send(1, 10, Kind.UPDATE)


def test_an_entry_proven_absent_is_added_again_as_the_same_entry() -> None:
    entry = in_doubt(CODE, state=EntryState.GONE, evidence=Evidence.READ_TWICE)

    action = decide(a_snapshot(CODE, entries=(entry,), read_at=NOW), NOW)

    assert action == Send(1, 10, Kind.ADD)


# Following changes


def test_a_moved_stay_updates_its_entry_in_place() -> None:
    entry = an_entry(CODE)
    moved = a_code(revision=2, ends_at=CODE.ends_at + timedelta(days=1))

    assert decide(a_snapshot(moved, entries=(entry,)), NOW) == Send(1, 10, Kind.UPDATE)


def test_a_new_pin_is_added_before_the_old_entry_goes() -> None:
    old = an_entry(CODE)
    changed = a_code(revision=2, pin=Secret("739015"))
    assert decide(a_snapshot(changed, entries=(old,)), NOW) == Send(1, None, Kind.ADD)

    new = an_entry(changed, id=11, label="Ana new", access_code_id="new")
    assert decide(a_snapshot(changed, entries=(old, new)), NOW) == Send(1, 10, Kind.DELETE)


def test_while_the_new_pin_is_in_doubt_the_old_one_stays() -> None:
    changed = a_code(revision=2, pin=Secret("739015"))
    new = in_doubt(changed, id=11, label="Ana new", evidence_at=NOW)

    action = decide(a_snapshot(changed, entries=(an_entry(CODE), new), read_at=NOW), NOW)

    assert isinstance(action, Wait)


def test_a_code_no_longer_wanted_is_deleted() -> None:
    code = a_code(is_wanted=False)

    assert decide(a_snapshot(code, entries=(an_entry(CODE),)), NOW) == Send(1, 10, Kind.DELETE)


def test_a_code_whose_window_is_over_is_deleted() -> None:
    snapshot = a_snapshot(CODE, entries=(an_entry(CODE),), read_at=CODE.ends_at)

    assert decide(snapshot, CODE.ends_at) == Send(1, 10, Kind.DELETE)


def test_the_end_of_a_window_is_waited_for() -> None:
    late = CODE.ends_at - MINUTE
    snapshot = a_snapshot(CODE, entries=(an_entry(CODE),), read_at=late)

    assert decide(snapshot, late) == Wait(CODE.ends_at)


def test_an_old_door_is_kept_until_the_new_one_is_confirmed() -> None:
    kept = a_code(is_wanted=False, is_kept_until_replaced=True)

    action = decide(a_snapshot(kept, entries=(an_entry(CODE),), read_at=NOW), NOW)

    assert isinstance(action, Wait)
    assert action.until is not None


def test_an_entry_that_was_never_sent_needs_no_removal() -> None:
    code = a_code(is_wanted=False)
    entry = an_entry(code, state=EntryState.MAYBE, evidence=Evidence.NOT_SENT)

    assert isinstance(decide(a_snapshot(code, entries=(entry,)), NOW), Wait)


def test_resync_sends_a_held_entry_once_more_with_the_same_values() -> None:
    code = a_code(reaffirm_after=NOW - MINUTE)
    stale = an_entry(code)
    fresh = an_entry(code, evidence_at=NOW)

    assert decide(a_snapshot(code, entries=(stale,)), NOW) == Send(1, 10, Kind.UPDATE)
    assert isinstance(decide(a_snapshot(code, entries=(fresh,)), NOW), Wait)


def test_resync_reads_the_list_first() -> None:
    code = a_code(resync_at=NOW, reaffirm_after=NOW)

    assert decide(a_snapshot(code, entries=(an_entry(code),)), NOW) == Read((Part.LIST,))


# Order


def test_the_guest_inside_comes_first_then_the_soonest_arrival_then_removals() -> None:
    inside = a_code(id=4, pin=Secret("111922"), arrives_at=NOW - HOUR, starts_at=NOW - 2 * HOUR)
    soon = a_code(id=3, pin=Secret("222933"), arrives_at=ARRIVES - HOUR)
    later = a_code(id=2, pin=Secret("333944"))
    gone = a_code(id=1, pin=Secret("444955"), is_wanted=False)
    staff = a_code(id=5, pin=Secret("555966"), kind=CodeKind.STAFF)
    far = NOW + timedelta(days=90)
    spare = a_code(id=6, pin=Secret("666977"), kind=CodeKind.SPARE, ends_at=far)
    codes = [spare, staff, gone, later, soon, inside]

    order = []
    while codes:
        snapshot = a_snapshot(*codes, entries=(an_entry(gone),), read_at=NOW, spares=1)
        action = decide(snapshot, NOW)
        if not isinstance(action, Send):
            break
        order.append(action.code_id)
        codes = [code for code in codes if code.id != action.code_id]

    assert order == [4, 3, 2, 1, 5, 6]


def test_a_removal_an_arrival_waits_for_gets_the_arrivals_priority() -> None:
    leaving = a_code(id=1, is_wanted=False)
    waiting = a_code(id=2, problem=ProblemKey.PIN_CLASH)
    later = a_code(id=3, pin=Secret("739015"), arrives_at=ARRIVES + HOUR)

    action = decide(a_snapshot(leaving, waiting, later, entries=(an_entry(leaving),)), NOW)

    assert action == Send(1, 10, Kind.DELETE)


# What the pre-flight refuses


def test_a_code_the_lock_would_refuse_costs_no_call() -> None:
    action = decide(a_snapshot(CODE, code_length=4), NOW)

    assert isinstance(action, Refuse)
    assert action.fault.problem is ProblemKey.WRONG_LENGTH


def test_a_refusal_is_said_once() -> None:
    stuck = a_code(is_stuck=True, problem=ProblemKey.WRONG_LENGTH)

    assert isinstance(decide(a_snapshot(stuck, code_length=4), NOW), Wait)


def test_what_the_pre_flight_refused_goes_as_soon_as_it_passes() -> None:
    stuck = a_code(is_stuck=True, problem=ProblemKey.PIN_CLASH)

    assert decide(a_snapshot(stuck, code_length=6), NOW) == Send(1, None, Kind.ADD)


def test_what_the_lock_refused_for_its_length_is_not_sent_again_by_the_rule_it_was_sent_by() -> (
    None
):
    stuck = a_code(is_stuck=True, problem=ProblemKey.WRONG_LENGTH)

    assert isinstance(decide(a_snapshot(stuck, code_length=6), NOW), Wait)


def test_what_asks_a_person_is_not_tried() -> None:
    stuck = a_code(is_stuck=True, problem=ProblemKey.SPLIT_BRAIN)

    assert isinstance(decide(a_snapshot(stuck), NOW), Wait)


def test_a_foreign_codes_digits_are_respected() -> None:
    foreign = (ForeignFacts(label="Cleaner", pin=Secret("482900")),)

    action = decide(a_snapshot(CODE, foreign=foreign), NOW)

    assert isinstance(action, Refuse)
    assert "Cleaner" in action.fault.words


# The ladder


@pytest.mark.parametrize(
    ("ladder", "is_shown", "rung"),
    [
        (0, True, Rung.FRESH_LABEL),
        (1, False, Rung.FRESH_PIN),
        (1, True, Rung.SPLIT_BRAIN),
        (2, False, Rung.SPLIT_BRAIN),
    ],
)
def test_refused_as_in_use_with_no_rival_in_sight_climbs_the_ladder(
    ladder: int, is_shown: bool, rung: Rung
) -> None:
    code = a_code(ladder=ladder, is_pin_shown=is_shown, problem=ProblemKey.ALREADY_IN_USE)
    entry = in_doubt(code, evidence=Evidence.IN_USE, absent_reads=2, absent_at=NOW)

    assert decide(a_snapshot(code, entries=(entry,)), NOW) == Climb(1, 10, rung)


def test_no_rung_is_taken_before_two_reads_show_no_rival() -> None:
    entry = in_doubt(CODE, evidence=Evidence.IN_USE, absent_reads=1, absent_at=NOW - MINUTE)

    assert decide(a_snapshot(CODE, entries=(entry,)), NOW) == Read((Part.LIST,))


def test_in_use_and_listed_is_our_own_and_adopted() -> None:
    entry = in_doubt(CODE, evidence=Evidence.IN_USE, seen_at=NOW, access_code_id="ours")

    action = decide(a_snapshot(CODE, entries=(entry,), read_at=NOW), NOW)

    assert action == Send(1, 10, Kind.UPDATE)


def test_an_update_refused_as_in_use_is_tried_once_more_and_then_the_ladder_is_taken() -> None:
    def after(failures: int) -> Action:
        code = a_code(problem=ProblemKey.ALREADY_IN_USE, failures=failures)
        entry = in_doubt(code, evidence=Evidence.IN_USE, seen_at=NOW, access_code_id="ours")
        return decide(a_snapshot(code, entries=(entry,), read_at=NOW), NOW)

    assert after(1) == Send(1, 10, Kind.UPDATE)
    assert after(2) == Climb(1, 10, Rung.FRESH_LABEL)


def test_codes_that_are_left_out_are_waited_for() -> None:
    at = NOW + timedelta(hours=5)

    assert decide(a_snapshot(read_at=NOW, next_send_at=at), NOW) == Wait(at)


def test_an_entry_given_up_is_not_the_wanted_one_any_more() -> None:
    given_up = in_doubt(CODE, evidence=Evidence.IN_USE, absent_reads=2, is_retired=True)

    assert decide(a_snapshot(CODE, entries=(given_up,)), NOW) == Send(1, None, Kind.ADD)


def test_a_stay_that_is_over_is_never_added() -> None:
    action = decide(a_snapshot(CODE, read_at=DEPARTS), replace(CODE).ends_at + HOUR)

    assert not isinstance(action, Send)
