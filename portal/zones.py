"""Time zones by name, where a name from outside may be missing or wrong."""

from functools import lru_cache
from zoneinfo import ZoneInfo

from portal.domain.stay import zone_of


@lru_cache(maxsize=256)
def zone_or_utc(name: str | None) -> ZoneInfo:
    """The zone of that name; UTC where Schlage told none or one nobody knows.

    The offset only says how an instant is written: with UTC the instant is the same.
    """
    try:
        return zone_of(name or "UTC")
    except ValueError:
        return zone_of("UTC")
