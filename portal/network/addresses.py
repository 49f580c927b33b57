"""Which addresses may be called: the URL's form, and every IP address behind it.

An address that a stranger typed is called by our server, so it could ask for the machines of our
own network. The rules are those of OWASP ASVS 1.3.6; the list of networks does not trust
`ipaddress.is_global` alone, which differs between Python versions and lets through IPv6 addresses
that carry a private IPv4 address inside.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import idna

from portal.network.errors import CallRefused

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST_ADDRESS: Final = 2000

_NEVER: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier networks, and a cloud's metadata service
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's own services, on a public address
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # IPv4 inside IPv6
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo among others
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
_HOST_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f-\x9f\\\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Target:
    """One address to call, taken apart and checked; the path holds the token, so no repr."""

    scheme: str
    host: str
    port: int
    path: str

    def __repr__(self) -> str:
        return f"Target({self.scheme}://{self.host}:{self.port})"


def target(address: str, *, allow_private: bool = False) -> Target:
    """The checked parts of an address; CallRefused says which rule it breaks.

    `webcal://` is what calendars call https. With `allow_private` any port, plain http and IP
    addresses pass here; `check_addresses` then lets them reach private networks only.
    """
    if not address or len(address) > LONGEST_ADDRESS or _UNSAFE.search(address):
        raise CallRefused("bad_address", "This is not a web address.")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise CallRefused("bad_address", "This is not a web address.") from None
    scheme = {"webcal": "https", "webcals": "https"}.get(parts.scheme, parts.scheme)
    if scheme != "https" and not (allow_private and scheme == "http"):
        raise CallRefused("not_https", "The address must start with https://.")
    if "@" in parts.netloc:
        raise CallRefused("credentials", "The address must not hold a user name or password.")
    host = _host(parts.hostname or "", allow_private=allow_private)
    if port is None:
        port = 443 if scheme == "https" else 80
    if port != 443 and not allow_private:
        raise CallRefused("bad_port", "The address must not name a port other than 443.")
    path = parts.path or "/"
    if parts.query:
        path += f"?{parts.query}"
    return Target(scheme, host, port, path)


def _host(name: str, *, allow_private: bool) -> str:
    """The host in ASCII, a name of at least two parts that no resolver takes for a number."""
    if _as_ip(name) is not None or ":" in name:
        if allow_private and _as_ip(name) is not None:
            return name
        raise CallRefused("ip_literal", "The address must name a host, not an IP address.")
    try:
        host = name.rstrip(".")
        host = host.lower() if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise CallRefused("bad_host", "The host in this address is not a valid name.") from None
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # "127.1", "0x7f.1" and "2130706433" are IP addresses to getaddrinfo.
        raise CallRefused("ip_literal", "The address must name a host, not an IP address.")
    is_name = len(host) <= 253 and all(_HOST_LABEL.fullmatch(label) for label in labels)
    if not is_name or (len(labels) < 2 and not allow_private):
        raise CallRefused("bad_host", "The host in this address is not a valid name.")
    return host


def _as_ip(text: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def check_addresses(
    found: list[str], destination: Target, *, allow_private: bool = False
) -> list[str]:
    """The addresses to connect to, all of them checked; CallRefused if a single one is not a
    public address, for the answer of a resolver is as hostile as the URL.

    With `allow_private` a host that has only loopback and private addresses passes as well.
    Plain http and other ports pass for those alone.
    """
    addresses = [_as_ip(text.partition("%")[0]) for text in found]
    known = [address for address in addresses if address is not None]
    if not known or len(known) != len(addresses):
        raise CallRefused("bad_host", "The host of this address could not be understood.")
    if allow_private and all(is_own_network(address) for address in known):
        return found
    is_public_call = destination.scheme == "https" and destination.port == 443
    literal = _as_ip(destination.host) is not None
    if not is_public_call or literal or not all(is_public(address) for address in known):
        raise CallRefused("private_address", "The address leads into a private network.")
    return found


def is_public(address: IPAddress) -> bool:
    """Whether `address` is one of the public internet."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in _NEVER if network.version == address.version)


def is_own_network(address: IPAddress) -> bool:
    """Loopback and private networks; link-local and its metadata services never."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    bare = mapped or address
    if bare.is_loopback:
        return True
    if bare.is_link_local or bare.is_multicast or bare.is_unspecified or bare.is_reserved:
        return False
    return bare.is_private
