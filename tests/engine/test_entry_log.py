"""Who opened the door, told by webhooks and by the lock's own log: each thing once."""

from datetime import timedelta

import pytest

from portal.domain.command import Kind
from portal.domain.door_event import How, What, Whose
from portal.domain.status import Status, Verdict
from portal.extensions import db
from portal.models import Alert, DoorEvent, Lock, LockReading, Property, TimelineEntry
from portal.queue import JobName
from portal.services import bolt, entry_page
from portal.unit_of_work import writing
from tests.engine.promises import Watch
from tests.support.house import House

HOUR = timedelta(hours=1)


def log(house: House) -> list[tuple[What, How, Whose]]:
    db.session.rollback()
    rows = db.session.query(DoorEvent).order_by(DoorEvent.at, DoorEvent.id)
    return [(row.what, row.how, row.whose) for row in rows]


def read_log(house: House) -> None:
    """The lock's own log is read now."""
    house.stage.bell.ring(JobName.READ_ENTRIES, house.lock.id)
    house.stage.work()


def key_in(house: House, pin: str) -> bool:
    opens = house.stage.cloud.people.key_in(house.door, pin)
    house.stage.run_for(seconds=5)
    return opens


def watch_vacancy(house: House) -> None:
    with writing() as session:
        session.get_one(Property, house.place.id).alerts_when_vacant = True


def alerts(*, is_open: bool = True) -> list[str]:
    db.session.rollback()
    rows = db.session.query(Alert).filter(Alert.cause == "opened_while_vacant").all()
    return [row.words for row in rows if (row.closed_at is None) is is_open]


def come_in(house: House):
    """A guest whose code is confirmed opens the door on the first evening."""
    booking = house.book(arrives="2026-03-03", departs="2026-03-06")
    house.stage.run_for(days=1, hours=7)
    assert house.status(booking) is Status.CONFIRMED
    assert key_in(house, house.pin(booking))
    return booking


GUEST_CAME = (What.OPENED, How.CODE, Whose.GUEST)


def test_a_guest_who_opens_the_door_has_arrived(house: House, watch: Watch) -> None:
    booking = come_in(house)

    assert log(house) == [GUEST_CAME]
    came_at = house.booking(booking.id).proven_at
    assert came_at == house.code(booking).proven_at
    assert came_at is not None
    assert house.stage.now - came_at < timedelta(minutes=1)
    assert "door_opened" in house.told(booking)


def test_webhook_and_log_tell_of_one_event_whichever_comes_first(house: House) -> None:
    come_in(house)
    read_log(house)
    read_log(house)
    assert log(house) == [GUEST_CAME]

    house.stage.webhooks_arrive = False
    house.stage.run_for(hours=1)
    house.stage.cloud.people.turn_thumb(house.door)
    house.stage.run_for(seconds=5)
    read_log(house)
    for delivery in list(house.stage.cloud.webhooks.last):
        house.stage.webhooks_arrive = True
        house.stage.cloud.webhooks.replay(delivery.event_id)
    house.stage.run_for(seconds=5)

    assert log(house) == [GUEST_CAME, (What.OPENED, How.THUMB_TURN, Whose.NOBODY)]


def test_without_webhooks_the_log_tells_of_an_arrival_within_hours(house: House) -> None:
    booking = house.book(arrives="2026-03-03", departs="2026-03-06")
    house.stage.run_for(days=1, hours=7)
    house.stage.webhooks_arrive = False
    at = house.stage.now
    key_in(house, house.pin(booking))

    house.stage.run_for(hours=4)

    assert log(house) == [GUEST_CAME]
    assert house.booking(booking.id).proven_at == at
    assert house.told(booking).count("door_opened") == 1


def test_the_first_opening_is_the_arrival_also_where_it_is_told_last(house: House) -> None:
    booking = house.book(arrives="2026-03-03", departs="2026-03-06")
    house.stage.run_for(days=1, hours=7)
    house.stage.webhooks_arrive = False
    first_at = house.stage.now
    key_in(house, house.pin(booking))
    house.stage.run_for(minutes=30)
    house.stage.webhooks_arrive = True
    key_in(house, house.pin(booking))
    assert house.booking(booking.id).proven_at == first_at + timedelta(minutes=30, seconds=5)

    read_log(house)

    assert house.booking(booking.id).proven_at == first_at
    db.session.rollback()
    lines = entry_page.recent(db.session(), house.lock.id)
    assert [(line.is_first, line.at) for line in reversed(lines)][0] == (True, first_at)
    assert [line.is_first for line in lines].count(True) == 1


