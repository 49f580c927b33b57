"""The product on a stage: real services and database, the simulated cloud, virtual time."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask import Flask

from benchmarks.stage import API, Stage
from portal import clock
from tests.support.house import House

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


@pytest.fixture
def stage(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A clean cloud and an app that talks to it, on Monday 2 March 2026, 10:00 in New York."""
    settings = app.extensions["settings"]
    monkeypatch.setitem(
        app.extensions, "settings", replace(settings, schlage_api_url=f"{API}/schlage-home")
    )
    for name in ("bell", "schlage_http"):
        monkeypatch.setitem(app.extensions, name, app.extensions[name])
    stage = Stage(app, START)
    with clock.running_on(stage.clock.now):
        yield stage


@pytest.fixture
def house(stage: Stage) -> House:
    """One account with one lock that opens one property."""
    return House(stage)
