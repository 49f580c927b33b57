"""Sends one notice to its channel, or one message to its guest; makes one call to an endpoint."""

from jobs.running import job
from portal.services import endpoints, guest_sending, notices


@job
def send_notice(notice_id: int) -> None:
    notices.send(notice_id)


@job
def call_endpoint(call_id: int) -> None:
    endpoints.call(call_id)


@job
def send_to_guest(send_id: int) -> None:
    guest_sending.send(send_id)
