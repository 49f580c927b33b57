"""Messages to guests as jobs send them: once, whatever dies, and never twice by themselves."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal import clock, tenancy
from portal.domain.bulk import ItemState, Kind, Options, RunState, Why
from portal.domain.entry import EntryState, Evidence
from portal.domain.guest_sending import CLAIM, Hindrance, State, Way
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.extensions import db
from portal.messages.child import Text
from portal.models import (
    Booking,
    BulkItem,
    BulkRun,
    GuestMessage,
    GuestSend,
    GuestWay,
    TimelineEntry,
)
from portal.network.errors import CallFailed, CallRefused
from portal.queue import JobName
from portal.services import bookings, bulk, guest_links, guest_sending, guest_ways, sweep
from portal.services.guest_sending import NotSent
from portal.services.timeline import Kind as Happening
from portal.unit_of_work import writing
from tests.notices.passing_time import World
from tests.support.builders import (
    fresh,
    make_account,
    make_booking,
    make_door_code,
    make_entry,
    make_guest_message,
    make_guest_way,
    make_lock,
    make_property,
)

PIN = "839261"
ACTOR = "manager:1"
# How many moments the jobs of a run of two have, seen in one that was not killed.
MOMENTS = 32


class Killed(BaseException):
    """The process is gone."""


def a_guest(status: Status = Status.CONFIRMED, pin: str = PIN, **fields: Any) -> Booking:
    lock = fields.pop("lock", None) or make_lock(name="Front door")
    place = fields.pop("place", None) or make_property(locks=[lock], name="Casa Mar")
    traits = {"arrives_in": timedelta(hours=30), "guest_email": "ana.guest@example.com"}
    booking = make_booking(place, pin=pin, **traits | fields)
    code = make_door_code(booking, lock, status=status)
    if status is Status.CONFIRMED:
        make_entry(code, state=EntryState.HELD, evidence=Evidence.CONFIRMED, pin=Secret(pin))
    return booking


def wish(booking: Booking, **choice: Any) -> int:
    """The message is to be sent, as a press on the booking's page says."""
    with tenancy.as_account(booking.account_id), writing() as session:
        return guest_sending.wish(session, session.get_one(Booking, booking.id), ACTOR, **choice)


def sends() -> list[GuestSend]:
    db.session.rollback()
    return list(db.session.scalars(select(GuestSend).order_by(GuestSend.id)))


def states() -> list[State]:
    return [row.state for row in sends()]


def history(booking: Booking) -> list[TimelineEntry]:
    db.session.rollback()
    return list(
        db.session.scalars(
            select(TimelineEntry)
            .where(TimelineEntry.booking_id == booking.id)
            .order_by(TimelineEntry.id)
        )
    )


def told(booking: Booking) -> list[str]:
    return [line.kind for line in history(booking) if line.kind.startswith("message")]


# One message


def test_the_guest_gets_their_message_with_pin_and_link(world: World) -> None:
    make_guest_way()
    booking = a_guest()

    guest_sending.send(wish(booking))

    ((address, text),) = world.messenger.sent
    assert address.startswith("mailtos://host:mail-passw0rd-of-the-tests@smtp.example.com:587?")
    assert "to=ana.guest%40example.com" in address
    assert "from=Casa%20Verde%20%3Chost%40example.com%3E" in address
    assert text.title == "Casa Mar · March 6, 2026"
    assert "Hello Ana Guest," in text.body
    assert f"your door code for Casa Mar is {PIN}" in text.body
    link = guest_links.of_booking(db.session(), booking.id)
    assert link is not None
    assert f"http://localhost/guest/{link.token.reveal()}" in text.body
    assert states() == [State.SENT]
    assert fresh(booking).pin_shown_at is not None
    assert fresh(booking).guest_language == "en"


def test_the_history_tells_it_with_the_address_masked_and_without_the_pin(world: World) -> None:
    make_guest_way()
    booking = a_guest()

    guest_sending.send(wish(booking))

    line = history(booking)[-1]
    assert (line.kind, line.actor) == (Happening.MESSAGE_SENT, ACTOR)
    assert line.data == {
        "way": "email",
        "to": "a•••@example.com",
        "language": "en",
        "forced": False,
        "words": "",
    }


