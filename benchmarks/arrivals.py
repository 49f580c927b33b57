"""What the arrivals page costs with ten thousand bookings, against one with a hundred.

`python -m benchmarks.arrivals`: one line of JSON per page. Both accounts have the same arrivals in
the next days; the rest of the larger one's bookings are past and to come, as after some years of
business. So a ratio far above 1 is work that grows with bookings nobody looks at.
"""

import base64
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from secrets import token_bytes, token_hex
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from benchmarks.measure import tell
from portal import clock, create_app, tenancy
from portal.config import from_environment
from portal.domain.entry import EntryState, Evidence
from portal.domain.secret import Secret
from portal.domain.status import Status, Verdict
from portal.extensions import db
from portal.models import (
    Booking,
    BookingStatus,
    Connection,
    ConnectionState,
    DoorCode,
    Lock,
    LockEntry,
    Manager,
    Mapping,
    Property,
    Source,
)
from portal.models.base import Base
from portal.queue import JobName
from portal.services import accounts, sign_ins
from portal.unit_of_work import writing
from simulator.signing import Signer

EMAIL: Final = "bench@latchboard.example"
FEW: Final = 100
MANY: Final = 10_000
ROUNDS: Final = 15
# Each lists the same number of bookings in both accounts.
PAGES: Final = {
    "arrivals": "/",
    "arrivals, all": "/?when=all",
    "arrivals, search": "/?q=Guest+0001",
    "choosing several": "/bulk?when=all",
}
_SETTINGS: Final = {
    "PUBLIC_URL": "http://localhost",
    "SCHLAGE_API_URL": "http://127.0.0.1:1/schlage-home",
    "SCHLAGE_AUTHORIZE_URL": "http://127.0.0.1:1/authorize",
    "SCHLAGE_TOKEN_URL": "http://127.0.0.1:1/token",
    "SCHLAGE_CLIENT_ID": "benchmark",
    "SCHLAGE_CLIENT_SECRET": "benchmark",
    "SCHLAGE_SUBSCRIPTION_KEY": "benchmark",
}
# One for both accounts: a process has one ring of keys.
_SECRETS: Final = {
    "SECRET_KEY": token_hex(),
    "ENCRYPTION_KEYS": base64.urlsafe_b64encode(token_bytes(32)).decode(),
}
_PROPERTIES: Final = 40
_NEAR: Final = 60  # bookings around now, in either account
_BLOCK: Final = 1000


class Silent:
    """A bell that nobody hears: pages alone are measured."""

    def ring(self, job: JobName, *ids: int) -> None:
        """Nothing happens."""


def main() -> None:
    # A line per request would stand among the results.
    logging.disable(logging.INFO)
    with TemporaryDirectory(prefix="latchboard-bench-") as directory:
        for line in run(Path(directory)):
            tell(line)


def run(directory: Path, many: int = MANY, rounds: int = ROUNDS) -> Iterator[dict[str, Any]]:
    """A line of results per page; the accounts stand in databases of their own."""
    with _account(directory / "few.db", FEW) as few, _account(directory / "many.db", many) as lots:
        for name, path in PAGES.items():
            pairs = [(few(path), lots(path)) for _ in range(rounds + 1)][1:]
            yield {
                "benchmark": f"{name}: {many} bookings / {FEW}",
                "median_ratio": round(median(large / small for small, large in pairs), 2),
                "few_milliseconds": round(median(small for small, _ in pairs) * 1000, 1),
                "many_milliseconds": round(median(large for _, large in pairs) * 1000, 1),
                "rounds": rounds,
            }


@contextmanager
def _account(database: Path, bookings: int) -> Iterator[Callable[[str], float]]:
    """Calls that fetch a page of an account with so many bookings, and say how long it took."""
    key = database.with_suffix(".pem")
    key.write_text(Signer.generate().public_pem())
    app = create_app(
        from_environment(
            {
                **_SETTINGS,
                **_SECRETS,
                "DATABASE_URL": f"sqlite:///{database}",
                "SCHLAGE_WEBHOOK_KEYS": str(key),
            }
        ),
        bell=Silent(),
    )
    with app.app_context(), tenancy.as_system():
        Base.metadata.create_all(db.engine)
        token = _furnish(bookings)
    client = _signed_in(app, token)

    def fetch(path: str) -> float:
        began = time.perf_counter()
        answer = client.get(path)
        took = time.perf_counter() - began
        if answer.status_code != 200:
            raise RuntimeError(f"{path} was answered {answer.status_code}")
        return took

    yield fetch
    with app.app_context():
        db.engine.dispose()


