"""The shapes of the API's requests and answers; the OpenAPI description is made from them."""

from typing import ClassVar, Final

from marshmallow import Schema, fields, validate

from portal.domain.problems import ProblemKey
from portal.domain.spare import MOST_PER_LOCK, PER_LOCK
from portal.domain.status import Status, Verdict
from portal.models import BookingStatus, Source
from portal.views.api._fields import (
    ClockTime,
    Email,
    Language,
    Moment,
    Phone,
    Pin,
    RowId,
    Text,
    WholeNumber,
)

NEEDED: Final = {"required": "This field is needed.", "null": "This field is needed."}
PAGE_SIZE: Final = 100


def _one_of(enum: type[Status | Verdict | ProblemKey | BookingStatus | Source]) -> validate.OneOf:
    values = [str(value) for value in enum]
    return validate.OneOf(values, error=f"Give one of: {', '.join(values)}.")


class FieldProblem(Schema):
    field = fields.String(metadata={"description": "The field that is at fault."})
    detail = fields.String(metadata={"description": "What is wrong with it, and what would do."})


class Problem(Schema):
    """RFC 9457 problem details."""

    type = fields.String()
    title = fields.String()
    status = fields.Integer()
    detail = fields.String()
    errors = fields.List(fields.Nested(FieldProblem))
    request_id = fields.String(metadata={"description": "Only for faults on our side."})


class Input(Schema):
    """What a caller sends. A name that we do not know is refused, in words that help."""

    error_messages: ClassVar[dict[str, str]] = {
        "unknown": "There is no field of this name: check its spelling, or leave it out.",
        "type": 'Send a JSON object, such as {"name": "value"}.',
    }


class PageQuery(Input):
    cursor = fields.String(metadata={"description": "As the `next` of the page before has it."})


class LockBody(Schema):
    id = fields.Integer()
    device_id = fields.String()
    name = fields.String()
    online = fields.Boolean(allow_none=True)
    battery = fields.Integer(allow_none=True, metadata={"description": "In percent."})
    code_length = fields.Integer(allow_none=True)
    property_ids = fields.List(fields.Integer())


class LockPage(Schema):
    items = fields.List(fields.Nested(LockBody))
    next = fields.String(allow_none=True)


class PropertyWish(Input):
    name = Text(required=True, shortest=1, longest=200)
    time_zone = Text(
        required=True, shortest=1, longest=64, metadata={"examples": ["America/New_York"]}
    )
    check_in = ClockTime(required=True, error_messages=NEEDED)
    check_out = ClockTime(required=True, error_messages=NEEDED)
    spare_codes = WholeNumber(
        low=0,
        high=MOST_PER_LOCK,
        metadata={"description": f"Spare codes kept on each of its locks; {PER_LOCK} if left out."},
    )


class PropertyBody(Schema):
    id = fields.Integer()
    name = fields.String()
    time_zone = fields.String()
    check_in = ClockTime()
    check_out = ClockTime()
    spare_codes = fields.Integer()
    lock_ids = fields.List(fields.Integer())


class MappingWish(Input):
    lock_ids = fields.List(
        RowId(), required=True, error_messages=NEEDED, validate=validate.Length(max=1000)
    )


class BookingWishBody(Input):
    property_id = RowId(required=True, error_messages=NEEDED)
    guest_name = Text(required=True, shortest=1, longest=200)
    guest_phone = Phone(allow_none=True, metadata={"type": "string"})
    guest_email = Email(allow_none=True, metadata={"type": "string", "format": "email"})
    guest_language = Language(
        allow_none=True,
        metadata={
            "type": "string",
            "examples": ["de", "pt-BR"],
            "description": "In which the guest is written to, where there is a text in it.",
        },
    )
    arrives = Moment(required=True, error_messages=NEEDED)
    departs = Moment(required=True, error_messages=NEEDED)
    pin = Pin()
    status = fields.String(
        validate=_one_of(BookingStatus),
        error_messages=dict.fromkeys(
            ("invalid", "null"), "Give one of: confirmed, cancelled. Or leave it out."
        ),
    )


class LinkBody(Schema):
    words = fields.String()
    url = fields.String()


class HelpBody(Schema):
    """A problem in words: why, what runs by itself, and what a person can do."""

    title = fields.String()
    cause = fields.String()
    automatic = fields.String()
    steps = fields.List(fields.String())
    links = fields.List(fields.Nested(LinkBody))


class DoorCodeBody(Schema):
    id = fields.Integer()
    lock_id = fields.Integer()
    status = fields.String(validate=_one_of(Status))
    problem = fields.String(allow_none=True)
    problem_text = fields.String(
        allow_none=True, metadata={"description": "Schlage's own words where there are any."}
    )
    problem_help = fields.Nested(HelpBody, allow_none=True)
    label = fields.String(allow_none=True)
    starts_at = fields.AwareDateTime()
    ends_at = fields.AwareDateTime()
    due_at = fields.AwareDateTime(allow_none=True)
    confirmed_at = fields.AwareDateTime(allow_none=True)


class SpareBody(DoorCodeBody):
    pin = fields.String(metadata={"description": "Only with ?reveal=pin, while it is wanted."})


class BookingBody(Schema):
    id = fields.Integer()
    source = fields.String(validate=_one_of(Source))
    external_id = fields.String()
    property_id = fields.Integer()
    guest_name = fields.String()
    guest_language = fields.String(metadata={"description": "Empty while it is not known."})
    status = fields.String(validate=_one_of(BookingStatus))
    starts_at = fields.AwareDateTime()
    ends_at = fields.AwareDateTime()
    verdict = fields.String(validate=_one_of(Verdict))
    problem = fields.String(allow_none=True)
    problem_help = fields.Nested(HelpBody, allow_none=True)
    revision = fields.Integer()
    door_codes = fields.List(fields.Nested(DoorCodeBody))
    spares = fields.List(
        fields.Nested(SpareBody),
        metadata={"description": "Spare codes that the guest was given where their own was late."},
    )
    pin = fields.String(allow_none=True, metadata={"description": "Only with ?reveal=pin."})


class BookingPage(Schema):
    items = fields.List(fields.Nested(BookingBody))
    next = fields.String(allow_none=True)


class BookingQuery(Input):
    reveal = fields.String(
        validate=validate.OneOf(["pin"], error="Give pin, or leave it out."),
        metadata={"description": "`pin`: with the PIN. Who read it stands in the timeline."},
    )


class BookingsQuery(PageQuery):
    arriving_within_hours = fields.Integer(
        validate=validate.Range(1, 8784, error="Give 1 to 8784 hours."),
        error_messages={"invalid": "Give a whole number of hours."},
        metadata={"description": "Only confirmed stays that arrive from now until then."},
    )


class ResyncBody(Schema):
    id = fields.Integer()
    started = fields.Boolean(
        metadata={"description": "False where this press joined a resync that is running."}
    )


class TimelineBody(Schema):
    id = fields.Integer()
    at = fields.AwareDateTime()
    kind = fields.String()
    actor = fields.String(metadata={"examples": ["engine", "schlage", "manager:3", "api:2"]})
    words = fields.String(metadata={"description": "What happened, in a sentence."})
    lock_id = fields.Integer(allow_none=True)
    door_code_id = fields.Integer(allow_none=True)
    data = fields.Dict()


class TimelinePage(Schema):
    items = fields.List(fields.Nested(TimelineBody))
    next = fields.String(allow_none=True)


__all__ = [name for name in dir() if name.endswith(("Body", "Page", "Query", "Wish"))]
