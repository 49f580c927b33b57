"""What holds for any sequence of polls, whatever a feed does."""

import random
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from portal.domain.intake import HOLD, TIME_TO_BELIEVE, keep, reconcile
from portal.domain.intake_match import span_of
from portal.domain.intake_types import (
    Cancelled,
    Created,
    FeedSource,
    FeedStay,
    Held,
    HoldReleased,
    KnownStatus,
    KnownStay,
    MarkedMissing,
    Poll,
    Reappeared,
)
from tests.support.intake import apply_changes

START = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
FIRST_DAY = date(2026, 11, 20)
ZONES = [ZoneInfo(name) for name in ("Europe/Berlin", "Pacific/Auckland", "America/Los_Angeles")]
MINUTES = [0, 15, 60, 180, 300, 720, 1440]


@st.composite
def stays(draw: st.DrawFn) -> FeedStay:
    """A stay of few possible UIDs and days, so that stays meet, move and return often."""
    first = draw(st.integers(0, 30))
    nights = draw(st.integers(1, 12))
    return FeedStay(
        uid=f"u{draw(st.integers(0, 9))}",
        starts=FIRST_DAY + timedelta(days=first),
        ends=FIRST_DAY + timedelta(days=first + nights),
        reservation_code=draw(st.sampled_from([None, None, "HMAAAA1111", "HMBBBB2222"])),
        phone_last4=draw(st.sampled_from([None, None, "0477", "9911"])),
    )


def as_the_reader_gives_them(listed: list[FeedStay]) -> list[FeedStay]:
    """`listed` without stays of one UID whose days overlap: the reader keeps one of those."""
    kept: list[FeedStay] = []
    for stay in listed:
        rivals = (other for other in kept if other.uid == stay.uid)
        if not any(other.starts < stay.ends and stay.starts < other.ends for other in rivals):
            kept.append(stay)
    return kept


def as_one_home_has_them(listed: list[FeedStay]) -> list[FeedStay]:
    """`listed` with every UID and reservation once, and never two guests in one night."""
    kept: list[FeedStay] = []
    for stay in listed:
        if not any(
            (other.starts < stay.ends and stay.starts < other.ends)
            or other.uid == stay.uid
            or (stay.reservation_code and other.reservation_code == stay.reservation_code)
            for other in kept
        ):
            kept.append(stay)
    return kept


bodies = st.lists(stays(), max_size=12).map(as_the_reader_gives_them)
tidy_bodies = bodies.map(as_one_home_has_them)


def scripts(of: st.SearchStrategy[list[FeedStay]]) -> st.SearchStrategy[list[tuple]]:
    """Up to eight bodies, each polled up to three times, with the minutes before each poll."""
    poll = st.tuples(of, st.sampled_from(MINUTES), st.integers(1, 3), st.booleans())
    return st.lists(poll, min_size=1, max_size=8)


polls = scripts(bodies)
tidy_polls = scripts(tidy_bodies)
sources = st.sampled_from([FeedSource.ICAL, FeedSource.AIRBNB, FeedSource.BOOKING_COM])
zones = st.sampled_from(ZONES)


class World:
    """A feed polled in virtual time, with what each poll did."""

    def __init__(self, source: FeedSource, zone: ZoneInfo) -> None:
        self.source = source
        self.zone = zone
        self.now = START
        self.known: list[KnownStay] = []
        self.closures: list[object] = []
        self.keys = count(1)

    def poll_of(self, body: list[FeedStay], *, is_damaged: bool = False) -> Poll:
        return Poll(
            source=self.source,
            now=self.now,
            zone=self.zone,
            stays=tuple(body),
            event_count=len(body),
            earlier_closures=tuple(self.closures),
            has_unreadable=is_damaged,
        )

    def take(self, poll: Poll) -> list[object]:
        outcome = reconcile(self.known, poll)
        self.known = apply_changes(self.known, outcome.changes, lambda: next(self.keys))
        self.closures = outcome.closures
        return outcome.changes


def run(source: FeedSource, zone: ZoneInfo, script: list[tuple]) -> World:
    world = World(source, zone)
    for body, minutes, times, is_damaged in script:
        for _ in range(times):
            world.now += timedelta(minutes=minutes)
            world.take(world.poll_of(body, is_damaged=is_damaged))
    return world


@given(sources, zones, polls, bodies)
def test_absence_never_cancels_from_the_day_of_arrival_on(
    source: FeedSource, zone: ZoneInfo, script: list[tuple], body: list[FeedStay]
) -> None:
    world = run(source, zone, script)
    before = {stay.key: stay for stay in world.known}
    world.now += timedelta(hours=4)

    for change in world.take(world.poll_of(body)):
        if isinstance(change, Cancelled):
            today = world.now.astimezone(zone).date()
            assert not span_of(before[change.key], zone).is_running(today)


@given(sources, zones, polls)
def test_no_poll_removes_many_stays_that_were_not_held_for_a_day(
    source: FeedSource, zone: ZoneInfo, script: list[tuple]
) -> None:
    world = World(source, zone)
    held_at: dict[int, datetime] = {}
    # Their share is of what was live when they went: others that end meanwhile do not make it grow.
    live_then: dict[int, int] = {}
    for body, minutes, times, is_damaged in script:
        for _ in range(times):
            world.now += timedelta(minutes=minutes)
            live = {s.key: s for s in world.known if s.status is KnownStatus.LIVE}
            changes = world.take(world.poll_of(body, is_damaged=is_damaged))
            for change in changes:
                if isinstance(change, Held):
                    held_at |= dict.fromkeys(change.keys, world.now)
                if isinstance(change, MarkedMissing):
                    live_then.setdefault(change.key, len(live))
                if isinstance(change, Reappeared):
                    held_at.pop(change.key, None)
                    live_then.pop(change.key, None)
            gone = [change.key for change in changes if isinstance(change, Cancelled)]
            unheld = [k for k in gone if world.now - held_at.get(k, world.now) < HOLD]
            assert len(unheld) < 3
            assert all(5 * len(unheld) <= live_then[key] for key in unheld)


