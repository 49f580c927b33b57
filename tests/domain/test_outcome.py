"""What an outcome teaches about its entry, and about trying again."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.command import OPEN, Kind, State
from portal.domain.entry import EntryState, Evidence
from portal.domain.outcome import (
    DENIALS,
    EntryChange,
    Outcome,
    UnansweredAdd,
    Written,
    adds_elsewhere,
    dates_on_lock,
    entry_after,
    entry_when_sent,
    is_done,
    is_stuck_after,
    problem_of,
)
from portal.domain.problems import ProblemKey
from portal.domain.stay import Doubt, Window

CLOSED = sorted(set(State) - OPEN)
SENT = Written(state=EntryState.MAYBE, evidence=Evidence.SENT, evidence_command_id=7)
HELD = Written(state=EntryState.HELD, evidence=Evidence.CONFIRMED, evidence_command_id=7)
DELETED = Written(state=EntryState.GONE, evidence=Evidence.DELETED, evidence_command_id=7)


def after(
    entry: Written,
    kind: Kind,
    state: State,
    problem: ProblemKey | None = None,
    command_id: int = 7,
    was_sent: bool = True,
) -> tuple[EntryState, Evidence] | None:
    change = entry_after(
        entry,
        Outcome(command_id=command_id, kind=kind, state=state, problem=problem, was_sent=was_sent),
    )
    return (change.state, change.evidence) if change else None


def test_what_was_held_is_in_doubt_as_soon_as_its_removal_is_sent() -> None:
    change = entry_when_sent(HELD, Kind.DELETE)

    assert change == EntryChange(state=EntryState.MAYBE, evidence=Evidence.LEAVING)
    assert entry_when_sent(HELD, Kind.UPDATE) is None, "held until an update is known to be done"
    assert entry_when_sent(SENT, Kind.DELETE) is None, "in doubt already, and why matters more"


def test_a_denied_id_proves_nothing_of_another_add_without_an_answer() -> None:
    beside = replace(SENT, unanswered_adds=2, adds_elsewhere=1)

    for entry, means in ((SENT, ("gone", "id_unknown")), (beside, ("maybe", "denied"))):
        assert after(entry, Kind.DELETE, State.FAILED, ProblemKey.CODE_ID_NOT_FOUND) == means
    assert after(beside, Kind.DELETE, State.SUCCEEDED) == ("gone", "deleted")


FIRST_ADD, NEXT_ADD = (
    UnansweredAdd(command_id, datetime(2026, 3, 2, hour, tzinfo=UTC))
    for command_id, hour in ((3, 10), (6, 12))
)
BEFORE, BETWEEN = (datetime(2026, 3, 2, hour, tzinfo=UTC) for hour in (9, 11))


@pytest.mark.parametrize(
    ("adds", "seen_at", "denied_by", "elsewhere"),
    [
        pytest.param([], BETWEEN, 4, 0, id="none"),
        pytest.param([FIRST_ADD], None, None, 1, id="never-listed"),
        pytest.param([FIRST_ADD], BEFORE, None, 1, id="an-id-from-before-it"),
        pytest.param([FIRST_ADD], BETWEEN, None, 0, id="listed-since"),
        pytest.param([FIRST_ADD], BETWEEN, 2, 1, id="an-id-denied-before-it"),
        pytest.param([FIRST_ADD], BETWEEN, 4, 0, id="an-id-denied-since"),
        pytest.param([FIRST_ADD, NEXT_ADD], BETWEEN, None, 1, id="two"),
        pytest.param([FIRST_ADD, NEXT_ADD], BETWEEN, 4, 1, id="two-and-denied-between"),
        pytest.param([FIRST_ADD, NEXT_ADD], BEFORE, 4, 2, id="two-and-never-listed"),
    ],
)
def test_an_add_without_an_answer_may_be_there_under_another_id_than_the_one_known(
    adds: list[UnansweredAdd], seen_at: datetime | None, denied_by: int | None, elsewhere: int
) -> None:
    assert adds_elsewhere(adds, seen_at, denied_by) == elsewhere


@pytest.mark.parametrize("evidence", [Evidence.DELETED, Evidence.ID_UNKNOWN])
def test_what_is_added_after_it_was_taken_off_gets_another_id(evidence: Evidence) -> None:
    change = entry_when_sent(replace(HELD, state=EntryState.GONE, evidence=evidence), Kind.ADD)

    assert change is not None
    assert change.drops_ids


def test_what_is_added_again_because_no_list_shows_it_may_be_there_under_the_id_it_had() -> None:
    vanished = replace(HELD, state=EntryState.GONE, evidence=Evidence.READ_TWICE)
    denied = replace(HELD, state=EntryState.MAYBE, evidence=Evidence.ID_UNKNOWN, is_ghost=True)

    for entry in (vanished, denied):
        change = entry_when_sent(entry, Kind.ADD)
        assert change is not None
        assert not change.drops_ids


@pytest.mark.parametrize("kind", [Kind.ADD, Kind.UPDATE])
def test_a_late_success_of_what_was_removed_since_proves_nothing(kind: Kind) -> None:
    leaving = Written(state=EntryState.MAYBE, evidence=Evidence.LEAVING, evidence_command_id=8)

    assert after(leaving, kind, State.SUCCEEDED, command_id=7) is None
    assert after(leaving, Kind.UPDATE, State.SUCCEEDED, command_id=9) == ("held", "confirmed")


def test_a_successful_add_or_update_is_held() -> None:
    assert after(SENT, Kind.ADD, State.SUCCEEDED) == ("held", "confirmed")
    assert after(HELD, Kind.UPDATE, State.SUCCEEDED) == ("held", "confirmed")


@pytest.mark.parametrize("state", [State.TIMED_OUT, State.UNKNOWN])
def test_an_add_whose_outcome_is_unknown_leaves_a_maybe(state: State) -> None:
    assert after(SENT, Kind.ADD, state) == ("maybe", "sent")


def test_an_add_that_never_left_is_certainly_not_there() -> None:
    change = after(SENT, Kind.ADD, State.FAILED, ProblemKey.SCHLAGE_OUTAGE, was_sent=False)

    assert change == ("gone", "refused")


def test_an_add_refused_as_in_use_is_ours_until_proven_otherwise() -> None:
    assert after(SENT, Kind.ADD, State.FAILED, ProblemKey.ALREADY_IN_USE) == ("maybe", "in_use")


def test_an_update_refused_as_in_use_says_nothing_of_an_entry_that_is_held() -> None:
    refused = (Kind.UPDATE, State.FAILED, ProblemKey.ALREADY_IN_USE)

    assert after(SENT, *refused) == ("maybe", "in_use")
    assert after(HELD, *refused) is None


@pytest.mark.parametrize(
    "problem", [ProblemKey.WRONG_LENGTH, ProblemKey.LOCK_FULL, ProblemKey.RATE_LIMITED]
)
def test_an_add_refused_for_certain_need_not_be_read_for(problem: ProblemKey) -> None:
    assert after(SENT, Kind.ADD, State.FAILED, problem) == ("gone", "refused")


@pytest.mark.parametrize("was_sent", [True, False])
@pytest.mark.parametrize(
    "before", [replace(SENT, unanswered_adds=1), replace(SENT, has_former_id=True)]
)
def test_an_add_refused_says_nothing_of_what_was_sent_before_it(
    before: Written, was_sent: bool
) -> None:
    refused = (Kind.ADD, State.FAILED, ProblemKey.RATE_LIMITED)

    assert after(before, *refused, was_sent=was_sent) == ("maybe", "sent")


FIRST, SECOND = (
    Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, day, tzinfo=UTC)) for day in (9, 5)
)


def test_dates_that_no_list_shows_may_be_on_the_lock_all_the_same() -> None:
    unseen = Written(state=EntryState.GONE, evidence=Evidence.READ_TWICE, evidence_command_id=7)
    known = Doubt(FIRST, FIRST).with_also(SECOND)

    for entry in (SENT, HELD, unseen):
        assert dates_on_lock(entry, FIRST, None) == Doubt(FIRST, FIRST)
        assert dates_on_lock(entry, SECOND, known) == known


@pytest.mark.parametrize(
    ("state", "evidence"),
    [
        (EntryState.MAYBE, Evidence.NOT_SENT),
        (EntryState.GONE, Evidence.REFUSED),
        (EntryState.GONE, Evidence.DELETED),
        (EntryState.GONE, Evidence.LIST_EMPTY),
        (EntryState.GONE, Evidence.WINDOW_OVER),
    ],
)
def test_what_was_never_there_or_is_proven_off_leaves_no_dates(
    state: EntryState, evidence: Evidence
) -> None:
    off = Written(state=state, evidence=evidence, evidence_command_id=7)

    assert dates_on_lock(off, FIRST, Doubt(FIRST, FIRST)) is None


@pytest.mark.parametrize(
    "problem", [ProblemKey.SCHEDULE_NOT_VALID, ProblemKey.NACK, ProblemKey.UNKNOWN]
)
def test_an_add_refused_for_a_reason_that_has_lied_before_is_verified(
    problem: ProblemKey,
) -> None:
    assert after(SENT, Kind.ADD, State.FAILED, problem) == ("maybe", "sent")


@pytest.mark.parametrize("problem", sorted(DENIALS))
def test_a_denied_delete_is_done_and_a_denied_update_is_a_ghost(problem: ProblemKey) -> None:
    assert after(HELD, Kind.DELETE, State.FAILED, problem) == ("gone", "id_unknown")
    change = entry_after(
        HELD, Outcome(command_id=8, kind=Kind.UPDATE, state=State.FAILED, problem=problem)
    )
    assert change == EntryChange(
        state=EntryState.MAYBE, evidence=Evidence.ID_UNKNOWN, is_ghost=True
    )


@pytest.mark.parametrize("problem", sorted(DENIALS))
def test_a_denied_delete_of_what_had_another_id_goes_on_with_that_one(problem: ProblemKey) -> None:
    listed = replace(SENT, has_former_id=True)
    former = replace(listed, is_ghost=True)
    denied = Outcome(command_id=8, kind=Kind.DELETE, state=State.FAILED, problem=problem)
    leaving = EntryChange(state=EntryState.MAYBE, evidence=Evidence.LEAVING, is_ghost=True)

    assert entry_after(listed, denied) == leaving
    assert entry_after(former, denied) == replace(leaving, drops_former_id=True)
    assert after(replace(SENT, is_ghost=True), Kind.DELETE, State.FAILED, problem) == (
        "gone",
        "id_unknown",
    )
    assert after(former, Kind.DELETE, State.SUCCEEDED) == ("gone", "deleted")


@pytest.mark.parametrize("kind", [Kind.UPDATE, Kind.DELETE])
@pytest.mark.parametrize("state", [State.TIMED_OUT, State.UNKNOWN, State.SUPERSEDED])
def test_an_update_or_delete_without_outcome_is_simply_repeated(kind: Kind, state: State) -> None:
    assert after(HELD, kind, state) is None


@pytest.mark.parametrize(
    ("kind", "state", "problem"),
    [
        (Kind.ADD, State.SUCCEEDED, None),
        (Kind.UPDATE, State.SUCCEEDED, None),
        (Kind.UPDATE, State.FAILED, ProblemKey.CODE_ID_NOT_FOUND),
        (Kind.DELETE, State.SUCCEEDED, None),
        (Kind.DELETE, State.FAILED, ProblemKey.USER_NOT_FOUND),
    ],
)
def test_news_of_an_older_command_is_no_news(
    kind: Kind, state: State, problem: ProblemKey | None
) -> None:
    assert after(HELD, kind, state, problem, command_id=3) is None
    assert after(HELD, kind, state, problem) is not None, "of the newest command it is news"


def test_a_late_success_proves_an_entry_we_were_not_sure_of() -> None:
    assert after(SENT, Kind.ADD, State.SUCCEEDED, command_id=3) == ("held", "confirmed")


def test_what_was_deleted_does_not_come_back_by_a_late_success() -> None:
    assert after(DELETED, Kind.ADD, State.SUCCEEDED) is None
    assert after(DELETED, Kind.UPDATE, State.SUCCEEDED, command_id=9) is None


@given(
    st.builds(
        Written,
        state=st.sampled_from(EntryState),
        evidence=st.sampled_from(Evidence),
        evidence_command_id=st.none() | st.integers(1, 20),
    ),
    st.builds(
        Outcome,
        command_id=st.integers(1, 20),
        kind=st.sampled_from(Kind),
        state=st.sampled_from(CLOSED),
        problem=st.none() | st.sampled_from(ProblemKey),
        was_sent=st.booleans(),
    ),
)
def test_only_a_success_makes_an_entry_held(entry: Written, outcome: Outcome) -> None:
    change = entry_after(entry, outcome)

    if change is not None and change.state is EntryState.HELD:
        assert outcome.state is State.SUCCEEDED
        assert outcome.kind in {Kind.ADD, Kind.UPDATE}
        assert change.takes_values
    if change is not None and change.state is EntryState.GONE and outcome.kind is Kind.ADD:
        assert outcome.state is State.FAILED


def test_done_is_a_success_or_a_delete_of_what_is_not_there() -> None:
    for kind, state in itertools.product(Kind, CLOSED):
        plain = Outcome(command_id=1, kind=kind, state=state, problem=None)
        assert is_done(plain) is (state is State.SUCCEEDED)
    denied = {"command_id": 1, "state": State.FAILED, "problem": ProblemKey.USER_NOT_FOUND}
    assert is_done(Outcome(kind=Kind.DELETE, **denied))
    assert not is_done(Outcome(kind=Kind.UPDATE, **denied))


@pytest.mark.parametrize(
    ("state", "named", "problem"),
    [
        (State.TIMED_OUT, None, ProblemKey.COMMAND_TIMEOUT),
        (State.TIMED_OUT, ProblemKey.UNKNOWN, ProblemKey.COMMAND_TIMEOUT),
        (State.UNKNOWN, None, ProblemKey.OUTCOME_UNKNOWN),
        (State.UNKNOWN, ProblemKey.SCHEDULE_NOT_VALID, ProblemKey.SCHEDULE_NOT_VALID),
        (State.FAILED, None, ProblemKey.UNKNOWN),
        (State.FAILED, ProblemKey.NACK, ProblemKey.NACK),
        (State.SUCCEEDED, None, None),
    ],
)
def test_an_outcome_without_words_still_has_a_name(
    state: State, named: ProblemKey | None, problem: ProblemKey | None
) -> None:
    assert problem_of(state, named) is problem


def test_silence_of_a_lock_known_offline_is_called_offline() -> None:
    assert problem_of(State.TIMED_OUT, None, is_offline=True) is ProblemKey.LOCK_OFFLINE


@pytest.mark.parametrize(
    ("problem", "failures", "stuck"),
    [
        (ProblemKey.COMMAND_TIMEOUT, 500, False),
        (ProblemKey.NACK, 500, False),
        (ProblemKey.OUTCOME_UNKNOWN, 500, False),
        (ProblemKey.SCHEDULE_NOT_VALID, 1, False),
        (ProblemKey.SCHEDULE_NOT_VALID, 2, True),
        (ProblemKey.WRONG_LENGTH, 1, False),
        (ProblemKey.WRONG_LENGTH, 2, True),
        (ProblemKey.NO_PERMISSION, 1, True),
    ],
)
def test_what_cannot_improve_asks_a_person_and_what_can_never_stops(
    problem: ProblemKey, failures: int, stuck: bool
) -> None:
    assert is_stuck_after(Kind.ADD, problem, failures) is stuck
    assert not is_stuck_after(Kind.DELETE, problem, failures), "a removal is never given up"


@pytest.mark.parametrize(("failures", "is_stuck"), [(1, False), (3, False), (4, True)])
def test_an_error_that_names_a_refusal_is_believed_later_than_a_refusal(
    failures: int, is_stuck: bool
) -> None:
    problem = ProblemKey.SCHEDULE_NOT_VALID

    assert is_stuck_after(Kind.UPDATE, problem, failures, is_certain=False) is is_stuck
    assert is_stuck_after(Kind.UPDATE, problem, failures) is (failures > 1)
