"""Notices from the alert to the channel: once, again after a failure, in plain words."""

import json
from datetime import time, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from portal import clock
from portal.domain import door_event
from portal.domain.door_event import What, Whose
from portal.domain.notices import Kind
from portal.domain.outgoing import NOTICE_PAUSES, State
from portal.domain.problems import CATALOGUE, ProblemKey
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.extensions import db
from portal.messages.child import Text
from portal.models import (
    Alert,
    Booking,
    Channel,
    ChannelThread,
    Connection,
    ConnectionState,
    DoorCode,
    Lock,
    Notice,
    PinOrigin,
    Source,
)
from portal.network.errors import CallRefused
from portal.queue import JobName
from portal.services import channels, guest_help, notices, outgoing, ringing, sweep
from portal.unit_of_work import writing
from tests.fakes.outside import DOWN
from tests.notices.passing_time import World
from tests.support.builders import (
    fresh,
    make_account,
    make_booking,
    make_channel,
    make_connection,
    make_door_code,
    make_door_event,
    make_endpoint,
    make_lock,
    make_notice,
    make_property,
    make_staff_code,
)

HOUR = timedelta(hours=1)


def a_late_stay(
    *, arrives_in: timedelta = 5 * HOUR, lock: Lock | None = None, **fields: object
) -> tuple[Booking, DoorCode]:
    """A guest on the way to a door whose code is not confirmed."""
    lock = lock or make_lock(name="Street door")
    values = {"guest_name": "Ana Guest", "guest_phone": "+1 212 555 0142"} | fields
    place = make_property(locks=[lock], name="Casa Mar", fallback_entry=Secret("Key box 4711"))
    booking = make_booking(place, arrives_in=arrives_in, **values)
    code = make_door_code(booking, lock, status=Status.RETRYING, created_at=clock.now() - 48 * HOUR)
    return booking, code


def confirm(code: DoorCode) -> None:
    with writing() as session:
        session.get_one(DoorCode, code.id).status = Status.CONFIRMED


def only_notice() -> Notice:
    db.session.rollback()
    return db.session.scalars(select(Notice)).one()


# Told once


def test_an_alert_is_told_once_and_so_is_its_end(world: World) -> None:
    make_channel()
    _, code = a_late_stay(arrives_in=20 * HOUR)

    world.pass_time(minutes=30)
    confirm(code)
    world.pass_time(minutes=30)

    assert [title.partition(":")[0] for title in world.titles] == [
        "Ana Guest at Casa Mar, tomorrow 8",
        "Over",
    ]


def test_what_comes_and_goes_is_told_once_and_said_to_be_over_when_it_stays_away(
    world: World,
) -> None:
    make_channel()
    lock = make_lock(name="Street door")
    coming = make_booking(make_property(locks=[lock]), arrives_in=30 * HOUR)
    make_door_code(coming, lock, status=Status.CONFIRMED)

    for _ in range(3):
        for battery in ("critical", "normal"):
            with writing() as session:
                session.get_one(Lock, lock.id).battery_state = battery
            world.pass_time(minutes=8)

    assert len(world.titles) == 1
    world.pass_time(minutes=10)
    assert [title.partition(":")[0] for title in world.titles[1:]] == ["Over"]


def test_an_arrival_within_six_hours_is_told_at_once(world: World) -> None:
    make_channel()
    a_late_stay()

    world.sweep()

    assert len(world.titles) == 1


def test_an_alert_that_becomes_more_urgent_says_so(world: World) -> None:
    make_channel()
    a_late_stay(arrives_in=7 * HOUR)

    world.pass_time(hours=6)

    kinds = db.session.scalars(select(Notice.kind).order_by(Notice.id)).all()
    assert kinds == [Kind.OPENED, Kind.ESCALATED, Kind.ESCALATED]
    assert world.titles[1].startswith("More urgent now: Ana Guest")


