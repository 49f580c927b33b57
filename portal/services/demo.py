"""The demo account of `make run`: homes, calendars and a sign-in at the stand-in for Schlage.

It goes the ways a person would go: the sign-in at Schlage through the authorize page, bookings
through calendars and the form. Loading it again changes nothing but what has become stale.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from urllib.parse import parse_qs, urlsplit

import requests
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.domain.secret import Secret
from portal.domain.week import Weekday, WeeklyWindow
from portal.feeds import child
from portal.feeds.demo import demo_feeds
from portal.models import (
    Booking,
    Connection,
    ConnectionState,
    Feed,
    Lock,
    Manager,
    Mapping,
    Property,
    Source,
    StaffCode,
)
from portal.services import (
    accounts,
    bookings,
    connections,
    demo_past,
    intake,
    mapping,
    properties,
    staff_codes,
)
from portal.services.bookings import BookingWish
from portal.services.staff_codes import StaffWish
from portal.unit_of_work import writing
from portal.zones import zone_or_utc

ACCOUNT: Final = "Harbor & Hill Homes"
_TIMEOUT: Final = (5, 20)


@dataclass(frozen=True)
class _Home:
    """A property of the demo; locks whose names begin with its name open it."""

    name: str
    zone: str
    calendar: str  # the file in portal/demo_feeds; empty: none
    fallback: str


_HOMES: Final = (
    _Home("Harbor Loft", "America/New_York", "harbour-loft", "Key box by the street door, 4471."),
    _Home("Maple Cottage", "America/New_York", "garden-flat", "Mrs. Hill next door has a key."),
    _Home("Cedar Cabin", "America/Denver", "chalet-du-lac", "Key under the third flowerpot."),
    _Home("Lakeview House", "America/Chicago", "old-town-studio", "The caretaker lives at no. 12."),
    _Home("Old Mill Apartment", "America/New_York", "pine-cabin", "Key box in the mill, 9020."),
    # Mapped to nothing: the newcomer maps it and sees its booking heal.
    _Home("Garden Studio", "America/New_York", "", "The gardener has a key."),
)


class CannotLoad(Exception):
    """The demo could not be loaded; the text says why."""


def load(email: str, password: str) -> int:
    """The demo account's id, with everything in it as `make run` promises. Safe to run again."""
    account_id = _account(email, password)
    _connect(account_id)
    with writing() as session:
        for home in _HOMES:
            _home(session, account_id, home)
    _map(account_id)
    with writing() as session:
        demo_past.write(session, account_id, clock.now())
    _fill_calendars(account_id)
    _hire(account_id)
    return account_id


def _account(email: str, password: str) -> int:
    with writing() as session:
        manager = session.scalars(
            select(Manager).where(Manager.email == accounts.normalised_email(email))
        ).one_or_none()
        if manager is None:
            return accounts.create(session, ACCOUNT, email, password).id
        if not accounts.is_password(manager.password_hash, password):
            manager.password_hash = accounts.hash_password(password)
        return manager.account_id


def _connect(account_id: int) -> None:
    """Signs in at Schlage's stand-in as a person would, unless a connection stands already."""
    with writing() as session:
        connection = session.scalars(
            select(Connection).where(Connection.account_id == account_id)
        ).first()
        is_connected = connection is not None and connection.state is ConnectionState.CONNECTED
        connection_id = connection.id if connection is not None else None
    if not is_connected:
        start = connections.start_connect()
        connection_id = connections.finish_connect(
            account_id, _consent(start.url), start.verifier, "demo", connection_id
        )
    assert connection_id is not None
    connections.check(connection_id)
    with writing() as session:
        # The subscription needs the web process, which is not up yet: the first sweep makes it.
        session.get_one(Connection, connection_id).due_at = clock.now()


def _consent(url: str) -> str:
    """The code that Schlage's sign-in page sends back once its button is pressed."""
    address, _, query = url.partition("?")
    form = {name: values[0] for name, values in parse_qs(query).items()}
    try:
        answer = requests.post(address, data=form, allow_redirects=False, timeout=_TIMEOUT)
    except requests.RequestException as error:
        raise CannotLoad("The stand-in for Schlage does not answer.") from error
    back = parse_qs(urlsplit(answer.headers.get("Location", "")).query)
    if "code" not in back:
        raise CannotLoad(f"The stand-in for Schlage answered {answer.status_code}.")
    return back["code"][0]


