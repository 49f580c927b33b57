"""What a lock's own log says of our writes, and when it is asked."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from portal.domain import witness
from portal.domain.entry import Evidence
from portal.domain.snapshot import CodeFacts, EntryFacts
from portal.domain.witness import LogLine, Word
from tests.domain.facts import NOW, PACE, a_code, a_snapshot, an_entry, in_doubt

CODE = a_code()
ENTRY = an_entry(CODE)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def line(event: str, at: timedelta = timedelta(0), label: str = ENTRY.label) -> LogLine:
    return LogLine(NOW + at, event, "id-in-log", label)


# A success


@pytest.mark.parametrize("event", ["AccessCodeUserAdded", "access code updated", "CodeCreated"])
def test_a_log_that_names_the_write_tells_of_it(event: str) -> None:
    assert witness.word(ENTRY, NOW, [line(event, SECOND)], is_whole=True) is Word.TELLS


def test_a_removal_or_an_older_write_is_no_word_of_it() -> None:
    log = [line("AccessCodeUserDeleted", SECOND), line("AccessCodeUserAdded", -MINUTE)]

    assert witness.word(ENTRY, NOW, log, is_whole=True) is Word.SILENT


def test_a_log_that_does_not_reach_back_says_nothing() -> None:
    other = line("Unlocked", MINUTE, label="somebody else")

    assert witness.word(ENTRY, NOW, [other], is_whole=False) is Word.TOO_SHORT


# An update that was refused as in use


def test_the_last_line_of_the_name_says_under_which_id_the_lock_holds_it() -> None:
    log = [line("AccessCodeUserAdded", MINUTE), line("Unlocked", 2 * MINUTE)]

    found = witness.last_write(ENTRY, NOW, log)

    assert found is not None
    assert found.access_code_id == "id-in-log"


@pytest.mark.parametrize(
    "log",
    [
        [],
        [line("AccessCodeUserAdded", MINUTE), line("AccessCodeUserDeleted", 2 * MINUTE)],
        [line("AccessCodeUserAdded", -MINUTE)],
        [line("AccessCodeUserAdded", MINUTE, label="Ben 0002")],
    ],
    ids=["says nothing", "removed since", "before it was ours", "of another name"],
)
def test_otherwise_nobody_knows_that_the_lock_holds_it(log: list[LogLine]) -> None:
    assert witness.last_write(ENTRY, NOW, log) is None


def test_a_log_that_tells_is_asked_once_after_each_such_refusal() -> None:
    refused = in_doubt(
        CODE,
        evidence=Evidence.IN_USE,
        evidence_at=NOW,
        seen_at=NOW + SECOND,
        is_witnessed=False,
    )

    def asked_at(**lock: object) -> object:
        snapshot = a_snapshot(CODE, entries=(refused,), **lock)
        return witness.next_log_read(snapshot, NOW + MINUTE)

    assert asked_at(log_tells_at=NOW - MINUTE) == NOW + SECOND
    assert asked_at(log_tells_at=NOW - MINUTE, log_read_at=NOW + MINUTE) is None
    assert asked_at(log_tells_at=None) is None


def test_silence_means_something_once_the_log_had_time_to_tell() -> None:
    answered = in_doubt(CODE, evidence=Evidence.ANSWERED, evidence_at=NOW)

    assert not witness.may_conclude(answered, PACE, NOW + 59 * SECOND)
    assert witness.may_conclude(answered, PACE, NOW + 60 * SECOND)


# What no list shows any more


@pytest.mark.parametrize(
    "event", ["AllAccessCodesDeleted", "All codes deleted", "DeleteAllAccessCodes"]
)
def test_who_empties_the_lock_removes_every_name(event: str) -> None:
    emptied = LogLine(NOW + MINUTE, event)

    assert witness.last_write(ENTRY, NOW, [emptied, line("AccessCodeUserAdded")]) is None
    assert witness.last_write(ENTRY, NOW, [line("AccessCodeUserAdded", 2 * MINUTE), emptied])


@pytest.mark.parametrize("evidence", [Evidence.SENT, Evidence.LEAVING, Evidence.CONFIRMED])
def test_the_log_is_asked_for_what_is_to_be_off_and_has_vanished_from_the_list(
    evidence: Evidence,
) -> None:
    code = a_code(is_wanted=False)
    seen = an_entry(code, evidence=evidence)
    gone = replace(seen, absent_reads=2, absent_at=NOW - SECOND)

    def asked(entry: EntryFacts, code: CodeFacts = code, **lock: Any) -> datetime | None:
        tells = {"log_tells_at": NOW - MINUTE}
        return witness.next_log_read(a_snapshot(code, entries=(entry,), **tells | lock), NOW)

    assert asked(gone) == NOW - SECOND
    assert asked(seen) is None
    assert asked(gone, log_tells_at=None) is None, "a log that is not known to tell"
    assert asked(replace(gone, evidence=Evidence.IN_USE)) is None, "it has told"
    assert asked(gone, code=a_code()) is None, "what is wanted is sent again"
