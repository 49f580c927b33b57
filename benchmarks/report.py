"""Every figure of a world, computed from its history file and nothing else.

Run by itself on a history that somebody kept: `python -m benchmarks.report FILE`. The definitions
stand in docs/world-history.md; this module is their one implementation here.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.report_facts import Booking, Door, World, read
from benchmarks.report_spans import Spans

TOGETHER: Final = 600.0  # lock and API up this long in one piece: long enough to be written
STALE_AFTER: Final = 900.0
DOUBLE_AFTER: Final = 1800.0
AHEAD: Final = 24 * 3600.0
# A difference shorter than this is one moment's work told in two lines.
MOMENT: Final = 1.0

GREEN: Final = "confirmed"
READY: Final = "ready"
OFF: Final = "removed"
SPLIT_BRAIN: Final = "split_brain"


def figures(path: Path) -> dict[str, Any]:
    """The figures of the history in this file, in the order in which they are printed."""
    with path.open(encoding="utf-8") as file:
        world = read(file)
    lockouts = [found for booking in world.bookings.values() if (found := lockout(world, booking))]
    avoidable = [found for found in lockouts if found["avoidable_s"] > 0]
    greens = [found for door in world.doors.values() for found in wrong_greens(world, door)]
    converged = sorted(s for door in world.doors.values() for s in convergences(world, door))
    ahead = [told for b in world.bookings.values() if (told := is_ahead(world, b)) is not None]
    count = len(world.bookings)
    return {
        **world.header,
        "bookings": count,
        "locks": len(world.locks),
        "faults_by_kind": dict(sorted(world.faults.items())),
        "avoidable_lockouts": len(avoidable),
        "unavoidable_lockouts": len(lockouts) - len(avoidable),
        "stale_over_15_min": sum(1 for d in world.doors.values() if stale_seconds(world, d) > 0),
        "double_codes": sum(1 for d in world.doors.values() if is_double(world, d)),
        "wrong_green": sum(1 for found in greens if found["is_ours"]),
        "green_but_lost": sum(1 for found in greens if not found["is_ours"]),
        "green_but_absent_s": round(sum(found["seconds"] for found in greens)),
        "unresolved": len(list(unresolved(world))),
        "pins_changed_after_told": sum(b.pins_after_told for b in world.bookings.values()),
        "posts_per_booking": round(world.posts / count, 3) if count else 0.0,
        "confirmed_24h_ahead": round(sum(ahead) / len(ahead), 5) if ahead else None,
        "human_clicks": sum(world.clicks.values()),
        "clicks": dict(sorted(world.clicks.items())),
        "converge_p50_s": _percentile(converged, 0.50),
        "converge_p99_s": _percentile(converged, 0.99),
    }


def lockout(world: World, booking: Booking) -> dict[str, Any] | None:
    """The seconds of the stay in which a door of it stayed shut, and how many were avoidable."""
    shut = avoidable = 0.0
    for version, first, last in booking.stays():
        for lock in version.locks:
            for since, until, due in booking.due_spans(lock, version, first, last):
                closed = world.locks[lock].shut_spans(version.pin, since, until)
                shut += closed.length()
                avoidable += (closed - _excuses(world, booking, lock, due, until)).length()
    if shut < MOMENT:
        return None
    return {
        "booking": booking.number,
        "shut_s": shut,
        "avoidable_s": avoidable if avoidable >= MOMENT else 0.0,
    }


def _excuses(world: World, booking: Booking, lock: str, due: float, until: float) -> Spans:
    """When nobody could have had the code on this lock: before lock and API were up together for
    ten minutes since it was due, and while split brain waited for a person; after Delete All, until
    the emptied lock could be written.
    """
    excused = [(due, world.reached(lock, due, TOGETHER))]
    excused += [(at, world.reached(lock, at, TOGETHER)) for at in world.locks[lock].emptied]
    door = world.doors.get((booking.number, lock))
    for first, last in door.problem_spans(SPLIT_BRAIN, until) if door else ():
        excused.append((first, world.locks[lock].next_emptied(first, last)))
    return Spans(excused)


def stale_seconds(world: World, door: Door) -> float:
    """How long a code of this booking opened the door over 15 minutes of up-time after its end."""
    booking, lock = world.bookings[door.booking], world.locks[door.lock]
    total = 0.0
    for first, last in booking.over_spans(world.end):
        deadline = world.up_for(door.lock, first, STALE_AFTER)
        if deadline < last:
            total += lock.open_spans(door.booking, deadline, last).length()
    return total if total >= MOMENT else 0.0


def is_double(world: World, door: Door) -> bool:
    """Whether the lock held two codes of this booking for half an hour in which it was in reach.

    A code that split brain keeps from the server's list cannot be removed by anybody but with
    Delete All, and its window ends it: such pairs are not counted.
    """
    lock = world.locks[door.lock]
    return any(
        world.reached(door.lock, first, DOUBLE_AFTER) < last
        for first, last in lock.double_spans(door.booking, world.hidden, world.end)
    )


def wrong_greens(world: World, door: Door) -> Iterator[dict[str, Any]]:
    """The times at which a page showed green and the lock did not hold what was wanted.

    `is_ours`: it began with what the page showed or with what was wanted. Otherwise the lock lost
    a code that it held, and the page learnt of it later.
    """
    booking, lock = world.bookings[door.booking], world.locks[door.lock]
    green = Spans(door.status_spans(GREEN, world.end)) | Spans(
        booking.verdict_spans(READY, world.end)
    )
    for version, first, last in booking.wishes():
        if door.lock not in version.locks:
            continue
        wanted = green & Spans([(first, min(last, version.departs))])
        held = lock.holding_spans(version.pin, version.arrives, version.departs, first, last)
        for since, until in wanted - held:
            if until - since < MOMENT:
                continue
            yield {
                "booking": door.booking,
                "lock": door.lock,
                "since": since,
                "seconds": until - since,
                "is_ours": since in wanted.starts(),
            }


def unresolved(world: World) -> Iterator[str]:
    """What was left open at the very end, when every stay is over and all was calm for days."""
    for door in world.doors.values():
        if door.shown and door.shown[-1].status != OFF:
            yield f"booking {door.booking} on {door.lock}: {door.shown[-1].status}"
    for name, still_open in world.open_commands.items():
        if still_open:
            yield f"command {name}"


def is_ahead(world: World, booking: Booking) -> bool | None:
    """Whether all doors were confirmed 24 h before the arrival; None where nobody could do it."""
    version = booking.final_wish()
    if version is None:
        return None
    moment = version.arrives - AHEAD
    if version.due > moment:
        return None
    for lock in version.locks:
        door = world.doors.get((booking.number, lock))
        excuses = _excuses(world, booking, lock, version.due, moment)
        if any(first <= moment <= last for first, last in excuses):
            return None
        if door is None or door.status_at(moment) != GREEN:
            return False
    return True


def convergences(world: World, door: Door) -> Iterator[float]:
    """Seconds of up-time from when the door was due for a change until it was shown done."""
    booking = world.bookings[door.booking]
    for version, first, last in booking.wishes():
        since = max(first, version.due)
        if door.lock in version.locks and since < min(last, version.ends):
            done = door.first_shown(GREEN, since, min(last, version.ends))
            if done is not None:
                yield world.up_seconds(door.lock, since, done)
    for first, last in booking.over_spans(world.end):
        if door.status_at(first) in (None, OFF, "planned", "queued"):
            continue
        done = door.first_shown(OFF, first, last)
        if done is not None:
            yield world.up_seconds(door.lock, first, done)


def _percentile(values: Sequence[float], share: float) -> float | None:
    if not values:
        return None
    return round(values[min(int(share * len(values)), len(values) - 1)], 1)


if __name__ == "__main__":
    print(json.dumps(figures(Path(sys.argv[1]))))
