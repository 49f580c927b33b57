"""The world's history is what its page says, and holds every figure that is printed."""

import json
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks import report, world
from tests.benchmarks.recount import Recount

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "world-history.md").read_text()
NEVER = (
    "avoidable_lockouts",
    "stale_over_15_min",
    "double_codes",
    "wrong_green",
    "unresolved",
    "pins_changed_after_told",
)


@dataclass(frozen=True)
class World:
    """What a world printed, and its history."""

    path: Path
    figures: dict[str, Any]

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]


def lived(path: Path, *options: str) -> World:
    """A world, lived through by the command that people use."""
    command = [sys.executable, "-m", "benchmarks.world", "--faults", "harsh", "--processes", "1"]
    done = subprocess.run(
        [*command, *options, "--history", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return World(path, json.loads(done.stdout))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> World:
    path = tmp_path_factory.mktemp("world") / "ours.jsonl"
    return lived(path, "--bookings", "6", "--days", "15")


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The usual design in the same weather: it has something of everything that must not be."""
    path = tmp_path_factory.mktemp("world") / "baseline.jsonl"
    options = ("--policy", "baseline", "--bookings", "100", "--days", "75", "--seed", "5")
    return lived(path, *options)


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the table under a heading of the page, without its head."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [row for row in rows if row[0].strip() != "`kind`"]


def names_in(cell: str) -> list[str]:
    return re.findall(r"`([a-z0-9_]+)`", cell)


def test_a_small_year_of_bad_luck_has_nothing_that_must_not_be(ours: World) -> None:
    assert {name: ours.figures[name] for name in NEVER} == dict.fromkeys(NEVER, 0)
    assert ours.figures["faults_by_kind"], "there was no bad luck"


@pytest.mark.parametrize("policy", ["ours", "baseline"])
def test_every_line_has_a_kind_and_the_fields_that_the_page_lists(
    policy: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(policy)
    listed: dict[str, list[set[str]]] = defaultdict(list)
    for kind, _, fields in rows_of("The history"):
        listed[names_in(kind)[0]].append(set(names_in(fields)))

    for line in world.lines:
        assert line.keys() - {"at", "kind"} in listed[line["kind"]], line


def test_every_kind_that_the_page_lists_is_written(ours: World, baseline: World) -> None:
    listed = {names_in(kind)[0] for kind, *_ in rows_of("The history")}

    written = {line["kind"] for line in (*ours.lines, *baseline.lines)}

    assert written == listed


def test_the_lines_stand_in_the_order_of_time(ours: World) -> None:
    times = [line["at"] for line in ours.lines]

    assert times == sorted(times)
    assert (ours.lines[0]["kind"], ours.lines[-1]["kind"]) == ("world", "end")


def test_every_figure_is_defined_and_no_other_is(ours: World) -> None:
    defined = {name for cell, _ in rows_of("The figures") for name in names_in(cell)}

    assert defined == ours.figures.keys()


@pytest.mark.parametrize("policy", ["ours", "baseline"])
def test_the_history_alone_gives_every_figure(policy: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(policy)
    printed = {name: value for name, value in world.figures.items() if name != "seconds"}

    assert report.figures(world.path) == printed


@pytest.mark.parametrize("policy", ["ours", "baseline"])
def test_counted_another_way_the_figures_are_the_same(
    policy: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(policy)
    recount = Recount(world.path)
    avoidable, unavoidable = recount.lockouts()

    again = {
        "avoidable_lockouts": avoidable,
        "unavoidable_lockouts": unavoidable,
        "stale_over_15_min": recount.stale(),
        "double_codes": recount.doubles(),
        "wrong_green": recount.wrong_greens(),
    }

    assert again == {name: world.figures[name] for name in again}


@pytest.mark.parametrize(
    ("option", "value"), [("--days", "13"), ("--bookings", "0"), ("--processes", "none")]
)
def test_a_world_that_could_not_be_lived_in_is_refused_by_the_name_of_the_option(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        world.main([option, value])

    assert f"argument {option}: '{value}' is not a whole number from" in capsys.readouterr().err


def test_a_history_that_cannot_be_written_is_said_before_the_year_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        world.main(["--history", str(tmp_path / "nowhere" / "history.jsonl")])

    assert "argument --history: the file cannot be written" in capsys.readouterr().err


def test_both_designs_live_with_the_same_locks_under_the_same_sky(tmp_path: Path) -> None:
    def sky(policy: str) -> list[dict[str, Any]]:
        path = tmp_path / f"{policy}.jsonl"
        lines = lived(path, "--bookings", "4", "--days", "14", "--policy", policy).lines
        return [line for line in lines if line["kind"] in ("up", "down")]

    ours = sky("latchboard")

    assert any(line["lock"] for line in ours), "no lock was ever away"
    assert ours == sky("baseline")


def test_the_usual_design_has_what_must_not_be(baseline: World) -> None:
    """Else the comparison above would compare nothing with nothing."""
    for name in ("avoidable_lockouts", "unavoidable_lockouts", "stale_over_15_min", "wrong_green"):
        assert baseline.figures[name] > 0, name


BOOKING = {
    "kind": "booking", "event": "made", "booking": 1, "locks": ["a"], "pin": "482917",
    "arrives": "2026-03-02T15:00:00Z", "departs": "2026-03-04T10:00:00Z",
    "starts": "2026-03-02T14:00:00Z", "ends": "2026-03-04T11:00:00Z", "due": "2026-03-01T12:00:00Z",
}  # fmt: skip
GREEN = {"kind": "shown", "booking": 1, "lock": "a", "status": "confirmed", "problem": None}
CODE = {
    "id": "x", "name": "Ana x", "booking": 1, "pin": "482917",
    "starts": "2026-03-02T14:00:00Z", "ends": "2026-03-04T11:00:00Z",
}  # fmt: skip
LONGER = BOOKING | {
    "event": "changed", "due": "2026-03-03T12:00:00Z",
    "departs": "2026-03-05T10:00:00Z", "ends": "2026-03-05T11:00:00Z",
}  # fmt: skip
CODE_LONGER = CODE | {"ends": "2026-03-05T11:00:00Z"}
CLICK = {"kind": "click", "action": "delete_all", "lock": "a", "booking": None, "because": None}
OTHER = CODE | {"id": "y", "name": "Ana y", "pin": "739045"}


def held(*codes: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "lock_list", "lock": "a", "cause": "add", "codes": codes}


def written(path: Path, *lines: tuple[str, dict[str, Any]]) -> Path:
    """A history by hand: the times are of March 2026."""
    world = {"kind": "world", "policy": "hand", "bookings": 1, "seed": 0, "faults": "", "days": 0}
    facts = [("01T12:00", world), ("01T12:00", BOOKING), *lines, ("05T12:00", {"kind": "end"})]
    texts = [json.dumps({"at": f"2026-03-{at}:00.000000Z"} | fact) for at, fact in facts]
    path.write_text("\n".join(texts) + "\n")
    return path


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([("01T12:05", held(CODE)), ("01T12:06", GREEN), ("04T11:01", held())], {}),
        ([("01T12:06", GREEN)], {"avoidable_lockouts": 1, "wrong_green": 1}),
        ([("02T16:00", held(CODE)), ("04T11:01", held())], {"avoidable_lockouts": 1}),
        (
            [
                ("01T12:00", {"kind": "down", "lock": "a"}),
                ("02T16:00", {"kind": "up", "lock": "a"}),
                ("02T16:09", held(CODE)),
            ],
            {"unavoidable_lockouts": 1},
        ),
        (
            [
                ("01T12:00", {"kind": "down", "lock": None}),
                ("02T16:00", {"kind": "up", "lock": None}),
                ("02T16:11", held(CODE)),
            ],
            {"avoidable_lockouts": 1},
        ),
        (
            [
                ("01T12:05", held(CODE)),
                ("01T12:06", GREEN),
                ("02T18:00", BOOKING | {"event": "cancelled"}),
                ("02T18:16", held()),
            ],
            {"stale_over_15_min": 1},
        ),
        (
            [
                ("01T12:05", held(CODE)),
                ("03T12:00", LONGER),
                ("03T12:01", held()),
                ("03T12:09", held(CODE_LONGER)),
            ],
            {"avoidable_lockouts": 1},
        ),
        (
            [
                ("01T12:05", held(CODE)),
                ("04T08:00", {"kind": "down", "lock": "a"}),
                ("04T09:00", LONGER | {"due": "2026-03-04T09:00:00Z"}),
                ("04T12:00", {"kind": "up", "lock": "a"}),
                ("04T12:08", held(CODE_LONGER)),
            ],
            {"unavoidable_lockouts": 1},
        ),
        (
            [
                ("01T12:05", held(CODE)),
                ("03T12:00", CLICK),
                ("03T12:00", held()),
                ("03T12:08", held(CODE)),
            ],
            {"unavoidable_lockouts": 1},
        ),
        (
            [("01T12:05", held(CODE, OTHER)), ("01T12:06", GREEN), ("01T12:36", held(CODE))],
            {"double_codes": 1},
        ),
        (
            [("01T12:05", held(CODE, OTHER)), ("01T12:06", GREEN), ("01T12:34", held(CODE))],
            {},
        ),
    ],
    ids=[
        "all is well", "green and nothing there", "an hour too late", "the lock was away",
        "the API was away and then eleven minutes passed", "cancelled and sixteen minutes more",
        "a guest inside stays longer and is shut out for eight minutes",
        "a stay is made longer while the lock is away", "Delete All takes eight minutes",
        "two codes for half an hour", "two codes for less",
    ],
)  # fmt: skip
def test_what_a_figure_counts_by_hand(
    lines: list[tuple[str, dict[str, Any]]], expected: dict[str, int], tmp_path: Path
) -> None:
    path = written(tmp_path / "history.jsonl", *lines)
    recount = Recount(path)
    avoidable, unavoidable = recount.lockouts()
    counted = {
        "avoidable_lockouts": avoidable,
        "unavoidable_lockouts": unavoidable,
        "stale_over_15_min": recount.stale(),
        "double_codes": recount.doubles(),
        "wrong_green": recount.wrong_greens(),
    }

    figures = report.figures(path)

    assert counted == dict.fromkeys(counted, 0) | expected
    assert counted == {name: figures[name] for name in counted}
