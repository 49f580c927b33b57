"""Small stories of bad luck, told to the end: the product as it is comes through each unharmed.

None of them knows what bug is planted; each only gives one kind of bug the chance to do harm.
"""

from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from portal.domain.command import Event, State
from portal.models import Command, Lock
from portal.queue import JobName
from portal.schlage.client import SchlageClient
from portal.services import bookings, commands, sending
from portal.services.leases import Lease
from portal.services.outcomes import News
from portal.unit_of_work import writing
from tests.engine.judge import Story, Trial

TOMORROW = "2026-03-03T16:00"
DAY_AFTER = "2026-03-04T11:00"
# The stories begin on 2 March at 10:00 in New York.
THIS_MORNING = "2026-03-02T09:00"
IN_AN_HOUR = "2026-03-02T11:00"


def to_the_end(trial: Trial) -> None:
    """All stays are over, and what is left to do has been done."""
    trial.stage.run_until(trial.stage.now.replace(hour=16, minute=0) + timedelta(days=2, hours=4))


def webhooks_come_early(trial: Trial) -> None:
    """A second worker works each webhook while the first still waits for its 202."""
    for kind in ("add", "delete"):
        trial.house.door.script.push("webhook_before_202", only=kind)
    bell = trial.stage.bell
    ring = bell.ring

    def ring_or_work(job: JobName, *ids: int) -> None:
        if job is JobName.PROCESS_WEBHOOK:
            trial.stage.do_job(job, ids)
        else:
            ring(job, *ids)

    bell.ring = ring_or_work  # type: ignore[method-assign]
    trial.house.book("1", TOMORROW, DAY_AFTER)
    to_the_end(trial)


def webhooks_come_twice(trial: Trial) -> None:
    for kind in ("add", "delete"):
        trial.house.door.script.push("webhook_doubled", only=kind)
    trial.house.book("1", TOMORROW, DAY_AFTER)
    to_the_end(trial)


def a_ring_is_lost(trial: Trial) -> None:
    with_redis_away(trial, partial(trial.house.book, "1", TOMORROW, DAY_AFTER))
    to_the_end(trial)


def a_ring_for_a_removal_is_lost(trial: Trial) -> None:
    booking = trial.house.book("1", THIS_MORNING, DAY_AFTER)
    trial.stage.run_for(minutes=5)
    with_redis_away(trial, partial(trial.house.cancel, booking))
    to_the_end(trial)


def with_redis_away(trial: Trial, change: Any) -> None:
    trial.stage.bell.is_deaf = True
    change()
    trial.stage.bell.waiting.clear()
    trial.stage.bell.is_deaf = False


def cancelled_while_in_doubt(trial: Trial) -> None:
    trial.house.door.script.push("timeout_applied", only="add")
    booking = trial.house.book("1", IN_AN_HOUR, DAY_AFTER)
    while not any(command.state is State.TIMED_OUT for command in trial.house.commands()):
        trial.stage.run_for(seconds=5)
    trial.house.cancel(booking)
    to_the_end(trial)


def the_lock_is_offline(trial: Trial) -> None:
    connect(trial, False)
    trial.house.book("1", TOMORROW, DAY_AFTER)
    trial.stage.run_for(minutes=90)
    connect(trial, True)
    to_the_end(trial)


def connect(trial: Trial, is_connected: bool) -> None:
    with trial.stage.cloud.steady():
        trial.stage.cloud.weather.set_connected(trial.house.door, is_connected)


def commands_time_out(trial: Trial) -> None:
    for _ in range(2):
        trial.house.door.script.push("timeout_not_applied", only="add")
    trial.tell_guest(trial.house.book("1", TOMORROW, DAY_AFTER))
    to_the_end(trial)


def only_the_server_lists_it(trial: Trial) -> None:
    trial.house.door.script.push("timeout_listed_only", only="add")
    trial.house.book("1", TOMORROW, DAY_AFTER)
    to_the_end(trial)


def a_list_leaves_it_out(trial: Trial) -> None:
    trial.house.door.script.push("timeout_applied", only="add")
    trial.house.door.script.push("list_omits", only="list")
    trial.house.book("1", TOMORROW, DAY_AFTER)
    to_the_end(trial)


