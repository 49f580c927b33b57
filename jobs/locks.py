"""Does what can be done now on one lock, and reads who opened it."""

from jobs.running import job
from portal.services import entry_log, locks


@job
def work_lock(lock_id: int) -> None:
    locks.work_lock(lock_id)


@job
def read_entries(lock_id: int) -> None:
    entry_log.read(lock_id)
