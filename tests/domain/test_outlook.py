"""Whom to help first, and the one set of numbers of the arrivals page."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from portal.domain.notices import (
    GUEST_CANNOT_ENTER,
    NEEDS_YOU,
    NOT_CONFIRMED,
    STAFF_NEEDS_YOU,
    AlertFacts,
)
from portal.domain.outlook import (
    Case,
    Outlook,
    Stored,
    Worry,
    is_unread,
    matters,
    outlook,
    stands_still_from,
    to_judge,
    trying,
    worst_first,
)
from portal.domain.status import Verdict

NOW = datetime(2026, 11, 26, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)


def case(number: int, verdict: Verdict = Verdict.READY, at: float = 5, **fields: Any) -> Case:
    return Case(booking_id=number, verdict=verdict, starts_at=NOW + at * HOUR, **fields)


def alert(cause: str, number: int = 1, **fields: Any) -> AlertFacts:
    return AlertFacts(id=number, cause=cause, key=f"{cause}:{number}", opened_at=NOW, **fields)


def test_a_guest_who_calls_comes_before_every_verdict() -> None:
    cases = [
        case(1, Verdict.AT_RISK),
        case(2, Verdict.NOT_READY),
        case(3, has_keypad_trouble=True),
        case(4, has_called=True, has_keypad_trouble=True),
        case(5),
        case(6, Verdict.ON_TRACK),
    ]

    found = worst_first(cases, NOW)

    assert [each.booking_id for each in found] == [4, 3, 2, 1]
    assert found[0].worry is Worry.CALLS


def test_of_one_worry_guests_inside_come_first_the_last_to_arrive_before_all() -> None:
    at = {1: 2, 2: -90, 3: 60, 4: -1}
    cases = [case(number, Verdict.NOT_READY, hours) for number, hours in at.items()]

    assert [each.booking_id for each in worst_first(cases, NOW)] == [4, 2, 1, 3]


def stored(
    number: int, verdict: Verdict = Verdict.READY, at: float = 5, turns: float | None = None
) -> Stored:
    turns_at = NOW + turns * HOUR if turns is not None else None
    return Stored(number, verdict, NOW + at * HOUR, turns_at)


def test_only_who_is_stored_as_well_and_cannot_have_turned_is_not_judged_again() -> None:
    rows = [
        stored(1),
        stored(2, turns=1),
        stored(3, Verdict.ON_TRACK),
        stored(4, turns=-1),
        stored(5, Verdict.AT_RISK),
        stored(6, Verdict.NOT_READY, at=9),
        stored(7, Verdict.NOT_READY, at=-1),
        stored(8),
    ]

    found = to_judge(rows, {8}, NOW)

    assert [row.booking_id for row in found] == [8, 4, 7, 6, 5, 3]


def test_every_guest_stands_in_one_number() -> None:
    cases = [
        case(1, Verdict.READY, -1, has_called=True),
        case(2, Verdict.NOT_READY, -1, has_called=True),
        case(3, Verdict.AT_RISK, has_keypad_trouble=True),
        case(4, Verdict.NOT_READY),
    ]
    counts = {
        (True, Verdict.READY): 10,
        (True, Verdict.NOT_READY): 2,
        (False, Verdict.NOT_READY): 1,
        (False, Verdict.AT_RISK): 3,
        (False, Verdict.ON_TRACK): 4,
    }

    found = outlook(cases, counts)

    assert (found.calls, found.keypads, found.not_ready, found.at_risk) == (2, 1, 2, 2)
    assert (found.arrivals, found.inside, found.total) == (8, 12, 20)
    assert found.verdicts == {
        Verdict.READY: 10,
        Verdict.NOT_READY: 3,
        Verdict.AT_RISK: 3,
        Verdict.ON_TRACK: 4,
    }
    assert found.pressing == 5


@pytest.mark.parametrize(
    ("seen", "pressing", "mark", "is_calm"),
    [
        (Outlook(), 0, Verdict.READY, True),
        (Outlook(verdicts={Verdict.READY: 2, Verdict.ON_TRACK: 1}), 0, Verdict.ON_TRACK, True),
        (Outlook(calls=1), 1, Verdict.NOT_READY, False),
        (Outlook(keypads=1, at_risk=4), 1, Verdict.NOT_READY, False),
        (Outlook(not_ready=2, at_risk=4), 2, Verdict.NOT_READY, False),
        (Outlook(at_risk=4), 4, Verdict.AT_RISK, False),
        (Outlook(overdue=1), 0, Verdict.AT_RISK, False),
        (Outlook(matters=1), 0, Verdict.AT_RISK, False),
    ],
)
def test_the_page_looks_like_the_worst_of_what_it_counts(
    seen: Outlook, pressing: int, mark: Verdict, is_calm: bool
) -> None:
    assert (seen.pressing, seen.mark, seen.is_calm) == (pressing, mark, is_calm)


@pytest.mark.parametrize(
    ("open_alert", "counts"),
    [
        (alert("feed_sick"), True),
        (alert("channel_dead"), True),
        (alert("signed_out"), True),
        (alert(STAFF_NEEDS_YOU), True),
        # Nobody can end an outage of Schlage's.
        (alert("schlage_outage"), False),
        # What the rows of guests say is counted with the guests.
        (alert(GUEST_CANNOT_ENTER, booking_id=7), False),
        (alert(NOT_CONFIRMED, booking_id=9), False),
        (alert(NEEDS_YOU, booking_id=7), False),
        (alert("lock_offline", booking_id=7, lock_id=3), False),
        # A stay that is further ahead stands in no row.
        (alert(NEEDS_YOU, booking_id=9), True),
        # A past stay's code stands in a list of its own; what is old of one that stands, and a
        # staff code, nowhere else.
        (alert("removal_unconfirmed", booking_id=5), False),
        (alert("removal_unconfirmed", booking_id=9), True),
        (alert("removal_unconfirmed"), True),
        (alert("split_brain"), True),
    ],
)
def test_an_open_alert_counts_once_and_only_where_a_person_can_do_something(
    open_alert: AlertFacts, counts: bool
) -> None:
    assert bool(matters([open_alert], worried={7}, listed={5})) is counts


def test_a_trouble_with_two_alerts_is_one_matter() -> None:
    alerts = [alert(NEEDS_YOU, n, booking_id=9, lock_id=3) for n in (1, 2)]

    assert len(matters(alerts, worried=(), listed=())) == 1


def test_a_code_that_was_told_of_is_being_tried_while_its_guest_needs_nobody() -> None:
    alerts = [alert(NOT_CONFIRMED, n, booking_id=n % 4) for n in range(1, 9)]
    cases = [
        case(1, Verdict.ON_TRACK),
        case(2, Verdict.AT_RISK),
        case(3, Verdict.ON_TRACK, has_called=True),
        case(5, Verdict.ON_TRACK),
    ]

    assert trying(alerts, cases) == 1
    assert trying([], cases) == 0


def test_a_calendar_is_unread_after_two_hours() -> None:
    assert not is_unread(NOW - timedelta(minutes=119), NOW)
    assert is_unread(NOW - timedelta(minutes=120), NOW)


def test_work_that_waits_for_minutes_shows_that_nobody_sees_to_it() -> None:
    assert stands_still_from(NOW) == NOW + timedelta(minutes=5)
