"""The state directory keeps secrets to its owner, and the same ones for ever."""

import base64
import os
import socket
import stat
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from portal.runtime.preflight import CannotStart, is_free
from portal.runtime.state import LONGEST_SOCKET_DIRECTORY, State


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_made_once_and_only_their_owner_can_read_them(state: State) -> None:
    first = state.load_secrets()
    second = state.load_secrets()

    assert first == second
    assert mode(state.secrets) == 0o600
    assert mode(state.directory) == 0o700
    assert len(base64.urlsafe_b64decode(first["ENCRYPTION_KEYS"])) == 32
    assert len(set(first.values())) == len(first)


def test_two_installations_share_no_secret(tmp_path: Path) -> None:
    one, other = State(tmp_path / "one"), State(tmp_path / "other")
    one.prepare()
    other.prepare()

    assert not set(one.load_secrets().values()) & set(other.load_secrets().values())


def test_secrets_that_others_could_read_are_closed_to_them(state: State) -> None:
    state.load_secrets()
    state.secrets.chmod(0o644)

    state.load_secrets()

    assert mode(state.secrets) == 0o600


def test_a_secret_that_a_newer_version_needs_is_added_and_the_others_stay(state: State) -> None:
    before = state.load_secrets()
    lines = state.secrets.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("METRICS_TOKEN=")]
    state.secrets.write_text("\n".join(kept))

    after = state.load_secrets()

    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"METRICS_TOKEN"}


def test_a_database_without_its_secrets_is_not_given_new_ones(state: State) -> None:
    state.database.touch()

    with pytest.raises(CannotStart, match="Put the file back"):
        state.load_secrets()

    assert not state.secrets.exists()


def test_a_port_stays_the_same_even_while_its_server_runs(state: State) -> None:
    first = state.remembered_port("simulator")

    with closing(socket.create_server(("127.0.0.1", first))):
        assert state.remembered_port("simulator") == first


def test_a_port_that_somebody_took_meanwhile_is_chosen_anew(state: State) -> None:
    first = state.remembered_port("simulator")

    with closing(socket.create_server(("127.0.0.1", first))):
        state.forget_taken_ports()
        second = state.remembered_port("simulator")

    assert second != first
    assert is_free(second)


def test_the_socket_directory_is_short_private_and_the_same_each_time(tmp_path: Path) -> None:
    deep = State(tmp_path.joinpath(*["a deep directory"] * 12))

    path = deep.socket_directory()

    assert len(os.fsencode(path)) <= LONGEST_SOCKET_DIRECTORY
    assert mode(path) == 0o700
    assert deep.socket_directory() == path
    path.rmdir()


def test_a_link_planted_in_the_socket_directorys_place_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as base:  # pytest's own path is too long
        monkeypatch.setenv("XDG_RUNTIME_DIR", base)
        state = State(tmp_path / "state")
        expected = state.socket_directory()
        expected.rmdir()
        expected.symlink_to(tmp_path)

        chosen = state.socket_directory()

        assert expected.parent == Path(base)
        assert chosen.parent != Path(base)
        assert not chosen.is_symlink()
        chosen.rmdir()
