"""POST /api/v1/properties and PUT /api/v1/properties/<id>/locks."""

from typing import Any

from flask_smorest import Blueprint
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.extensions import db
from portal.models import Mapping, Property, Role
from portal.services import mapping, properties
from portal.services.bookings import changing
from portal.services.properties import BadProperty
from portal.views._guard import caller, requires
from portal.views.api import _blueprint
from portal.views.api._problems import bad_input, not_found
from portal.views.api._schemas import MappingWish, PropertyBody, PropertyWish

blueprint: Blueprint = _blueprint.make("api_properties", "Rental units and their locks.")


@blueprint.route("/properties", methods=["POST"])
@blueprint.arguments(PropertyWish)
@blueprint.response(201, PropertyBody)
@requires(Role.MANAGER)
def create(wish: dict[str, Any]) -> dict[str, Any]:
    """A new property."""
    try:
        with changing() as session:
            place = properties.create(session, caller().account_id, **wish)
            property_id = place.id
    except BadProperty as error:
        raise bad_input(error.field, error.words) from error
    return _body(db.session(), property_id)


@blueprint.route("/properties/<int:property_id>/locks", methods=["PUT"])
@blueprint.arguments(MappingWish)
@blueprint.response(200, PropertyBody)
@requires(Role.MANAGER)
def set_locks(wish: dict[str, Any], property_id: int) -> dict[str, Any]:
    """These locks, and no others, open the property. Its bookings' codes follow by themselves."""
    try:
        with changing() as session:
            place = session.get(Property, property_id)
            if place is None:
                not_found()
            mapping.set_locks(session, place, wish["lock_ids"], caller().actor)
    except mapping.UnknownLock as error:
        raise bad_input("lock_ids", str(error)) from error
    return _body(db.session(), property_id)


def _body(session: Session, property_id: int) -> dict[str, Any]:
    place = session.get_one(Property, property_id)
    lock_ids = session.scalars(
        select(Mapping.lock_id).where(Mapping.property_id == property_id).order_by(Mapping.lock_id)
    ).all()
    return {
        "id": place.id,
        "name": place.name,
        "time_zone": place.time_zone,
        "check_in": place.check_in,
        "check_out": place.check_out,
        "spare_codes": place.spare_codes,
        "lock_ids": lock_ids,
    }
