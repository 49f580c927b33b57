"""Chance that can be repeated: every stream of numbers follows from a seed and a name."""

import math
from random import Random
from uuid import UUID

Z_95 = 1.6449
"""Standard deviations between the median of a normal distribution and its 95th percentile."""


def stream(seed: int, *names: object) -> Random:
    """A random source of its own for these names; the same seed and names give the same numbers.

    Seeding with text goes through SHA-512, so it does not depend on the process.
    """
    return Random(":".join(str(part) for part in (seed, *names)))


def new_uuid(rng: Random) -> str:
    """A version 4 UUID in lower case."""
    return str(UUID(int=rng.getrandbits(128), version=4))


def log_normal(rng: Random, median: float, p95: float) -> float:
    """A draw from the log-normal distribution with this median and 95th percentile."""
    return median * math.exp(rng.gauss(0.0, math.log(p95 / median) / Z_95))
