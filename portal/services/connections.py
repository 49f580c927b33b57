"""Connections to Schlage Home: tokens, the client, the daily check, signing out and in."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import requests
import structlog
from flask import current_app
from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.config import Settings
from portal.domain.secret import Secret
from portal.extensions import db
from portal.models import Booking, CheckFault, Connection, ConnectionState, DoorCode, Lock
from portal.queue import JobName, ring
from portal.schlage.client import SchlageClient
from portal.schlage.errors import (
    SchlageError,
    SchlageForbidden,
    SchlageRejected,
    SchlageThrottled,
    SchlageUnauthorized,
    SchlageUnavailable,
)
from portal.schlage.oauth import Authorization, SchlageOAuth, Tokens
from portal.schlage.payloads import BatteryState, Device, LockState
from portal.services import reach, readings, ringing, timeline, verdicts
from portal.services.ringing import changing
from portal.unit_of_work import writing

log = structlog.get_logger(__name__)

REFRESH_EARLY: Final = timedelta(minutes=5)
REFRESH_TAKES_AT_MOST: Final = timedelta(seconds=60)
CHECK_EVERY: Final = timedelta(days=1)
CHECK_AGAIN: Final = timedelta(minutes=15)
FIRST_CHECK_AGAIN: Final = timedelta(minutes=2)  # somebody waits to see their locks
# An empty or short list is believed only after three checks over an hour.
MISSING_CHECKS: Final = 3
MISSING_FOR: Final = timedelta(hours=1)
MISSING_AGAIN: Final = timedelta(minutes=30)
# A lock's codes come first; who opened it before we knew it can wait.
LOG_AFTER: Final = timedelta(hours=1)


def oauth() -> SchlageOAuth:
    """The OAuth client of this installation."""
    settings: Settings = current_app.extensions["settings"]
    return SchlageOAuth(
        _http(),
        settings.schlage_authorize_url,
        settings.schlage_token_url,
        settings.schlage_client_id,
        settings.schlage_client_secret,
        f"{settings.public_url}/settings/door-locks/schlage/callback",
    )


def start_connect() -> Authorization:
    """Where to send the manager, with the state and verifier to keep in the session."""
    return oauth().authorize_url()


def finish_connect(
    account_id: int, code: str, verifier: str, actor: str, connection_id: int | None = None
) -> int:
    """Stores the tokens of a sign-in at Schlage and rings for the first check; its id.

    With `connection_id` an existing connection is signed in again, and what waited goes on.
    Raises what the token endpoint raises (SignedOut, SchlageUnavailable, SchlageRejected).
    """
    now = clock.now()
    tokens = oauth().exchange(code, verifier, now=now)
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
        _keep(connection, tokens)
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


def client_for(connection_id: int) -> SchlageClient:
    """A client that acts for this connection, with a token that is refreshed in time."""
    settings: Settings = current_app.extensions["settings"]
    return SchlageClient(
        _http(),
        settings.schlage_api_url,
        settings.schlage_subscription_key,
        _TokenSource(connection_id),
    )


class _TokenSource:
    """Gives a connection's access token; refreshes it early, and one worker at a time."""

    def __init__(self, connection_id: int) -> None:
        self._connection_id = connection_id
        self._given: str | None = None

    def __call__(self, must_refresh: bool) -> str:
        now = clock.now()
        if not must_refresh and (given := self._lasting_token(now)):
            self._given = given
            return given
        with writing() as session:
            connection = session.get_one(Connection, self._connection_id)
            token = connection.access_token.reveal() if connection.access_token else ""
            if connection.state is not ConnectionState.CONNECTED or not token:
                raise SchlageUnauthorized("This connection is signed out.")
            is_fresh = connection.expires_at is None or connection.expires_at > now
            is_early = connection.expires_at is None or (
                connection.expires_at - REFRESH_EARLY > now
            )
            # Refused, but another worker has refreshed meanwhile: theirs is tried first.
            was_replaced = must_refresh and self._given is not None and token != self._given
            if (is_early and not must_refresh) or was_replaced:
                self._given = token
                return token
            if not self._claim(session, now):
                if is_fresh and not must_refresh:
                    self._given = token
                    return token
                raise SchlageUnavailable("Another worker is refreshing the sign-in.")
            secret = connection.refresh_token
        if secret is None:
            raise SchlageUnauthorized("Schlage gave no way to renew this sign-in.")
        self._given = self._refresh(secret.reveal())
        return self._given

    def _lasting_token(self, now: datetime) -> str | None:
        """The token where it needs no refresh for a while: most calls, and no write lock."""
        session = db.session()
        session.rollback()
        try:
            connection = session.get(Connection, self._connection_id)
            if connection is None or connection.state is not ConnectionState.CONNECTED:
                return None
            expires_at, token = connection.expires_at, connection.access_token
            if token is None or (expires_at and expires_at - REFRESH_EARLY <= now):
                return None
            return token.reveal()
        finally:
            session.rollback()

    def _claim(self, session: Session, now: datetime) -> bool:
        claimed = session.execute(
            update(Connection)
            .where(
                Connection.id == self._connection_id,
                (Connection.refreshing_until.is_(None)) | (Connection.refreshing_until <= now),
            )
            .values(refreshing_until=now + REFRESH_TAKES_AT_MOST)
            .execution_options(synchronize_session="fetch")
        )
        assert isinstance(claimed, CursorResult)
        return bool(claimed.rowcount)

    def _refresh(self, refresh_token: str) -> str:
        tokens = None
        try:
            tokens = oauth().refresh(refresh_token, now=clock.now())
        finally:
            with writing() as session:
                connection = session.get_one(Connection, self._connection_id)
                connection.refreshing_until = None
                if tokens is not None:
                    _keep(connection, tokens)
        return tokens.access_token


