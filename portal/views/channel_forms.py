"""The forms about channels and webhooks."""

from typing import Final

from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    Field,
    PasswordField,
    SelectMultipleField,
    StringField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, NumberRange, Optional, ValidationError

from portal.domain.guest_sending import is_email
from portal.domain.notices import Topic
from portal.domain.webhook_events import CHOICES, EventKind
from portal.messages.addresses import LONGEST, MAIL_PORTS
from portal.views.forms import EmailIn, Needed, NumberIn, SelectField, TimeIn

TOPIC_WORDS: Final = {
    Topic.ARRIVALS: (
        lazy_gettext("Arrivals"),
        lazy_gettext("A guest comes soon and may not get in."),
    ),
    Topic.REMOVALS: (
        lazy_gettext("Removals"),
        lazy_gettext("An old code is not proven off its lock."),
    ),
    Topic.EQUIPMENT: (
        lazy_gettext("Locks and calendars"),
        lazy_gettext("Locks, batteries, staff codes, the connection to Schlage, calendars."),
    ),
}
EVENT_WORDS: Final = {
    EventKind.DOOR_CODE_STATUS_CHANGED: lazy_gettext("A door code has another status."),
    EventKind.BOOKING_VERDICT_CHANGED: lazy_gettext("A booking has another verdict."),
    EventKind.ALERT_OPENED: lazy_gettext("Something that a person should know of began."),
    EventKind.ALERT_RESOLVED: lazy_gettext("What an alert told of is over."),
}
_NAME: Final = lazy_gettext("Name")


class ServerForm(FlaskForm):
    """A mail server: how it is spoken to, and who writes by it."""

    sender = EmailIn(lazy_gettext("From"), Needed())
    server = StringField(lazy_gettext("Mail server (SMTP)"), [Needed(), Length(max=253)])
    port = NumberIn(lazy_gettext("Port"), [Needed(), NumberRange(1, 65535)], default=587)
    security = SelectField(
        lazy_gettext("Encryption"),
        choices=[
            SelectChoice("starttls", lazy_gettext("STARTTLS (mostly port 587)")),
            SelectChoice("ssl", lazy_gettext("TLS from the start (mostly port 465)")),
        ],
    )
    user = StringField(lazy_gettext("User name"), [Optional(), Length(max=254)])
    password = PasswordField(lazy_gettext("Password"), [Optional(), Length(max=254)])

    def validate_server(self, field: Field) -> None:
        if not all(c.isalnum() or c in ".-" for c in (field.data or "").strip()):
            raise ValidationError(
                str(lazy_gettext("Give the server's name, such as smtp.example.com."))
            )

    def validate_port(self, field: Field) -> None:
        # On a trial installation the server may be any of this machine's own; the sending
        # itself refuses other ports of the internet.
        if field.data is not None and field.data < 1024 and field.data not in MAIL_PORTS:
            raise ValidationError(str(lazy_gettext("Mail is sent by port 587, 465, 2525 or 25.")))


class MailForm(ServerForm):
    """A channel that is an e-mail box."""

    name = StringField(_NAME, [Needed(), Length(max=100)])
    recipients = StringField(lazy_gettext("To"), [Needed(), Length(max=500)])

    def validate_recipients(self, field: Field) -> None:
        found = addresses_in(field.data or "")
        if not found or not all(is_email(each) for each in found):
            raise ValidationError(str(lazy_gettext("Give e-mail addresses, separated by commas.")))


class AddressForm(FlaskForm):
    """A channel by its address."""

    name = StringField(_NAME, [Needed(), Length(max=100)])
    address = StringField(lazy_gettext("Address"), [Needed(), Length(max=LONGEST)])


class WantsForm(FlaskForm):
    """What a channel is told, and when not."""

    name = StringField(_NAME, [Needed(), Length(max=100)])
    topics = SelectMultipleField(
        lazy_gettext("Told of"),
        choices=[SelectChoice(str(t), words[0]) for t, words in TOPIC_WORDS.items()],
    )
    has_digest = BooleanField(lazy_gettext("Morning digest"))
    language = SelectField(lazy_gettext("Language"))
    time_zone = StringField(lazy_gettext("Time zone"), [Needed(), Length(max=64)])
    quiet_from = TimeIn(lazy_gettext("Quiet from"), [Optional()])
    quiet_until = TimeIn(lazy_gettext("Quiet until"), [Optional()])


class EndpointForm(FlaskForm):
    """A webhook: which events it gets."""

    name = StringField(_NAME, [Needed(), Length(max=100)])
    kinds = SelectMultipleField(
        lazy_gettext("Events"), choices=[SelectChoice(str(kind), str(kind)) for kind in CHOICES]
    )


class NewEndpointForm(EndpointForm):
    """A new webhook, with its address."""

    address = StringField(lazy_gettext("Address"), [Needed(), Length(max=LONGEST)])


def addresses_in(text: str) -> list[str]:
    """The e-mail addresses of a field, separated by commas, semicolons or spaces."""
    return text.replace(",", " ").replace(";", " ").split()
