"""Death at a chosen moment: just before or after a commit, just before or after a call."""

from typing import Any

import requests
from sqlalchemy.orm import Session

from benchmarks.stage import Stage
from portal.extensions import db
from simulator.adapter import CloudAdapter
from tests.engine.promises import Killed, Watch


class Reaper:
    """Counts the moments between which a process can die, and kills at one of them.

    A moment is just before a commit, just after it, just before a call reaches Schlage, and just
    after Schlage has answered and before we know it.
    """

    def __init__(self) -> None:
        self.moment = 0
        self.kill_at: int | None = None
        self.is_counting = False
        self.dies_after_a_write = False

    def pass_by(self) -> None:
        if not self.is_counting:
            return
        self.moment += 1
        if self.moment == self.kill_at:
            raise Killed(f"at moment {self.moment}")

    def watch_over(self, watch: Watch) -> None:
        """Jobs from here on count; what the test itself does is never killed."""
        run = watch.run

        def job(*args: Any) -> None:
            self.is_counting = True
            try:
                run(*args)
            finally:
                self.is_counting = False

        watch.run = job


class DeadlyAdapter(CloudAdapter):
    """A wire on which a process can die with its request sent and unanswered."""

    reaper: Reaper

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        self.reaper.pass_by()
        answer = super().send(request, **options)
        if self.reaper.dies_after_a_write and request.method == "POST":
            self.reaper.dies_after_a_write = False
            raise Killed("with the answer unread")
        self.reaper.pass_by()
        return answer


def install(stage: Stage, monkeypatch: Any) -> Reaper:
    """A reaper that every commit and every call of this stage passes by."""
    reaper = Reaper()
    adapter = DeadlyAdapter(stage.cloud)
    adapter.reaper = reaper
    stage.adapter, stage._http = adapter, None
    commit = Session.commit

    def deadly(self: Session) -> None:
        reaper.pass_by()
        commit(self)
        reaper.pass_by()

    monkeypatch.setattr(type(db.session()), "commit", deadly)
    return reaper
