"""A booking feed's stays on the lock: what a poll changes at the door, and what it never may."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from portal.domain.status import Status
from portal.extensions import db
from portal.feeds.errors import FetchFailed
from portal.feeds.fetch import Fetched
from portal.models import Alert, Booking, BookingStatus, Feed, Property
from portal.services import bookings, feeds, intake
from portal.unit_of_work import writing
from tests.support.feed import Calendar
from tests.support.feed import calendar as listing
from tests.support.house import House


@pytest.fixture
def calendar(house: House) -> Calendar:
    return Calendar(house)


def _open_alerts() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(Alert.cause).where(Alert.closed_at.is_(None))))


def test_a_same_day_stay_is_on_the_lock_within_a_minute_of_the_poll(
    house: House, calendar: Calendar
) -> None:
    calendar.serve(("a", "2026-03-02", "2026-03-05"))

    house.stage.run_for(minutes=1)

    [booking] = calendar.bookings
    assert house.status(booking) is Status.CONFIRMED


def test_the_same_poll_again_changes_nothing(house: House, calendar: Calendar) -> None:
    calendar.serve(("a", "2026-03-04", "2026-03-07"), ("b", "2026-03-10", "2026-03-12"))
    house.stage.run_for(minutes=5)
    sent = len(house.commands())

    taken = calendar.serve(("a", "2026-03-04", "2026-03-07"), ("b", "2026-03-10", "2026-03-12"))
    house.stage.run_for(minutes=5)

    assert (taken.created, taken.changed, taken.cancelled) == (0, 0, 0)
    assert len(house.commands()) == sent
    assert len(calendar.bookings) == 2


def test_new_dates_move_the_window_and_keep_the_pin(house: House, calendar: Calendar) -> None:
    calendar.serve(("a", "2026-03-04", "2026-03-07"), ("b", "2026-03-20", "2026-03-22"))
    house.stage.run_for(minutes=5)
    booking = calendar.bookings[0]
    pin = house.pin(booking)

    calendar.serve(("a", "2026-03-04", "2026-03-09"), ("b", "2026-03-20", "2026-03-22"))
    house.stage.run_for(minutes=5)

    assert house.pin(booking) == pin
    assert house.opens(pin, datetime(2026, 3, 9, 12, tzinfo=UTC))
    assert len(house.held()) == 1


def test_booking_coms_midnight_replacement_is_the_same_stay(house: House) -> None:
    calendar = Calendar(house, source="admin.booking.com")
    calendar.serve(("a", "2026-03-02", "2026-03-06"))
    house.stage.run_for(minutes=5)
    [booking] = calendar.bookings
    pin, sent = house.pin(booking), len(house.commands())

    house.stage.run_until(datetime(2026, 3, 3, 5, 1, tzinfo=UTC))
    calendar.serve(("z", "2026-03-03", "2026-03-06"))
    house.stage.run_for(minutes=5)

    assert len(calendar.bookings) == 1
    assert house.pin(booking) == pin
    assert len(house.commands()) == sent
    assert house.status(booking) is Status.CONFIRMED


def test_a_vanished_stay_is_cancelled_after_two_polls_and_three_hours(
    house: House, calendar: Calendar
) -> None:
    stays = [(str(n), f"2026-03-{4 + 2 * n:02}", f"2026-03-{5 + 2 * n:02}") for n in range(8)]
    calendar.serve(*stays)
    house.stage.run_for(minutes=30)
    gone = calendar.bookings[0]

    calendar.serve(*stays[1:])
    house.stage.run_for(hours=2)
    calendar.serve(*stays[1:])
    assert house.booking(gone.id).status is BookingStatus.CONFIRMED
    assert house.status(gone) is Status.CONFIRMED

    house.stage.run_for(hours=1, minutes=5)
    calendar.serve(*stays[1:])
    house.stage.run_for(minutes=5)

    assert house.booking(gone.id).status is BookingStatus.CANCELLED
    assert house.status(gone) is Status.REMOVED


def test_an_empty_calendar_is_held_and_removes_nothing(house: House, calendar: Calendar) -> None:
    stays = [(str(n), f"2026-03-{3 + n:02}", f"2026-03-{4 + n:02}") for n in range(6)]
    calendar.serve(*stays)
    house.stage.run_for(minutes=30)
    held = len(house.held())

    for _ in range(6):
        calendar.serve()
        house.stage.run_for(hours=1)

    assert {b.status for b in calendar.bookings} == {BookingStatus.CONFIRMED}
    assert len(house.held()) == held
    assert calendar.feed.held_until is not None
    assert "feed_held" in _open_alerts()


def test_what_comes_back_ends_the_hold_and_its_alert(house: House, calendar: Calendar) -> None:
    stays = [(str(n), f"2026-03-{4 + n:02}", f"2026-03-{5 + n:02}") for n in range(6)]
    calendar.serve(*stays)
    calendar.serve()

    house.stage.run_for(minutes=98)
    calendar.serve(*stays)

    assert calendar.feed.held_until is None
    assert _open_alerts() == []


def test_one_click_accepts_what_was_held(house: House, calendar: Calendar) -> None:
    stays = [(str(n), f"2026-03-{10 + n:02}", f"2026-03-{11 + n:02}") for n in range(6)]
    calendar.serve(*stays)
    calendar.serve()

    with bookings.changing() as session:
        intake.accept_hold(session, session.get_one(Feed, calendar.id))

    assert {b.status for b in calendar.bookings} == {BookingStatus.CANCELLED}
    assert _open_alerts() == []


def test_one_click_keeps_what_was_held_until_the_calendar_lists_it_again(
    house: House, calendar: Calendar
) -> None:
    stays = [(str(n), f"2026-03-{3 + n:02}", f"2026-03-{4 + n:02}") for n in range(6)]
    calendar.serve(*stays)
    house.stage.run_for(minutes=30)
    calendar.serve()
    held = len(house.held())

    with bookings.changing() as session:
        intake.keep_held(session, session.get_one(Feed, calendar.id))
    answered = calendar.feed.held_until, _open_alerts(), [b.is_kept for b in calendar.bookings]
    for _ in range(9):
        calendar.serve()
        house.stage.run_for(hours=3)

    assert answered == (None, [], [True] * 6)
    assert {b.status for b in calendar.bookings} == {BookingStatus.CONFIRMED}
    assert len(house.held()) >= held - 1
    calendar.serve(*stays)
    assert [b.is_kept for b in calendar.bookings if b.arrives_on > date(2026, 3, 4)] == [False] * 4


def test_a_stay_that_a_person_lets_stand_again_is_not_taken_off_by_the_next_poll(
    house: House, calendar: Calendar
) -> None:
    stays = [(str(n), f"2026-03-{10 + 2 * n:02}", f"2026-03-{11 + 2 * n:02}") for n in range(8)]
    calendar.serve(*stays)
    first = calendar.bookings[0]
    calendar.serve(*stays[1:])
    house.stage.run_for(hours=4)
    calendar.serve(*stays[1:])
    assert house.booking(first.id).status is BookingStatus.CANCELLED

    with bookings.changing() as session:
        bookings.reinstate(session, session.get_one(Booking, first.id), "manager:1")
    calendar.serve(*stays[1:])
    house.stage.run_for(hours=4)
    calendar.serve(*stays[1:])

    assert house.booking(first.id).status is BookingStatus.CONFIRMED


def test_a_stay_that_is_listed_again_has_its_old_pin(house: House, calendar: Calendar) -> None:
    stays = [(str(n), f"2026-03-{10 + 2 * n:02}", f"2026-03-{11 + 2 * n:02}") for n in range(8)]
    calendar.serve(*stays)
    first = calendar.bookings[0]
    pin = house.pin(first)
    calendar.serve(*stays[1:])
    house.stage.run_for(hours=4)
    calendar.serve(*stays[1:])
    assert house.booking(first.id).status is BookingStatus.CANCELLED

    calendar.serve(*stays)

    assert house.booking(first.id).status is BookingStatus.CONFIRMED
    assert house.pin(first) == pin
    assert len(calendar.bookings) == 8


def test_no_feed_brings_back_what_a_person_cancelled(house: House, calendar: Calendar) -> None:
    calendar.serve(("a", "2026-03-10", "2026-03-12"))
    [booking] = calendar.bookings
    house.cancel(booking)

    calendar.serve(("a", "2026-03-10", "2026-03-12"))

    assert house.booking(booking.id).status is BookingStatus.CANCELLED
    assert len(calendar.bookings) == 1


def test_nothing_is_removed_while_the_guest_is_inside(house: House, calendar: Calendar) -> None:
    calendar.serve(("a", "2026-03-01", "2026-03-06"), ("b", "2026-03-20", "2026-03-22"))
    house.stage.run_for(minutes=5)
    inside = calendar.bookings[0]
    pin = house.pin(inside)

    for _ in range(8):
        calendar.serve(("b", "2026-03-20", "2026-03-22"))
        house.stage.run_for(hours=6)

    assert house.opens(pin)
    assert house.status(inside) is Status.CONFIRMED


def test_dates_a_person_changed_stay_until_the_feed_says_something_new(
    house: House, calendar: Calendar
) -> None:
    calendar.serve(("a", "2026-03-10", "2026-03-12"))
    [booking] = calendar.bookings
    with bookings.changing() as session:
        row = session.get_one(Booking, booking.id)
        bookings.change_dates(
            session, row, date(2026, 3, 10), None, date(2026, 3, 13), None, "manager:1"
        )

    calendar.serve(("a", "2026-03-10", "2026-03-12"))
    assert house.booking(booking.id).departs_on == date(2026, 3, 13)

    calendar.serve(("a", "2026-03-10", "2026-03-14"))
    assert house.booking(booking.id).departs_on == date(2026, 3, 14)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://calendars.example.com/1.ics", "starts with https://"),
        ("http://calendars.example.com/1.ics", "https://"),
        ("not an address", "starts with https://"),
        ("https://[::1", "not an address"),
    ],
)
def test_an_address_that_will_not_do_is_refused_in_words(
    house: House, address: str, words: str
) -> None:
    with pytest.raises(feeds.BadFeed, match=words) as refused, writing() as session:
        feeds.add_feed(session, session.get_one(Property, house.place.id), name="", address=address)

    assert refused.value.field == "address"


def test_a_feed_that_cannot_be_fetched_keeps_its_stays_and_raises_one_alert(
    house: House, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    calendar.serve(("a", "2026-03-10", "2026-03-12"))

    def time_out(*_args: object, **_options: object) -> None:
        raise FetchFailed("timeout", "The calendar took more than 20 seconds.")

    monkeypatch.setattr(feeds.network, "fetch", time_out)
    for _ in range(feeds.SICK_AFTER_FAILURES + 2):
        feeds.fetch(calendar.id)

    feed = calendar.feed
    assert feed.failures == feeds.SICK_AFTER_FAILURES + 2
    assert feed.error_words
    assert feed.due_at is not None
    assert feed.due_at > house.stage.now + timedelta(hours=2)
    assert _open_alerts() == ["feed_sick"]
    assert calendar.bookings[0].status is BookingStatus.CONFIRMED


class Network:
    """Stands for the calendar's host: answers as told, and remembers what it was asked."""

    def __init__(self, *answers: Fetched | FetchFailed) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[object, object]] = []

    def __call__(self, _address: str, **options: object) -> Fetched:
        self.asked.append((options["etag"], options["last_modified"]))
        answer = self._answers.pop(0)
        if isinstance(answer, FetchFailed):
            raise answer
        return answer


