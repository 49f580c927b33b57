"""How soon a lock is needed, and how often one that is away is asked whether it is back."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from portal.domain import reach, retry
from portal.domain.command import Kind
from portal.domain.engine import Part, Read, Send, Wait, decide
from portal.domain.entry import EntryState, Evidence
from portal.domain.snapshot import CodeFacts, CodeKind, EntryFacts, Snapshot
from portal.domain.stay import Doubt
from tests.domain.facts import NOW, a_code, a_snapshot, an_entry

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def a_guest(arrives_in: timedelta, **changes: Any) -> CodeFacts:
    arrives = NOW + arrives_in
    return a_code(
        arrives_at=arrives, starts_at=arrives - HOUR, departs_at=arrives + 50 * HOUR,
        ends_at=arrives + 51 * HOUR, retry_at=NOW + HOUR, failures=4, **changes,
    )  # fmt: skip


def away(*codes: CodeFacts, asked: timedelta = timedelta(0), **more: Any) -> Snapshot:
    return a_snapshot(*codes, is_offline=True, asked_at=NOW - asked, **more)


def test_a_wanted_code_matters_at_the_arrival() -> None:
    code = a_guest(5 * HOUR)

    assert needed(code) == 5 * HOUR


@pytest.mark.parametrize(
    ("starts_in", "ends_in", "left"),
    [
        (3 * HOUR, 30 * HOUR, 3 * HOUR),
        (-3 * HOUR, 30 * HOUR, timedelta(0)),
        (-30 * HOUR, -HOUR, retry.NEAR),
    ],
    ids=["opens later", "opens now", "opens no more"],
)
def test_a_code_to_be_removed_matters_while_it_opens_the_door(
    starts_in: timedelta, ends_in: timedelta, left: timedelta
) -> None:
    code = a_code(is_wanted=False, starts_at=NOW + starts_in, ends_at=NOW + ends_in)

    assert needed(code, an_entry(code)) == left
    assert needed(code, an_entry(code, state=EntryState.GONE)) == retry.NEAR


def test_what_was_taken_off_early_matters_while_the_lock_lets_it_in() -> None:
    code = a_code(is_wanted=False, starts_at=NOW - HOUR, ends_at=NOW)
    held = an_entry(code, ends_at=NOW + 50 * HOUR)
    revoked = replace(code, kind=CodeKind.STAFF)
    given = replace(code, kind=CodeKind.SPARE, is_given=True)
    dropped = replace(code, kind=CodeKind.SPARE)

    assert needed(code, held) == needed(revoked, held) == needed(given, held) == timedelta(0)
    assert needed(revoked, an_entry(code, ends_by_itself=False)) == timedelta(0)
    assert needed(dropped, held) == retry.NEAR, "nobody has these digits"


@pytest.mark.parametrize(
    ("arrives_in", "every"),
    [(-5 * HOUR, MINUTE), (HOUR, MINUTE), (2 * HOUR, 15 * MINUTE), (24 * HOUR, 15 * MINUTE)],
)
def test_an_offline_lock_is_asked_the_more_often_the_sooner_it_is_needed(
    arrives_in: timedelta, every: timedelta
) -> None:
    code = a_guest(arrives_in)

    assert reach.next_ask(away(code), NOW) == NOW + every
    assert decide(away(code, asked=every), NOW) == Read((Part.STATE,))


def test_the_guest_who_needs_it_soonest_sets_the_pace() -> None:
    snapshot = away(a_guest(20 * HOUR, id=1), a_guest(-HOUR, id=2))

    assert reach.next_ask(snapshot, NOW) == NOW + MINUTE


def test_a_lock_that_was_never_described_is_asked_at_once() -> None:
    snapshot = a_snapshot(a_guest(HOUR), is_offline=True)

    assert decide(snapshot, NOW) == Read((Part.STATE,))


def test_a_lock_that_schlage_lists_no_more_is_not_called_though_a_guest_waits_for_it() -> None:
    snapshot = a_snapshot(a_guest(HOUR), is_missing=True, is_offline=True, read_wanted_at=NOW)

    assert decide(snapshot, NOW) == Wait(NOW + 30 * MINUTE)


def test_of_a_stay_at_a_missing_lock_the_end_is_not_missed() -> None:
    code = replace(a_guest(-HOUR), ends_at=NOW + MINUTE)

    assert decide(a_snapshot(code, is_missing=True), NOW) == Wait(NOW + MINUTE)


@pytest.mark.parametrize(
    ("before", "lasts", "counted"),
    [
        (0, 0 * HOUR, 1),
        (1, MINUTE, 2),
        (2, 59 * MINUTE, 2),
        (2, HOUR, 3),
        (1, HOUR, 2),
        (3, 9 * HOUR, 3),
    ],
)
def test_it_takes_three_checks_and_an_hour_to_believe_that_a_lock_is_gone(
    before: int, lasts: timedelta, counted: int
) -> None:
    assert reach.missing_checks(before, lasts) == counted


def test_while_asking_fails_it_waits_as_other_reads_do() -> None:
    later = NOW + 4 * MINUTE

    assert decide(away(a_guest(HOUR), asked=HOUR, read_after=later), NOW) == Wait(later)


@pytest.mark.parametrize(
    "snapshot",
    [
        a_snapshot(a_guest(-HOUR), asked_at=NOW - HOUR),
        a_snapshot(a_guest(HOUR, is_wanted=False), asked_at=NOW - 24 * HOUR),
        a_snapshot(a_guest(HOUR, kind=CodeKind.STAFF), asked_at=NOW - 24 * HOUR),
        away(a_guest(48 * HOUR), asked=HOUR),
        away(a_guest(HOUR, send_at=NOW + MINUTE), asked=HOUR),
        away(a_guest(HOUR), entries=(an_entry(a_guest(HOUR)),), asked=HOUR),
        away(a_guest(HOUR, is_wanted=False), asked=HOUR),
    ],
    ids=[
        "the guest has arrived",
        "cancelled",
        "not a guest",
        "not needed soon",
        "not due",
        "confirmed",
        "nothing to remove",
    ],
)
def test_nobody_asks_where_nobody_waits(snapshot: Snapshot) -> None:
    assert reach.next_ask(snapshot, NOW) is None


@pytest.mark.parametrize(
    ("arrives_in", "asked", "next_in"),
    [
        (24 * HOUR, HOUR, 18 * HOUR),
        (3 * HOUR, HOUR, HOUR),
        (HOUR, HOUR / 2, HOUR / 2),
        (HOUR, 2 * HOUR, -HOUR),
    ],
)
def test_a_lock_that_is_thought_to_be_there_is_asked_before_each_arrival(
    arrives_in: timedelta, asked: timedelta, next_in: timedelta
) -> None:
    snapshot = a_snapshot(a_guest(arrives_in), asked_at=NOW - asked)

    assert reach.next_ask(snapshot, NOW) == NOW + next_in


def test_what_has_an_unknown_outcome_is_not_overtaken_by_something_else() -> None:
    code = a_code()
    changed = replace(code, revision=code.revision + 1)
    sent = an_entry(code, unanswered_at=NOW)

    def waits(entry: EntryFacts, of: CodeFacts = changed) -> datetime | None:
        return reach.next_write(a_snapshot(of, entries=(entry,)), of, NOW)

    assert waits(sent) == NOW + reach.ON_ITS_WAY
    assert waits(an_entry(code)) is None
    assert waits(sent, code) is None, "the same dates twice do no harm, in any order"
    assert waits(replace(sent, evidence=Evidence.LEAVING), code) == NOW + reach.ON_ITS_WAY
    assert waits(replace(sent, doubt=Doubt(sent.window, sent.window)), code) is not None
    assert waits(replace(sent, is_retired=True)) is None
    assert waits(sent, replace(changed, is_wanted=False)) is None


def test_a_cancelled_guest_who_could_still_enter_is_worth_asking_for() -> None:
    code = a_guest(-HOUR, is_wanted=False)
    entry = an_entry(code, evidence=Evidence.CONFIRMED)

    assert reach.next_ask(away(code, entries=(entry,)), NOW) == NOW + MINUTE


def needed(code: CodeFacts, *entries: EntryFacts) -> timedelta:
    return reach.needed_in(code, entries, NOW)


def test_nobody_stands_at_the_door_for_a_staff_code_or_a_spare() -> None:
    staff = a_guest(-HOUR, kind=CodeKind.STAFF)
    stock = a_guest(-HOUR, kind=CodeKind.SPARE)
    given = a_guest(-HOUR, kind=CodeKind.SPARE, is_given=True)

    assert needed(staff) == retry.NEAR
    assert needed(stock) == reach.NOT_SOON
    assert needed(given) == needed(a_guest(-HOUR))


# Through an open breaker


def slowed(code: CodeFacts, *entries: EntryFacts, **lock: Any) -> Snapshot:
    until = {"breaker_until": NOW + 40 * MINUTE, "is_slowed": True}
    return a_snapshot(code, entries=entries, **until | lock)


def a_first_try(arrives_in: timedelta, **changes: Any) -> CodeFacts:
    untried = {"retry_at": None, "failures": 0}
    return replace(a_guest(arrives_in), **untried | changes)


def test_the_first_try_of_what_matters_at_the_door_waits_for_no_breaker() -> None:
    arriving = a_first_try(50 * MINUTE)
    cancelled = a_first_try(-5 * HOUR, is_wanted=False)

    assert decide(slowed(arriving), NOW) == Send(arriving.id, None, Kind.ADD)
    assert decide(slowed(cancelled, an_entry(cancelled)), NOW) == Send(
        cancelled.id, 10 * cancelled.id, Kind.DELETE
    )


def test_it_goes_as_soon_as_it_matters_at_the_door() -> None:
    code = a_first_try(80 * MINUTE)

    assert decide(slowed(code), NOW) == Wait(NOW + 20 * MINUTE)


@pytest.mark.parametrize(
    "snapshot",
    [
        slowed(a_first_try(50 * MINUTE, failures=1)),
        slowed(a_first_try(50 * HOUR)),
        slowed(a_first_try(50 * MINUTE), is_slowed=False),
        slowed(a_first_try(50 * HOUR), is_offline=True, asked_at=NOW),
    ],
    ids=["tried before", "not needed soon", "Schlage asked for a pause", "known to be offline"],
)
def test_all_else_waits_for_the_breaker(snapshot: Snapshot) -> None:
    assert decide(snapshot, NOW) == Wait(NOW + 40 * MINUTE)
