"""Bells that remember instead of ringing."""

from portal.queue import JobName


class FakeBell:
    """Records every ring, in order."""

    def __init__(self) -> None:
        self.rings: list[tuple[JobName, tuple[int, ...]]] = []

    def ring(self, job: JobName, *ids: int) -> None:
        self.rings.append((job, ids))

    def ids_of(self, job: JobName) -> list[int]:
        """The first id of every ring of this job, in order."""
        return [ids[0] for rung, ids in self.rings if rung is job and ids]

    def forget(self) -> None:
        self.rings.clear()
