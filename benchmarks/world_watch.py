"""Looks over the portal's shoulder: every committed change of what its pages show is written down.

It listens to the sessions, so that it costs little and misses nothing: what a flush changes is
kept until the commit, and thrown away with a rollback.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from benchmarks.history import Sink
from benchmarks.world_plan import LEAD
from benchmarks.world_wire import Ground
from portal import clock
from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.models import Booking, BookingStatus, DoorCode, LockEntry, TimelineEntry
from portal.services import door_codes
from portal.services.timeline import Kind

_KEPT = "world_lines"
# A turn of these alone leaves the rest of a booking's picture as it was.
_OF_VERDICTS = frozenset({"verdict", "problem", "verdict_due_at"})
_OF_COMMANDS = frozenset({Kind.COMMAND_SENT, Kind.COMMAND_CLOSED})
Shown = Callable[[int, str, Status, ProblemKey | None], None]


class Watch:
    """Writes `booking`, `shown` and `command` lines for as long as it is open."""

    def __init__(self, history: Sink, ground: Ground, shown: Shown) -> None:
        self.device_of: dict[int, str] = {}
        """The cloud's id of each lock row."""
        self.locks_of: dict[int, list[str]] = {}
        """The cloud's ids of the locks of each property row."""
        self._history = history
        self._ground = ground
        self._shown = shown
        self._number_of: dict[int, int] = {}
        self._last: dict[tuple[str, int], tuple[object, ...]] = {}

    def __enter__(self) -> "Watch":
        event.listen(FlaskSession, "after_flush", self._flushed)
        event.listen(FlaskSession, "after_commit", self._committed)
        event.listen(FlaskSession, "after_rollback", self._rolled_back)
        return self

    def __exit__(self, *_error: object) -> None:
        event.remove(FlaskSession, "after_flush", self._flushed)
        event.remove(FlaskSession, "after_commit", self._committed)
        event.remove(FlaskSession, "after_rollback", self._rolled_back)

    def _flushed(self, session: Session, _context: Any) -> None:
        kept: dict[object, Any] = session.info.setdefault(_KEPT, {})
        for row in (*session.new, *session.dirty):
            if isinstance(row, Booking):
                if row.id not in self._number_of:
                    self._number_of[row.id] = int(row.external_id)
                if inspect(row).committed_state.keys() - _OF_VERDICTS:
                    kept["booking", row.id] = _picture(row)
                kept["verdict", row.id] = (row.verdict, row.problem)
            elif isinstance(row, DoorCode):
                kept["door", row.id] = (row.booking_id, row.lock_id, row.status, row.problem)
            elif isinstance(row, LockEntry):
                # At once: the entry is written before it is sent, and never sent if rolled back.
                code = session.get_one(DoorCode, row.door_code_id)
                assert code.booking_id is not None  # a world keeps no spares and no staff
                self._ground.owner_of[row.label] = self._number_of[code.booking_id]
            elif isinstance(row, TimelineEntry) and row.kind in _OF_COMMANDS:
                is_open = row.kind == Kind.COMMAND_SENT
                data = row.data | ({"state": "open"} if is_open else {})
                whose = (row.booking_id, row.lock_id, row.command_row_id)
                kept["command", row.id] = (*whose, data)

    def _rolled_back(self, session: Session) -> None:
        session.info.pop(_KEPT, None)

    def _committed(self, session: Session) -> None:
        kept = session.info.pop(_KEPT, None)
        if not kept:
            return
        now = clock.now()
        for key, value in kept.items():
            if key[0] == "booking":
                self._write_booking(now, key[1], value)
        for key, value in kept.items():
            if key[0] == "verdict":
                self._write_verdict(now, key[1], value)
            elif key[0] == "door":
                self._write_door(now, key[1], value)
            elif key[0] == "command":
                self._write_command(now, value)

    def _write_booking(self, now: datetime, row_id: int, picture: tuple[Any, ...]) -> None:
        before = self._last.get(("booking", row_id))
        if before == picture:
            return
        self._last["booking", row_id] = picture
        place_id, status, arrives, departs, starts, ends, pin = picture
        is_cancelled = status is BookingStatus.CANCELLED
        told = "made" if before is None else "cancelled" if is_cancelled else "changed"
        # Another PIN under the same dates is the engine's own doing: it gains no time by it.
        is_same_wish = before is not None and before[:-1] == picture[:-1]
        due = self._last["due", row_id][0] if is_same_wish else max(now, arrives - LEAD)
        self._last["due", row_id] = (due,)
        self._history.write(
            now,
            "booking",
            event=told,
            booking=self._number_of[row_id],
            locks=self.locks_of[place_id],
            arrives=arrives,
            departs=departs,
            starts=starts,
            ends=ends,
            due=due,
            pin=pin.reveal() if pin else None,
        )

    def _write_verdict(self, now: datetime, row_id: int, value: tuple[Any, ...]) -> None:
        if self._last.get(("verdict", row_id)) == value:
            return
        self._last["verdict", row_id] = value
        verdict, problem = value
        self._history.write(
            now,
            "shown",
            booking=self._number_of[row_id],
            verdict=str(verdict),
            problem=str(problem) if problem else None,
        )

    def _write_door(self, now: datetime, row_id: int, value: tuple[Any, ...]) -> None:
        if self._last.get(("door", row_id)) == value:
            return
        self._last["door", row_id] = value
        booking_id, lock_id, status, problem = value
        number, device_id = self._number_of[booking_id], self.device_of[lock_id]
        self._history.write(
            now,
            "shown",
            booking=number,
            lock=device_id,
            status=str(status),
            problem=str(problem) if problem else None,
        )
        self._shown(number, device_id, status, problem)

    def _write_command(self, now: datetime, value: tuple[Any, ...]) -> None:
        booking_id, lock_id, command_row_id, data = value
        self._history.write(
            now,
            "command",
            booking=self._number_of.get(booking_id),
            lock=self.device_of[lock_id],
            row=command_row_id,
            **{name: data.get(name) for name in ("command", "state", "problem", "by")},
        )


def _picture(row: Booking) -> tuple[Any, ...]:
    window = door_codes.window_of_booking(row)
    return (
        row.property_id,
        row.status,
        row.starts_at,
        row.ends_at,
        window.starts_at,
        window.ends_at,
        row.pin,
    )
