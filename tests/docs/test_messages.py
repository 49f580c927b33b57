"""Every text reaches translators, and their work reaches pages without touching a template."""

import json
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
from flask_babel import get_babel, gettext

from docs import messages
from portal.domain.problems import CATALOGUE, ProblemKey
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.models import ImportState, Role
from tests.support.builders import (
    make_alert,
    make_booking,
    make_csv_import,
    make_door_code,
    make_guest_link,
    make_lock,
    make_manager,
    make_token,
)
from tests.web.api import Program
from tests.web.pages import browser, element, words
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


def test_templates_write_no_date_as_programs_do() -> None:
    pages = sorted(TEMPLATES.rglob("*.html"))

    assert [str(p.relative_to(TEMPLATES)) for p in pages if "isoformat" in p.read_text()] == []


def test_a_text_beside_an_expression_is_seen() -> None:
    assert own_words('<p title="Hello there">{{ _("Good") }} evening</p>') == {
        "Hello",
        "there",
        "evening",
    }


@pytest.fixture
def translated(app: Flask, texts: Catalog, tmp_path: Path) -> Iterator[Flask]:
    """The portal with a translation into German, which is English between brackets."""
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
    before = speaks.translation_directories
    speaks.translation_directories = [str(tmp_path)]
    known.clear()
    yield app
    speaks.translation_directories = before
    known.clear()


@pytest.fixture
def marked(translated: Flask) -> Iterator[Flask]:
    """The portal in that language, whatever a browser asks for."""
    speaks = get_babel(translated)
    before, speaks.default_locale = speaks.default_locale, "de"
    yield translated
    speaks.default_locale = before


@pytest.mark.parametrize(
    ("asked", "is_german"),
    [
        ("de", True),
        ("de-AT,de;q=0.9,en;q=0.8", True),
        ("DE", True),
        ("fr, de;q=0.5", True),
        (None, False),
        ("", False),
        ("en-GB", False),
        ("en, de;q=0.9", False),
        ("fr", False),  # there is no such translation
        ("*", False),
        ("de;q=0", False),
        (";;q=x,,-", False),
    ],
)
def test_a_page_speaks_what_the_browser_asks_for_where_that_is_translated(
    translated: Flask, asked: str | None, is_german: bool
) -> None:
    headers = {} if asked is None else {"Accept-Language": asked}
    stranger = translated.test_client()

    pages = [
        browser(translated).get("/", headers=headers).text,
        stranger.get("/sign-in", headers=headers).text,
    ]

    for page in pages:
        assert ("⟦" in page) is is_german
        assert f'lang="{"de" if is_german else "en"}"' in page


def test_a_poll_is_never_answered_with_what_was_rendered_in_another_language(
    translated: Flask,
) -> None:
    client = browser(translated)

    polled = [
        client.get("/arrivals/live", headers={"Accept-Language": language}).text
        for language in ("de", "en", "de")
    ]

    assert ["⟦" in page for page in polled] == [True, False, True]


def test_a_guests_page_keeps_the_guests_own_language(translated: Flask) -> None:
    token = make_guest_link(make_booking(guest_language="en"))

    page = translated.test_client().get(f"/guest/{token}", headers={"Accept-Language": "de"}).text

    assert 'lang="en"' in page
    assert "⟦" not in page


def test_what_no_browser_asks_for_is_said_in_english(translated: Flask) -> None:
    with translated.app_context():
        assert gettext("Arrivals") == "Arrivals"


def test_programs_are_answered_in_english_whatever_they_ask_for(translated: Flask) -> None:
    token = make_token(make_manager(role=Role.VIEWER))

    answer = translated.test_client().post(
        "/api/v1/properties",
        json={"name": "Casa Mar"},
        headers={"Authorization": f"Bearer {token}", "Accept-Language": "de"},
    )

    assert answer.get_json()["detail"] == "This needs the role “manager”, and you are “viewer”."


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


def test_a_translation_reaches_an_alert_and_what_stands_in_it(marked: Flask) -> None:
    title = CATALOGUE[ProblemKey.LOCK_OFFLINE].title
    make_alert(words=f"Gate: back: {title}.")

    page = browser(marked).get("/alerts").text

    # A name may hold what stands between the values, and is never translated.
    assert f"⟦Gate: back: ⟦{title}⟧.⟧" in page


def test_a_translation_reaches_a_refusal_with_its_numbers(marked: Flask) -> None:
    client = browser(marked)
    address = "/team/new"
    fields = {"name": "Rosa", "email": "rosa@example.com", "password": "short", "role": "staff"}

    page = client.post(address, data=fields | {"csrf_token": client.csrf_token()}).text

    assert "⟦The password needs at least 12 characters.⟧" in page


def test_a_translation_reaches_each_remark_about_a_row_of_a_table(marked: Flask) -> None:
    length = "Gate takes PINs of 4 digits; this one has 6."
    shortened = (
        "A spreadsheet has shortened the {} to 4.9E+11, so it is left out."
        " Format the column as text and upload the file again."
    )
    lines = [
        [3, f"{shortened.format('phone number')}\n{length} A PIN is chosen instead."],
        [4, "Several properties are called “The {name}”. Rename one of them."],
    ]
    done = make_csv_import(state=ImportState.DONE, remarks=Secret(json.dumps(lines)))

    page = words(browser(marked).get(f"/imports/csv/{done.id}").text)

    assert (f"⟦{shortened.format('⟦phone number⟧')}⟧ ⟦⟦{length}⟧ A PIN is chosen instead.⟧") in page
    assert "⟦Several properties are called “The {name}”. Rename one of them.⟧" in page


def test_in_english_two_remarks_about_a_row_read_as_one_line(app: Flask) -> None:
    done = make_csv_import(
        state=ImportState.DONE, remarks=Secret(json.dumps([[3, "One thing.\nAnother."]]))
    )

    assert ">One thing. Another.<" in browser(app).get(f"/imports/csv/{done.id}").text


def test_a_translation_reaches_our_own_detail_of_a_problem(marked: Flask) -> None:
    text = "This lock takes PINs of 4 digits; this one has 6."
    code = make_door_code(
        status=Status.NEEDS_YOU, problem=ProblemKey.WRONG_LENGTH, problem_text=text
    )

    page = browser(marked).get(f"/bookings/{code.booking_id}").text

    assert f">⟦{text}⟧<" in page


def test_schlages_own_words_stay_as_schlage_wrote_them(marked: Flask) -> None:
    text = "Gate: The lock is offline."
    code = make_door_code(
        status=Status.NEEDS_YOU, problem=ProblemKey.USER_NOT_FOUND, problem_text=text
    )

    page = browser(marked).get(f"/bookings/{code.booking_id}").text

    assert f">{text}<" in page


def test_programs_are_answered_in_english(marked: Flask) -> None:
    program = Program(marked, make_token(make_manager(role=Role.VIEWER)))

    answer = program.post("/api/v1/properties", name="Casa Mar").get_json()

    assert answer["detail"] == "This needs the role “manager”, and you are “viewer”."


def test_a_translation_reaches_why_somebody_may_not(marked: Flask) -> None:
    page = browser(marked, role=Role.VIEWER).get("/team").text

    assert "⟦This needs the role “⟦owner⟧”, and you are “⟦viewer⟧”.⟧" in page


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
