"""When the API is down: drawn once for a whole world, so that all its parts live under one sky."""

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from benchmarks.world_wire import STORM_AFTER
from simulator.cloud import Cloud
from simulator.faults import Faults, preset

Outage = tuple[datetime, datetime]


def faults_of(name: str) -> Faults:
    """The rates of this preset without the API's outages, which come from `outages`."""
    return replace(preset(name), api_outage_every_days=0.0)


def outages(name: str, seed: int, start: datetime, end: datetime) -> list[Outage]:
    """The API's outages between the two times, at the rates of this preset."""
    faults = preset(name)
    if not faults.api_outage_every_days:
        return []
    random = Random(f"{seed}/api")
    found: list[Outage] = []
    at = start + STORM_AFTER
    while True:
        at += timedelta(days=random.expovariate(1 / faults.api_outage_every_days))
        back = at + timedelta(hours=random.uniform(*faults.api_outage_hours))
        if back >= end:
            return found
        found.append((at, back))
        at = back


def set_api(cloud: Cloud, is_up: bool) -> None:
    """The API can be reached from now on, or cannot."""
    with cloud.steady():
        cloud.weather.set_api(is_up)
