"""Lists stay quick in an account with many bookings: no query goes through all its doors.

`python -m benchmarks.arrivals` measures it; here the database says how it would find the rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from portal.domain.status import Status
from portal.extensions import db
from tests.support.builders import make_account, make_booking, make_door_code, make_entry
from tests.web.pages import browser

# Indexes on the account alone: every row of the account is looked at.
WHOLE_ACCOUNT = ("ix_door_code_account_id", "ix_lock_entry_account_id")


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """What is asked of the database until the block ends."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def plan(statement: str, values: Any) -> list[str]:
    with db.engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        return [row[3] for row in rows]


@pytest.mark.parametrize("path", ["/", "/?when=all", "/?q=ana", "/bulk?when=all"])
def test_no_list_goes_through_all_doors_or_entries_of_the_account(app: Flask, path: str) -> None:
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL plans by what the tables hold, and these are nearly empty")
    account = make_account()
    make_entry(make_door_code(make_booking(account=account), status=Status.CONFIRMED))
    client = browser(app, account)

    with statements() as asked:
        client.get(path)
    plans = {s: plan(s, v) for s, v in asked if s.startswith("SELECT")}

    bad = {
        statement: lines
        for statement, lines in plans.items()
        if any(name in line for line in lines for name in WHOLE_ACCOUNT)
    }
    assert any("door_code" in statement for statement in plans)
    assert bad == {}