def test_a_text_message_has_no_headline_and_goes_to_the_whole_number(world: World) -> None:
    make_guest_way(way=Way.SMS)

    guest_sending.send(wish(a_guest(), way=Way.SMS))

    ((address, text),) = world.messenger.sent
    assert address.endswith("@12125550100/12125550142")
    assert text.title == ""
    assert PIN in text.body


def test_the_guests_language_and_the_propertys_own_text_are_used(world: World) -> None:
    make_guest_way()
    booking = a_guest(guest_language="de-AT")
    make_guest_message(text="Alle: {pin}")
    make_guest_message(text="Nur Casa Mar: {pin}", property_id=booking.property_id)

    guest_sending.send(wish(booking))

    assert world.messenger.sent[0][1].body == f"Nur Casa Mar: {PIN}"
    assert world.messenger.sent[0][1].title == "Casa Mar · 6. März 2026"


def test_a_guest_is_written_to_in_their_language_rather_than_in_the_propertys_english(
    world: World,
) -> None:
    make_guest_way()
    booking = a_guest(guest_language="de")
    make_guest_message(text="Alle: {pin}")
    make_guest_message(language="en", text="Here: {pin}", property_id=booking.property_id)

    guest_sending.send(wish(booking))

    assert world.messenger.sent[0][1].body == f"Alle: {PIN}"


def test_the_same_message_is_not_sent_twice(world: World) -> None:
    make_guest_way()
    booking = a_guest()
    guest_sending.send(wish(booking))

    with pytest.raises(NotSent) as refused:
        wish(booking)

    assert refused.value.why is Hindrance.ALREADY_SENT
    assert len(world.messenger.sent) == 1


def test_a_second_press_before_the_first_is_sent_is_refused(world: World) -> None:
    make_guest_way()
    booking = a_guest()
    wish(booking)

    with pytest.raises(NotSent) as refused:
        wish(booking, is_again=True)

    assert refused.value.why is Hindrance.BEING_SENT


def _new_pin(booking: Booking) -> None:
    code = booking.door_codes[0]
    booking.pin = Secret("517283")
    db.session.commit()
    make_entry(code, state=EntryState.HELD, evidence=Evidence.CONFIRMED, pin=Secret("517283"))


def _other_address(booking: Booking) -> None:
    booking.guest_email = "ana@elsewhere.example"
    db.session.commit()


def _other_text(booking: Booking) -> None:
    make_guest_message(language="en", text="Mind the step. {pin}")


def _other_link(booking: Booking) -> None:
    with writing() as session:
        guest_links.renew(session, session.get_one(Booking, booking.id), ACTOR, clock.now())


@pytest.mark.parametrize("change", [_new_pin, _other_address, _other_text, _other_link])
def test_what_has_changed_is_another_message_and_may_be_sent(
    world: World, change: Callable[[Booking], None]
) -> None:
    make_guest_way()
    booking = a_guest()
    guest_sending.send(wish(booking))

    change(fresh(booking))
    guest_sending.send(wish(booking))

    assert states() == [State.SENT, State.SENT]


def test_a_code_that_is_not_confirmed_waits_unless_a_person_insists(world: World) -> None:
    make_guest_way()
    booking = a_guest(Status.SENT)

    with pytest.raises(NotSent) as refused:
        wish(booking)
    guest_sending.send(wish(booking, is_forced=True))

    assert refused.value.why is Hindrance.UNCONFIRMED
    assert states() == [State.SENT]
    assert history(booking)[-1].data["forced"] is True


def test_what_changed_between_press_and_job_is_judged_again(world: World) -> None:
    make_guest_way()
    booking = a_guest()
    send_id = wish(booking)
    with bookings.changing() as session:
        bookings.cancel(session, session.get_one(Booking, booking.id), ACTOR)

    guest_sending.send(send_id)

    assert world.messenger.tries == 0
    (row,) = sends()
    assert (row.state, row.why, row.address) == (State.DROPPED, Hindrance.CANCELLED, None)
    assert fresh(booking).pin_shown_at is None


