"""A feed of a house, polled by hand: what a calendar lists, and what becomes of it."""

from datetime import date

from sqlalchemy import select

from portal.extensions import db
from portal.feeds import reader
from portal.models import Booking, Feed, Property
from portal.services import feeds, intake
from portal.unit_of_work import writing
from tests.support.house import House

Listed = tuple[str, str, str]
"""A stay as a calendar lists it: UID, first day, last day."""

TODAY = date(2026, 3, 2)
AIRBNB = "Airbnb Inc//Hosting Calendar"


def calendar(*stays: Listed, source: str = AIRBNB) -> bytes:
    """A calendar with these stays."""
    events = [
        f"BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTART;VALUE=DATE:{first.replace('-', '')}\r\n"
        f"DTEND;VALUE=DATE:{last.replace('-', '')}\r\nSUMMARY:Reserved\r\nEND:VEVENT\r\n"
        for uid, first, last in stays
    ]
    head = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//{source} 1.0//EN\r\n"
    return (head + "".join(events) + "END:VCALENDAR\r\n").encode()


class Calendar:
    """A feed of the house, polled by hand."""

    def __init__(self, house: House, source: str = AIRBNB) -> None:
        self.house = house
        self.source = source
        with writing() as session:
            place = session.get_one(Property, house.place.id)
            feed = feeds.add_feed(
                session, place, name="Calendar", address="https://calendars.example.com/1.ics"
            )
            # No sweep fetches it: the test serves it.
            feed.due_at = None
            self.id = feed.id

    def serve(self, *stays: Listed) -> intake.Taken:
        reading = reader.read(calendar(*stays, source=self.source), today=TODAY)
        taken = intake.take(self.id, reading)
        self.house.stage.work()
        return taken

    @property
    def feed(self) -> Feed:
        db.session.rollback()
        return db.session.get_one(Feed, self.id)

    @property
    def bookings(self) -> list[Booking]:
        db.session.rollback()
        return list(db.session.scalars(select(Booking).order_by(Booking.id)))
