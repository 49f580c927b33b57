"""What keeps a Cloud going in real time: its heartbeat, and HTTP out of the process."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import requests

from simulator.cloud import Cloud

TIMEOUTS = (5.0, 30.0)
"""Seconds to connect and to read; a subscriber has 30 seconds to answer a validation."""

DELIVERERS = 4
BEAT_SECONDS = 0.05


def deliver(method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
    """The status of a request to a subscriber, or 0 when there was no answer at all."""
    try:
        return requests.request(
            method, url, headers=dict(headers), data=body, timeout=TIMEOUTS, allow_redirects=False
        ).status_code
    except requests.RequestException:
        return 0


class Runner:
    """Advances a cloud along its clock in a thread, and carries webhooks in others."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._carriers = ThreadPoolExecutor(DELIVERERS, "webhook")
        self._heart: threading.Thread | None = None
        self.dispatch = self._carriers.submit
        """To be given to the Cloud, so that a slow subscriber does not hold up its time."""

    def start(self, cloud: Cloud) -> None:
        """The cloud's time goes on by itself until `stop`."""
        self._heart = threading.Thread(target=self._beat, args=(cloud,), name="heart", daemon=True)
        self._heart.start()

    def stop(self) -> None:
        """Time stands still, and what is in the air has landed."""
        self._stopping.set()
        if self._heart is not None:
            self._heart.join()
        self._carriers.shutdown(cancel_futures=True)

    def _beat(self, cloud: Cloud) -> None:
        while not self._stopping.wait(BEAT_SECONDS):
            cloud.advance_to(cloud.clock.now())
