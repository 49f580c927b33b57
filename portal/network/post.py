"""One POST to an address that a stranger typed, within a fixed time, following no redirect.

The address is checked as a feed's is (`addresses.target`, `check_addresses`), and so is every IP
address behind it, in the very connection that is used. What is answered is not read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import urllib3

from portal.network import pinned as network
from portal.network.addresses import check_addresses, target
from portal.network.pinned import Connector, Pinned, Resolver, Watch

TOTAL_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said: its HTTP status, and nothing else."""

    status: int

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


def check(address: str, *, allow_private: bool = False) -> str:
    """The host of the address; CallRefused where it is one that is never called."""
    return target(address, allow_private=allow_private).host


def post(
    address: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_private: bool = False,
    resolver: Resolver = network.resolve,
    connector: Connector = network.connect,
    total_seconds: float = TOTAL_SECONDS,
    ca_file: str | None = None,
) -> Answer:
    """The answer to `body` at `address`.

    CallRefused when the address must not be called, CallFailed when no answer came. The resolver,
    the connector, the deadline and the certificates to trust are given by tests.
    """
    watch = Watch(total_seconds)
    try:
        destination = target(address, allow_private=allow_private)
        found = network.resolved(destination, resolver, watch)
        checked = check_addresses(found, destination, allow_private=allow_private)
        pinned = Pinned(watch, connector, ca_file, tuple(checked))
        pool = network.open_pool(destination, pinned)
        try:
            response = pool.urlopen(
                "POST",
                destination.path,
                body=body,
                headers={"Connection": "close", **headers},
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(connect=watch.left(), read=watch.left()),
                preload_content=False,
                decode_content=False,
            )
            response.close()
            return Answer(response.status)
        except network.BROKEN as error:
            # The cause is not chained: urllib3 writes the path, and with it the token, into it.
            raise network.failure(error, watch) from None
        finally:
            pool.close()
    finally:
        watch.stop()
