"""A condition: something that a person should know of, although nothing has failed for good."""

from dataclasses import dataclass
from typing import Final

from portal.domain import notices
from portal.domain.problems import CATALOGUE, ProblemKey
from portal.domain.status import Status
from portal.models import Lock
from portal.services.alert_page import TROUBLE

# Not on its lock and not on its way off. Named one by one, so that the index leaves out the many
# that are over.
LACKING: Final = frozenset(Status) - {Status.CONFIRMED, Status.REMOVED, Status.REMOVING}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Something that should stand on the alert page for as long as it is so."""

    account_id: int
    key: str
    cause: str
    words: str
    booking_id: int | None = None
    lock_id: int | None = None
    connection_id: int | None = None

    @property
    def thread(self) -> str:
        """The trouble it is about, the same through its escalation."""
        return notices.thread_of(self.cause, self.key, self.booking_id, self.lock_id)


def of_lock(
    lock: Lock, booking_id: int | None, key: ProblemKey = ProblemKey.LOCK_FULL
) -> Condition:
    return Condition(
        account_id=lock.account_id,
        key=f"{key}:{lock.id}",
        cause=str(key),
        words=TROUBLE(name=lock.name, trouble=CATALOGUE[key].title),
        booking_id=booking_id,
        lock_id=lock.id,
    )