def test_a_way_that_was_taken_away_meanwhile_sends_nothing(world: World) -> None:
    make_guest_way()
    booking = a_guest()
    send_id = wish(booking)
    with tenancy.as_account(booking.account_id), writing() as session:
        guest_ways.remove(session, Way.EMAIL)

    guest_sending.send(send_id)

    assert world.messenger.tries == 0
    assert sends()[0].why is Hindrance.NO_WAY


@pytest.mark.parametrize(
    ("problem", "state"),
    [
        (CallFailed("no_connection", "The service could not be reached."), State.FAILED),
        (CallFailed("sign_in", "The server does not accept it."), State.FAILED),
        (CallFailed("recipient", "It does not accept the address."), State.FAILED),
        (CallFailed("http_401", "Not accepted."), State.FAILED),
        (CallRefused("private_address", "It leads into a private network."), State.FAILED),
        (CallFailed("timeout", "No answer in time."), State.UNSURE),
        (CallFailed("broke_off", "It broke off."), State.UNSURE),
        (CallFailed("http_503", "An error."), State.UNSURE),
    ],
)
def test_what_surely_failed_says_so_and_what_may_have_arrived_asks(
    world: World, problem: CallFailed, state: State
) -> None:
    make_guest_way()
    booking = a_guest()
    world.messenger.problems = [problem]

    guest_sending.send(wish(booking))
    world.pass_time(hours=2)

    (row,) = sends()
    assert (row.state, row.error_words) == (state, problem.words)
    assert world.messenger.tries == 1
    assert told(booking) == [
        Happening.MESSAGE_NOT_SENT if state is State.FAILED else Happening.MESSAGE_UNSURE
    ]


def test_what_failed_may_be_sent_again_by_a_person(world: World) -> None:
    make_guest_way()
    booking = a_guest()
    world.messenger.problems = [CallFailed("no_connection", "Not reached.")]
    guest_sending.send(wish(booking))

    guest_sending.send(wish(booking))

    assert states() == [State.FAILED, State.SENT]


# Crashes


def test_killed_before_the_job_began_the_sweep_sends_it_once(world: World) -> None:
    make_guest_way()
    wish(a_guest())

    world.pass_time(minutes=5)

    assert len(world.messenger.sent) == 1
    assert states() == [State.SENT]


def dying(world: World, *, after: bool) -> Callable[..., None]:
    """A messenger whose process dies, before the service has the message or right after."""
    take = world.messenger

    def die(address: Secret, text: Text, *, allow_private: bool) -> None:
        if after:
            take(address, text, allow_private=allow_private)
        raise Killed

    return die


@pytest.mark.parametrize("after", [False, True])
def test_killed_around_the_call_it_may_have_been_sent_and_is_never_sent_by_itself(
    app: Flask, world: World, after: bool
) -> None:
    make_guest_way()
    booking = a_guest()
    send_id = wish(booking)

    app.extensions["messenger"] = dying(world, after=after)
    with pytest.raises(Killed):
        guest_sending.send(send_id)
    app.extensions["messenger"] = world.messenger
    before = states()
    guest_sending.send(send_id)
    world.pass_time(hours=3)

    assert before == [State.SENDING]
    assert states() == [State.UNSURE]
    assert len(world.messenger.sent) == int(after)
    assert told(booking) == [Happening.MESSAGE_UNSURE]
    with pytest.raises(NotSent) as refused:
        wish(booking)
    assert refused.value.why is Hindrance.MAY_BE_SENT


def test_a_person_who_looked_sends_it_once_more(app: Flask, world: World) -> None:
    make_guest_way()
    booking = a_guest()
    app.extensions["messenger"] = dying(world, after=False)
    with pytest.raises(Killed):
        guest_sending.send(wish(booking))
    app.extensions["messenger"] = world.messenger
    world.pass_time(minutes=10)

    guest_sending.send(wish(booking, is_again=True))

    assert states() == [State.UNSURE, State.SENT]
    assert len(world.messenger.sent) == 1


