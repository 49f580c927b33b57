"""A booking's doors as Schlage's support needs them: ids, times in UTC, their own words.

What leaves the house this way holds no PIN, no guest's name or phone, and no label, which is made
from the name. Words that Schlage gave back are searched for all of them.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from portal.models import Booking, Command, DoorCode, LockEntry

REMOVED: Final = "[removed]"
_SHORTEST_NAME: Final = 3


def of_booking(session: Session, booking: Booking, now: datetime) -> str:
    """The text to send to Schlage's support, a block per door."""
    codes = session.scalars(
        select(DoorCode)
        .where(or_(DoorCode.booking_id == booking.id, DoorCode.given_to_id == booking.id))
        .options(joinedload(DoorCode.lock))
        .order_by(DoorCode.id)
    ).all()
    ids = [code.id for code in codes]
    entries = session.scalars(
        select(LockEntry).where(LockEntry.door_code_id.in_(ids)).order_by(LockEntry.id)
    ).all()
    commands = session.scalars(
        select(Command)
        .join(LockEntry, LockEntry.id == Command.lock_entry_id)
        .where(LockEntry.door_code_id.in_(ids))
        .options(joinedload(Command.entry))
        .order_by(Command.id)
    ).all()
    private = _private(booking, codes, entries)
    lines = [
        "Latchboard diagnostics for Schlage support",
        f"Made {_time(now)}. All times are UTC. PINs, names and phone numbers are left out.",
    ]
    for code in codes:
        its_entries = [entry for entry in entries if entry.door_code_id == code.id]
        its_commands = [c for c in commands if c.entry and c.entry.door_code_id == code.id]
        lines += ["", *_door(code, its_entries, its_commands, private)]
    if not codes:
        lines += ["", "No lock is mapped to this booking's property: nothing was sent."]
    return "\n".join(lines) + "\n"


def _door(
    code: DoorCode,
    entries: Sequence[LockEntry],
    commands: Sequence[Command],
    private: re.Pattern[str] | None,
) -> list[str]:
    lock = code.lock
    online = {True: "yes", False: "no", None: "not known"}[lock.is_online]
    lines = [
        f"Lock {lock.device_id}",
        f"  Model {lock.model or 'not known'}, firmware {lock.firmware or 'not known'}",
        f"  Online: {online}, changed {_time(lock.online_changed_at)}",
        f"  Its list of codes was last read {_time(lock.read_at)}",
        *(["  A spare code that this booking was given"] if code.is_spare else []),
        f"  Code wanted from {_time(code.starts_at)} to {_time(code.ends_at)}",
        f"  Status {code.status} since {_time(code.status_at)}, failed tries {code.failures}",
    ]
    if code.problem:
        lines.append(f"  Problem {code.problem} since {_time(code.problem_at)}")
    if code.problem_text:
        lines.append(f"  Schlage's words: {_without(code.problem_text, private)}")
    lines += [
        f"  Access code id {entry.access_code_id or 'none yet'}: {entry.state},"
        f" evidence {entry.evidence} at {_time(entry.evidence_at)}"
        for entry in entries
    ]
    lines.append("  Commands, oldest first:" if commands else "  No command was sent.")
    for command in commands:
        lines += _command(command, private)
    return lines


def _command(command: Command, private: re.Pattern[str] | None) -> list[str]:
    lines = [
        f"  - {command.kind}, command id {command.command_id or 'none'}",
        f"    sent {_time(command.sent_at)}",
        f"    accepted {_time(command.accepted_at)}",
        f"    closed {_time(command.closed_at)}",
        f"    {command.state}{f', told by {command.closed_by}' if command.closed_by else ''}",
    ]
    if command.raw_state:
        lines.append(f"    Schlage's state: {_without(command.raw_state, private)}")
    if command.outcome_text:
        lines.append(f"    Schlage's words: {_without(command.outcome_text, private)}")
    return lines


def _private(
    booking: Booking, codes: Sequence[DoorCode], entries: Sequence[LockEntry]
) -> re.Pattern[str] | None:
    """What is to be found and taken out of Schlage's words."""
    pins = [booking.pin, *(code.own_pin for code in codes), *(entry.pin for entry in entries)]
    digits = "".join(c for c in booking.guest_phone if c.isdigit())
    names = [n for n in booking.guest_name.split() if len(n) >= _SHORTEST_NAME]
    found: Iterable[str] = {
        booking.guest_name,
        booking.guest_phone,
        booking.guest_email,
        digits,
        *names,
        *(pin.reveal() for pin in pins if pin is not None),
        *(entry.label for entry in entries),
    }
    # The longest first: a name before its parts.
    texts = sorted((text for text in found if text.strip()), key=len, reverse=True)
    if not texts:
        return None
    return re.compile("|".join(re.escape(text) for text in texts), re.IGNORECASE)


def _without(text: str, private: re.Pattern[str] | None) -> str:
    plain = " ".join(text.split())
    return private.sub(REMOVED, plain) if private else plain


def _time(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else "not known"
