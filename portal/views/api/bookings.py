"""Bookings by API: put one, read one or many, resync one, read what happened."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import abort
from flask_smorest import Blueprint
from sqlalchemy import and_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import clock
from portal.domain.secret import Secret
from portal.extensions import db
from portal.models import Booking, BookingStatus, Lock, Role, Source, TimelineEntry
from portal.services import bookings, roles, spares, stays
from portal.services.booking_page import Line
from portal.services.bookings import BadBooking, BookingWish, changing
from portal.services.callers import TokenHolder
from portal.views import story
from portal.views._guard import caller, requires
from portal.views.api import _blueprint, _bodies, _paging
from portal.views.api._fields import is_storable
from portal.views.api._problems import bad_input, not_found
from portal.views.api._schemas import (
    PAGE_SIZE,
    BookingBody,
    BookingPage,
    BookingQuery,
    BookingsQuery,
    BookingWishBody,
    PageQuery,
    ResyncBody,
    TimelinePage,
)

blueprint: Blueprint = _blueprint.make("api_bookings", "Stays and their door codes.")

_EXTERNAL_ID = {
    "in": "path",
    "name": "external_id",
    "description": "The source's own id of the booking; slashes are allowed.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 512},
}
_SOURCE = {
    "in": "path",
    "name": "source",
    "schema": {"type": "string", "enum": [str(source) for source in Source]},
}


@blueprint.route(
    "/bookings/<source>/<path:external_id>",
    methods=["PUT"],
    parameters=[_SOURCE, _EXTERNAL_ID],
    # An id is taken as it is: a doubled slash is not ours to correct.
    merge_slashes=False,
)
@blueprint.arguments(BookingWishBody)
@blueprint.response(200, BookingBody, description="Changed, or as it was.")
@blueprint.alt_response(201, schema=BookingBody, description="Created.")
@requires(Role.MANAGER)
def put(wish: dict[str, Any], source: str, external_id: str) -> tuple[dict[str, Any], int]:
    """Create the booking, or change it: the same call twice changes nothing."""
    known = _source(source)
    if not is_storable(external_id):
        raise bad_input("external_id", "Leave out control characters.")
    try:
        booking_id, created = _save(known, external_id, _wish(wish))
    except IntegrityError:
        # The same new booking came twice at the same moment: now it exists, so this is a change.
        booking_id, created = _save(known, external_id, _wish(wish))
    return _body(db.session(), booking_id), 201 if created else 200


@blueprint.route("/bookings")
@blueprint.arguments(BookingsQuery, location="query")
@blueprint.response(200, BookingPage)
@requires(Role.VIEWER)
def index(query: dict[str, Any]) -> dict[str, Any]:
    """Bookings by arrival, soonest first."""
    session, now = db.session(), clock.now()
    statement = _visible(session).order_by(Booking.starts_at, Booking.id).limit(PAGE_SIZE + 1)
    hours = query.get("arriving_within_hours")
    if hours is not None:
        statement = statement.where(
            Booking.status == BookingStatus.CONFIRMED,
            Booking.starts_at >= now,
            Booking.starts_at <= now + timedelta(hours=hours),
        )
    start = _paging.after(query.get("cursor"))
    if start is not None:
        at, row_id = start
        if at is None:
            raise bad_input("cursor", "This cursor is of another list.")
        statement = statement.where(
            or_(Booking.starts_at > at, and_(Booking.starts_at == at, Booking.id > row_id))
        )
    rows = session.scalars(statement).all()
    shown = rows[:PAGE_SIZE]
    key = (shown[-1].starts_at, shown[-1].id) if shown else None
    return _paging.page(rows, _bodies.of(session, shown, now), key)


@blueprint.route("/bookings/<int:booking_id>")
@blueprint.arguments(BookingQuery, location="query")
@blueprint.response(200, BookingBody)
@requires(Role.VIEWER)
def show(query: dict[str, Any], booking_id: int) -> dict[str, Any]:
    """One booking. `?reveal=pin` adds the PIN, and those of spares that the guest was given, for
    tokens that may, and is recorded."""
    body = _body(db.session(), booking_id)
    if query.get("reveal") == "pin":
        _reveal_pins(body, booking_id)
    return body


@blueprint.route("/bookings/<int:booking_id>/resync", methods=["POST"])
@blueprint.response(202, ResyncBody)
@requires(Role.MANAGER)
def resync(booking_id: int) -> dict[str, Any]:
    """Check every door of the booking anew. A second press while one runs joins it."""
    with changing() as session:
        started = bookings.resync(session, _find(session, booking_id), caller().actor)
    return {"id": booking_id, "started": started}


@blueprint.route("/bookings/<int:booking_id>/timeline")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, TimelinePage)
@requires(Role.VIEWER)
def timeline(query: dict[str, Any], booking_id: int) -> dict[str, Any]:
    """What happened to this booking, oldest first."""
    session = db.session()
    _find(session, booking_id)
    start = _paging.after(query.get("cursor"))
    rows = session.scalars(
        select(TimelineEntry)
        .where(TimelineEntry.booking_id == booking_id)
        .where(TimelineEntry.id > (start[1] if start else 0))
        .order_by(TimelineEntry.id)
        .limit(PAGE_SIZE + 1)
    ).all()
    shown = rows[:PAGE_SIZE]
    return _paging.page(rows, _told(session, shown), (None, shown[-1].id) if shown else None)


def _told(session: Session, entries: Sequence[TimelineEntry]) -> list[dict[str, Any]]:
    """The entries with the sentence that the booking's page shows for each."""
    lock_ids = {entry.lock_id for entry in entries if entry.lock_id is not None}
    names = dict(session.execute(select(Lock.id, Lock.name).where(Lock.id.in_(lock_ids))).all())
    told = []
    for entry in entries:
        line = Line(
            id=entry.id,
            at=entry.at,
            kind=entry.kind,
            door_code_id=entry.door_code_id,
            actor=entry.actor,
            who="",
            lock_name=names.get(entry.lock_id, ""),
            data=entry.data,
        )
        told.append(
            {
                "id": entry.id,
                "at": entry.at,
                "kind": entry.kind,
                "actor": entry.actor,
                "words": story.told(line).words,
                "lock_id": entry.lock_id,
                "door_code_id": entry.door_code_id,
                "data": entry.data,
            }
        )
    return told


