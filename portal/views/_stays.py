"""Finding the booking that an address names, for whoever asks."""

from flask import abort

from portal import clock
from portal.extensions import db
from portal.models import Role
from portal.services import stays
from portal.services.stays import Stay
from portal.views._guard import caller


def stay_or_404(booking_id: int) -> Stay:
    """The stay; 404 where the account (or its staff today) has no such booking."""
    is_staff = caller().role is Role.STAFF
    found = stays.find(db.session(), booking_id, clock.now(), is_staff=is_staff)
    if found is None:
        abort(404)
    return found
