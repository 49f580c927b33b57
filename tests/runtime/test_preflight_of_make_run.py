"""What stands in the way of a start is said in a sentence, with its remedy, before all else."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from portal.runtime import preflight
from portal.runtime.preflight import CannotStart, refuse_second_instance, require_ready, wanted_port
from portal.runtime.state import State
from tests.runtime.processes import needs_proc, run_script


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A loopback port that this test process listens on."""
    with closing(socket.socket()) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@needs_proc
def test_a_taken_port_is_said_with_who_has_it_and_what_to_type_instead(
    tmp_path: Path, taken_port: int
) -> None:
    # A checkout of its own: in this one somebody may be running Latchboard.
    script = tmp_path / "portal" / "runtime" / "preflight.py"
    script.parent.mkdir(parents=True)
    script.write_bytes(Path(preflight.__file__).read_bytes())

    result = run_script(script, PORT=str(taken_port))

    assert result.returncode == 1
    assert f"Port {taken_port} is taken by" in result.stderr
    assert f"(process {os.getpid()})" in result.stderr
    assert "make run" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_port_that_is_offered_instead_is_free(state: State, taken_port: int) -> None:
    with pytest.raises(CannotStart) as refusal:
        require_ready({"PORT": str(taken_port)}, state.directory)

    offered = int(str(refusal.value).partition("PORT=")[2].split()[0])
    assert preflight.is_free(offered)


def test_a_port_taken_on_all_addresses_is_taken() -> None:
    with closing(socket.socket()) as server:
        server.bind(("0.0.0.0", 0))
        server.listen()

        assert not preflight.is_free(server.getsockname()[1])


def test_a_free_port_lets_it_start(state: State) -> None:
    require_ready({"PORT": str(free_port())}, state.directory)


@pytest.mark.parametrize("text", ["0", "65536", "-1", "8o00", "8000 9000", "٨٠٠٠", "99999999"])
def test_a_port_that_is_none_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(CannotStart, match="PORT must be a number from 1 to 65535"):
        wanted_port({"PORT": text})


@pytest.mark.parametrize(
    ("environ", "port"), [({}, 8000), ({"PORT": ""}, 8000), ({"PORT": " 8001 "}, 8001)]
)
def test_the_port_is_8000_unless_one_is_given(environ: dict[str, str], port: int) -> None:
    assert wanted_port(environ) == port


def test_a_second_start_in_one_checkout_says_where_the_first_one_is(state: State) -> None:
    lock = state.lock("http://127.0.0.1:8000")

    with pytest.raises(CannotStart) as refusal:
        refuse_second_instance(state.directory)

    assert "http://127.0.0.1:8000" in str(refusal.value)
    assert f"kill {os.getpid()}" in str(refusal.value)
    os.close(lock)


def test_two_starts_at_once_do_not_both_get_the_lock(state: State) -> None:
    lock = state.lock("http://127.0.0.1:8000")

    with pytest.raises(CannotStart, match="already running"):
        state.lock("http://127.0.0.1:8001")

    os.close(lock)


def test_a_lock_file_whose_holder_is_dead_does_not_prevent_a_start(state: State) -> None:
    os.close(state.lock("http://127.0.0.1:8000"))

    refuse_second_instance(state.directory)

    os.close(state.lock("http://127.0.0.1:8000"))
