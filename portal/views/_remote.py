"""Where a request comes from."""

import ipaddress

from flask import request


def address() -> str:
    """The caller's network address, for limits. IPv6 by its /64, which is what one home gets.

    Behind proxies it is right only with PROXY_HOPS set to their exact number: no header is
    believed otherwise.
    """
    text = request.remote_addr or ""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return text
    if found.version == 6 and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def is_this_machine() -> bool:
    """Whether the request comes from this machine itself, and not through a proxy on it."""
    if any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-IP")):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
