"""The page of promises names tests and planted bugs that exist, and leaves none of them out."""

import ast
import re
from functools import cache

import pytest

from tests.docs.pages import CHECKOUT
from tests.engine.mutants import MUTANTS

PAGE = (CHECKOUT / "docs" / "promises.md").read_text()
ROWS = dict(re.findall(r"^\| (I?\d+) \|(.+)\|$", PAGE, flags=re.MULTILINE))


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((CHECKOUT / "tests" / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_promise_and_every_invariant_stands_there() -> None:
    wanted = [*(str(n) for n in range(1, 12)), *(f"I{n}" for n in range(1, 24))]

    assert list(ROWS) == wanted


@pytest.mark.parametrize("name", ROWS)
def test_each_is_held_by_tests_that_exist(name: str) -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", ROWS[name])

    assert named
    for file, test in named:
        assert test.startswith("test_")
        assert test in names_in(file), f"{file} has no {test}"


def test_every_planted_bug_is_named_and_no_other() -> None:
    named = {
        bug
        for row in ROWS.values()
        for bug in re.findall(r"`([a-z_]+)`", row.partition("planted:")[2])
    }

    assert named == set(MUTANTS)
    assert f"planted {len(MUTANTS)}, caught {len(MUTANTS)}" in PAGE
