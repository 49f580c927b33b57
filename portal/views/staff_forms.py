"""The form of a staff code: the person, the places, the hours, the end and the PIN."""

from typing import Any, Final

from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from wtforms import SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, Optional, Regexp, ValidationError

from portal.domain.secret import Secret
from portal.domain.week import Weekday, WeeklyWindow
from portal.models import StaffCode
from portal.services.staff_codes import StaffWish
from portal.views.forms import DateIn, Needed, TimeIn

WEEKDAYS: Final = {
    Weekday.MONDAY: lazy_gettext("Monday"),
    Weekday.TUESDAY: lazy_gettext("Tuesday"),
    Weekday.WEDNESDAY: lazy_gettext("Wednesday"),
    Weekday.THURSDAY: lazy_gettext("Thursday"),
    Weekday.FRIDAY: lazy_gettext("Friday"),
    Weekday.SATURDAY: lazy_gettext("Saturday"),
    Weekday.SUNDAY: lazy_gettext("Sunday"),
}
_DAYS: Final = [SelectChoice(str(day), words) for day, words in WEEKDAYS.items()]


class TicksField(SelectMultipleField):
    """Ticks of which any number may be set; a value that is no choice is said in our words."""

    def pre_validate(self, form: FlaskForm) -> None:
        try:
            super().pre_validate(form)
        except ValidationError as error:
            raise ValidationError(gettext("One of these is gone. Choose again.")) from error


class StaffCodeForm(FlaskForm):
    """A person's code. The hours are by each lock's own clock; none mean any time."""

    name = StringField(lazy_gettext("Name"), [Needed(), Length(max=200)])
    phone = StringField(lazy_gettext("Phone"), [Optional(), Length(max=60)])
    email = StringField(
        lazy_gettext("E-mail"),
        [
            Optional(),
            Length(max=254),
            Regexp(
                r"^[^@\s]+@[^@\s]+$",
                message=lazy_gettext("This is no e-mail address, such as rosa@example.com."),
            ),
        ],
    )
    places = TicksField(lazy_gettext("Locks"))
    days_1 = TicksField(lazy_gettext("Days"), choices=_DAYS)
    starts_1 = TimeIn(lazy_gettext("From"), [Optional()])
    ends_1 = TimeIn(lazy_gettext("Until"), [Optional()])
    days_2 = TicksField(lazy_gettext("Days"), choices=_DAYS)
    starts_2 = TimeIn(lazy_gettext("From"), [Optional()])
    ends_2 = TimeIn(lazy_gettext("Until"), [Optional()])
    ends_on = DateIn(lazy_gettext("Last day"), [Optional()])
    pin = StringField(
        lazy_gettext("PIN"),
        [
            Optional(),
            Regexp(r"^[0-9]{4,8}$", message=lazy_gettext("A PIN is 4 to 8 digits and no more.")),
        ],
        filters=[lambda text: text.strip() if text else text],
    )

    def validate(self, extra_validators: Any = None) -> bool:
        """An empty time skips its own checks, so a window that is begun is looked at here."""
        is_good = super().validate(extra_validators)
        for number in (1, 2):
            days, starts, ends = self._window(number)
            if any((days.data, starts.data, ends.data)) and not ends.errors and not starts.errors:
                try:
                    self._check_hours(number)
                except ValidationError as error:
                    ends.errors = [*ends.errors, str(error)]
                    is_good = False
        return is_good

    def wish(self) -> StaffWish:
        """What the form asks for, once it is valid."""
        chosen = [value.rpartition("-") for value in self.places.data or ()]
        return StaffWish(
            name=self.name.data or "",
            phone=self.phone.data or "",
            email=self.email.data or "",
            lock_ids=frozenset(int(number) for kind, _, number in chosen if kind == "lock"),
            property_ids=frozenset(int(number) for kind, _, number in chosen if kind == "property"),
            windows=tuple(self._windows()),
            ends_on=self.ends_on.data,
            pin=Secret(self.pin.data) if self.pin.data else None,
        )

    def show(self, staff: StaffCode) -> None:
        """Fills the fields with the code as it is; the PIN stays hidden."""
        self.name.data, self.phone.data, self.email.data = staff.name, staff.phone, staff.email
        self.places.data = [
            f"lock-{grant.lock_id}" if grant.lock_id else f"property-{grant.property_id}"
            for grant in staff.grants
        ]
        for number, window in enumerate(staff.windows, start=1):
            days, starts, ends = self._window(number)
            days.data = [str(day) for day in window.weekdays]
            starts.data, ends.data = window.starts, window.ends
        self.ends_on.data = staff.ends_on

    def _windows(self) -> list[WeeklyWindow]:
        found = []
        for number in (1, 2):
            days, starts, ends = self._window(number)
            if days.data:
                weekdays = frozenset(Weekday(day) for day in days.data)
                found.append(WeeklyWindow(weekdays, starts.data, ends.data))
        return found

    def _window(self, number: int) -> tuple[Any, Any, Any]:
        return tuple(self[f"{name}_{number}"] for name in ("days", "starts", "ends"))

    def _check_hours(self, number: int) -> None:
        days, starts, ends = self._window(number)
        if not days.data:
            raise ValidationError(gettext("Tick the days on which these hours hold."))
        if starts.data is None or ends.data is None:
            raise ValidationError(gettext("Give both times, or untick the days."))
        if starts.data >= ends.data:
            raise ValidationError(
                gettext(
                    "The end must be after the start. For a night, use the second hours for the "
                    "next morning."
                )
            )
