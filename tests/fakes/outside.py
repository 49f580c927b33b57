"""The servers of other people, as far as messages and webhooks out know them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from portal.domain.secret import Secret
from portal.messages.child import Text
from portal.network.errors import CallFailed, CallProblem
from portal.network.post import Answer

DOWN = CallFailed("no_connection", "The service could not be reached.")


@dataclass
class FakeMessenger:
    """Takes messages; `problems` are what becomes of the next ones, None for those it takes."""

    problems: list[CallProblem | None] = field(default_factory=list)
    is_down: bool = False
    sent: list[tuple[str, Text]] = field(default_factory=list)
    tries: int = 0

    def __call__(self, address: Secret, text: Text, *, allow_private: bool) -> None:
        self.tries += 1
        problem = self.problems.pop(0) if self.problems else DOWN if self.is_down else None
        if problem is not None:
            raise problem
        self.sent.append((address.reveal(), text))


@dataclass(frozen=True)
class Posted:
    """One call as it arrived."""

    address: str
    body: bytes
    headers: Mapping[str, str]


@dataclass
class FakeReceiver:
    """Takes calls with `status`, unless there is a `problem`."""

    status: int = 200
    problem: CallProblem | None = None
    posted: list[Posted] = field(default_factory=list)

    def __call__(
        self, address: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool
    ) -> Answer:
        self.posted.append(Posted(address, body, headers))
        if self.problem is not None:
            raise self.problem
        return Answer(self.status)
