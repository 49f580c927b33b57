"""The replay of a recorded feed: its figures, and that the history alone gives them."""

import io
import json
import subprocess
import sys
import tarfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.recording import POLLS, bodies

ROOT = Path(__file__).resolve().parents[2]


def archive(path: Path) -> Path:
    """The recording as an archive in the layout of real ones."""
    files = bodies()
    lines = [json.dumps({"poll": stamp, "file": f"{stamp}.ics"}) for stamp in POLLS]
    files["index.jsonl"] = "\n".join(lines).encode()
    with tarfile.open(path, "w:gz") as tar:
        for name, body in files.items():
            member = tarfile.TarInfo(f"tiny/{name}")
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return path


@dataclass(frozen=True)
class Replayed:
    """What a replay printed at its end, and its history."""

    figures: dict[str, Any]
    history: list[dict[str, Any]]

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.history if line["kind"] == kind]


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    """The tiny recording, replayed by the command that people use."""
    directory = tmp_path_factory.mktemp("replay")
    history = directory / "history.jsonl"
    command = [sys.executable, "-m", "benchmarks.replay", str(archive(directory / "tiny.tar.gz"))]
    command += ["--source", "booking_com", "--time-zone", "Europe/Rome"]
    done = subprocess.run(
        [*command, "--history", str(history)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return Replayed(
        json.loads(done.stdout.splitlines()[-1]),
        [json.loads(line) for line in history.read_text().splitlines()],
    )


def test_nothing_that_must_not_happen_happened(replayed: Replayed) -> None:
    figures = replayed.figures

    never = (
        "removed_during_stay",
        "pin_changes",
        "reissued_at_midnight",
        "arrivals_without_code",
        "mass_removals",
    )
    assert {name: figures[name] for name in never} == dict.fromkeys(never, 0)


def test_every_poll_and_every_stay_is_counted(replayed: Replayed) -> None:
    figures = replayed.figures

    assert (figures["polls"], figures["unreadable"]) == (len(POLLS), 1)
    assert (figures["bookings"], figures["cancelled"]) == (4, 0)
    assert figures["arrivals"] == 2
    assert figures["holds"] == 1


def test_the_date_change_moves_the_stay_and_sends_its_code_again(replayed: Replayed) -> None:
    [change] = [
        line for line in replayed.of_kind("booking_changed") if line["departs"] == "2026-03-13"
    ]

    sent = [
        (line["at"] > change["at"], line["departs"])
        for line in replayed.of_kind("code_sent")
        if line["booking"] == change["booking"]
    ]
    assert change["at"] == "2026-03-03T10:00:00.000000Z"
    assert change["what"] == ["departure"]
    assert sent[-1] == (True, "2026-03-13")


def test_a_code_comes_off_once_its_stay_is_over(replayed: Replayed) -> None:
    removed = [(line["arrives"], line["at"][:10]) for line in replayed.of_kind("code_removed")]

    # The replay ends two days after its last poll, an hour before the second stay checks out.
    assert removed == [("2026-03-02", "2026-03-06")]


def test_the_history_alone_gives_the_figures(replayed: Replayed) -> None:
    kinds = Counter(line["kind"] for line in replayed.history)
    cancelled_at = Counter(line["at"] for line in replayed.of_kind("booking_cancelled"))

    assert {
        "bookings": kinds["booking_created"],
        "removed_during_stay": kinds["removed_during_stay"],
        "pin_changes": kinds["pin_changed"],
        "reissued_at_midnight": kinds["reissued_at_midnight"],
        "arrivals_without_code": kinds["arrival_without_code"],
        "mass_removals": sum(number >= 3 for number in cancelled_at.values()),
        "holds": len({line["at"] for line in replayed.of_kind("booking_held")}),
        "cancelled": kinds["booking_cancelled"],
        "codes_sent": kinds["code_sent"],
        "codes_removed": kinds["code_removed"],
    }.items() <= replayed.figures.items()


def test_every_held_stay_is_named_and_the_alert_stands_beside(replayed: Replayed) -> None:
    held = replayed.of_kind("booking_held")
    [alert] = replayed.of_kind("alert")

    # The guest of the first stay is inside: kept whatever comes, and held like the rest.
    assert {line["arrives"] for line in held} == {
        "2026-03-02",
        "2026-03-10",
        "2026-03-14",
        "2026-03-20",
    }
    assert {(line["at"], line["until"]) for line in held} == {
        ("2026-03-03T11:00:00.000000Z", "2026-03-04T11:00:00.000000Z")
    }
    assert (alert["at"], alert["cause"]) == ("2026-03-03T11:00:00.000000Z", "feed_held")


def test_every_line_says_when_and_about_which_stay(replayed: Replayed) -> None:
    times = [line["at"] for line in replayed.history]

    assert times == sorted(times)
    for line in replayed.history:
        named = {"cause", "words"} if line["kind"] == "alert" else {"booking", "arrives", "departs"}
        assert named <= line.keys()
    assert not any("pin" in line for line in replayed.history)
