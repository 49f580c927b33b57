"""Whose rows this piece of work may see.

Every row but a few system ones belongs to one account. A query made while no one said whose rows it
may see is refused; inside `as_account` the account's own rows are all that exists, for reading and
for writing, whatever the query says. Jobs, which serve all accounts, say so with `as_system`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from typing import Any, cast

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, with_loader_criteria

from portal.models.base import AccountOwned


class _Scope(Enum):
    NOBODY = "nobody"
    SYSTEM = "system"


_scope: ContextVar[int | _Scope] = ContextVar("tenant", default=_Scope.NOBODY)


class ForeignRow(Exception):
    """Rows of one account were about to be written by work done for another."""


class NobodyAsked(Exception):
    """A query ran before anyone said whose rows it may see."""


@contextmanager
def as_account(account_id: int) -> Iterator[None]:
    """Only this account's rows exist until the block ends."""
    token = _scope.set(account_id)
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def as_system() -> Iterator[None]:
    """All rows exist until the block ends: for jobs, commands and signing in."""
    token = _scope.set(_Scope.SYSTEM)
    try:
        yield
    finally:
        _scope.reset(token)


def current_account_id() -> int:
    """The account whose work this is; raises NobodyAsked for system work."""
    scope = _scope.get()
    if isinstance(scope, _Scope):
        raise NobodyAsked("This work belongs to no account.")
    return scope


def install(session_class: type[Session]) -> None:
    """Every session of this class keeps the rules of this module."""
    event.listen(session_class, "do_orm_execute", _narrow)
    event.listen(session_class, "before_flush", _refuse_foreign)


def _narrow(state: ORMExecuteState) -> None:
    scope = _scope.get()
    if scope is _Scope.SYSTEM or state.is_column_load or state.is_relationship_load:
        return
    if isinstance(scope, _Scope):
        if not any(issubclass(m.class_, AccountOwned) for m in state.all_mappers):
            return
        raise NobodyAsked("Enter tenancy.as_account() or as_system() before querying.")
    account_id = scope
    state.statement = state.statement.options(
        with_loader_criteria(
            AccountOwned,
            lambda cls: cls.account_id == account_id,
            include_aliases=True,
        )
    )


def refuse_foreign(what: str, account_id: int) -> None:
    """Raises ForeignRow where this work is done for another account.

    For rows that are written past the ORM; it refuses the others by itself.
    """
    scope = _scope.get()
    if not isinstance(scope, _Scope) and account_id != scope:
        raise ForeignRow(f"{what} of account {account_id}")


def _refuse_foreign(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    if isinstance(_scope.get(), _Scope):
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, AccountOwned):
            refuse_foreign(type(row).__name__, cast(int, row.account_id))
