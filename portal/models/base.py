"""What every table shares: the declarative base, UTC times, encrypted columns, the tenant.

Rows that the engine writes are tied by their ids, and their relationships are `viewonly`: with one
that may be written, each flush of a row looks at the tables all around it as well.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any, ClassVar, cast

from sqlalchemy import ColumnElement, DateTime, ForeignKey, MetaData, String, Text, literal_column
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from portal import crypto
from portal.domain.secret import Secret


class Base(DeclarativeBase):
    """The declarative base; constraints are named so that Alembic can change them on SQLite."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UTCDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime; SQLite, which hands back naive ones, included.

    A naive value is refused: it would be read as somebody's local time sooner or later.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else _stored(value)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def bind_processor(self, dialect: Dialect) -> Any:
        """The same as SQLite's text in one call: nearly every statement is told a time."""
        if dialect.name == "sqlite":
            return _text_of_utc
        return super().bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """The same for SQLite's texts in one call: every row that is loaded has a dozen of them."""
        if dialect.name == "sqlite":
            return _utc_of_text
        return super().result_processor(dialect, coltype)


def _stored(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("A stored time must be aware.")
    return value.astimezone(UTC)


def _text_of_utc(value: datetime | None) -> str | None:
    if value is None:
        return None
    return _stored(value).replace(tzinfo=None).isoformat(" ", "microseconds")


def _utc_of_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(f"{value}+00:00")


class EncryptedText(TypeDecorator[Secret]):
    """A Secret, encrypted at rest and bound to the table and column it is named after.

    What is loaded is decrypted where somebody first needs its text, which then may raise
    crypto.CannotDecrypt.
    """

    impl = Text
    cache_ok = True

    def __init__(self, bound_to: str, *args: Any) -> None:
        super().__init__(*args)
        self.bound_to = bound_to

    def process_bind_param(self, value: Secret | None, _dialect: Dialect) -> str | None:
        return None if value is None else crypto.ring().encrypt(value.reveal(), self.bound_to)

    def result_processor(self, _dialect: Dialect, _coltype: object) -> Any:
        """One call: every row of a code, an entry or a booking has one of them."""
        return self._read

    def _read(self, value: str | None) -> Secret | None:
        if value is None:
            return None
        return Secret.sealed(partial(crypto.ring().decrypt, value, self.bound_to))


class EnumText(TypeDecorator[Any]):
    """A StrEnum stored as its value; a value the code no longer knows is an error, not a guess."""

    impl = String(40)
    cache_ok = True

    def __init__(self, enum: type[StrEnum]) -> None:
        super().__init__()
        self.enum = enum
        self._read = {None: None, **{str(member): member for member in enum}}.__getitem__
        self._write = {None: None, **{str(member): str(member) for member in enum}}.__getitem__

    def bind_processor(self, _dialect: Dialect) -> Any:
        """One look into a dictionary, as for what is read; a member is equal to its text."""
        return self._write

    def result_processor(self, _dialect: Dialect, _coltype: object) -> Any:
        """One look into a dictionary: every row that is loaded has several of them."""
        return self._read


def one_of(column: InstrumentedAttribute[Any], members: Collection[StrEnum]) -> ColumnElement[bool]:
    """Whether the EnumText column is one of these members, which are written into the statement.

    As parameters they would hide from the database that a partial index holds all it needs, and
    be counted out anew with every call. They stand in the order of their enum, as in the indexes:
    SQLite knows the condition by its text. For what the code names, never for what came in.
    """
    enum = cast(EnumText, column.type).enum
    return column.in_([literal_column(f"'{member}'") for member in enum if member in members])


class AccountOwned:
    """A row that belongs to exactly one account; portal.tenancy narrows every query by it."""

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)

    # The columns that no page shows: a change of these alone makes no page out of date.
    unseen: ClassVar[frozenset[str]] = frozenset()
