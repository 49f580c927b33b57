"""The guided page that sets all codes of a lock again."""

from datetime import timedelta
from typing import Any

import pytest

from portal import clock
from portal.domain.command import Kind, State
from portal.domain.problems import CATALOGUE, USER_REQUEST, ProblemKey
from portal.domain.rebuild import Stage
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Account, Lock, Property, Rebuild, Role
from portal.services import rebuilds
from portal.services.ringing import changing
from portal.services.timeline import Kind as TimelineKind
from portal.views import filters
from tests.support.builders import (
    make_account,
    make_booking,
    make_command,
    make_door_code,
    make_entry,
    make_foreign_code,
    make_lock,
    make_manager,
    make_property,
    make_timeline_entry,
    saved,
)
from tests.support.client import PortalClient
from tests.web.pages import element, elements, words

HOUR = timedelta(hours=1)
AS_BEFORE = "codes go on as before"
MAY_HAVE_WORKED = "Delete All may have worked"


def _house() -> tuple[Account, Lock, Property]:
    account = make_account()
    lock = make_lock(account=account, name="Front door")
    place = make_property(account, locks=[lock])
    return account, lock, place


def _refused(lock: Lock) -> None:
    """The lock has refused our own Delete All, and that has ended its rebuild."""
    rebuild = rebuilds.latest(db.session(), lock.id)
    assert rebuild is not None
    place = db.session.query(Property).one()
    make_command(
        make_entry(make_door_code(make_booking(place), lock)),
        kind=Kind.DELETE_ALL,
        state=State.FAILED,
        problem=ProblemKey.NACK,
        created_at=rebuild.started_at,
        sent_at=rebuild.started_at,
    )
    rebuild.stage = Stage.STOPPED
    db.session.commit()


def test_the_preview_says_what_comes_back_and_what_does_not(client: PortalClient) -> None:
    account, lock, place = _house()
    make_door_code(make_booking(place, guest_name="Ana Coming"), lock, status=Status.CONFIRMED)
    make_foreign_code(lock, label="Cleaner Jo")
    client.become(make_manager(account))

    page = client.get(f"/locks/{lock.id}/rebuild").text

    assert "Ana Coming" in page
    assert "Cleaner Jo" in page
    assert "cannot be restored" in page


def test_a_rebuild_goes_through_its_steps_on_the_page(client: PortalClient) -> None:
    account, lock, _ = _house()
    client.become(make_manager(account))

    client.send(f"/locks/{lock.id}/rebuild", way="app")
    waiting = client.get(f"/locks/{lock.id}/rebuild").text
    client.send(f"/locks/{lock.id}/rebuild/pressed")
    verifying = client.get(f"/locks/{lock.id}/rebuild").text

    assert 'data-stage="waiting"' in waiting
    assert "I have pressed Delete All" in waiting
    assert 'data-stage="verifying"' in verifying
    assert "I have pressed Delete All" not in verifying


def test_the_first_way_needs_no_other_app(client: PortalClient) -> None:
    account, lock, _ = _house()
    client.become(make_manager(account))

    ways = [e["value"] for e in elements(client.get(f"/locks/{lock.id}/rebuild").text, name="way")]

    assert ways == ["command", "app"]


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (ProblemKey.SPLIT_BRAIN, "User not found in the device"),
        (ProblemKey.USER_NOT_FOUND, "User not found in the device"),
    ],
)
def test_what_helps_where_setting_all_codes_again_does_not_stands_on_the_page(
    client: PortalClient, problem: ProblemKey, text: str
) -> None:
    account, lock, place = _house()
    client.become(make_manager(account))
    address = f"/locks/{lock.id}/rebuild"
    make_door_code(
        make_booking(place),
        lock,
        status=Status.NEEDS_YOU,
        problem=ProblemKey.SPLIT_BRAIN,
        problem_text="Access code/code name are already in use",
    )
    without = client.get(address).text

    make_door_code(
        make_booking(place), lock, status=Status.NEEDS_YOU, problem=problem, problem_text=text
    )
    page = client.get(address).text

    assert "factory settings" not in without
    said = words(element(page, id="beyond").text)
    assert "Only if that does not help: reset the lock to factory settings" in said
    assert "we delete every code on the lock" not in said
    assert USER_REQUEST.to in {e.get("href") for e in elements(page)}


