"""Pages that staff have no business on: they see arrivals and their own guests' PINs, no more."""

from flask import Blueprint, abort, g

from portal.models import Role


def keep_out(blueprint: Blueprint) -> None:
    """Staff are refused on every page of this blueprint, whatever role the view itself asks for."""
    blueprint.before_request(_refuse)


def _refuse() -> None:
    caller = g.get("caller")
    if caller is not None and caller.role is Role.STAFF:
        abort(403, "Staff see arrivals. Ask an owner or manager for what you need here.")
