"""The operator's page: every lock with both lists side by side, and buttons for what may happen."""

import json
from itertools import islice

from flask import Blueprint, render_template, request

from simulator.admin.asking import cloud
from simulator.codes import Code
from simulator.faults import PRESETS
from simulator.lock import Lock
from simulator.script import COMMAND_KINDS, FAULTS, NEEDS_NUMBER

SHOWN_WEBHOOKS = 15
EXAMPLES = dict.fromkeys(NEEDS_NUMBER, ":60") | {
    "throttled": ":30",
    "failed": ":User not found in the device",
    "state": ":Queued",
}


views = Blueprint("page", __name__)
views.add_app_template_filter(json.loads, "fromjson")


@views.get("/")
def index() -> str:
    """Everything there is to see, and a form for most of what there is to do."""
    with cloud.steady():
        return render_template(
            "index.html",
            cloud=cloud,
            settings=cloud.core.settings,
            now=cloud.clock.now(),
            locks=list(cloud.locks.values()),
            users=list(cloud.oauth.users.values()),
            webhooks=list(islice(reversed(cloud.webhooks.last), SHOWN_WEBHOOKS)),
            presets=list(PRESETS),
            faults=[name + EXAMPLES.get(name, "") for name in FAULTS],
            explained=FAULTS,
            kinds=COMMAND_KINDS,
            said=request.args.get("said"),
            is_split=is_split,
            window=window,
        )


def is_split(lock: Lock, code: Code) -> bool:
    """Whether only one of the two lists has this code as it is here."""
    return lock.server_codes.get(code.id) != lock.lock_codes.get(code.id)


def window(code: Code) -> str:
    """When the code opens the door, for a narrow column."""
    start, end = code.schedule.start, code.schedule.end
    if start is None or end is None:
        return code.schedule.type.lower()
    return f"{start:%d %b %H:%M} to {end:%d %b %H:%M}"
