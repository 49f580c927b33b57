"""The migrations make the tables that the models describe, on whichever database the tests use."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect

from portal import create_app
from portal.extensions import db
from portal.models.base import Base
from tests.support import databases
from tests.support.bells import FakeBell
from tests.support.settings import make_settings


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
