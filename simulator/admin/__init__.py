"""The operator's API below `/admin`: what an owner, a guest, the weather or a vendor might do.

Bodies are JSON, or the fields of a form; a form is answered with the page it came from. A lock
is named by its id or its name.
"""

from flask import Flask
from flask.typing import ResponseReturnValue

from simulator.admin import cloud, lists, locks, users, webhooks
from simulator.admin.asking import Missing, answer
from simulator.people import Refused


def _missing(error: Missing) -> ResponseReturnValue:
    return answer({"error": str(error)}, 404)


def _refused(error: Refused) -> ResponseReturnValue:
    return answer({"error": str(error)}, 409)


def _wrong_value(error: ValueError) -> ResponseReturnValue:
    return answer({"error": str(error)}, 400)


def _left_out(error: KeyError) -> ResponseReturnValue:
    return answer({"error": f"{error.args[0]} is missing"}, 400)


MODULES = (cloud, users, locks, lists, webhooks)

for _module in MODULES:
    _module.views.register_error_handler(Missing, _missing)
    _module.views.register_error_handler(Refused, _refused)
    _module.views.register_error_handler(ValueError, _wrong_value)
    _module.views.register_error_handler(KeyError, _left_out)


def register(app: Flask) -> None:
    """The application answers below `/admin`, and tells what was wrong with a request."""
    for module in MODULES:
        app.register_blueprint(module.views)
