"""The worker entry point with a real Redis: what dies comes back, and nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from jobs.worker import LONGEST_PAUSE_SECONDS, SETTLED_SECONDS, Pause, main, make_worker
from portal.queue import QUEUES, SLOW, WORK, open_queue
from portal.runtime.preflight import CHECKOUT
from tests.runtime.conftest import RedisServer
from tests.runtime.processes import Family, needs_proc, wait_until
from tests.support.settings import DEFAULTS

pytestmark = [pytest.mark.process, needs_proc]

JOBS = "tests.runtime.example_jobs"
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(members: Family, state: Any, redis_server_away: RedisServer) -> Iterator[Start]:
    """Starts `python -m jobs.worker` with these arguments."""
    started = []

    def start_one(*arguments: str) -> "subprocess.Popen[bytes]":
        environment = members.environment(
            {
                "PATH": os.environ["PATH"],
                **DEFAULTS,
                "REDIS_URL": redis_server_away.url,
                "DATABASE_URL": f"sqlite:///{state.database}",
            }
        )
        with (state.logs / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "jobs.worker", *arguments],
                cwd=CHECKOUT,
                env=environment,
                stdout=log,
                stderr=log,
            )
        started.append(process)
        return process

    yield start_one
    for process in started:
        process.kill()
        process.wait()


def enqueue(server: RedisServer, queue: str, function: str, *arguments: str) -> None:
    with redis.Redis.from_url(server.url) as connection:
        open_queue(queue, connection).enqueue(f"{JOBS}.{function}", *arguments, result_ttl=0)


def ran(path: Path, seconds: float = 30) -> dict[str, int]:
    """Where the job ran that was to leave this file, once it has."""
    wait_until(path.exists, seconds, what=f"the job that writes {path.name}")
    found: dict[str, int] = json.loads(path.read_text())
    return found


def test_both_queues_are_worked_each_by_a_process_of_its_own(
    start: Start, redis_running: RedisServer, tmp_path: Path
) -> None:
    keeper = start()

    enqueue(redis_running, WORK, "note_process", str(tmp_path / "work"))
    enqueue(redis_running, SLOW, "note_process", str(tmp_path / "slow"))

    assert ran(tmp_path / "work")["parent"] == keeper.pid
    assert ran(tmp_path / "slow")["parent"] not in {keeper.pid, ran(tmp_path / "work")["pid"]}


def test_a_worker_of_one_queue_leaves_the_other_alone(
    start: Start, redis_running: RedisServer, tmp_path: Path
) -> None:
    start(SLOW)

    enqueue(redis_running, WORK, "note_process", str(tmp_path / "work"))
    enqueue(redis_running, SLOW, "note_process", str(tmp_path / "slow"))

    ran(tmp_path / "slow")
    assert not (tmp_path / "work").exists()


def test_a_worker_that_was_killed_is_started_again(
    start: Start, redis_running: RedisServer, tmp_path: Path
) -> None:
    start()
    enqueue(redis_running, WORK, "note_process", str(tmp_path / "before"))
    first = ran(tmp_path / "before")["pid"]

    os.kill(first, signal.SIGKILL)

    # Redis may hand a job to the dead worker's connection: that is why rings are repeated.
    def ring_until_done() -> bool:
        enqueue(redis_running, WORK, "note_process", str(tmp_path / "after"))
        return (tmp_path / "after").exists()

    wait_until(ring_until_done, what="the job is done by another")
    assert ran(tmp_path / "after")["pid"] != first


def test_asked_to_stop_it_drops_a_job_that_takes_forever_and_leaves_no_process(
    start: Start, redis_running: RedisServer, members: Family, tmp_path: Path
) -> None:
    keeper = start()
    enqueue(redis_running, WORK, "take_forever", str(tmp_path / "work"))
    enqueue(redis_running, SLOW, "take_forever", str(tmp_path / "slow"))
    ran(tmp_path / "work")
    ran(tmp_path / "slow")

    keeper.terminate()

    assert keeper.wait(15) == 0
    wait_until(lambda: not members.members(), seconds=2, what="no process left")


def test_an_idle_worker_stops_at_once(
    start: Start, redis_running: RedisServer, members: Family, tmp_path: Path
) -> None:
    keeper = start()
    enqueue(redis_running, WORK, "note_process", str(tmp_path / "work"))
    enqueue(redis_running, SLOW, "note_process", str(tmp_path / "slow"))
    ran(tmp_path / "work")
    ran(tmp_path / "slow")

    keeper.send_signal(signal.SIGINT)

    assert keeper.wait(4) == 0
    assert members.members() == {}


def test_a_forked_job_does_not_outlive_its_worker(
    start: Start, redis_running: RedisServer, members: Family, tmp_path: Path
) -> None:
    start(SLOW)
    enqueue(redis_running, SLOW, "take_forever", str(tmp_path / "slow"))
    worker = ran(tmp_path / "slow")["parent"]

    os.kill(worker, signal.SIGKILL)

    wait_until(lambda: not members.members() or set(members.members()) == {worker})


def test_killing_the_keeper_ends_its_workers(
    start: Start, redis_running: RedisServer, members: Family, tmp_path: Path
) -> None:
    keeper = start()
    enqueue(redis_running, WORK, "note_process", str(tmp_path / "work"))
    ran(tmp_path / "work")

    keeper.kill()

    wait_until(lambda: not set(members.members()) - {keeper.pid}, what="no worker left")


def test_a_worker_waits_for_a_redis_that_is_away_and_survives_its_restart(
    start: Start, redis_server_away: RedisServer, tmp_path: Path
) -> None:
    keeper = start(WORK)
    log = tmp_path / "state" / "logs" / "worker.log"
    wait_until(lambda: "worker_lost_redis" in log.read_text(), what="it notices")

    redis_server_away.start()
    enqueue(redis_server_away, WORK, "note_process", str(tmp_path / "first"))
    first = ran(tmp_path / "first")
    redis_server_away.kill()
    redis_server_away.start()
    enqueue(redis_server_away, WORK, "note_process", str(tmp_path / "second"))

    assert ran(tmp_path / "second", seconds=40) == first
    assert keeper.poll() is None


def test_an_errors_text_is_not_stored_in_redis(redis_running: RedisServer) -> None:
    with redis.Redis.from_url(redis_running.url) as connection:
        job = open_queue(WORK, connection).enqueue(
            f"{JOBS}.fail_with", "door", failure_ttl=60, result_ttl=0
        )
        worker = make_worker(WORK, redis_running.url)

        worker.work(burst=True, logging_level="CRITICAL")

        result = job.latest_result()
        assert result is not None
        assert result.exc_string == "ValueError"


@pytest.mark.parametrize("arguments", [["wrok"], [WORK, SLOW]])
def test_an_unknown_queue_is_refused_with_the_known_ones(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(arguments)

    sentence = capsys.readouterr().err
    assert status == 2
    assert all(name in sentence for name in QUEUES)


def test_missing_settings_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in DEFAULTS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SECRET_KEY")

    status = main([])

    assert status == 2
    assert "SECRET_KEY" in capsys.readouterr().err


def test_the_pause_grows_with_each_failure_up_to_a_limit() -> None:
    pause = Pause()

    pauses = [pause.after(lived_seconds=0) for _ in range(10)]

    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[1]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_the_pause_is_short_again_after_a_try_that_went_well() -> None:
    pause = Pause()
    first = pause.after(lived_seconds=0)
    pause.after(lived_seconds=0)

    assert pause.after(lived_seconds=SETTLED_SECONDS) == first
