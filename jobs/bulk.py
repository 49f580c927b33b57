"""Does the next bookings of one bulk run."""

from jobs.running import job
from portal.services import bulk


@job
def work_bulk(run_id: int) -> None:
    bulk.work(run_id)
