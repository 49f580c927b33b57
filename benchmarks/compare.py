"""Worlds beside each other: a small Markdown table and a plot, made from what they printed.

`python -m benchmarks.compare FILE... --table OUT.md --plot OUT.svg` reads the JSON lines that
`benchmarks.world` printed, of any number of seeds, for both policies. Equal lines give equal pages,
whatever their order.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.compare_plot import Bar, Panel, plot

Figures = Mapping[str, Any]
Group = tuple[str, str]
"""The faults and the policy of some runs."""

FAULTS: Final = ("realistic", "harsh")
POLICIES: Final = {"baseline": "usual design", "latchboard": "Latchboard"}


class CannotCompare(Exception):
    """The lines are no complete set of worlds; the text says what is missing."""


@dataclass(frozen=True)
class Row:
    """A row of the table: its words, and its cell for the runs of a group."""

    words: str
    cell: Callable[[Sequence[Figures]], str]


def _sum(runs: Sequence[Figures], name: str) -> int:
    return sum(run[name] for run in runs)


def _per(runs: Sequence[Figures], name: str, count: int) -> float:
    return count * _sum(runs, name) / _sum(runs, "bookings")


def _total(name: str) -> Callable[[Sequence[Figures]], str]:
    return lambda runs: f"{_sum(runs, name):,}"


def _weighted(runs: Sequence[Figures], name: str) -> float | None:
    """The mean over the runs, each weighing what its bookings weigh."""
    known = [run for run in runs if run[name] is not None]
    if not known:
        return None
    weighed: float = sum(run[name] * run["bookings"] for run in known)
    return weighed / _sum(known, "bookings")


def _ahead(runs: Sequence[Figures]) -> str:
    share = _weighted(runs, "confirmed_24h_ahead")
    return "–" if share is None else f"{100 * share:.2f} %"


def _posts(runs: Sequence[Figures]) -> str:
    return f"{_weighted(runs, 'posts_per_booking'):.2f}"


def _clicks(runs: Sequence[Figures]) -> str:
    return f"{_per(runs, 'human_clicks', 100):.1f}"


def _seconds(name: str, of: Callable[[list[float]], float]) -> Callable[[Sequence[Figures]], str]:
    def cell(runs: Sequence[Figures]) -> str:
        known = [run[name] for run in runs if run[name] is not None]
        return duration(of(known)) if known else "–"

    return cell


def duration(seconds: float) -> str:
    """Seconds in the unit that a person would say them in."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


ROWS: Final = (
    Row("bookings lived through", _total("bookings")),
    Row("guests locked out although it could be helped", _total("avoidable_lockouts")),
    Row(
        "guests locked out while lock or Schlage were away, or Delete All was waited for",
        _total("unavoidable_lockouts"),
    ),
    Row("codes that opened the door over 15 minutes too long", _total("stale_over_15_min")),
    Row("two codes for one booking", _total("double_codes")),
    Row("green on the page, and not on the lock", _total("wrong_green")),
    Row("left open in the end", _total("unresolved")),
    Row("confirmed 24 hours ahead", _ahead),
    Row("clicks by a person, per 100 bookings", _clicks),
    Row("writes to Schlage, per booking", _posts),
    Row("from due to done, median", _seconds("converge_p50_s", median)),
    Row("from due to done, 99th percentile, worst seed", _seconds("converge_p99_s", max)),
)


def read(lines: Iterable[str]) -> dict[Group, list[Figures]]:
    """The runs by faults and policy; the same run twice counts once. Raises CannotCompare."""
    groups: dict[Group, dict[tuple[Any, ...], Figures]] = defaultdict(dict)
    for text in lines:
        if not text.strip():
            continue
        run = json.loads(text)
        key = (run["seed"], run["bookings"], run["days"])
        groups[run["faults"], run["policy"]][key] = run
    found = {group: [runs[key] for key in sorted(runs)] for group, runs in groups.items()}
    for faults in worlds_of(found):
        seeds = [{run["seed"] for run in found.get((faults, p), ())} for p in POLICIES]
        if not all(seeds):
            raise CannotCompare(f"Of {faults!r} worlds there are runs of one policy only.")
        if seeds[0] != seeds[1]:
            raise CannotCompare(f"Of {faults!r} worlds the policies did not live the same seeds.")
    if not found:
        raise CannotCompare("There are no runs in these files.")
    return found


def worlds_of(groups: Mapping[Group, Sequence[Figures]]) -> list[str]:
    """The names of the worlds' faults, mildest first."""
    names = {faults for faults, _ in groups}
    return [*(f for f in FAULTS if f in names), *sorted(names - set(FAULTS))]


def table(groups: Mapping[Group, Sequence[Figures]]) -> str:
    """The comparison as Markdown: a row per figure, two columns per kind of world."""
    columns = [(faults, policy) for faults in worlds_of(groups) for policy in POLICIES]
    head = ["", *(f"{faults}: {POLICIES[policy]}" for faults, policy in columns)]
    lines = [head, ["---", *("---:" for _ in columns)]]
    lines += [[row.words, *(row.cell(groups[column]) for column in columns)] for row in ROWS]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"{text}\n\n{_bound(groups)}\n"


def _bound(groups: Mapping[Group, Sequence[Figures]]) -> str:
    """What a zero means: with none in n, under 3 in n at a confidence of 95 %."""
    fewest = min(_sum(runs, "bookings") for runs in groups.values())
    seeds = max(len(runs) for runs in groups.values())
    return (
        f"{seeds} {'seed' if seeds == 1 else 'seeds'} of each kind of world, the same for both. "
        f"A 0 in {fewest:,} bookings means under {300 / fewest:.2g} % (95 % confidence)."
    )


def panels(groups: Mapping[Group, Sequence[Figures]]) -> list[Panel]:
    """What the plot shows: lockouts, codes that outlived their stay, and clicks."""
    wanted = (
        ("Guests locked out although it could be helped, per 1,000", "avoidable_lockouts", 1000),
        ("Codes that opened over 15 min too long, per 1,000", "stale_over_15_min", 1000),
        ("Clicks by a person, per 100 bookings", "human_clicks", 100),
    )
    return [
        Panel(
            title,
            [
                Bar(f"{faults}, {words}", _per(groups[faults, policy], name, count), policy)
                for faults in worlds_of(groups)
                for policy, words in POLICIES.items()
            ],
        )
        for title, name, count in wanted
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the pages that were asked for, or the table to the screen."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--table", type=Path, help="write the Markdown table to this file")
    parser.add_argument("--plot", type=Path, help="write the plot (SVG) to this file")
    options = parser.parse_args(arguments)
    try:
        groups = read(line for file in options.files for line in file.read_text().splitlines())
    except CannotCompare as error:
        print(error, file=sys.stderr)
        return 1
    if options.table:
        options.table.write_text(table(groups), encoding="utf-8")
    if options.plot:
        options.plot.write_text(
            plot("The same bad luck, two designs", panels(groups)), encoding="utf-8"
        )
    if not options.table and not options.plot:
        print(table(groups), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
