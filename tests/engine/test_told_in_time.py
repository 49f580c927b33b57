"""What a manager is told of while there is still time."""

from datetime import timedelta

from sqlalchemy import select

from benchmarks.stage import USER
from portal.domain.command import State
from portal.domain.status import Verdict
from portal.extensions import db
from portal.models import Alert
from simulator.faults import preset
from simulator.problems import ALREADY_IN_USE
from simulator.script import UNTIL_DELETE_ALL
from tests.support.house import House


def test_lateness_is_alarmed_at_24_6_and_2_hours_and_the_alarm_ends_with_the_cause(
    house: House,
) -> None:
    house.stage.cloud.sign_out(USER)
    booking = house.book(arrives="2026-03-04")
    arrives = house.booking(booking.id).starts_at
    seen = []
    for hours in (25, 23, 5, 1.5):
        house.stage.run_until(arrives - timedelta(hours=hours))
        house.stage.sweep()
        db.session.rollback()
        keys = db.session.scalars(select(Alert.key).where(Alert.closed_at.is_(None)))
        seen.append([key.split(":")[1] for key in keys if key.startswith("not_confirmed")])
    assert seen == [[], ["24h"], ["6h"], ["2h"]]
    assert house.booking(booking.id).verdict is Verdict.NOT_READY

    house.reconnect()
    house.stage.run_for(minutes=2)

    assert house.open_alerts() == []


def test_a_stay_that_comes_in_after_its_arrival_is_alarmed_too(house: House) -> None:
    house.door.script.push("nack", only="add", until=UNTIL_DELETE_ALL)
    house.book(arrives="2026-03-02T09:30", departs="2026-03-04")

    house.stage.run_for(minutes=20)

    assert any(key.startswith("not_confirmed") for key in house.open_alerts())
    [words] = db.session.scalars(select(Alert.words).where(Alert.cause == "not_confirmed"))
    assert words == "The code for Door 1 is not confirmed, and the stay has begun."


def test_silent_webhooks_are_noticed(house: House) -> None:
    house.stage.webhooks_arrive = False
    for number in range(6):
        house.book(f"b{number}", f"2026-03-{3 + number:02}", f"2026-03-{4 + number:02}")

    house.stage.run_for(minutes=15)

    assert house.open_alerts() == ["webhooks_off"]


def test_messages_that_leave_the_reason_to_a_look_up_are_no_silence(house: House) -> None:
    # As Schlage may send them: failed, without a word why, and known to a look-up seconds later.
    house.stage.cloud.set_faults(
        preset("clean").changed({"webhook_error": 0.0, "state_lag": (4.0, 5.0)})
    )
    house.door.script.push(f"failed:{ALREADY_IN_USE.text}", only="add", until=UNTIL_DELETE_ALL)
    for number in range(4):
        house.book(f"b{number}", f"2026-03-{3 + number:02}", f"2026-03-{4 + number:02}")

    house.stage.run_for(minutes=30)

    failed = [c for c in house.commands() if c.state is State.FAILED]
    assert len(failed) > 5
    assert {c.closed_by for c in failed} == {"webhook"}
    assert "webhooks_off" not in house.open_alerts()
