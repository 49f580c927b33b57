"""Does what can be done now on one lock."""

from jobs.running import job
from portal.services import locks


@job
def work_lock(lock_id: int) -> None:
    locks.work_lock(lock_id)
