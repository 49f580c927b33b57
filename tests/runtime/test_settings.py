"""What `make run` gives its processes: the user's settings first, ours for the rest."""

import pytest

from portal import config
from portal.runtime.programs import programs
from portal.runtime.settings import Installation, installation
from portal.runtime.state import State


def names(what: Installation, state: State) -> list[str]:
    return [program.name for program in programs(what, state)]


def test_with_nothing_set_everything_is_ours_and_enough_to_start(state: State) -> None:
    what = installation(state, {})

    settings = config.from_environment(what.environment)
    assert names(what, state) == ["redis", "simulator", "web", "worker", "clock"]
    assert what.has_demo
    assert settings.public_url == what.address == "http://127.0.0.1:8000"
    assert str(what.simulator_port) in settings.schlage_api_url


def test_what_the_user_sets_wins(state: State) -> None:
    what = installation(
        state,
        {
            "PORT": "8123",
            "SECRET_KEY": "the user's own",
            "DATABASE_URL": "postgresql://db/latchboard",
            "REDIS_URL": "redis://redis:6379/0",
            "PUBLIC_URL": "https://latchboard.example",
        },
    )

    assert what.address == "http://127.0.0.1:8123"
    assert what.environment["SECRET_KEY"] == "the user's own"
    assert what.environment["DATABASE_URL"] == "postgresql://db/latchboard"
    assert what.environment["PUBLIC_URL"] == "https://latchboard.example"
    assert names(what, state) == ["simulator", "web", "worker", "clock"]


def test_an_empty_setting_counts_as_none(state: State) -> None:
    what = installation(state, {"SECRET_KEY": "", "REDIS_URL": " "})

    assert len(what.environment["SECRET_KEY"]) >= 32
    assert "redis" in names(what, state)


def test_beside_the_real_schlage_there_is_neither_simulator_nor_demo(state: State) -> None:
    what = installation(state, {"SCHLAGE_API_URL": "https://api.allegion.example"})

    assert not what.has_demo
    assert names(what, state) == ["redis", "web", "worker", "clock"]
    # Ours would be accepted here, and refused there without a word about why.
    with pytest.raises(config.BadSettings, match="SCHLAGE_CLIENT_SECRET"):
        config.from_environment(what.environment)


def test_the_demos_password_is_in_no_processs_environment(state: State) -> None:
    what = installation(state, {})

    assert what.demo_password not in what.environment.values()


def test_no_secret_is_in_a_command_line(state: State) -> None:
    what = installation(state, {})

    secrets = set(state.load_secrets().values())
    words = {word for program in programs(what, state) for word in program.guarded}
    assert not secrets & words