def test_a_person_who_knows_that_it_arrived_says_so(world: World) -> None:
    make_guest_way()
    booking = a_guest()
    world.messenger.problems = [CallFailed("timeout", "No answer in time.")]
    guest_sending.send(wish(booking))

    with tenancy.as_account(booking.account_id), writing() as session:
        assert guest_sending.say_arrived(session, session.get_one(Booking, booking.id), ACTOR)

    assert states() == [State.SENT]
    assert told(booking) == [Happening.MESSAGE_UNSURE, Happening.MESSAGE_ARRIVED]


def test_a_slow_worker_that_was_taken_for_dead_still_tells_that_it_was_sent(
    app: Flask, world: World
) -> None:
    make_guest_way()
    booking = a_guest()
    send_id = wish(booking)

    def slow(address: Secret, text: Text, *, allow_private: bool) -> None:
        world.now += CLAIM + timedelta(seconds=1)
        sweep.ring_for_the_rest()
        assert states() == [State.UNSURE]
        world.messenger(address, text, allow_private=allow_private)

    app.extensions["messenger"] = slow
    guest_sending.send(send_id)

    assert states() == [State.SENT]
    assert told(booking) == [Happening.MESSAGE_UNSURE, Happening.MESSAGE_SENT]


def test_a_fault_of_ours_in_the_call_counts_as_one_that_may_have_been_sent(
    app: Flask, world: World
) -> None:
    make_guest_way()

    def broken(*_: Any, **__: Any) -> None:
        raise KeyError(PIN)

    app.extensions["messenger"] = broken
    guest_sending.send(wish(a_guest()))

    assert states() == [State.UNSURE]


def test_a_message_whose_text_cannot_be_written_fails_once_and_is_not_tried_for_ever(
    world: World,
) -> None:
    make_guest_way()
    booking = a_guest()
    send_id = wish(booking)
    way = db.session.scalars(select(GuestWay)).one()
    way.settings = Secret("{}")
    db.session.commit()

    guest_sending.send(send_id)
    world.pass_time(hours=1)

    assert states() == [State.FAILED]
    assert world.messenger.tries == 0


def test_the_job_run_twice_sends_once(world: World) -> None:
    make_guest_way()
    send_id = wish(a_guest())

    guest_sending.send(send_id)
    guest_sending.send(send_id)
    guest_sending.send(send_id + 1000)

    assert len(world.messenger.sent) == 1


# Accounts, secrets, age


def test_each_accounts_messages_go_by_its_own_server_and_in_its_own_words(world: World) -> None:
    other = make_account("Theirs")
    make_guest_message(other, language="en", text="Theirs {pin}")
    make_guest_way(other, settings=Secret('{"server": "theirs.example.com"}'))
    ours = make_account("Ours")
    make_guest_way(ours)
    lock = make_lock(account=ours)
    booking = a_guest(lock=lock, place=make_property(ours, locks=[lock]))

    guest_sending.send(wish(booking))

    ((address, text),) = world.messenger.sent
    assert "smtp.example.com" in address
    assert "Theirs" not in text.body


