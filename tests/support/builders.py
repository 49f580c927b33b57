"""Rows with true defaults, each in one call: `make_booking(arrives_in=timedelta(hours=5))`.

Builders commit, so they are not for use inside `unit_of_work.writing()`. What a builder needs and
is not given it makes; rows without an account belong to the first one.
"""

import base64
import itertools
import json
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import select

from portal import clock, crypto
from portal.domain.bulk import Kind as BulkKind
from portal.domain.bulk import RunState
from portal.domain.command import LANE_OF, Kind, State
from portal.domain.door_event import How, What, Whose
from portal.domain.entry import EntryState, Evidence
from portal.domain.guest_sending import State as SendState
from portal.domain.guest_sending import Way
from portal.domain.notices import Kind as NoticeKind
from portal.domain.notices import Topic
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.domain.webhook_events import CHOICES
from portal.extensions import db
from portal.models import (
    Account,
    Alert,
    ApiToken,
    Booking,
    BookingStatus,
    BulkItem,
    BulkRun,
    Channel,
    Command,
    Connection,
    ConnectionState,
    CsvImport,
    DoorCode,
    DoorEvent,
    Endpoint,
    EndpointCall,
    Feed,
    ForeignCode,
    GuestLink,
    GuestMessage,
    GuestSend,
    GuestWay,
    Lock,
    LockEntry,
    LockReading,
    Manager,
    Mapping,
    Notice,
    PinOrigin,
    Property,
    Role,
    SignIn,
    Source,
    StaffCode,
    StaffGrant,
    TimelineEntry,
    WebhookEvent,
    WebhookState,
)
from portal.models.base import Base
from portal.services import accounts
from tests.support.client import PASSWORD

Row = TypeVar("Row", bound=Base)

_numbers = itertools.count(1)


def saved(row: Row) -> Row:
    """The row, committed."""
    db.session.add(row)
    db.session.commit()
    return row


def fresh(row: Row) -> Row:
    """The row as the database has it now, whatever other requests and jobs did to it."""
    db.session.rollback()
    db.session.refresh(row)
    return row


def make_account(name: str = "Casa Verde Rentals", **fields: Any) -> Account:
    values = {"created_at": clock.now(), "label_key": f"label key {next(_numbers)}"}
    return saved(Account(name=name, **values | fields))


def default_account() -> Account:
    """The first account, made when there is none."""
    first = db.session.scalars(select(Account).order_by(Account.id).limit(1)).first()
    return first or make_account()


def make_manager(
    account: Account | None = None,
    *,
    role: Role = Role.OWNER,
    email: str | None = None,
    password: str = PASSWORD,
    **fields: Any,
) -> Manager:
    account = account or default_account()
    values = {
        "account_id": account.id,
        "email": email or f"manager{next(_numbers)}@example.com",
        "name": "Maria Verde",
        "password_hash": _hash_of(password),
        "role": role,
        "created_at": clock.now(),
    }
    return saved(Manager(**values | fields))


def make_token(manager: Manager | None = None, **fields: Any) -> str:
    """A new API token of this manager; the text to send as bearer."""
    manager = manager or make_manager()
    token = f"lb_test-token-{next(_numbers)}"
    values = {
        "account_id": manager.account_id,
        "manager_id": manager.id,
        "token_hash": crypto.token_hash(token),
        "created_at": clock.now(),
    }
    saved(ApiToken(**values | fields))
    return token


def make_api_token(account: Account | None = None, **fields: Any) -> ApiToken:
    """The row of a token that nobody has the text of."""
    manager = make_manager(account)
    values = {
        "account_id": manager.account_id,
        "manager_id": manager.id,
        "token_hash": crypto.token_hash(f"lb_row-{next(_numbers)}"),
        "name": "A program",
        "created_at": clock.now(),
    }
    return saved(ApiToken(**values | fields))


