"""Lists stay quick in an account with many bookings: no query goes through all its doors.

`python -m benchmarks.arrivals` measures it; here the database says how it would find the rows.
"""

import pytest
from flask import Flask

from portal.domain.status import Status
from portal.extensions import db
from tests.support.builders import (
    make_account,
    make_booking,
    make_connection,
    make_door_code,
    make_entry,
    make_lock,
    make_staff_code,
)
from tests.support.statements import plan, statements
from tests.web.pages import browser

# Indexes on the account alone: every row of the account is looked at.
WHOLE_ACCOUNT = ("ix_door_code_account_id", "ix_lock_entry_account_id")
# Indexes of the history that lead to what was asked for, and to little else.
OF_FEW_LINES = (
    "ix_timeline_account",
    "ix_timeline_entry_door_code_id",
    "ix_timeline_entry_staff_code_id",
)


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


@pytest.mark.parametrize("path", ["/settings/door-locks/schlage", "/team", "/staff-codes/{staff}"])
def test_what_is_about_no_booking_is_not_looked_for_among_the_lines_of_bookings(
    app: Flask, path: str
) -> None:
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL plans by what the tables hold, and these are nearly empty")
    account = make_account()
    staff = make_staff_code(account, locks=[make_lock(make_connection(account))])
    client = browser(app, account)

    with statements() as asked:
        assert client.get(path.format(staff=staff.id)).status_code == 200
    found = [
        line
        for statement, values in asked
        if statement.startswith("SELECT") and "FROM timeline_entry" in statement
        for line in plan(statement, values)
        if "timeline_entry" in line
    ]

    assert found
    assert all(any(name in line for name in OF_FEW_LINES) for line in found), found
