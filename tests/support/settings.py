"""Settings for tests: true values of our own, with nothing read from the environment."""

import base64
from pathlib import Path

from portal.config import Settings, from_environment

DATA = Path(__file__).parent.parent / "data"
OWN_WEBHOOK_KEY = DATA / "schlage" / "own" / "key.pem"

DEFAULTS = {
    "SECRET_KEY": "a secret key that only the tests use",
    "ENCRYPTION_KEYS": base64.urlsafe_b64encode(b"k" * 32).decode(),
    "DATABASE_URL": "sqlite://",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "PUBLIC_URL": "http://localhost",
    "SCHLAGE_API_URL": "http://127.0.0.1:1/schlage-home",
    "SCHLAGE_AUTHORIZE_URL": "http://127.0.0.1:1/authorize",
    "SCHLAGE_TOKEN_URL": "http://127.0.0.1:1/token",
    "SCHLAGE_CLIENT_ID": "latchboard-tests",
    "SCHLAGE_CLIENT_SECRET": "a client secret of the tests",
    "SCHLAGE_SUBSCRIPTION_KEY": "a subscription key of the tests",
    "SCHLAGE_WEBHOOK_KEYS": str(OWN_WEBHOOK_KEY),
}


def make_settings(**changes: str) -> Settings:
    """Settings as if the environment held our defaults and these `changes`."""
    return from_environment({**DEFAULTS, **changes})
