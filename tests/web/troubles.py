"""What a page that shows a problem has to say of it."""

from typing import Final

from portal.domain.problems import CATALOGUE, Page, ProblemKey
from tests.support.client import PortalClient
from tests.web.pages import element, elements, words

SETTINGS: Final = "/settings/door-locks/schlage"


def assert_all_is_told(client: PortalClient, path: str, key: ProblemKey) -> None:
    """The page says what it is, why, what runs by itself, every step, and where they lead."""
    entry = CATALOGUE[key]
    html = client.get(path).text

    shown = words(element(html, data_trouble=str(key)).text)
    for text in (entry.title, entry.cause, entry.automatic, *entry.steps):
        assert words(text) in shown
    assert "By itself" in shown
    anchors = {words(e.text): e["href"] or "" for e in elements(html) if e.tag == "a"}
    for link in entry.links:
        # A connection's page knows no property and no lock: what would lead there is left out.
        if link.to in {Page.LOCK, Page.REBUILD} and path == SETTINGS:
            continue
        address = next(url for text, url in anchors.items() if text.startswith(link.words))
        if not isinstance(link.to, Page):
            assert address == link.to
            continue
        page, _, anchor = address.partition("#")
        answer = client.get(page)
        assert answer.status_code == 200, address
        assert not anchor or elements(answer.text, id=anchor), address
