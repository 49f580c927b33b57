"""Fields of the API's bodies: each says in words what it wants."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Final, NamedTuple

from marshmallow import ValidationError, fields

from portal.domain.guest_sending import is_email
from portal.services.bookings import BAD_EMAIL
from portal.services.guest_messages import BadMessage, language_of

MAX_ID: Final = 2**31 - 1
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:00(\.0+)?)?)?", re.ASCII)
_CLOCK: Final = re.compile(r"\d{2}:\d{2}(:00)?", re.ASCII)
# Far from the ends of the calendar, where a time zone's offset has no date to go to.
_YEARS: Final = range(2000, 2101)


class LocalMoment(NamedTuple):
    """A day and, where the source says one, a time of day, on the property's clocks."""

    on: date
    at: time | None


class Text(fields.String):
    """Text that a person could have typed: no control characters, nothing a database refuses."""

    default_error_messages: Final = {
        "invalid": "Give text.",
        "null": "Give text.",
        "required": "This field is needed.",
    }

    def __init__(self, *, longest: int, shortest: int = 0, **options: Any) -> None:
        metadata = {**options.pop("metadata", {}), "maxLength": longest}
        if shortest:
            metadata["minLength"] = shortest
        super().__init__(metadata=metadata, **options)
        self.longest = longest
        self.shortest = shortest

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        text = text.strip() if isinstance(text, str) else ""
        if not is_storable(text):
            raise ValidationError("Leave out control characters.")
        if not self.shortest <= len(text) <= self.longest:
            raise ValidationError(f"Give {self.shortest or 0} to {self.longest} characters.")
        return text


class Phone(fields.Field):
    """A phone number as the source wrote it. Never refused for what it looks like."""

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return value

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        if isinstance(value, bool) or not isinstance(value, (str, int, float, type(None))):
            raise ValidationError("Give the phone number as text, or leave it out.")
        text = "" if value is None else str(value)
        return "".join(c for c in text if is_storable(c)).strip()


class Email(fields.Field):
    """One e-mail address; an empty text is none."""

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return value

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        if not isinstance(value, str) or (value.strip() and not is_email(value.strip())):
            raise ValidationError(BAD_EMAIL)
        return value.strip()


class Language(fields.Field):
    """A language code as we keep it; an empty text is none."""

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return value

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        try:
            return language_of(value) if value else ""
        except (BadMessage, AttributeError) as error:
            raise ValidationError(
                "Give a language code such as de, fr or pt-BR, or leave it out."
            ) from error


class WholeNumber(fields.Integer):
    """A whole number, not a text or a fraction that looks like one."""

    def __init__(self, *, low: int, high: int, **options: Any) -> None:
        metadata = {**options.pop("metadata", {}), "minimum": low, "maximum": high}
        super().__init__(metadata=metadata, **options)
        self.low, self.high = low, high

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValidationError("Give a whole number.")
        if not self.low <= value <= self.high:
            raise ValidationError(f"Give a whole number from {self.low} to {self.high}.")
        return value


class RowId(WholeNumber):
    """The id of something in this account."""

    def __init__(self, **options: Any) -> None:
        super().__init__(low=1, high=MAX_ID, **options)


class Moment(fields.Field):
    """A date, or a date with a time of day, on the property's clocks."""

    def __init__(self, **options: Any) -> None:
        metadata = {
            **options.pop("metadata", {}),
            "type": "string",
            "pattern": r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:00)?)?$",
            "examples": ["2026-11-25", "2026-11-25T17:30"],
        }
        super().__init__(metadata=metadata, **options)

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return value

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> LocalMoment:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            raise ValidationError(_MOMENT_WORDS)
        try:
            found = datetime.fromisoformat(value)  # noqa: DTZ007 - local to the property on purpose
        except ValueError as error:
            raise ValidationError(_MOMENT_WORDS) from error
        if found.year not in _YEARS:
            raise ValidationError(f"Give a year from {_YEARS[0]} to {_YEARS[-1]}.")
        return LocalMoment(found.date(), found.time() if "T" in value else None)


_MOMENT_WORDS: Final = (
    "Give a date such as 2026-11-25, or a date with the property's local time such as "
    "2026-11-25T17:30: whole minutes, no Z and no offset."
)


class ClockTime(fields.Field):
    """A time of day such as 16:00."""

    def __init__(self, **options: Any) -> None:
        metadata = {"type": "string", "pattern": r"^\d{2}:\d{2}(:00)?$", "examples": ["16:00"]}
        super().__init__(metadata=metadata, **options)

    def _serialize(self, value: time | None, attr: Any, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.strftime("%H:%M")

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> time:
        words = "Give a time of day such as 16:00."
        if not isinstance(value, str) or not _CLOCK.fullmatch(value):
            raise ValidationError(words)
        try:
            return time.fromisoformat(value)
        except ValueError as error:
            raise ValidationError(words) from error


_PIN_WORDS: Final = 'Give 4 to 8 digits as text, such as "482917". Or leave it out.'


class Pin(fields.String):
    """The digits of a PIN, as text because 0042 is not 42."""

    default_error_messages: Final = {"null": _PIN_WORDS}

    def __init__(self, **options: Any) -> None:
        metadata = {"pattern": "^[0-9]{4,8}$", "examples": ["482917"]}
        super().__init__(metadata=metadata, **options)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4,8}", value, re.ASCII):
            raise ValidationError(_PIN_WORDS)
        return value


def is_storable(text: str) -> bool:
    """Whether every database takes the text: no control characters, no half surrogate pairs."""
    return not any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) <= 0xDFFF for c in text)