def test_a_code_that_is_tried_again_after_a_resync_is_neither_over_nor_told_of_twice(
    world: World,
) -> None:
    make_channel()
    _, code = a_late_stay(arrives_in=100 * HOUR)

    for status in (Status.NEEDS_YOU, Status.SENT, Status.RETRYING, Status.NEEDS_YOU):
        with writing() as session:
            session.get_one(DoorCode, code.id).status = status
        world.pass_time(minutes=20)

    assert len(world.titles) == 1
    confirm(code)
    world.pass_time(minutes=2)
    assert [title.partition(":")[0] for title in world.titles[1:]] == ["Over"]


def test_what_ends_only_because_nobody_is_on_the_way_is_not_said_to_be_mended(
    world: World,
) -> None:
    make_channel()
    lock = make_lock(name="Street door", is_online=False, online_changed_at=world.now - HOUR)
    booking = make_booking(make_property(locks=[lock]), arrives_in=HOUR)
    make_door_code(booking, lock, status=Status.CONFIRMED)

    world.pass_time(minutes=90)

    [_, (_, text)] = world.messenger.sent
    assert text.title == "Nobody is on the way to it now: Street door: the lock is offline"
    assert "it is not mended" in text.body
    assert "Nothing to do" not in text.body


def test_an_arrival_that_moves_away_is_over_in_words_that_do_not_say_that_it_is_done(
    world: World,
) -> None:
    make_channel()
    booking, _ = a_late_stay(arrives_in=20 * HOUR)
    world.pass_time(minutes=5)

    with writing() as session:
        moved = session.get_one(Booking, booking.id)
        moved.starts_at += 100 * HOUR
        moved.ends_at += 100 * HOUR
    world.pass_time(minutes=5)

    [_, (_, text)] = world.messenger.sent
    assert text.title.startswith("Over: Ana Guest at Casa Mar")
    assert "It is tried again on Street door." in text.body
    assert "Nothing to do" not in text.body


def test_a_change_for_a_guest_inside_wakes_nobody_while_it_travels(world: World) -> None:
    world.jump(hours=11, minutes=40)  # 23:40 in New York
    make_channel(quiet_from=time(22), quiet_until=time(7))
    _, code = a_late_stay(arrives_in=-5 * HOUR)
    with writing() as session:
        session.get_one(DoorCode, code.id).changed_at = world.now

    world.pass_time(minutes=10)
    confirm(code)
    world.pass_time(hours=12)

    assert world.titles == []


def test_a_revoked_staff_code_is_told_of_although_an_old_code_of_that_lock_was_told_of_before(
    world: World,
) -> None:
    make_channel()
    lock = make_lock(name="Street door")
    leaving = {"is_wanted": False, "status": Status.REMOVING}
    make_door_code(make_booking(arrives_in=-100 * HOUR), lock, **leaving)
    world.pass_time(minutes=5)
    staff = make_staff_code(locks=[lock])
    with writing() as session:
        code = session.scalars(select(DoorCode).where(DoorCode.staff_code_id == staff.id)).one()
        code.is_wanted, code.status, code.ends_at = False, Status.REMOVING, world.now - HOUR

    world.pass_time(minutes=30)

    [_, (_, text)] = world.messenger.sent
    assert "What is wrong: Rosa Clean at Street door:" in text.body


def test_a_lock_that_is_offline_and_keeps_a_guests_code_off_is_one_notice(world: World) -> None:
    make_channel()
    lock = make_lock(name="Street door", is_online=False, online_changed_at=world.now - HOUR)
    a_late_stay(arrives_in=90 * timedelta(minutes=1), lock=lock)

    world.pass_time(minutes=30)

    [(_, text)] = world.messenger.sent
    assert "Street door is offline." in text.body
    assert "tell the guest the other way in" in text.body


def test_every_channel_hears_what_it_asked_for(world: World) -> None:
    make_channel(name="arrivals", address=Secret("slack://arrivals"))
    make_channel(name="removals", address=Secret("slack://removals"), topics=["removals"])
    a_late_stay()

    world.pass_time(minutes=5)

    assert [address for address, _ in world.messenger.sent] == ["slack://arrivals"]


