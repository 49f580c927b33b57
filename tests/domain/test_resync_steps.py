"""A Resync of one door, step by step."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.domain.command import State
from portal.domain.resync import Facts, Progress, Sent, Step, is_shown, steps

PRESSED = datetime(2026, 3, 2, 15, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return PRESSED + timedelta(seconds=seconds)


def told(facts: Facts) -> list[tuple[Step, Progress]]:
    return [(each.step, each.progress) for each in steps(facts)]


def sent(state: State = State.ACCEPTED, **times: datetime) -> Sent:
    values = {"sent_at": None, "accepted_at": None, "closed_at": None} | times
    return Sent(state=state, **values)


def test_first_the_list_is_read_and_the_rest_is_to_come() -> None:
    facts = Facts(pressed_at=PRESSED, ended_at=None, read_at=after(-60))

    assert told(facts) == [
        (Step.READ, Progress.NOW),
        (Step.SENT, Progress.LATER),
        (Step.ACCEPTED, Progress.LATER),
        (Step.CONFIRMED, Progress.LATER),
    ]


def test_a_command_that_was_under_way_is_asked_about_first() -> None:
    facts = Facts(pressed_at=PRESSED, ended_at=None, was_open=True, read_at=None)

    assert told(facts)[:2] == [(Step.ASKED, Progress.NOW), (Step.READ, Progress.LATER)]


def test_what_was_sent_waits_for_schlage_and_then_for_the_lock() -> None:
    facts = Facts(
        pressed_at=PRESSED,
        ended_at=None,
        was_open=True,
        open_closed_at=after(1),
        read_at=after(2),
        sent=sent(sent_at=after(3), accepted_at=after(4)),
    )

    found = steps(facts)

    assert [each.progress for each in found] == [*[Progress.DONE] * 4, Progress.NOW]
    assert [each.at for each in found[:4]] == [after(1), after(2), after(3), after(4)]


@pytest.mark.parametrize(
    ("state", "progress"),
    [
        (State.SUCCEEDED, Progress.DONE),
        (State.FAILED, Progress.FAILED),
        (State.TIMED_OUT, Progress.FAILED),
        (State.UNKNOWN, Progress.FAILED),
    ],
)
def test_only_the_locks_own_success_is_a_confirmation(state: State, progress: Progress) -> None:
    facts = Facts(
        pressed_at=PRESSED,
        ended_at=after(9),
        read_at=after(1),
        sent=sent(state, sent_at=after(2), accepted_at=after(3), closed_at=after(9)),
    )

    assert told(facts)[-1] == (Step.CONFIRMED, progress)


def test_a_refusal_in_schlages_own_answer_was_never_accepted() -> None:
    facts = Facts(
        pressed_at=PRESSED,
        ended_at=after(3),
        read_at=after(1),
        sent=sent(State.FAILED, sent_at=after(2), closed_at=after(3)),
    )

    assert told(facts)[2:] == [(Step.ACCEPTED, Progress.SKIPPED), (Step.CONFIRMED, Progress.FAILED)]


def test_a_resync_that_ended_early_waits_for_nothing() -> None:
    facts = Facts(pressed_at=PRESSED, ended_at=after(5), read_at=after(1))

    assert {progress for _, progress in told(facts)} == {Progress.DONE, Progress.SKIPPED}


def test_it_is_shown_while_it_runs_and_five_minutes_longer() -> None:
    assert not is_shown(None, None, PRESSED)
    assert is_shown(PRESSED, None, after(3600))
    assert is_shown(PRESSED, after(-900), after(3600)), "the end of the Resync before"
    assert is_shown(PRESSED, after(10), after(309))
    assert not is_shown(PRESSED, after(10), after(310))
