"""The append-only history of bookings and locks."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.domain.snapshot import CodeKind
from portal.models import DoorCode, Manager, TimelineEntry


class Kind(StrEnum):
    """What happened; each surface has a sentence for it (views.filters)."""

    BOOKING_CREATED = "booking_created"
    BOOKING_CHANGED = "booking_changed"
    BOOKING_CANCELLED = "booking_cancelled"
    BOOKING_REINSTATED = "booking_reinstated"
    PIN_CHOSEN = "pin_chosen"
    PIN_SHOWN = "pin_shown"
    RESYNC_PRESSED = "resync_pressed"
    MESSAGE_SHOWN = "message_shown"
    MESSAGE_SENT = "message_sent"
    MESSAGE_NOT_SENT = "message_not_sent"
    MESSAGE_UNSURE = "message_unsure"
    MESSAGE_ARRIVED = "message_arrived"
    GUEST_LINK_MADE = "guest_link_made"
    GUEST_LINK_SHOWN = "guest_link_shown"
    GUEST_LINK_REVOKED = "guest_link_revoked"
    GUEST_PAGE_OPENED = "guest_page_opened"
    GUEST_SAW_PIN = "guest_saw_pin"
    GUEST_ASKED = "guest_asked"
    GUEST_HELPED = "guest_helped"
    SPARE_MADE = "spare_made"
    SPARE_GIVEN = "spare_given"
    SPARE_DROPPED = "spare_dropped"
    STAFF_CODE_MADE = "staff_code_made"
    STAFF_CODE_CHANGED = "staff_code_changed"
    STAFF_CODE_REVOKED = "staff_code_revoked"
    COMMAND_SENT = "command_sent"
    COMMAND_ACCEPTED = "command_accepted"
    COMMAND_CLOSED = "command_closed"
    STATUS_CHANGED = "status_changed"
    LIST_READ = "list_read"
    ENTRY_FOUND = "entry_found"
    ENTRY_ABSENT = "entry_absent"
    FOUND_IN_LOG = "found_in_log"
    NOT_IN_LOG = "not_in_log"
    CHANGED_OUTSIDE = "changed_outside"
    RESTORE_POLICY_CHANGED = "restore_policy_changed"
    LADDER = "ladder"
    PREFLIGHT_FAILED = "preflight_failed"
    DOOR_OPENED = "door_opened"
    BOLT_MOVED = "bolt_moved"
    UNLOCK_ASKED = "unlock_asked"
    LOCK_ONLINE = "lock_online"
    LOCK_OFFLINE = "lock_offline"
    BATTERY = "battery"
    KEYPAD = "keypad"
    LOCK_FOUND = "lock_found"
    LOCK_MISSING = "lock_missing"
    MAPPING_CHANGED = "mapping_changed"
    CONNECTED = "connected"
    SIGNED_OUT = "signed_out"
    DISCONNECTED = "disconnected"
    REBUILD = "rebuild"
    MANAGER_ADDED = "manager_added"
    ROLE_CHANGED = "role_changed"
    MANAGER_DISABLED = "manager_disabled"
    MANAGER_ENABLED = "manager_enabled"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    SIGN_IN_ENDED = "sign_in_ended"
    TOKEN_MADE = "token_made"  # noqa: S105
    TOKEN_REVOKED = "token_revoked"  # noqa: S105


# What is about the account's people and their tokens, and no booking or lock.
TEAM: Final = (
    Kind.MANAGER_ADDED,
    Kind.ROLE_CHANGED,
    Kind.MANAGER_DISABLED,
    Kind.MANAGER_ENABLED,
    Kind.PASSWORD_CHANGED,
    Kind.SIGN_IN_ENDED,
    Kind.TOKEN_MADE,
    Kind.TOKEN_REVOKED,
)


def about(code: DoorCode) -> dict[str, Any]:
    """What a line about this code is filed under, and whose it is where it is no guest's own."""
    subject: dict[str, Any] = {
        "account_id": code.account_id,
        "booking_id": code.stay_id,
        "lock_id": code.lock_id,
        "door_code_id": code.id,
    }
    if code.is_spare:
        subject["whose"] = str(CodeKind.SPARE)
    elif code.staff_code is not None:
        subject |= {"whose": str(CodeKind.STAFF), "name": code.staff_code.name}
    return subject


def record(
    session: Session,
    kind: Kind,
    actor: str,
    *,
    account_id: int,
    booking_id: int | None = None,
    lock_id: int | None = None,
    door_code_id: int | None = None,
    staff_code_id: int | None = None,
    command_row_id: int | None = None,
    **data: Any,
) -> None:
    """One more line of history, written with the change it tells of. `data` holds no secret."""
    session.add(
        TimelineEntry(
            at=clock.now(),
            kind=str(kind),
            actor=actor,
            account_id=account_id,
            booking_id=booking_id,
            lock_id=lock_id,
            door_code_id=door_code_id,
            staff_code_id=staff_code_id,
            command_row_id=command_row_id,
            data=data,
        )
    )


def names_of(session: Session, actors: Iterable[str]) -> dict[str, str]:
    """The managers among the actors by their name."""
    ids = {int(a.partition(":")[2]) for a in actors if a.startswith("manager:")}
    if not ids:
        return {}
    rows = session.execute(select(Manager.id, Manager.name).where(Manager.id.in_(ids)))
    return {f"manager:{row.id}": row.name for row in rows}
