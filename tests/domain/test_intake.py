"""What a poll changes, rule by rule."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from portal.domain.intake_types import (
    Cancelled,
    Created,
    DatesChanged,
    DetailsChanged,
    FeedSource,
    FeedStay,
    Held,
    HoldReason,
    HoldReleased,
    KnownStatus,
    MarkedMissing,
    Reappeared,
    SkipReason,
    UidReplaced,
    moment_from_text,
    moment_text,
)
from tests.support.intake import PolledFeed, a_closure, a_stay, moment

QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def ten_stays() -> list[FeedStay]:
    """Ten stays of two nights, the first from 1 December on."""
    return [
        a_stay(f"stay-{n}", f"2026-12-{1 + 2 * n:02}", f"2026-12-{3 + 2 * n:02}") for n in range(10)
    ]


def feed_with(*stays: FeedStay, now: str = "2026-11-24T12:00", **options: FeedSource) -> PolledFeed:
    """A feed that has listed `stays` once."""
    feed = PolledFeed(now, **options)
    feed.poll(*stays)
    return feed


# --- first sight ---------------------------------------------------------------------------------


def test_a_new_stay_counts_at_once() -> None:
    stay = a_stay("a", "2026-11-24", "2026-11-26", guest_name="Ana", phone_last4="0477")

    assert PolledFeed().poll(stay) == [Created(stay)]


def test_a_stay_that_ended_before_the_feed_was_first_read_is_skipped() -> None:
    feed = PolledFeed()

    changes = feed.poll(a_stay("a", "2026-11-20", "2026-11-23"))

    assert changes == []
    assert [event.reason for event in feed.skipped] == [SkipReason.OVER]


def test_a_stay_that_departs_today_still_counts() -> None:
    assert len(PolledFeed().poll(a_stay("a", "2026-11-20", "2026-11-24"))) == 1


def test_the_same_poll_twice_changes_nothing() -> None:
    feed = feed_with(*ten_stays())

    assert feed.poll(*ten_stays()) == []
    assert feed.poll(*reversed(ten_stays()), after=QUARTER) == []


# --- changes under the same UID ------------------------------------------------------------------


def test_new_dates_count_at_once_and_keep_the_stay() -> None:
    feed = feed_with(a_stay("a", "2026-12-01", "2026-12-03"))

    changes = feed.poll(a_stay("a", "2027-02-10", "2027-02-12"), after=QUARTER)

    assert changes == [DatesChanged(1, moment("2027-02-10"), moment("2027-02-12"))]


def test_a_stay_that_is_extended_while_the_guest_is_inside_is_extended_at_once() -> None:
    feed = feed_with(a_stay("a", "2026-11-23", "2026-11-25"))

    changes = feed.poll(a_stay("a", "2026-11-23", "2026-11-28"), after=QUARTER)

    assert changes == [DatesChanged(1, moment("2026-11-23"), moment("2026-11-28"))]


def test_a_stay_that_is_shortened_to_a_later_day_is_shortened_at_once() -> None:
    feed = feed_with(a_stay("a", "2026-11-23", "2026-11-28"))

    changes = feed.poll(a_stay("a", "2026-11-23", "2026-11-25"), after=QUARTER)

    assert changes == [DatesChanged(1, moment("2026-11-23"), moment("2026-11-25"))]


@pytest.mark.parametrize(
    ("starts", "ends"), [("2026-12-10", "2026-12-14"), ("2026-11-23", "2026-11-24")]
)
def test_dates_that_would_shut_out_a_guest_inside_wait_a_day(starts: str, ends: str) -> None:
    feed = feed_with(a_stay("a", "2026-11-23", "2026-11-28"))
    moved = a_stay("a", starts, ends)

    assert feed.poll(moved, after=QUARTER) == [Held(HoldReason.MOVED, (1,), feed.now + DAY)]
    assert feed.poll(moved, after=23 * HOUR) == []
    changes = feed.poll(moved, after=HOUR)

    assert changes == [DatesChanged(1, moment(starts), moment(ends)), HoldReleased((1,))]


def test_a_move_of_a_guest_inside_gives_the_later_nights_at_once() -> None:
    feed = feed_with(a_stay("a", "2026-11-23", "2026-11-28"))

    changes = feed.poll(a_stay("a", "2026-11-27", "2026-12-02"), after=QUARTER)

    assert changes == [
        DatesChanged(1, moment("2026-11-23"), moment("2026-12-02")),
        Held(HoldReason.MOVED, (1,), feed.now + DAY),
    ]
    assert feed.poll(a_stay("a", "2026-11-27", "2026-12-02"), after=QUARTER) == []


def test_a_move_that_is_taken_back_ends_its_hold() -> None:
    feed = feed_with(a_stay("a", "2026-11-23", "2026-11-28"))
    feed.poll(a_stay("a", "2026-12-10", "2026-12-14"), after=QUARTER)

    changes = feed.poll(a_stay("a", "2026-11-23", "2026-11-28"), after=QUARTER)

    assert changes == [HoldReleased((1,))]
    assert feed.known[0].held_until is None


def test_three_stays_moved_to_other_days_at_once_wait_a_day() -> None:
    feed = feed_with(*ten_stays())
    shifted = [
        replace(stay, starts=stay.starts + 30 * DAY, ends=stay.ends + 30 * DAY)
        for stay in ten_stays()
    ]

    feed.poll(*shifted, after=QUARTER)

    assert {hold.reason for hold in feed.held()} == {HoldReason.MANY_MOVED}
    assert not any(isinstance(change, DatesChanged) for change in feed.changes)
    assert feed.poll(*shifted, after=HOUR) == []
    feed.poll(*shifted, after=DAY)
    assert feed.live() == {(s.uid, s.starts.isoformat(), s.ends.isoformat()) for s in shifted}


def test_an_event_moved_into_the_past_is_an_absence_and_no_move() -> None:
    feed = feed_with(*ten_stays())
    stays = [a_stay("stay-0", "2026-11-01", "2026-11-03"), *ten_stays()[1:]]

    changes = feed.poll(*stays, after=QUARTER)

    assert changes == [MarkedMissing(1, feed.now, 1, is_running=False)]


def test_what_the_feed_says_anew_of_the_guest_is_taken_and_what_it_drops_is_kept() -> None:
    feed = feed_with(a_stay("a", "2026-12-01", "2026-12-03", phone_last4="0477"))

    anew = feed.poll(a_stay("a", "2026-12-01", "2026-12-03", guest_name="Ana"), after=QUARTER)
    again = feed.poll(a_stay("a", "2026-12-01", "2026-12-03"), after=QUARTER)

    assert anew == [DetailsChanged(1, "Ana", "0477", None)]
    assert again == []


def test_the_same_instant_in_another_zone_is_no_change() -> None:
    feed = feed_with(a_stay("a", "2026-12-01T16:00+01:00", "2026-12-03T11:00+01:00"))

    assert feed.poll(a_stay("a", "2026-12-01T15:00+00:00", "2026-12-03T11:00")) == []


# --- one absence ---------------------------------------------------------------------------------


def test_one_missing_stay_is_cancelled_after_two_polls_and_three_hours() -> None:
    feed = feed_with(*ten_stays())
    rest = ten_stays()[1:]

    first = feed.poll(*rest, after=QUARTER)
    second = feed.poll(*rest, after=QUARTER)
    between = feed.poll(*rest, after=2 * HOUR)
    last = feed.poll(*rest, after=HOUR)

    since = feed.now - 3 * HOUR - QUARTER
    assert first == [MarkedMissing(1, since, 1, is_running=False)]
    assert second == [MarkedMissing(1, since, 2, is_running=False)]
    assert between == []
    assert last == [Cancelled(1)]
    assert feed.poll(*rest, after=QUARTER) == []


def test_one_poll_is_not_enough_however_late_it_comes() -> None:
    feed = feed_with(*ten_stays())

    feed.poll(*ten_stays()[1:], after=5 * HOUR)

    assert feed.cancelled() == set()


def test_a_stay_that_comes_back_in_time_is_as_before() -> None:
    feed = feed_with(*ten_stays())
    feed.poll(*ten_stays()[1:], after=QUARTER)

    changes = feed.poll(*ten_stays(), after=QUARTER)

    assert changes == [Reappeared(1, was_cancelled=False)]
    assert feed.known[0].missing_since is None
    assert feed.known[0].missing_polls == 0


def test_a_cancelled_stay_that_comes_back_is_the_same_stay() -> None:
    feed = feed_with(*ten_stays())
    for _ in range(4):
        feed.poll(*ten_stays()[1:], after=2 * HOUR)
    assert feed.known[0].status is KnownStatus.CANCELLED

    changes = feed.poll(
        a_stay("stay-0", "2026-12-02", "2026-12-05"), *ten_stays()[1:], after=9 * DAY / 2
    )

    assert changes == [
        Reappeared(1, was_cancelled=True),
        DatesChanged(1, moment("2026-12-02"), moment("2026-12-05")),
    ]


def test_a_stay_that_a_person_cancelled_here_is_not_brought_back() -> None:
    feed = feed_with(a_stay("a", "2026-12-01", "2026-12-03"))
    feed.known = [replace(feed.known[0], status=KnownStatus.DISMISSED)]

    assert feed.poll(a_stay("a", "2026-12-01", "2026-12-03"), after=QUARTER) == []


@pytest.mark.parametrize("ends", ["2026-11-24", "2026-11-25", "2026-11-30"])
def test_absence_revokes_nothing_from_the_day_of_arrival_on(ends: str) -> None:
    feed = feed_with(a_stay("inside", "2026-11-20", "2026-12-24"), *ten_stays())
    feed = feed_with(a_stay("inside", "2026-11-24", ends), *ten_stays())

    for _ in range(200):
        feed.poll(*ten_stays(), after=HOUR)
        assert feed.cancelled() == set()


def test_a_guest_who_arrives_today_keeps_a_code_that_went_missing_yesterday() -> None:
    feed = feed_with(a_stay("a", "2026-11-25", "2026-11-27"), *ten_stays(), now="2026-11-24T22:00")
    feed.poll(*ten_stays(), after=QUARTER)

    for _ in range(20):
        feed.poll(*ten_stays(), after=HOUR)
        assert feed.cancelled() == set()


def test_an_ended_stay_ages_out_without_a_word() -> None:
    feed = feed_with(a_stay("a", "2026-11-20", "2026-11-24"), *ten_stays())

    assert feed.poll(*ten_stays(), after=QUARTER) == []
    assert feed.poll(*ten_stays(), after=DAY) == []


# --- many absences -------------------------------------------------------------------------------


def test_an_empty_calendar_holds_everything_for_a_day() -> None:
    feed = feed_with(*ten_stays())

    feed.poll(after=QUARTER)

    assert feed.held() == [Held(HoldReason.EMPTY, tuple(range(1, 11)), feed.now + DAY)]
    for _ in range(23):
        feed.poll(after=HOUR)
        assert feed.cancelled() == set()
    feed.poll(after=HOUR)
    assert len(feed.cancelled()) == 10


def test_the_hold_ends_when_the_stays_come_back() -> None:
    feed = feed_with(*ten_stays())
    feed.poll(after=QUARTER)

    changes = feed.poll(*ten_stays(), after=98 * timedelta(minutes=1))

    assert len([change for change in changes if isinstance(change, HoldReleased)]) == 10
    assert len([change for change in changes if isinstance(change, Reappeared)]) == 10
    assert all(stay.held_until is None and stay.missing_since is None for stay in feed.known)


@pytest.mark.parametrize(("gone", "reason"), [(1, None), (2, None), (3, HoldReason.MANY)])
def test_three_of_many_stays_gone_at_once_are_held(gone: int, reason: HoldReason | None) -> None:
    stays = [*ten_stays(), a_stay("k", "2027-01-01", "2027-01-03")]
    feed = feed_with(*stays)

    feed.poll(*stays[gone:], after=QUARTER)

    assert [hold.reason for hold in feed.held()] == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("live", "gone", "reason"),
    [
        (10, 2, None),  # a fifth is not over a fifth
        (9, 2, HoldReason.MANY),
        (5, 1, None),
        (4, 1, HoldReason.ONE_OF_FEW),
        (1, 1, HoldReason.ONE_OF_FEW),
    ],
)
def test_over_a_fifth_gone_at_once_is_held(live: int, gone: int, reason: HoldReason | None) -> None:
    stays = ten_stays()[:live]
    feed = feed_with(*stays)

    feed.poll(*stays[gone:], after=QUARTER, event_count=20)

    assert [hold.reason for hold in feed.held()] == ([reason] if reason else [])


def test_an_outage_that_eats_the_calendar_bit_by_bit_is_held_too() -> None:
    feed = feed_with(*ten_stays())

    for gone in range(1, 11):
        feed.poll(*ten_stays()[gone:], after=QUARTER)
        assert feed.cancelled() == set()
    for _ in range(20):
        feed.poll(after=HOUR)
        assert feed.cancelled() == set()

    assert all(stay.held_until is not None for stay in feed.known)


def test_a_hold_is_not_begun_anew_by_the_next_poll() -> None:
    feed = feed_with(*ten_stays())
    feed.poll(after=QUARTER)

    feed.poll(after=QUARTER)

    assert feed.held() == []


def test_one_click_accepts_the_hold_but_for_a_guest_inside() -> None:
    inside = a_stay("inside", "2026-11-23", "2026-11-28")
    feed = feed_with(inside, *ten_stays())
    feed.poll(after=QUARTER)

    changes = feed.accept()

    assert changes == [Cancelled(key) for key in range(2, 12)]
    assert feed.live() == {("inside", "2026-11-23", "2026-11-28")}


def test_one_click_lets_a_held_move_happen_with_the_next_poll() -> None:
    feed = feed_with(a_stay("a", "2026-11-23", "2026-11-28"))
    moved = a_stay("a", "2026-12-10", "2026-12-14")
    feed.poll(moved, after=QUARTER)

    feed.accept()
    feed.poll(moved, after=QUARTER)

    assert feed.live() == {("a", "2026-12-10", "2026-12-14")}


def test_without_a_hold_there_is_nothing_to_accept() -> None:
    assert feed_with(*ten_stays()).accept() == []


# --- unusable events -----------------------------------------------------------------------------


def test_an_unusable_event_that_names_its_stay_is_no_absence() -> None:
    feed = feed_with(*ten_stays())

    for _ in range(10):
        assert feed.poll(*ten_stays()[1:], present_uids=["stay-0"], after=HOUR) == []


def test_an_unusable_occurrence_is_no_absence_either() -> None:
    feed = feed_with(a_stay("weekly#20261201", "2026-12-01", "2026-12-03"), *ten_stays())

    for _ in range(10):
        assert feed.poll(*ten_stays(), present_uids=["weekly"], after=HOUR) == []


def test_with_a_nameless_unusable_event_no_absence_counts() -> None:
    feed = feed_with(*ten_stays())

    for _ in range(10):
        assert feed.poll(*ten_stays()[1:], has_unreadable=True, after=HOUR) == []


def test_an_absence_that_turns_out_unusable_is_forgotten() -> None:
    feed = feed_with(*ten_stays())
    feed.poll(*ten_stays()[1:], after=QUARTER)

    changes = feed.poll(*ten_stays()[1:], present_uids=["stay-0"], after=QUARTER)

    assert changes == [Reappeared(1, was_cancelled=False)]


# --- one stay under another UID ------------------------------------------------------------------


def test_equal_dates_under_a_new_uid_are_the_same_stay() -> None:
    feed = feed_with(*ten_stays())

    changes = feed.poll(a_stay("new", "2026-12-01", "2026-12-03"), *ten_stays()[1:], after=QUARTER)

    assert changes == [UidReplaced(1, "new")]


@pytest.mark.parametrize(
    ("starts", "ends"), [("2026-12-01", "2026-12-02"), ("2026-11-29", "2026-12-03")]
)
def test_an_overlap_with_a_common_end_in_the_same_poll_is_a_date_change(
    starts: str, ends: str
) -> None:
    feed = feed_with(*ten_stays())

    changes = feed.poll(a_stay("new", starts, ends), *ten_stays()[1:], after=QUARTER)

    assert changes == [
        UidReplaced(1, "new"),
        DatesChanged(1, moment(starts), moment(ends)),
    ]


def test_an_overlap_without_a_common_end_is_another_stay() -> None:
    feed = feed_with(*ten_stays())
    new = a_stay("new", "2026-11-30", "2026-12-02")

    changes = feed.poll(new, *ten_stays()[1:], after=QUARTER)

    assert changes == [MarkedMissing(1, feed.now, 1, is_running=False), Created(new)]


def test_the_same_reservation_code_is_the_same_stay_on_any_dates() -> None:
    coded = a_stay("a", "2026-12-01", "2026-12-03", reservation_code="HMAAA11111")
    feed = feed_with(coded, *ten_stays()[2:])

    changes = feed.poll(
        replace(coded, uid="b", starts=moment("2027-03-01"), ends=moment("2027-03-04")),
        *ten_stays()[2:],
        after=QUARTER,
    )

    assert changes == [
        UidReplaced(1, "b"),
        DatesChanged(1, moment("2027-03-01"), moment("2027-03-04")),
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"reservation_code": "HMAAA11111"}, {"reservation_code": "HMBBB22222"}),
        ({"phone_last4": "0477"}, {"phone_last4": "9911"}),
        ({"guest_name": "Ana"}, {"guest_name": "Bea"}),
    ],
)
def test_equal_dates_of_another_guest_are_another_stay(
    old: dict[str, str], new: dict[str, str]
) -> None:
    feed = feed_with(a_stay("a", "2026-12-01", "2026-12-03", **old), *ten_stays()[2:])
    stay = a_stay("b", "2026-12-01", "2026-12-03", **new)

    changes = feed.poll(stay, *ten_stays()[2:], after=QUARTER)

    assert Created(stay) in changes


def test_a_guest_who_booked_the_same_dates_anew_keeps_the_stay() -> None:
    old = a_stay("a", "2026-12-01", "2026-12-03", reservation_code="HMAAA11111", phone_last4="0477")
    feed = feed_with(old, *ten_stays()[2:])

    changes = feed.poll(
        replace(old, uid="b", reservation_code="HMBBB22222"), *ten_stays()[2:], after=QUARTER
    )

    assert changes == [UidReplaced(1, "b"), DetailsChanged(1, None, "0477", "HMBBB22222")]


def test_an_ended_stay_never_lends_its_pin_to_a_later_one_of_its_uid() -> None:
    feed = feed_with(a_stay("a", "2026-11-20", "2026-11-23"), now="2026-11-22T12:00")
    later = a_stay("a", "2026-12-10", "2026-12-12")

    assert feed.poll(later, after=2 * DAY) == [Created(later)]


def test_two_stays_of_one_uid_stay_two() -> None:
    first, second = a_stay("a", "2026-12-01", "2026-12-05"), a_stay("a", "2026-12-05", "2026-12-08")
    feed = feed_with(first, second)

    assert feed.poll(second, first, after=QUARTER) == []
    assert feed.poll(replace(second, ends=moment("2026-12-09")), first, after=QUARTER) == [
        DatesChanged(2, moment("2026-12-05"), moment("2026-12-09"))
    ]


# --- Booking.com ---------------------------------------------------------------------------------


def booking_feed(*stays: FeedStay, now: str = "2026-11-24T12:00") -> PolledFeed:
    return feed_with(*stays, now=now, source=FeedSource.BOOKING_COM)


def test_the_midnight_replacement_is_one_stay_and_changes_no_dates() -> None:
    others = [a_stay(f"u{n}", f"2027-01-{n:02}", f"2027-01-{n + 1:02}") for n in range(1, 9, 2)]
    feed = booking_feed(a_stay("u24", "2026-11-24", "2026-11-28"), *others)

    for day in (25, 26, 27):
        changes = feed.poll(a_stay(f"u{day}", f"2026-11-{day}", "2026-11-28"), *others, after=DAY)
        assert changes == [UidReplaced(1, f"u{day}")]
    assert feed.poll(*others, after=DAY) == []
    assert ("u27", "2026-11-24", "2026-11-28") in feed.live()


def test_the_midnight_replacement_is_recognised_after_an_outage() -> None:
    feed = booking_feed(a_stay("u23", "2026-11-23", "2026-11-28"), now="2026-11-23T20:00")
    feed.poll(after=HOUR, event_count=0)
    feed.poll(after=3 * HOUR, event_count=0)

    changes = feed.poll(a_stay("u24", "2026-11-24", "2026-11-28"), after=QUARTER)

    assert changes == [
        UidReplaced(1, "u24"),
        HoldReleased((1,)),
        Reappeared(1, was_cancelled=False),
    ]


def test_a_replacement_whose_uid_another_stay_once_had_is_still_the_running_one() -> None:
    feed = booking_feed(
        a_stay("u23", "2026-11-23", "2026-11-28"),
        a_stay("u25", "2026-11-25", "2026-11-26"),
        now="2026-11-23T12:00",
    )
    feed.known = [
        replace(stay, status=KnownStatus.CANCELLED, missing_since=feed.now)
        if stay.uid == "u25"
        else stay
        for stay in feed.known
    ]

    changes = feed.poll(a_stay("u25", "2026-11-25", "2026-11-28"), after=2 * DAY)

    assert changes == [UidReplaced(1, "u25")]


def test_stays_that_booking_com_joins_into_one_closure_keep_their_codes() -> None:
    first = a_stay("u07", "2026-12-07", "2026-12-17")
    second = a_stay("u19", "2026-12-19", "2026-12-24")
    feed = booking_feed(first, second)
    joined = replace(first, ends=second.ends)

    changes = feed.poll(joined, after=QUARTER)
    later = [feed.poll(joined, after=HOUR) for _ in range(30)]

    assert changes == [DatesChanged(1, moment("2026-12-07"), moment("2026-12-24"))]
    assert later == [[]] * 30
    assert ("u19", "2026-12-19", "2026-12-24") in feed.live()


def test_elsewhere_an_event_that_covers_a_vanished_stay_does_not_keep_it() -> None:
    first = a_stay("u07", "2026-12-07", "2026-12-17")
    second = a_stay("u19", "2026-12-19", "2026-12-24")
    feed = feed_with(first, second)

    feed.poll(replace(first, ends=second.ends), after=QUARTER)

    assert MarkedMissing(2, feed.now, 1, is_running=False) in feed.changes


def test_the_rest_of_a_closed_season_never_looks_like_a_stay() -> None:
    feed = PolledFeed("2026-11-24T12:00", source=FeedSource.BOOKING_COM)
    feed.poll(closures=[a_closure("c24", "2026-11-24", "2027-01-24")], event_count=1)

    for day in range(25, 30):
        changes = feed.poll(a_stay(f"c{day}", f"2026-11-{day}", "2027-01-24"), after=DAY)
        assert changes == []
        assert [event.reason for event in feed.skipped] == [SkipReason.CLOSED_SEASON]
        assert feed.closures == [a_closure(f"c{day}", "2026-11-24", "2027-01-24")]


def test_a_closed_season_is_remembered_through_an_empty_calendar() -> None:
    feed = PolledFeed("2026-11-24T12:00", source=FeedSource.BOOKING_COM)
    feed.poll(closures=[a_closure("c24", "2026-11-24", "2027-01-24")], event_count=1)
    feed.poll(after=QUARTER)

    assert feed.poll(a_stay("c25", "2026-11-25", "2027-01-24"), after=DAY) == []


def test_a_closed_season_that_is_opened_again_leaves_a_stay() -> None:
    feed = PolledFeed("2026-11-24T12:00", source=FeedSource.BOOKING_COM)
    feed.poll(closures=[a_closure("c", "2027-02-01", "2027-07-20")], event_count=1)
    rest = a_stay("c", "2027-02-01", "2027-04-01")

    assert feed.poll(rest, after=QUARTER) == [Created(rest)]


def test_a_known_guest_who_stays_on_beyond_sixty_nights_stays_a_guest() -> None:
    feed = feed_with(a_stay("a", "2026-11-20", "2027-01-10", guest_name="Ana"))

    changes = feed.poll(
        closures=[a_closure("a", "2026-11-20", "2027-02-20")], after=QUARTER, event_count=1
    )

    assert changes == [DatesChanged(1, moment("2026-11-20"), moment("2027-02-20"))]


# --- zones ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["2026-12-01", "2026-12-01T15:00:00", "2026-12-01T15:00:00+00:00"])
def test_a_moment_survives_as_text(text: str) -> None:
    value = moment_from_text(text)

    assert moment_text(value) == text
    assert moment_from_text(moment_text(value)) == value


def test_arrival_is_counted_in_the_propertys_own_days() -> None:
    """At 23:30 UTC it is already the day of arrival in Berlin."""
    feed = feed_with(a_stay("a", "2026-11-25", "2026-11-27"), *ten_stays(), now="2026-11-24T20:00")
    feed.poll(*ten_stays(), after=QUARTER)
    feed.now = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)

    feed.poll(*ten_stays())

    assert feed.cancelled() == set()
