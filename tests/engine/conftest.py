"""The product on a stage: real services and database, the simulated cloud, virtual time."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from benchmarks.stage import API, Stage
from portal import clock
from portal.extensions import db
from tests.engine.promises import Watch
from tests.support.house import House

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


@pytest.fixture
def quick_disk(app: Flask) -> Iterator[None]:
    """SQLite does not wait for the disk: these tests kill jobs, and pull no plugs."""
    if db.engine.dialect.name != "sqlite":
        yield
        return
    event.listen(db.engine, "checkout", _do_not_wait)
    yield
    event.remove(db.engine, "checkout", _do_not_wait)
    db.session.remove()
    db.engine.dispose()


def _do_not_wait(dbapi_connection: Any, _record: Any, _proxy: Any) -> None:
    dbapi_connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture
def stage(app: Flask, quick_disk: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A clean cloud and an app that talks to it, on Monday 2 March 2026, 10:00 in New York."""
    settings = app.extensions["settings"]
    addresses = {
        "schlage_api_url": f"{API}/schlage-home",
        "schlage_token_url": f"{API}/OAuth2/token",
    }
    monkeypatch.setitem(app.extensions, "settings", replace(settings, **addresses))
    for name in ("bell", "schlage_http"):
        monkeypatch.setitem(app.extensions, name, app.extensions[name])
    stage = Stage(app, START)
    with clock.running_on(stage.clock.now):
        yield stage


@pytest.fixture
def watch(stage: Stage) -> Iterator[Watch]:
    """Both sides are watched all the time; a broken promise fails the test at its end."""
    watch = Watch(stage)
    yield watch
    watch.assert_kept()


@pytest.fixture
def house(stage: Stage, watch: Watch) -> House:
    """One account with one lock that opens one property, watched."""
    return House(stage)
