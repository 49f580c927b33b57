"""When the list is read, and what a read proves."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from portal.domain import reading
from portal.domain.entry import EntryState, Evidence
from portal.domain.reading import Listed, Sighting
from portal.domain.snapshot import CodeFacts, CodeKind, EntryFacts
from portal.domain.stay import Doubt, Window
from tests.domain.facts import ARRIVES, NOW, PACE, a_code, a_snapshot, an_entry, in_doubt

CODE = a_code()
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def judge(
    entry: EntryFacts, *lines: Listed, at: datetime = NOW, code: CodeFacts = CODE
) -> Sighting | None:
    sightings = reading.judge([entry], [code], lines, PACE, at).sightings
    return sightings[0] if sightings else None


def line_of(entry: EntryFacts, **changes: Any) -> Listed:
    values = {
        "access_code_id": entry.access_code_id or "id-found",
        "label": entry.label,
        "starts_at": entry.starts_at,
        "ends_at": entry.ends_at,
    }
    return Listed(**values | changes)


# When


def next_read(*entries: EntryFacts, code: CodeFacts = CODE, **lock: Any) -> datetime | None:
    return reading.next_read(a_snapshot(code, entries=entries, **lock), NOW)


def test_a_lock_is_read_once_a_day() -> None:
    assert next_read(read_at=NOW) == NOW + timedelta(days=1)


def test_a_read_that_failed_is_not_repeated_before_its_time() -> None:
    assert next_read(read_at=None, read_after=NOW + MINUTE) == NOW + MINUTE


def test_a_sync_event_asks_for_a_read() -> None:
    assert next_read(read_at=NOW, read_wanted_at=NOW + 20 * SECOND) == NOW + 20 * SECOND


@pytest.mark.parametrize(("read", "due"), [(0, timedelta(minutes=10)), (11, timedelta(hours=1))])
def test_after_an_unknown_outcome_it_is_read_after_ten_minutes_and_an_hour(
    read: int, due: timedelta
) -> None:
    unknown_at = NOW - 12 * MINUTE

    at = next_read(read_at=unknown_at + read * MINUTE, unknown_at=unknown_at)

    assert at == unknown_at + due


@pytest.mark.parametrize(("hours_before", "due_hours"), [(30, 24), (24, 6), (6, 2), (2, 0.5)])
def test_before_an_arrival_it_is_read_at_24_6_and_2_hours_and_at_30_minutes(
    hours_before: float, due_hours: float
) -> None:
    read_at = ARRIVES - timedelta(hours=hours_before)
    snapshot = a_snapshot(CODE, entries=(an_entry(CODE),), read_at=read_at)

    assert reading.next_read(snapshot, read_at) == ARRIVES - timedelta(hours=due_hours)


def test_an_entry_in_doubt_is_read_for_30_seconds_after_its_answer_and_30_later() -> None:
    entry = in_doubt(CODE, evidence_at=NOW)
    assert next_read(entry, read_at=NOW) == NOW + 30 * SECOND

    missed = in_doubt(CODE, evidence_at=NOW - MINUTE, absent_reads=1, absent_at=NOW)
    assert next_read(missed, read_at=NOW) == NOW + 30 * SECOND


def test_a_held_entry_without_an_id_is_read_for() -> None:
    entry = an_entry(CODE, access_code_id=None, evidence_at=NOW)

    assert next_read(entry, read_at=NOW) == NOW + 30 * SECOND


def test_a_code_that_cannot_be_deleted_is_read_for_ever_less_often_after_its_window() -> None:
    leaving = in_doubt(CODE, evidence=Evidence.LEAVING, access_code_id="id-1")
    code = replace(CODE, is_wanted=False, failures=3)
    at, minutes = CODE.ends_at, []
    while at < CODE.ends_at + timedelta(hours=5):
        due = reading.next_read(a_snapshot(code, entries=(leaving,), read_at=at), at)
        assert due is not None
        minutes.append((due - at) / MINUTE)
        at = due

    assert minutes == [5, 5, 10, 20, 40, 60, 60, 60, 60]


def test_what_may_be_open_longer_is_read_for_after_that_and_not_before() -> None:
    later = CODE.ends_at + timedelta(days=3)
    known = Window(CODE.starts_at, CODE.ends_at)
    doubt = Doubt(known, replace(known, ends_at=later))
    leaving = in_doubt(CODE, evidence=Evidence.LEAVING, access_code_id="id-1", doubt=doubt)
    unlisted = in_doubt(CODE, evidence=Evidence.IN_USE, absent_reads=2, doubt=doubt)
    code = replace(CODE, is_wanted=False, failures=3)

    def due(entry: EntryFacts, at: datetime) -> datetime | None:
        return reading.next_read(a_snapshot(code, entries=(entry,), read_at=at), at)

    an_hour_after = CODE.ends_at + timedelta(hours=1)
    assert due(leaving, an_hour_after) == an_hour_after + timedelta(days=1)
    assert due(unlisted, an_hour_after) == an_hour_after + timedelta(days=1)
    assert due(leaving, later) == due(unlisted, later) == later + 5 * MINUTE


# What


def test_a_read_too_soon_after_the_answer_proves_no_absence() -> None:
    assert judge(in_doubt(CODE, evidence_at=NOW - 29 * SECOND)) is None


def test_the_first_empty_read_only_counts() -> None:
    sighting = judge(in_doubt(CODE, evidence_at=NOW - 30 * SECOND))

    assert sighting is not None
    assert (sighting.absent_reads, sighting.state) == (1, None)


def test_a_second_empty_read_too_soon_does_not_count() -> None:
    entry = in_doubt(CODE, absent_reads=1, absent_at=NOW - 29 * SECOND)

    assert judge(entry) is None


def test_absence_is_believed_after_the_second_empty_read() -> None:
    sighting = judge(in_doubt(CODE, absent_reads=1, absent_at=NOW - 30 * SECOND))

    assert sighting is not None
    assert (sighting.state, sighting.evidence) == (EntryState.GONE, Evidence.READ_TWICE)


def test_refused_as_in_use_stays_in_doubt_until_its_window_is_over() -> None:
    entry = in_doubt(CODE, evidence=Evidence.IN_USE, absent_reads=1, absent_at=NOW - MINUTE)

    during, after = judge(entry), judge(entry, at=CODE.ends_at)

    assert during is not None
    assert during.state is None
    assert after is not None
    assert (after.state, after.evidence) == (EntryState.GONE, Evidence.WINDOW_OVER)


def test_what_was_held_and_is_missing_twice_is_lost() -> None:
    held = an_entry(CODE, absent_reads=1, absent_at=NOW - MINUTE)

    lost = judge(held)
    gone = judge(held, code=a_code(is_wanted=False))

    assert lost is not None
    assert lost.is_lost
    assert gone is not None
    assert not gone.is_lost


def test_one_sighting_takes_all_doubt_of_absence_back() -> None:
    entry = in_doubt(CODE, absent_reads=1, absent_at=NOW - MINUTE)

    sighting = judge(entry, line_of(entry))

    assert sighting == Sighting(10, is_listed=True, access_code_id="id-found")


def test_an_entry_is_known_by_its_label_in_any_case_or_else_by_its_id() -> None:
    entry = an_entry(CODE)
    by_label = line_of(entry, access_code_id="new-id", label=entry.label.upper())
    by_id = line_of(entry, label="renamed by phone")

    assert judge(entry, by_label) == Sighting(10, is_listed=True, access_code_id="new-id")
    assert judge(entry, by_id) == Sighting(10, is_listed=True, access_code_id="id-1")


def test_what_is_not_ours_is_foreign() -> None:
    entry = an_entry(CODE)
    cleaner = Listed("c", "Cleaner")

    finding = reading.judge([entry], [CODE], [line_of(entry), cleaner], PACE, NOW)

    assert finding.foreign == (cleaner,)


def test_other_dates_in_the_list_are_a_change_from_outside() -> None:
    entry = an_entry(CODE)
    moved = line_of(entry, ends_at=entry.ends_at - timedelta(days=1))

    sighting = judge(entry, moved)

    assert sighting is not None
    whole = Window(entry.starts_at, entry.ends_at)
    assert sighting.doubt == Doubt(replace(whole, ends_at=moved.ends_at), whole)
    # What we know to be in doubt already is no news.
    assert judge(replace(entry, doubt=sighting.doubt), moved) == Sighting(
        10, is_listed=True, access_code_id="id-1"
    )


def test_a_list_that_lags_or_tells_no_dates_is_no_change() -> None:
    fresh = an_entry(CODE, evidence_at=NOW - 20 * SECOND)
    stale = line_of(fresh, ends_at=fresh.ends_at - timedelta(days=1))
    silent = line_of(fresh, starts_at=None, ends_at=None)

    assert judge(fresh, stale) == Sighting(10, is_listed=True, access_code_id="id-1")
    assert judge(an_entry(CODE), silent) == Sighting(10, is_listed=True, access_code_id="id-1")


def test_an_add_carried_out_late_brings_its_entry_back() -> None:
    entry = in_doubt(CODE, state=EntryState.GONE, evidence=Evidence.READ_TWICE)

    sighting = judge(entry, line_of(entry))

    assert sighting is not None
    assert (sighting.state, sighting.evidence) == (EntryState.MAYBE, Evidence.SENT)


def test_an_id_that_the_lock_denied_is_no_news_and_another_of_the_same_name_is() -> None:
    denied = an_entry(CODE, state=EntryState.GONE, evidence=Evidence.ID_UNKNOWN)
    the_denied, another = line_of(denied), line_of(denied, access_code_id="id-late")

    for lines in ([the_denied, another], [another, the_denied]):
        sighting = judge(denied, *lines)
        assert sighting is not None
        assert (sighting.state, sighting.access_code_id) == (EntryState.MAYBE, "id-late")
    assert judge(denied, the_denied) is None


def test_of_two_lines_of_one_name_an_entry_keeps_to_its_own_and_none_is_foreign() -> None:
    entry = an_entry(CODE)
    lines = [line_of(entry, access_code_id="id-ghost"), line_of(entry)]

    finding = reading.judge([entry], [CODE], lines, PACE, NOW)

    assert finding.sightings[0].access_code_id == entry.access_code_id
    assert finding.foreign == ()


@pytest.mark.parametrize(("minutes", "is_news"), [(1, False), (11, True)])
def test_a_list_that_still_shows_what_was_just_deleted_is_no_news(
    minutes: int, is_news: bool
) -> None:
    entry = an_entry(
        CODE,
        state=EntryState.GONE,
        evidence=Evidence.DELETED,
        evidence_at=NOW - minutes * MINUTE,
    )

    assert (judge(entry, line_of(entry)) is not None) is is_news


def test_what_was_on_the_lock_is_not_believed_gone_for_a_list_that_lacks_it() -> None:
    unwanted = replace(CODE, is_wanted=False)
    missed = {"absent_reads": 1, "absent_at": NOW - MINUTE, "access_code_id": "id-1"}
    leaving = in_doubt(unwanted, evidence=Evidence.LEAVING, **missed)
    never_seen = in_doubt(unwanted, **missed | {"access_code_id": None})

    during, after = judge(leaving, code=unwanted), judge(leaving, code=unwanted, at=CODE.ends_at)
    attempt = judge(never_seen, code=unwanted)

    assert during is not None
    assert during.state is None
    assert after is not None
    assert after.evidence is Evidence.WINDOW_OVER
    assert attempt is not None
    assert attempt.evidence is Evidence.READ_TWICE


def test_an_entry_never_sent_is_not_missed() -> None:
    entry = an_entry(CODE, state=EntryState.MAYBE, evidence=Evidence.NOT_SENT)

    assert judge(entry) is None


def test_attempts_at_a_spare_that_were_given_up_are_believed_gone_after_two_reads() -> None:
    """Were one of them on the lock, nobody could type it: no window has to be waited for."""
    code = a_code(kind=CodeKind.SPARE)
    tried = an_entry(
        code,
        state=EntryState.MAYBE,
        evidence=Evidence.IN_USE,
        access_code_id=None,
        absent_reads=1,
        absent_at=NOW - timedelta(minutes=5),
        is_retired=True,
    )
    wanted = replace(tried, is_retired=False)

    given_up, still_wanted = (judge(entry, code=code) for entry in (tried, wanted))

    assert given_up is not None
    assert given_up.state is EntryState.GONE
    assert still_wanted is not None
    assert still_wanted.state is None
