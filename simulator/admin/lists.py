"""The two lists of a lock: the phone app, Delete All, and split brain on purpose."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from simulator import status
from simulator.admin.asking import answer, cloud, fields_given, lock_called
from simulator.lock import Lock
from simulator.schedules import read_schedule

views = Blueprint("admin_lists", __name__, url_prefix="/admin")


def changed(named: str, change: Callable[[Lock], object]) -> ResponseReturnValue:
    lock = lock_called(named)
    with cloud.steady():
        change(lock)
        return answer(status.of_lock(lock))


@views.post("/locks/<named>/phone-codes")
def add_code(named: str) -> ResponseReturnValue:
    """A code (`name`, `pin`, `schedule`) is made in the phone app."""
    fields = fields_given()
    schedule = read_schedule(fields.get("schedule"))
    return changed(
        named, lambda lock: cloud.people.add_code(lock, fields["name"], fields["pin"], schedule)
    )


@views.put("/locks/<named>/phone-codes/<code_id>")
def edit_code(named: str, code_id: str) -> ResponseReturnValue:
    """The `name`, `pin` or `schedule` of a code is changed in the phone app."""
    fields = fields_given()
    changes: dict[str, Any] = {key: fields[key] for key in ("name", "pin") if key in fields}
    if "schedule" in fields:
        changes["schedule"] = read_schedule(fields["schedule"])
    return changed(named, lambda lock: cloud.people.edit_code(lock, code_id, **changes))


@views.delete("/locks/<named>/phone-codes/<code_id>")
@views.post("/locks/<named>/phone-codes/<code_id>/remove", endpoint="remove_code_by_form")
def remove_code(named: str, code_id: str) -> ResponseReturnValue:
    return changed(named, lambda lock: cloud.people.remove_code(lock, code_id))


@views.post("/locks/<named>/delete-all")
def delete_all(named: str) -> ResponseReturnValue:
    """Delete All is pressed in the phone app."""
    return changed(named, cloud.people.delete_all)


@views.post("/locks/<named>/synchronise")
def synchronise(named: str) -> ResponseReturnValue:
    """The server takes over the lock's list and tells what came and went."""
    return changed(named, cloud.people.synchronise)


@views.post("/locks/<named>/split-brain")
def split_brain(named: str) -> ResponseReturnValue:
    """`kind` A: only the lock holds the code; B: only the server lists it.

    The code is `code_id`, or one made up of `name` and `pin`.
    """
    fields = fields_given()
    split = {"A": cloud.people.split_a, "B": cloud.people.split_b}.get(fields["kind"].upper())
    if split is None:
        raise ValueError("kind must be A or B")
    code_id = fields.get("code_id") or None
    name = fields.get("name") or "Forgotten code"
    pin = fields["pin"] if code_id is None else ""
    return changed(named, lambda lock: split(lock, code_id, name, pin))
