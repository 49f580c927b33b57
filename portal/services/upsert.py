"""An insert that does nothing where the row is already there, on both databases."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.models.base import Base


def insert_unless_there(session: Session, model: type[Base], **values: Any) -> int | None:
    """The new row's id, or None where a unique constraint says that it exists already.

    Check-then-insert would let two equal deliveries at the same moment both pass the check.
    """
    columns: Any = model
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    insert: Any = (postgresql.insert if is_postgresql else sqlite.insert)(columns)
    statement = insert.values(**values).on_conflict_do_nothing().returning(columns.id)
    row_id: int | None = session.execute(statement).scalar()
    return row_id