def test_a_refused_delete_all_says_why_and_what_else_would_do(client: PortalClient) -> None:
    account, lock, _ = _house()
    client.become(make_manager(account))
    client.send(f"/locks/{lock.id}/rebuild", way="command")
    _refused(lock)

    page = words(client.get(f"/locks/{lock.id}/rebuild").text)

    assert "The lock refused Delete All, and nothing was deleted" in page
    assert AS_BEFORE in page
    assert str(filters.tr(CATALOGUE[ProblemKey.NACK].title)) in page


def test_a_list_that_does_not_get_empty_is_helped_by_the_app(client: PortalClient) -> None:
    account, lock, _ = _house()
    client.become(make_manager(account))
    client.send(f"/locks/{lock.id}/rebuild", way="command")
    rebuild = db.session.query(Rebuild).one()
    rebuild.stage = Stage.VERIFYING
    db.session.commit()

    page = client.get(f"/locks/{lock.id}/rebuild").text

    assert "press Delete All in the Schlage Home app: this page then goes on by itself" in page


def test_a_guest_inside_is_protected_by_the_typed_name(client: PortalClient) -> None:
    account, lock, place = _house()
    inside = make_booking(place, arrives_in=timedelta(hours=-20))
    make_door_code(inside, lock, status=Status.CONFIRMED)
    client.become(make_manager(account))

    refused = client.send(f"/locks/{lock.id}/rebuild", way="command")
    allowed = client.send(f"/locks/{lock.id}/rebuild", way="command", typed_name="Front door")

    assert refused.status_code == 422
    assert "type the lock&#39;s name: Front door" in refused.text
    assert allowed.status_code == 303


def test_a_stopped_rebuild_lets_the_queue_run_again(client: PortalClient) -> None:
    account, lock, _ = _house()
    client.become(make_manager(account))
    client.send(f"/locks/{lock.id}/rebuild", way="app")

    client.send(f"/locks/{lock.id}/rebuild/stop")

    db.session.rollback()
    latest = rebuilds.latest(db.session(), lock.id)
    assert latest is not None
    assert latest.stage is Stage.STOPPED


def stop(client: PortalClient, lock: Lock) -> tuple[str, str]:
    """Presses Stop; what is then said once, and what the page says from then on."""
    client.send(f"/locks/{lock.id}/rebuild/stop")
    address = f"/locks/{lock.id}/rebuild"
    first, later = client.get(address).text, client.get(address).text
    return words(first), words(later)


def test_stopped_before_delete_all_was_pressed_all_goes_on_as_before(client: PortalClient) -> None:
    account, lock, _ = _house()
    client.become(make_manager(account))
    client.send(f"/locks/{lock.id}/rebuild", way="app")

    first, later = stop(client, lock)

    assert "Stopped. Nothing was deleted" in first
    assert AS_BEFORE in later
    assert MAY_HAVE_WORKED not in first + later


@pytest.mark.parametrize("way", ["app", "command"])
def test_stopped_after_delete_all_the_page_does_not_say_that_all_is_as_before(
    client: PortalClient, way: str
) -> None:
    account, lock, place = _house()
    code = make_door_code(make_booking(place), lock, status=Status.UNSURE)
    proven_anew = make_door_code(make_booking(place), lock, status=Status.CONFIRMED)
    client.become(make_manager(account))
    client.send(f"/locks/{lock.id}/rebuild", way=way)
    client.send(f"/locks/{lock.id}/rebuild/pressed")
    proven_anew.status = Status.CONFIRMED
    db.session.commit()

    first, later = stop(client, lock)
    code.status = Status.CONFIRMED
    db.session.commit()
    all_there = words(client.get(f"/locks/{lock.id}/rebuild").text)

    assert f"Stopped. {MAY_HAVE_WORKED}" in first
    assert MAY_HAVE_WORKED in later
    assert "looked for and put back by itself" in later
    assert "1 of 2 codes are confirmed" in later
    assert "2 of 2 codes are confirmed" in all_there
    assert AS_BEFORE not in first + later + all_there


