"""Names of the jobs and queues, and the bell that rings them.

The database is the truth and says what is due; a job in Redis is only a bell that makes it happen
sooner. So a ring that fails is logged and forgotten: the next sweep finds the work.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Protocol

import redis
import rq
import structlog
from flask import current_app
from rq.serializers import JSONSerializer

log = structlog.get_logger(__name__)


class JobName(StrEnum):
    """Every job; the value is the dotted path of its function."""

    WORK_LOCK = "jobs.locks.work_lock"
    PROCESS_WEBHOOK = "jobs.webhooks.process_webhook"
    READ_ENTRIES = "jobs.locks.read_entries"
    SWEEP = "jobs.sweep.sweep"
    CHECK_CONNECTION = "jobs.connections.check_connection"
    FETCH_FEED = "jobs.feeds.fetch_feed"
    WORK_BULK = "jobs.bulk.work_bulk"
    SEND_NOTICE = "jobs.outgoing.send_notice"
    CALL_ENDPOINT = "jobs.outgoing.call_endpoint"
    SEND_TO_GUEST = "jobs.outgoing.send_to_guest"


WORK: Final = "work"
SLOW: Final = "slow"
QUEUES: Final = (WORK, SLOW)
# A ring nobody answered in this many seconds has been repeated by the sweep many times over.
RING_TTL: Final = 600
QUEUE_OF: Final[Mapping[JobName, str]] = {
    JobName.WORK_LOCK: WORK,
    JobName.PROCESS_WEBHOOK: WORK,
    JobName.SWEEP: WORK,
    JobName.READ_ENTRIES: SLOW,
    JobName.CHECK_CONNECTION: SLOW,
    JobName.FETCH_FEED: SLOW,
    JobName.WORK_BULK: SLOW,
    JobName.SEND_NOTICE: SLOW,
    JobName.CALL_ENDPOINT: SLOW,
    JobName.SEND_TO_GUEST: SLOW,
}


class Bell(Protocol):
    """Anything that can be told that a job has work."""

    def ring(self, job: JobName, *ids: int) -> None: ...


class RedisBell:
    """Rings by an RQ job; a Redis that is away is noted in the log and nothing else."""

    def __init__(self, connection: redis.Redis) -> None:
        self._queues = {name: open_queue(name, connection) for name in QUEUES}

    def ring(self, job: JobName, *ids: int) -> None:
        try:
            self._queues[QUEUE_OF[job]].enqueue(
                str(job), *ids, ttl=RING_TTL, result_ttl=0, failure_ttl=3600, job_timeout=180
            )
        except redis.RedisError:
            log.warning("ring_failed", job=job.name, ids=ids)


def connect(redis_url: str) -> redis.Redis:
    """A connection that gives up within two seconds, so that a page never waits for Redis."""
    return redis.Redis.from_url(redis_url, socket_connect_timeout=2, socket_timeout=2)


def open_queue(name: str, connection: redis.Redis) -> rq.Queue:
    """The RQ queue of that name, speaking JSON: whoever can write to Redis sends data, not code."""
    return rq.Queue(name, connection=connection, serializer=JSONSerializer)


def ring(job: JobName, *ids: int) -> None:
    """Rings `job` for these ids on the app's bell. Call it after the commit, never before."""
    bell: Bell = current_app.extensions["bell"]
    bell.ring(job, *ids)
