"""Every sentence with values in it is made so that a page can show it in another language."""

import ast
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs import messages
from portal import create_app
from portal.domain.problems import CATALOGUE
from portal.domain.sentences import Sentence, find, known

CHECKOUT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("domain", "feeds", "messages", "network", "services", "views")
_WORDS: Final = re.compile(r"[^\W\d_]{2,}")

# Where a sentence may be put together, and why.
IN_ENGLISH: Final = {
    "feeds/csv_dates.py": "patterns of dates",
    "services/diagnostics.py": "goes to Schlage's support, who read English",
    "services/demo.py": "is said on the command line",
    "services/demo_past.py": "names of the demonstration's codes",
    "services/tokens.py": "is said on the command line",
    "services/limits.py": "an exception that pages tell in their own words",
    "services/mapping.py": "an exception that only programs are shown",
    "domain/notices.py": "a key, which nobody is shown",
    "views/_guard.py": "an exception for developers",
    "views/booking_exports.py": "a header for browsers",
    "views/entry_log.py": "a header for browsers",
    "views/static_files.py": "an exception for developers",
    "views/api/_blueprint.py": "is for programs",
    "views/api/_fields.py": "is for programs",
    "views/api/_schemas.py": "is for programs",
    "views/api/bookings.py": "is for programs",
}


def put_together(tree: ast.AST) -> Iterator[str]:
    """The sentences that a module makes of pieces, with {} where a value goes."""
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr(values):
                text = "".join(v.value if isinstance(v, ast.Constant) else "{}" for v in values)
            case ast.BinOp(ast.Constant(str(text)), ast.Add() | ast.Mod()):
                pass
            case ast.BinOp(_, ast.Add(), ast.Constant(str(text))):
                pass
            case ast.Call(ast.Attribute(ast.Constant(str(text)), "format")):
                pass
            case _:
                continue
        if (" " in text and len(_WORDS.findall(text)) > 1) or text.endswith(("}.", "}!", "}?")):
            yield text


def found_in(path: Path) -> list[str]:
    return list(put_together(ast.parse(path.read_text(encoding="utf-8"))))


def modules() -> dict[str, Path]:
    portal = CHECKOUT / "portal"
    return {
        str(path.relative_to(portal)): path
        for package in PACKAGES
        for path in sorted((portal / package).rglob("*.py"))
    }


def written() -> Iterator[ast.Call]:
    """Every place in the portal where a sentence stands."""
    for path in sorted((CHECKOUT / "portal").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Sentence":
                yield node


def test_no_sentence_for_people_is_put_together() -> None:
    found = {name: found_in(path) for name, path in modules().items() if name not in IN_ENGLISH}

    assert {name: texts for name, texts in found.items() if texts} == {}


def test_each_exception_is_needed() -> None:
    assert [name for name in IN_ENGLISH if not found_in(modules()[name])] == []


@pytest.mark.parametrize(
    "source",
    [
        'f"A stay has at most {nights} nights."',
        'f"{lock}: {title}."',
        '"The lock " + name + " is full."',
        '"Wait %s minutes" % n',
        '"Wait {} minutes".format(n)',
    ],
)
def test_a_sentence_that_is_put_together_is_seen(source: str) -> None:
    assert list(put_together(ast.parse(source)))


def test_every_sentence_and_what_goes_into_it_reaches_translators() -> None:
    texts = {message.id for message in messages.catalogue()}
    templates = [ast.literal_eval(call.args[0]) for call in written()]

    assert [text for text in templates if text not in texts] == []
    assert {"arrival", "phone number", "it needs a decision of yours"} <= texts


def test_pages_know_every_sentence_whoever_made_it() -> None:
    """A process that only shows them, such as the web's, has loaded each module with one."""
    program = (
        "import json, portal; from portal.domain.sentences import known;"
        "print(*(each.template for each in known()), sep='\\n')"
    )
    loaded = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert sorted(loaded) == sorted(ast.literal_eval(call.args[0]) for call in written())


def ours() -> list[Sentence]:
    assert create_app  # imported, and with it every module that has a sentence
    templates = {ast.literal_eval(call.args[0]) for call in written()}
    return [sentence for sentence in known() if sentence.template in templates]


@pytest.mark.parametrize("sentence", ours(), ids=lambda sentence: sentence.template[:40])
@given(data=st.data())
def test_each_is_told_from_all_others(data: st.DataObject, sentence: Sentence) -> None:
    plain = st.text(string.ascii_letters + string.digits + "äß漢-", min_size=1, max_size=12)
    values = {place: data.draw(plain) for place in sentence.places}

    found = find(sentence(**values))

    assert found is not None
    assert (found.sentence, found.values) == (sentence, values)


@pytest.mark.parametrize("sentence", ours(), ids=lambda sentence: sentence.template[:40])
def test_each_has_words_between_its_values(sentence: Sentence) -> None:
    own = re.split(r"\{[a-z_]+\}", sentence.template)

    assert len(set(sentence.places)) == len(sentence.places) > 0
    assert sentence.ours <= set(sentence.places)
    assert all(a.strip() for a, _ in list(pairwise(own))[1:])


def test_no_title_of_a_problem_looks_like_a_name_and_a_title() -> None:
    assert [problem.title for problem in CATALOGUE.values() if ": " in problem.title] == []
