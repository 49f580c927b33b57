"""One deed for many bookings: what it would do to each, and which are left out and why.

A bulk run is looked at before it is confirmed, and judged again when it comes to a booking: between
the two a guest may have been told a PIN, or a stay may have been cancelled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from portal.domain.guest_sending import MessageFacts, Sending, Way, plan
from portal.domain.stay import Window, stay_of

MOST_BOOKINGS: Final = 500
MOST_MINUTES: Final = 24 * 60


class Kind(StrEnum):
    """What is done to every booking of a run."""

    RESYNC = "resync"
    NEW_PIN = "new_pin"
    SHIFT = "shift"  # check-in or check-out earlier or later
    SEND = "send"  # the message with the code goes to the guest


class RunState(StrEnum):
    """Where a run stands."""

    PREVIEW = "preview"  # looked at, and nothing is changed yet
    RUNNING = "running"
    STOPPED = "stopped"  # by a person; what is left can go on
    DONE = "done"


class ItemState(StrEnum):
    """What became of one booking of a run."""

    WAITING = "waiting"
    BEGUN = "begun"  # a message that is on its way out
    DONE = "done"
    FAILED = "failed"
    UNSURE = "unsure"  # a message that may have been sent: a person says whether it arrived
    LEFT_OUT = "left_out"


# No result yet.
OPEN: Final = frozenset({ItemState.WAITING, ItemState.BEGUN})


class Why(StrEnum):
    """Why a booking is left out; the reasons of guest_sending.Hindrance among them."""

    CANCELLED = "cancelled"
    OVER = "over"
    NO_LOCK = "no_lock"
    RESYNCING = "resyncing"  # a resync is running or just ended
    TOLD = "told"  # somebody was shown the PIN, or chose it
    INSIDE = "inside"
    INSIDE_EARLIER = "inside_earlier"  # would shut out a guest sooner than they know
    NO_STAY = "no_stay"  # moved, it would end before it begins
    ENDS_IN_PAST = "ends_in_past"
    CHANGED = "changed"  # by somebody else, since the run was confirmed
    NO_PIN = "no_pin"
    UNCONFIRMED = "unconfirmed"
    NO_WAY = "no_way"
    NO_ADDRESS = "no_address"
    NO_COUNTRY_CODE = "no_country_code"
    BEING_SENT = "being_sent"
    ALREADY_SENT = "already_sent"
    MAY_BE_SENT = "may_be_sent"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a person chose beside the kind."""

    arrival_minutes: int = 0  # later; negative: earlier
    departure_minutes: int = 0
    also_told: bool = False  # a new PIN also where somebody knows the old one
    way: Way | None = None  # of a message; None: by e-mail, or else by text message
    also_unconfirmed: bool = False  # a message also where a door has not confirmed the code

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "Options":
        """The options as they were stored; what a later program stored beside them is ignored."""
        return cls(
            arrival_minutes=int(stored.get("arrival_minutes", 0)),
            departure_minutes=int(stored.get("departure_minutes", 0)),
            also_told=bool(stored.get("also_told", False)),
            way=Way(stored["way"]) if stored.get("way") else None,
            also_unconfirmed=bool(stored.get("also_unconfirmed", False)),
        )


@dataclass(frozen=True, kw_only=True)
class Dates:
    """A stay as its source writes it, in the property's zone; no time means the property's own."""

    arrives_on: date
    arrives_time: time | None
    departs_on: date
    departs_time: time | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One booking, as far as a run must know it."""

    is_cancelled: bool = False
    starts_at: datetime
    ends_at: datetime
    has_lock: bool = True
    is_resyncing: bool = False
    is_pin_told: bool = False
    has_changed: bool = False
    dates: Dates
    check_in: time
    check_out: time
    zone: ZoneInfo
    message: MessageFacts | None = None  # where the run sends some


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a run does to one booking: nothing and why, or the deed (for a move, the new dates)."""

    why: Why | None = None
    dates: Dates | None = None
    stay: Window | None = None
    is_inside: bool = field(default=False)
    sending: Sending | None = None
    language: str = ""  # of the message

    @property
    def is_left_out(self) -> bool:
        return self.why is not None


