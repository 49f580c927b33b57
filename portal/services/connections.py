"""Connections to Schlage Home: signing in and out, and the daily check."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import structlog
from flask import current_app
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from portal import clock, tenancy
from portal.config import Settings
from portal.domain.pin import LengthRule
from portal.domain.reach import MISSING_AGAIN, missing_checks
from portal.domain.status import Status
from portal.models import Booking, CheckFault, Connection, ConnectionState, DoorCode, Lock
from portal.models.base import one_of
from portal.queue import JobName, ring
from portal.schlage.client import SchlageClient
from portal.schlage.errors import (
    SchlageError,
    SchlageForbidden,
    SchlageRejected,
    SchlageThrottled,
    SchlageUnauthorized,
)
from portal.schlage.oauth import Authorization
from portal.schlage.payloads import BatteryState, Device, LockState
from portal.services import (
    clients,
    pins,
    reach,
    readings,
    ringing,
    staff_codes,
    timeline,
    verdicts,
)
from portal.services.ringing import changing
from portal.unit_of_work import writing

log = structlog.get_logger(__name__)

CHECK_EVERY: Final = timedelta(days=1)
CHECK_AGAIN: Final = timedelta(minutes=15)
FIRST_CHECK_AGAIN: Final = timedelta(minutes=2)  # somebody waits to see their locks
# A lock's codes come first; who opened it before we knew it can wait.
LOG_AFTER: Final = timedelta(hours=1)

# While a code is planned, and once it is gone, how its lock is doing says nothing of the stay.
_BEHIND: Final = (
    select(Booking.id)
    .join(DoorCode, DoorCode.booking_id == Booking.id)
    .where(
        DoorCode.lock_id.in_(bindparam("lock_ids", expanding=True)),
        ~one_of(DoorCode.status, [Status.PLANNED, Status.REMOVED]),
        Booking.ends_at > bindparam("since"),
    )
    .distinct()
)
# Built once for all calls; whatever else the account is connected by.
_OTHERS: Final = select(Connection).where(
    Connection.account_id == bindparam("account_id"),
    Connection.id != bindparam("connection_id"),
    Connection.state == ConnectionState.CONNECTED,
)
_SHARING: Final = select(Connection.id).where(
    Connection.subscription_id == bindparam("subscription_id"),
    Connection.id != bindparam("connection_id"),
    Connection.state == ConnectionState.CONNECTED,
)


def start_connect() -> Authorization:
    """Where to send the manager, with the state and verifier to keep in the session."""
    return clients.oauth().authorize_url()


def finish_connect(
    account_id: int, code: str, verifier: str, actor: str, connection_id: int | None = None
) -> int:
    """Stores the tokens of a sign-in at Schlage and rings for the first check; its id.

    With `connection_id` an existing connection is signed in again, and what waited goes on.
    Raises what the token endpoint raises (SignedOut, SchlageUnavailable, SchlageRejected).
    """
    now = clock.now()
    tokens = clients.oauth().exchange(code, verifier, now=now)
    with changing() as session:
        connection = session.get(Connection, connection_id) if connection_id else None
        if connection is None or connection.account_id != account_id:
            connection = Connection(
                account_id=account_id, name="Schlage Home", created_at=now, state_at=now
            )
            session.add(connection)
        connection.state, connection.state_at = ConnectionState.CONNECTED, now
        connection.due_at, connection.check_asked_at = now + ringing.REPEAT_AFTER, now
        _forget_failure(connection)
        connection.outage_since = connection.probe_at = None
        clients.keep(connection, tokens)
        session.flush()
        timeline.record(
            session,
            timeline.Kind.CONNECTED,
            actor,
            account_id=account_id,
            connection_id=connection.id,
        )
        _wake(session, connection.id, now)
        kept_id = connection.id
    ring(JobName.CHECK_CONNECTION, kept_id)
    return kept_id


def signed_out(lock_id: int) -> None:
    """Schlage refused the sign-in behind this lock: all calls stop until somebody reconnects."""
    with changing() as session:
        connection_id = session.scalars(select(Lock.connection_id).where(Lock.id == lock_id)).one()
        sign_out(session, connection_id)


def sign_out(session: Session, connection_id: int) -> None:
    """The connection is signed out; every booking behind it says so, and its queue is kept.

    Other connections of the account that reach its locks take them over.
    """
    now = clock.now()
    connection = session.get_one(Connection, connection_id)
    if connection.state is not ConnectionState.CONNECTED:
        return
    connection.state, connection.state_at = ConnectionState.SIGNED_OUT, now
    connection.due_at = connection.check_asked_at = None
    timeline.record(
        session,
        timeline.Kind.SIGNED_OUT,
        "schlage",
        account_id=connection.account_id,
        connection_id=connection_id,
    )
    _wake(session, connection_id, now)
    _ask_others(session, connection)


def disconnect(connection_id: int, actor: str) -> None:
    """Ends a connection: its subscription is deleted, its tokens are forgotten, its rows stay.

    A subscription that others have as well stays; they take over the locks that they reach.
    """
    with writing() as session:
        connection = session.get_one(Connection, connection_id)
        subscription_id = connection.subscription_id
        is_to_end = connection.state is ConnectionState.CONNECTED and not _is_shared(
            session, connection
        )
    if subscription_id and is_to_end:
        try:
            clients.client_for(connection_id).unsubscribe(subscription_id)
        except SchlageError:
            # It dies with the sign-in at Schlage anyway; the manager's wish is not held up.
            log.warning("unsubscribe_failed", connection_id=connection_id)
    now = clock.now()
    with changing() as session:
        connection = session.get_one(Connection, connection_id)
        connection.state, connection.state_at = ConnectionState.DISCONNECTED, now
        connection.access_token = connection.refresh_token = connection.expires_at = None
        connection.subscription_id = connection.due_at = connection.check_asked_at = None
        connection.outage_since = connection.probe_at = None
        timeline.record(
            session,
            timeline.Kind.DISCONNECTED,
            actor,
            account_id=connection.account_id,
            connection_id=connection_id,
        )
        _wake(session, connection_id, now)
        _ask_others(session, connection)


def _is_shared(session: Session, connection: Connection) -> bool:
    """Whether others are told by the same subscription: of one login, Schlage has one per address.

    Two accounts may have connected the same login.
    """
    values = {"subscription_id": connection.subscription_id, "connection_id": connection.id}
    with tenancy.as_system():
        return session.scalars(_SHARING, values).first() is not None


def _ask_others(session: Session, connection: Connection) -> None:
    """The account's other connections look at once whether they reach what this one does not."""
    values = {"account_id": connection.account_id, "connection_id": connection.id}
    for other in session.scalars(_OTHERS, values):
        ringing.mark_check(session, other)


