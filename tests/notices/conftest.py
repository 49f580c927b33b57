"""The app with fakes in the place of other people's servers, and time that tests move."""

from collections.abc import Iterator

import pytest
from flask import Flask

from portal import clock
from tests.fakes.outside import FakeMessenger, FakeReceiver
from tests.notices.passing_time import World
from tests.support.bells import FakeBell


@pytest.fixture
def world(app: Flask, bell: FakeBell) -> Iterator[World]:
    messenger, receiver = FakeMessenger(), FakeReceiver()
    fakes = {"messenger": messenger, "endpoint_post": receiver}
    before = {name: app.extensions[name] for name in fakes}
    app.extensions.update(fakes)
    found = World(bell, messenger, receiver)
    with clock.running_on(lambda: found.now):
        yield found
    app.extensions.update(before)
