"""The guided page that sets all codes of a lock again."""

from datetime import timedelta

from portal.domain.command import Kind, State
from portal.domain.problems import CATALOGUE, ProblemKey
from portal.domain.rebuild import Stage
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Account, Lock, Property, Rebuild, Role
from portal.services import rebuilds
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
)
from tests.support.client import PortalClient
from tests.web.pages import elements


def _house() -> tuple[Account, Lock, Property]:
    account = make_account()
    lock = make_lock(account=account, name="Front door")
    place = make_property(account, locks=[lock])
    return account, lock, place


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


def test_a_refused_delete_all_says_why_and_what_else_would_do(client: PortalClient) -> None:
    account, lock, place = _house()
    client.become(make_manager(account))
    client.send(f"/locks/{lock.id}/rebuild", way="command")
    rebuild = rebuilds.latest(db.session(), lock.id)
    assert rebuild is not None
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

    page = client.get(f"/locks/{lock.id}/rebuild").text

    assert "The lock refused Delete All" in page
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
