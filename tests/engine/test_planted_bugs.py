"""The harness finds bugs: each one planted here is caught, and the product as it is comes clean."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.history import History
from benchmarks.replay import Recorded, Replay, moment_of
from benchmarks.stage import Stage
from portal.domain.intake_types import FeedSource
from tests.engine.judge import Trial
from tests.engine.mutants import MUTANTS, REPLAY, Plant
from tests.engine.stories import STORIES
from tests.support import recording

NEVER = (
    "removed_during_stay",
    "pin_changes",
    "reissued_at_midnight",
    "arrivals_without_code",
    "mass_removals",
)
_caught: dict[str, bool] = {}


def tried(name: str, stage: Stage, path: Path, plant: Plant | None = None) -> list[str]:
    """What the harness finds wrong with the product, as it is or with a bug, in this story."""
    with pytest.MonkeyPatch.context() as patch:
        if name == REPLAY:
            if plant is not None:
                plant(patch, stage)
            return replayed(stage, path)
        trial = Trial(stage, path)
        if plant is not None:
            plant(patch, stage)
        return trial.found(STORIES[name])


def replayed(stage: Stage, path: Path) -> list[str]:
    polls = [Recorded(moment_of(stamp), f"{stamp}.ics") for stamp in recording.POLLS]
    with path.open("w", encoding="utf-8") as file:
        earlier = Stage(stage.app, polls[0].at - timedelta(minutes=5))
        replay = Replay(earlier, FeedSource.BOOKING_COM, "Europe/Rome", History(file))
        figures = replay.run(polls, recording.bodies())
    return [f"{name} is {figures[name]}" for name in NEVER if figures[name]]


@pytest.mark.parametrize("name", [*STORIES, REPLAY])
def test_the_product_as_it_is_comes_clean(name: str, stage: Stage, tmp_path: Path) -> None:
    assert tried(name, stage, tmp_path / "history.jsonl") == []


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_bug_is_caught(name: str, stage: Stage, tmp_path: Path) -> None:
    mutant = MUTANTS[name]

    found = tried(mutant.story, stage, tmp_path / "history.jsonl", mutant.plant)

    _caught[name] = any(mutant.caught_by in line for line in found)
    assert _caught[name], f"found only {found}"


def test_at_least_twelve_bugs_are_planted_and_each_is_caught(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The line that sums up the tests above, as far as they ran in this process."""
    with capsys.disabled():
        sys.stdout.write(f"\nplanted {len(_caught)}, caught {sum(_caught.values())}\n")

    assert all(_caught.values())
    assert len(MUTANTS) >= 12
