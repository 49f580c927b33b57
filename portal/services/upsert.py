"""An insert that does nothing where the row is already there, on both databases."""

from functools import cache
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.models.base import Base


def insert_unless_there(session: Session, model: type[Base], **values: Any) -> int | None:
    """The new row's id, or None where a unique constraint says that it exists already.

    Check-then-insert would let two equal deliveries at the same moment both pass the check.
    """
    statement = _statement(model, session.get_bind().dialect.name)
    row_id: int | None = session.execute(statement, values).scalar()
    return row_id


@cache
def _statement(model: type[Base], dialect: str) -> Any:
    """Built once: building it costs more than running it, and it runs with every webhook."""
    table: Any = model.__table__
    insert: Any = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    return insert.on_conflict_do_nothing().returning(table.c.id)
