"""The migrations make the tables that the models describe, on whichever database the tests use."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import bindparam, inspect, select, text

from portal import create_app
from portal.extensions import db
from portal.models import LockEntry
from portal.models.base import Base, UTCDateTime
from tests.support import databases
from tests.support.bells import FakeBell
from tests.support.settings import make_settings

_THEN = datetime(2026, 3, 2, 15, tzinfo=UTC)
# One row in each table that a door code hangs on, as the first tables held them.
_OLD_ROWS: Final[dict[str, dict[str, Any]]] = {
    "account": {
        "id": 1,
        "name": "Casa",
        "created_at": _THEN,
        "version": 0,
        "label_key": "key",
        "restore_policy": "restore",
    },
    "connection": {
        "id": 1,
        "account_id": 1,
        "name": "Schlage Home",
        "state": "connected",
        "state_at": _THEN,
        "created_at": _THEN,
    },
    "lock": {
        "id": 1,
        "account_id": 1,
        "connection_id": 1,
        "device_id": "d1",
        "name": "Door",
        "model": "",
        "firmware": "",
        "has_vlac": False,
        "missing_checks": 0,
        "lease_token": 0,
        "is_rung": False,
        "failures": 0,
        "read_failures": 0,
        "created_at": _THEN,
    },
    "property": {
        "id": 1,
        "account_id": 1,
        "name": "Casa",
        "time_zone": "UTC",
        "check_in": "16:00:00.000000",
        "check_out": "11:00:00.000000",
        "lead_days": 7,
        "buffer_before_minutes": 60,
        "buffer_after_minutes": 60,
        "pin_source": "random",
        "created_at": _THEN,
    },
    "booking": {
        "id": 1,
        "account_id": 1,
        "property_id": 1,
        "source": "api",
        "external_id": "b1",
        "status": "confirmed",
        "guest_name": "Ana",
        "guest_phone": "",
        "note": "",
        "arrives_on": "2026-03-05",
        "departs_on": "2026-03-08",
        "starts_at": _THEN,
        "ends_at": _THEN,
        "revision": 1,
        "pin_note": "",
        "verdict": "ready",
        "is_dismissed": False,
        "missing_polls": 0,
        "created_at": _THEN,
    },
    "door_code": {
        "id": 1,
        "account_id": 1,
        "booking_id": 1,
        "lock_id": 1,
        "is_wanted": True,
        "revision": 1,
        "starts_at": _THEN,
        "ends_at": _THEN,
        "send_at": _THEN,
        "failures": 0,
        "is_stuck": False,
        "ladder": 0,
        "restores": 0,
        "status": "confirmed",
        "status_at": _THEN,
        "problem_text": "",
        "created_at": _THEN,
    },
}
_OLD_ENTRY: Final[dict[str, Any]] = {
    "id": 1,
    "account_id": 1,
    "door_code_id": 1,
    "lock_id": 1,
    "label": "Ana",
    "pin": "",
    "starts_at": _THEN,
    "ends_at": _THEN,
    "revision": 1,
    "state": "held",
    "evidence": "confirmed",
    "evidence_at": _THEN,
    "is_retired": False,
    "is_ghost": False,
    "absent_reads": 0,
    "is_witnessed": True,
    "contradictions": 0,
    "created_at": _THEN,
}


@pytest.fixture
def empty_app(database_url: str, request: pytest.FixtureRequest) -> Iterator[Flask]:
    """An app over a database of its own, without tables."""
    name = f"migrations_{abs(hash(request.node.nodeid))}"
    url = databases.make_another(database_url, name)
    app = create_app(make_settings(DATABASE_URL=url), bell=FakeBell())
    with app.app_context():
        yield app
        db.engine.dispose()


def test_an_upgrade_from_nothing_makes_what_the_models_describe(empty_app: Flask) -> None:
    upgrade()

    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_downgrade_to_nothing_leaves_no_table(empty_app: Flask) -> None:
    upgrade()

    downgrade(revision="base")

    assert inspect(db.engine).get_table_names() == ["alembic_version"]


def test_readyz_says_which_command_brings_the_tables_up_to_date(empty_app: Flask) -> None:
    before = empty_app.test_client().get("/readyz")
    upgrade()
    after = empty_app.test_client().get("/readyz")

    assert (before.status_code, before.json["migrations"]) == (
        503,
        "run: flask --app wsgi db upgrade",
    )
    assert (after.status_code, after.json["ready"]) == (200, True)


def test_revisions_import_nothing_of_ours_so_that_they_stay_true_when_the_code_changes() -> None:
    revisions = list(Path("migrations/versions").glob("*.py"))

    assert revisions
    assert [path.name for path in revisions if "portal" in path.read_text()] == []


def _fill(tables: dict[str, dict[str, Any]]) -> None:
    with db.engine.begin() as connection:
        for table, row in tables.items():
            names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)  # noqa: S608


def test_dates_in_doubt_become_what_is_sure_and_what_may_be(empty_app: Flask) -> None:
    """Confirmed from the 1st to the 3rd; what may have been done is from the 2nd to the 4th."""
    upgrade(revision="0001")
    _fill(_OLD_ROWS | {"lock_entry": _OLD_ENTRY})
    upgrade(revision="0012_dates_in_doubt")
    days = {f"on_{day}": datetime(2026, 3, day, 15, tzinfo=UTC) for day in range(1, 5)}
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE lock_entry SET starts_at = :on_1, ends_at = :on_3,"
                " doubt_starts_at = :on_2, doubt_ends_at = :on_4"
            ).bindparams(*(bindparam(name, at, UTCDateTime()) for name, at in days.items()))
        )

    upgrade()

    with db.engine.connect() as connection:
        entry = connection.execute(
            select(
                LockEntry.doubt_starts_at,
                LockEntry.doubt_ends_at,
                LockEntry.may_start_at,
                LockEntry.may_end_at,
            )
        ).one()
    assert [at.day for at in entry] == [2, 3, 1, 4]


def test_bookings_and_their_codes_live_through_every_upgrade_and_back(empty_app: Flask) -> None:
    upgrade(revision="0001")
    _fill(_OLD_ROWS)

    upgrade()
    with db.engine.connect() as connection:
        told = connection.execute(
            text("SELECT booking_id, is_spare, given_to_id, staff_code_id FROM door_code")
        ).one()
        assert (told.booking_id, bool(told.is_spare)) == (1, False)
        assert (told.given_to_id, told.staff_code_id) == (None, None)
        assert connection.scalar(text("SELECT spare_codes FROM property")) == 2

    downgrade(revision="0001")
    with db.engine.connect() as connection:
        assert connection.scalar(text("SELECT booking_id FROM door_code")) == 1
