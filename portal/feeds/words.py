"""What the words of an event say: a guest or a block, and who the guest is.

Words are compared without case and accents. A list is kept short and plain on purpose: an event
taken for a guest by mistake costs a code that nobody knows, the other way round somebody stands
before a locked door.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from portal.domain.intake_types import FeedSource

_BLOCKED: Final = (
    "not available",
    "unavailable",
    "blocked",
    "airbnb (",  # "Airbnb (Not available)", in the host's language
    "indisponible",
    "non disponible",
    "bloque",
    "bloquee",
    "no disponible",
    "bloqueado",
    "bloqueada",
    "nicht verfugbar",
    "blockiert",
    "gesperrt",
    "non disponibile",
    "bloccato",
    "bloccata",
    "nao disponivel",
    "indisponivel",
    "niet beschikbaar",
    "geblokkeerd",
    "ikke tilgængelig",
    "ikke tilgjengelig",
    "inte tillganglig",
    "ej tillganglig",
    "ei saatavilla",
    "niedostepne",
    "niedostepny",
    "nedostupne",
    "недоступно",
    "заблокировано",
    "μη διαθεσιμο",
    "予約不可",
    "不可用",
)
_TENTATIVE: Final = (
    "tentative",
    "provisional",
    "provisoire",
    "provisorio",
    "provvisorio",
    "provvisoria",
    "provisorisch",
    "vorlaufig",
    "voorlopig",
    "prenotazione provvisoria",
    "reserva provisional",
    "reservation provisoire",
)
_RESERVED: Final = (
    "reserved",
    "reservation",
    "booked",
    "booking",
    "busy",
    "reserve",
    "reservee",
    "reservado",
    "reservada",
    "reserva",
    "reserviert",
    "reservierung",
    "gebucht",
    "buchung",
    "belegt",
    "prenotato",
    "prenotata",
    "prenotazione",
    "riservato",
    "gereserveerd",
    "geboekt",
    "reserveret",
    "reservert",
    "reserverad",
    "bokad",
    "varattu",
    "zarezerwowane",
    "rezervovano",
    "rezervirano",
    "забронировано",
    "κρατηση",
    "予約済み",
    "已预订",
)
_BOOKING_COM_CLOSED: Final = "closed - not available"
_GUEST_NAME_LENGTH: Final = 120

_AIRBNB_SUMMARY: Final = re.compile(r"^(?P<name>.*?)\s*\((?P<code>[A-Z0-9]{6,12})\)$")
_AIRBNB_CODE: Final = re.compile(r"/reservations/(?:details|itinerary)/([A-Z0-9]{6,12})\b")
_LABELLED_CODE: Final = re.compile(
    r"(?:reservation|booking|confirmation|conf)\s*(?:code|number|nr|no|id|#)\.?\s*[:#]?\s*"
    r"(?P<code>(?=[A-Z-]*\d)[A-Z0-9-]{4,40})\b",
    re.IGNORECASE,
)
# "Phone Number (Last 4 Digits): 0477" in any language: a label, then just the four digits.
_LAST_FOUR: Final = re.compile(r"^[^\n:：]{3,80}[:：][ \t]*(\d{4})[ \t]*$", re.MULTILINE)
_PHONE: Final = re.compile(
    r"(?:phone|telephone|tel|mobile|cell|telefon|telefono|telefoon|handy)[^\n:：\d]{0,30}"
    r"[:：]?[ \t]*(?P<number>[+(]?\d[\d ()./-]{5,24})",
)
_GUEST: Final = re.compile(
    r"^(?:guest name|guest|name|gast|gastname|nom|nombre|ospite|nome)[ \t]*[:：][ \t]*"
    r"(?P<name>.+)$",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Guest:
    """What a feed says of a guest; None where it says nothing."""

    name: str | None
    phone_last4: str | None
    reservation_code: str | None


def says_blocked(summary: str, source: FeedSource) -> bool:
    """Whether the words say that nobody may book. Booking.com says the same of every guest, so
    its words say nothing.
    """
    plain = _plain(summary)
    if source is FeedSource.BOOKING_COM or plain == _BOOKING_COM_CLOSED:
        return False
    return _starts_with_any(plain, _BLOCKED)


def says_tentative(summary: str) -> bool:
    """Whether the words say that the booking is not firm yet."""
    return _starts_with_any(_plain(summary), _TENTATIVE)


def guest_of(summary: str, description: str, source: FeedSource) -> Guest:
    """The guest as far as the words name one."""
    if source is FeedSource.BOOKING_COM:
        return Guest(None, None, None)
    if source is FeedSource.AIRBNB:
        return _airbnb_guest(summary, description)
    code = _LABELLED_CODE.search(description)
    return Guest(
        _name_in(summary, description, source),
        _phone_last4(description),
        code["code"].upper() if code else None,
    )


def clean(text: str, length: int) -> str:
    """One line of `text` without control or direction marks, at most `length` characters."""
    visible = "".join(
        " " if unicodedata.category(letter) in {"Cc", "Zl", "Zp"} else letter
        for letter in text[: length * 4]
        if unicodedata.category(letter) not in {"Cf", "Cs", "Co", "Cn"}
    )
    return " ".join(visible.split())[:length].strip()


def _airbnb_guest(summary: str, description: str) -> Guest:
    named = _AIRBNB_SUMMARY.match(summary)
    code = _AIRBNB_CODE.search(description)
    digits = _LAST_FOUR.search(description)
    return Guest(
        (clean(named["name"], _GUEST_NAME_LENGTH) or None) if named else None,
        digits[1] if digits else _phone_last4(description),
        code[1] if code else (named["code"] if named else None),
    )


def _name_in(summary: str, description: str, source: FeedSource) -> str | None:
    labelled = _GUEST.search(description)
    if labelled:
        return clean(labelled["name"], _GUEST_NAME_LENGTH) or None
    first, separator, rest = _split(summary)
    if _plain(first) in _RESERVED:
        return clean(rest, _GUEST_NAME_LENGTH) or None if separator else None
    # A calendar kept by hand has the guest's name and nothing else.
    by_hand = source in {FeedSource.GOOGLE, FeedSource.ICAL}
    is_closed = _plain(summary) == _BOOKING_COM_CLOSED
    return clean(summary, _GUEST_NAME_LENGTH) or None if by_hand and not is_closed else None


def _split(summary: str) -> tuple[str, str, str]:
    """A summary at its first dash, colon or bracket: "Reserved - Anna" in its two halves."""
    parts = re.split(r"\s+[-–—]\s+|\s*[:：]\s*|\s+(?=\()", summary, maxsplit=1)
    if len(parts) == 1:
        return parts[0], "", ""
    return parts[0], "-", parts[1].strip("() ")


def _phone_last4(description: str) -> str | None:
    found = _PHONE.search(_plain(description))
    digits = re.sub(r"\D", "", found["number"]) if found else ""
    return digits[-4:] if len(digits) >= 7 else None


def _plain(text: str) -> str:
    """`text` for comparison: no case, no accents, single spaces."""
    decomposed = unicodedata.normalize("NFKD", text[:4000].casefold())
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return re.sub(r"[^\S\n]+", " ", bare).strip()


def _starts_with_any(plain: str, phrases: tuple[str, ...]) -> bool:
    return any(
        plain.startswith(phrase)
        and (phrase.endswith("(") or not plain[len(phrase) : len(phrase) + 1].isalpha())
        for phrase in phrases
    )
