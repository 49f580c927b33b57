"""Writers take turns on both databases: nothing that one decides on changes under its hands."""

import threading
from collections.abc import Callable, Sequence

import pytest
from flask import Flask
from sqlalchemy import text

from portal import tenancy
from portal.extensions import db
from portal.models import Lock
from portal.unit_of_work import keeping_rows, writing
from tests.support.builders import make_lock


def at_once(app: Flask, *deeds: Callable[[], None]) -> list[Exception]:
    """What went wrong where all these were done at the same time, each in a thread of its own."""
    wrong: list[Exception] = []
    together = threading.Barrier(len(deeds))

    def run(deed: Callable[[], None]) -> None:
        with app.app_context(), tenancy.as_system():
            together.wait(timeout=30)
            try:
                deed()
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=run, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def count_up(lock_ids: Sequence[int], times: int) -> None:
    """Each lock's failures are read and written one higher, one lock after the other."""
    for _ in range(times):
        with writing() as session:
            for lock_id in lock_ids:
                session.get_one(Lock, lock_id).failures += 1
                session.flush()


def test_no_count_is_lost_between_two_writers(app: Flask) -> None:
    lock = make_lock()
    lock_ids = [lock.id]

    wrong = at_once(app, *(lambda: count_up(lock_ids, 25) for _ in range(4)))

    db.session.rollback()
    assert wrong == []
    assert lock.failures == 100


def test_two_writers_that_meet_the_same_rows_in_opposite_order_both_succeed(app: Flask) -> None:
    first, second = make_lock(), make_lock()
    there, back = [first.id, second.id], [second.id, first.id]

    wrong = at_once(app, lambda: count_up(there, 25), lambda: count_up(back, 25))

    db.session.rollback()
    assert wrong == []
    assert (first.failures, second.failures) == (50, 50)


def test_who_reads_waits_for_no_writer(app: Flask) -> None:
    lock = make_lock()
    lock_id, seen = lock.id, []

    def read() -> None:
        seen.append(db.session.get_one(Lock, lock_id).failures)

    with writing() as session:
        session.get_one(Lock, lock_id).failures = 7
        session.flush()
        assert at_once(app, read) == []

    assert seen == [0]


def test_a_job_decides_on_what_somebody_else_wrote_since(app: Flask) -> None:
    lock_id = make_lock().id

    with keeping_rows():
        with writing() as session:
            held = session.get_one(Lock, lock_id)
            held.failures = 1
        assert at_once(app, lambda: count_up([lock_id], 1)) == []
        with writing() as session:
            assert session.get_one(Lock, lock_id) is held
            assert held.failures == 2


def test_only_a_writer_is_hurried(app: Flask) -> None:
    if db.engine.dialect.name == "sqlite":
        pytest.skip("PostgreSQL ends a writer whose machine has left it, and no reader.")
    asked = text("SELECT current_setting('idle_in_transaction_session_timeout')")
    with writing() as session:
        while_writing = session.scalar(asked)

    assert (while_writing, db.session.scalar(asked)) == ("1min", "0")