def _fresh(*stays: tuple[str, str, str]) -> Fetched:
    return Fetched("fresh", listing(*stays), '"v1"', "Mon, 02 Mar 2026 10:00:00 GMT")


UNCHANGED = Fetched("unchanged", b"", None, None)


def test_an_unchanged_calendar_is_not_sent_again_unless_an_absence_has_to_be_counted(
    house: House, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays = [(str(n), f"2026-03-{10 + 2 * n:02}", f"2026-03-{11 + 2 * n:02}") for n in range(8)]
    network = Network(_fresh(*stays), UNCHANGED, _fresh(*stays[1:]), _fresh(*stays[1:]))
    monkeypatch.setattr(feeds.network, "fetch", network)

    for _ in range(4):
        feeds.fetch(calendar.id)
        with writing() as session:
            # No sweep fetches it in between.
            session.get_one(Feed, calendar.id).due_at = None
        house.stage.run_for(hours=4)

    validators = ('"v1"', "Mon, 02 Mar 2026 10:00:00 GMT")
    assert network.asked == [(None, None), validators, validators, (None, None)]
    assert [b.status for b in calendar.bookings].count(BookingStatus.CANCELLED) == 1


def test_feeds_are_fetched_every_quarter_of_an_hour_and_not_all_at_once(
    calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds.network, "fetch", Network(*[_fresh()] * 12))
    due = []

    for _ in range(12):
        feeds.fetch(calendar.id)
        feed = calendar.feed
        assert feed.due_at is not None
        assert feed.tried_at is not None
        due.append((feed.due_at - feed.tried_at).total_seconds() / 60)

    assert all(13.5 <= minutes <= 16.5 for minutes in due)
    assert len(set(due)) > 1


def test_a_host_that_asks_for_patience_gets_it(
    calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = FetchFailed("http_429", "The host asks us to come less often.", 7200)
    monkeypatch.setattr(feeds.network, "fetch", Network(busy))

    feeds.fetch(calendar.id)

    feed = calendar.feed
    assert feed.due_at is not None
    assert feed.tried_at is not None
    assert feed.due_at - feed.tried_at >= timedelta(seconds=7200)


def test_an_uploaded_file_that_is_no_calendar_is_refused_and_leaves_nothing(house: House) -> None:
    with pytest.raises(feeds.BadFeed) as refused:
        feeds.upload(
            house.place.id, name="page.ics", body=b"<html>Sign in</html>", actor="manager:1"
        )

    assert refused.value.field == "file"
    assert db.session.scalars(select(Feed)).all() == []


def test_the_same_file_uploaded_twice_is_one_feed(house: House) -> None:
    body = listing(("a", "2026-03-10", "2026-03-12"))

    first, _ = feeds.upload(house.place.id, name="my.ics", body=body, actor="manager:1")
    second, taken = feeds.upload(house.place.id, name="my.ics", body=body, actor="manager:1")

    assert first == second
    assert taken.created == 0
