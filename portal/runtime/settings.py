"""The settings that the processes of `make run` get: what the user set, else our defaults."""

from collections.abc import Mapping
from dataclasses import dataclass

from portal.runtime.preflight import LOOPBACK, wanted_port
from portal.runtime.state import State

# Without a simulator these come from the user, who has an account at Schlage.
SCHLAGE_SECRETS = ("SCHLAGE_CLIENT_SECRET", "SCHLAGE_SUBSCRIPTION_KEY")


@dataclass(frozen=True)
class Installation:
    """What will run, and with which environment."""

    port: int
    environment: Mapping[str, str]
    simulator_port: int | None
    redis_socket: str | None
    demo_password: str

    @property
    def address(self) -> str:
        """Where a browser on this machine finds it."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def has_demo(self) -> bool:
        """Whether a demo account is loaded: beside the simulator only, not at the real Schlage."""
        return self.simulator_port is not None


def installation(state: State, environ: Mapping[str, str]) -> Installation:
    """The installation that `environ` describes; whatever it sets wins over our defaults.

    A REDIS_URL means that no Redis of ours is started; a SCHLAGE_API_URL that neither the
    simulator nor the demo account is.
    """
    given = {name: value for name, value in environ.items() if value.strip()}
    port = wanted_port(given)
    defaults = state.load_secrets()
    password = defaults.pop("DEMO_PASSWORD")
    defaults |= {
        "PORT": str(port),
        "PUBLIC_URL": f"http://{LOOPBACK}:{port}",
        "DATABASE_URL": f"sqlite:///{state.database}",
    }
    redis_socket = None
    if "REDIS_URL" not in given:
        redis_socket = str(state.socket_directory() / "redis.sock")
        defaults["REDIS_URL"] = f"unix://{redis_socket}"
    simulator_port = None
    if "SCHLAGE_API_URL" in given:
        for name in SCHLAGE_SECRETS:
            del defaults[name]
    else:
        simulator_port = state.remembered_port("simulator")
        base = f"http://{LOOPBACK}:{simulator_port}"
        defaults |= {
            "SCHLAGE_API_URL": f"{base}/schlage-home",
            "SCHLAGE_AUTHORIZE_URL": f"{base}/OAuth2/authorize",
            "SCHLAGE_TOKEN_URL": f"{base}/OAuth2/token",
            "SCHLAGE_CLIENT_ID": "latchboard",
            "SCHLAGE_WEBHOOK_KEYS": str(state.simulator_key),
        }
    return Installation(
        port=port,
        environment=defaults | given,
        simulator_port=simulator_port,
        redis_socket=redis_socket,
        demo_password=password,
    )
