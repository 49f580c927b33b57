"""Works one stored webhook."""

from jobs.running import job
from portal.services import webhooks


@job
def process_webhook(row_id: int) -> None:
    webhooks.process(row_id)
