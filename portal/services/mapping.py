"""Which locks open a property."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Booking, BookingStatus, Lock, Mapping, Property
from portal.services import door_codes, ringing, staff_codes, timeline


class UnknownLock(Exception):
    """A lock id that the account does not have."""

    def __init__(self, lock_id: int) -> None:
        super().__init__(f"There is no lock {lock_id}.")
        self.lock_id = lock_id


def set_locks(session: Session, place: Property, lock_ids: Collection[int], actor: str) -> bool:
    """These locks and no others open the property; its bookings follow. False: as before."""
    wanted = set(lock_ids)
    known = set(
        session.scalars(
            select(Lock.id).where(Lock.id.in_(wanted), Lock.account_id == place.account_id)
        )
    )
    for missing in sorted(wanted - known):
        raise UnknownLock(missing)
    rows = session.scalars(select(Mapping).where(Mapping.property_id == place.id)).all()
    before = {row.lock_id for row in rows}
    if before == wanted:
        return False
    for row in rows:
        if row.lock_id not in wanted:
            session.delete(row)
    for lock_id in sorted(wanted - before):
        session.add(Mapping(account_id=place.account_id, property_id=place.id, lock_id=lock_id))
    for lock_id in sorted(before ^ wanted):
        timeline.record(
            session,
            timeline.Kind.MAPPING_CHANGED,
            actor,
            account_id=place.account_id,
            lock_id=lock_id,
            property=place.name,
            added=lock_id in wanted,
        )
    session.flush()
    # How many spares these locks keep hangs on the mapping.
    ringing.mark(session, before ^ wanted)
    follow_all(session, place)
    staff_codes.follow_property(session, place.id)
    return True


def follow_all(session: Session, place: Property) -> None:
    """Every booking of the property that is not over wants what property and mapping say now."""
    for booking in session.scalars(
        select(Booking)
        .where(Booking.property_id == place.id, Booking.status == BookingStatus.CONFIRMED)
        .where(Booking.ends_at > clock.now())
        .order_by(Booking.starts_at)
    ).all():
        door_codes.follow(session, booking)
