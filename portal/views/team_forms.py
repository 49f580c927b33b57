"""The forms about people: a new one, their role, a token, one's own password."""

from typing import Final

from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, PasswordField, StringField
from wtforms.validators import Length, ValidationError

from portal.services.accounts import MAX_EMAIL, MAX_NAME, MAX_PASSWORD
from portal.views.forms import Needed, SelectField

# A little over the rule: the rule itself is said in words by the service.
_ROOM: Final = MAX_PASSWORD + 100


class PersonForm(FlaskForm):
    """Somebody new in the team."""

    name = StringField(lazy_gettext("Name"), [Needed(), Length(max=MAX_NAME)])
    email = StringField(lazy_gettext("E-mail address"), [Needed(), Length(max=MAX_EMAIL)])
    role = SelectField(lazy_gettext("Role"), [Needed()])
    password = PasswordField(lazy_gettext("First password"), [Needed(), Length(max=_ROOM)])


class RoleForm(FlaskForm):
    """What somebody may do."""

    role = SelectField(lazy_gettext("Role"), [Needed()])


class TokenForm(FlaskForm):
    """A token for a program."""

    name = StringField(lazy_gettext("What is it for?"), [Needed(), Length(max=100)])
    manager_id = SelectField(lazy_gettext("It may do what this person may"), coerce=int)
    can_reveal_pins = BooleanField(lazy_gettext("It may read PINs"))


class PasswordForm(FlaskForm):
    """One's own new password; the old one proves that it is oneself."""

    current = PasswordField(lazy_gettext("Password of today"), [Needed(), Length(max=_ROOM)])
    password = PasswordField(lazy_gettext("New password"), [Needed(), Length(max=_ROOM)])
    again = PasswordField(lazy_gettext("New password once more"), [Needed(), Length(max=_ROOM)])

    def validate_again(self, field: Field) -> None:
        if field.data != self.password.data:
            raise ValidationError(str(lazy_gettext("The two new passwords are not the same.")))