def make_sign_in(manager: Manager | None = None, **fields: Any) -> SignIn:
    """A browser in which the manager is signed in."""
    manager = manager or make_manager()
    values = {
        "account_id": manager.account_id,
        "manager_id": manager.id,
        "token_hash": crypto.token_hash(f"sign-in-{next(_numbers)}"),
        "created_at": clock.now(),
        "last_seen_at": clock.now(),
        "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1",
    }
    return saved(SignIn(**values | fields))


def make_connection(account: Account | None = None, **fields: Any) -> Connection:
    account = account or default_account()
    values = {
        "account_id": account.id,
        "name": "Schlage Home of Maria",
        "state": ConnectionState.CONNECTED,
        "state_at": clock.now(),
        "access_token": Secret("access-token-of-the-tests"),
        "refresh_token": Secret("refresh-token-of-the-tests"),
        "expires_at": clock.now() + timedelta(hours=1),
        "created_at": clock.now(),
    }
    return saved(Connection(**values | fields))


def make_lock(
    connection: Connection | None = None, *, account: Account | None = None, **fields: Any
) -> Lock:
    connection = connection or make_connection(account)
    number = next(_numbers)
    values = {
        "account_id": connection.account_id,
        "connection_id": connection.id,
        "device_id": f"device-{number}",
        "name": f"Front door {number}",
        "is_online": True,
        "battery_level": 90,
        "code_length": 6,
        "seen_at": clock.now(),
        "created_at": clock.now(),
    }
    return saved(Lock(**values | fields))


def make_property(account: Account | None = None, *, locks: Any = (), **fields: Any) -> Property:
    """A property, with these locks mapped to it."""
    account = account or default_account()
    values = {
        "account_id": account.id,
        "name": f"Casa {next(_numbers)}",
        "time_zone": "America/New_York",
        "check_in": time(16),
        "check_out": time(11),
        # Tests that are about spares say how many; the others count what is on a lock.
        "spare_codes": 0,
        "created_at": clock.now(),
    }
    row = saved(Property(**values | fields))
    for lock in locks:
        make_mapping(row, lock)
    return row


def make_mapping(property_: Property, lock: Lock) -> Mapping:
    return saved(
        Mapping(account_id=property_.account_id, property_id=property_.id, lock_id=lock.id)
    )


def make_booking(
    property_: Property | None = None,
    *,
    account: Account | None = None,
    arrives_in: timedelta = timedelta(days=2),
    nights: int = 3,
    pin: str | None = "482917",
    **fields: Any,
) -> Booking:
    """A stay at a property that arrives at its check-in time about `arrives_in` from now."""
    property_ = property_ or make_property(account)
    zone = ZoneInfo(property_.time_zone)
    starts_at = _whole_minute(clock.now() + arrives_in)
    ends_at = starts_at + timedelta(days=nights)
    arrives, departs = starts_at.astimezone(zone), ends_at.astimezone(zone)
    values = {
        "account_id": property_.account_id,
        "property_id": property_.id,
        "source": Source.API,
        "external_id": f"booking-{next(_numbers)}",
        "status": BookingStatus.CONFIRMED,
        "guest_name": "Ana Guest",
        "guest_phone": "+1 212 555 0142",
        "arrives_on": arrives.date(),
        "arrives_time": arrives.time(),
        "departs_on": departs.date(),
        "departs_time": departs.time(),
        "starts_at": starts_at,
        "ends_at": ends_at,
        "pin": None if pin is None else Secret(pin),
        "pin_origin": None if pin is None else PinOrigin.RANDOM,
        "created_at": clock.now(),
    }
    return saved(Booking(**values | fields))


def make_door_code(
    booking: Booking | None = None,
    lock: Lock | None = None,
    *,
    status: Status = Status.PLANNED,
    **fields: Any,
) -> DoorCode:
    booking = booking or make_booking()
    lock = lock or make_lock(account=db.session.get(Account, booking.account_id))
    values = {
        "account_id": booking.account_id,
        "booking_id": booking.id,
        "lock_id": lock.id,
        "starts_at": booking.starts_at - timedelta(hours=1),
        "ends_at": booking.ends_at + timedelta(hours=1),
        "send_at": booking.starts_at - timedelta(days=7),
        "status": status,
        "status_at": clock.now(),
        "created_at": clock.now(),
    }
    return saved(DoorCode(**values | fields))