def test_a_list_that_cannot_be_read_ends_it_without_saying_that_all_is_as_before(
    client: PortalClient,
) -> None:
    account, lock, _ = _house()
    client.become(make_manager(account))
    client.send(f"/locks/{lock.id}/rebuild", way="app")
    client.send(f"/locks/{lock.id}/rebuild/pressed")
    with changing() as session:
        running = rebuilds.running(session, lock.id)
        assert running is not None
        rebuilds.stop(session, running, "engine", clock.now())

    page = words(client.get(f"/locks/{lock.id}/rebuild").text)

    assert MAY_HAVE_WORKED in page
    assert AS_BEFORE not in page


def test_a_refusal_after_a_first_delete_all_does_not_say_that_nothing_was_deleted(
    client: PortalClient,
) -> None:
    account, lock, _ = _house()
    client.become(make_manager(account))
    client.send(f"/locks/{lock.id}/rebuild", way="app")
    client.send(f"/locks/{lock.id}/rebuild/pressed")
    _refused(lock)

    page = words(client.get(f"/locks/{lock.id}/rebuild").text)

    assert str(filters.tr(CATALOGUE[ProblemKey.NACK].title)) in page
    assert MAY_HAVE_WORKED in page
    assert "nothing was deleted" not in page
    assert AS_BEFORE not in page


def test_what_can_no_longer_be_stopped_is_not_called_stopped(client: PortalClient) -> None:
    account, lock, _ = _house()
    client.become(make_manager(account))
    client.send(f"/locks/{lock.id}/rebuild", way="app")
    db.session.query(Rebuild).one().stage = Stage.SETTING
    db.session.commit()

    first, _ = stop(client, lock)

    assert "Stopped" not in first
    assert "It cannot be stopped any more: the codes are being set again." in first


def facts(html: str) -> dict[str, str]:
    """The numbers of the preview, by their names."""
    return dict(
        zip(
            (words(e.text) for e in elements(html) if e.tag == "dt"),
            (words(e.text) for e in elements(html) if e.tag == "dd"),
            strict=True,
        )
    )


def _rebuilt(lock: Lock, stage: Stage, **fields: Any) -> Rebuild:
    """A rebuild of this lock, begun an hour ago, whose list was empty ten minutes later."""
    at = clock.now() - HOUR
    values = {
        "account_id": lock.account_id,
        "lock_id": lock.id,
        "stage": stage,
        "started_by": "manager:1",
        "started_at": at,
        "until": at + 48 * HOUR,
        "gate": at,
        "emptied_at": at + timedelta(minutes=10),
    }
    rebuild: Rebuild = saved(Rebuild(**values | fields))
    return rebuild


def test_codes_that_are_not_due_yet_are_counted_apart(client: PortalClient) -> None:
    account, lock, place = _house()
    make_door_code(make_booking(place, guest_name="Ana Coming"), lock, status=Status.CONFIRMED)
    for _ in range(8):
        far = make_booking(place, guest_name="Far Fay", arrives_in=720 * HOUR)
        make_door_code(far, lock, status=Status.PLANNED)
    client.become(make_manager(account))
    address = f"/locks/{lock.id}/rebuild"

    preview = client.get(address).text
    client.send(address, way="app")
    running = db.session.query(Rebuild).one()
    running.stage = Stage.SETTING
    db.session.commit()
    setting = client.get(address).text

    assert facts(preview) == {
        "Codes we set again": "1",
        "Codes that are sent later, at their time": "8",
        "Old codes that go for good": "0",
        "Codes that cannot be restored": "0",
    }
    assert "Far Fay" not in preview
    assert running.planned == 1
    assert "1 of 1 codes are confirmed" in words(setting)


def test_codes_that_need_somebody_are_said_while_the_others_are_set(client: PortalClient) -> None:
    account, lock, place = _house()
    make_door_code(make_booking(place), lock, status=Status.NEEDS_YOU)
    make_door_code(make_booking(place), lock, status=Status.CONFIRMED)
    _rebuilt(lock, Stage.SETTING)
    client.become(make_manager(account))

    page = words(client.get(f"/locks/{lock.id}/rebuild").text)

    assert "1 of 2 codes are confirmed. 1 needs you." in page


