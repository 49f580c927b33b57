"""The weeks before the demo began: stays that are over, how their codes fared, what locks told.

Nobody lives a season in a minute, so these rows are written as the engine would have left them.
Each stay says in its note that it is made up. Nothing of it is wanted, open or due any more.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.domain.command import LANE_OF, Kind, State
from portal.domain.door_event import How, What, Whose
from portal.domain.entry import EntryState, Evidence
from portal.domain.health import FAIR_SIGNAL, WEAK_SIGNAL
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.models import (
    Booking,
    BookingStatus,
    Command,
    DoorCode,
    DoorEvent,
    Lock,
    LockEntry,
    LockReading,
    Mapping,
    PinOrigin,
    Property,
    Source,
)
from portal.services import verdicts
from portal.services.door_codes import window_of_booking
from portal.zones import zone_or_utc

DAYS: Final = 88
# The demo's calendars begin three days ago.
_LAST_CHECK_OUT: Final = timedelta(days=4)
_NIGHTS: Final = timedelta(days=3)
_EVERY: Final = timedelta(days=4)
_LEAD: Final = timedelta(days=7)
_GUESTS: Final = (
    "Nora Whitfield",
    "Tomás Rivera",
    "Grace Okafor",
    "Jonas Lindqvist",
    "Mei Tanaka",
    "Oliver Grant",
    "Leïla Haddad",
)
_NOTE: Final = "Made up for the demo."


@dataclass(frozen=True)
class _Manner:
    """How a lock with such a signal answers: which tries not at all, and after how many seconds."""

    silent_every: int | None
    seconds: tuple[float, float]

    def is_silent(self, number: int) -> bool:
        """Whether the lock does not answer the first try of its write with this number."""
        return self.silent_every is not None and number % self.silent_every == 0


# Counted and not by chance: on any day the demo shows the same locks as unreliable.
_STRONG: Final = _Manner(None, (3, 9))
_FAIR: Final = _Manner(20, (4, 16))
_WEAK: Final = _Manner(3, (8, 55))


def write(session: Session, account_id: int, now: datetime) -> None:
    """The account has a past; one that has it already is left as it is."""
    written = select(Booking.id).where(
        Booking.account_id == account_id, Booking.external_id.startswith("demo-past-")
    )
    if session.scalars(written.limit(1)).first() is not None:
        return
    homes = session.scalars(
        select(Property).where(Property.account_id == account_id).order_by(Property.id)
    ).all()
    stays = []
    for home in homes:
        locks = session.scalars(
            select(Lock)
            .join(Mapping, Mapping.lock_id == Lock.id)
            .where(Mapping.property_id == home.id)
            .order_by(Lock.id)
        ).all()
        if locks:
            stays += [
                _stay(session, home, locks, number, *dates)
                for number, dates in enumerate(_dates(home, now))
            ]
    for lock in session.scalars(select(Lock).where(Lock.account_id == account_id)).all():
        _tell_of_itself(session, lock, now)
    session.flush()
    verdicts.refresh(session, [stay.id for stay in stays], now)


def _dates(home: Property, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The stays' arrivals and departures, the oldest first."""
    here = zone_or_utc(home.time_zone)
    # Not every home changes its guests on the same day.
    last = now.astimezone(here).date() - _LAST_CHECK_OUT - timedelta(days=home.id % 3)
    for number in reversed(range((DAYS - 14) // _EVERY.days)):
        departs_on = last - number * _EVERY
        yield (
            datetime.combine(departs_on - _NIGHTS, home.check_in, tzinfo=here),
            datetime.combine(departs_on, home.check_out, tzinfo=here),
        )


def _stay(
    session: Session,
    home: Property,
    locks: Sequence[Lock],
    number: int,
    arrives: datetime,
    departs: datetime,
) -> Booking:
    chance = random.Random(f"{home.name} {arrives:%j}")  # noqa: S311 - no secret is made of it
    came_at = arrives + timedelta(minutes=chance.randint(5, 300))
    stay = Booking(
        account_id=home.account_id,
        property_id=home.id,
        source=Source.TYPED,
        external_id=f"demo-past-{home.id}-{arrives:%Y%m%d}",
        status=BookingStatus.CONFIRMED,
        guest_name=chance.choice(_GUESTS),
        note=_NOTE,
        arrives_on=arrives.date(),
        departs_on=departs.date(),
        starts_at=arrives,
        ends_at=departs,
        pin=Secret(f"{chance.randint(1000, 9999)}"),
        pin_origin=PinOrigin.RANDOM,
        created_at=arrives - 2 * _LEAD,
        proven_at=came_at,
    )
    session.add(stay)
    session.flush()
    for lock in locks:
        _code(session, stay, lock, number, chance, came_at)
    return stay


def _code(
    session: Session,
    stay: Booking,
    lock: Lock,
    number: int,
    chance: random.Random,
    came_at: datetime,
) -> None:
    """The stay's code on the lock: set a week ahead, used twice, taken off at the end."""
    assert stay.pin is not None
    window = window_of_booking(stay)
    sent_at = stay.starts_at - _LEAD + timedelta(minutes=chance.randint(0, 600))
    code = DoorCode(
        account_id=lock.account_id,
        booking_id=stay.id,
        lock_id=lock.id,
        is_wanted=False,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        send_at=stay.starts_at - _LEAD,
        status=Status.REMOVED,
        status_at=window.ends_at,
        proven_at=came_at,
        created_at=stay.created_at,
    )
    session.add(code)
    session.flush()
    entry = LockEntry(
        account_id=lock.account_id,
        door_code_id=code.id,
        lock_id=lock.id,
        label=f"Guest demo {code.id}",
        pin=stay.pin,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        revision=1,
        access_code_id=f"demo-{code.id}",
        state=EntryState.GONE,
        evidence=Evidence.DELETED,
        evidence_at=window.ends_at,
        created_at=sent_at,
    )
    session.add(entry)
    session.flush()
    writes = ((Kind.ADD, sent_at), (Kind.DELETE, window.ends_at))
    manner = _manner(lock)
    code.confirmed_at, code.removed_at = (
        _write(session, entry, kind, at, manner.is_silent(2 * number + nth), chance, manner)
        for nth, (kind, at) in enumerate(writes)
    )
    code.status_at = entry.evidence_at = code.removed_at
    for number, at in enumerate((came_at, came_at + timedelta(hours=chance.uniform(12, 40)))):
        session.add(
            DoorEvent(
                account_id=lock.account_id,
                lock_id=lock.id,
                at=at,
                what=What.OPENED,
                how=How.CODE,
                whose=Whose.GUEST,
                booking_id=stay.id,
                door_code_id=code.id,
                log_key=f"demo-{code.id}-{number}",
            )
        )


def _write(
    session: Session,
    entry: LockEntry,
    kind: Kind,
    sent_at: datetime,
    is_silent: bool,
    chance: random.Random,
    manner: _Manner,
) -> datetime:
    """When the lock confirmed the write; where it kept silent first, it was asked once more."""
    if is_silent:
        closed_at = sent_at + timedelta(minutes=5)
        _command(session, entry, kind, State.TIMED_OUT, sent_at, closed_at)
        sent_at = closed_at + timedelta(minutes=2)
    closed_at = sent_at + timedelta(seconds=chance.uniform(*manner.seconds))
    _command(session, entry, kind, State.SUCCEEDED, sent_at, closed_at)
    return closed_at


def _command(
    session: Session,
    entry: LockEntry,
    kind: Kind,
    state: State,
    sent_at: datetime,
    closed_at: datetime,
) -> None:
    is_silent = state is State.TIMED_OUT
    session.add(
        Command(
            account_id=entry.account_id,
            lock_id=entry.lock_id,
            lock_entry_id=entry.id,
            kind=kind,
            lane=LANE_OF[kind],
            state=state,
            cause="arrival" if kind is Kind.ADD else "check_out",
            revision=1,
            starts_at=entry.starts_at,
            ends_at=entry.ends_at,
            command_id=f"{entry.access_code_id}-{kind}-{state}",
            lease_token=0,
            problem=ProblemKey.COMMAND_TIMEOUT if is_silent else None,
            closed_by="webhook",
            created_at=sent_at,
            sent_at=sent_at,
            accepted_at=sent_at + timedelta(seconds=1),
            closed_at=closed_at,
        )
    )


def _manner(lock: Lock) -> _Manner:
    signal = lock.wifi_signal if lock.wifi_signal is not None else FAIR_SIGNAL
    if signal < WEAK_SIGNAL:
        return _WEAK
    return _FAIR if signal < FAIR_SIGNAL else _STRONG


def _tell_of_itself(session: Session, lock: Lock, now: datetime) -> None:
    """A reading a day that ends where the lock stands now; its batteries were full at first."""
    if lock.battery_level is None or lock.wifi_signal is None:
        return
    chance = random.Random(lock.name)  # noqa: S311 - no secret is made of it
    noon = datetime.combine(now.date(), time(12), tzinfo=now.tzinfo)
    for days_ago in range(DAYS, 0, -1):
        used = (100 - lock.battery_level) * (DAYS - days_ago) / DAYS
        session.add(
            LockReading(
                account_id=lock.account_id,
                lock_id=lock.id,
                at=noon - timedelta(days=days_ago),
                is_online=True,
                battery_level=round(100 - used),
                wifi_signal=lock.wifi_signal + chance.randint(-3, 4),
            )
        )
