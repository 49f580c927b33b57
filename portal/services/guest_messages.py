"""The message that brings a guest their code: an account's texts, and one filled for a booking."""

from collections.abc import Mapping, Sequence
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
    """A text in a language: the one that comes with each account, its own, or one property's."""

    language: str
    text: str
    is_ours: bool
    is_of_property: bool = False


@dataclass(frozen=True)
class Texts:
    """An account's texts, and those that properties have instead."""

    of_account: Mapping[str, Text]
    of_property: Mapping[int, Mapping[str, Text]]

    def at(self, property_id: int | None) -> tuple[Text, ...]:
        """The texts of the property's guests by language, English first."""
        known = {**self.of_account, **self.of_property.get(property_id or 0, {})}
        return tuple(sorted(known.values(), key=lambda t: (t.language != OUR_LANGUAGE, t.language)))

    def find(self, language: str, property_id: int | None) -> Text:
        """The text in that language, else in its plainer form (de for de-AT), else in English.

        The language goes before the property: a guest who reads German gets the account's German
        text rather than the property's English one.
        """
        known = {text.language: text for text in self.at(property_id)}
        return known.get(language) or known.get(language.partition("-")[0]) or known[OUR_LANGUAGE]


def read(session: Session) -> Texts:
    """All of the account's texts."""
    of_account = {OUR_LANGUAGE: Text(OUR_LANGUAGE, guest_message.DEFAULT, is_ours=True)}
    of_property: dict[int, dict[str, Text]] = {}
    for row in session.scalars(select(GuestMessage)):
        text = Text(row.language, row.text, is_ours=False, is_of_property=bool(row.property_id))
        own = of_property.setdefault(row.property_id, {}) if row.property_id else of_account
        own[row.language] = text
    return Texts(of_account, of_property)


def texts(session: Session, property_id: int | None = None) -> tuple[Text, ...]:
    """The account's texts by language, English first; with what this property has instead."""
    return read(session).at(property_id)


def text_in(session: Session, language: str, property_id: int | None = None) -> Text:
    """The text that a guest of this property gets who reads that language."""
    return read(session).find(language, property_id)


def language_of(written: str) -> str:
    """The language code as we keep it, such as de or pt-BR; raises BadMessage where it is none."""
    try:
        locale = Locale.parse(written.strip().replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError, TypeError) as error:
        raise BadMessage(
            "language", "This is not a language code. Use one such as de, fr or pt-BR."
        ) from error
    return "-".join(part for part in (locale.language, locale.script, locale.territory) if part)


def save(
    session: Session, account_id: int, language: str, text: str, property_id: int | None = None
) -> None:
    """The account's text in this language, or one property's; raises BadMessage naming what is
    wrong with it."""
    language = language_of(language)
    text = text.replace("\r\n", "\n").strip()
    try:
        guest_message.check(text)
    except BadText as bad:
        raise BadMessage("text", bad.words) from bad
    row = _row(session, language, property_id)
    if row is None:
        row = GuestMessage(account_id=account_id, language=language, property_id=property_id)
        session.add(row)
    row.text, row.saved_at = text, clock.now()


def remove(session: Session, language: str, property_id: int | None = None) -> bool:
    """The account (or the property) has no text of its own in this language; False where it had
    none."""
    row = _row(session, language, property_id)
    if row is None:
        return False
    session.delete(row)
    return True


def _row(session: Session, language: str, property_id: int | None) -> GuestMessage | None:
    return session.scalars(
        select(GuestMessage).where(
            GuestMessage.language == language, GuestMessage.property_id == property_id
        )
    ).one_or_none()


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
    found = text_in(session, language, booking.property_id)
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
    return render(found, booking, link)


def render(text: Text, booking: Booking, link: str) -> str:
    """The text filled for this booking's guest, with the PIN in it."""
    return guest_message.render(text.text, _values(booking, text.language, link))


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