def test_three_wrong_tries_pause_the_keypad_and_the_stay_says_so(house: House) -> None:
    booking = house.book(arrives="2026-03-03", departs="2026-03-06")
    house.stage.run_for(days=1, hours=7)
    for _ in range(3):
        assert not key_in(house, "0000")
    assert not key_in(house, house.pin(booking))  # it takes no digits now

    db.session.rollback()
    told = entry_page.troubles(db.session(), [booking.id], house.stage.now)[booking.id]
    assert told.is_paused
    assert house.told(booking).count("keypad") == 1

    read_log(house)
    db.session.rollback()
    told = entry_page.troubles(db.session(), [booking.id], house.stage.now)[booking.id]
    assert (told.tries, told.is_paused) == (3, True)
    assert [what for what, _, _ in log(house)].count(What.KEYPAD_PAUSED) == 1

    house.stage.run_for(minutes=2)
    assert key_in(house, house.pin(booking))
    db.session.rollback()
    assert entry_page.troubles(db.session(), [booking.id], house.stage.now) == {}


def locked_keypads(house: House, *, is_open: bool = True) -> list[Alert]:
    house.stage.sweep()
    db.session.rollback()
    rows = db.session.query(Alert).filter(Alert.cause == "keypad_locked").order_by(Alert.id)
    return [row for row in rows if (row.closed_at is None) is is_open]


def guess(house: House, times: int = 3) -> None:
    for _ in range(times):
        assert not key_in(house, "0000")


def test_a_keypad_that_locked_itself_during_a_stay_is_one_alert_until_the_guest_is_in(
    house: House,
) -> None:
    booking = house.book(arrives="2026-03-03", departs="2026-03-06")
    house.stage.run_for(days=1, hours=7)
    assert locked_keypads(house) == []

    guess(house)
    [alert] = locked_keypads(house)
    assert (alert.booking_id, alert.lock_id) == (booking.id, house.lock.id)
    assert alert.words == "The keypad of Door 1 locked itself after wrong tries."
    house.stage.run_for(minutes=2)
    guess(house)
    assert [again.id for again in locked_keypads(house)] == [alert.id]
    read_log(house)
    assert [again.id for again in locked_keypads(house)] == [alert.id]

    house.stage.run_for(minutes=2)
    assert key_in(house, house.pin(booking))
    assert locked_keypads(house) == []
    assert len(locked_keypads(house, is_open=False)) == 1


@pytest.mark.parametrize("is_pressed", [True, False])
def test_a_locked_keypad_is_over_once_somebody_unlocks_from_here_or_it_is_quiet(
    house: House, is_pressed: bool
) -> None:
    house.book(arrives="2026-03-03", departs="2026-03-06")
    house.stage.run_for(days=1, hours=7)
    guess(house)
    assert len(locked_keypads(house)) == 1

    if is_pressed:
        bolt.move(house.lock.id, Kind.UNLOCK, "manager:1")
        house.stage.run_for(minutes=1)
    else:
        house.stage.run_for(minutes=9)
        assert len(locked_keypads(house)) == 1
        house.stage.run_for(minutes=2)

    assert locked_keypads(house) == []
    assert len(locked_keypads(house, is_open=False)) == 1


@pytest.mark.parametrize(
    ("days", "is_told"), [(0, True), (-2, False)], ids=["the evening before", "days before"]
)
def test_a_keypad_that_locks_itself_long_before_a_stay_is_for_the_log_alone(
    house: House, days: int, is_told: bool
) -> None:
    house.book(arrives="2026-03-06", departs="2026-03-09")
    house.stage.run_for(days=3 + days, hours=7)

    guess(house)

    assert bool(locked_keypads(house)) is is_told
    assert What.KEYPAD_PAUSED in [what for what, _, _ in log(house)]


def test_a_cancelled_stay_has_nobody_before_the_keypad(house: House) -> None:
    booking = house.book(arrives="2026-03-03", departs="2026-03-06")
    house.stage.run_for(days=1, hours=7)
    house.cancel(booking)

    guess(house)

    assert locked_keypads(house) == []


def test_on_a_shared_door_the_alert_is_about_the_lock_and_names_who_is_due(house: House) -> None:
    first = house.book("b1", arrives="2026-03-03", departs="2026-03-06")
    second = house.book("b2", arrives="2026-03-03", departs="2026-03-06", guest="Bo Guest")
    house.stage.run_for(days=1, hours=7)
    key_in(house, house.pin(first))

    guess(house)

    [alert] = locked_keypads(house)
    assert alert.booking_id == second.id


def test_a_pause_that_only_the_log_tells_of_hours_later_is_no_news(house: House) -> None:
    house.book(arrives="2026-03-03", departs="2026-03-06")
    house.stage.run_for(days=1, hours=7)
    house.stage.webhooks_arrive = False
    guess(house)
    house.stage.run_for(minutes=20)

    read_log(house)

    assert What.KEYPAD_PAUSED in [what for what, _, _ in log(house)]
    assert locked_keypads(house) == []


def test_a_code_made_in_the_app_is_named_and_unlock_from_here_names_who_pressed(
    house: House,
) -> None:
    house.stage.cloud.people.add_code(house.door, "Cleaner", "730518")
    house.stage.run_for(minutes=2)
    key_in(house, "730518")
    bolt.move(house.lock.id, Kind.UNLOCK, "api:1")
    house.stage.run_for(minutes=1)
    read_log(house)

    assert log(house) == [
        (What.OPENED, How.CODE, Whose.OTHER),
        (What.OPENED, How.APP, Whose.PORTAL),
    ]
    db.session.rollback()
    assert db.session.query(DoorEvent).order_by(DoorEvent.at).first().name == "Cleaner"


