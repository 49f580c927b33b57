"""A history file, read into what the figures are made of. All times are seconds since 1970."""

import json
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from benchmarks.report_spans import EVER, Span, Spans

Line = dict[str, Any]


@dataclass(frozen=True)
class Version:
    """What a booking wanted since `at`: the stay, the window of its codes, its PIN and doors."""

    at: float
    is_cancelled: bool
    locks: tuple[str, ...]
    arrives: float
    departs: float
    starts: float
    ends: float
    due: float
    pin: str | None


@dataclass
class Booking:
    """One booking through all its versions."""

    number: int
    versions: list[Version] = field(default_factory=list)
    verdicts: list[tuple[float, str]] = field(default_factory=list)
    told_at: float | None = None
    pins_after_told: int = 0

    def wishes(self) -> Iterator[tuple[Version, float, float]]:
        """Each version that wanted codes, with the time in which it was in force."""
        for place, version in enumerate(self.versions):
            last = self.versions[place + 1].at if place + 1 < len(self.versions) else EVER
            if not version.is_cancelled:
                yield version, version.at, last

    def stays(self) -> Iterator[tuple[Version, float, float]]:
        """Each version with the part of the stay that fell into its time."""
        for version, first, last in self.wishes():
            begin, end = max(first, version.arrives), min(last, version.departs)
            if begin < end:
                yield version, begin, end

    def due_spans(
        self, lock: str, version: Version, first: float, last: float
    ) -> Iterator[tuple[float, float, float]]:
        """A part of that version's stay, in pieces with the time since which each was due there.

        What the version before wanted on this lock already gains no time by the change.
        """
        place = self.versions.index(version)
        before = self.versions[place - 1] if place else None
        if before is None or before.is_cancelled or lock not in before.locks:
            yield first, last, version.due
            return
        begin, end = max(first, before.arrives), min(last, before.departs)
        if begin >= end:
            yield first, last, version.due
            return
        for a, b, due in self.due_spans(lock, before, begin, end):
            yield a, b, min(due, version.due)
        for a, b in ((first, begin), (end, last)):
            if a < b:
                yield a, b, version.due

    def final_wish(self) -> Version | None:
        """What was wanted in the end; None for a cancelled booking."""
        return None if self.versions[-1].is_cancelled else self.versions[-1]

    def over_spans(self, end: float) -> Spans:
        """When no code of this booking may open anything any more: after its window, or cancelled.

        A booking whose window lies ahead is not over.
        """
        wanted = Spans(
            (first, min(last, max(first, version.ends))) for version, first, last in self.wishes()
        )
        return Spans([(self.versions[0].at, end)]) - wanted

    def verdict_spans(self, verdict: str, end: float) -> list[Span]:
        return _spans_of([(at, said == verdict) for at, said in self.verdicts], end)


@dataclass(frozen=True)
class Shown:
    """What a page showed of a door since `at`."""

    at: float
    status: str
    problem: str | None


@dataclass
class Door:
    """One booking on one lock, as the pages showed it."""

    booking: int
    lock: str
    shown: list[Shown] = field(default_factory=list)

    def status_at(self, moment: float) -> str | None:
        place = bisect_right(self.shown, moment, key=lambda shown: shown.at)
        return self.shown[place - 1].status if place else None

    def status_spans(self, status: str, end: float) -> list[Span]:
        return _spans_of([(s.at, s.status == status) for s in self.shown], end)

    def problem_spans(self, problem: str, end: float) -> list[Span]:
        return _spans_of([(s.at, s.problem == problem) for s in self.shown], end)

    def first_shown(self, status: str, first: float, last: float) -> float | None:
        """When the status was first shown within that time; at once where it stood already."""
        if self.status_at(first) == status:
            return first
        found = (s.at for s in self.shown if first <= s.at < last and s.status == status)
        return next(found, None)


@dataclass(frozen=True)
class HeldCode:
    """A code on a lock's own list."""

    name: str
    booking: int | None
    pin: str
    starts: float
    ends: float


