"""What a channel is told and when: the policy as a table, and as properties of any history."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.notices import (
    GATHER,
    SETTLES,
    WINDOW,
    AlertFacts,
    Kind,
    Message,
    Plan,
    Progress,
    Told,
    Topic,
    Wish,
    digest_day,
    plan,
    quiet_end,
    topic_of,
)
from portal.domain.problems import ProblemKey

NOW = datetime(2026, 3, 5, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
EVERYTHING = Wish(topics=frozenset(Topic), zone=ZoneInfo("UTC"))
AT_NIGHT = replace(EVERYTHING, quiet_from=time(22), quiet_until=time(7))
NIGHT = datetime(2026, 3, 5, 23, 40, tzinfo=UTC)
MORNING = datetime(2026, 3, 6, 7, tzinfo=UTC)


def arrival(
    hours: float = 20, step: str = "24h", *, at: datetime = NOW, **values: int
) -> AlertFacts:
    """A guest at a door whose code is not confirmed, open for five minutes at `at`."""
    fields = {"id": 1, "booking_id": 10, "lock_id": 5, "connection_id": 3} | values
    return AlertFacts(
        cause="not_confirmed",
        key=f"not_confirmed:{step}:{fields['id']}",
        opened_at=at - 5 * MINUTE,
        arrives_at=at + hours * HOUR,
        **fields,
    )


def local(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def trouble(
    cause: str,
    *,
    at: datetime = NOW,
    lock_id: int | None = None,
    number: int = 7,
    connection_id: int | None = 3,
) -> AlertFacts:
    return AlertFacts(
        id=number,
        cause=cause,
        key=f"{cause}:{number}",
        opened_at=at - 5 * MINUTE,
        lock_id=lock_id,
        connection_id=connection_id,
    )


@dataclass
class Channel:
    """A channel with its memory; what is planned is sent at once, unless it is `stuck`."""

    wish: Wish = EVERYTHING
    told: dict[str, Told] = field(default_factory=dict)
    sent: list[Message] = field(default_factory=list)
    is_stuck: bool = False

    def look(self, alerts: list[AlertFacts], now: datetime) -> list[Kind]:
        """The kinds of what is said now."""
        planned = plan(self.wish, alerts, self.told.values(), now)
        self.take(planned, now)
        return [message.kind for message in planned.messages]

    def take(self, planned: Plan, now: datetime) -> None:
        for thread in planned.forgotten:
            del self.told[thread]
        for thread, item in planned.raised.items():
            self.told[thread] = replace(self.told[thread], level=item.level)
        for thread in planned.over:
            self.told[thread] = replace(self.told[thread], over_at=now)
        for thread in planned.back:
            self.told[thread] = replace(self.told[thread], over_at=None)
        for message in planned.messages:
            self.sent.append(message)
            for item in message.items:
                if message.kind is Kind.RESOLVED:
                    del self.told[item.thread]
                else:
                    self.told[item.thread] = Told(
                        thread=item.thread,
                        level=item.level,
                        bundle=item.bundle,
                        told_at=now,
                        alert_id=item.alert_id,
                        progress=Progress.PENDING if self.is_stuck else Progress.SENT,
                    )


# One notice per trouble


def test_a_trouble_is_told_of_once_however_often_it_is_looked_at() -> None:
    channel = Channel()

    first = channel.look([arrival()], NOW)
    later = [channel.look([arrival()], NOW + n * MINUTE) for n in range(1, 300, 7)]

    assert first == [Kind.OPENED]
    assert later == [[]] * len(later)


def test_what_is_over_is_told_once() -> None:
    channel = Channel()
    channel.look([arrival()], NOW)

    assert channel.look([], NOW + HOUR) == [Kind.RESOLVED]
    assert channel.look([], NOW + 2 * HOUR) == []


def test_what_was_over_before_it_was_sent_is_never_told_of() -> None:
    channel = Channel(is_stuck=True)
    channel.look([arrival()], NOW)

    assert channel.look([], NOW + HOUR) == []
    assert channel.told == {}


def test_a_notice_that_never_got_through_is_not_said_to_be_over() -> None:
    channel = Channel()
    channel.look([arrival()], NOW)
    lost = {t: replace(each, progress=Progress.LOST) for t, each in channel.told.items()}
    channel.told = lost

    assert channel.look([], NOW + HOUR) == []


def test_a_trouble_that_is_over_within_moments_is_not_worth_a_word() -> None:
    channel = Channel()
    young = replace(trouble("lock_offline", lock_id=5), opened_at=NOW)

    assert channel.look([young], NOW) == []
    assert channel.look([young], NOW + GATHER) == [Kind.OPENED]


def test_two_old_codes_on_one_lock_are_one_notice() -> None:
    channel = Channel()
    first = trouble("removal_unconfirmed", lock_id=5, number=1)
    second = trouble("removal_unconfirmed", lock_id=5, number=2)

    said = channel.look([first, second], NOW) + channel.look([second], NOW + HOUR)

    assert said == [Kind.OPENED]
    assert channel.look([], NOW + 2 * HOUR) == []
    assert channel.look([], NOW + 2 * HOUR + SETTLES) == [Kind.RESOLVED]


def test_a_lock_that_comes_and_goes_is_one_message_until_it_stays() -> None:
    channel = Channel()
    said = []
    for minute in range(60):
        is_away = minute % 10 < 6
        offline = trouble("lock_offline", lock_id=5, number=100 + minute // 10)
        said += channel.look([offline] if is_away else [], NOW + minute * MINUTE)

    assert said == [Kind.OPENED]
    assert channel.look([], NOW + HOUR + SETTLES - 7 * MINUTE) == []
    assert channel.look([], NOW + HOUR + SETTLES) == [Kind.RESOLVED]
    assert channel.look([], NOW + 3 * HOUR) == []


def test_what_is_over_about_a_guest_is_said_at_once() -> None:
    channel = Channel()
    channel.look([arrival(), trouble("lock_offline", lock_id=6)], NOW)

    assert channel.look([], NOW + MINUTE) == [Kind.RESOLVED]
    assert [item.bundle for item in channel.sent[-1].items] == ["arrival:3"]


# Escalation


def test_an_arrival_that_comes_closer_is_said_to_be_more_urgent_and_not_over() -> None:
    channel = Channel()

    said = [
        channel.look([arrival(20, "24h")], NOW),
        channel.look([arrival(6, "6h", id=2)], NOW + 14 * HOUR),
        channel.look([arrival(2, "2h", id=3)], NOW + 18 * HOUR),
        channel.look([], NOW + 19 * HOUR),
    ]

    assert said == [[Kind.OPENED], [Kind.ESCALATED], [Kind.ESCALATED], [Kind.RESOLVED]]


def test_a_code_that_needs_a_person_goes_on_as_the_arrival_that_it_endangers() -> None:
    channel = Channel()
    far = AlertFacts(
        id=1,
        cause="needs_you",
        key="needs_you:1",
        opened_at=NOW - HOUR,
        booking_id=10,
        lock_id=5,
        connection_id=3,
        arrives_at=NOW + 30 * HOUR,
    )

    assert channel.look([far], NOW) == [Kind.OPENED]
    assert channel.look([arrival(24, "24h", id=2)], NOW + 6 * HOUR) == [Kind.ESCALATED]


def test_an_arrival_that_moves_away_again_is_neither_more_urgent_nor_over() -> None:
    channel = Channel()
    channel.look([arrival(5, "6h")], NOW)

    assert channel.look([arrival(20, "24h", id=2)], NOW + MINUTE) == []


def test_an_unsent_notice_tells_of_the_higher_level_and_is_no_second_one() -> None:
    channel = Channel(is_stuck=True)
    channel.look([arrival(20, "24h")], NOW)

    assert channel.look([arrival(5, "6h", id=2)], NOW + HOUR) == []
    assert [told.level for told in channel.told.values()] == [2]


def test_what_was_lost_is_told_anew_once_it_is_more_urgent() -> None:
    channel = Channel()
    channel.look([arrival(20, "24h")], NOW)
    channel.told = {t: replace(e, progress=Progress.LOST) for t, e in channel.told.items()}

    assert channel.look([arrival(20, "24h")], NOW + HOUR) == []
    assert channel.look([arrival(5, "6h", id=2)], NOW + HOUR) == [Kind.OPENED]


# Outages


@pytest.mark.parametrize("outage", ["schlage_outage", "signed_out"])
def test_an_outage_is_one_notice_and_its_locks_are_quiet(outage: str) -> None:
    channel = Channel()
    consequences = [arrival(20, "24h", id=n, booking_id=n, lock_id=n) for n in range(1, 30)] + [
        trouble("removal_unconfirmed", lock_id=n, number=100 + n) for n in range(1, 9)
    ]

    said = channel.look([trouble(outage), *consequences], NOW)

    assert said == [Kind.OPENED]
    assert [item.thread for item in channel.sent[0].items] == [f"{outage}:7"]


def test_a_guest_within_six_hours_is_told_of_in_an_outage_too() -> None:
    channel = Channel()

    channel.look(
        [trouble("schlage_outage"), arrival(5, "6h"), arrival(9, "24h", id=2, booking_id=11)], NOW
    )

    threads = {item.thread for message in channel.sent for item in message.items}
    assert threads == {"schlage_outage:7", "arrival:10:5"}


def test_another_connections_locks_are_told_of_in_an_outage() -> None:
    channel = Channel()

    channel.look([trouble("schlage_outage"), arrival(20, connection_id=4)], NOW)

    assert len(channel.sent) == 2


def test_who_does_not_hear_of_outages_hears_of_their_guests() -> None:
    channel = Channel(replace(EVERYTHING, topics=frozenset({Topic.ARRIVALS})))

    assert channel.look([trouble("schlage_outage"), arrival()], NOW) == [Kind.OPENED]
    assert channel.sent[0].items[0].thread == "arrival:10:5"


def test_what_was_told_before_an_outage_is_not_over_because_of_it() -> None:
    channel = Channel()
    channel.look([arrival()], NOW)

    assert channel.look([trouble("schlage_outage"), arrival()], NOW + HOUR) == [Kind.OPENED]


def test_many_alerts_of_a_cause_behind_one_connection_are_one_notice() -> None:
    channel = Channel()
    guests = [arrival(20 - n, id=n, booking_id=n, lock_id=n) for n in range(1, 12)]

    assert channel.look(guests, NOW) == [Kind.OPENED]
    arrivals = [item.alert_id for item in channel.sent[0].items]
    assert arrivals == list(range(11, 0, -1)), "the soonest arrival stands first"


def test_latecomers_of_a_bundle_wait_for_each_other() -> None:
    channel = Channel()
    first, second, third = (
        replace(trouble("lock_offline", lock_id=n, number=n), opened_at=NOW + n * MINUTE)
        for n in (0, 4, 9)
    )

    said = [
        channel.look([first], NOW + GATHER),
        channel.look([first, second], NOW + 7 * MINUTE),
        channel.look([first, second, third], NOW + 12 * MINUTE),
        channel.look([first, second, third], NOW + GATHER + WINDOW),
    ]

    assert said == [[Kind.OPENED], [], [], [Kind.OPENED]]
    assert len(channel.sent[-1].items) == 2


# A lock that keeps a guest's code off


@pytest.mark.parametrize("cause", ["lock_full", "lock_offline", "lock_missing"])
def test_what_keeps_a_code_off_its_lock_is_told_with_its_guest_and_not_once_more(
    cause: str,
) -> None:
    channel = Channel()
    of_lock = replace(trouble(cause, lock_id=5), booking_id=10)

    assert channel.look([arrival(), of_lock], NOW) == [Kind.OPENED]
    assert [item.thread for item in channel.sent[0].items] == ["arrival:10:5"]
    # The guest is helped, and the lock is not.
    assert channel.look([of_lock], NOW + HOUR) == [Kind.OPENED, Kind.RESOLVED]


def test_a_lock_in_trouble_is_told_of_for_another_guest_and_to_who_hears_of_no_guests() -> None:
    of_lock = replace(trouble("lock_offline", lock_id=5), booking_id=11)

    assert Channel().look([arrival(), of_lock], NOW) == [Kind.OPENED, Kind.OPENED]
    only_locks = Channel(replace(EVERYTHING, topics=frozenset({Topic.EQUIPMENT})))
    same_guest = replace(of_lock, booking_id=10)
    assert only_locks.look([arrival(), same_guest], NOW) == [Kind.OPENED]


def test_weak_batteries_are_told_of_beside_the_guest_whose_code_is_late() -> None:
    channel = Channel()

    channel.look([arrival(), replace(trouble("low_battery", lock_id=5), booking_id=10)], NOW)

    assert len(channel.sent) == 2


# Quiet hours


def test_at_night_only_a_guest_within_six_hours_wakes_somebody() -> None:
    channel = Channel(AT_NIGHT)
    alerts = [
        arrival(5, "6h", at=NIGHT),
        arrival(12, "24h", at=NIGHT, id=2, booking_id=11),
        trouble("lock_offline", at=NIGHT, lock_id=9),
        trouble("signed_out", at=NIGHT, number=8, connection_id=4),
    ]

    assert channel.look(alerts, NIGHT) == [Kind.OPENED]
    assert [item.thread for item in channel.sent[0].items] == ["arrival:10:5"]


def test_what_was_held_comes_in_one_notice_in_the_morning() -> None:
    channel = Channel(AT_NIGHT)
    alerts = [
        arrival(20, "24h", at=NIGHT),
        trouble("lock_offline", at=NIGHT, lock_id=9, number=20),
        trouble("feed_sick", at=NIGHT, number=21, connection_id=None),
    ]
    over = trouble("removal_unconfirmed", at=NIGHT, lock_id=8, number=22)
    channel.look([*alerts, over], NIGHT)

    assert channel.sent == []
    assert channel.look(alerts, MORNING) == [Kind.OPENED]
    assert len(channel.sent[0].items) == 3


def test_what_is_over_at_night_is_said_in_the_morning() -> None:
    channel = Channel(AT_NIGHT)
    channel.look([arrival(20, at=NOW)], NOW)

    assert channel.look([], NIGHT) == []
    assert channel.look([], MORNING) == [Kind.RESOLVED]


def test_what_comes_back_in_the_same_night_is_not_said_to_be_over() -> None:
    channel = Channel(AT_NIGHT)
    offline = trouble("lock_offline", lock_id=5)
    channel.look([offline], NOW)
    channel.look([], NIGHT)

    assert channel.look([offline], MORNING) == []


def test_an_arrival_that_becomes_urgent_at_night_wakes_somebody() -> None:
    channel = Channel(AT_NIGHT)
    channel.look([arrival(12, "24h", at=NOW)], NOW)

    assert channel.look([arrival(6, "6h", at=NIGHT, id=2)], NIGHT) == [Kind.ESCALATED]


@pytest.mark.parametrize(
    ("quiet", "at", "ends"),
    [
        ((time(22), time(7)), "2026-03-05T21:59", None),
        ((time(22), time(7)), "2026-03-05T22:00", "2026-03-06T07:00"),
        ((time(22), time(7)), "2026-03-06T06:59", "2026-03-06T07:00"),
        ((time(22), time(7)), "2026-03-06T07:00", None),
        ((time(13), time(15)), "2026-03-05T14:00", "2026-03-05T15:00"),
        ((time(13), time(15)), "2026-03-05T15:00", None),
        ((time(0), time(7)), "2026-03-06T00:00", "2026-03-06T07:00"),
        ((time(7), time(7)), "2026-03-06T07:00", None),
        # The night in which the clocks go forward in New York, at 2 in the morning.
        ((time(22), time(7)), "2026-03-08T03:30", "2026-03-08T07:00"),
    ],
)
def test_quiet_hours_go_by_the_channels_own_clock(
    quiet: tuple[time, time], at: str, ends: str | None
) -> None:
    zone = ZoneInfo("America/New_York")
    wish = Wish(topics=frozenset(Topic), zone=zone, quiet_from=quiet[0], quiet_until=quiet[1])

    found = quiet_end(wish, local(at, zone).astimezone(UTC))

    assert found == (local(ends, zone) if ends else None)


def test_what_is_over_keeps_nothing_new_waiting() -> None:
    channel = Channel()
    first, second = arrival(id=1, booking_id=1), arrival(id=2, booking_id=2)
    channel.look([first], NOW)

    said = channel.look([second], NOW + MINUTE)

    assert said == [Kind.OPENED, Kind.RESOLVED]
    assert channel.look([second], NOW + MINUTE) == []


def test_a_guest_who_stands_at_the_door_is_told_of_at_once_and_alone() -> None:
    channel = Channel(AT_NIGHT)
    at_the_door = AlertFacts(
        id=9,
        cause="guest_cannot_enter",
        key="guest_cannot_enter:10",
        opened_at=NIGHT,
        booking_id=10,
        arrives_at=NIGHT - 5 * HOUR,
    )

    said = channel.look([at_the_door, arrival(1, "2h", at=NIGHT)], NIGHT)

    assert said == [Kind.OPENED, Kind.OPENED]
    assert [len(message.items) for message in channel.sent] == [1, 1]
    assert channel.look([at_the_door], NIGHT + MINUTE) == []


def locked_keypad(hours: float | None, *, at: datetime) -> AlertFacts:
    """A keypad that has just locked itself, with a guest who arrives in so many hours."""
    return AlertFacts(
        id=11,
        cause="keypad_locked",
        key="keypad_locked:5",
        opened_at=at,
        booking_id=None if hours is None else 10,
        lock_id=5,
        connection_id=3,
        arrives_at=None if hours is None else at + hours * HOUR,
    )


@pytest.mark.parametrize(
    ("hours", "is_woken"),
    [(-30, True), (-1, True), (6, True), (6.1, False), (20, False), (None, False)],
)
def test_a_locked_keypad_wakes_somebody_only_for_a_guest_inside_or_close(
    hours: float | None, is_woken: bool
) -> None:
    channel = Channel(AT_NIGHT)

    said = channel.look([locked_keypad(hours, at=NIGHT)], NIGHT)

    assert said == ([Kind.OPENED] if is_woken else [])
    assert channel.look([], NIGHT + 10 * MINUTE) == []
    assert channel.look([], MORNING) == ([Kind.RESOLVED] if is_woken else [])


def test_by_day_a_locked_keypad_is_told_of_for_a_guest_who_comes_later_too() -> None:
    channel = Channel()

    at_once = channel.look([locked_keypad(20, at=NOW)], NOW)
    later = channel.look([locked_keypad(20, at=NOW)], NOW + GATHER)

    assert (at_once, later) == ([], [Kind.OPENED])


def test_the_guest_whose_name_a_locked_keypad_has_may_change_and_is_told_of_once() -> None:
    channel = Channel()
    first = locked_keypad(-1, at=NOW)
    channel.look([first], NOW)

    assert channel.look([replace(first, booking_id=12)], NOW + MINUTE) == []


# Topics and the digest


def test_every_cause_belongs_to_a_topic() -> None:
    arrivals = {"not_confirmed", "needs_you", "guest_cannot_enter", "keypad_locked"}
    assert {topic_of(cause) for cause in arrivals} == {Topic.ARRIVALS}
    removals = {ProblemKey.REMOVAL_UNCONFIRMED, ProblemKey.SPLIT_BRAIN}
    assert {topic_of(str(cause)) for cause in removals} == {Topic.REMOVALS}
    others = [*set(ProblemKey) - removals, "feed_sick", "something_new"]
    assert {topic_of(str(cause)) for cause in others} == {Topic.EQUIPMENT}


def test_a_channel_hears_of_nothing_that_it_did_not_ask_for() -> None:
    channel = Channel(replace(EVERYTHING, topics=frozenset({Topic.REMOVALS})))

    assert channel.look([arrival(1, "2h"), trouble("lock_offline", lock_id=5)], NOW) == []


@pytest.mark.parametrize(
    ("at", "last", "due"),
    [
        ("2026-03-05T07:59", None, None),
        ("2026-03-05T08:00", None, date(2026, 3, 5)),
        ("2026-03-05T08:00", date(2026, 3, 4), date(2026, 3, 5)),
        ("2026-03-05T11:59", date(2026, 3, 5), None),
        ("2026-03-05T12:00", date(2026, 3, 4), None),
    ],
)
def test_the_digest_comes_once_in_the_morning_of_the_channel(
    at: str, last: date | None, due: date | None
) -> None:
    zone = ZoneInfo("Asia/Tokyo")

    assert digest_day(zone, last, local(at, zone).astimezone(UTC)) == due


# Any history

_CAUSES = ("lock_offline", "removal_unconfirmed", "schlage_outage", "signed_out", "feed_sick")


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[timedelta, list[AlertFacts]]]:
    """Moments, each with the alerts that are open then; an alert keeps its opening time."""
    moments = []
    at = timedelta()
    opened: dict[str, datetime] = {}
    for _ in range(draw(st.integers(1, 12))):
        at += draw(st.sampled_from((MINUTE, 20 * MINUTE, HOUR, 7 * HOUR)))
        alerts = []
        for number in draw(st.sets(st.integers(1, 5), max_size=5)):
            left = 30 * HOUR - at
            step = "2h" if left <= 2 * HOUR else "6h" if left <= 6 * HOUR else "24h"
            alerts.append(arrival(0, step, id=number, booking_id=number, lock_id=number % 3))
            alerts[-1] = replace(alerts[-1], arrives_at=NOW + 30 * HOUR)
        for cause in draw(st.sets(st.sampled_from(_CAUSES))):
            is_of_lock = cause in {"lock_offline", "removal_unconfirmed"}
            alerts.append(trouble(cause, lock_id=1 if is_of_lock else None))
        opened = {a.thread: opened.get(a.thread, NOW + at) for a in alerts}
        moments.append((at, [replace(a, opened_at=opened[a.thread]) for a in alerts]))
    return moments


@given(histories(), st.sampled_from((EVERYTHING, AT_NIGHT)))
def test_any_history_is_told_calmly(
    history: list[tuple[timedelta, list[AlertFacts]]], wish: Wish
) -> None:
    channel = Channel(wish)
    open_threads: dict[str, int] = {}
    for at, alerts in history:
        now = NOW + at
        before = len(channel.sent)
        channel.look(alerts, now)
        by_thread = {a.thread: a for a in alerts}

        for message in channel.sent[before:]:
            assert message.items
            for item in message.items:
                if message.kind is Kind.OPENED:
                    assert item.thread not in open_threads, "opened twice"
                    open_threads[item.thread] = item.level
                elif message.kind is Kind.ESCALATED:
                    assert item.level > open_threads[item.thread], "no more urgent than before"
                    open_threads[item.thread] = item.level
                else:
                    assert item.thread not in by_thread, "said to be over while it is open"
                    del open_threads[item.thread]
                if quiet_end(wish, now) is not None:
                    assert any(a.thread == item.thread and a.is_urgent(now) for a in alerts), (
                        "somebody was woken for nothing"
                    )
        for alert in alerts:
            if alert.is_urgent(now):
                assert alert.thread in open_threads, "an urgent arrival was kept back"

        assert plan(wish, alerts, channel.told.values(), now).is_empty, "says something twice"