def look_at_locks(lock_id: int) -> None:
    """Schlage denied knowing this lock: its connection's list of locks is checked now.

    One that a check did not find either is looked for by the next ones, at their times.
    """
    with changing() as session:
        lock = session.get_one(Lock, lock_id)
        is_connected = lock.connection.state is ConnectionState.CONNECTED
        if is_connected and lock.missing_since is None:
            ringing.mark_check(session, lock.connection)


def ask_for_check(connection_id: int) -> bool:
    """Its test is due at once, also where the ring for it is lost; False where it is signed out."""
    now = clock.now()
    with writing() as session:
        connection = session.get_one(Connection, connection_id)
        if connection.state is not ConnectionState.CONNECTED:
            return False
        connection.check_asked_at, connection.due_at = now, now + ringing.REPEAT_AFTER
    ring(JobName.CHECK_CONNECTION, connection_id)
    return True


def check(connection_id: int) -> None:
    """Lists the connection's locks and keeps its webhook subscription alive. Safe to run twice."""
    with writing() as session:
        connection = session.get(Connection, connection_id)
        if connection is None or connection.state is not ConnectionState.CONNECTED:
            return
        pause = CHECK_AGAIN if connection.checked_at else FIRST_CHECK_AGAIN
        connection.due_at = clock.now() + pause
    client = clients.client_for(connection_id)
    try:
        devices = client.list_devices()
        with changing() as session:
            connection = session.get_one(Connection, connection_id)
            if connection.state is not ConnectionState.CONNECTED:
                return
            is_one_missing = _take_over(session, connection, devices, clock.now())
            readings.forget_old(session, clock.now())
        subscription_id = _keep_subscribed(client)
    except SchlageUnauthorized:
        with changing() as session:
            sign_out(session, connection_id)
        return
    except SchlageError as error:
        with writing() as session:
            connection = session.get_one(Connection, connection_id)
            connection.check_error, connection.check_fault = str(error)[:300], _fault_of(error)
            connection.check_failed_at, connection.check_asked_at = clock.now(), None
        return
    now = clock.now()
    with writing() as session:
        connection = session.get_one(Connection, connection_id)
        if connection.state is not ConnectionState.CONNECTED:
            return
        connection.subscription_id = subscription_id
        connection.checked_at, connection.check_asked_at = now, None
        _forget_failure(connection)
        connection.due_at = now + (MISSING_AGAIN if is_one_missing else CHECK_EVERY)


def _forget_failure(connection: Connection) -> None:
    connection.check_error = connection.check_fault = connection.check_failed_at = None


def _fault_of(error: SchlageError) -> CheckFault:
    if isinstance(error, SchlageThrottled):
        return CheckFault.SLOW_DOWN
    if isinstance(error, SchlageForbidden):
        return CheckFault.REFUSED
    return CheckFault.ODD if isinstance(error, SchlageRejected) else CheckFault.NO_ANSWER


def _keep_subscribed(client: SchlageClient) -> str:
    """The id of a living subscription to our address; a lost one is made again."""
    settings: Settings = current_app.extensions["settings"]
    url = f"{settings.public_url}/webhooks/schlage"
    for subscription in client.list_subscriptions():
        if subscription.url == url:
            return subscription.subscription_id
    return client.subscribe(url).subscription_id


