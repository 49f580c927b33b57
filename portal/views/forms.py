"""The forms of the pages: which fields, what each may hold, and what is said where it does not."""

from datetime import date, time
from typing import Any, Final

from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import (
    BooleanField,
    DateField,
    Field,
    IntegerField,
    StringField,
    TextAreaField,
    TimeField,
)
from wtforms import SelectField as AnySelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import (
    InputRequired,
    Length,
    NumberRange,
    Optional,
    Regexp,
    ValidationError,
)

from portal.domain.bulk import MOST_MINUTES, Kind, Options
from portal.domain.guest_sending import Way, is_email
from portal.domain.intake_types import FeedSource
from portal.domain.spare import MOST_PER_LOCK, PER_LOCK
from portal.models import PinSource, RestorePolicy
from portal.views import filters

_NEEDED: Final = lazy_gettext("This is needed.")
_WAYS: Final = (
    SelectChoice("", lazy_gettext("stays")),
    SelectChoice("earlier", lazy_gettext("earlier")),
    SelectChoice("later", lazy_gettext("later")),
)
_UNITS: Final = (
    SelectChoice("1", lazy_gettext("minutes")),
    SelectChoice("60", lazy_gettext("hours")),
)
_AMOUNT: Final = NumberRange(1, MOST_MINUTES, lazy_gettext("Give 1 to 1440."))
_CHOOSE: Final = lazy_gettext("Choose one from the list.")
FEED_SOURCES: Final = (
    SelectChoice(FeedSource.AIRBNB, "Airbnb"),
    SelectChoice(FeedSource.VRBO, "Vrbo"),
    SelectChoice(FeedSource.BOOKING_COM, "Booking.com"),
    SelectChoice(FeedSource.OWNERREZ, "OwnerRez"),
    SelectChoice(FeedSource.GOOGLE, "Google Calendar"),
    SelectChoice(FeedSource.ICAL, lazy_gettext("Another calendar")),
)


class Needed(InputRequired):
    """Something must be entered; said in our words."""

    def __init__(self) -> None:
        super().__init__(message=_NEEDED)


class SelectField(AnySelectField):
    """One of what is offered; anything else is refused in our words."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(_CHOOSE) from error

    def pre_validate(self, form: Any) -> None:
        try:
            super().pre_validate(form)
        except ValidationError as error:
            raise ValidationError(_CHOOSE) from error


class DateIn(DateField):
    """A date; what cannot be read is said in words, and stays in the field."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(
                str(lazy_gettext("This is not a date. Write it as year-month-day."))
            ) from error


class TimeIn(TimeField):
    """A time of day; what cannot be read is said in words, and stays in the field."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, format=["%H:%M", "%H:%M:%S"], **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(
                str(lazy_gettext("This is not a time. Write it as hours:minutes, such as 16:00."))
            ) from error


class NumberIn(IntegerField):
    """A whole number; what cannot be read is said in words."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(str(lazy_gettext("This is not a whole number."))) from error


class _Dates(FlaskForm):
    arrives_on = DateIn(lazy_gettext("Arrival"), [Needed()])
    arrives_time = TimeIn(lazy_gettext("Arrival time"), [Optional()])
    departs_on = DateIn(lazy_gettext("Departure"), [Needed()])
    departs_time = TimeIn(lazy_gettext("Departure time"), [Optional()])

    def validate_departs_on(self, field: Field) -> None:
        if isinstance(self.arrives_on.data, date) and field.data < self.arrives_on.data:
            raise ValidationError(str(lazy_gettext("The departure is before the arrival.")))


class DatesForm(_Dates):
    """When a stay begins and ends, in the property's zone; no time means the property's own."""


def _check_email(_form: FlaskForm, field: Field) -> None:
    field.data = field.data.strip()
    if not is_email(field.data):
        raise ValidationError(gettext("Give one e-mail address, such as ana@example.com."))


class EmailIn(StringField):
    """One e-mail address, or none where that is allowed."""

    def __init__(self, label: Any, needed: Optional | InputRequired, **kwargs: Any) -> None:
        super().__init__(label, [needed, _check_email], **kwargs)


class GuestForm(FlaskForm):
    """Who comes."""

    guest_name = StringField(lazy_gettext("Guest's name"), [Optional(), Length(max=200)])
    guest_phone = StringField(lazy_gettext("Guest's phone"), [Optional(), Length(max=60)])
    guest_email = EmailIn(lazy_gettext("Guest's e-mail"), Optional())
    guest_language = SelectField(lazy_gettext("Guest's language"))
    note = TextAreaField(lazy_gettext("Note for yourself"), [Optional(), Length(max=2000)])


