"""The files of other people are the ones that VENDOR.txt says, with their licences beside them."""

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = [ROOT / "static" / "vendor", ROOT / "tests" / "vendor"]
ENTRY = re.compile(
    r"^(?P<file>\S+)\n"
    r"  from     npm \S+ (?P<version>\S+), .+\n"
    r"  licence  .+?, (?P<licences>.+)\n"
    r"  sha256   (?P<sha256>[0-9a-f]{64})$",
    re.MULTILINE,
)


def entries(folder: Path) -> list[dict[str, str]]:
    text = (folder / "VENDOR.txt").read_text(encoding="utf-8")
    return [match.groupdict() for match in ENTRY.finditer(text)]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_every_vendored_file_has_the_checksum_and_version_of_its_entry(folder: Path) -> None:
    listed = entries(folder)

    assert listed
    for entry in listed:
        content = (folder / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry["file"]
        assert entry["version"] in entry["file"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_a_vendored_file_without_an_entry_or_a_licence_is_found(folder: Path) -> None:
    listed = entries(folder)
    named = {entry["file"] for entry in listed} | {"VENDOR.txt"}
    licences = {name for entry in listed for name in entry["licences"].split(" and ")}

    present = {path.name for path in folder.iterdir()}

    assert present == named | licences
