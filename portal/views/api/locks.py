"""GET /api/v1/locks."""

from typing import Any

from flask_smorest import Blueprint
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.extensions import db
from portal.models import Lock, Mapping, Role
from portal.views._guard import requires
from portal.views.api import _blueprint, _paging
from portal.views.api._schemas import PAGE_SIZE, LockPage, PageQuery

blueprint: Blueprint = _blueprint.make("api_locks", "The account's locks.")


@blueprint.route("/locks")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, LockPage)
@requires(Role.VIEWER)
def index(query: dict[str, Any]) -> dict[str, Any]:
    """Every lock, and the properties that it opens."""
    session = db.session()
    start = _paging.after(query.get("cursor"))
    rows = session.scalars(
        select(Lock)
        .where(Lock.id > (start[1] if start else 0))
        .order_by(Lock.id)
        .limit(PAGE_SIZE + 1)
    ).all()
    shown = rows[:PAGE_SIZE]
    properties = _properties_of(session, [lock.id for lock in shown])
    items = [
        {
            "id": lock.id,
            "device_id": lock.device_id,
            "name": lock.name,
            "online": lock.is_online,
            "battery": lock.battery_level,
            "code_length": lock.code_length,
            "property_ids": properties.get(lock.id, []),
        }
        for lock in shown
    ]
    return _paging.page(rows, items, (None, shown[-1].id) if shown else None)


def _properties_of(session: Session, lock_ids: list[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for lock_id, property_id in session.execute(
        select(Mapping.lock_id, Mapping.property_id)
        .where(Mapping.lock_id.in_(lock_ids))
        .order_by(Mapping.property_id)
    ):
        found.setdefault(lock_id, []).append(property_id)
    return found