def _source(text: str) -> Source:
    try:
        return Source(text)
    except ValueError as error:
        known = ", ".join(str(source) for source in Source)
        raise bad_input("source", f"Give one of: {known}.") from error


def _wish(body: dict[str, Any]) -> BookingWish:
    arrives, departs = body["arrives"], body["departs"]
    return BookingWish(
        property_id=body["property_id"],
        guest_name=body["guest_name"],
        guest_phone=body.get("guest_phone") or "",
        guest_email=body.get("guest_email") or "",
        guest_language=body.get("guest_language") or "",
        arrives_on=arrives.on,
        arrives_time=arrives.at,
        departs_on=departs.on,
        departs_time=departs.at,
        pin=Secret(body["pin"]) if body.get("pin") else None,
        status=BookingStatus(body.get("status", BookingStatus.CONFIRMED)),
    )


def _save(source: Source, external_id: str, wish: BookingWish) -> tuple[int, bool]:
    try:
        with changing() as session:
            saved = bookings.save(session, source, external_id, wish, caller().actor)
            return saved.booking.id, saved.created
    except BadBooking as error:
        raise bad_input(error.field, error.words) from error


def _visible(session: Session) -> Any:
    """Bookings that this caller may see; staff see those of today and tomorrow."""
    query = _bodies.query()
    if caller().role is Role.STAFF:
        query = query.where(stays.staff_scope(session, clock.now()))
    return query


def _find(session: Session, booking_id: int) -> Booking:
    booking: Booking | None = session.scalars(
        _visible(session).where(Booking.id == booking_id)
    ).one_or_none()
    if booking is None:
        not_found()
    return booking


def _body(session: Session, booking_id: int) -> dict[str, Any]:
    return _bodies.of(session, [_find(session, booking_id)], clock.now())[0]


def _reveal_pins(body: dict[str, Any], booking_id: int) -> None:
    holder = caller()
    may = isinstance(holder, TokenHolder) and holder.can_reveal_pins
    with changing() as session:
        booking = _find(session, booking_id)
        if not (may and roles.may_see_pin(holder.role, booking, clock.now())):
            abort(403, "This token may not read this PIN.")
        pin = bookings.show_pin(session, booking, holder.actor)
        body["pin"] = None if pin is None else pin.reveal()
        if pin is not None:
            given = {code.id: code.pin for code in spares.given_to(session, booking)}
            for spare in body["spares"]:
                if (own := given.get(spare["id"])) is not None:
                    spare["pin"] = own.reveal()
