"""Keeping what a lock says of itself: at most one reading an hour, unless something changed."""

from datetime import datetime, timedelta
from typing import Final, cast

from sqlalchemy import Table, bindparam, delete, insert, select
from sqlalchemy.orm import Session

from portal import tenancy
from portal.domain.health import Reading, is_worth_keeping
from portal.models import Lock, LockReading
from portal.unit_of_work import touch

KEPT_FOR: Final = timedelta(days=100)
# Built once, and a core statement, because they run with every description of a lock.
_KEEP: Final = insert(cast(Table, LockReading.__table__))
_LAST: Final = (
    select(
        LockReading.at,
        LockReading.is_online,
        LockReading.battery_state,
        LockReading.battery_level,
        LockReading.wifi_signal,
    )
    .where(LockReading.lock_id == bindparam("lock_id"))
    .order_by(LockReading.at.desc(), LockReading.id.desc())
    .limit(1)
)


def take(session: Session, lock: Lock, now: datetime) -> None:
    """The lock's battery, signal and connection as they stand now are kept, where that is news."""
    new = Reading(now, lock.is_online, lock.battery_state, lock.battery_level, lock.wifi_signal)
    if not is_worth_keeping(_last(session, lock), new):
        return
    tenancy.refuse_foreign("LockReading", lock.account_id)
    session.connection().execute(
        _KEEP,
        {
            "account_id": lock.account_id,
            "lock_id": lock.id,
            "at": now,
            "is_online": new.is_online,
            "battery_state": new.battery_state,
            "battery_level": new.battery_level,
            "wifi_signal": new.wifi_signal,
        },
    )
    touch(session, lock.account_id)


def _last(session: Session, lock: Lock) -> Reading | None:
    """The last one kept; what else has changed in this transaction need not be written for it."""
    with session.no_autoflush:
        row = session.execute(_LAST, {"lock_id": lock.id}).first()
    return None if row is None else Reading(*row)


def forget_old(session: Session, now: datetime) -> None:
    """Readings are kept for as long as a page shows them, and some days more."""
    session.execute(
        delete(LockReading)
        .where(LockReading.at < now - KEPT_FOR)
        .execution_options(synchronize_session=False)
    )


def of_row(row: LockReading) -> Reading:
    return Reading(row.at, row.is_online, row.battery_state, row.battery_level, row.wifi_signal)
