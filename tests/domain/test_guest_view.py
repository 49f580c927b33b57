"""What a guest sees and when: over time, confirmed or not, revoked or not, by setting."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from portal.domain.guest_view import (
    Advice,
    GuestFacts,
    Sight,
    advice,
    is_there,
    may_ask,
    opens_every_door,
    shows_fallback,
    sight,
    turns,
)
from portal.domain.status import Status
from portal.domain.stay import Window
from portal.domain.verdict import BookingFacts, DoorFacts

ARRIVES = datetime(2026, 3, 5, 21, 0, tzinfo=UTC)
DEPARTS = ARRIVES + timedelta(days=3)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def a_door(status: Status = Status.CONFIRMED, **fields: Any) -> DoorFacts:
    return DoorFacts(door_code_id=1, status=status, **fields)


def a_guest(*doors: DoorFacts, is_cancelled: bool = False, **fields: Any) -> GuestFacts:
    """A guest whose page may show the PIN from 24 hours before the arrival."""
    booking = BookingFacts(
        starts_at=ARRIVES,
        ends_at=DEPARTS,
        window_ends_at=DEPARTS + HOUR,
        is_cancelled=is_cancelled,
        doors=doors,
    )
    window = Window(ARRIVES - HOUR, DEPARTS + HOUR)
    values = {"window": window, "pin_from": ARRIVES - 24 * HOUR} | fields
    return GuestFacts(booking=booking, **values)


CONFIRMED, SENT = a_door(), a_door(Status.SENT)
COVERED = a_door(Status.QUEUED, is_covered=True)
OLD_DOOR = a_door(Status.REMOVING, is_wanted=False)


@pytest.mark.parametrize(
    ("before_arrival", "doors", "expected"),
    [
        (24 * HOUR + MINUTE, (CONFIRMED,), Sight.EARLY),
        (24 * HOUR + MINUTE, (SENT,), Sight.EARLY),
        (24 * HOUR, (CONFIRMED,), Sight.PIN),
        (24 * HOUR, (SENT,), Sight.PREPARING),
        (HOUR, (CONFIRMED, CONFIRMED), Sight.PIN),
        (HOUR, (CONFIRMED, SENT), Sight.PREPARING),
        (HOUR, (CONFIRMED, OLD_DOOR), Sight.PIN),
        (HOUR, (OLD_DOOR,), Sight.PREPARING),
        (HOUR, (), Sight.PREPARING),
        # A harmless change travels: the held entry covers the stay.
        (HOUR, (COVERED,), Sight.PIN),
        # A lock that is offline holds its codes all the same.
        (HOUR, (a_door(is_offline=True),), Sight.PIN),
        (HOUR, (a_door(Status.NEEDS_YOU),), Sight.PREPARING),
        (HOUR, (a_door(Status.UNSURE),), Sight.PREPARING),
        (-71 * HOUR, (CONFIRMED,), Sight.PIN),
        (-73 * HOUR + MINUTE, (CONFIRMED,), Sight.PIN),
        (-73 * HOUR, (CONFIRMED,), Sight.NOTHING),
        (-200 * HOUR, (CONFIRMED,), Sight.NOTHING),
    ],
)
def test_the_pin_is_seen_late_enough_and_only_while_it_opens_every_door(
    before_arrival: timedelta, doors: tuple[DoorFacts, ...], expected: Sight
) -> None:
    assert sight(a_guest(*doors), ARRIVES - before_arrival) is expected


@pytest.mark.parametrize("hours", [0, 1, 24, 336])
def test_the_setting_says_from_when(hours: int) -> None:
    guest = a_guest(CONFIRMED, pin_from=ARRIVES - hours * HOUR)

    assert sight(guest, ARRIVES - hours * HOUR - MINUTE) is Sight.EARLY
    assert sight(guest, ARRIVES - hours * HOUR) is Sight.PIN


@pytest.mark.parametrize("fields", [{"is_revoked": True}, {"is_cancelled": True}])
@pytest.mark.parametrize("before_arrival", [48 * HOUR, HOUR, -HOUR, -100 * HOUR])
def test_a_revoked_link_and_a_cancelled_stay_show_nothing_at_any_time(
    fields: dict[str, bool], before_arrival: timedelta
) -> None:
    guest = a_guest(CONFIRMED, has_fallback=True, asked_at=ARRIVES - 90 * MINUTE, **fields)
    now = ARRIVES - before_arrival

    assert sight(guest, now) is Sight.NOTHING
    assert not is_there(guest, now)
    assert not may_ask(guest, now)
    assert not shows_fallback(guest, now)


def test_a_booking_without_a_pin_is_being_prepared() -> None:
    assert sight(a_guest(CONFIRMED, has_pin=False), ARRIVES) is Sight.PREPARING


def test_every_status_but_confirmed_hides_the_pin() -> None:
    for status in Status:
        assert opens_every_door(a_guest(a_door(status)).booking) is (status is Status.CONFIRMED)


@pytest.mark.parametrize(
    ("before_arrival", "expected"),
    [(HOUR + MINUTE, False), (HOUR, True), (-HOUR, True), (-73 * HOUR, False)],
)
def test_help_can_be_asked_for_once_the_code_should_open(
    before_arrival: timedelta, expected: bool
) -> None:
    assert may_ask(a_guest(CONFIRMED), ARRIVES - before_arrival) is expected


@pytest.mark.parametrize(
    ("door", "before_arrival", "asked_before", "expected"),
    [
        (CONFIRMED, 0 * HOUR, None, False),
        (CONFIRMED, 0 * HOUR, 4 * MINUTE, False),
        (CONFIRMED, 0 * HOUR, 5 * MINUTE, True),
        (SENT, 0 * HOUR, None, True),
        (a_door(Status.NEEDS_YOU), 0 * HOUR, None, True),
        (a_door(is_offline=True), 0 * HOUR, None, True),
        # It opens the house: not before the guest may come in, however bad it looks.
        (a_door(Status.NEEDS_YOU), HOUR + MINUTE, None, False),
        (a_door(Status.UNSURE), 30 * HOUR, None, False),
    ],
)
def test_the_other_way_in_is_for_a_guest_who_may_come_in_and_might_not_get_in(
    door: DoorFacts, before_arrival: timedelta, asked_before: timedelta | None, expected: bool
) -> None:
    now = ARRIVES - before_arrival
    asked_at = now - asked_before if asked_before is not None else None
    guest = a_guest(door, has_fallback=True, asked_at=asked_at)

    assert shows_fallback(guest, now) is expected
    assert not shows_fallback(replace(guest, has_fallback=False), now)


@pytest.mark.parametrize(
    ("door", "checking", "paused", "expected"),
    [
        (CONFIRMED, None, None, Advice.TRY_AGAIN),
        (SENT, None, None, Advice.NOT_ANSWERING),
        (CONFIRMED, MINUTE, None, Advice.CHECKING),
        (SENT, MINUTE, None, Advice.CHECKING),
        # A check that takes too long is not spoken of as running.
        (CONFIRMED, 3 * MINUTE, None, Advice.NOT_ANSWERING),
        (CONFIRMED, MINUTE, MINUTE, Advice.KEYPAD_PAUSED),
        (CONFIRMED, None, 2 * MINUTE, Advice.TRY_AGAIN),
    ],
)
def test_a_guest_at_the_door_is_told_what_helps_now(
    door: DoorFacts,
    checking: timedelta | None,
    paused: timedelta | None,
    expected: Advice,
) -> None:
    told = advice(
        a_guest(door),
        ARRIVES,
        checking_since=ARRIVES - checking if checking is not None else None,
        paused_at=ARRIVES - paused if paused is not None else None,
    )

    assert told is expected


def test_what_a_page_shows_changes_only_at_the_times_it_names() -> None:
    guest = a_guest(SENT, has_fallback=True, asked_at=ARRIVES)
    now = ARRIVES - 60 * HOUR
    seen = []

    while now < DEPARTS + 2 * HOUR:
        seen.append((sight(guest, now), may_ask(guest, now), shows_fallback(guest, now)))
        until = min(turns(guest, now), default=DEPARTS + 2 * HOUR)
        moment = now
        while moment < until:
            now_seen = (sight(guest, moment), may_ask(guest, moment), shows_fallback(guest, moment))
            assert now_seen == seen[-1], moment
            moment += 7 * MINUTE
        now = until

    assert len(set(seen)) > 2