def _signed_in(app: Flask, token: str) -> FlaskClient:
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = token
        cookie.permanent = True
    return client


def _furnish(bookings: int) -> str:
    """The token of the owner of an account with its locks, properties and so many bookings."""
    now = clock.now().replace(second=0, microsecond=0)
    with writing() as session:
        account_id = accounts.create(session, "Benchmark", EMAIL, token_hex(12)).id
        connection = Connection(
            account_id=account_id,
            name="Schlage Home",
            state=ConnectionState.CONNECTED,
            state_at=now,
            created_at=now,
        )
        session.add(connection)
        session.flush()
        for number in range(1, _PROPERTIES + 1):
            _place(session, connection, number, now)
        owner_id = session.scalars(select(Manager.id)).one()
        token = sign_ins.start(session, owner_id, "benchmark", now)
        for first in range(1, bookings + 1, _BLOCK):
            numbers = range(first, min(first + _BLOCK, bookings + 1))
            stays = [_stay(account_id, number, now) for number in numbers]
            session.execute(insert(Booking), stays)
            session.execute(insert(DoorCode), [_code(stay, now) for stay in stays])
            session.execute(insert(LockEntry), [_entry(stay, now) for stay in stays])
    return token.reveal()


def _place(session: Session, connection: Connection, number: int, now: datetime) -> None:
    """A property with its one lock, both of this number."""
    account_id = connection.account_id
    session.add(
        Lock(
            id=number,
            account_id=account_id,
            connection_id=connection.id,
            device_id=f"device-{number}",
            name=f"Door {number:03}",
            is_online=True,
            created_at=now,
        )
    )
    session.add(
        Property(
            id=number,
            account_id=account_id,
            name=f"Home {number:03}",
            time_zone="America/New_York",
            check_in=time_of_day(16),
            check_out=time_of_day(11),
            created_at=now,
        )
    )
    session.flush()
    session.add(Mapping(account_id=account_id, property_id=number, lock_id=number))


def _stay(account_id: int, number: int, now: datetime) -> dict[str, Any]:
    """The first ones are around now; the others alternate between the years before and after."""
    if number <= _NEAR:
        starts_at = now + timedelta(hours=2 * number - _NEAR)
    else:
        days = 5 + (number - _NEAR) / 12
        starts_at = now + timedelta(days=days if number % 2 else -days)
    ends_at = starts_at + timedelta(days=2)
    return {
        "id": number,
        "account_id": account_id,
        "property_id": number % _PROPERTIES + 1,
        "source": Source.AIRBNB,
        "external_id": f"bench-{number}",
        "status": BookingStatus.CONFIRMED,
        "guest_name": f"Guest {number:05}",
        "guest_phone": f"+1 212 555 {number:04}",
        "arrives_on": starts_at.date(),
        "departs_on": ends_at.date(),
        "starts_at": starts_at,
        "ends_at": ends_at,
        "pin": Secret(f"{number * 7919 % 900_000 + 100_000}"),
        "verdict": Verdict.NOT_READY if number % 50 == 0 else Verdict.READY,
        "created_at": now,
    }


def _code(stay: dict[str, Any], now: datetime) -> dict[str, Any]:
    is_over = stay["ends_at"] <= now
    return {
        "id": stay["id"],
        "account_id": stay["account_id"],
        "booking_id": stay["id"],
        "lock_id": stay["property_id"],
        "starts_at": stay["starts_at"],
        "ends_at": stay["ends_at"],
        "send_at": stay["starts_at"] - timedelta(days=7),
        "status": Status.REMOVED if is_over else Status.CONFIRMED,
        "status_at": now,
        "created_at": now,
    }


def _entry(stay: dict[str, Any], now: datetime) -> dict[str, Any]:
    is_over = stay["ends_at"] <= now
    return {
        "account_id": stay["account_id"],
        "door_code_id": stay["id"],
        "lock_id": stay["property_id"],
        "label": f"Guest {stay['id']:05}",
        "pin": stay["pin"],
        "starts_at": stay["starts_at"],
        "ends_at": stay["ends_at"],
        "revision": 1,
        "state": EntryState.GONE if is_over else EntryState.HELD,
        "evidence": Evidence.CONFIRMED,
        "evidence_at": now,
        "created_at": now,
    }


if __name__ == "__main__":
    main()
