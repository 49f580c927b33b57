"""Fetches one booking feed and takes over what changed."""

from jobs.running import job
from portal.services import intake


@job
def fetch_feed(feed_id: int) -> None:
    intake.fetch(feed_id)
