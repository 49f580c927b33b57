"""The texts for translators: `python -m docs.messages de` begins or refreshes a translation.

Most texts stand in a call of gettext. Others are data: the problem catalogue, and what services
answer where something cannot be done, with places for values where it is a `Sentence`; pages hand
them to gettext when they show them (`filters.tr`). Both come into one file under
`portal/translations`, where Flask-Babel looks, so no template is touched. A browser that asks for
a language that stands there gets it (`views._language`).
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

CHECKOUT: Final = Path(__file__).resolve().parents[1]
TRANSLATIONS: Final = CHECKOUT / "portal" / "translations"
_SOURCES: Final = (("portal", "**.py", "python"), ("templates", "**.html", "jinja2"))
_CALLS: Final = {
    "_": None,
    "gettext": None,
    "lazy_gettext": None,
    "ngettext": (1, 2),
    "lazy_ngettext": (1, 2),
}
# Where texts are data.
_WITH_PROSE: Final = ("domain", "services", "feeds", "messages", "network", "views")
# What marks a text that is too short for that, or begins with a value; see domain.sentences.
_MARKS: Final = frozenset({"Sentence", "word"})
# A title or a sentence: more than one word, and a capital or a quotation mark first.
_PROSE: Final = re.compile(r"[A-Z“](?=.*[a-z])[^\n]* [^\n]*")


def catalogue(locale: str | None = None) -> Catalog:
    """Every text that a page may show."""
    found = Catalog(locale=locale, project="Latchboard", charset="utf-8", fuzzy=False)
    for folder, pattern, method in _SOURCES:
        for name, line, message, _, context in extract_from_dir(
            CHECKOUT / folder, method_map=[(pattern, method)], keywords=_CALLS
        ):
            found.add(message, None, [(f"{folder}/{name}", line)], context=context)
    for package in _WITH_PROSE:
        for path in sorted((CHECKOUT / "portal" / package).rglob("*.py")):
            for line, text in prose(path.read_text(encoding="utf-8")):
                if text not in found:
                    found.add(text, None, [(str(path.relative_to(CHECKOUT)), line)])
    return found


def prose(source: str) -> Iterator[tuple[int, str]]:
    """The sentences and titles that a module holds as data, with their lines."""
    tree = ast.parse(source)
    passed_over, marked = set(_not_texts(tree)), set(_marked(tree))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if node in marked or (node not in passed_over and _PROSE.fullmatch(node.value)):
            yield node.lineno, node.value


def _not_texts(tree: ast.AST) -> Iterator[ast.AST]:
    """Docstrings, and the parts of texts that are put together."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield from node.values


def _marked(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield from node.args[:1] if node.func.id in _MARKS else ()


def refresh(locale: str, directory: Path = TRANSLATIONS) -> Path:
    """The file for this language's translator, with what was translated before; compiled too."""
    path = directory / locale / "LC_MESSAGES" / "messages.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = catalogue(locale)
    if path.exists():
        with path.open("rb") as file:
            before = read_po(file, locale=locale)
        before.update(texts, no_fuzzy_matching=True)
        texts = before
    with path.open("wb") as file:
        write_po(file, texts, width=100)
    with path.with_suffix(".mo").open("wb") as file:
        write_mo(file, texts)
    return path


def main(arguments: list[str]) -> None:
    if len(arguments) != 1:
        sys.exit("Name one language, such as de or pt_BR: make messages LANGUAGE=de")
    try:
        locale = str(Locale.parse(arguments[0]))
    except (ValueError, UnknownLocaleError):
        sys.exit(f"“{arguments[0]}” is no language that we know: name one such as de or pt_BR.")
    print(refresh(locale).relative_to(CHECKOUT))


if __name__ == "__main__":
    main(sys.argv[1:])
