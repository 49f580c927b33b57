"""Fixtures for every test: `app`, `client`, `bell`, `signer`; the rest are builders."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings

from portal import create_app, tenancy
from portal.extensions import db
from portal.models.base import Base
from tests.support import databases, network
from tests.support.bells import FakeBell
from tests.support.client import PortalClient
from tests.support.settings import OWN_WEBHOOK_KEY, make_settings
from tests.support.webhooks import Signer

pytest_plugins = ["tests.support.chromium", "tests.process.running"]

# No test fails because the machine is slow for a moment.
settings.register_profile(
    "any machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

USES_THE_DATABASE = {"app", "client", "database_url", "bell"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test that uses the database, so that PostgreSQL can run just those again."""
    for item in items:
        if USES_THE_DATABASE & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.database)


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    network.only_loopback(monkeypatch)


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty database for this test process."""
    url, stop = databases.start(tmp_path_factory.mktemp("database"))
    yield url
    stop()


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """Signs webhooks that the app of the tests trusts."""
    return Signer(Path(tmp_path_factory.mktemp("webhooks"), "key.pem"))


@pytest.fixture(scope="session")
def _app(database_url: str, signer: Signer) -> Iterator[Flask]:
    """The app of this test process, with its tables made. Use `app`, which empties them."""
    config = make_settings(
        DATABASE_URL=database_url,
        SCHLAGE_WEBHOOK_KEYS=f"{OWN_WEBHOOK_KEY},{signer.key_path}",
    )
    app = create_app(config, bell=FakeBell())
    app.testing = True
    app.test_client_class = PortalClient
    with app.app_context():
        Base.metadata.create_all(db.engine)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def app(_app: Flask) -> Iterator[Flask]:
    """The app, over an empty database; the test itself sees every account's rows."""
    _app.extensions["bell"].forget()
    _app.extensions["recent_fragments"].forget()
    with _app.app_context(), tenancy.as_system():
        yield _app
        db.session.remove()
        databases.empty(db.engine)


@pytest.fixture
def client(app: Flask) -> PortalClient:
    """A browser or program nobody signed in with yet."""
    client = app.test_client()
    assert isinstance(client, PortalClient)
    return client


@pytest.fixture
def bell(app: Flask) -> FakeBell:
    """The rings of this test."""
    found = app.extensions["bell"]
    assert isinstance(found, FakeBell)
    return found
