"""Finding the booking that an address names, for whoever asks."""

from flask import abort
from sqlalchemy.orm import Session

from portal import clock
from portal.extensions import db
from portal.models import Booking, Role
from portal.services import roles, stays
from portal.services.stays import Stay
from portal.views._guard import caller


def stay_or_404(booking_id: int) -> Stay:
    """The stay; 404 where the account (or its staff today) has no such booking."""
    is_staff = caller().role is Role.STAFF
    found = stays.find(db.session(), booking_id, clock.now(), is_staff=is_staff)
    if found is None:
        abort(404)
    return found


def pin_holder(session: Session, booking_id: int) -> Booking:
    """The booking, for somebody who may see its PIN."""
    booking: Booking = session.get_one(Booking, booking_id)
    if not roles.may_see_pin(caller().role, booking, clock.now()):
        abort(403, "Staff see PINs of guests who arrive today or tomorrow, or are inside.")
    return booking
