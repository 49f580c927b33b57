"""PINs, tokens and passwords stand in no log, in nothing Redis keeps, and in no address."""

from contextlib import closing

import pytest
import redis

from tests.process.running import EMAIL, Running, leaks
from tests.process.stays import a_door, a_pin
from tests.runtime.processes import needs_proc

pytestmark = [pytest.mark.process, needs_proc]


def test_nothing_that_was_done_with_secrets_left_them_in_the_clear(running: Running) -> None:
    door = a_door(running)
    stay = door.put("Secretive")
    stay.wait_for("confirmed")
    running.api.get(f"{stay.path}?reveal=pin")
    shown = running.manager.submit(stay.path, f"{stay.path}/pin")
    new = a_pin(running)
    running.manager.submit(f"{stay.path}/new-pin", f"{stay.path}/new-pin", pin=new)
    running.owner.post("/users/owner/expire-tokens")
    running.api.ask("PUT", "/bookings/api/bad", json={"pin": stay.pin, "token": new})
    running.manager.submit("/sign-in", "/sign-in", email=EMAIL, password=a_pin(running))
    running.api.send("POST", f"{stay.path}/resync")
    running.wait_for_sweeps()

    assert stay.pin in shown.text
    assert leaks(running) == []
    assert kept_by_redis(running) == []


def test_a_secret_in_a_log_would_be_found(running: Running) -> None:
    pin = a_pin(running)
    log = running.state.logs / "planted.log"

    log.write_text(f"the PIN is {pin}")
    found = leaks(running)
    log.unlink()

    assert found == [f"logs/planted.log: {pin}"]


def kept_by_redis(running: Running) -> list[bytes]:
    """The keys of Redis in whose name or value a secret stands."""
    secrets = [secret.encode() for secret in running.secrets | running.owner.tokens()]
    with closing(redis.Redis(unix_socket_path=running.installation.redis_socket)) as server:
        kept = {key: key + (server.dump(key) or b"") for key in server.scan_iter()}
    return [key for key, text in kept.items() if any(secret in text for secret in secrets)]
