"""The steps of a door's Resync, from the rows that it left behind: it has none of its own."""

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from portal.domain import resync
from portal.domain.command import Lane
from portal.models import Command, DoorCode, LockEntry


def of(session: Session, code: DoorCode, now: datetime) -> tuple[resync.StepState, ...]:
    """The steps of the door's Resync that runs or has just ended."""
    pressed_at = code.resync_at
    if pressed_at is None or not resync.is_shown(pressed_at, code.resync_ended_at, now):
        return ()
    commands = session.execute(
        select(
            Command.created_at,
            Command.state,
            Command.sent_at,
            Command.accepted_at,
            Command.closed_at,
            LockEntry.door_code_id,
        )
        .outerjoin(LockEntry, LockEntry.id == Command.lock_entry_id)
        .where(
            Command.lock_id == code.lock_id,
            Command.lane == Lane.CODES,
            or_(Command.closed_at.is_(None), Command.closed_at >= pressed_at),
        )
        .order_by(Command.id)
    ).all()
    before = next((row for row in commands if row.created_at < pressed_at), None)
    ours = [r for r in commands if r.created_at >= pressed_at and r.door_code_id == code.id]
    sent = ours[-1] if ours else None
    return resync.steps(
        resync.Facts(
            pressed_at=pressed_at,
            ended_at=ended_at(code),
            was_open=before is not None,
            open_closed_at=before.closed_at if before else None,
            read_at=code.lock.read_at,
            sent=resync.Sent(
                state=sent.state,
                sent_at=sent.sent_at,
                accepted_at=sent.accepted_at,
                closed_at=sent.closed_at,
            )
            if sent
            else None,
        )
    )


def ended_at(code: DoorCode) -> datetime | None:
    """The end of the door's last Resync; None while it runs."""
    if code.resync_at is None or code.resync_ended_at is None:
        return None
    return code.resync_ended_at if code.resync_ended_at >= code.resync_at else None
