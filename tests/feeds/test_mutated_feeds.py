"""Every sample feed, broken at random: nothing but FeedUnreadable escapes, and no stay is lost."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.domain.intake import reconcile
from portal.domain.intake_match import span_of
from portal.domain.intake_types import Cancelled, Held, KnownStatus, KnownStay, Moment, day_of
from portal.feeds.child import reading_from_json, reading_to_json
from portal.feeds.errors import FeedUnreadable
from portal.feeds.reader import Reading, read
from tests.support.intake import apply_changes

SAMPLES = Path(__file__).parent.parent / "data" / "feeds"
BERLIN = ZoneInfo("Europe/Berlin")
BODIES = {path.name: path.read_bytes() for path in sorted(SAMPLES.glob("[!.]*"))}
CALENDARS = sorted(name for name in BODIES if not name.startswith("bad-"))
PIECES = [
    b"",
    b"\r\n",
    b"\n",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b":",
    b";",
    b'"',
    b"\\",
    b"UID:",
    b"DTSTART:",
    b"DTEND;TZID=X:",
    b"RRULE:FREQ=DAILY",
    b"RRULE:FREQ=",
    b"EXDATE:x",
    b"RDATE:20270101",
    b"RECURRENCE-ID:20261201",
    b"DURATION:-P1D",
    b"DURATION:P99999999999D",
    b"BEGIN:VEVENT",
    b"END:VEVENT\r\nBEGIN:VEVENT",
    b"END:VCALENDAR",
    b"BEGIN:VALARM\r\nEND:VALARM",
    b"STATUS:CANCELLED",
    b"99999999",
    b"00000000T000000Z",
    b"20261301",
    "é🗝".encode(),
]


@dataclass(frozen=True)
class Cut:
    """A part of the body taken out and something put in its place."""

    place: float
    length: int
    piece: bytes

    def apply(self, body: bytes) -> bytes:
        start = int(self.place * len(body))
        return body[:start] + self.piece + body[start + self.length :]


cuts = st.builds(
    Cut,
    place=st.floats(0, 1),
    length=st.sampled_from([0, 1, 1, 2, 8, 60, 400]),
    piece=st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)),
)
mutations = st.lists(cuts, min_size=1, max_size=5)
names = st.sampled_from(CALENDARS)


def broken(name: str, mutation: list[Cut]) -> bytes:
    body = BODIES[name]
    for cut in mutation:
        body = cut.apply(body)
    return body


def read_or_none(body: bytes, today: date) -> Reading | None:
    try:
        return read(body, today=today)
    except FeedUnreadable:
        return None


@given(names, mutations)
def test_a_broken_feed_is_read_or_unreadable_and_nothing_else(
    name: str, mutation: list[Cut]
) -> None:
    body = broken(name, mutation)
    reading = read_or_none(body, date(2026, 11, 24))

    if reading is not None:
        told_of = len(reading.stays) + len(reading.skipped)
        # A series may have no occurrence in reach; every other event is a stay or has its reason.
        assert told_of >= reading.event_count - (body.count(b"RRULE") + body.count(b"RDATE"))
        for stay in reading.stays:
            assert stay.uid
            assert same_kind_and_order(stay.starts, stay.ends)
        assert reading_from_json(reading_to_json(reading)) == reading


def same_kind_and_order(starts: Moment, ends: Moment) -> bool:
    """Whether both are dates, or both times, and the first comes first."""
    return type(starts) is type(ends) and starts < ends


@given(st.binary(max_size=400))
def test_noise_is_unreadable(noise: bytes) -> None:
    assert read_or_none(noise, date(2026, 11, 24)) is None


class Home:
    """The stays of one sample feed, polled from the evening before its second stay on."""

    def __init__(self, name: str) -> None:
        self.body = BODIES[name]
        first = sorted(
            day_of(s.starts, BERLIN) for s in read(self.body, today=date(2026, 11, 24)).stays
        )
        today = first[0] + timedelta(days=1) if first else date(2026, 11, 24)
        self.now = datetime(today.year, today.month, today.day, 17, 0, tzinfo=UTC)
        self.today = today
        self.known: list[KnownStay] = []
        self._keys = count(1)
        self.poll(self.body)

    def poll(self, body: bytes, after: timedelta = timedelta()) -> list[object]:
        self.now += after
        reading = read_or_none(body, self.today)
        if reading is None:
            return []
        changes = reconcile(self.known, reading.poll(self.now, BERLIN)).changes
        self.known = apply_changes(self.known, changes, lambda: next(self._keys))
        return changes


@given(names, mutations, st.integers(1, 4), st.sampled_from([15, 60, 300]))
def test_no_broken_poll_removes_a_running_stay_or_many_or_any_for_good(
    name: str, mutation: list[Cut], times: int, minutes: int
) -> None:
    home = Home(name)
    before = {stay.key: stay for stay in home.known}
    cancelled: set[int] = set()
    held: set[int] = set()

    for _ in range(times):
        for change in home.poll(broken(name, mutation), timedelta(minutes=minutes)):
            if isinstance(change, Cancelled):
                cancelled.add(change.key)
            if isinstance(change, Held):
                held |= set(change.keys)
    home.poll(home.body, timedelta(minutes=15))

    today = home.now.astimezone(BERLIN).date()
    running = {key for key, stay in before.items() if span_of(stay, BERLIN).is_running(today)}
    assert not cancelled & (running | held)
    assert len(cancelled) < 3
    after = {stay.key: stay for stay in home.known}
    assert {key: after[key].status for key in before} == dict.fromkeys(before, KnownStatus.LIVE)


@pytest.mark.deep
@settings(max_examples=20_000)
@given(names, mutations)
def test_twenty_thousand_broken_feeds(name: str, mutation: list[Cut]) -> None:
    test_a_broken_feed_is_read_or_unreadable_and_nothing_else.hypothesis.inner_test(  # type: ignore[attr-defined]
        name, mutation
    )


@pytest.mark.deep
@settings(max_examples=2_000)
@given(names, mutations, st.integers(1, 4), st.sampled_from([15, 60, 300]))
def test_two_thousand_times_a_feed_that_breaks_and_heals(
    name: str, mutation: list[Cut], times: int, minutes: int
) -> None:
    test_no_broken_poll_removes_a_running_stay_or_many_or_any_for_good.hypothesis.inner_test(  # type: ignore[attr-defined]
        name, mutation, times, minutes
    )