def _take_over(
    session: Session, connection: Connection, devices: list[Device], now: datetime
) -> bool:
    """Locks as the list shows them; True while one that we know is missing from it."""
    known = {
        lock.device_id: lock
        for lock in session.scalars(select(Lock).where(Lock.account_id == connection.account_id))
    }
    changed = []
    for device in devices:
        lock = known.pop(device.device_id, None)
        if lock is None:
            lock = Lock(
                account_id=connection.account_id,
                device_id=device.device_id,
                created_at=now,
                due_at=now,
                name=device.name,
                connection_id=connection.id,
            )
            session.add(lock)
            session.flush()
            timeline.record(
                session,
                timeline.Kind.LOCK_FOUND,
                "schlage",
                account_id=lock.account_id,
                lock_id=lock.id,
            )
        before = _what_matters(lock)
        if lock.connection_id != connection.id and not _is_reached_already(lock):
            lock.connection_id, lock.connection = connection.id, connection
            reach.reopen(session, lock)
        describe(session, lock, device, now)
        if _what_matters(lock) != before:
            changed.append(lock.id)
    session.flush()
    missing = [lock for lock in known.values() if lock.connection_id == connection.id]
    if any(lock.missing_since is None for lock in missing):
        _ask_others(session, connection)
    for lock in missing:
        was_missing = lock.is_missing
        lock.missing_since = lock.missing_since or now
        lasts = now - lock.missing_since
        lock.missing_checks = missing_checks(lock.missing_checks, lasts)
        if lock.is_missing and not was_missing:
            changed.append(lock.id)
            timeline.record(
                session,
                timeline.Kind.LOCK_MISSING,
                "schlage",
                account_id=lock.account_id,
                lock_id=lock.id,
            )
    ringing.mark(session, changed)
    refresh_verdicts(session, changed, now)
    return bool(missing)


def _is_reached_already(lock: Lock) -> bool:
    """Whether its connection reaches the lock, which then stays with it, whoever else does."""
    return lock.connection.state is ConnectionState.CONNECTED and lock.missing_since is None


def _what_matters(lock: Lock) -> tuple[object, ...]:
    """What of a lock's description may give the engine work or change a verdict."""
    return (
        lock.connection_id,
        lock.missing_since,
        lock.is_online,
        lock.battery_state,
        lock.code_length,
        lock.has_vlac,
    )


def describe(session: Session, lock: Lock, device: Device, now: datetime) -> None:
    """The lock's facts, as far as the device tells them: one out of reach drops most of them.

    Codes that rest on its clock or on its rule for lengths follow.
    """
    lock.seen_at = now
    reach.found(session, lock)
    zone = lock.time_zone
    told = {
        "name": device.name[:200],
        "model": (device.device_type or "")[:100] or None,
        "firmware": (device.firmware_version or "")[:100] or None,
        "time_zone": (device.time_zone or "")[:64] or None,
        "battery_state": _known(device.battery_state, BatteryState.UNKNOWN),
        "battery_level": device.battery_level,
        "wifi_signal": device.wifi_signal,
        "bolt_state": _known(device.lock_state, LockState.UNKNOWN),
    }
    for field, value in told.items():
        if value is not None and getattr(lock, field) != value:
            setattr(lock, field, value)
    has_vlac = device.has_variable_length
    rule = LengthRule(
        code_length=lock.code_length if device.code_length is None else device.code_length,
        has_vlac=lock.has_vlac if has_vlac is None else has_vlac,
    )
    pins.set_rule(session, lock, rule)
    if lock.time_zone != zone:
        staff_codes.follow_clock(session, lock)
    if device.is_online is not None:
        reach.set_online(session, lock, device.is_online, now)
    readings.take(session, lock, now)
    lock.entries_due_at = lock.entries_due_at or now + LOG_AFTER


def _known(word: StrEnum, unknown: StrEnum) -> str | None:
    return None if word is unknown else str(word)


def refresh_verdicts(session: Session, lock_ids: list[int], now: datetime) -> None:
    """Every booking behind these locks that they can make a difference to is judged anew."""
    session.flush()
    values = {"lock_ids": lock_ids, "since": now - timedelta(days=1)}
    ids = session.scalars(_BEHIND, values).all()
    verdicts.refresh(session, ids, now)


def _wake(session: Session, connection_id: int, now: datetime) -> None:
    """The connection's locks are worked again, and its bookings say what that means for them."""
    session.flush()
    ids = list(session.scalars(select(Lock.id).where(Lock.connection_id == connection_id)))
    session.execute(
        update(Lock)
        .where(Lock.id.in_(ids))
        .values(breaker_until=None, read_after=None, read_wanted_at=now)
        .execution_options(synchronize_session="fetch")
    )
    ringing.mark(session, ids)
    refresh_verdicts(session, ids, now)
