"""Resync: codes checked anew on a person's word, whatever went wrong before."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Command, DoorCode

JOINS_FOR: Final = 60  # seconds after a resync's end in which another press joins it


def press(session: Session, codes: Collection[DoorCode], now: datetime) -> bool:
    """Starts a resync of these codes; False where the press joined one that runs.

    The open command is looked up, the list is read, waits and breaker are cleared. The caller
    rings for the locks.
    """
    if any(joins(code, now) for code in codes):
        return False
    for code in codes:
        code.resync_at, code.resync_ended_at = now, None
        code.reaffirm_after = now
        code.is_stuck, code.ladder = False, 0
        _wait_no_longer(session, code, now)
    return True


def hurry_off(session: Session, codes: Collection[DoorCode], now: datetime) -> bool:
    """Codes that are being taken off are tried again at once; False where none was waiting.

    The caller rings for the locks.
    """
    waiting = [code for code in codes if code.retry_at is not None and code.retry_at > now]
    for code in waiting:
        _wait_no_longer(session, code, now)
    return bool(waiting)


def joins(code: DoorCode, now: datetime) -> bool:
    """Whether pressing Resync now would only join a resync that runs or has just ended."""
    if code.resync_at is None:
        return False
    if code.resync_ended_at is None or code.resync_ended_at < code.resync_at:
        return True
    return (now - code.resync_ended_at).total_seconds() < JOINS_FOR


def _wait_no_longer(session: Session, code: DoorCode, now: datetime) -> None:
    code.retry_at, code.failures = None, 0
    code.lock.breaker_until = code.lock.read_after = None
    code.lock.failures = 0
    _look_up_now(session, code.lock_id, now)


def _look_up_now(session: Session, lock_id: int, now: datetime) -> None:
    command = session.scalars(
        select(Command)
        .where(Command.lock_id == lock_id, Command.look_at.is_not(None))
        .where(Command.closed_at.is_(None))
    ).first()
    if command is not None:
        command.look_at = now
