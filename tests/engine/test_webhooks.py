"""Webhooks early, late, doubled, out of order or not at all: the same end."""

import itertools
import json

import pytest

from portal import clock
from portal.domain.command import State
from portal.domain.status import Status
from portal.extensions import db
from portal.models import WebhookEvent
from portal.queue import JobName
from portal.services import commands, inbox
from portal.services.outcomes import News
from portal.unit_of_work import writing
from simulator.webhooks import compact, wire_time
from tests.engine.promises import Watch
from tests.support.house import House


@pytest.mark.parametrize(
    "fault",
    ["webhook_before_202", "webhook_doubled", "webhook_late:90000", "webhook_lost", ""],
)
def test_however_the_webhook_comes_the_end_is_the_same(
    house: House, watch: Watch, fault: str
) -> None:
    if fault:
        house.door.script.push(fault)

    booking = house.book()
    house.stage.run_for(hours=26)

    watch.assert_settled()
    [command] = house.commands()
    [entry] = house.entries(booking)
    assert (command.state, entry.state) == (State.SUCCEEDED, "held")
    assert house.told(booking).count("command_closed") == 1


def test_a_webhook_before_the_202_counts_as_soon_as_the_id_is_stored(house: House) -> None:
    house.door.script.push("webhook_before_202")

    booking = house.book()

    assert house.status(booking) is Status.CONFIRMED
    assert house.commands()[0].closed_by == "webhook"


def test_a_webhook_of_another_clients_command_is_parked_and_given_up_after_a_day(
    house: House, watch: Watch
) -> None:
    row_id = deliver(house, "CommandFailed", "not-one-of-ours")
    house.stage.run_for(hours=23)
    assert state_of(row_id) == "parked"

    house.stage.run_for(hours=2)
    house.stage.sweep()
    house.stage.sweep()

    assert state_of(row_id) == "given_up"


ALL_NEWS = ("CommandSucceeded", "CommandFailed", "CommandTimedOut")


@pytest.mark.parametrize("order", list(itertools.permutations(ALL_NEWS)))
def test_contradicting_webhooks_rank_success_first_whatever_their_order(
    house: House, watch: Watch, order: tuple[str, ...]
) -> None:
    """The look-up cannot help: Schlage has forgotten the command."""
    house.stage.webhooks_arrive = False
    house.door.script.push("command_forgotten")
    booking = house.book()
    house.stage.run_for(seconds=5)
    [command] = house.commands()
    assert command.command_id is not None

    for trigger in order:
        deliver(house, trigger, command.command_id)
        house.stage.work()
    house.stage.run_for(hours=2)

    assert house.commands()[0].state is State.SUCCEEDED
    watch.assert_settled()
    assert house.status(booking) is Status.CONFIRMED
    assert len(house.held()) == 1


def test_a_webhook_that_lies_is_outvoted_by_the_look_up(house: House, watch: Watch) -> None:
    house.stage.webhooks_arrive = False
    house.door.script.push("timeout_not_applied")
    booking = house.book()
    house.stage.run_for(seconds=90)
    command = house.commands()[0]
    assert command.command_id is not None

    deliver(house, "CommandSucceeded", command.command_id)
    house.stage.work()

    assert house.status(booking) is not Status.CONFIRMED


def test_the_same_event_twice_is_stored_once(house: House) -> None:
    body = event_body(house, "CommandFailed", "x")
    with writing() as session:
        first = inbox.store(session, body)
    with writing() as session:
        second = inbox.store(session, body)

    assert (len(first.row_ids), len(second.row_ids), second.doubled) == (1, 0, 1)


def test_news_of_an_old_command_never_undoes_a_newer_one(house: House, watch: Watch) -> None:
    booking = house.book()
    house.stage.run_for(minutes=1)
    house.book(departs="2026-03-10")
    house.stage.run_for(minutes=1)
    first, _ = house.commands()

    with writing() as session:
        for news in ("failed", "timed_out", "succeeded"):
            commands.settle(session, first.id, News(event=commands.Event(news), by="webhook"))
    house.stage.run_for(minutes=2)

    assert house.status(booking) is Status.CONFIRMED
    assert len(house.commands()) == 2
    watch.assert_settled()


def event_body(house: House, trigger: str, command_id: str) -> bytes:
    stamp = clock.now()
    return compact(
        {
            "eventId": f"made-up-{trigger}-{command_id}-{stamp.timestamp()}",
            "deviceId": house.door.id,
            "time": wire_time(stamp),
            "eventType": "CommandUpdate",
            "trigger": trigger,
            "data": {"commandId": command_id, "commandType": "AddAccessCode"},
            "version": "2.0",
        }
    ).encode()


def deliver(house: House, trigger: str, command_id: str) -> int:
    """A verified webhook is stored and rung for, as the view does it; the row's id."""
    body = event_body(house, trigger, command_id)
    assert json.loads(body)["trigger"] == trigger
    with writing() as session:
        [row_id] = inbox.store(session, body).row_ids
    house.stage.bell.ring(JobName.PROCESS_WEBHOOK, row_id)
    house.stage.work()
    return row_id


def state_of(row_id: int) -> str:
    db.session.rollback()
    return str(db.session.get_one(WebhookEvent, row_id).state)
