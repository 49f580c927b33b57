"""When a code opens its door, as the schedule that is sent for it."""

from datetime import datetime, tzinfo

from portal.models import DoorCode
from portal.schlage.schedules import (
    Schedule,
    always_schedule,
    recurring_schedule,
    temporary_schedule,
)


def of(code: DoorCode, starts_at: datetime, ends_at: datetime, zone: tzinfo) -> Schedule:
    """A schedule with an end for every stay and spare; staff codes may be without.

    Those end by our removal, which is watched over like one at check-out.
    """
    staff = code.staff_code
    if staff is None or staff.ends_by_itself:
        return temporary_schedule(starts_at, ends_at, zone)
    windows = staff.windows
    return recurring_schedule(windows) if windows else always_schedule()