def forecast_resync(facts: Facts, _options: Options, now: datetime) -> Forecast:
    """Every door is checked anew. Harmless with a guest inside: nothing is deleted."""
    why = _over(facts, now) or (None if facts.has_lock else Why.NO_LOCK)
    if why is None and facts.is_resyncing:
        why = Why.RESYNCING
    return Forecast(why=why, is_inside=_is_inside(facts, now))


def forecast_new_pin(facts: Facts, options: Options, now: datetime) -> Forecast:
    """Another PIN, but for guests inside and, unless that is wished, for PINs somebody knows."""
    why = _over(facts, now) or (None if facts.has_lock else Why.NO_LOCK)
    if why is None and facts.has_changed:
        why = Why.CHANGED
    if why is None and _is_inside(facts, now):
        why = Why.INSIDE
    if why is None and facts.is_pin_told and not options.also_told:
        why = Why.TOLD
    return Forecast(why=why)


def forecast_shift(facts: Facts, options: Options, now: datetime) -> Forecast:
    """Check-in and check-out moved on the property's clock.

    A guest inside has checked in: only a later check-out reaches them.
    """
    is_inside = _is_inside(facts, now)
    why = _over(facts, now) or (Why.CHANGED if facts.has_changed else None)
    if why is not None:
        return Forecast(why=why)
    if is_inside and options.departure_minutes <= 0:
        is_earlier = options.departure_minutes < 0
        return Forecast(why=Why.INSIDE_EARLIER if is_earlier else Why.INSIDE)
    dates = _moved(facts, 0 if is_inside else options.arrival_minutes, options.departure_minutes)
    try:
        stay = stay_of(
            dates.arrives_on,
            dates.arrives_time or facts.check_in,
            dates.departs_on,
            dates.departs_time or facts.check_out,
            facts.zone,
        )
    except (ValueError, OverflowError):
        return Forecast(why=Why.NO_STAY)
    if stay.ends_at <= now:
        return Forecast(why=Why.ENDS_IN_PAST)
    return Forecast(dates=dates, stay=stay, is_inside=is_inside)


def forecast_send(facts: Facts, options: Options, now: datetime) -> Forecast:
    """Each guest's own message, by the way that reaches them; nobody gets the same one twice."""
    why = _over(facts, now)
    if why is not None:
        return Forecast(why=why)
    assert facts.message is not None
    sending = plan(facts.message, way=options.way, is_forced=options.also_unconfirmed)
    return Forecast(
        why=Why(str(sending.hindrance)) if sending.hindrance is not None else None,
        sending=sending,
        language=facts.message.language,
    )


def _over(facts: Facts, now: datetime) -> Why | None:
    if facts.is_cancelled:
        return Why.CANCELLED
    return Why.OVER if facts.ends_at <= now else None


def _is_inside(facts: Facts, now: datetime) -> bool:
    return facts.starts_at <= now < facts.ends_at


def _moved(facts: Facts, arrival_minutes: int, departure_minutes: int) -> Dates:
    """The dates so many minutes later, on the wall clock: 16:00 an hour later is 17:00."""
    dates = facts.dates
    arrives_on, arrives_time = _later(
        dates.arrives_on, dates.arrives_time, facts.check_in, arrival_minutes
    )
    departs_on, departs_time = _later(
        dates.departs_on, dates.departs_time, facts.check_out, departure_minutes
    )
    return Dates(
        arrives_on=arrives_on,
        arrives_time=arrives_time,
        departs_on=departs_on,
        departs_time=departs_time,
    )


def _later(on: date, at: time | None, usual: time, minutes: int) -> tuple[date, time | None]:
    """A side that does not move keeps the property's own time, whatever that becomes."""
    if minutes == 0:
        return on, at
    moment = datetime.combine(on, at or usual) + timedelta(minutes=minutes)
    return moment.date(), moment.time()
