"""Sends one notice to its channel; makes one call to an endpoint."""

from jobs.running import job
from portal.services import endpoints, notices


@job
def send_notice(notice_id: int) -> None:
    notices.send(notice_id)


@job
def call_endpoint(call_id: int) -> None:
    endpoints.call(call_id)