@given(sources, zones, polls, polls)
def test_what_a_person_keeps_is_live_until_the_feed_lists_it_again(
    source: FeedSource, zone: ZoneInfo, before: list[tuple], after: list[tuple]
) -> None:
    world = run(source, zone, before)
    world.known = apply_changes(world.known, keep(world.known), lambda: next(world.keys))
    kept = {stay.key for stay in world.known if stay.is_kept}

    for body, minutes, times, is_damaged in after:
        for _ in range(times):
            world.now += timedelta(minutes=minutes)
            for change in world.take(world.poll_of(body, is_damaged=is_damaged)):
                if isinstance(change, HoldReleased | Reappeared):
                    kept -= {change.key} if isinstance(change, Reappeared) else {*change.keys}
            live = {stay.key for stay in world.known if stay.status is KnownStatus.LIVE}
            assert kept <= live


@given(sources, zones, polls, bodies)
def test_nothing_is_cancelled_by_one_poll_or_within_three_hours(
    source: FeedSource, zone: ZoneInfo, script: list[tuple], body: list[FeedStay]
) -> None:
    world = run(source, zone, script)
    before = {stay.key: stay for stay in world.known}

    for change in world.take(world.poll_of(body)):
        if isinstance(change, Cancelled):
            stay = before[change.key]
            assert stay.missing_since is not None
            assert world.now - stay.missing_since >= TIME_TO_BELIEVE


@given(sources, zones, tidy_polls, tidy_bodies)
def test_the_same_poll_again_changes_nothing_but_the_count(
    source: FeedSource, zone: ZoneInfo, script: list[tuple], body: list[FeedStay]
) -> None:
    world = run(source, zone, script)
    poll = world.poll_of(body)
    world.take(poll)

    again = world.take(world.poll_of(body))
    third = world.take(world.poll_of(body))

    assert all(isinstance(change, MarkedMissing | Cancelled) for change in again)
    assert third == []


@given(sources, zones, polls, bodies, st.randoms(use_true_random=False))
def test_the_order_of_both_lists_does_not_matter(
    source: FeedSource,
    zone: ZoneInfo,
    script: list[tuple],
    body: list[FeedStay],
    order: random.Random,
) -> None:
    world = run(source, zone, script)
    poll = world.poll_of(body)
    shuffled_known, shuffled = list(world.known), list(body)
    order.shuffle(shuffled_known)
    order.shuffle(shuffled)

    assert reconcile(shuffled_known, world.poll_of(shuffled)) == reconcile(world.known, poll)


@given(sources, zones, polls, bodies)
def test_every_stay_that_a_poll_lists_is_live_afterwards(
    source: FeedSource, zone: ZoneInfo, script: list[tuple], body: list[FeedStay]
) -> None:
    world = run(source, zone, script)
    world.take(world.poll_of(body))
    today = world.now.astimezone(zone).date()

    uids = {stay.uid for stay in world.known if stay.status is KnownStatus.LIVE}

    assert {stay.uid for stay in body if stay.ends > today} <= uids


@given(sources, zones, bodies, bodies, st.sampled_from([15, 60, 120]))
def test_one_bad_poll_between_two_good_ones_leaves_no_trace(
    source: FeedSource, zone: ZoneInfo, good: list[FeedStay], bad: list[FeedStay], minutes: int
) -> None:
    """A poll with other UIDs, whatever its dates: every stay is as it was, by key and dates."""
    foreign = [
        FeedStay(uid=f"x{stay.uid}", starts=stay.starts, ends=stay.ends, phone_last4="5555")
        for stay in bad
    ]
    good = [
        FeedStay(uid=stay.uid, starts=stay.starts, ends=stay.ends, phone_last4="1111")
        for stay in {stay.uid: stay for stay in good}.values()
    ]
    world = World(source, zone)
    world.take(world.poll_of(good))
    before = {stay.key: stay for stay in world.known}

    world.now += timedelta(minutes=minutes)
    world.take(world.poll_of(foreign))
    world.now += timedelta(minutes=minutes)
    world.take(world.poll_of(good))

    after = {stay.key: stay for stay in world.known}
    assert {key: after[key] for key in before} == before


@given(sources, zones, polls)
@settings(max_examples=50)
def test_a_replay_gives_the_same_stays(
    source: FeedSource, zone: ZoneInfo, script: list[tuple]
) -> None:
    assert run(source, zone, script).known == run(source, zone, script).known


@given(zones, st.integers(2, 12), st.integers(0, 6))
@settings(max_examples=25)
def test_a_stay_renamed_every_midnight_is_one_stay_with_unchanged_dates(
    zone: ZoneInfo, nights: int, lead: int
) -> None:
    world = World(FeedSource.BOOKING_COM, zone)
    today = START.astimezone(zone).date()
    first = today + timedelta(days=lead)
    last = first + timedelta(days=nights)
    changes: list[object] = []

    for _ in range((lead + nights) * 24):
        starts = max(first, world.now.astimezone(zone).date())
        listed = starts < last
        event = FeedStay(uid=f"room-{starts}", starts=starts, ends=last)
        changes += world.take(world.poll_of([event] if listed else []))
        world.now += timedelta(hours=1)

    assert sum(isinstance(change, Created) for change in changes) == 1
    assert not any(isinstance(change, Cancelled | Held) for change in changes)
    [stay] = world.known
    assert (stay.starts, stay.ends) == (first, last)
