"""A recorded booking feed through the real intake and engine, in virtual time.

`python -m benchmarks.replay FILE.tar.gz --source airbnb --time-zone Europe/Rome --history OUT`
reads an archive of `.ics` bodies and `index.jsonl` (a line per poll) and lives through all of its
polls against a lock that behaves. It ends with one JSON line of figures; docs/replay.md says what
each counts and what stands in the history.
"""

import argparse
import json
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as wall_time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from benchmarks.history import History, Sink
from benchmarks.stage import USER, Stage
from benchmarks.world_latchboard import app_in
from portal import clock, tenancy
from portal.domain.intake_types import FeedSource
from portal.extensions import db
from portal.feeds import reader
from portal.feeds.errors import FeedUnreadable
from portal.models import Alert, Booking, BookingStatus, Feed, Lock, TimelineEntry
from portal.services import accounts, bookings, intake, mapping, properties
from portal.services.timeline import Kind
from portal.unit_of_work import writing
from simulator.lock import Lock as RealLock

MASS: Final = 3
# A booking first seen this shortly before its arrival cannot be on the lock in time.
TIME_TO_SEND: Final = timedelta(minutes=10)
MIDNIGHT: Final = timedelta(hours=2)
_LAST_DAYS: Final = timedelta(days=2)


@dataclass(frozen=True)
class Recorded:
    """One poll of a recorded feed: when, and what was served."""

    at: datetime
    file: str


@dataclass
class Figures:
    """What the history says, counted while it is written."""

    polls: int = 0
    unreadable: int = 0
    counts: Counter[str] = field(default_factory=Counter)


def main(arguments: list[str]) -> int:
    """Replays one archive; prints one JSON line of figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay", description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--source", choices=[str(s) for s in FeedSource], required=True)
    parser.add_argument("--time-zone", required=True)
    parser.add_argument("--history", type=Path)
    parser.add_argument(
        "--insert",
        nargs=2,
        metavar=("POLL", "FILE"),
        action="append",
        default=[],
        help="serve FILE instead at every poll whose stamp begins with POLL",
    )
    options = parser.parse_args(arguments)
    polls, bodies = recording(options.archive)
    for stamp, path in options.insert:
        polls, bodies = _inserted(polls, bodies, stamp, Path(path))
    began = time.monotonic()
    with TemporaryDirectory() as directory:
        path = options.history or Path(directory) / "history.jsonl"
        with path.open("w") as file, app_in(Path(directory)) as app:
            stage = Stage(app, polls[0].at - timedelta(minutes=5))
            replay = Replay(stage, FeedSource(options.source), options.time_zone, History(file))
            figures = replay.run(polls, bodies)
    print(json.dumps(figures | {"seconds": round(time.monotonic() - began, 1)}))
    return 0


def recording(archive: Path) -> tuple[list[Recorded], dict[str, bytes]]:
    """The polls in order, and the bodies by file name."""
    bodies: dict[str, bytes] = {}
    lines: list[str] = []
    with tarfile.open(archive) as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is None:
                continue
            name = Path(member.name).name
            if name == "index.jsonl":
                lines = content.read().decode().splitlines()
            else:
                bodies[name] = content.read()
    polls = [
        Recorded(moment_of(line["poll"]), line["file"])
        for line in (json.loads(text) for text in lines if text.strip())
    ]
    return sorted(polls, key=lambda poll: poll.at), bodies


def moment_of(text: str) -> datetime:
    """The time in a poll's stamp, such as `20260508T154432Z`."""
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _inserted(
    polls: list[Recorded], bodies: dict[str, bytes], stamp: str, path: Path
) -> tuple[list[Recorded], dict[str, bytes]]:
    name = f"inserted-{path.name}"
    changed = [
        Recorded(p.at, name) if p.at.strftime("%Y%m%dT%H%M%SZ").startswith(stamp) else p
        for p in polls
    ]
    return changed, bodies | {name: path.read_bytes()}