class PinForm(FlaskForm):
    """Another PIN: the manager's digits, or none for a random one."""

    pin = StringField(
        lazy_gettext("Digits of your choice"),
        [
            Optional(),
            Regexp(r"^[0-9]{4,8}$", message=lazy_gettext("A PIN is 4 to 8 digits and no more.")),
        ],
        filters=[lambda text: text.strip() if text else text],
    )


class BookingForm(_Dates):
    """A booking typed by hand."""

    property_id = SelectField(lazy_gettext("Property"), [Needed()], coerce=int)
    guest_name = StringField(lazy_gettext("Guest's name"), [Needed(), Length(max=200)])
    guest_phone = StringField(lazy_gettext("Guest's phone"), [Optional(), Length(max=60)])
    guest_email = EmailIn(lazy_gettext("Guest's e-mail"), Optional())
    pin = StringField(
        lazy_gettext("PIN"),
        [
            Optional(),
            Regexp(r"^[0-9]{4,8}$", message=lazy_gettext("A PIN is 4 to 8 digits and no more.")),
        ],
        filters=[lambda text: text.strip() if text else text],
    )
    note = TextAreaField(lazy_gettext("Note for yourself"), [Optional(), Length(max=2000)])


class PropertyForm(FlaskForm):
    """A property's settings."""

    name = StringField(lazy_gettext("Name"), [Needed(), Length(max=200)])
    time_zone = StringField(lazy_gettext("Time zone"), [Needed(), Length(max=64)])
    check_in = TimeIn(lazy_gettext("Check-in"), [Needed()], default=time(16))
    check_out = TimeIn(lazy_gettext("Check-out"), [Needed()], default=time(11))
    lead_days = NumberIn(
        lazy_gettext("Send codes this many days ahead"),
        [Needed(), NumberRange(0, 60, lazy_gettext("Give 0 to 60 days."))],
        default=7,
    )
    buffer_before_minutes = NumberIn(
        lazy_gettext("Minutes the code works before check-in"),
        [Needed(), NumberRange(0, 1440, lazy_gettext("Give 0 to 1440 minutes."))],
        default=60,
    )
    buffer_after_minutes = NumberIn(
        lazy_gettext("Minutes the code works after check-out"),
        [Needed(), NumberRange(0, 1440, lazy_gettext("Give 0 to 1440 minutes."))],
        default=60,
    )
    pin_source = SelectField(
        lazy_gettext("New PINs"),
        choices=[
            SelectChoice(PinSource.RANDOM, lazy_gettext("Random digits (stronger)")),
            SelectChoice(
                PinSource.PHONE, lazy_gettext("Last digits of the guest's phone (weaker)")
            ),
        ],
        default=PinSource.RANDOM,
    )
    spare_codes = NumberIn(
        lazy_gettext("Spare codes on each lock"),
        [Needed(), NumberRange(0, MOST_PER_LOCK, lazy_gettext("Give 0 to 4 spare codes."))],
        default=PER_LOCK,
    )
    fallback_entry = TextAreaField(lazy_gettext("Other way in"), [Optional(), Length(max=2000)])
    address = StringField(lazy_gettext("Address"), [Optional(), Length(max=300)])
    directions = TextAreaField(lazy_gettext("How to find the door"), [Optional(), Length(max=2000)])
    pin_hours_before = NumberIn(
        lazy_gettext("Guest page shows the PIN this many hours before check-in"),
        [Needed(), NumberRange(0, 336, lazy_gettext("Give 0 to 336 hours."))],
        default=24,
    )
    shares_fallback = BooleanField(
        lazy_gettext("Show the other way in to a guest whose door may not open")
    )
    alerts_when_vacant = BooleanField(lazy_gettext("Alert me when a door opens while it is vacant"))


class RestoreForm(FlaskForm):
    """What is done with a code of ours that somebody changed in another app."""

    policy = SelectField(
        lazy_gettext("What Latchboard does then"),
        [Needed()],
        choices=[
            SelectChoice(RestorePolicy.RESTORE, lazy_gettext("Put the code back by itself")),
            SelectChoice(RestorePolicy.ASK, lazy_gettext("Ask me first")),
        ],
    )


class FeedForm(FlaskForm):
    """A calendar that is fetched by its address."""

    property_id = SelectField(lazy_gettext("Property"), [Needed()], coerce=int)
    source = SelectField(lazy_gettext("From"), [Needed()], choices=FEED_SOURCES)
    address = StringField(lazy_gettext("Calendar address"), [Needed(), Length(max=2000)])