@dataclass
class LockTruth:
    """One lock: its own list through time, when it was down, when it was emptied by a person."""

    id: str
    times: list[float] = field(default_factory=list)
    lists: list[tuple[HeldCode, ...]] = field(default_factory=list)
    emptied: list[float] = field(default_factory=list)

    def next_emptied(self, first: float, last: float) -> float:
        """When Delete All was first pressed between the two; `last` where it was not."""
        place = bisect_left(self.emptied, first)
        return min(self.emptied[place], last) if place < len(self.emptied) else last

    def states(self, first: float, last: float) -> Iterator[tuple[float, float, Any]]:
        """The list through that time: from, until, codes."""
        place = bisect_right(self.times, first) - 1
        since = first
        while since < last:
            until = self.times[place + 1] if place + 1 < len(self.times) else EVER
            yield since, min(until, last), self.lists[place] if place >= 0 else ()
            since, place = until, place + 1

    def shut_spans(self, pin: str | None, first: float, last: float) -> Spans:
        """When these digits did not open the door."""
        open_ = Spans(
            (max(since, code.starts), min(until, code.ends))
            for since, until, codes in self.states(first, last)
            for code in codes
            if code.pin == pin
        )
        return Spans([(first, last)]) - open_

    def open_spans(self, booking: int, first: float, last: float) -> Spans:
        """When any code of this booking opened the door."""
        return Spans(
            (max(since, code.starts), min(until, code.ends))
            for since, until, codes in self.states(first, last)
            for code in codes
            if code.booking == booking
        )

    def holding_spans(
        self, pin: str | None, arrives: float, departs: float, first: float, last: float
    ) -> Spans:
        """When the lock held these digits for the rest of the stay."""
        return Spans(
            (since if code.starts <= arrives else max(since, code.starts), until)
            for since, until, codes in self.states(first, min(last, departs))
            for code in codes
            if code.pin == pin and code.ends >= departs
        )

    def double_spans(self, booking: int, hidden: set[str], end: float) -> Spans:
        """When the lock held two codes of this booking that the server knew of."""
        if not self.times:
            return Spans()
        return Spans(
            (since, until)
            for since, until, codes in self.states(self.times[0], end)
            if sum(1 for c in codes if c.booking == booking and c.name not in hidden) > 1
        )


@dataclass
class World:
    """Everything in a history."""

    header: dict[str, Any] = field(default_factory=dict)
    bookings: dict[int, Booking] = field(default_factory=dict)
    doors: dict[tuple[int, str], Door] = field(default_factory=dict)
    locks: dict[str, LockTruth] = field(default_factory=dict)
    down: dict[str | None, list[Span]] = field(default_factory=lambda: defaultdict(list))
    faults: Counter[str] = field(default_factory=Counter)
    clicks: Counter[str] = field(default_factory=Counter)
    open_commands: dict[str, bool] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    """Names of entries that split brain keeps from the server's list."""
    posts: int = 0
    end: float = 0.0
    _away: dict[str, Spans] = field(default_factory=dict)

    def away(self, lock: str) -> Spans:
        """When the lock or the API could not be reached."""
        if lock not in self._away:
            self._away[lock] = Spans([*self.down[lock], *self.down[None]])
        return self._away[lock]

    def reached(self, lock: str, since: float, piece: float) -> float:
        """When lock and API had first been up together for `piece` seconds in one piece."""
        for first, last in self.away(lock):
            if last <= since:
                continue
            if first - since >= piece:
                break
            since = max(since, last)
        return since + piece

    def up_for(self, lock: str, since: float, seconds: float) -> float:
        """When lock and API had been up together for so many seconds, all pieces counted."""
        for first, last in self.away(lock):
            if last <= since:
                continue
            if first - since >= seconds:
                break
            seconds -= max(0.0, first - since)
            since = max(since, last)
        return since + seconds

    def up_seconds(self, lock: str, first: float, last: float) -> float:
        """How long lock and API were up together between two moments."""
        return last - first - self.away(lock).within(first, last).length()


