"""Rings for everything that is due."""

from jobs.running import job
from portal.services import sweep as sweeps


@job
def sweep() -> None:
    sweeps.sweep()