def make_spare(lock: Lock | None = None, *, pin: str = "604173", **fields: Any) -> DoorCode:
    """A spare of the lock, confirmed and in stock unless said otherwise; see make_entry."""
    lock = lock or make_lock()
    values = {
        "account_id": lock.account_id,
        "lock_id": lock.id,
        "is_spare": True,
        "own_pin": Secret(pin),
        "starts_at": clock.now() - timedelta(hours=1),
        "ends_at": clock.now() + timedelta(days=90),
        "send_at": clock.now() - timedelta(hours=1),
        "status": Status.CONFIRMED,
        "status_at": clock.now(),
        "created_at": clock.now(),
    }
    return saved(DoorCode(**values | fields))


def make_staff_code(
    account: Account | None = None, *, locks: Any = (), pin: str = "730951", **fields: Any
) -> StaffCode:
    """A cleaner's code for these locks, planned on each of them."""
    account = account or default_account()
    values = {
        "account_id": account.id,
        "name": "Rosa Clean",
        "pin": Secret(pin),
        "weekly": [],
        "created_at": clock.now(),
    }
    row = saved(StaffCode(**values | fields))
    for lock in locks:
        saved(StaffGrant(account_id=account.id, staff_code_id=row.id, lock_id=lock.id))
        saved(
            DoorCode(
                account_id=account.id,
                staff_code_id=row.id,
                lock_id=lock.id,
                starts_at=clock.now(),
                ends_at=clock.now() + timedelta(days=30),
                send_at=clock.now(),
                status=Status.QUEUED,
                status_at=clock.now(),
                created_at=clock.now(),
            )
        )
    return row


def make_entry(
    door_code: DoorCode | None = None,
    *,
    state: EntryState = EntryState.MAYBE,
    evidence: Evidence = Evidence.NOT_SENT,
    **fields: Any,
) -> LockEntry:
    door_code = door_code or make_door_code()
    values = {
        "account_id": door_code.account_id,
        "door_code_id": door_code.id,
        "lock_id": door_code.lock_id,
        "label": f"Ana {next(_numbers):04}",
        "pin": Secret("482917"),
        "starts_at": door_code.starts_at,
        "ends_at": door_code.ends_at,
        "revision": door_code.revision,
        "state": state,
        "evidence": evidence,
        "evidence_at": clock.now(),
        "created_at": clock.now(),
    }
    return saved(LockEntry(**values | fields))


def make_command(
    entry: LockEntry | None = None,
    *,
    kind: Kind = Kind.ADD,
    state: State = State.ACCEPTED,
    **fields: Any,
) -> Command:
    entry = entry or make_entry()
    values = {
        "account_id": entry.account_id,
        "lock_id": entry.lock_id,
        "lock_entry_id": entry.id,
        "kind": kind,
        "lane": LANE_OF[kind],
        "state": state,
        "cause": "arrival",
        "revision": entry.revision,
        "starts_at": entry.starts_at,
        "ends_at": entry.ends_at,
        "command_id": f"command-{next(_numbers)}",
        "lease_token": 1,
        "created_at": clock.now(),
        "sent_at": clock.now(),
        "accepted_at": clock.now(),
    }
    return saved(Command(**values | fields))


def make_guest_link(booking: Booking | None = None, **fields: Any) -> str:
    """A link to this booking's guest page; its token."""
    booking = booking or make_booking()
    token = f"guest-token-of-the-tests-{next(_numbers):06}"
    values = {
        "account_id": booking.account_id,
        "booking_id": booking.id,
        "token_hash": crypto.token_hash(token),
        "token": Secret(token),
        "made_at": clock.now(),
    }
    saved(GuestLink(**values | fields))
    return token


def make_guest_message(account: Account | None = None, **fields: Any) -> GuestMessage:
    values = {
        "account_id": (account or default_account()).id,
        "language": "de",
        "text": "Hallo {guest}, der Code ist {pin}. Anreise: {check_in}",
        "saved_at": clock.now(),
    }
    return saved(GuestMessage(**values | fields))