def read(lines: Iterable[str]) -> World:
    """The world of these lines; kinds that nobody here knows are passed over."""
    world = World()
    fallen: dict[str | None, float] = {}
    for text in lines:
        line = json.loads(text)
        at = _seconds(line["at"])
        world.end = max(world.end, at)
        kind = line["kind"]
        if kind in ("up", "down"):
            _note_reach(world, fallen, line, at)
        elif reader := _READERS.get(kind):
            reader(world, line, at)
    for lock, since in fallen.items():
        world.down[lock].append((since, EVER))
    return world


def _note_reach(world: World, fallen: dict[str | None, float], line: Line, at: float) -> None:
    lock = line["lock"]
    if line["kind"] == "down":
        fallen.setdefault(lock, at)
        world.faults["lock_outage" if lock else "api_outage"] += 1
    elif lock in fallen:
        world.down[lock].append((fallen.pop(lock), at))


def _read_world(world: World, line: Line, _at: float) -> None:
    world.header = {name: line[name] for name in ("policy", "bookings", "seed", "faults", "days")}


def _read_booking(world: World, line: Line, at: float) -> None:
    number = line["booking"]
    booking = world.bookings.setdefault(number, Booking(number))
    times = {name: _seconds(line[name]) for name in ("arrives", "departs", "starts", "ends", "due")}
    version = Version(
        at=at,
        is_cancelled=line["event"] == "cancelled",
        locks=tuple(line["locks"]),
        pin=line["pin"],
        **times,
    )
    for lock in version.locks:
        world.locks.setdefault(lock, LockTruth(lock))
    if booking.versions and booking.told_at and booking.versions[-1].pin != version.pin:
        booking.pins_after_told += 1
    if booking.versions and booking.versions[-1].at == at:
        # Two lines of one moment are one change; it is due as the first of them says.
        booking.versions.pop()
    booking.versions.append(version)


def _read_told(world: World, line: Line, at: float) -> None:
    world.bookings[line["booking"]].told_at = at


def _read_shown(world: World, line: Line, at: float) -> None:
    number = line["booking"]
    if "verdict" in line:
        world.bookings[number].verdicts.append((at, line["verdict"]))
        return
    door = world.doors.setdefault((number, line["lock"]), Door(number, line["lock"]))
    door.shown.append(Shown(at, line["status"], line["problem"]))


def _read_list(world: World, line: Line, at: float) -> None:
    lock = world.locks.setdefault(line["lock"], LockTruth(line["lock"]))
    codes = tuple(
        HeldCode(
            name=code["name"],
            booking=code["booking"],
            pin=code["pin"],
            starts=_seconds(code["starts"]) if code["starts"] else -EVER,
            ends=_seconds(code["ends"]) if code["ends"] else EVER,
        )
        for code in line["codes"]
    )
    lock.times.append(at)
    lock.lists.append(codes)


def _read_post(world: World, line: Line, _at: float) -> None:
    world.posts += 1
    world.faults.update(line["faults"])
    if line["name"] and ("split_brain_a" in line["faults"]):
        world.hidden.add(line["name"])


def _read_command(world: World, line: Line, _at: float) -> None:
    world.open_commands[f"{line['row']} on {line['lock']}"] = line["state"] == "open"


def _read_click(world: World, line: Line, at: float) -> None:
    world.clicks[line["action"]] += 1
    if line["action"] == "delete_all":
        world.locks.setdefault(line["lock"], LockTruth(line["lock"])).emptied.append(at)


def _read_fault(world: World, line: Line, _at: float) -> None:
    world.faults[line["fault"]] += 1


_READERS = {
    "world": _read_world,
    "booking": _read_booking,
    "told": _read_told,
    "shown": _read_shown,
    "lock_list": _read_list,
    "post": _read_post,
    "command": _read_command,
    "click": _read_click,
    "fault": _read_fault,
}


def _spans_of(turns: list[tuple[float, bool]], end: float) -> list[Span]:
    """The spans in which something held that turned at these times."""
    spans = []
    since = None
    for at, holds in [*turns, (end, False)]:
        if holds and since is None:
            since = at
        elif not holds and since is not None:
            spans.append((since, at))
            since = None
    return spans


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
