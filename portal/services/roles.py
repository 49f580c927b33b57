"""What a role may do, in one place."""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from portal.models import Booking, Role

# From the one who may do everything to the one who may do least.
_ORDER: Final = (Role.OWNER, Role.MANAGER, Role.STAFF, Role.VIEWER)


def is_at_least(role: Role, least: Role) -> bool:
    """Whether `role` may do what asks for `least`."""
    return _ORDER.index(role) <= _ORDER.index(least)


def may_see_pin(role: Role, booking: Booking, now: datetime) -> bool:
    """Whether this role may be shown this booking's PIN.

    Viewers never; staff while the guest arrives today or tomorrow or is inside, by the property's
    clock; owners and managers always.
    """
    if is_at_least(role, Role.MANAGER):
        return True
    if role is not Role.STAFF:
        return False
    zone = ZoneInfo(booking.property.time_zone)
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return booking.starts_at.astimezone(zone).date() <= tomorrow and now < booking.ends_at
