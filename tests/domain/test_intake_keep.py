"""What a person keeps: stays that a feed no longer lists, and that stand all the same."""

from datetime import timedelta

from portal.domain.intake_types import Cancelled, FeedStay, Held, HoldReleased, KnownStatus
from tests.support.intake import PolledFeed, a_stay

QUARTER = timedelta(minutes=15)


def ten_stays() -> list[FeedStay]:
    """Ten stays of two nights, the first from 1 December on."""
    return [
        a_stay(f"stay-{n}", f"2026-12-{1 + 2 * n:02}", f"2026-12-{3 + 2 * n:02}") for n in range(10)
    ]


def feed_with(*stays: FeedStay) -> PolledFeed:
    """A feed that has listed `stays` once."""
    feed = PolledFeed("2026-11-24T12:00")
    feed.poll(*stays)
    return feed


def test_stays_that_a_person_keeps_are_never_taken_for_gone() -> None:
    feed = feed_with(*ten_stays())
    feed.poll(after=QUARTER)
    feed.keep()

    changes = [change for _ in range(30) for change in feed.poll(after=timedelta(hours=6))]

    assert not any(isinstance(change, Cancelled | Held) for change in changes)
    assert {stay.status for stay in feed.known} == {KnownStatus.LIVE}


def test_a_kept_stay_that_is_listed_again_follows_its_feed_again() -> None:
    feed = feed_with(*ten_stays())
    feed.poll(after=QUARTER)
    feed.keep()

    back = feed.poll(*ten_stays(), after=QUARTER)
    feed.poll(*ten_stays()[1:], after=QUARTER)
    gone = feed.poll(*ten_stays()[1:], after=timedelta(hours=4))

    assert HoldReleased((1,)) in back
    assert not any(stay.is_kept for stay in feed.known)
    assert Cancelled(1) in gone


def test_a_kept_stay_counts_no_longer_when_others_go() -> None:
    feed = feed_with(*ten_stays())
    feed.poll(*ten_stays()[4:], after=QUARTER)
    feed.keep()

    one_more = feed.poll(*ten_stays()[5:], after=QUARTER)

    assert not any(isinstance(change, Held) for change in one_more)


def test_dates_that_a_person_keeps_wait_until_the_feed_agrees() -> None:
    inside = a_stay("a", "2026-11-23", "2026-11-28")
    feed = feed_with(inside)
    moved = a_stay("a", "2026-12-10", "2026-12-14")
    feed.poll(moved, after=QUARTER)
    feed.keep()

    later = [change for _ in range(5) for change in feed.poll(moved, after=timedelta(hours=8))]
    agreed = feed.poll(inside, after=QUARTER)

    assert later == []
    assert agreed == [HoldReleased((1,))]


def test_accepting_a_later_hold_leaves_alone_what_was_kept() -> None:
    feed = feed_with(*ten_stays())
    feed.poll(*ten_stays()[4:], after=QUARTER)
    feed.keep()
    feed.poll(after=QUARTER)

    gone = feed.accept()

    assert {change.key for change in gone if isinstance(change, Cancelled)} == set(range(5, 11))