def test_another_accounts_channel_hears_nothing(world: World) -> None:
    make_account("Ours")
    make_channel(make_account("Theirs"))
    a_late_stay()

    world.pass_time(minutes=5)

    assert world.messenger.sent == []


def test_an_outage_with_all_its_locks_is_one_notice(world: World) -> None:
    make_channel()
    connection = make_connection(outage_since=world.now)
    for _ in range(6):
        a_late_stay(arrives_in=20 * HOUR, lock=make_lock(connection))

    world.pass_time(minutes=20)

    assert len(world.titles) == 1
    assert "schlage has trouble" in world.titles[0]


def test_after_an_outage_what_is_still_wrong_is_one_notice(world: World) -> None:
    make_channel()
    connection = make_connection(outage_since=world.now)
    for _ in range(6):
        a_late_stay(arrives_in=20 * HOUR, lock=make_lock(connection))
    world.pass_time(minutes=20)

    with writing() as session:
        session.get_one(Connection, connection.id).outage_since = None
    world.pass_time(minutes=20)

    assert len(world.titles) == 3
    assert sorted("(and 5 more)" in title for title in world.titles) == [False, False, True]


def test_at_night_one_guest_wakes_and_the_rest_comes_in_the_morning(world: World) -> None:
    world.jump(hours=11, minutes=40)  # 23:40 in New York
    make_channel(quiet_from=time(22), quiet_until=time(7))
    a_late_stay(arrives_in=2 * HOUR, guest_name="Ben Late")
    a_late_stay(arrives_in=20 * HOUR, guest_name="Ana Guest")
    make_booking_with_offline_lock()

    world.pass_time(hours=2)
    at_night = list(world.titles)
    world.jump(hours=5, minutes=25)

    assert at_night
    assert all("Ben Late" in title for title in at_night)
    in_the_morning = [t for t in world.titles[len(at_night) :] if "Ben Late" not in t]
    assert len(in_the_morning) == 1
    assert "(and 1 more)" in in_the_morning[0]


def make_booking_with_offline_lock() -> Lock:
    lock = make_lock(name="Back door", is_online=False, online_changed_at=clock.now() - HOUR)
    booking = make_booking(make_property(locks=[lock], name="Casa Sol"), arrives_in=23 * HOUR)
    make_door_code(booking, lock, status=Status.CONFIRMED)
    return lock


# Its words


def test_who_is_woken_at_night_reads_what_to_do(world: World) -> None:
    world.jump(hours=11, minutes=40)  # 23:40 in New York
    make_channel()
    booking, _ = a_late_stay(arrives_in=5 * HOUR)

    world.sweep()

    _, text = world.messenger.sent[0]
    assert text.title == "Ana Guest at Casa Mar, tomorrow 4:40 AM: the door code is not ready"
    assert text.body.splitlines() == [
        "Ana Guest at Casa Mar: check-in tomorrow 4:40 AM (New York time).",
        "What is wrong: The code for Street door is not confirmed 6 h before arrival.",
        "It is tried again on Street door.",
        "By itself: It is tried again by itself.",
        (
            "Your one step, by tomorrow 4:40 AM: keep the other way in at hand; "
            "it stands on the booking's page."
        ),
        f"http://localhost/bookings/{booking.id}",
    ]


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (None, "Nothing more is tried by itself until you have decided."),
        (ProblemKey.SCHEDULE_NOT_VALID, "Nothing more is tried by itself until you have decided."),
        (ProblemKey.SPLIT_BRAIN, CATALOGUE[ProblemKey.SPLIT_BRAIN].automatic),
        (ProblemKey.PIN_CLASH, CATALOGUE[ProblemKey.PIN_CLASH].automatic),
        (ProblemKey.NO_PERMISSION, CATALOGUE[ProblemKey.NO_PERMISSION].automatic),
    ],
)
@pytest.mark.parametrize("hours", [5, 100])
def test_a_notice_of_a_code_that_needs_a_person_says_what_runs_by_itself_and_no_more(
    world: World, problem: ProblemKey | None, said: str, hours: float
) -> None:
    make_channel()
    _, code = a_late_stay(arrives_in=hours * HOUR)
    with writing() as session:
        row = session.get_one(DoorCode, code.id)
        row.status, row.problem = Status.NEEDS_YOU, problem

    world.pass_time(minutes=5)

    [(_, text)] = world.messenger.sent
    assert f"By itself: {said}" in text.body.splitlines()


