"""Every setting, read once from the environment, with a sentence for each one that is wrong."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from portal.crypto import parse_keys

REQUIRED: Final = (
    "SECRET_KEY",
    "ENCRYPTION_KEYS",
    "DATABASE_URL",
    "PUBLIC_URL",
    "SCHLAGE_API_URL",
    "SCHLAGE_AUTHORIZE_URL",
    "SCHLAGE_TOKEN_URL",
    "SCHLAGE_CLIENT_ID",
    "SCHLAGE_CLIENT_SECRET",
    "SCHLAGE_SUBSCRIPTION_KEY",
    "SCHLAGE_WEBHOOK_KEYS",
)


class BadSettings(Exception):
    """One or more settings are missing or wrong; the text names each and its remedy."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The delays of the engine that an installation may change (DESIGN: fixed names)."""

    look_up_after: tuple[timedelta, ...] = (
        timedelta(seconds=60),
        timedelta(seconds=120),
        timedelta(seconds=300),
    )
    verify_after: tuple[timedelta, timedelta] = (timedelta(seconds=30), timedelta(seconds=60))
    retry_after: timedelta = timedelta(seconds=60)
    sweep_every: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one process; secrets stay out of the repr."""

    public_url: str
    database_url: str
    redis_url: str
    port: int
    timing: Timing
    schlage_api_url: str
    schlage_authorize_url: str
    schlage_token_url: str
    schlage_client_id: str
    schlage_webhook_keys: tuple[str, ...]
    feeds_allow_private: bool
    proxy_hops: int = 0  # proxies in front that each add to X-Forwarded-For
    _secrets: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Settings(public_url={self.public_url!r})"

    @property
    def secret_key(self) -> str:
        return self._secrets["SECRET_KEY"]

    @property
    def encryption_keys(self) -> list[bytes]:
        return parse_keys(self._secrets["ENCRYPTION_KEYS"])

    @property
    def schlage_client_secret(self) -> str:
        return self._secrets["SCHLAGE_CLIENT_SECRET"]

    @property
    def schlage_subscription_key(self) -> str:
        return self._secrets["SCHLAGE_SUBSCRIPTION_KEY"]

    @property
    def metrics_token(self) -> str | None:
        return self._secrets.get("METRICS_TOKEN") or None

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in `environ`; raises BadSettings naming every one that is missing or wrong."""
    missing = [name for name in REQUIRED if not environ.get(name)]
    if missing:
        raise BadSettings(
            f"Latchboard cannot start: {', '.join(missing)} not set. "
            "`make run` sets all of them for a trial; docs/operations.md explains each."
        )
    public_url = environ["PUBLIC_URL"].rstrip("/")
    loopback = _is_loopback(public_url)
    complaints = []
    if not public_url.startswith("https://") and not (
        public_url.startswith("http://") and loopback
    ):
        complaints.append(
            "PUBLIC_URL must start with https:// (http:// is accepted for a loopback address only)."
        )
    allow_private = environ.get("FEEDS_ALLOW_PRIVATE", "").lower() in {"1", "true", "yes"}
    if allow_private and not loopback:
        complaints.append(
            "FEEDS_ALLOW_PRIVATE is refused because PUBLIC_URL is not a loopback address: "
            "remove it, or feeds could reach the machines of your own network."
        )
    try:
        parse_keys(environ["ENCRYPTION_KEYS"])
    except ValueError as error:
        complaints.append(str(error))
    timing = _timing(environ, complaints)
    port = _number(environ, "PORT", 8000, complaints)
    proxy_hops = _number(environ, "PROXY_HOPS", 0, complaints)
    if complaints:
        raise BadSettings("Latchboard cannot start: " + " ".join(complaints))
    return Settings(
        public_url=public_url,
        database_url=environ["DATABASE_URL"],
        redis_url=environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"),
        port=port,
        timing=timing,
        schlage_api_url=environ["SCHLAGE_API_URL"].rstrip("/"),
        schlage_authorize_url=environ["SCHLAGE_AUTHORIZE_URL"],
        schlage_token_url=environ["SCHLAGE_TOKEN_URL"],
        schlage_client_id=environ["SCHLAGE_CLIENT_ID"],
        schlage_webhook_keys=tuple(
            filter(None, (p.strip() for p in environ["SCHLAGE_WEBHOOK_KEYS"].split(",")))
        ),
        feeds_allow_private=allow_private,
        proxy_hops=proxy_hops,
        _secrets={
            name: environ.get(name, "")
            for name in (
                "SECRET_KEY",
                "ENCRYPTION_KEYS",
                "SCHLAGE_CLIENT_SECRET",
                "SCHLAGE_SUBSCRIPTION_KEY",
                "METRICS_TOKEN",
            )
        },
    )


def _timing(environ: Mapping[str, str], complaints: list[str]) -> Timing:
    default = Timing()
    look_up = _seconds(environ, "LOOK_UP_AFTER_SECONDS", default.look_up_after, complaints)
    verify = _seconds(environ, "VERIFY_AFTER_SECONDS", default.verify_after, complaints)
    if len(verify) != 2:
        complaints.append("VERIFY_AFTER_SECONDS takes the two reads' delays, such as 30,60.")
        verify = default.verify_after
    retry = _number(environ, "RETRY_AFTER_SECONDS", 60, complaints)
    sweep = _number(environ, "SWEEP_EVERY_SECONDS", 30, complaints)
    return Timing(
        look_up_after=look_up,
        verify_after=(verify[0], verify[1]),
        retry_after=timedelta(seconds=retry),
        sweep_every=timedelta(seconds=sweep),
    )


def _seconds(
    environ: Mapping[str, str],
    name: str,
    default: tuple[timedelta, ...],
    complaints: list[str],
) -> tuple[timedelta, ...]:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        values = tuple(timedelta(seconds=float(part)) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or list(values) != sorted(values) or values[0] <= timedelta(0):
        complaints.append(f"{name} takes rising numbers of seconds, comma-separated.")
        return default
    return values


def _number(environ: Mapping[str, str], name: str, default: int, complaints: list[str]) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not text.isdigit() or int(text) == 0:
        complaints.append(f"{name} takes a whole number above 0, not {text!r}.")
        return default
    return int(text)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
