"""The parse child: the same answer as the reader's, and no harm to us whatever it is fed."""

import resource
import time
from datetime import date
from pathlib import Path

import pytest

from portal.domain.intake_types import FeedSource
from portal.feeds.child import read_limited, reading_from_json, reading_to_json
from portal.feeds.errors import FeedUnreadable
from portal.feeds.reader import read

SAMPLES = Path(__file__).parent.parent / "data" / "feeds"
TODAY = date(2026, 11, 24)
MEGABYTE = 1024 * 1024


def event(*lines: str) -> bytes:
    """A calendar of one event."""
    block = ["BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", *lines, "END:VEVENT"]
    return ("\r\n".join([*block, "END:VCALENDAR"]) + "\r\n").encode()


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("[!b]*.ics")), ids=lambda path: path.name)
def test_a_reading_survives_the_way_through_json(path: Path) -> None:
    reading = read(path.read_bytes(), today=TODAY)

    assert reading_from_json(reading_to_json(reading)) == reading


def test_the_child_says_what_the_reader_says() -> None:
    body = (SAMPLES / "google-by-hand.ics").read_bytes()

    assert read_limited(body, today=TODAY) == read(body, today=TODAY)


def test_the_owners_word_for_the_source_reaches_the_child() -> None:
    body = event("UID:a", "DTSTART;VALUE=DATE:20261201")

    assert read_limited(body, FeedSource.VRBO, today=TODAY).source == FeedSource.VRBO


def test_what_the_reader_refuses_the_child_refuses_with_the_same_words() -> None:
    body = (SAMPLES / "bad-login-page.html").read_bytes()

    with pytest.raises(FeedUnreadable) as there:
        read_limited(body, today=TODAY)
    with pytest.raises(FeedUnreadable) as here:
        read(body, today=TODAY)

    assert (there.value.key, there.value.words) == (here.value.key, here.value.words)


def test_a_body_over_two_megabytes_never_reaches_a_child() -> None:
    with pytest.raises(FeedUnreadable) as unreadable:
        read_limited(b"x" * (2 * MEGABYTE + 1), today=TODAY)

    assert unreadable.value.key == "too_big"


COSTLY = event("UID:a", "DTSTART;VALUE=DATE:20261201", "CATEGORIES:" + "," * 1_900_000)


@pytest.mark.parametrize(
    "limit",
    [{"cpu_seconds": 1}, {"wall_seconds": 0.5}, {"memory_bytes": 30 * MEGABYTE}],
    ids=["processor", "clock", "memory"],
)
def test_a_calendar_that_costs_too_much_is_unreadable(limit: dict[str, int]) -> None:
    began = time.monotonic()

    with pytest.raises(FeedUnreadable) as unreadable:
        read_limited(COSTLY, today=TODAY, **limit)

    assert unreadable.value.key in {"too_costly", "cannot_parse"}
    assert time.monotonic() - began < 10


def test_five_thousand_events_are_read_in_time_and_leave_our_memory_alone() -> None:
    block = (
        "BEGIN:VEVENT\r\nUID:{}\r\nDTSTART;VALUE=DATE:20270101\r\nSUMMARY:Reserved\r\nEND:VEVENT"
    )
    events = "\r\n".join(block.format(f"u{n}") for n in range(5000))
    body = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}\r\nEND:VCALENDAR\r\n".encode()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    reading = read_limited(body, today=TODAY)

    assert len(reading.stays) == 5000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_the_child_gets_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment of the portal holds its keys; the child's is empty."""
    spy = tmp_path / "spy.py"
    spy.write_text(
        "import json, os\n"
        "words = ' '.join(os.environ)\n"
        "print(json.dumps({'unreadable': {'key': 'spied', 'words': words}}))\n"
    )
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    monkeypatch.setattr("portal.feeds.child._PROGRAM", spy)

    with pytest.raises(FeedUnreadable) as seen:
        read_limited(event("UID:a"), today=TODAY)

    assert seen.value.key == "spied"
    assert "SECRET_KEY" not in seen.value.words


@pytest.mark.parametrize(
    "program",
    [
        "print('not json')",
        "print('{}')",
        "print('[]')",
        "print('7')",
        "raise SystemExit(3)",
        "import os; os.abort()",
        "import sys; sys.stdin.close()",
    ],
)
def test_a_child_that_fails_in_any_way_is_an_unreadable_calendar(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str
) -> None:
    path = tmp_path / "program.py"
    path.write_text(program)
    monkeypatch.setattr("portal.feeds.child._PROGRAM", path)

    with pytest.raises(FeedUnreadable):
        read_limited(event("UID:a", "X-FILL:" + "x" * 200_000), today=TODAY)
