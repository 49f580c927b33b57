"""What the pages name exists: files, headings, settings, metrics, commands."""

import ast
import re
from pathlib import Path

import pytest
from flask import Flask

from portal import config
from portal.extensions import db
from portal.metrics import Metrics
from tests.docs.pages import CHECKOUT, OPERATIONS, PAGES, README, anchors_of, code_of, links_of
from tests.support.settings import DEFAULTS

FIRST_SCREEN_LINES = 40


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [link for link in links_of(page.read_text()) if not _leads_somewhere(page, link)]

    assert not broken


def _leads_somewhere(page: Path, link: str) -> bool:
    """Links to other sites are taken for good: a test needs no network."""
    if link.startswith("https://"):
        return True
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not anchor or anchor in anchors_of(target.read_text())


def test_every_setting_is_explained_and_no_other_is() -> None:
    tree = ast.parse(Path(config.__file__).read_text())
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    read = {name for name in strings if isinstance(name, str) and re.fullmatch("[A-Z_]{4,}", name)}

    assert set(DEFAULTS) <= read, "the way in which this test finds settings does not work"
    assert _explained_settings() == read


def _explained_settings() -> set[str]:
    """The names in the first column of the page's table of settings."""
    section = OPERATIONS.read_text().partition("## Settings")[2].partition("\n#")[0]
    cells = (line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))
    return {name for cell in cells for name in re.findall("`([A-Z_]+)`", cell)}


def test_every_required_setting_is_called_required() -> None:
    rows = [line for line in OPERATIONS.read_text().splitlines() if line.startswith("| `")]

    for name in config.REQUIRED:
        row = next(row for row in rows if f"`{name}`" in row.split("|")[1])
        assert row.rstrip(" |").endswith("required"), name


def test_every_metric_is_explained_and_no_other_is(app: Flask) -> None:
    figures = Metrics()
    figures.count_webhooks("accepted")
    db.session.rollback()
    told = re.findall(r"^# TYPE (\w+)", figures.text().decode(), flags=re.MULTILINE)
    made = {name for name in told if not name.endswith("_created")}

    explained = set(re.findall(r"\| `(latchboard_\w+)", OPERATIONS.read_text()))

    assert explained == made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    makefile = (CHECKOUT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))

    named = {
        found[1]
        for code in code_of(page.read_text())
        if (found := re.search(r"(?:^|\s)make ([a-z-]+)", code))
    }

    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_flask_command_that_is_named_exists(page: Path, app: Flask) -> None:
    known = {
        f"{group} {name}"
        for group, commands in app.cli.commands.items()
        for name in getattr(commands, "commands", ())
    }

    named = {
        found[1]
        for code in code_of(page.read_text())
        if (found := re.search(r"flask --app wsgi ([a-z]+ [a-z-]+)", code))
    }

    assert named - {"db upgrade"} <= known


def test_the_first_screen_has_the_sentence_the_picture_and_the_two_commands() -> None:
    screen = "\n".join(README.read_text().splitlines()[:FIRST_SCREEN_LINES])

    for needed in ("will they get in", "docs/screenshots/arrivals.png", "make run", "make test"):
        assert needed in screen


def test_the_changelog_begins_with_the_version_that_is_being_made() -> None:
    headings = re.findall(r"^## (.+)$", (CHECKOUT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert re.fullmatch(r"\d+\.\d+\.\d+ - (unreleased|\d{4}-\d{2}-\d{2})", headings[0])
