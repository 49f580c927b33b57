"""Which names door codes have on their locks: all that the Schlage Home app shows of them."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.domain.entry import NameOnLock, Sent, names_on_lock
from portal.models import LockEntry


def of_codes(session: Session, code_ids: Collection[int]) -> dict[int, tuple[NameOnLock, ...]]:
    """The names that may be on the lock, of each code that has any there: one query."""
    rows = session.execute(
        select(
            LockEntry.door_code_id,
            LockEntry.label,
            LockEntry.state,
            LockEntry.evidence,
            LockEntry.is_retired,
        )
        .where(LockEntry.door_code_id.in_(code_ids))
        .order_by(LockEntry.id)
    )
    entries: dict[int, list[Sent]] = {}
    for code_id, label, state, evidence, is_retired in rows:
        sent = Sent(label, state, evidence, is_retired)
        entries.setdefault(code_id, []).append(sent)
    found = {code_id: names_on_lock(of_code) for code_id, of_code in entries.items()}
    return {code_id: names for code_id, names in found.items() if names}
