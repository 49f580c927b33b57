"""A message sent in a process of its own, with limits on what it may cost and whom it may reach.

Apprise and its many plugins are never loaded into a process that holds keys or a database. The
child gets one address, one text and no environment; it is ended at its deadline.
"""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from portal.domain.secret import Secret
from portal.domain.sentences import Sentence
from portal.network.errors import CallFailed, CallProblem, CallRefused

WALL_SECONDS: Final = 40.0
_PROGRAM: Final = Path(__file__).with_name("send_one.py")
_HTTP: Final = {
    "401": "The service does not accept the sign-in: enter the address anew.",
    "403": "The service does not accept the sign-in: enter the address anew.",
    "404": "The service does not know this address any more: enter it anew.",
    "410": "The service does not know this address any more: enter it anew.",
    "429": "The service asks us to send less often.",
}
_WORDS: Final = {
    "bad_address": "The address is not complete: enter it anew.",
    "private_address": "The address leads into a private network, and is not called.",
    "sign_in": "The mail server does not accept the user name and password.",
    "timeout": "The service did not answer in time.",
    "no_connection": "The service could not be reached.",
    "certificate": "The service could not prove who it is (its certificate).",
    "refused": "The service did not take the message.",
    "no_tls": "The server does not encrypt in this way: choose the other one, and its port.",
    "recipient": "The mail server does not accept the address that the message is for.",
    "broke_off": "The connection broke off while the message was handed over.",
}
_REFUSED: Final = frozenset({"bad_address", "private_address"})
# After these the service may have the message all the same; an answer of 5xx is another such.
_UNCERTAIN: Final = frozenset({"timeout", "broke_off"})

_SERVICE_ERROR: Final = Sentence("The service answered with an error ({status}).")


@dataclass(frozen=True, slots=True)
class Text:
    """What a message says."""

    title: str
    body: str = field(repr=False)  # it may hold a guest's PIN


def send(
    address: Secret,
    text: Text,
    *,
    allow_private: bool = False,
    wall_seconds: float = WALL_SECONDS,
) -> None:
    """The service behind `address` has taken the message; CallRefused or CallFailed otherwise."""
    order = {
        "address": address.reveal(),
        "title": text.title,
        "body": text.body,
        "allow_private": allow_private,
    }
    try:
        # A fixed program and no arguments: the address goes in by the pipe, where no list of
        # processes shows it.
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-I", str(_PROGRAM)],
            input=json.dumps(order).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            timeout=wall_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _problem("timeout") from None
    key = _answer(done.stdout)
    if key:
        raise _problem(key)


def _answer(output: bytes) -> str:
    """What went wrong, as a key; empty where nothing did."""
    try:
        key = json.loads(output)["problem"]
    except (ValueError, KeyError, TypeError):
        return "broke_off"  # the child died, and said no word of how far it was
    return key if isinstance(key, str) else "broke_off"


def may_be_taken(problem: CallProblem) -> bool:
    """Whether the service may have the message, whatever went wrong."""
    return problem.key in _UNCERTAIN or problem.key.startswith("http_5")


def _problem(key: str) -> CallProblem:
    status = key.removeprefix("http_")
    if status != key and status.isdecimal():
        words = _HTTP.get(status, _SERVICE_ERROR(status=status[:3]))
        return CallFailed(f"http_{status[:3]}", words)
    key = key if key in _WORDS else "refused"
    return (CallRefused if key in _REFUSED else CallFailed)(key, _WORDS[key])
