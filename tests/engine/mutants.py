"""Bugs to plant: each changes one function or constant of the product, for one test.

They are the mistakes of designs that were measured to lock guests out, and some that a tired
person would make here. No product code knows of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from benchmarks.stage import Stage
from portal import clock
from portal.domain import (
    command,
    engine,
    intake,
    intake_match,
    outcome,
    preflight,
    reading,
    retry,
    snapshot,
)
from portal.domain.command import Event, Kind, State
from portal.domain.entry import EntryState, Evidence
from portal.domain.outcome import EntryChange, Outcome, Written
from portal.domain.snapshot import CodeFacts, EntryFacts, Snapshot
from portal.domain.standing import Standing
from portal.domain.status import Status
from portal.models import Command, DoorCode, Lock
from portal.schlage.client import SchlageClient
from portal.services import (
    commands,
    inbox,
    leases,
    outcomes,
    pins,
    ringing,
    sending,
    standings,
    webhooks,
)
from portal.services.leases import Lease
from portal.services.outcomes import News
from portal.unit_of_work import writing

Plant = Callable[[pytest.MonkeyPatch, Stage], None]


@dataclass(frozen=True)
class Mutant:
    """A bug, the story (of `stories`, or `replay`) that gives it its chance, and what it breaks."""

    plant: Plant
    story: str
    caught_by: str
    """Words of the finding that must be among those of the trial."""


def no_sweep(patch: pytest.MonkeyPatch, stage: Stage) -> None:
    """The clock is dead, and only rings that are heard get anything done."""
    patch.setattr(stage, "_next_due", lambda: None)
    patch.setattr(stage, "_sweep_what_is_due", lambda: None)


def a_time_out_is_a_failure(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    real = outcome._after_add

    def after_add(entry: Written, result: Outcome) -> EntryChange | None:
        if result.state in command.UNCERTAIN:
            return EntryChange(state=EntryState.GONE, evidence=Evidence.REFUSED)
        return real(entry, result)

    patch.setattr(outcome, "_after_add", after_add)


def three_tries_and_no_more(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    patch.setattr(outcomes, "is_stuck_after", lambda _kind, _problem, failures, **_: failures >= 3)


def a_retry_takes_a_new_pin(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    real = outcomes._teach_code

    def teach(session: Session, sent: Command, code: DoorCode, *rest: Any) -> None:
        real(session, sent, code, *rest)
        if code.failures:
            pins.choose_anew(session, code, clock.now())

    patch.setattr(outcomes, "_teach_code", teach)


def the_call_comes_before_its_row(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    def send(client: SchlageClient, lease: Lease, device_id: str, row_id: int) -> None:
        with writing() as session:
            call = sending._call(session, client, device_id, session.get_one(Command, row_id))
        schlage_id = call()
        with writing() as session:
            commands.claim(session, lease, row_id)
            commands.accept(session, row_id, schlage_id)

    patch.setattr(sending, "send", send)


def a_webhook_for_an_unknown_id_is_dropped(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    patch.setattr(webhooks, "PARKED_FOR", timedelta(days=-1))


def webhooks_are_not_deduplicated(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    real = inbox.insert_unless_there
    stored: list[int | None] = []

    def insert(session: Session, model: Any, *, event_id: str, **values: Any) -> int | None:
        stored.append(real(session, model, event_id=f"{event_id}/{len(stored)}", **values))
        return stored[-1]

    patch.setattr(inbox, "insert_unless_there", insert)


def a_state_moves_backwards(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    patch.setitem(command.TRANSITIONS, (State.SUCCEEDED, Event.FAILED), State.FAILED)  # type: ignore[arg-type]


def a_stay_is_known_by_its_uid_alone(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    def rank(stay: Any, _mine: Any, event: Any, _theirs: Any, _poll: Any) -> int | None:
        return 0 if stay.uid == event.uid else None

    patch.setattr(intake_match, "_rank", rank)


def an_empty_calendar_is_believed(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    patch.setattr(intake, "_newly_held", lambda *_: [])
    patch.setattr(intake, "POLLS_TO_BELIEVE", 1)
    patch.setattr(intake, "TIME_TO_BELIEVE", timedelta(0))


def a_lease_has_no_token(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    real = commands.claim

    def claim(session: Session, lease: Lease, row_id: int) -> Command:
        present = select(Lock.lease_token).where(Lock.id == lease.lock_id)
        return real(session, replace(lease, token=session.scalars(present).one()), row_id)

    patch.setattr(commands, "claim", claim)


def a_removal_lives_only_in_its_ring(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    def mark(session: Session, lock_ids: Any) -> None:
        session.info.setdefault(ringing._MARKED, set()).update(lock_ids)

    patch.setattr(ringing, "mark", mark)


def what_the_list_shows_is_green(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    real = reading._seen

    def seen(
        entry: EntryFacts, code: CodeFacts | None, line: reading.Listed, now: datetime
    ) -> reading.Sighting | None:
        sighting = real(entry, code, line, now)
        if sighting is None or entry.state is not EntryState.MAYBE:
            return sighting
        return replace(sighting, state=EntryState.HELD, evidence=Evidence.CONFIRMED)

    patch.setattr(reading, "_seen", seen)


def accepted_is_green(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    real = commands.accept

    def accept(session: Session, row_id: int, schlage_id: str) -> None:
        real(session, row_id, schlage_id)
        commands.settle(session, row_id, News(event=Event.SUCCEEDED, by="answer"))

    patch.setattr(commands, "accept", accept)


def the_old_entry_goes_before_the_new_one_is_held(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    real = engine._wanted_steps

    def steps(facts: Snapshot, code: CodeFacts, now: datetime) -> Iterator[engine._Step]:
        entries = facts.entries_of(code)
        for entry in entries:
            is_old = entry is not snapshot.wanted_entry(code, entries)
            if is_old and entry.may_be_on_lock and entry.access_code_id is not None:
                yield _first(now, code, entry)
        yield from real(facts, code, now)

    patch.setattr(engine, "_wanted_steps", steps)


def resync_deletes_and_adds(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    real = engine._held_steps

    def steps(code: CodeFacts, entry: EntryFacts, *rest: Any) -> Iterator[engine._Step]:
        if engine._must_reaffirm(code, entry):
            yield _first(clock.now(), code, entry)
        else:
            yield from real(code, entry, *rest)

    patch.setattr(engine, "_held_steps", steps)


def _first(now: datetime, code: CodeFacts, entry: EntryFacts) -> engine._Step:
    return engine._Step(now, (-1, now, code.id), engine.Send(code.id, entry.id, Kind.DELETE))


def a_removal_needs_no_proof(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    real = standings.standing_of

    def standing(facts: Snapshot, code: CodeFacts, now: datetime) -> Standing:
        return real(facts, code, now) if code.wants(now) else Standing(Status.REMOVED, None)

    patch.setattr(standings, "standing_of", standing)


def one_read_proves_absence(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    patch.setattr(reading, "READS_TO_BELIEVE", 1)


def a_wait_has_no_deadline(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    real = leases.release

    def release(session: Session, lease: Lease, _due_at: datetime | None) -> bool:
        return real(session, lease, None)

    patch.setattr(leases, "release", release)


def new_dates_need_no_new_write(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    patch.setattr(snapshot, "is_written_as_wanted", lambda _code, _entry: True)


def an_update_in_doubt_leaves_no_doubt(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    patch.setattr(outcomes, "_doubt", lambda _entry, _command: None)


def digits_are_given_twice(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    patch.setattr(pins, "taken_on", lambda *_args, **_named: set())
    patch.setattr(preflight, "_clash", lambda *_: None)


def retries_have_no_patience(patch: pytest.MonkeyPatch, _stage: Stage) -> None:
    patch.setattr(retry, "delay", lambda *_: timedelta(minutes=3))


REPLAY: Final = "replay"
MUTANTS: Final = {
    mutant.plant.__name__: mutant
    for mutant in (
        Mutant(no_sweep, "a_ring_is_lost", "avoidable_lockouts is 1"),
        Mutant(a_time_out_is_a_failure, "cancelled_while_in_doubt", "shown as removed"),
        Mutant(three_tries_and_no_more, "the_lock_is_offline", "avoidable_lockouts is 1"),
        Mutant(a_retry_takes_a_new_pin, "commands_time_out", "pins_changed_after_told is"),
        Mutant(the_call_comes_before_its_row, "webhooks_come_twice", "without a row"),
        Mutant(a_webhook_for_an_unknown_id_is_dropped, "webhooks_come_early", "to converge"),
        Mutant(webhooks_are_not_deduplicated, "webhooks_come_twice", "is stored 2 times"),
        Mutant(a_state_moves_backwards, "old_news_comes_late", "from succeeded to failed"),
        Mutant(a_stay_is_known_by_its_uid_alone, REPLAY, "reissued_at_midnight is"),
        Mutant(an_empty_calendar_is_believed, REPLAY, "mass_removals is"),
        Mutant(a_lease_has_no_token, "a_worker_sleeps_before_its_call", "a lease that was lost"),
        Mutant(a_removal_lives_only_in_its_ring, "a_ring_for_a_removal_is_lost", "stale_over_15"),
        Mutant(what_the_list_shows_is_green, "only_the_server_lists_it", "wrong_green is"),
        Mutant(accepted_is_green, "commands_time_out", "wrong_green is"),
        Mutant(
            the_old_entry_goes_before_the_new_one_is_held,
            "the_guest_inside_gets_a_new_pin",
            "was locked out",
        ),
        Mutant(resync_deletes_and_adds, "resync_is_pressed_for_the_guest_inside", "was locked out"),
        Mutant(a_removal_needs_no_proof, "the_removal_times_out", "shown as removed"),
        Mutant(one_read_proves_absence, "a_list_leaves_it_out", "are enough"),
        Mutant(a_wait_has_no_deadline, "commands_time_out", "waits for nothing"),
        Mutant(new_dates_need_no_new_write, "the_stay_gets_longer", "wrong_green is"),
        Mutant(
            an_update_in_doubt_leaves_no_doubt,
            "the_stay_moves_there_and_back",
            "is ready, and door code",
        ),
        Mutant(digits_are_given_twice, "two_guests_want_the_same_digits", "same first digits"),
        Mutant(retries_have_no_patience, "the_lock_is_offline", "are enough"),
    )
}