def a_worker_sleeps_before_its_call(trial: Trial) -> None:
    """Another worker takes the lock over meanwhile, and dies."""
    wake = sending.send
    with pytest.MonkeyPatch.context() as patch:

        def sleep(client: SchlageClient, lease: Lease, *call: Any) -> None:
            with writing() as session:
                intended = select(Command.lock_id).where(Command.state == State.INTENDED)
                for lock_id in session.scalars(intended).all():
                    session.get_one(Lock, lock_id).lease_token += 1
                    patch.undo()
            wake(client, lease, *call)

        patch.setattr(sending, "send", sleep)
        trial.house.book("1", TOMORROW, DAY_AFTER)
    to_the_end(trial)


def old_news_comes_late(trial: Trial) -> None:
    trial.house.book("1", TOMORROW, DAY_AFTER)
    trial.stage.run_for(minutes=1)
    [add] = trial.house.commands()
    for event in (Event.TIMED_OUT, Event.FAILED, Event.SUCCEEDED):
        with writing() as session:
            commands.settle(session, add.id, News(event=event, by="webhook"))
    to_the_end(trial)


def the_guest_inside_gets_a_new_pin(trial: Trial) -> None:
    booking = trial.house.book("1", THIS_MORNING, DAY_AFTER)
    trial.stage.run_for(minutes=5)
    trial.house.door.script.push("timeout_not_applied", only="add")
    trial.house.new_pin(booking)
    to_the_end(trial)


def resync_is_pressed_for_the_guest_inside(trial: Trial) -> None:
    booking = trial.house.book("1", THIS_MORNING, DAY_AFTER)
    trial.stage.run_for(minutes=5)
    trial.house.resync(booking)
    to_the_end(trial)


def the_removal_times_out(trial: Trial) -> None:
    booking = trial.house.book("1", THIS_MORNING, DAY_AFTER)
    trial.stage.run_for(minutes=5)
    for _ in range(2):
        trial.house.door.script.push("timeout_not_applied", only="delete")
    trial.house.cancel(booking)
    to_the_end(trial)


def the_stay_gets_longer(trial: Trial) -> None:
    trial.house.book("1", TOMORROW, "2026-03-04T08:00")
    trial.stage.run_for(minutes=5)
    trial.house.book("1", TOMORROW, DAY_AFTER)
    to_the_end(trial)


def the_stay_moves_there_and_back(trial: Trial) -> None:
    """The update between has timed out, and the lock has done it."""
    trial.house.book("1", TOMORROW, DAY_AFTER)
    trial.stage.run_for(minutes=5)
    trial.house.door.script.push("timeout_applied", only="update")
    trial.house.book("1", "2026-03-03T20:00", DAY_AFTER)
    trial.stage.run_for(seconds=90)
    connect(trial, False)
    trial.house.book("1", TOMORROW, DAY_AFTER)
    trial.stage.run_for(hours=2)
    connect(trial, True)
    to_the_end(trial)


def two_guests_want_the_same_digits(trial: Trial) -> None:
    trial.house.book("1", TOMORROW, "2026-03-04T08:00", pin="284916")
    with suppress(bookings.BadBooking):
        trial.house.book("2", "2026-03-04T09:00", DAY_AFTER, pin="284955")
    to_the_end(trial)


STORIES = {
    story.tell.__name__: story
    for story in (
        Story(webhooks_come_early, posts=2, converges_within=10),
        Story(webhooks_come_twice, posts=2, converges_within=10),
        Story(a_ring_is_lost, posts=2, converges_within=120),
        Story(a_ring_for_a_removal_is_lost, posts=2, converges_within=120),
        Story(cancelled_while_in_doubt, posts=2, converges_within=300),
        Story(the_lock_is_offline, posts=10, converges_within=300),
        Story(commands_time_out, posts=4, converges_within=900),
        Story(only_the_server_lists_it, posts=8, converges_within=1800),
        Story(a_list_leaves_it_out, posts=3, converges_within=600),
        Story(a_worker_sleeps_before_its_call, posts=2, converges_within=180),
        Story(old_news_comes_late, posts=2, converges_within=10),
        Story(the_guest_inside_gets_a_new_pin, posts=5, converges_within=900),
        Story(resync_is_pressed_for_the_guest_inside, posts=3, converges_within=10),
        Story(the_removal_times_out, posts=4, converges_within=900),
        Story(the_stay_gets_longer, posts=3, converges_within=10),
        Story(the_stay_moves_there_and_back, posts=12, converges_within=900),
        Story(two_guests_want_the_same_digits, posts=2, converges_within=10),
    )
}
