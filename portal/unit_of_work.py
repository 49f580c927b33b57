"""The one way to write: a short transaction that takes the write lock when it begins.

Writers take turns, on both databases: what one has read holds until it commits, and no two wait
for each other's rows. On SQLite they begin with BEGIN IMMEDIATE (a transaction that reads first and
writes later fails there whatever the busy time-out, as its snapshot is stale), on PostgreSQL with
an advisory lock. Readers begin plainly and wait for nobody.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, cast

from sqlalchemy import Engine, Table, bindparam, event, inspect, update
from sqlalchemy.orm import Session

from portal.extensions import db
from portal.models.account import Account
from portal.models.base import AccountOwned

_is_writing: ContextVar[bool] = ContextVar("is_writing", default=False)
_TOUCHED: Final = "touched_accounts"
# Whoever waits longer for the write lock is told that the database does not answer.
_PATIENCE_SECONDS: Final = 15
# A writer that its machine has left, and whose connection nobody closed, holds up all others.
_FORSAKEN_SECONDS: Final = 60
# Any number that no other program in the same database uses.
_WRITE_LOCK: Final = 0x4C61746368
_TAKE_TURN: Final = (
    f"SELECT pg_advisory_xact_lock({_WRITE_LOCK}), set_config("  # noqa: S608 - our own numbers
    f"'idle_in_transaction_session_timeout', '{_FORSAKEN_SECONDS}s', true)"
)
# A core statement, because it runs with nearly every write.
_ACCOUNT: Final = cast(Table, Account.__table__)
_BUMP: Final = (
    update(_ACCOUNT)
    .where(_ACCOUNT.c.id == bindparam("account"))
    .values(version=_ACCOUNT.c.version + 1)
)


@contextmanager
def writing() -> Iterator[Session]:
    """A session whose changes are committed when the block ends, or rolled back when it raises.

    What was read before the block is forgotten first, so that it decides on fresh rows. Accounts
    whose rows changed get a new `version`, which is what makes open pages refresh.
    """
    session = db.session()
    if _is_writing.get():
        raise RuntimeError("writing() blocks do not nest: pass the session on instead.")
    session.rollback()
    session.expire_all()
    session.info.pop(_TOUCHED, None)
    token = _is_writing.set(True)
    try:
        yield session
        session.flush()
        _bump_versions(session)
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info.pop(_TOUCHED, None)
        _is_writing.reset(token)


@contextmanager
def keeping_rows() -> Iterator[None]:
    """Until the block ends no commit forgets the rows, only the next `writing()` does.

    For jobs, which read all that they decide on in such a block: most rows are not looked at again.
    """
    session = db.session()
    session.expire_on_commit = False
    try:
        yield
    finally:
        session.expire_on_commit = True
        session.expire_all()


def touch(session: Session, account_id: int) -> None:
    """This account's pages are out of date after the commit: for writes the ORM cannot see."""
    session.info.setdefault(_TOUCHED, set()).add(account_id)


def install(session_class: type[Session]) -> None:
    """Every session of this class notes whose rows it changes."""
    event.listen(session_class, "before_flush", _note_touched)


def prepare(engine: Engine) -> None:
    """Readies an engine for `writing()`; on SQLite it sets the durability we promise."""
    is_sqlite = engine.dialect.name == "sqlite"
    event.listen(engine, "connect", _set_pragmas if is_sqlite else _set_patience)
    # Not as listeners to "begin": an engine with one announces every statement as well.
    begin = _begin_on_sqlite if is_sqlite else _begin_on_postgresql
    engine.dialect.do_begin = begin  # type: ignore[method-assign]


def _note_touched(session: Session, _context: Any, _instances: Any) -> None:
    for row in (*session.new, *session.deleted):
        if isinstance(row, AccountOwned) and row.account_id is not None:
            touch(session, row.account_id)
    for row in session.dirty:
        if isinstance(row, AccountOwned) and _is_seen_to_change(row):
            touch(session, row.account_id)


def _is_seen_to_change(row: AccountOwned) -> bool:
    """Whether anything that a page shows of the row has another value than before."""
    state = inspect(row)
    return any(
        state.dict.get(name) != before
        for name, before in state.committed_state.items()
        if name not in row.unseen
    )


def _bump_versions(session: Session) -> None:
    for account_id in sorted(session.info.get(_TOUCHED, ())):
        session.connection().execute(_BUMP, {"account": account_id})


def _set_pragmas(dbapi_connection: Any, _record: Any) -> None:
    # The driver's own implicit BEGIN would come too late; ours is issued in _begin_on_sqlite.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_PATIENCE_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # WAL with NORMAL may lose the last commits in a power cut: an intent must survive one.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_on_sqlite(dbapi_connection: Any) -> None:
    dbapi_connection.execute("BEGIN IMMEDIATE" if _is_writing.get() else "BEGIN")


def _set_patience(dbapi_connection: Any, _record: Any) -> None:
    with dbapi_connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{_PATIENCE_SECONDS}s'")
    dbapi_connection.commit()


def _begin_on_postgresql(dbapi_connection: Any) -> None:
    if _is_writing.get():
        dbapi_connection.execute(_TAKE_TURN)
