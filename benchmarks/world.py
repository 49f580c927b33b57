"""A simulated year of bad luck: `python -m benchmarks.world --bookings N --seed S --faults F`.

Runs the real engine, services and database in virtual time against the simulator's locks, and
prints one JSON line. Every figure in it is computed from the history file alone (`report`), whose
fields docs/world-history.md lists.

A world is made of districts of at most 1,000 bookings, each an account of its own with its own
database and Schlage login, because that is what fits a process; all live under one API, with the
same outages. What a world holds depends on its seed and size, never on the machine.
"""

import argparse
import gc
import heapq
import json
import logging
import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from benchmarks import report, world_baseline, world_latchboard
from benchmarks.history import History
from benchmarks.world_plan import FEWEST_DAYS, START, Plan, plan
from benchmarks.world_weather import outages

POLICIES: Final = {"latchboard": world_latchboard.run, "baseline": world_baseline.run}
DISTRICT: Final = 1000


@dataclass(frozen=True, kw_only=True)
class Options:
    """What makes one world differ from another."""

    bookings: int = 2000
    seed: int = 1
    faults: str = "realistic"
    days: int = 365
    policy: str = "latchboard"


def live(path: Path, options: Options, processes: int = 1) -> None:
    """The world, lived through; its history is in the file at `path`."""
    count = max(1, math.ceil(options.bookings / DISTRICT))
    with tempfile.TemporaryDirectory() as directory:
        parts = [Path(directory, f"{number}.jsonl") for number in range(count)]
        if processes == 1 or count == 1:
            for number, part in enumerate(parts):
                live_in(part, options, number, count)
        else:
            # A forked process need not import everything again; beside threads it might hang.
            way = "fork" if threading.active_count() == 1 else "spawn"
            with ProcessPoolExecutor(processes, get_context(way)) as pool:
                for done in [
                    pool.submit(live_in, parts[number], options, number, count)
                    for number in _longest_first(options, count)
                ]:
                    done.result()
        _merge(parts, path, options)


def live_in(path: Path, options: Options, number: int, count: int) -> None:
    """One district of the world, lived through."""
    # What the product logs of so much bad luck would take longer than living through it.
    logging.disable(logging.CRITICAL)
    # Rows come and go by the million: the default looks for cycles among them all the time.
    gc.set_threshold(100_000, 20, 100)
    planned = _plan_of(options, number, count)
    sky = outages(options.faults, options.seed, planned.start, planned.end)
    with path.open("w", encoding="utf-8") as file:
        POLICIES[options.policy](planned, History(file), options.faults, sky)


def _plan_of(options: Options, number: int, count: int) -> Plan:
    first, last = (options.bookings * n // count for n in (number, number + 1))
    return plan(last - first, f"{options.seed}/{number}", options.days, first + 1)


def _longest_first(options: Options, count: int) -> list[int]:
    """The districts' numbers, so that at the end no process lives through a long one alone."""

    def codes(number: int) -> int:
        planned = _plan_of(options, number, count)
        return sum(len(planned.places[booking.place].locks) for booking in planned.bookings)

    return sorted(range(count), key=codes, reverse=True)


def _merge(parts: Sequence[Path], path: Path, options: Options) -> None:
    """All districts' facts by time; what is so for the API stands in each of them, told once."""
    with ExitStack() as stack:
        out = stack.enter_context(path.open("w", encoding="utf-8"))
        files = [stack.enter_context(part.open(encoding="utf-8")) for part in parts]
        history = History(out)
        history.write(START, "world", **vars(options))
        told: set[str] = set()
        for line in heapq.merge(*files, key=_at):
            if '"kind":"up","lock":null' in line or '"kind":"down","lock":null' in line:
                if line in told:
                    continue
                told.add(line)
            out.write(line)


def _at(line: str) -> str:
    """The time of a line: all have it at the same place, in the same form."""
    return line[7:34]


def _at_least(fewest: int) -> Callable[[str], int]:
    """Reads a number of the command line; fewer than that are refused in words."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < fewest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {fewest} on")
        return int(text)

    return number


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.world", description=__doc__)
    parser.add_argument("--bookings", type=_at_least(1), default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", choices=("realistic", "harsh", "clean"), default="realistic")
    parser.add_argument("--days", type=_at_least(FEWEST_DAYS), default=365)
    parser.add_argument("--policy", choices=sorted(POLICIES), default="latchboard")
    parser.add_argument("--history", type=Path, help="keep the history in this file")
    parser.add_argument("--processes", type=_at_least(1), default=os.cpu_count() or 1)
    given = vars(parser.parse_args(arguments))
    kept, processes = given.pop("history"), given.pop("processes")
    if kept is not None:
        try:
            kept.write_text("")
        except OSError as error:
            parser.error(f"argument --history: the file cannot be written: {error.strerror}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        path = kept or Path(directory, "history.jsonl")
        live(path, Options(**given), processes)
        figures = report.figures(path)
    figures["seconds"] = round(time.monotonic() - began, 1)
    print(json.dumps(figures), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
