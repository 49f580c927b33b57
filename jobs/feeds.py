"""Fetches one booking feed and takes over what changed."""

from jobs.running import job
from portal.services import feeds


@job
def fetch_feed(feed_id: int) -> None:
    feeds.fetch(feed_id)
