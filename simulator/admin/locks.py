"""Locks: making them, their condition, their keypad and what is to go wrong with them next."""

from datetime import datetime
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from simulator import status
from simulator.admin.asking import Missing, answer, cloud, fields_given, is_true, lock_called

views = Blueprint("admin_locks", __name__, url_prefix="/admin")


@views.post("/locks")
def add_lock() -> ResponseReturnValue:
    """`owner_id`, `name`, and any of `id`, `zone`, `vlac`, `code_length`, `battery_level`."""
    fields = fields_given()
    traits: dict[str, Any] = {"vlac": is_true(fields.get("vlac"))}
    if fields.get("zone"):
        traits["zone"] = fields["zone"]
    for name in ("code_length", "battery_level", "signal_dbm"):
        if fields.get(name):
            traits[name] = int(fields[name])
    if fields["owner_id"] not in cloud.oauth.users:
        raise Missing(f"no user is called {fields['owner_id']}")
    lock = cloud.add_lock(fields["owner_id"], fields["name"], fields.get("id"), **traits)
    return answer(status.of_lock(lock), 201)


@views.get("/locks/<named>")
def show_lock(named: str) -> ResponseReturnValue:
    """The lock with both lists."""
    with cloud.steady():
        return jsonify(status.of_lock(lock_called(named)))


@views.delete("/locks/<named>")
def remove_lock(named: str) -> ResponseReturnValue:
    """The lock is no longer in its owner's account."""
    cloud.remove_lock(lock_called(named).id)
    return "", 204


@views.post("/locks/<named>/condition")
def condition(named: str) -> ResponseReturnValue:
    """Any of `connected`, `battery_level`, `signal_dbm`, `bolt`, `clock_fault`, `firmware`."""
    lock, fields = lock_called(named), fields_given()
    battery = int(fields.get("battery_level", lock.battery_level))
    signal = int(fields.get("signal_dbm", lock.signal_dbm))
    with cloud.steady() as core:
        if "connected" in fields:
            cloud.weather.set_connected(lock, is_true(fields["connected"]))
        if "clock_fault" in fields:
            cloud.people.stop_clock_changes(lock, is_true(fields["clock_fault"]))
        cloud.people.set_battery(lock, battery)
        lock.signal_dbm = signal
        lock.bolt = fields.get("bolt", lock.bolt)
        lock.firmware = fields.get("firmware", lock.firmware)
        core.keep(lock)
    return answer(status.of_lock(lock))


@views.post("/locks/<named>/keypad")
def keypad(named: str) -> ResponseReturnValue:
    """Somebody keys in `pin`; with `at`, only whether it would open then."""
    lock, fields = lock_called(named), fields_given()
    at = datetime.fromisoformat(fields["at"]) if fields.get("at") else None
    with cloud.steady():
        opens = cloud.people.key_in(lock, fields["pin"], at)
        is_paused = lock.paused_until is not None
    why = "; its keypad takes a pause" if is_paused and not opens and at is None else ""
    said = f"{lock.name} {'opened' if opens else 'stayed shut' + why}."
    return answer({"opens": opens}, said=said)


@views.post("/locks/<named>/thumb-turn")
def thumb_turn(named: str) -> ResponseReturnValue:
    """Somebody opens the door from inside."""
    lock = lock_called(named)
    with cloud.steady():
        cloud.people.turn_thumb(lock)
    return answer({"opens": True}, said=f"{lock.name} was opened from inside.")


@views.route("/locks/<named>/script", methods=["GET", "POST", "DELETE"])
def script(named: str) -> ResponseReturnValue:
    """`faults` for the next command (of kind `only`), or `until` delete_all."""
    lock = lock_called(named)
    with cloud.steady() as core:
        if request.method == "DELETE" or request.form.get("clear"):
            lock.script.clear()
        elif request.method == "POST":
            fields = fields_given()
            lock.script.push(fields["faults"], fields.get("only") or None, fields.get("until"))
        core.keep(lock)
    return answer(lock.script.to_rows())
