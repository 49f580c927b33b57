"""What a guest's page reads, and what is written down when a guest reads their PIN there."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager, selectinload

from portal.domain import guest_view
from portal.domain.guest_view import Advice, GuestFacts, Sight
from portal.domain.secret import Secret
from portal.domain.stay import Window
from portal.models import Booking, DoorCode, TimelineEntry
from portal.services import door_codes, guest_help, timeline, verdicts
from portal.services.guest_help import Spare
from portal.zones import zone_or_utc

# So long the page goes on to say that a call for help is over.
OVER_FOR: Final = timedelta(minutes=30)


@dataclass(frozen=True)
class Keys:
    """Digits, and the doors that they open."""

    pin: Secret
    doors: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Help:
    """A guest's call for help: what is done about it now."""

    asked_at: datetime
    advice: Advice
    spares: tuple[Spare, ...]
    turns: tuple[datetime, ...]  # when time alone changes the advice


@dataclass(frozen=True, kw_only=True)
class GuestPage:
    """One guest's page. PINs are in it only where the guest is to see them now."""

    guest_name: str
    property_name: str
    address: str
    directions: str
    zone: str
    starts_at: datetime
    ends_at: datetime
    window: Window
    sight: Sight
    pin_from: datetime
    keys: tuple[Keys, ...]
    doors: tuple[str, ...]
    may_ask: bool
    help: Help | None
    was_let_in: bool  # the call for help ended a moment ago because a door opened
    was_helped: bool  # it ended because the manager said so
    fallback: Secret | None
    until: datetime


def read(session: Session, booking_id: int, now: datetime) -> GuestPage:
    """The page of the booking's guest."""
    booking = _booking(session, booking_id)
    place = booking.property
    facts = facts_of(session, booking)
    sight = guest_view.sight(facts, now)
    help_now = _help(session, booking, facts, now)
    ended = guest_help.ended_call_of(session, booking.id, now - OVER_FOR)
    was_let_in = ended is not None and _has_opened_since(session, booking, ended.opened_at)
    tomorrow = now.astimezone(zone_or_utc(place.time_zone)).date() + timedelta(days=1)
    midnight = datetime.combine(tomorrow, time(0), tzinfo=zone_or_utc(place.time_zone))
    turns = [midnight, *guest_view.turns(facts, now), *(help_now.turns if help_now else ())]
    if ended is not None and ended.closed_at is not None:
        turns.append(ended.closed_at + OVER_FOR)
    return GuestPage(
        guest_name=booking.guest_name,
        property_name=place.name,
        address=place.address,
        directions=place.directions,
        zone=place.time_zone,
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        window=facts.window,
        sight=sight,
        pin_from=facts.pin_from,
        keys=keys_of(booking) if sight is Sight.PIN else (),
        doors=tuple(sorted(code.lock.name for code in booking.door_codes if code.is_wanted)),
        may_ask=guest_view.may_ask(facts, now),
        help=help_now,
        was_let_in=was_let_in,
        was_helped=ended is not None and not was_let_in,
        fallback=place.fallback_entry if guest_view.shows_fallback(facts, now) else None,
        until=min(at for at in turns if at > now),
    )


def facts_of(session: Session, booking: Booking) -> GuestFacts:
    """The booking as the rules of its guest's page see it."""
    place = booking.property
    call = guest_help.call_of(session, booking.id)
    return GuestFacts(
        booking=verdicts.facts_of(session, booking),
        window=door_codes.window_of_booking(booking),
        pin_from=booking.starts_at - timedelta(hours=place.pin_hours_before),
        has_pin=booking.pin is not None,
        has_fallback=place.shares_fallback and place.fallback_entry is not None,
        asked_at=call.opened_at if call is not None else None,
    )


def note_seen(session: Session, booking_id: int, page: GuestPage, now: datetime) -> None:
    """From now on the guest knows the PIN that this page shows: only a person changes it."""
    booking = session.get_one(Booking, booking_id)
    if page.sight is not Sight.PIN or booking.pin_shown_at is not None:
        return
    booking.pin_shown_at = now
    timeline.record(
        session,
        timeline.Kind.GUEST_SAW_PIN,
        guest_help.GUEST,
        account_id=booking.account_id,
        booking_id=booking.id,
    )


def is_seeing_due(session: Session, booking_id: int, page: GuestPage) -> bool:
    """Whether this page shows a PIN that nobody was shown before."""
    return page.sight is Sight.PIN and session.get_one(Booking, booking_id).pin_shown_at is None


def _booking(session: Session, booking_id: int) -> Booking:
    doors = selectinload(Booking.door_codes).joinedload(DoorCode.lock)
    return session.scalars(
        select(Booking)
        .join(Booking.property)
        .where(Booking.id == booking_id)
        .options(contains_eager(Booking.property), doors)
    ).one()


def keys_of(booking: Booking) -> tuple[Keys, ...]:
    """The booking's PIN with its doors; more than one where doors have a PIN of their own."""
    doors: dict[Secret, list[str]] = {}
    for code in booking.door_codes:
        pin = code.own_pin or booking.pin
        if code.is_wanted and pin is not None:
            doors.setdefault(pin, []).append(code.lock.name)
    return tuple(Keys(pin, tuple(sorted(names))) for pin, names in doors.items())


def _help(session: Session, booking: Booking, facts: GuestFacts, now: datetime) -> Help | None:
    if facts.asked_at is None or not guest_view.may_ask(facts, now):
        return None
    running = [
        code.resync_at
        for code in booking.door_codes
        if code.is_wanted
        and code.resync_at is not None
        and (code.resync_ended_at is None or code.resync_ended_at < code.resync_at)
    ]
    checking_since = min(running, default=None)
    paused_at = guest_help.paused_at(session, booking, now)
    ends = (
        checking_since and checking_since + guest_view.CHECK_TAKES,
        paused_at and paused_at + guest_view.KEYPAD_PAUSE,
    )
    return Help(
        asked_at=facts.asked_at,
        advice=guest_view.advice(facts, now, checking_since=checking_since, paused_at=paused_at),
        spares=guest_help.spares_of(session, booking, now),
        turns=tuple(at for at in ends if at is not None),
    )


def _has_opened_since(session: Session, booking: Booking, at: datetime) -> bool:
    """Whether the guest's code has opened a door since then."""
    opened = select(TimelineEntry.id).where(
        TimelineEntry.booking_id == booking.id,
        TimelineEntry.kind == timeline.Kind.DOOR_OPENED,
        TimelineEntry.at >= at,
    )
    return session.scalars(opened.limit(1)).first() is not None