def test_a_notice_says_in_plain_text_when_the_next_try_is(world: World) -> None:
    make_channel()
    _, code = a_late_stay()
    with writing() as session:
        session.get_one(DoorCode, code.id).due_at = world.now + timedelta(minutes=15)

    world.sweep()

    [(_, text)] = world.messenger.sent
    assert "By itself: Next try by itself in 15 min" in text.body.splitlines()


def test_a_guest_whom_no_lock_lets_in_is_told_of_with_where_to_choose_one(world: World) -> None:
    make_channel()
    place = make_property(name="Casa Sol")
    make_booking(place, arrives_in=5 * HOUR, guest_name="Ben Unmapped", created_at=world.now - HOUR)

    world.sweep()

    [(_, text)] = world.messenger.sent
    assert text.title.startswith("Ben Unmapped at Casa Sol, today")
    assert "What is wrong: No lock opens Casa Sol, 6 h before arrival." in text.body
    assert "choose which locks open Casa Sol." in text.body
    assert f"/settings/door-locks/schlage#mapping-{place.id}" in text.body


def test_a_connection_that_was_ended_is_told_of_in_place_of_the_guests_behind_it(
    world: World,
) -> None:
    make_channel()
    connection = make_connection(name="Owner's login", state=ConnectionState.DISCONNECTED)
    for hours in (20, 100):
        a_late_stay(arrives_in=hours * HOUR, lock=make_lock(connection))

    world.pass_time(minutes=20)

    [(_, text)] = world.messenger.sent
    assert text.title == ("Owner's login: a connection to Schlage was ended, and codes wait for it")
    assert "Your one step, now: press Reconnect there" in text.body
    assert f"/settings/door-locks/schlage#connection-{connection.id}" in text.body


def test_a_guest_at_the_door_is_told_with_what_to_do(world: World) -> None:
    world.jump(hours=11, minutes=40)  # 23:40 in New York
    make_channel(quiet_from=time(22), quiet_until=time(7))
    make_endpoint(kinds=["alert.opened", "alert.resolved"])
    booking, _ = a_late_stay(arrives_in=-HOUR)
    with ringing.changing() as session:
        guest_help.ask(session, session.get_one(Booking, booking.id), world.now)

    world.sweep()
    with writing() as session:
        guest_help.done(session, session.get_one(Booking, booking.id), "manager:1", world.now)
    world.sweep()

    said = [text for _, text in world.messenger.sent if "stands at the door" in text.title]
    assert len(said) == 1
    assert said[0].title == "Ana Guest at Casa Mar: a guest stands at the door and it does not open"
    step = "Your one step, now: call the guest, then unlock the door on the booking's page"
    assert step in said[0].body
    told = [json.loads(posted.body) for posted in world.receiver.posted]
    of_guest = [b["type"] for b in told if b["data"]["cause"] == "guest_cannot_enter"]
    assert of_guest == ["alert.opened", "alert.resolved"]


def lock_keypad(world: World, lock: Lock) -> None:
    """The keypad has just locked itself after wrong tries."""
    until = world.now + door_event.PAUSE_TOLD_FOR
    make_door_event(lock, at=world.now, what=What.KEYPAD_PAUSED, alert_until=until)