def make_guest_way(account: Account | None = None, way: Way = Way.EMAIL, **fields: Any) -> GuestWay:
    """A mail server, or an SMS gateway, that messages to guests go out by."""
    server = {
        "server": "smtp.example.com",
        "port": 587,
        "security": "starttls",
        "user": "host",
        "password": "mail-passw0rd-of-the-tests",
        "sender": "host@example.com",
        "sender_name": "Casa Verde",
    }
    gateway = {"address": "twilio://AC0123456789:gateway-token@12125550100/{to}"}
    values = {
        "account_id": (account or default_account()).id,
        "way": way,
        "settings": Secret(json.dumps(server if way is Way.EMAIL else gateway)),
        "hint": "host@example.com (smtp.example.com)" if way is Way.EMAIL else "Twilio",
        "saved_at": clock.now(),
    }
    return saved(GuestWay(**values | fields))


def make_guest_send(booking: Booking | None = None, **fields: Any) -> GuestSend:
    """A message that was sent to the booking's guest."""
    booking = booking or make_booking()
    values = {
        "account_id": booking.account_id,
        "booking_id": booking.id,
        "way": Way.EMAIL,
        "to": "a•••@example.com",
        "language": "en",
        "state": SendState.SENT,
        "made_by": "manager:1",
        "made_at": clock.now(),
        "done_at": clock.now(),
    }
    return saved(GuestSend(**values | fields))


def make_foreign_code(lock: Lock | None = None, **fields: Any) -> ForeignCode:
    lock = lock or make_lock()
    values = {
        "account_id": lock.account_id,
        "lock_id": lock.id,
        "access_code_id": f"foreign-{next(_numbers)}",
        "label": "Cleaner",
        "first_seen_at": clock.now(),
        "last_seen_at": clock.now(),
    }
    return saved(ForeignCode(**values | fields))


def make_reading(lock: Lock | None = None, **fields: Any) -> LockReading:
    lock = lock or make_lock()
    values = {
        "account_id": lock.account_id,
        "lock_id": lock.id,
        "at": clock.now(),
        "is_online": True,
        "battery_level": 90,
        "wifi_signal": -55,
    }
    return saved(LockReading(**values | fields))


def make_door_event(lock: Lock | None = None, **fields: Any) -> DoorEvent:
    """Somebody opened the door from inside, or what `fields` say instead."""
    lock = lock or make_lock()
    values = {
        "account_id": lock.account_id,
        "lock_id": lock.id,
        "at": clock.now(),
        "what": What.OPENED,
        "how": How.THUMB_TURN,
        "whose": Whose.NOBODY,
        "webhook_key": f"event-{next(_numbers)}",
    }
    return saved(DoorEvent(**values | fields))


def make_feed(
    property_: Property | None = None, *, account: Account | None = None, **fields: Any
) -> Feed:
    property_ = property_ or make_property(account)
    values = {
        "account_id": property_.account_id,
        "property_id": property_.id,
        "name": "Airbnb calendar",
        "source": str(Source.AIRBNB),
        "address": Secret("https://calendars.example.com/ical/1.ics?s=feed-secret"),
        "host": "calendars.example.com",
        "created_at": clock.now(),
    }
    return saved(Feed(**values | fields))


def make_csv_import(account: Account | None = None, **fields: Any) -> CsvImport:
    """A table of one stay that was uploaded and not taken over yet."""
    header = ["Arrival", "Departure", "Guest"]
    day = (clock.now() + timedelta(days=5)).date()
    rows = [[2, [day.isoformat(), (day + timedelta(days=3)).isoformat(), "Ana Table"]]]
    values = {
        "account_id": (account or default_account()).id,
        "name": "bookings.csv",
        "uploaded_by": "manager:1",
        "uploaded_at": clock.now(),
        "table": Secret(json.dumps([header, rows, "utf-8", ","])),
        "columns": {"arrives": 0, "departs": 1, "guest": 2},
    }
    return saved(CsvImport(**values | fields))


