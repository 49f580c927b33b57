"""The installer installs what changed, once, and says what to do when it cannot."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from portal.runtime.install import CannotInstall, install

FAKE_PYTHON = """#!{python}
import os, sys
if sys.argv[1:3] == ["-m", "pip"] and "install" in sys.argv:
    with open(os.environ["PIP_CALLS"], "a") as calls:
        calls.write(" ".join(sys.argv[3:]) + "\\n")
    sys.exit(int(os.environ.get("PIP_STATUS", "0")))
if sys.argv[1] == "-c":
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
"""


class Checkout:
    """A checkout whose environment has a Python that notes what pip is asked to do."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self.calls_file = directory / "pip-calls"
        monkeypatch.setenv("PIP_CALLS", str(self.calls_file))
        python = directory / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(FAKE_PYTHON.format(python=sys.executable))
        python.chmod(python.stat().st_mode | stat.S_IXUSR)
        self.require("requirements.txt", "flask==3.1.3\n")
        self.require("requirements-dev.txt", "pytest==9.2.0\n")

    def require(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)

    @property
    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    return Checkout(tmp_path, monkeypatch)


def test_packages_are_installed_by_their_hashes(checkout: Checkout) -> None:
    install(checkout.directory, ["requirements.txt"])

    (call,) = checkout.calls
    assert "--require-hashes" in call
    assert "--requirement requirements.txt" in call


def test_unchanged_requirements_are_not_installed_again(checkout: Checkout) -> None:
    install(checkout.directory, ["requirements.txt"])
    install(checkout.directory, ["requirements.txt"])

    assert len(checkout.calls) == 1


def test_changed_requirements_are_installed_again(checkout: Checkout) -> None:
    install(checkout.directory, ["requirements.txt"])
    checkout.require("requirements.txt", "flask==3.1.4\n")

    install(checkout.directory, ["requirements.txt"])

    assert len(checkout.calls) == 2


def test_a_run_after_the_tests_installs_nothing(checkout: Checkout) -> None:
    install(checkout.directory, ["requirements.txt", "requirements-dev.txt"])

    install(checkout.directory, ["requirements.txt"])

    assert len(checkout.calls) == 1


def test_an_install_that_failed_is_tried_again(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_STATUS", "1")
    with pytest.raises(CannotInstall, match="could not be installed"):
        install(checkout.directory, ["requirements.txt"])
    monkeypatch.setenv("PIP_STATUS", "0")

    install(checkout.directory, ["requirements.txt"])

    assert len(checkout.calls) == 2


@pytest.mark.process
def test_an_environment_whose_python_is_gone_is_made_anew(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = checkout.directory / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python")
    checkout.require("requirements.txt", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    install(checkout.directory, ["requirements.txt"])

    assert os.access(python, os.X_OK)
    stamp = json.loads((checkout.directory / ".venv" / "latchboard-installed.json").read_text())
    assert list(stamp) == ["requirements.txt"]