@pytest.mark.parametrize("arrives_in", [-HOUR, 3 * HOUR])
def test_a_keypad_that_locked_itself_wakes_somebody_with_what_to_do_and_says_its_end(
    world: World, arrives_in: timedelta
) -> None:
    world.jump(hours=11, minutes=40)  # 23:40 in New York
    make_channel(quiet_from=time(22), quiet_until=time(7))
    make_endpoint(kinds=["alert.opened", "alert.resolved"])
    lock = make_lock(name="Street door")
    booking, code = a_late_stay(arrives_in=arrives_in, lock=lock)
    confirm(code)

    lock_keypad(world, lock)
    world.pass_time(minutes=20)
    woken = list(world.messenger.sent)
    world.pass_time(hours=8)

    [(_, text)] = woken
    assert text.title == "Street door: a keypad locked itself after wrong tries"
    assert "Ana Guest at Casa Mar: check-in" in text.body
    assert "Your one step, now: call the guest: leave the keypad alone" in text.body
    assert f"http://localhost/bookings/{booking.id}" in text.body
    [_, (_, over)] = world.messenger.sent
    assert over.title.startswith("Over: Street door: a keypad")
    assert "If you do not know whether the guest is in, ask them." in over.body
    assert "Nothing to do" not in over.body
    told = [json.loads(posted.body) for posted in world.receiver.posted]
    of_keypad = [b["type"] for b in told if b["data"]["cause"] == "keypad_locked"]
    assert of_keypad == ["alert.opened", "alert.resolved"]


def test_a_keypad_whose_door_was_opened_since_is_over_in_words_that_fit_that(
    world: World,
) -> None:
    make_channel()
    lock = make_lock(name="Street door")
    _, code = a_late_stay(arrives_in=-HOUR, lock=lock)
    confirm(code)
    lock_keypad(world, lock)
    world.pass_time(minutes=2)

    make_door_event(lock, at=world.now, what=What.OPENED, whose=Whose.PORTAL)
    world.pass_time(minutes=3)

    [_, (_, over)] = world.messenger.sent
    assert "it is over after" in over.body
    assert "If you do not know whether the guest is in, ask them." in over.body
    assert "not heard" not in over.body, "they may have called, which is why it was unlocked"
    assert "takes digits again" not in over.body, "it may still be pausing"


def test_a_keypad_that_locks_itself_at_night_a_day_before_the_guest_wakes_nobody(
    world: World,
) -> None:
    world.jump(hours=11, minutes=40)  # 23:40 in New York
    make_channel(quiet_from=time(22), quiet_until=time(7))
    lock = make_lock(name="Street door")
    _, code = a_late_stay(arrives_in=15 * HOUR, lock=lock)
    confirm(code)

    lock_keypad(world, lock)
    world.pass_time(hours=9)

    assert world.messenger.sent == []


def test_another_accounts_channel_hears_of_no_locked_keypad(world: World) -> None:
    make_account("Ours")
    make_channel(make_account("Theirs"))
    lock = make_lock(name="Street door")
    _, code = a_late_stay(arrives_in=-HOUR, lock=lock)
    confirm(code)

    lock_keypad(world, lock)
    world.pass_time(minutes=20)

    assert world.messenger.sent == []


def test_a_text_message_is_short(world: World) -> None:
    make_channel(kind="sms")
    a_late_stay()

    world.sweep()

    assert len(world.messenger.sent[0][1].body.splitlines()) == 4


@pytest.mark.parametrize("origin", [PinOrigin.PHONE, PinOrigin.RANDOM])
def test_a_notice_holds_no_pin_phone_number_or_other_way_in(
    world: World, origin: PinOrigin
) -> None:
    make_channel(has_digest=True)
    a_late_stay(
        guest_name="",
        source=Source.AIRBNB,
        guest_phone="+1 212 555 0142",
        pin="550142",
        pin_origin=origin,
    )

    world.pass_time(hours=3)
    world.jump(hours=17)

    told = " ".join(f"{text.title} {text.body}" for _, text in world.messenger.sent)
    assert "Airbnb guest at Casa Mar" in told
    for secret in ("0142", "550142", "4711", "555"):
        assert secret not in told


