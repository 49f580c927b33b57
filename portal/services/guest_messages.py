"""The message that brings a guest their code: an account's texts, and one filled for a booking."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.domain import guest_message, guest_view
from portal.domain.guest_message import BadText, Placeholder
from portal.models import Booking, GuestMessage
from portal.services import guest_page, timeline
from portal.zones import zone_or_utc

OUR_LANGUAGE: Final = "en"  # of the text that each account has without writing one


class BadMessage(Exception):
    """The text cannot be kept so: `field` is at fault, `words` say why and what would do."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field
        self.words = words


class Telling(StrEnum):
    """Whether the guest of a booking may be told their code."""

    READY = "ready"  # every door has confirmed it
    WAIT = "wait"  # one has not: only a person who insists may tell it
    NO_PIN = "no_pin"
    OVER = "over"  # cancelled, or the stay is over


class NotToBeTold(Exception):
    """The guest is not to be told their code now."""


@dataclass(frozen=True)
class Text:
    """A text in a language, and whether it is the one that comes with each account."""

    language: str
    text: str
    is_ours: bool


def texts(session: Session) -> tuple[Text, ...]:
    """The account's texts by language, English first: ours, unless it has its own."""
    own = {row.language: row.text for row in session.scalars(select(GuestMessage))}
    first = own.pop(OUR_LANGUAGE, None)
    return (
        Text(OUR_LANGUAGE, first or guest_message.DEFAULT, is_ours=first is None),
        *(Text(language, text, is_ours=False) for language, text in sorted(own.items())),
    )


def text_in(session: Session, language: str) -> Text:
    """The text in that language, else in its plainer form (de for de-AT), else in English."""
    known = {text.language: text for text in texts(session)}
    return known.get(language) or known.get(language.partition("-")[0]) or known[OUR_LANGUAGE]


def language_of(written: str) -> str:
    """The language code as we keep it, such as de or pt-BR; raises BadMessage where it is none."""
    try:
        locale = Locale.parse(written.strip().replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError, TypeError) as error:
        raise BadMessage(
            "language", "This is not a language code. Use one such as de, fr or pt-BR."
        ) from error
    return "-".join(part for part in (locale.language, locale.script, locale.territory) if part)


def save(session: Session, account_id: int, language: str, text: str) -> None:
    """The account's text in this language; raises BadMessage naming what is wrong with it."""
    language = language_of(language)
    text = text.replace("\r\n", "\n").strip()
    try:
        guest_message.check(text)
    except BadText as bad:
        raise BadMessage("text", bad.words) from bad
    row = session.scalars(
        select(GuestMessage).where(
            GuestMessage.account_id == account_id, GuestMessage.language == language
        )
    ).one_or_none()
    if row is None:
        row = GuestMessage(account_id=account_id, language=language)
        session.add(row)
    row.text, row.saved_at = text, clock.now()


def remove(session: Session, language: str) -> bool:
    """The account has no text of its own in this language; False where it had none."""
    row = session.scalars(
        select(GuestMessage).where(GuestMessage.language == language)
    ).one_or_none()
    if row is None:
        return False
    session.delete(row)
    return True


def telling(session: Session, booking: Booking, now: datetime) -> Telling:
    """Whether this booking's guest may be told their code now."""
    facts = guest_page.facts_of(session, booking)
    if not guest_view.is_there(facts, now):
        return Telling.OVER
    if booking.pin is None:
        return Telling.NO_PIN
    is_ready = guest_view.opens_every_door(facts.booking)
    return Telling.READY if is_ready else Telling.WAIT


def show(
    session: Session,
    booking: Booking,
    language: str,
    link: str,
    actor: str,
    *,
    is_forced: bool = False,
) -> str:
    """The message for this guest, with a line in the history of who was shown it.

    Raises NotToBeTold while a door has not confirmed the code, unless a person insists. Whoever is
    shown it knows the PIN: only a person changes it from now on.
    """
    now = clock.now()
    state = telling(session, booking, now)
    if state is not Telling.READY and not (state is Telling.WAIT and is_forced):
        raise NotToBeTold
    found = text_in(session, language)
    booking.pin_shown_at = booking.pin_shown_at or now
    booking.guest_language = language
    timeline.record(
        session,
        timeline.Kind.MESSAGE_SHOWN,
        actor,
        account_id=booking.account_id,
        booking_id=booking.id,
        language=found.language,
        forced=state is Telling.WAIT,
    )
    return guest_message.render(found.text, _values(booking, found.language, link))


def said(at: datetime, zone: str, language: str) -> str:
    """Day and time on the clocks of `zone`, as people of that language write them."""
    local = at.astimezone(zone_or_utc(zone))
    locale = Locale.parse(language, sep="-")
    time = format_time(local, "short", locale=locale).replace("\u202f", "\u00a0")
    return f"{format_date(local, 'full', locale=locale)}, {time}"


def _values(booking: Booking, language: str, link: str) -> dict[Placeholder, str]:
    place = booking.property
    fallback = place.fallback_entry
    return {
        Placeholder.GUEST: booking.guest_name,
        Placeholder.PROPERTY: place.name,
        Placeholder.PIN: _digits(guest_page.keys_of(booking)),
        Placeholder.CHECK_IN: said(booking.starts_at, place.time_zone, language),
        Placeholder.CHECK_OUT: said(booking.ends_at, place.time_zone, language),
        Placeholder.ADDRESS: place.address,
        Placeholder.DIRECTIONS: place.directions,
        Placeholder.LINK: link,
        Placeholder.FALLBACK: fallback.reveal() if fallback is not None else "",
    }


def _digits(keys: Sequence[guest_page.Keys]) -> str:
    """The PIN; where doors have their own, each with its doors."""
    if len(keys) == 1:
        return keys[0].pin.reveal()
    return "; ".join(f"{', '.join(each.doors)}: {each.pin.reveal()}" for each in keys)