def test_a_door_opened_while_nobody_stays_is_alerted_until_it_was_seen(house: House) -> None:
    watch_vacancy(house)
    house.stage.cloud.people.add_code(house.door, "Cleaner", "730518")
    house.stage.run_for(minutes=2)

    key_in(house, "730518")
    house.stage.sweep()
    [words] = alerts()
    assert words == "Door 1 was opened with the code “Cleaner” while nobody stays there."

    with writing() as session:
        session.query(Alert).filter(
            Alert.cause == "opened_while_vacant"
        ).one().seen_at = house.stage.now
    house.stage.sweep()
    house.stage.sweep()
    assert alerts() == []
    assert len(alerts(is_open=False)) == 1


def test_an_alert_that_nobody_saw_is_over_after_hours_and_does_not_come_back(house: House) -> None:
    watch_vacancy(house)
    house.stage.cloud.people.turn_thumb(house.door)
    house.stage.run_for(seconds=5)
    house.stage.sweep()
    assert alerts() == ["Door 1 was opened from inside while nobody stays there."]

    house.stage.run_for(hours=9)
    house.stage.sweep()

    assert alerts() == []
    assert len(alerts(is_open=False)) == 1


def test_no_alert_comes_during_a_stay_nor_where_nobody_asked_for_it(house: House) -> None:
    house.stage.cloud.people.turn_thumb(house.door)
    house.stage.run_for(seconds=5)
    watch_vacancy(house)
    come_in(house)
    house.stage.cloud.people.turn_thumb(house.door)
    house.stage.run_for(seconds=5)
    house.stage.sweep()

    assert alerts() == []
    assert len(log(house)) == 3


def test_a_lock_that_cannot_be_read_is_read_again_and_nothing_is_lost(house: House) -> None:
    house.stage.webhooks_arrive = False
    house.stage.cloud.people.turn_thumb(house.door)
    with house.stage.cloud.steady():
        house.stage.cloud.weather.set_api(False)
    read_log(house)
    assert log(house) == []

    with house.stage.cloud.steady():
        house.stage.cloud.weather.set_api(True)
    house.stage.run_for(hours=2)

    assert log(house) == [(What.OPENED, How.THUMB_TURN, Whose.NOBODY)]


def test_a_signed_out_connection_is_not_read_until_it_is_back(house: House) -> None:
    house.stage.cloud.sign_out("owner")
    house.stage.run_for(minutes=2)
    read_log(house)
    house.stage.run_for(hours=2)

    assert house.lock.entries_due_at is None


def test_an_alarm_stands_in_the_log_and_in_the_history(house: House) -> None:
    house.stage.cloud.webhooks.emit(house.door, "DeviceUpdate", "DeviceAlarmTriggered", {})
    house.stage.run_for(seconds=5)

    assert log(house) == [(What.ALARM, How.UNKNOWN, Whose.NOBODY)]
    told = db.session.query(TimelineEntry).filter(TimelineEntry.kind == "keypad").one()
    assert told.data["what"] == "alarm"


def readings() -> list[tuple[bool | None, int | None]]:
    db.session.rollback()
    rows = db.session.query(LockReading).order_by(LockReading.at, LockReading.id)
    return [(row.is_online, row.battery_level) for row in rows]


def test_readings_are_kept_once_a_day_and_with_every_change(house: House) -> None:
    assert readings() == [(True, 95)]

    house.stage.run_for(days=2, hours=1)
    assert readings() == [(True, 95)] * 3

    with house.stage.cloud.steady():
        house.stage.cloud.people.set_battery(house.door, 25)
    house.stage.run_for(seconds=5)
    with house.stage.cloud.steady():
        house.stage.cloud.weather.set_connected(house.door, False)
    house.stage.run_for(hours=1)

    assert readings()[3:] == [(True, 25), (False, 25)]


def test_readings_go_after_a_hundred_days(house: House) -> None:
    house.stage.run_for(days=103)

    db.session.rollback()
    oldest = db.session.query(LockReading).order_by(LockReading.at).first()
    assert oldest is not None
    assert house.stage.now - oldest.at <= timedelta(days=101, hours=1)
    assert db.session.query(Lock).one().entries_due_at is not None


@pytest.mark.parametrize("shared", [True, False])
def test_wrong_tries_on_a_shared_door_are_nobodys_in_particular(house: House, shared: bool) -> None:
    first = house.book("b1", arrives="2026-03-03", departs="2026-03-06")
    if shared:
        house.book("b2", arrives="2026-03-03", departs="2026-03-06", guest="Bo Guest")
    house.stage.run_for(days=1, hours=7)
    for _ in range(3):
        key_in(house, "0000")
    read_log(house)

    db.session.rollback()
    found = entry_page.troubles(db.session(), [first.id], house.stage.now)
    assert (first.id in found) is not shared
    assert house.booking(first.id).verdict is not Verdict.NOT_READY
