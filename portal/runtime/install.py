"""Puts the packages of the named requirements files into the checkout's virtual environment.

Run as a script, before anything is installed: `python3 portal/runtime/install.py requirements.txt`.
A second run with unchanged files does nothing. Imports only the standard library.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


class CannotInstall(Exception):
    """The packages could not be installed; the text says what to do."""


def install(checkout: Path, files: list[str]) -> None:
    """The environment in `checkout`/.venv now holds what these requirements files name.

    1. Wait for another install in the same checkout.
    2. Make the environment, or make it anew when its Python is gone or too old.
    3. Where a file differs from what was last installed, let pip install all of them.
    4. Note their checksums, as the last step: an install cut short is done again.
    """
    environment = checkout / ".venv"
    python = environment / "bin" / "python"
    stamp = environment / "latchboard-installed.json"
    with _alone_in(checkout):
        if not _works(python):
            _make_environment(environment)
        installed = json.loads(stamp.read_text()) if stamp.exists() else {}
        wanted = {name: _checksum(checkout / name) for name in files}
        if wanted.items() <= installed.items():
            return
        _say(f"Installing the Python packages of {' and '.join(files)} ...")
        _pip(python, checkout, files)
        stamp.write_text(json.dumps(installed | wanted))


@contextmanager
def _alone_in(checkout: Path) -> Iterator[None]:
    directory = os.open(checkout, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _works(python: Path) -> bool:
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([python, "-c", check], check=False).returncode == 0
    except OSError:
        return False


def _make_environment(environment: Path) -> None:
    """Makes the environment without its own pip where Debian's Python comes without ensurepip."""
    _say("Making a virtual environment in .venv ...")
    make = [sys.executable, "-m", "venv", "--clear"]
    if subprocess.run([*make, environment], check=False, capture_output=True).returncode == 0:
        return
    result = subprocess.run(
        [*make, "--without-pip", environment], check=False, capture_output=True, text=True
    )
    if result.returncode != 0:
        raise CannotInstall(f"Python cannot make a virtual environment:\n{result.stderr.strip()}")


def _pip(python: Path, checkout: Path, files: list[str]) -> None:
    pip = [os.fspath(python), "-m", "pip"]
    if subprocess.run([*pip, "--version"], check=False, capture_output=True).returncode != 0:
        # No pip inside: the one beside the system's Python can install into it.
        pip = [sys.executable, "-m", "pip", "--python", os.fspath(python)]
        if subprocess.run([*pip, "--version"], check=False, capture_output=True).returncode != 0:
            raise CannotInstall(
                "This Python has neither ensurepip nor pip. On Debian and Ubuntu, "
                "`apt install python3-venv` brings them; then start again."
            )
    command = [*pip, "install", "-qq", "--disable-pip-version-check", "--require-hashes"]
    for name in files:
        command += ["--requirement", name]
    if subprocess.run(command, check=False, cwd=checkout).returncode != 0:
        raise CannotInstall(
            "The Python packages could not be installed: pip's message is above. "
            "Nothing was started; the next try goes on from here."
        )


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    try:
        install(CHECKOUT, sys.argv[1:])
    except CannotInstall as reason:
        sys.exit(str(reason))
    except KeyboardInterrupt:
        sys.exit(130)
