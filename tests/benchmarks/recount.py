"""The world's heaviest figures counted again, from the history and docs/world-history.md alone.

It shares no code with `benchmarks.report`, and works another way: instead of reckoning with spans,
it asks what is so in the middle of every stretch of time between two moments at which anything
changes. Slow, and hard to get wrong in the same places.
"""

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

Line = dict[str, Any]
Stretch = tuple[float, float]
MINUTE = 60.0
FAR = 1e12


def seconds(text: str | None, otherwise: float) -> float:
    return datetime.fromisoformat(text).timestamp() if text else otherwise


class Recount:
    """One history, with the questions that the figures are made of."""

    def __init__(self, path: Path) -> None:
        self.bookings: dict[int, list[Line]] = defaultdict(list)
        self.lists: dict[str, list[Line]] = defaultdict(list)
        self.doors: dict[tuple[int, str], list[Line]] = defaultdict(list)
        self.verdicts: dict[int, list[Line]] = defaultdict(list)
        self.reach: dict[str | None, list[Line]] = defaultdict(list)
        self.emptied: dict[str, list[float]] = defaultdict(list)
        self.hidden: set[str] = set()
        self.end = 0.0
        for text in path.read_text().splitlines():
            line = json.loads(text)
            line["t"] = self.end = seconds(line["at"], 0)
            self._take(line)

    def _take(self, line: Line) -> None:
        match line["kind"]:
            case "booking":
                for name in ("arrives", "departs", "starts", "ends", "due"):
                    line[name] = seconds(line[name], 0)
                self.bookings[line["booking"]].append(line)
            case "lock_list":
                for code in line["codes"]:
                    code["starts"] = seconds(code["starts"], -FAR)
                    code["ends"] = seconds(code["ends"], FAR)
                self.lists[line["lock"]].append(line)
            case "shown" if "verdict" in line:
                self.verdicts[line["booking"]].append(line)
            case "shown":
                self.doors[line["booking"], line["lock"]].append(line)
            case "up" | "down":
                self.reach[line["lock"]].append(line)
            case "click" if line["action"] == "delete_all":
                self.emptied[line["lock"]].append(line["t"])
            case "post" if "split_brain_a" in line["faults"] and line["name"]:
                self.hidden.add(line["name"])

    # What is so at a moment

    def in_force(self, booking: int, t: float) -> Line | None:
        return last(self.bookings[booking], t)

    def codes(self, lock: str, t: float) -> list[Line]:
        line = last(self.lists[lock], t)
        return line["codes"] if line else []

    def is_in_reach(self, lock: str, t: float) -> bool:
        states = (last(self.reach[lock], t), last(self.reach[None], t))
        return not any(line and line["kind"] == "down" for line in states)

    def is_green(self, booking: int, lock: str, t: float) -> bool:
        door, verdict = last(self.doors[booking, lock], t), last(self.verdicts[booking], t)
        return bool(door and door["status"] == "confirmed") or bool(
            verdict and verdict["verdict"] == "ready"
        )

    def is_split(self, booking: int, lock: str, t: float) -> bool:
        line = last(self.doors[booking, lock], t)
        return bool(line) and line["problem"] == "split_brain"

    # Time in reach

    def reach_edges(self, lock: str) -> list[float]:
        return sorted(line["t"] for line in (*self.reach[lock], *self.reach[None]))

    def ten_minutes_after(self, lock: str, since: float) -> float:
        return self.in_reach_for(lock, since, 10 * MINUTE)

    def in_reach_for(self, lock: str, since: float, piece: float) -> float:
        """When the lock had first been in reach so long in one piece."""
        began = since if self.is_in_reach(lock, since) else None
        for edge in self.reach_edges(lock):
            if edge <= since:
                continue
            if began is not None and edge - began >= piece:
                break
            is_up = self.is_in_reach(lock, edge)
            began = (edge if began is None else began) if is_up else None
        return FAR if began is None else began + piece

    def time_in_reach(self, lock: str, first: float, last_: float) -> float:
        return sum(
            b - a
            for a, b in stretches([first, last_, *self.reach_edges(lock)], first, last_)
            if self.is_in_reach(lock, (a + b) / 2)
        )

    # The figures

    def lockouts(self) -> tuple[int, int]:
        """Bookings locked out: avoidable, unavoidable."""
        avoidable = unavoidable = 0
        for booking in self.bookings:
            shut, unexcused = self._shut(booking)
            avoidable += unexcused >= 1
            unavoidable += shut >= 1 and unexcused < 1
        return avoidable, unavoidable

    def _shut(self, booking: int) -> tuple[float, float]:
        shut = unexcused = 0.0
        for lock in self._locks_of(booking):
            for a, b in self._stretches(booking, lock):
                t = (a + b) / 2
                wish = self.in_force(booking, t)
                if not wish or wish["event"] == "cancelled" or lock not in wish["locks"]:
                    continue
                if not wish["arrives"] <= t < wish["departs"]:
                    continue
                held = self.codes(lock, t)
                if any(c["pin"] == wish["pin"] and c["starts"] <= t < c["ends"] for c in held):
                    continue
                shut += b - a
                if not self._is_excused(booking, lock, self._due(booking, lock, t), t):
                    unexcused += b - a
        return shut, unexcused

    def _due(self, booking: int, lock: str, t: float) -> float:
        """Since when the door should open at this moment, through all changes that left it so."""
        lines = [line for line in self.bookings[booking] if line["t"] <= t]
        told = [a for a, b in pairwise([*lines, {"t": FAR}]) if a["t"] < b["t"]]
        due = told.pop()["due"]
        while told and told[-1]["event"] != "cancelled" and lock in told[-1]["locks"]:
            before = told.pop()
            if not before["arrives"] <= t < before["departs"]:
                break
            due = min(due, before["due"])
        return due

    def _is_excused(self, booking: int, lock: str, due: float, t: float) -> bool:
        if t < self.ten_minutes_after(lock, due):
            return True
        if any(at <= t < self.ten_minutes_after(lock, at) for at in self.emptied[lock]):
            return True
        if not self.is_split(booking, lock, t):
            return False
        begun = t
        for line in self.doors[booking, lock]:
            if line["t"] > t:
                break
            before = self.is_split(booking, lock, line["t"] - 0.000001)
            if line["problem"] == "split_brain" and not before:
                begun = line["t"]
        return not any(begun <= at <= t for at in self.emptied[lock])

    def stale(self) -> int:
        """Doors that opened to a guest whose time was over, after 15 minutes in reach."""
        return sum(self._stale(booking, lock) >= 1 for booking, lock in list(self.doors))

    def _stale(self, booking: int, lock: str) -> float:
        total, since = 0.0, None
        for a, b in self._stretches(booking, lock):
            t = (a + b) / 2
            wish = self.in_force(booking, t)
            if wish is None or not (wish["event"] == "cancelled" or t >= wish["ends"]):
                since = None
                continue
            since = a if since is None else since
            if any(c["booking"] == booking and c["starts"] <= t < c["ends"]
                   for c in self.codes(lock, t)):  # fmt: skip
                is_late = self.time_in_reach(lock, since, a) >= 15 * MINUTE
                left = 15 * MINUTE - self.time_in_reach(lock, since, a)
                over = b - a if is_late else max(0.0, self.time_in_reach(lock, a, b) - left)
                total += over
        return total

    def doubles(self) -> int:
        """Doors with two codes of one booking for half an hour in reach in one piece."""
        return sum(
            any(self.in_reach_for(lock, a, 30 * MINUTE) < b for a, b in self._double(booking, lock))
            for booking, lock in list(self.doors)
        )

    def _double(self, booking: int, lock: str) -> list[Stretch]:
        def is_double(t: float) -> bool:
            names = [c["name"] for c in self.codes(lock, t) if c["booking"] == booking]
            return len([name for name in names if name not in self.hidden]) > 1

        return whole(self._stretches(booking, lock), is_double)

    def wrong_greens(self) -> int:
        """Green times that were wrong from their first moment."""
        return sum(self._wrong_greens(booking, lock) for booking, lock in list(self.doors))

    def _wrong_greens(self, booking: int, lock: str) -> int:
        count = 0
        lines = self.bookings[booking]
        for wish, following in zip(lines, [*lines[1:], None], strict=True):
            until = min(following["t"] if following else FAR, wish["departs"], self.end)
            if wish["event"] == "cancelled" or lock not in wish["locks"] or wish["t"] >= until:
                continue
            pieces = [s for s in self._stretches(booking, lock) if wish["t"] <= s[0] < until]
            green = whole(pieces, lambda t: self.is_green(booking, lock, t))
            wrong = whole(
                pieces,
                lambda t, w=wish: (  # type: ignore[misc]
                    self.is_green(booking, lock, t) and not self._holds(lock, w, t)
                ),
            )
            began = {a for a, _ in green}
            count += sum(b - a >= 1 and a in began for a, b in wrong)
        return count

    def _holds(self, lock: str, wish: Line, t: float) -> bool:
        return any(
            c["pin"] == wish["pin"]
            and c["ends"] >= wish["departs"]
            and (c["starts"] <= wish["arrives"] or c["starts"] <= t)
            for c in self.codes(lock, t)
        )

    # Stretches in which nothing changes

    def _locks_of(self, booking: int) -> set[str]:
        return {lock for line in self.bookings[booking] for lock in line["locks"]}

    def _stretches(self, booking: int, lock: str) -> list[Stretch]:
        edges = set(self.reach_edges(lock)) | set(self.emptied[lock])
        for line in self.bookings[booking]:
            edges |= {line[name] for name in ("t", "arrives", "departs", "starts", "ends", "due")}
            edges.add(self.ten_minutes_after(lock, line["due"]))
        edges |= {self.ten_minutes_after(lock, at) for at in self.emptied[lock]}
        for line in self.lists[lock]:
            edges.add(line["t"])
            edges |= {code[name] for code in line["codes"] for name in ("starts", "ends")}
        edges |= {line["t"] for line in (*self.doors[booking, lock], *self.verdicts[booking])}
        return list(stretches(edges, self.bookings[booking][0]["t"], self.end))


def last(lines: list[Line], t: float) -> Line | None:
    place = bisect_right(lines, t, key=lambda line: line["t"])
    return lines[place - 1] if place else None


def stretches(edges: Iterable[float], first: float, end: float) -> Iterator[Stretch]:
    inside = sorted({first, end, *(edge for edge in edges if first < edge < end)})
    yield from zip(inside, inside[1:], strict=False)


def whole(pieces: list[Stretch], holds: Callable[[float], bool]) -> list[Stretch]:
    """The pieces in which it holds, those that touch made one."""
    found: list[Stretch] = []
    for a, b in pieces:
        if not holds((a + b) / 2):
            continue
        if found and found[-1][1] == a:
            found[-1] = (found[-1][0], b)
        else:
            found.append((a, b))
    return found