def test_the_morning_digest_counts_and_names_what_needs_a_person(world: World) -> None:
    channel = make_channel(has_digest=True, topics=[])
    a_late_stay(arrives_in=23 * HOUR, guest_name="Ana Guest")
    place = make_property(name="Casa Sol")
    booking = make_booking(place, arrives_in=40 * HOUR, guest_name="Ben Unmapped")
    make_booking(place, arrives_in=100 * HOUR)

    world.jump(hours=20, minutes=1)  # 8:01 the next morning
    world.pass_time(minutes=20)

    assert world.titles == ["2 arrivals in the next 3 days, 2 need you"]
    body = world.messenger.sent[0][1].body
    assert "At risk: 1" in body
    assert "Not ready: 1" in body
    assert "Ben Unmapped at Casa Sol: check-in" in body
    assert f"/settings/door-locks/schlage#mapping-{booking.property_id}" in body
    assert fresh(channel).digest_on is not None


# At least once


def test_a_failed_notice_is_tried_again_and_then_gets_through(world: World) -> None:
    channel = make_channel()
    a_late_stay()
    world.messenger.problems = [DOWN, DOWN]

    world.pass_time(minutes=10)

    assert len(world.titles) == 1
    assert world.messenger.tries == 3
    assert fresh(channel).dead_since is None


def test_a_channel_that_reaches_nobody_is_an_alert_and_others_are_told(world: World) -> None:
    channel = make_channel(name="Night phone")
    notice = make_notice(channel, kind=Kind.DIGEST)
    world.messenger.problems = [DOWN] * (len(NOTICE_PAUSES) + 1)

    world.pass_time(hours=6)

    assert fresh(notice).state is State.DEAD
    assert fresh(notice).error_words == DOWN.words
    alert = db.session.scalars(select(Alert).where(Alert.closed_at.is_(None))).one()
    assert (alert.cause, alert.words) == (
        "channel_dead",
        "Nothing gets through to “Night phone”.",
    )
    assert world.messenger.sent == []
    make_channel(name="Office", address=Secret("slack://office"))
    world.pass_time(minutes=5)
    assert [address for address, _ in world.messenger.sent] == ["slack://office"]


def test_a_channel_is_alive_again_once_something_gets_through(world: World) -> None:
    channel = make_channel(dead_since=world.now)
    world.sweep()

    with writing() as session:
        channels.test(session, session.get_one(Channel, channel.id), world.now)
    world.sweep()
    world.sweep()

    assert fresh(channel).dead_since is None
    assert db.session.scalars(select(Alert).where(Alert.closed_at.is_(None))).all() == []


def test_an_address_that_is_never_called_is_not_tried_again(world: World) -> None:
    make_channel()
    a_late_stay()
    world.messenger.problems = [CallRefused("private_address", "It leads into a private network.")]

    world.pass_time(minutes=30)

    assert world.messenger.tries == 1
    assert only_notice().state is State.DEAD


def test_a_worker_that_dies_after_the_claim_loses_nothing(world: World) -> None:
    notice = make_notice()
    with writing() as session:
        assert outgoing.claim(session, Notice, notice.id, world.now) is not None

    world.pass_time(minutes=2)
    meanwhile = list(world.titles)
    world.pass_time(minutes=2)

    assert meanwhile == []
    assert world.titles == ["A test from Latchboard"]
    assert fresh(notice).attempts == 2


def test_a_notice_whose_text_cannot_be_written_ends_and_holds_up_nothing(
    world: World, app: Flask
) -> None:
    poison = make_notice(title="poison")
    writer = app.extensions["notice_words"]

    def write(subject: notices.Subject) -> Text:
        raise RuntimeError("cannot be written")

    app.extensions["notice_words"] = write
    for _ in range(len(NOTICE_PAUSES) + 1):
        with pytest.raises(RuntimeError):
            world.jump(minutes=4)
    app.extensions["notice_words"] = writer
    other = make_notice(poison.channel)
    world.jump(minutes=4)

    assert fresh(poison).state is State.DEAD
    assert fresh(other).state is State.SENT


