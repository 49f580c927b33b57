"""Whatever the rows say, the engine has an answer, and never one that spins."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.domain import preflight, reading, spare
from portal.domain.command import OPEN, Event, Kind, State
from portal.domain.engine import (
    Climb,
    Close,
    DropSpare,
    LookUp,
    MakeSpare,
    Read,
    Refuse,
    RenewSpare,
    Send,
    Wait,
    decide,
)
from portal.domain.entry import EntryState, Evidence
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.snapshot import (
    CodeFacts,
    CodeKind,
    CommandFacts,
    EntryFacts,
    ForeignFacts,
    LockFacts,
    Snapshot,
    is_held_as_wanted,
    wanted_entry,
)
from portal.domain.standing import standing_of
from portal.domain.status import Status
from tests.domain.facts import NOW, PACE, a_code, a_snapshot, an_entry

# The same hundred every time, however slow the machine; `make test-deep` draws anew.
SHARE = settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

moments = st.integers(-20_000, 20_000).map(lambda minutes: NOW + timedelta(minutes=minutes))
maybe = st.none() | moments
pins = st.sampled_from(["482917", "482955", "7390", "111111", "30741968"]).map(Secret)


@st.composite
def codes(draw: st.DrawFn, number: int) -> CodeFacts:
    starts_at = draw(moments)
    ends_at = starts_at + draw(st.timedeltas(timedelta(hours=-2), timedelta(days=9)))
    return CodeFacts(
        id=number,
        kind=draw(st.sampled_from(CodeKind)),
        is_wanted=draw(st.booleans()),
        revision=draw(st.integers(1, 3)),
        pin=draw(st.none() | pins),
        starts_at=starts_at,
        ends_at=ends_at,
        arrives_at=starts_at + timedelta(hours=1),
        departs_at=ends_at - timedelta(hours=1),
        send_at=starts_at - timedelta(days=7),
        retry_at=draw(maybe),
        failures=draw(st.integers(0, 5)),
        problem=draw(st.none() | st.sampled_from(ProblemKey)),
        is_stuck=draw(st.booleans()),
        ladder=draw(st.integers(0, 3)),
        is_pin_shown=draw(st.booleans()),
        reaffirm_after=draw(maybe),
        resync_at=draw(st.none() | moments.filter(lambda at: at <= NOW)),
        is_kept_until_replaced=draw(st.booleans()),
        is_given=draw(st.booleans()),
    )


@st.composite
def entries(draw: st.DrawFn, number: int, code: CodeFacts) -> EntryFacts:
    past = moments.filter(lambda at: at <= NOW)
    is_same = draw(st.booleans())
    return EntryFacts(
        id=number,
        code_id=code.id,
        label=f"Ana {number}",
        pin=draw(pins) if code.pin is None or not is_same else code.pin,
        starts_at=code.starts_at if is_same else draw(moments),
        ends_at=code.ends_at if is_same else draw(moments),
        revision=draw(st.integers(1, 3)),
        access_code_id=draw(st.none() | st.just(f"id-{number}")),
        state=draw(st.sampled_from(EntryState)),
        evidence=draw(st.sampled_from(Evidence)),
        evidence_at=draw(past),
        is_retired=draw(st.booleans()),
        is_ghost=draw(st.booleans()),
        seen_at=draw(st.none() | past),
        absent_reads=draw(st.integers(0, 2)),
        absent_at=draw(st.none() | past),
    )


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    some = [draw(codes(number)) for number in range(1, draw(st.integers(0, 4)) + 1)]
    held = []
    for code in some:
        for _ in range(draw(st.integers(0, 3))):
            held.append(draw(entries(len(held) + 1, code)))
    past = moments.filter(lambda at: at <= NOW)
    command = st.builds(
        CommandFacts,
        id=st.just(100),
        kind=st.sampled_from([Kind.ADD, Kind.UPDATE, Kind.DELETE]),
        state=st.sampled_from(sorted(OPEN)),
        entry_id=st.none() | st.integers(1, 8),
        look_at=maybe,
    )
    return Snapshot(
        lock=LockFacts(
            id=1,
            can_call=draw(st.booleans()),
            is_missing=draw(st.booleans()),
            call_after=draw(maybe),
            code_length=draw(st.sampled_from([None, 4, 6])),
            has_vlac=draw(st.booleans()),
            breaker_until=draw(maybe),
            is_slowed=draw(st.booleans()),
            read_at=draw(st.none() | past),
            read_after=draw(maybe),
            read_wanted_at=draw(maybe),
            unknown_at=draw(st.none() | past),
            foreign_count=draw(st.sampled_from([0, 1, 94, 99, 100])),
            spares=draw(st.integers(0, 3)),
        ),
        pace=PACE,
        codes=tuple(some),
        entries=tuple(held),
        command=draw(st.none() | command),
        foreign=draw(
            st.lists(
                st.builds(ForeignFacts, label=st.just("Cleaner"), pin=st.none() | pins), max_size=2
            ).map(tuple)
        ),
    )


@SHARE
@given(snapshots())
def test_there_is_always_an_answer_and_a_wait_always_lies_in_the_future(
    snapshot: Snapshot,
) -> None:
    action = decide(snapshot, NOW)

    if isinstance(action, Wait):
        assert action.until is None or action.until > NOW


@SHARE
@given(snapshots())
def test_nothing_is_sent_while_a_command_is_open_or_schlage_is_out_of_reach(
    snapshot: Snapshot,
) -> None:
    action = decide(snapshot, NOW)

    if snapshot.command is not None:
        assert isinstance(action, LookUp | Close | Wait)
    elif _is_out_of_reach(snapshot.lock):
        assert isinstance(action, Wait)


def _is_out_of_reach(lock: LockFacts) -> bool:
    is_in_outage = lock.call_after is not None and lock.call_after > NOW
    return not lock.can_call or lock.is_missing or is_in_outage


@SHARE
@given(snapshots())
def test_what_is_sent_closes_the_gap_and_nothing_else(snapshot: Snapshot) -> None:
    action = decide(snapshot, NOW)

    if not isinstance(action, Send):
        return
    code = next(c for c in snapshot.codes if c.id == action.code_id)
    entry = next((e for e in snapshot.entries if e.id == action.entry_id), None)
    breaker = snapshot.lock.breaker_until
    is_first_try = snapshot.lock.is_slowed and code.failures == 0
    assert breaker is None or breaker <= NOW or is_first_try
    assert code.retry_at is None or code.retry_at <= NOW
    if action.kind is Kind.DELETE:
        assert entry is not None
        assert entry.access_code_id is not None
        wanted = wanted_entry(code, snapshot.entries_of(code)) if code.wants(NOW) else None
        assert entry is not wanted, "what is wanted is never deleted"
        if code.wants(NOW):
            assert is_held_as_wanted(code, wanted), "the new one is confirmed first"
    else:
        assert code.wants(NOW)
        assert entry is None or entry.pin == code.pin
    if action.kind is Kind.ADD and entry is not None:
        is_ghost = entry.is_ghost and entry.evidence is Evidence.ID_UNKNOWN
        assert not entry.may_be_on_lock or is_ghost, "an add in doubt is verified first"


@SHARE
@given(snapshots())
def test_green_is_only_what_the_lock_confirmed(snapshot: Snapshot) -> None:
    for code in snapshot.codes:
        standing = standing_of(snapshot, code, NOW)
        held = snapshot.entries_of(code)
        if standing.status is Status.CONFIRMED:
            assert is_held_as_wanted(code, wanted_entry(code, held))
        if standing.status is Status.REMOVED:
            assert not any(entry.may_be_on_lock for entry in held)


@SHARE
@given(snapshots())
def test_a_read_that_is_taken_is_not_wanted_again_at_once(snapshot: Snapshot) -> None:
    """Else a lock would read its list without end."""
    at = reading.next_read(snapshot, NOW)
    if at is None or at > NOW:
        return
    done = replace(snapshot, lock=replace(snapshot.lock, read_at=NOW, read_after=None))
    judged = reading.judge(done.entries, done.codes, [], PACE, NOW)
    news = {sighting.entry_id: sighting for sighting in judged.sightings}
    learnt = []
    for entry in done.entries:
        seen = news.get(entry.id)
        learnt.append(
            entry
            if seen is None
            else replace(
                entry,
                absent_reads=seen.absent_reads,
                absent_at=seen.absent_at,
                state=seen.state or entry.state,
                evidence=seen.evidence or entry.evidence,
            )
        )

    again = reading.next_read(replace(done, entries=tuple(learnt)), NOW)

    assert again is None or again > NOW


@SHARE
@given(snapshots())
def test_only_spares_that_nobody_was_given_are_dropped_or_renewed(snapshot: Snapshot) -> None:
    action = decide(snapshot, NOW)

    if isinstance(action, DropSpare | RenewSpare):
        code = next(c for c in snapshot.codes if c.id == action.code_id)
        assert code.kind is CodeKind.SPARE
        assert not code.is_given
        assert code.wants(NOW)
    if isinstance(action, MakeSpare):
        stock = [c for c in snapshot.codes if spare.is_in_stock(c, NOW)]
        assert len(stock) < snapshot.lock.spares


@SHARE
@given(snapshots())
def test_a_spare_just_made_is_not_dropped_at_once(snapshot: Snapshot) -> None:
    """Else a lock would make and drop spares without end."""
    if not isinstance(decide(snapshot, NOW), MakeSpare):
        return
    window = spare.window_from(NOW)
    made = CodeFacts(
        id=99,
        kind=CodeKind.SPARE,
        pin=Secret("604173"),
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        arrives_at=window.starts_at,
        departs_at=window.ends_at,
        send_at=NOW,
    )

    assert decide(replace(snapshot, codes=(*snapshot.codes, made)), NOW) != DropSpare(99)


@SHARE
@given(snapshots())
def test_the_ladder_ends(snapshot: Snapshot) -> None:
    action = decide(snapshot, NOW)

    if isinstance(action, Climb):
        code = next(c for c in snapshot.codes if c.id == action.code_id)
        entry = next(e for e in snapshot.entries if e.id == action.entry_id)
        stuck = replace(code, is_stuck=True)
        after = replace(
            snapshot,
            codes=tuple(stuck if c.id == code.id else c for c in snapshot.codes),
            entries=tuple(
                replace(e, is_retired=True) if e.id == entry.id else e for e in snapshot.entries
            ),
        )
        assert decide(after, NOW) != action


@SHARE
@given(
    st.lists(st.integers(-30, 150), min_size=2, max_size=6, unique=True),
    st.integers(0, 6),
)
def test_the_last_places_on_a_lock_go_to_the_soonest_arrivals(
    hours: list[int], places: int
) -> None:
    """I19: guests who are inside come first, then whoever comes soonest; the rest is told."""
    snapshot = _lock_with(hours, places)
    served = []
    while not isinstance(action := decide(snapshot, NOW), Wait):
        code = next(c for c in snapshot.codes if c.id == getattr(action, "code_id", None))
        if isinstance(action, Send):
            served.append(code.arrives_at)
            held = an_entry(code, evidence_at=NOW, seen_at=NOW)
            snapshot = replace(snapshot, entries=(*snapshot.entries, held))
        else:
            assert isinstance(action, Refuse)
            told = replace(code, problem=action.fault.problem, is_stuck=True)
            snapshot = replace(
                snapshot, codes=tuple(told if c.id == code.id else c for c in snapshot.codes)
            )

    in_turn = sorted((c.arrives_at for c in snapshot.codes), key=lambda at: (at > NOW, at))
    assert served == in_turn[:places]
    told = {c.arrives_at for c in snapshot.codes if c.problem is ProblemKey.LOCK_FULL}
    assert told == set(in_turn[places:])


def _lock_with(hours: list[int], places: int) -> Snapshot:
    """A lock with so many places left, and due guests who arrive in so many hours."""
    made = tuple(
        a_code(
            id=number,
            pin=Secret(f"{4829 + number}17"),
            starts_at=NOW + timedelta(hours=after - 1),
            arrives_at=NOW + timedelta(hours=after),
            departs_at=NOW + timedelta(hours=after + 60),
            ends_at=NOW + timedelta(hours=after + 61),
            send_at=NOW - timedelta(days=1),
        )
        for number, after in enumerate(hours, start=1)
    )
    return a_snapshot(*made, read_at=NOW, foreign_count=preflight.CAPACITY - places)


@SHARE
@given(snapshots())
def test_what_cannot_go_is_never_skipped_in_silence(snapshot: Snapshot) -> None:
    """I19: a full lock, too, stands as a problem on the code before anything waits."""
    action = decide(snapshot, NOW)

    is_held_up = snapshot.command is not None or _is_out_of_reach(snapshot.lock)
    if not isinstance(action, Wait) or is_held_up:
        return
    for code in snapshot.codes:
        entry = wanted_entry(code, snapshot.entries_of(code))
        if not code.wants(NOW) or code.send_at > NOW or (entry and entry.may_be_on_lock):
            continue
        if fault := preflight.check(snapshot, code, entry, NOW):
            assert code.problem is fault.problem or code.is_stuck


def test_the_states_here_are_all_there_are() -> None:
    assert {State.INTENDED, State.SENDING, State.ACCEPTED} == OPEN
    assert Event.SUPERSEDED in set(Event)
    assert isinstance(decide(Snapshot(lock=LockFacts(id=1), pace=PACE), NOW), Read)


@pytest.mark.deep
@settings(SHARE, max_examples=10_000, derandomize=False)
@given(snapshots())
def test_ten_thousand_times_all_of_it(snapshot: Snapshot) -> None:
    for rule in (
        test_there_is_always_an_answer_and_a_wait_always_lies_in_the_future,
        test_nothing_is_sent_while_a_command_is_open_or_schlage_is_out_of_reach,
        test_what_is_sent_closes_the_gap_and_nothing_else,
        test_green_is_only_what_the_lock_confirmed,
        test_a_read_that_is_taken_is_not_wanted_again_at_once,
        test_the_ladder_ends,
        test_what_cannot_go_is_never_skipped_in_silence,
        test_only_spares_that_nobody_was_given_are_dropped_or_renewed,
        test_a_spare_just_made_is_not_dropped_at_once,
    ):
        rule.hypothesis.inner_test(snapshot)  # type: ignore[attr-defined]