def test_neither_log_nor_table_nor_ring_holds_the_pin_or_the_whole_address(
    world: World, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    make_guest_way()
    booking = a_guest()

    send_id = wish(booking)
    guest_sending.send(send_id)

    out = capsys.readouterr()
    logged = out.out + out.err + caplog.text
    (row,) = sends()
    rows = " ".join(
        repr(tuple(db.session.execute(select(table)).mappings()))
        for table in (GuestSend.__table__, TimelineEntry.__table__)
    )
    assert "guest_message_tried" in logged
    for text in (logged, rows, repr(world.bell.rings), repr(world.messenger.sent[0][1])):
        assert PIN not in text
        assert "ana.guest" not in text
    assert row.address is None


def test_a_message_is_forgotten_a_month_after_the_stay_and_not_before(world: World) -> None:
    make_guest_way()
    guest_sending.send(wish(a_guest(arrives_in=timedelta(days=20), nights=3)))

    world.now += timedelta(days=50)
    sweep.forget_old()
    early = states()
    world.now += timedelta(days=4)
    sweep.forget_old()

    assert early == [State.SENT]
    assert states() == []


# In bulk


class Street:
    """Guests of one account, whose codes are confirmed."""

    def __init__(self, count: int = 3) -> None:
        make_guest_way()
        self.lock = make_lock(name="Front door")
        self.place = make_property(locks=[self.lock], name="Casa Mar")
        self.guests = [self.guest(number) for number in range(count)]

    def guest(self, number: int, **fields: Any) -> Booking:
        traits = {
            "pin": f"83926{number}",
            "guest_email": f"guest{number}@example.com",
            "arrives_in": timedelta(days=2, hours=number),
        }
        return a_guest(lock=self.lock, place=self.place, **traits | fields)

    def start(self, options: Options | None = None) -> int:
        ids = [guest.id for guest in self.guests]
        with tenancy.as_account(self.place.account_id):
            with writing() as session:
                run = bulk.stage(session, Kind.SEND, options or Options(), ids, ACTOR)
                run_id = run.id
            assert bulk.start(run_id)
        return run_id


def items(run_id: int) -> list[BulkItem]:
    db.session.rollback()
    return list(
        db.session.scalars(
            select(BulkItem).where(BulkItem.run_id == run_id).order_by(BulkItem.place)
        )
    )


def results(run_id: int) -> list[ItemState]:
    return [item.state for item in items(run_id)]


def state_of(run_id: int) -> RunState:
    db.session.rollback()
    return db.session.get_one(BulkRun, run_id).state


def receivers(world: World) -> list[str]:
    return [address.rpartition("to=")[2] for address, _ in world.messenger.sent]


def test_a_run_sends_each_guest_their_own_message(world: World) -> None:
    street = Street(4)

    run_id = street.start()
    world.pass_time(minutes=3)

    assert results(run_id) == [ItemState.DONE] * 4
    assert state_of(run_id) is RunState.DONE
    assert receivers(world) == [f"guest{n}%40example.com" for n in range(4)]
    for number, (_, text) in enumerate(world.messenger.sent):
        assert f"83926{number}" in text.body


def test_who_cannot_be_sent_it_is_left_out_with_the_reason(world: World) -> None:
    street = Street(1)
    street.guests += [
        street.guest(1, guest_email="", guest_phone=""),
        street.guest(2, status=Status.SENT),
    ]

    run_id = street.start()
    world.pass_time(minutes=3)

    assert [(item.state, item.why) for item in items(run_id)] == [
        (ItemState.DONE, None),
        (ItemState.LEFT_OUT, Why.NO_ADDRESS),
        (ItemState.LEFT_OUT, Why.UNCONFIRMED),
    ]


def test_the_same_run_once_more_reaches_nobody_twice(world: World) -> None:
    street = Street()
    street.start()
    world.pass_time(minutes=3)

    again = street.start()
    world.pass_time(minutes=3)

    assert [item.why for item in items(again)] == [Why.ALREADY_SENT] * 3
    assert len(world.messenger.sent) == 3


def test_what_fails_says_why_and_the_rest_goes_on(world: World) -> None:
    street = Street()
    world.messenger.problems = [None, CallFailed("recipient", "It does not accept the address.")]

    run_id = street.start()
    world.pass_time(minutes=3)

    assert results(run_id) == [ItemState.DONE, ItemState.FAILED, ItemState.DONE]
    assert items(run_id)[1].words == "It does not accept the address."


def test_a_stopped_run_begins_no_further_message_and_goes_on_when_told(
    app: Flask, world: World
) -> None:
    street = Street()
    run_id = street.start()

    def stopping(address: Secret, text: Text, *, allow_private: bool) -> None:
        world.messenger(address, text, allow_private=allow_private)
        with tenancy.as_system(), writing() as session:
            bulk.stop(session, session.get_one(BulkRun, run_id))

    app.extensions["messenger"] = stopping
    world.work()
    stopped = results(run_id)
    app.extensions["messenger"] = world.messenger
    with tenancy.as_account(street.place.account_id):
        assert bulk.start(run_id)
    world.pass_time(minutes=3)

    assert stopped == [ItemState.DONE, ItemState.WAITING, ItemState.WAITING]
    assert results(run_id) == [ItemState.DONE] * 3
    assert len(world.messenger.sent) == 3


@pytest.mark.parametrize("after", [False, True])
def test_a_run_killed_around_a_call_goes_on_and_asks_about_that_one(
    app: Flask, world: World, after: bool
) -> None:
    street = Street()
    run_id = street.start()

    app.extensions["messenger"] = dying(world, after=after)
    with pytest.raises(Killed):
        world.work()
    app.extensions["messenger"] = world.messenger
    begun = results(run_id)
    world.pass_time(minutes=2)
    meanwhile = state_of(run_id)
    world.pass_time(minutes=10)

    assert begun == [ItemState.BEGUN, ItemState.WAITING, ItemState.WAITING]
    assert meanwhile is RunState.RUNNING
    assert results(run_id) == [ItemState.UNSURE, ItemState.DONE, ItemState.DONE]
    assert state_of(run_id) is RunState.DONE
    assert receivers(world).count("guest0%40example.com") == int(after)
    assert receivers(world)[-2:] == ["guest1%40example.com", "guest2%40example.com"]


@pytest.mark.parametrize("moment", range(1, MOMENTS + 1))
def test_killed_between_any_two_commits_nobody_gets_it_twice(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    street = Street(2)
    run_id = street.start()
    commit = type(db.session()).commit
    passed = 0

    def deadly(self: Any) -> None:
        nonlocal passed
        for step in (lambda: None, lambda: commit(self)):
            step()
            passed += 1
            if passed == moment:
                raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(type(db.session()), "commit", deadly)
        with pytest.raises(Killed):  # or there are fewer moments than MOMENTS says
            world.pass_time(minutes=2)
    db.session.rollback()
    world.pass_time(minutes=10)

    found = receivers(world)
    assert len(found) == len(set(found))
    assert state_of(run_id) is RunState.DONE
    for number, result in enumerate(results(run_id)):
        # Who was not sent it is asked about; who was, may be.
        assert result in {ItemState.DONE, ItemState.UNSURE}
        assert result is ItemState.UNSURE or f"guest{number}%40example.com" in found
    assert results(run_id).count(ItemState.UNSURE) <= 1
    assert len(sends()) == 2


def test_with_every_ring_lost_the_sweep_finds_run_and_messages(world: World) -> None:
    street = Street()
    run_id = street.start()
    world.bell.forget()

    world.pass_time(minutes=5)

    assert results(run_id) == [ItemState.DONE] * 3


def test_the_person_who_says_that_it_arrived_completes_the_run(world: World) -> None:
    street = Street(1)
    world.messenger.problems = [CallFailed("timeout", "No answer in time.")]
    run_id = street.start()
    world.pass_time(minutes=3)
    before = results(run_id)

    with tenancy.as_account(street.place.account_id), writing() as session:
        booking = session.get_one(Booking, street.guests[0].id)
        guest_sending.say_arrived(session, booking, ACTOR)

    assert before == [ItemState.UNSURE]
    assert results(run_id) == [ItemState.DONE]


def test_a_long_run_rings_anew_before_its_job_has_to_end(world: World) -> None:
    street = Street(bulk.MESSAGES_PER_JOB + 1)
    run_id = street.start()

    world.work()

    assert results(run_id).count(ItemState.DONE) == bulk.MESSAGES_PER_JOB
    assert world.bell.ids_of(JobName.WORK_BULK) == [run_id]


def test_texts_of_properties_stand_beside_the_accounts(world: World) -> None:
    place = make_property()
    make_guest_message()
    make_guest_message(property_id=place.id)

    assert len(db.session.scalars(select(GuestMessage)).all()) == 2
