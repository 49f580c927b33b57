"""The world a newcomer meets: one owner, five properties, eight locks, and two things amiss.

Ids and names are fixed, so that whoever loads the demo account can map them.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from simulator.cloud import Cloud
from simulator.codes import Code
from simulator.problems import ALREADY_IN_USE
from simulator.schedules import temporary
from simulator.script import UNTIL_DELETE_ALL, Step

USER_ID = "demo"
USER_NAME = "Dana Demo"


@dataclass(frozen=True, slots=True)
class DemoLock:
    """A lock of the demo, and what is special about it."""

    id: str
    name: str
    property: str
    """What the demo account calls the rental unit that this lock opens."""
    zone: str
    traits: dict[str, Any] = field(default_factory=dict)
    foreign: tuple[tuple[str, str], ...] = ()
    """Names and digits of codes made in the phone app."""
    forgotten: tuple[tuple[str, str], ...] = ()
    """Codes that the lock holds and the server does not list: split brain A."""
    script: tuple[Step, ...] = ()


LOCKS = (
    DemoLock(
        "5d1f7a52-0001-4c1e-9a10-6b2f3d8e0001", "Harbor Loft front door",
        "Harbor Loft", "America/New_York", {"vlac": True, "type": "be499WB", "signal_dbm": -48},
    ),
    DemoLock(
        "5d1f7a52-0002-4c1e-9a10-6b2f3d8e0002", "Harbor Loft street door",
        "Harbor Loft", "America/New_York", {"code_length": 4, "signal_dbm": -67},
    ),
    # Its first add times out once: the newcomer sees a retry heal itself.
    DemoLock(
        "5d1f7a52-0003-4c1e-9a10-6b2f3d8e0003", "Maple Cottage front door",
        "Maple Cottage", "America/New_York", {"code_length": 4, "signal_dbm": -71},
        script=(Step("timeout_not_applied", only="add"),),
    ),
    DemoLock(
        "5d1f7a52-0004-4c1e-9a10-6b2f3d8e0004", "Maple Cottage garden door",
        "Maple Cottage", "America/New_York", {"vlac": True, "battery_level": 14},
    ),
    DemoLock(
        "5d1f7a52-0005-4c1e-9a10-6b2f3d8e0005", "Cedar Cabin front door",
        "Cedar Cabin", "America/Denver", {"code_length": 6},
        foreign=(("Cleaner", "730518"),),
    ),
    DemoLock(
        "5d1f7a52-0006-4c1e-9a10-6b2f3d8e0006", "Lakeview House front door",
        "Lakeview House", "America/Chicago", {"vlac": True, "type": "be499WB"},
    ),
    DemoLock(
        "5d1f7a52-0007-4c1e-9a10-6b2f3d8e0007", "Lakeview House lake door",
        "Lakeview House", "America/Chicago",
        {"code_length": 4, "signal_dbm": -88, "is_connected": False, "shown_connected": False},
    ),
    # It refuses every add until somebody presses Delete All: the one that needs a person.
    DemoLock(
        "5d1f7a52-0008-4c1e-9a10-6b2f3d8e0008", "Old Mill front door",
        "Old Mill Apartment", "America/New_York", {"vlac": True},
        forgotten=(("Guest Novak", "604417"), ("Guest Okafor", "915263")),
        script=(Step(f"failed:{ALREADY_IN_USE.text}", only="add", until=UNTIL_DELETE_ALL),),
    ),
)  # fmt: skip


def load_demo(cloud: Cloud) -> None:
    """The cloud has the demo's user and locks, if it had no user at all."""
    if cloud.oauth.users:
        return
    cloud.add_user(USER_ID, USER_NAME)
    midnight = cloud.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    last_stay = temporary(midnight - timedelta(days=9), midnight - timedelta(days=5))
    for demo in LOCKS:
        lock = cloud.add_lock(USER_ID, demo.name, demo.id, zone=demo.zone, **demo.traits)
        with cloud.steady() as core:
            if not lock.is_connected:
                lock.down_since = core.now()
            for name, pin in demo.foreign:
                cloud.people.add_code(lock, name, pin)
            for number, (name, pin) in enumerate(demo.forgotten):
                lock.lock_codes.put(Code(f"{demo.id[:-4]}f{number:03}", name, pin, last_stay))
            for step in demo.script:
                lock.script.push(step.faults, step.only, step.until)
            core.keep(lock)