class LinkForm(FlaskForm):
    """Another address of a calendar."""

    address = StringField(lazy_gettext("Calendar address"), [Needed(), Length(max=2000)])


class FileForm(FlaskForm):
    """A calendar file."""

    property_id = SelectField(lazy_gettext("Property"), [Needed()], coerce=int)
    source = SelectField(lazy_gettext("From"), [Needed()], choices=FEED_SOURCES)
    file = FileField(
        lazy_gettext("Calendar file (.ics)"),
        [FileRequired(lazy_gettext("Choose a file of at most 2 MB."))],
    )


class TableForm(FlaskForm):
    """A table of bookings."""

    file = FileField(
        lazy_gettext("Table of bookings (.csv)"),
        [FileRequired(lazy_gettext("Choose a file of at most 2 MB."))],
    )


class BulkForm(FlaskForm):
    """One deed for many bookings: which one, and how far the times move."""

    kind = SelectField(
        lazy_gettext("What"),
        [Needed()],
        choices=[SelectChoice(str(kind)) for kind in Kind],
        default=str(Kind.RESYNC),
    )
    scope = SelectField(
        lazy_gettext("Which"),
        choices=[SelectChoice("ticked"), SelectChoice("all")],
        default="ticked",
    )
    also_told = BooleanField(lazy_gettext("Also where somebody knows the PIN already"))
    message_way = SelectField(
        lazy_gettext("How"),
        choices=[
            SelectChoice("", lazy_gettext("By e-mail, or else by text message")),
            SelectChoice(Way.EMAIL, lazy_gettext("By e-mail only")),
            SelectChoice(Way.SMS, lazy_gettext("By text message only")),
        ],
        default="",
    )
    also_unconfirmed = BooleanField(
        lazy_gettext("Also where not every door has confirmed the code")
    )
    arrival_way = SelectField(lazy_gettext("Check-in"), choices=_WAYS, default="")
    arrival_amount = NumberIn(lazy_gettext("By"), [Optional(), _AMOUNT])
    arrival_unit = SelectField(lazy_gettext("Minutes or hours"), choices=_UNITS, default="60")
    departure_way = SelectField(lazy_gettext("Check-out"), choices=_WAYS, default="")
    departure_amount = NumberIn(lazy_gettext("By"), [Optional(), _AMOUNT])
    departure_unit = SelectField(lazy_gettext("Minutes or hours"), choices=_UNITS, default="60")

    @property
    def deed(self) -> Kind:
        return Kind(self.kind.data)

    @property
    def options(self) -> Options:
        """What was chosen beside the deed, as far as this deed asks for it."""
        if self.deed is Kind.SEND:
            way = Way(self.message_way.data) if self.message_way.data else None
            return Options(way=way, also_unconfirmed=self.also_unconfirmed.data)
        if self.deed is not Kind.SHIFT:
            return Options(also_told=self.deed is Kind.NEW_PIN and self.also_told.data)
        return Options(
            arrival_minutes=_minutes(self.arrival_way, self.arrival_amount, self.arrival_unit),
            departure_minutes=_minutes(
                self.departure_way, self.departure_amount, self.departure_unit
            ),
        )

    def validate(self, extra_validators: Any = None) -> bool:
        """Also that a move moves something, and by a day at the most."""
        is_good: bool = super().validate(extra_validators)
        if not is_good or self.deed is not Kind.SHIFT:
            return is_good
        sides = (
            (self.arrival_way, self.arrival_amount, self.arrival_unit),
            (self.departure_way, self.departure_amount, self.departure_unit),
        )
        for way, amount, unit in sides:
            if way.data and not amount.data:
                tell(self, amount.name, gettext("Say by how much."), amount.name)
            elif abs(_minutes(way, amount, unit)) > MOST_MINUTES:
                tell(self, amount.name, gettext("At most a day at once."), amount.name)
        if not any(way.data for way, _, _ in sides):
            tell(self, "arrival_way", gettext("Choose earlier or later here."), "arrival_way")
        return not self.errors


def _minutes(way: Field, amount: Field, unit: Field) -> int:
    sign = {"earlier": -1, "later": 1}.get(way.data, 0)
    return sign * (amount.data or 0) * int(unit.data)


def tell(form: FlaskForm, field: str, words: str, otherwise: str) -> None:
    """Puts what a service said of a field at that field, or at `otherwise` where it has none.

    It stands there in the page's language.
    """
    control: Any = form._fields.get(field) or form._fields[otherwise]
    control.errors = [*control.errors, filters.tr(words)]