class Replay:
    """One feed, one property, one door, and everything that a poll changes."""

    def __init__(self, stage: Stage, source: FeedSource, zone: str, history: Sink) -> None:
        self._stage = stage
        self._source = source
        self._zone = ZoneInfo(zone)
        self._history = history
        self._figures = Figures()
        self._last_line = 0
        self._last_alert = 0
        self._pins: dict[int, str] = {}
        self._on_lock: set[int] = set()
        self._held: dict[int, datetime] = {}
        self._arrivals: dict[int, datetime] = {}
        self._readings: dict[str, reader.Reading | None] = {}
        self._served = ""
        self._door: RealLock
        self._feed_id: int

    def run(self, polls: list[Recorded], bodies: dict[str, bytes]) -> dict[str, Any]:
        """Lives through every poll and two days more; the figures."""
        with self._in_app():
            self._settle_in()
        for poll in polls:
            self._live_until(poll.at)
            with self._in_app():
                self._poll(poll.file, bodies[poll.file])
        self._live_until(polls[-1].at + _LAST_DAYS)
        counts = self._figures.counts
        with self._in_app():
            made = len(db.session.scalars(select(Booking.id)).all())
        return {
            "polls": self._figures.polls,
            "unreadable": self._figures.unreadable,
            "bookings": made,
            "removed_during_stay": counts["removed_during_stay"],
            "pin_changes": counts["pin_changed"],
            "reissued_at_midnight": counts["reissued_at_midnight"],
            "arrivals": counts["arrival"],
            "arrivals_without_code": counts["arrival_without_code"],
            "mass_removals": counts["mass_removal"],
            "holds": counts["hold"],
            "cancelled": counts["booking_cancelled"],
            "codes_sent": counts["code_sent"],
            "codes_removed": counts["code_removed"],
        }

    @contextmanager
    def _in_app(self) -> Iterator[None]:
        """The app, all accounts and the stage's time, for one block."""
        with (
            self._stage.app.app_context(),
            tenancy.as_system(),
            clock.running_on(self._stage.clock.now),
        ):
            yield

    def _settle_in(self) -> None:
        with writing() as session:
            account = accounts.create(session, "Replay", "r@example.com", "four words make one")
            account_id = account.id
        self._door = self._stage.cloud.add_lock(USER, "Front door", zone=str(self._zone), vlac=True)
        with writing() as session:
            owner = session.get_one(type(account), account_id)
        self._stage.connect(owner)
        self._stage.run_for(seconds=1)
        with bookings.changing() as session:
            place = properties.create(
                session,
                account_id,
                name="Casa Replay",
                time_zone=str(self._zone),
                check_in=wall_time(15),
                check_out=wall_time(11),
                spare_codes=0,
            )
            mapping.set_locks(session, place, list(session.scalars(select(Lock.id))), "manager:1")
            feed = Feed(
                account_id=account_id,
                property_id=place.id,
                name="Replayed",
                source=str(self._source),
                last_changes=[],
                skipped=[],
                flags=[],
                closures=[],
                created_at=clock.now(),
            )
            session.add(feed)
            session.flush()
            self._feed_id = feed.id
        self._stage.work()

    def _live_until(self, end: datetime) -> None:
        """Time goes by; every arrival on the way is tried at the door."""
        for booking_id, at in sorted(self._arrivals.items(), key=lambda item: item[1]):
            if at > end:
                break
            self._stage.run_until(max(at, self._stage.now))
            with self._in_app():
                self._note_changes()
                self._try_door(booking_id)
            del self._arrivals[booking_id]
        self._stage.run_until(max(end, self._stage.now))
        with self._in_app():
            self._note_changes()

    def _poll(self, name: str, body: bytes) -> None:
        self._figures.polls += 1
        reading = self._reading(name, body)
        if reading is None:
            self._figures.unreadable += 1
            return
        # As in production: while nothing waits to be believed, "unchanged" is all there is to say.
        if name == self._served and not self._is_waiting():
            return
        self._served = name
        before = self._figures.counts["booking_cancelled"]
        intake.take(self._feed_id, reading)
        self._note_holds()
        self._stage.work()
        self._note_changes()
        if self._figures.counts["booking_cancelled"] - before >= MASS:
            self._figures.counts["mass_removal"] += 1
        self._note_arrivals()

    def _reading(self, name: str, body: bytes) -> reader.Reading | None:
        if name not in self._readings:
            today = clock.now().astimezone(self._zone).date()
            try:
                self._readings[name] = reader.read(body, self._source, today=today)
            except FeedUnreadable:
                self._readings[name] = None
        return self._readings[name]

    def _is_waiting(self) -> bool:
        return (
            db.session.scalars(
                select(Booking.id)
                .where(
                    Booking.status == BookingStatus.CONFIRMED,
                    Booking.ends_at > clock.now(),
                    Booking.missing_since.is_not(None) | Booking.held_until.is_not(None),
                )
                .limit(1)
            ).first()
            is not None
        )

    def _note_arrivals(self) -> None:
        """The stays to come, each to be tried at the door when it begins."""
        now = clock.now()
        self._arrivals = {
            row.id: row.starts_at
            for row in db.session.scalars(
                select(Booking).where(
                    Booking.status == BookingStatus.CONFIRMED, Booking.starts_at > now
                )
            )
            if row.starts_at - row.created_at >= TIME_TO_SEND
        }

    def _try_door(self, booking_id: int) -> None:
        row = db.session.get_one(Booking, booking_id)
        if row.status is not BookingStatus.CONFIRMED or row.starts_at > clock.now():
            return
        self._figures.counts["arrival"] += 1
        if row.pin is None or not self._door.opens(row.pin.reveal(), clock.now()):
            self._count("arrival_without_code", row)

    def _note_changes(self) -> None:
        """What has been added to the timeline and the alerts since the last look."""
        db.session.rollback()
        lines = db.session.scalars(
            select(TimelineEntry)
            .where(TimelineEntry.id > self._last_line)
            .order_by(TimelineEntry.id)
        ).all()
        for line in lines:
            self._last_line = line.id
            note = _NOTES.get(Kind(line.kind))
            if note is None or line.booking_id is None:
                continue
            row = db.session.get_one(Booking, line.booking_id)
            note(self, row, line)
        for alert in db.session.scalars(select(Alert).where(Alert.id > self._last_alert)).all():
            self._last_alert = max(self._last_alert, alert.id)
            self._figures.counts["alert"] += 1
            self._history.write(alert.opened_at, "alert", cause=alert.cause, words=alert.words)

    def _note_holds(self) -> None:
        """The stays whose absence or move waits since the last look, alarmed about or not."""
        held = {
            row.id: row
            for row in db.session.scalars(
                select(Booking).where(Booking.held_until.is_not(None)).order_by(Booking.id)
            )
        }
        fresh = [row for row in held.values() if row.held_until != self._held.get(row.id)]
        self._figures.counts["hold"] += bool(fresh)
        for row in fresh:
            self._count("booking_held", row, until=row.held_until)
        self._held = {key: row.held_until for key, row in held.items() if row.held_until}

    def created(self, row: Booking, line: TimelineEntry) -> None:
        """A stay seen for the first time; at midnight it may be an old one in new clothes."""
        self._count("booking_created", row, line.at)
        hour = line.at.astimezone(self._zone)
        is_midnight = timedelta(hours=hour.hour, minutes=hour.minute) < MIDNIGHT
        twins = db.session.scalars(
            select(Booking.id).where(
                Booking.id < row.id,
                Booking.departs_on == row.departs_on,
                Booking.starts_at < line.at,
                Booking.arrives_on < row.arrives_on,
                Booking.ends_at > line.at,
            )
        ).all()
        if is_midnight and twins:
            self._count("reissued_at_midnight", row, line.at)

    def changed(self, row: Booking, line: TimelineEntry) -> None:
        self._count("booking_changed", row, line.at, what=line.data.get("what"))

    def cancelled(self, row: Booking, line: TimelineEntry) -> None:
        self._count("booking_cancelled", row, line.at)

    def pin_chosen(self, row: Booking, line: TimelineEntry) -> None:
        pin = row.pin.reveal() if row.pin else ""
        if self._pins.setdefault(row.id, pin) != pin:
            self._pins[row.id] = pin
            self._count("pin_changed", row, line.at)

    def status_changed(self, row: Booking, line: TimelineEntry) -> None:
        if line.data.get("after") == "confirmed":
            self._on_lock.add(row.id)
            self._count("code_sent", row, line.at)
        elif line.data.get("after") == "removed" and row.id in self._on_lock:
            self._on_lock.discard(row.id)
            self._count("code_removed", row, line.at)
            if row.starts_at <= line.at < row.ends_at:
                self._count("removed_during_stay", row, line.at)

    def _count(self, kind: str, row: Booking, at: datetime | None = None, **data: Any) -> None:
        self._figures.counts[kind] += 1
        self._history.write(
            at or clock.now(),
            kind,
            booking=row.id,
            arrives=row.arrives_on.isoformat(),
            departs=row.departs_on.isoformat(),
            **data,
        )


_NOTES: Final[dict[Kind, Callable[[Replay, Booking, TimelineEntry], None]]] = {
    Kind.BOOKING_CREATED: Replay.created,
    Kind.BOOKING_CHANGED: Replay.changed,
    Kind.BOOKING_REINSTATED: Replay.changed,
    Kind.BOOKING_CANCELLED: Replay.cancelled,
    Kind.PIN_CHOSEN: Replay.pin_chosen,
    Kind.STATUS_CHANGED: Replay.status_changed,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
