"""Lists a connection's locks and keeps its subscription alive."""

from jobs.running import job
from portal.services import connections


@job
def check_connection(connection_id: int) -> None:
    connections.check(connection_id)