def signed_out(lock_id: int) -> None:
    """Schlage refused the sign-in behind this lock: all calls stop until somebody reconnects."""
    with changing() as session:
        connection_id = session.scalars(select(Lock.connection_id).where(Lock.id == lock_id)).one()
        sign_out(session, connection_id)


def sign_out(session: Session, connection_id: int) -> None:
    """The connection is signed out; every booking behind it says so, and its queue is kept."""
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


def disconnect(connection_id: int, actor: str) -> None:
    """Ends a connection: its subscription is deleted, its tokens are forgotten, its rows stay."""
    with writing() as session:
        connection = session.get_one(Connection, connection_id)
        subscription_id = connection.subscription_id
        is_usable = connection.state is ConnectionState.CONNECTED
    if subscription_id and is_usable:
        try:
            client_for(connection_id).unsubscribe(subscription_id)
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


def look_at_locks(lock_id: int) -> None:
    """Schlage denied knowing this lock: its connection's list of locks is checked now."""
    with writing() as session:
        connection_id = session.scalars(select(Lock.connection_id).where(Lock.id == lock_id)).one()
        session.get_one(Connection, connection_id).due_at = clock.now() + ringing.REPEAT_AFTER
    ring(JobName.CHECK_CONNECTION, connection_id)


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
    client = client_for(connection_id)
    try:
        devices = client.list_devices()
        with changing() as session:
            connection = session.get_one(Connection, connection_id)
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
            )
            session.add(lock)
            lock.connection = connection
            session.flush()
            timeline.record(
                session,
                timeline.Kind.LOCK_FOUND,
                "schlage",
                account_id=lock.account_id,
                lock_id=lock.id,
            )
        before = _what_matters(lock)
        lock.connection = connection
        describe(session, lock, device, now)
        if _what_matters(lock) != before:
            changed.append(lock.id)
    session.flush()
    missing = [lock for lock in known.values() if lock.connection_id == connection.id]
    for lock in missing:
        lock.missing_checks += 1
        lock.missing_since = lock.missing_since or now
        if lock.missing_checks == MISSING_CHECKS and now - lock.missing_since >= MISSING_FOR:
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
    """The lock's facts, as far as the device tells them: one out of reach drops most of them."""
    lock.seen_at, lock.missing_since, lock.missing_checks = now, None, 0
    told = {
        "name": device.name[:200],
        "model": (device.device_type or "")[:100] or None,
        "firmware": (device.firmware_version or "")[:100] or None,
        "time_zone": (device.time_zone or "")[:64] or None,
        "battery_state": _known(device.battery_state, BatteryState.UNKNOWN),
        "battery_level": device.battery_level,
        "wifi_signal": device.wifi_signal,
        "bolt_state": _known(device.lock_state, LockState.UNKNOWN),
        "code_length": device.code_length,
        "has_vlac": device.has_variable_length,
    }
    for field, value in told.items():
        if value is not None and getattr(lock, field) != value:
            setattr(lock, field, value)
    if device.is_online is not None:
        reach.set_online(session, lock, device.is_online, now)
    readings.take(session, lock, now)
    lock.entries_due_at = lock.entries_due_at or now + LOG_AFTER


def _known(word: StrEnum, unknown: StrEnum) -> str | None:
    return None if word is unknown else str(word)


def refresh_verdicts(session: Session, lock_ids: list[int], now: datetime) -> None:
    """Every booking behind these locks that is not over is judged anew."""
    session.flush()
    ids = session.scalars(
        select(Booking.id)
        .join(DoorCode, DoorCode.booking_id == Booking.id)
        .where(DoorCode.lock_id.in_(lock_ids), Booking.ends_at > now - timedelta(days=1))
        .distinct()
    ).all()
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


def _keep(connection: Connection, tokens: Tokens) -> None:
    connection.access_token = Secret(tokens.access_token)
    if tokens.refresh_token:
        connection.refresh_token = Secret(tokens.refresh_token)
    connection.expires_at = tokens.expires_at


def _http() -> requests.Session:
    make: object = current_app.extensions["schlage_http"]
    assert callable(make)
    session = make()
    assert isinstance(session, requests.Session)
    return session