def _home(session: Session, account_id: int, home: _Home) -> None:
    known = session.scalars(
        select(Property).where(Property.account_id == account_id, Property.name == home.name)
    ).first()
    if known is None:
        properties.create(
            session,
            account_id,
            name=home.name,
            time_zone=home.zone,
            check_in=time(16),
            check_out=time(11),
            fallback_entry=Secret(home.fallback),
        )


def _map(account_id: int) -> None:
    """Maps each lock to the home it is named after, where a home has no mapping yet."""
    with bookings.changing() as session:
        mapped = set(session.scalars(select(Mapping.property_id)))
        locks = session.scalars(select(Lock).where(Lock.account_id == account_id)).all()
        for place in session.scalars(
            select(Property).where(Property.account_id == account_id)
        ).all():
            ids = [lock.id for lock in locks if _is_named_after(lock, place)]
            if place.id not in mapped and ids:
                mapping.set_locks(session, place, ids, "demo")


def _hire(account_id: int) -> None:
    """A cleaner with a code for the two homes in one town, on the mornings she comes."""
    with bookings.changing() as session:
        if session.scalars(select(StaffCode.id).where(StaffCode.account_id == account_id)).first():
            return
        homes = session.scalars(
            select(Property.id).where(
                Property.account_id == account_id,
                Property.name.in_(["Harbor Loft", "Maple Cottage"]),
            )
        )
        staff_codes.create(
            session,
            account_id,
            StaffWish(
                name="Rosa Delgado",
                phone="+1 212 555 0118",
                property_ids=frozenset(homes),
                windows=(
                    WeeklyWindow(
                        frozenset({Weekday.MONDAY, Weekday.THURSDAY, Weekday.SATURDAY}),
                        time(10),
                        time(15),
                    ),
                ),
            ),
            "demo",
        )


def _is_named_after(lock: Lock, place: Property) -> bool:
    return lock.name.startswith(place.name.removesuffix(" Apartment"))


def _fill_calendars(account_id: int) -> None:
    """Calendars whose stays arrive in the next days; new ones once the last have gone by."""
    now = clock.now()
    with writing() as session:
        coming = session.scalars(
            select(Booking.id).where(
                Booking.account_id == account_id,
                Booking.starts_at > now,
                Booking.starts_at < now + timedelta(hours=48),
            )
        ).first()
        places = {
            place.name: (place.id, place.time_zone)
            for place in session.scalars(select(Property).where(Property.account_id == account_id))
        }
    if coming is not None:
        return
    calendars = demo_feeds(now.astimezone(zone_or_utc("America/New_York")).date())
    for home in _HOMES:
        place_id, zone = places[home.name]
        today = now.astimezone(zone_or_utc(zone)).date()
        if home.calendar:
            reading = child.read_limited(calendars[home.calendar], today=today)
            intake.take(_calendar(place_id, home), reading)
        else:
            _type_booking(place_id, today, now)


def _calendar(place_id: int, home: _Home) -> int:
    with writing() as session:
        place = session.get_one(Property, place_id)
        feed = session.scalars(
            select(Feed).where(Feed.property_id == place_id, Feed.address.is_(None))
        ).first()
        if feed is None:
            feed = Feed(
                account_id=place.account_id,
                property_id=place_id,
                name=f"{home.name} calendar",
                source="",  # its first reading tells
                last_changes=[],
                skipped=[],
                flags=[],
                closures=[],
                created_at=clock.now(),
            )
            session.add(feed)
            session.flush()
        return feed.id


def _type_booking(place_id: int, today: date, now: datetime) -> None:
    with bookings.changing() as session:
        bookings.save(
            session,
            Source.TYPED,
            f"demo-{now:%Y%m%d}",
            BookingWish(
                property_id=place_id,
                guest_name="Robin Reyes",
                guest_phone="+1 212 555 0176",
                arrives_on=today + timedelta(days=1),
                departs_on=today + timedelta(days=4),
            ),
            "demo",
        )