def test_a_failure_is_logged_without_the_address(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    make_notice(make_channel(address=Secret("slack://T1JJ3T3L2/t0ken")))
    world.messenger.is_down = True

    world.sweep()

    lines = capsys.readouterr().err
    assert "notice_tried" in lines
    assert "t0ken" not in lines


def test_two_workers_send_one_notice_once(world: World) -> None:
    notice = make_notice()

    notices.send(notice.id)
    notices.send(notice.id)

    assert len(world.titles) == 1


def test_only_one_of_two_claims_holds(world: World) -> None:
    notice = make_notice()

    with writing() as session:
        first = outgoing.claim(session, Notice, notice.id, world.now)
        second = outgoing.claim(session, Notice, notice.id, world.now)

    assert first is not None
    assert second is None


def test_who_was_taken_over_does_not_write_over_the_other(world: World) -> None:
    notice = make_notice()
    with writing() as session:
        outgoing.claim(session, Notice, notice.id, world.now)
    world.jump(minutes=4)  # another worker takes it over, and sends it

    notices._conclude(notice.id, notice.channel_id, 1, DOWN)

    assert fresh(notice).state is State.SENT


def test_a_flushed_redis_is_rung_again(world: World) -> None:
    notice = make_notice()
    world.bell.forget()

    world.jump(minutes=2)

    assert fresh(notice).state is State.SENT


def test_the_sweep_rings_once_a_minute_for_what_nobody_answers(world: World) -> None:
    notice = make_notice()

    with writing() as session:
        first = outgoing.due(session, Notice, world.now, 10)
        again = outgoing.due(session, Notice, world.now, 10)
        later = outgoing.due(session, Notice, world.now + timedelta(seconds=61), 10)

    assert (first, again, later) == ([notice.id], [], [notice.id])


def test_what_is_over_before_it_is_sent_is_dropped_without_a_word(world: World) -> None:
    make_channel()
    _, code = a_late_stay()
    world.messenger.is_down = True
    world.sweep()
    confirm(code)
    world.messenger.is_down = False

    world.pass_time(hours=1)

    assert world.messenger.sent == []
    assert only_notice().state is State.DROPPED
    assert db.session.scalars(select(ChannelThread)).all() == []


def test_an_unsent_notice_tells_of_what_is_so_when_it_is_sent(world: World) -> None:
    make_channel()
    a_late_stay(arrives_in=6 * HOUR + timedelta(minutes=5))
    world.messenger.problems = [DOWN] * 2

    world.pass_time(minutes=10)

    assert len(world.titles) == 1
    assert "6 h before arrival" in world.messenger.sent[0][1].body


def test_a_failed_test_is_not_repeated_behind_its_persons_back(world: World) -> None:
    notice = make_notice()
    world.messenger.is_down = True

    world.pass_time(hours=1)

    assert world.messenger.tries == 1
    assert fresh(notice).state is State.DEAD
    assert fresh(notice.channel).dead_since is None


def test_old_notices_are_forgotten_within_an_hour_and_open_ones_are_not(world: World) -> None:
    channel = make_channel()
    long_ago = world.now - timedelta(days=31)
    old = make_notice(channel, state=State.SENT, due_at=None, ring_at=None, created_at=long_ago)
    waiting = make_notice(
        channel, due_at=world.now + 3 * HOUR, ring_at=world.now + 3 * HOUR, created_at=long_ago
    )
    old_id, waiting_id = old.id, waiting.id

    world.pass_time(hours=1)

    db.session.rollback()
    assert db.session.scalars(select(Notice.id)).all() == [waiting_id]
    assert old_id != waiting_id


def test_a_notices_job_carries_its_id_and_nothing_else(world: World) -> None:
    notice = make_notice()

    sweep.ring_for_what_goes_out()

    assert world.bell.rings == [(JobName.SEND_NOTICE, (notice.id,))]
