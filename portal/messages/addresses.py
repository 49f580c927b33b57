"""Which Apprise addresses a channel may have, and what may be shown of them.

Apprise speaks to far more than messengers: its addresses can run programs, read files, switch
lights. Only the services named here are let in, with the options named here; where a service runs
on a host of the manager's choice, that host is checked as a feed's is, and once more by the
sending child in the very connection (`send_one`).
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from portal.domain.sentences import Sentence
from portal.network.addresses import is_public
from portal.network.errors import CallRefused

EMAIL: Final = "email"
# By kind the Apprise schemas that it may have.
KINDS: Final[Mapping[str, frozenset[str]]] = {
    EMAIL: frozenset({"mailto", "mailtos"}),
    "slack": frozenset({"slack"}),
    "teams": frozenset({"workflow", "workflows"}),
    "sms": frozenset(
        {
            "bulksms",
            "clicksend",
            "messagebird",
            "nexmo",
            "plivo",
            "sinch",
            "sns",
            "telnyx",
            "twilio",
            "vonage",
        }
    ),
    "chat": frozenset({"discord", "gchat", "mmost", "mmosts", "tgram", "webex", "wxteams"}),
    "push": frozenset({"gotify", "gotifys", "ntfy", "ntfys", "opsgenie", "pagerduty", "pover"}),
    "generic": frozenset({"json", "jsons"}),
}
# The addresses that these services hand out themselves.
_NATIVE: Final = {
    "hooks.slack.com": "slack",
    "discord.com": "chat",
    "chat.googleapis.com": "chat",
    ".logic.azure.com": "teams",
    ".api.powerplatform.com": "teams",
}
# Schemas whose host is the manager's own, and so no token; plain text only on a trial installation.
_HOSTED: Final = frozenset(
    {"json", "jsons", "gotify", "gotifys", "mmost", "mmosts", "mailto", "mailtos"}
)
_PLAIN: Final = frozenset({"json", "gotify", "mmost", "mailto", "ntfy"})
# Options that only say who is told, and as whom. Others name files, or turn checks off.
_OPTIONS: Final = frozenset(
    {"from", "id", "mode", "name", "priority", "region", "smtp", "sound", "to", "token", "user"}
)
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f-\x9f\\\u2028\u2029]")
LONGEST: Final = 2000
MAIL_PORTS: Final = (25, 465, 587, 2525)

_NOT_ENCRYPTED: Final = Sentence("Use {scheme}:// so that nobody reads along.")
_BAD_OPTION: Final = Sentence("Leave out the option “{name}”: it is not allowed here.")


def check(address: str, *, allow_private: bool = False) -> tuple[str, str]:
    """The kind of the address and what may be shown of it; CallRefused says what is wrong.

    `allow_private` is for installations on a loopback address: plain text passes there.
    """
    if not address or len(address) > LONGEST or _UNSAFE.search(address):
        raise CallRefused("bad_address", "This is not an address. It has no spaces in it.")
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
    except ValueError:
        raise CallRefused("bad_address", "This is not an address.") from None
    if parts.scheme == "https":
        return _native_kind(host), host
    kind = next((kind for kind, schemas in KINDS.items() if parts.scheme in schemas), None)
    if kind is None or not parts.netloc:
        raise CallRefused(
            "bad_schema",
            "This kind of address is not allowed. Use one of the services named below.",
        )
    if parts.scheme in _PLAIN and not allow_private:
        raise CallRefused("not_encrypted", _NOT_ENCRYPTED(scheme=f"{parts.scheme}s"))
    _check_options(parts.query)
    if parts.scheme not in _HOSTED:
        return kind, ""
    if not allow_private and not _may_be_public(host):
        raise CallRefused("private_address", "The address leads into a private network.")
    return kind, host


def mail_address(
    *,
    server: str,
    port: int,
    security: str,
    user: str,
    password: str,
    sender: str,
    recipients: list[str],
) -> str:
    """The Apprise address of an e-mail channel; `security` is starttls, ssl or insecure."""
    schema = "mailto" if security == "insecure" else "mailtos"
    who = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    options = {"smtp": server, "mode": security, "from": sender, "to": ",".join(recipients)}
    return f"{schema}://{who}{server}:{port}?{urlencode(options, quote_via=quote)}"


def _may_be_public(host: str) -> bool:
    """Whether this can be a host of the internet, as far as its name tells."""
    try:
        return is_public(ipaddress.ip_address(host))
    except ValueError:
        return "." in host.strip(".")


def _native_kind(host: str) -> str:
    for known, kind in _NATIVE.items():
        if host == known or (known.startswith(".") and host.endswith(known)):
            return kind
    raise CallRefused(
        "bad_schema",
        "This web address is not one of a messenger. For a program of your own, add a webhook.",
    )


def _check_options(query: str) -> None:
    for name, _ in parse_qsl(query, keep_blank_values=True):
        if name.lower() not in _OPTIONS:
            raise CallRefused("bad_option", _BAD_OPTION(name=name[:40]))
