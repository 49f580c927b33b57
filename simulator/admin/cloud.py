"""The operator's hold on the whole cloud: faults, seed, clock, and whether the API is up."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from simulator import status
from simulator.admin.asking import answer, cloud, fields_given, is_true, lock_called
from simulator.clock import RealClock
from simulator.faults import preset as preset_called

views = Blueprint("admin_cloud", __name__, url_prefix="/admin")


@views.get("/state")
def state() -> ResponseReturnValue:
    """Everything, both lists of every lock among it."""
    with cloud.steady():
        return jsonify(status.of_cloud(cloud))


@views.get("/commands")
def commands() -> ResponseReturnValue:
    """The commands that can still be looked up, oldest first."""
    with cloud.steady():
        return jsonify([status.of_command(command) for command in cloud.commands])


@views.post("/faults")
def faults() -> ResponseReturnValue:
    """`preset` and then any rates, or rates over those that hold; for one `lock` or for all.

    For one lock the preset `none` gives it back to the rates of the cloud.
    """
    fields = fields_given()
    name, named = fields.pop("preset", None), fields.pop("lock", None)
    lock = lock_called(named) if named else None
    if lock and name == "none":
        cloud.set_lock_faults(lock, None)
        return answer(status.of_lock(lock))
    base = cloud.core.faults_of(lock) if lock else cloud.core.settings.faults
    rates = (preset_called(name) if name else base).changed(fields)
    if lock:
        cloud.set_lock_faults(lock, rates)
    else:
        cloud.set_faults(name if name and not fields else rates)
    return answer(rates.to_row())


@views.post("/seed")
def seed() -> ResponseReturnValue:
    cloud.set_seed(int(fields_given()["seed"]))
    return answer({"seed": cloud.core.settings.seed})


@views.post("/clock")
def clock() -> ResponseReturnValue:
    """`advance_seconds` jumps, and all that was due meanwhile happens; `scale` hurries."""
    fields = fields_given()
    with cloud.steady() as core:
        core.clock.skip(float(fields.get("advance_seconds") or 0))
        if fields.get("scale") and isinstance(core.clock, RealClock):
            core.clock.hurry(float(fields["scale"]))
        core.keep_settings()
    cloud.advance_to(cloud.clock.now())
    return answer({"now": cloud.clock.now().isoformat()})


@views.post("/api")
def api() -> ResponseReturnValue:
    """`up` false: the API answers 502 and 504 only."""
    with cloud.steady():
        cloud.weather.set_api(is_true(fields_given()["up"]))
    return answer({"up": cloud.core.settings.api_is_up})
