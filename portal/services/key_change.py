"""Changing the encryption key: every value written with an older key is written anew."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Text, select, type_coerce, update
from sqlalchemy.orm import Session

from portal import crypto
from portal.models.base import Base, EncryptedText


@dataclass(frozen=True)
class Done:
    """What a batch did: values written anew, values that no key of the ring opens, and where it
    ended; `last_id` is None when there was nothing left to look at."""

    changed: int
    unreadable: int
    last_id: int | None


def encrypted_columns() -> list[Column[Any]]:
    """Every encrypted column of every table; a new one is found by its type."""
    return [
        column
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, EncryptedText)
    ]


def re_encrypt(session: Session, column: Column[Any], after_id: int, batch: int) -> Done:
    """So many rows after `after_id` have this column written with the first key.

    Past the ORM, as what is stored and not what it means is wanted here; nor does any account's
    page refresh for it.
    """
    kind: Any = column.type
    ring, bound_to = crypto.ring(), kind.bound_to
    table, stored = column.table, type_coerce(column, Text)
    rows = session.execute(
        select(table.c.id, stored)
        .where(table.c.id > after_id, column.is_not(None))
        .order_by(table.c.id)
        .limit(batch)
    ).all()
    changed = unreadable = 0
    for row_id, old in rows:
        if ring.is_current(old):
            continue
        try:
            new = ring.encrypt(ring.decrypt(old, bound_to), bound_to)
        except crypto.CannotDecrypt:
            unreadable += 1
            continue
        session.execute(
            update(table).where(table.c.id == row_id).values({column.name: type_coerce(new, Text)})
        )
        changed += 1
    return Done(changed, unreadable, last_id=rows[-1][0] if rows else None)