@pytest.mark.parametrize(
    ("status", "headline", "tone"),
    [
        (Status.CONFIRMED, "All codes were set again", "green"),
        (Status.NEEDS_YOU, "The codes were set again, and 1 needs you", "amber"),
        (Status.RETRYING, "The codes were set again, and 1 is still being tried", "amber"),
    ],
)
def test_the_end_of_a_rebuild_is_green_only_where_every_code_is_confirmed(
    client: PortalClient, status: Status, headline: str, tone: str
) -> None:
    account, lock, place = _house()
    then = clock.now() - 2 * HOUR
    for name, at in (("Ana Coming", Status.CONFIRMED), ("Bo Bad", status)):
        is_set = at is Status.CONFIRMED
        make_door_code(
            make_booking(place, guest_name=name),
            lock,
            status=at,
            created_at=then,
            send_at=then,
            confirmed_at=clock.now() - timedelta(minutes=40) if is_set else then,
        )
    # Asked for since, which is no matter of the rebuild's.
    make_door_code(make_booking(place), lock, status=Status.NEEDS_YOU)
    _rebuilt(
        lock,
        Stage.DONE,
        finished_at=clock.now() - timedelta(minutes=30),
        planned=2,
        listed_after=2,
    )
    client.become(make_manager(account))

    page = client.get(f"/locks/{lock.id}/rebuild").text

    panel = element(page, id=f"rebuild-{lock.id}")
    assert headline in words(panel.text)
    assert "Codes on the list: 2. Ours to be set: 2." in words(panel.text)
    assert ("Bo Bad" in panel.text) is (tone == "amber")
    notice = next(
        e for e in elements(page) if headline in e.text and "notice" in (e.get("class") or "")
    )
    assert f"tone--{tone}" in str(notice["class"])


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ({}, "All codes of Front door were set again"),
        ({"left": 0}, "All codes of Front door were set again"),
        ({"left": 1}, "The codes of Front door were set again, but for one"),
        ({"left": 3}, "The codes of Front door were set again, but for 3"),
    ],
)
def test_the_history_does_not_call_all_codes_set_where_some_are_not(
    client: PortalClient, left: dict[str, int], told: str
) -> None:
    account, lock, place = _house()
    data = {"stage": "done", **left}
    make_timeline_entry(make_booking(place), TimelineKind.REBUILD, lock_id=lock.id, data=data)
    client.become(make_manager(account))

    history = element(client.get(f"/locks/{lock.id}").text, id="timeline")

    assert told in words(history.text)


def test_a_code_that_is_confirmed_later_makes_the_end_green(client: PortalClient) -> None:
    account, lock, place = _house()
    then = clock.now() - 2 * HOUR
    code = make_door_code(
        make_booking(place), lock, status=Status.NEEDS_YOU, created_at=then, send_at=then
    )
    _rebuilt(lock, Stage.DONE, finished_at=clock.now() - timedelta(minutes=30), planned=1)
    client.become(make_manager(account))
    before = client.get(f"/locks/{lock.id}/rebuild").text

    code.status, code.confirmed_at = Status.CONFIRMED, clock.now()
    db.session.commit()

    assert "1 needs you" in before
    assert "All codes were set again" in client.get(f"/locks/{lock.id}/rebuild").text


def test_a_viewer_may_look_and_not_start(client: PortalClient) -> None:
    account, lock, _ = _house()
    client.become(make_manager(account, role=Role.VIEWER))

    assert client.get(f"/locks/{lock.id}/rebuild").status_code == 200
    assert client.send(f"/locks/{lock.id}/rebuild", way="app").status_code == 403
    assert db.session.query(Rebuild).count() == 0


def test_until_when_the_guest_is_inside_is_said_as_people_write_dates(
    client: PortalClient,
) -> None:
    account, lock, place = _house()
    inside = make_booking(place, arrives_in=timedelta(days=-1))
    make_door_code(inside, lock, status=Status.CONFIRMED)
    client.become(make_manager(account))

    page = client.get(f"/locks/{lock.id}/rebuild").text
    refused = client.send(f"/locks/{lock.id}/rebuild", way="command")

    assert f"A guest is inside until {filters.plain_date(inside.departs_on)}" in page
    assert refused.status_code == 422
    assert "type the lock&#39;s name: Front door" in refused.text
    assert f"until {inside.departs_on.isoformat()}" not in page + refused.text
