"""Time that a test moves, with the sweeps and jobs that belong to it."""

from datetime import UTC, datetime, timedelta

from portal.queue import JobName
from portal.services import bulk, endpoints, guest_sending, notices, sweep
from tests.fakes.outside import FakeMessenger, FakeReceiver
from tests.support.bells import FakeBell


class World:
    """What happens after the rows were changed: the sweep, and the jobs it rings for."""

    def __init__(self, bell: FakeBell, messenger: FakeMessenger, receiver: FakeReceiver) -> None:
        self.now = datetime(2026, 3, 5, 17, tzinfo=UTC)  # noon in New York
        self.bell = bell
        self.messenger = messenger
        self.receiver = receiver

    def pass_time(self, **span: float) -> None:
        """The time passes, in sweeps of a minute (of ten over hours), each with its jobs."""
        end = self.now + timedelta(**span)
        step = timedelta(minutes=1 if end - self.now <= timedelta(hours=1) else 10)
        while self.now < end:
            self.now = min(end, self.now + step)
            self.sweep()

    def jump(self, **span: float) -> None:
        """The time passes, and nothing sweeps meanwhile."""
        self.now += timedelta(**span)
        self.sweep()

    def sweep(self) -> None:
        sweep.sweep()
        self.work()

    def work(self) -> None:
        """The jobs that were rung for are done."""
        rings, self.bell.rings = self.bell.rings, []
        for job, ids in rings:
            if job is JobName.SEND_NOTICE:
                notices.send(*ids)
            elif job is JobName.CALL_ENDPOINT:
                endpoints.call(*ids)
            elif job is JobName.SEND_TO_GUEST:
                guest_sending.send(*ids)
            elif job is JobName.WORK_BULK:
                bulk.work(*ids)

    @property
    def titles(self) -> list[str]:
        """What was sent, by its headlines."""
        return [text.title for _, text in self.messenger.sent]
