"""Every text reaches translators, and their work reaches pages without touching a template."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from flask import Flask
from flask_babel import get_babel

from docs import messages
from portal.domain.problems import ProblemKey
from tests.support.builders import make_lock
from tests.web.pages import browser, element
from tests.web.test_catalogue_on_pages import CASES

TEMPLATES: Final = Path(__file__).resolve().parents[2] / "templates"
# Names, units and examples, the same in every language.
NAMES: Final = {
    *("Latchboard", "Schlage", "Slack", "Microsoft", "Teams", "dBm", "https"),
    *("Amazon", "SNS", "ClickSend", "Plivo", "Sinch", "Telnyx", "Twilio", "Vonage"),
}
_JINJA: Final = re.compile(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_ATTRIBUTES: Final = re.compile(
    r"\{% block (?:page_class|body_attributes) %\}.*?\{% endblock %\}"
    r"|\{% macro poll\(.*?\{%- endmacro %\}",
    re.DOTALL,
)
READ_ALOUD: Final = {"alt", "aria-label", "placeholder", "title", "data-copied", "data-selected"}


class _Texts(HTMLParser):
    """What stands in a page to be read."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._is_code = False  # what is to be typed as it stands is no text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_code |= tag == "code"
        self.found += [value for name, value in attrs if name in READ_ALOUD and value]

    def handle_endtag(self, tag: str) -> None:
        self._is_code &= tag != "code"

    def handle_data(self, data: str) -> None:
        if not self._is_code:
            self.found.append(data)


def own_words(template: str) -> set[str]:
    """The words that a template holds outside of every expression."""
    reader = _Texts()
    reader.feed(_JINJA.sub("·", _ATTRIBUTES.sub("", template)))
    reader.close()
    return set(re.findall(r"[^\W\d_]{2,}", " ".join(reader.found))) - NAMES


@pytest.fixture(scope="module")
def texts() -> Catalog:
    return messages.catalogue()


def test_templates_hold_no_text_of_their_own() -> None:
    pages = sorted(TEMPLATES.rglob("*.html"))

    found = {str(p.relative_to(TEMPLATES)): own_words(p.read_text()) for p in pages}

    assert {name: words for name, words in found.items() if words} == {}


def test_a_text_beside_an_expression_is_seen() -> None:
    assert own_words('<p title="Hello there">{{ _("Good") }} evening</p>') == {
        "Hello",
        "there",
        "evening",
    }


@pytest.fixture
def marked(app: Flask, texts: Catalog, tmp_path: Path) -> Iterator[Flask]:
    """The portal in a language that is English between brackets."""
    language = Catalog(locale="de", fuzzy=False)
    for text in texts:
        if text.id:
            marks = tuple(f"⟦{t}⟧" for t in text.id) if text.pluralizable else f"⟦{text.id}⟧"
            language.add(text.id, marks, context=text.context)
    path = tmp_path / "de" / "LC_MESSAGES" / "messages.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_mo(file, language)
    speaks = get_babel(app)
    known = speaks.instance.domain_instance.cache
    before = speaks.default_locale, speaks.translation_directories
    speaks.default_locale, speaks.translation_directories = "de", [str(tmp_path)]
    known.clear()
    yield app
    speaks.default_locale, speaks.translation_directories = before
    known.clear()


def unmarked(html: str) -> str:
    """What a page shows outside of every bracket."""
    before = None
    while before != html:
        before, html = html, re.sub(r"⟦[^⟦⟧]*⟧", "", html)
    return html


@pytest.mark.parametrize("key", list(ProblemKey))
def test_a_translation_reaches_every_word_of_a_problem(marked: Flask, key: ProblemKey) -> None:
    html = browser(marked).get(CASES[key]()).text

    # Where a language is asked for its numbers and ages, there is nothing to translate.
    left = unmarked(element(html, data_trouble=str(key)).text)
    assert re.findall(r"[^\W\d_]{3,}", left) == []


def test_a_translation_reaches_what_a_service_refuses(marked: Flask) -> None:
    client = browser(marked)
    token = client.csrf_token()
    lock = make_lock(is_online=True)

    page = client.post("/staff-codes/new", data={"csrf_token": token, "name": "Rosa"}).text

    assert "⟦Choose at least one lock or property.⟧" in page
    assert lock.name in page


def test_a_translators_work_is_kept_when_texts_change(tmp_path: Path) -> None:
    path = messages.refresh("de", tmp_path)
    with path.open("rb") as file:
        before = read_po(file)
    before["Arrivals"].string = "Anreisen"
    with path.open("wb") as file:
        write_po(file, before)

    messages.refresh("de", tmp_path)

    with path.open("rb") as file:
        assert read_po(file)["Arrivals"].string == "Anreisen"
    assert path.with_suffix(".mo").stat().st_size > 0