def make_bulk_run(*of: Booking, **fields: Any) -> BulkRun:
    """A run of these bookings of one account, looked at and not confirmed."""
    values = {
        "account_id": of[0].account_id,
        "kind": BulkKind.RESYNC,
        "state": RunState.PREVIEW,
        "made_by": "manager:1",
        "made_at": clock.now(),
    }
    run = saved(BulkRun(**values | fields))
    for place, booking in enumerate(of):
        saved(
            BulkItem(
                account_id=run.account_id,
                run_id=run.id,
                booking_id=booking.id,
                place=place,
                revision=booking.revision,
            )
        )
    return run


def make_timeline_entry(booking: Booking, kind: str, **fields: Any) -> TimelineEntry:
    values = {
        "account_id": booking.account_id,
        "at": clock.now(),
        "kind": kind,
        "actor": "engine",
        "booking_id": booking.id,
        "data": {},
    }
    return saved(TimelineEntry(**values | fields))


def make_alert(account: Account | None = None, **fields: Any) -> Alert:
    values = {
        "account_id": (account or default_account()).id,
        "key": f"not_confirmed:6h:{next(_numbers)}",
        "cause": "not_confirmed",
        "words": "The code for Front door is not confirmed 6 h before arrival.",
        "opened_at": clock.now(),
    }
    return saved(Alert(**values | fields))


def make_channel(account: Account | None = None, **fields: Any) -> Channel:
    values = {
        "account_id": (account or default_account()).id,
        "name": "Night phone",
        "kind": "slack",
        "address": Secret("slack://T1JJ3T3L2/A1BRTD4JD/channel-token-of-the-tests"),
        "topics": [str(topic) for topic in Topic],
        "time_zone": "America/New_York",
        "created_at": clock.now(),
    }
    return saved(Channel(**values | fields))


def make_notice(channel: Channel | None = None, **fields: Any) -> Notice:
    """A notice that is due now."""
    channel = channel or make_channel()
    values = {
        "account_id": channel.account_id,
        "channel_id": channel.id,
        "kind": NoticeKind.TEST,
        "items": [],
        "due_at": clock.now(),
        "ring_at": clock.now(),
        "created_at": clock.now(),
    }
    return saved(Notice(**values | fields))


def make_endpoint(account: Account | None = None, **fields: Any) -> Endpoint:
    values = {
        "account_id": (account or default_account()).id,
        "name": "A program",
        "address": Secret("https://program.example.com/hooks/path-token"),
        "host": "program.example.com",
        "secret": Secret("whsec_" + base64.b64encode(b"s" * 32).decode()),
        "kinds": [str(kind) for kind in CHOICES],
        "created_at": clock.now(),
    }
    return saved(Endpoint(**values | fields))


def make_endpoint_call(endpoint: Endpoint | None = None, **fields: Any) -> EndpointCall:
    """A call that is due now."""
    endpoint = endpoint or make_endpoint()
    event_id = f"evt_{next(_numbers)}"
    values = {
        "account_id": endpoint.account_id,
        "endpoint_id": endpoint.id,
        "event_id": event_id,
        "kind": "alert.opened",
        "body": {"type": "alert.opened", "data": {"alert_id": 1}},
        "due_at": clock.now(),
        "ring_at": clock.now(),
        "created_at": clock.now(),
    }
    return saved(EndpointCall(**values | fields))


def make_webhook_event(**fields: Any) -> WebhookEvent:
    values = {
        "event_id": f"event-{next(_numbers)}",
        "body": Secret("{}"),
        "state": WebhookState.RECEIVED,
        "received_at": clock.now(),
    }
    return saved(WebhookEvent(**values | fields))


def utc(text: str) -> datetime:
    """`2026-11-24T16:00` as an aware UTC time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def on(text: str) -> date:
    return date.fromisoformat(text)


def _whole_minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


@cache
def _hash_of(password: str) -> str:
    """Hashing is slow on purpose, so once per password and not once per manager."""
    return accounts.hash_password(password)
