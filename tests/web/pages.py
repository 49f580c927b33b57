"""What the tests of pages share: a browser that is signed in, and reading what it was shown."""

import re
from html.parser import HTMLParser
from typing import Any

from flask import Flask

from portal.models import Account, Role
from tests.support.builders import make_manager
from tests.support.client import PortalClient

_VOID = {"meta", "link", "input", "br", "img", "hr"}


def browser(app: Flask, account: Account | None = None, role: Role = Role.OWNER) -> PortalClient:
    """A browser in which a manager of this role is signed in."""
    client = app.test_client()
    assert isinstance(client, PortalClient)
    client.become(make_manager(account, role=role))
    return client


class Element(dict[str, str | None]):
    """The attributes of one element, with its tag and the text inside it."""

    tag: str
    text: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.roots: list[Element] = []
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        element = Element(attrs)
        element.tag = tag
        self.elements.append(element)
        if not self._open:
            self.roots.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data


def elements(html: str, **attributes: str) -> list[Element]:
    """The elements with these attributes, in order; `data_status="sent"` asks for data-status."""
    reader = _Reader()
    reader.feed(html)
    wanted = {name.strip("_").replace("_", "-"): value for name, value in attributes.items()}
    return [e for e in reader.elements if all(e.get(n) == v for n, v in wanted.items())]


def element(html: str, **attributes: str) -> Element:
    """The one element with these attributes."""
    found = elements(html, **attributes)
    assert len(found) == 1, f"{len(found)} elements with {attributes}"
    return found[0]


def roots(html: str) -> list[Element]:
    """The elements that stand in no other."""
    reader = _Reader()
    reader.feed(html)
    return reader.roots


def words(text: str) -> str:
    """The text with its white space as a reader sees it."""
    return re.sub(r"\s+", " ", text).strip()


def poll_url(html: str) -> str:
    """The address that the page's one poller asks."""
    found = [e for e in elements(html) if "data-poll" in e]
    assert len(found) == 1, f"{len(found)} pollers"
    url = found[0]["hx-get"]
    assert url
    return url
