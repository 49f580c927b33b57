"""Runs jobs: `python -m jobs.worker QUEUE` one worker, `python -m jobs.worker` one per queue.

Each RQ worker listens on a single queue: one that listens on two loses a job now and then when it
is killed. Which kind of worker a queue has is a choice:

- `work` (locks, webhooks, the sweep) runs its jobs in the worker's own process. They are short and
  bounded by the time-outs of their HTTP calls, and this is several times faster than a fork each;
  nor is there a child that runs on after its worker was killed.
- `slow` (feeds, connections, the locks' logs, bulk runs, and what goes out) forks for each job. A
  feed that eats memory or hangs in a C library takes down its own process only, and the worker's
  heartbeat goes on meanwhile.

Nothing depends on a job that was begun being finished: the database says what is due.
"""

import gc
import signal
import subprocess
import sys
import threading
import time
from types import FrameType
from typing import Final

import redis
import structlog
from rq import Queue, SimpleWorker, Worker
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker

from jobs import running
from portal import logging
from portal.config import BadSettings, from_environment
from portal.extensions import db
from portal.queue import QUEUES, SLOW, WORK, open_queue
from portal.runtime.guard import die_with_parent

log = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 15.0
# Who has lived this long has started well: its next failure is a new one, with a short pause.
SETTLED_SECONDS: Final = 60.0
# A worker that was asked to stop finishes its job, then is made to drop it, then is killed.
FINISH_SECONDS: Final = 6.0
DROP_SECONDS: Final = 3.0
LOOK_SECONDS: Final = 0.2


class _OurWorker(BaseWorker):
    """An RQ worker that tells whether it was asked to stop, and keeps texts of errors to itself."""

    max_connection_wait_time = 5.0
    was_asked_to_stop = False

    def handle_warm_shutdown_request(self) -> None:
        self.was_asked_to_stop = True

    def handle_job_failure(
        self,
        job: Job,
        queue: Queue,
        started_job_registry: object = None,
        exc_string: str = "",
        execution: Execution | None = None,
    ) -> None:
        """Stores what kind of error it was; its text goes to the log, where secrets are masked."""
        kind = exc_string.strip().rpartition("\n")[2].partition(":")[0]
        super().handle_job_failure(
            job, queue, started_job_registry, exc_string=kind, execution=execution
        )


class ShortJobsWorker(_OurWorker, SimpleWorker):
    """Runs its jobs in its own process."""


class LongJobsWorker(_OurWorker, Worker):
    """Forks for each job; a fork has connections of its own and does not outlive the worker."""

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        die_with_parent(signal.SIGKILL)
        with running.app().app_context():
            # Without closing them: they still belong to the parent.
            db.engine.dispose(close=False)
        super().main_work_horse(job, queue)


WORKER_OF: Final[dict[str, type[_OurWorker]]] = {WORK: ShortJobsWorker, SLOW: LongJobsWorker}


class Pause:
    """The growing wait before the next try, short again after a try that went well."""

    def __init__(self) -> None:
        self._seconds = FIRST_PAUSE_SECONDS

    def after(self, lived_seconds: float) -> float:
        """How long to wait now that the last try ended after `lived_seconds`."""
        if lived_seconds >= SETTLED_SECONDS:
            self._seconds = FIRST_PAUSE_SECONDS
        pause = self._seconds
        self._seconds = min(pause * 2, LONGEST_PAUSE_SECONDS)
        return pause


def work(queue_name: str) -> None:
    """Runs the jobs of one queue until asked to stop.

    RQ's worker ends when Redis restarts while it is busy; this makes a new one, for as long as it
    takes, and slower with every failure.
    """
    app = running.app()
    # What is loaded now stays: never looked at again by the collector, shared with every fork, and
    # not taken apart piece by piece at the end, which costs a second or more.
    gc.freeze()
    redis_url = app.extensions["settings"].redis_url
    pause = Pause()
    while True:
        started = time.monotonic()
        worker = None
        try:
            worker = make_worker(queue_name, redis_url)
            worker.work(logging_level="WARNING")
        except StopRequested:
            return
        except redis.RedisError as error:
            log.warning("worker_lost_redis", queue=queue_name, error=type(error).__name__)
        finally:
            # RQ leaves its own behind, and they would only note a wish that nobody reads.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if worker is not None and worker.was_asked_to_stop:
            return
        time.sleep(pause.after(time.monotonic() - started))


def make_worker(queue_name: str, redis_url: str) -> _OurWorker:
    """A worker on that one queue. Raises redis.RedisError where Redis is away."""
    # Not portal.queue.connect: that one gives up after two seconds, and a worker waits for jobs.
    connection = redis.Redis.from_url(redis_url)
    return WORKER_OF[queue_name](
        [open_queue(queue_name, connection)],
        connection=connection,
        serializer=JSONSerializer,
        worker_ttl=45,
        maintenance_interval=30,
    )


class Child:
    """The process that works one queue: started again whenever it ends."""

    _process: subprocess.Popen[bytes]
    _started_at: float
    _due_at: float | None

    def __init__(self, queue_name: str) -> None:
        self.queue_name = queue_name
        self._pause = Pause()
        self._start()

    def look_after(self) -> None:
        """Starts it again if it has ended and its pause is over."""
        if self._due_at is None:
            if self._process.poll() is None:
                return
            pause = self._pause.after(time.monotonic() - self._started_at)
            self._due_at = time.monotonic() + pause
            log.warning(
                "worker_ended",
                queue=self.queue_name,
                status=self._process.returncode,
                starts_again_in_seconds=pause,
            )
        elif time.monotonic() >= self._due_at:
            self._start()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def has_ended_by(self, deadline: float) -> bool:
        """Waits for its end, but not past the deadline (of the monotonic clock)."""
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True

    def _start(self) -> None:
        self._due_at = None
        self._started_at = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jobs.worker", self.queue_name], preexec_fn=die_with_parent
        )


def keep_workers() -> None:
    """Keeps one worker process per queue until asked to stop, then stops them all."""
    stopping = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    children = [Child(name) for name in QUEUES]
    while not stopping.wait(LOOK_SECONDS):
        for child in children:
            child.look_after()
    stop(children)


def stop(children: list[Child]) -> None:
    """All have ended: their jobs finished if that was quick, dropped if it was not.

    RQ takes the first SIGTERM as a wish, the second as an order that the forked job dies of too.
    """
    left = children
    for number, seconds in (
        (signal.SIGTERM, FINISH_SECONDS),
        (signal.SIGTERM, DROP_SECONDS),
        (signal.SIGKILL, DROP_SECONDS),
    ):
        for child in left:
            child.signal(number)
        deadline = time.monotonic() + seconds
        left = [child for child in left if not child.has_ended_by(deadline)]


def main(arguments: list[str]) -> int:
    """Returns the exit code: 2 with a sentence for a wrong queue or settings."""
    try:
        if not arguments:
            from_environment()
            logging.configure()
            gc.freeze()  # as in work()
            keep_workers()
        elif len(arguments) == 1 and arguments[0] in QUEUES:
            work(arguments[0])
        else:
            print(f"Usage: python -m jobs.worker [{' | '.join(QUEUES)}]", file=sys.stderr)
            return 2
    except BadSettings as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
