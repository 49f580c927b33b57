"""Every page in a real browser: by phone and desk, light and dark, by keyboard, in nasty data."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import ConsoleMessage, Page, Request, Response

from tests.browser.people import sign_in
from tests.browser.tour import STOPS, World, nasty, ordinary, pages, paths

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parent.parent / "vendor" / "axe-4.14.1.min.js").read_text()
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
# How to look, and by which rules of axe: all of them, or what else a width or a scheme can change.
Look = tuple[Any, Any, list[str] | None]
LOOKS: list[Look] = [
    (DESK, "light", None),
    (PHONE, "light", ["color-contrast", "target-size", "region"]),
    (PHONE, "dark", ["color-contrast"]),
    (DESK, "dark", ["color-contrast"]),
]
# Long data changes no colour: where it stands is what it can spoil.
LONG_LOOKS: list[Look] = [(DESK, "light", []), (PHONE, "light", None)]
CONTROLS = "a[href], button, input, select, textarea, summary"
AUDIT = """async rules => {
  const options = {resultTypes: ['violations']};
  if (rules) options.runOnly = rules;
  const found = rules?.length === 0 ? [] : (await axe.run(document, options)).violations;
  const wide = document.documentElement.scrollWidth > innerWidth ? ['scrolls sideways'] : [];
  return wide.concat(found.map(each => each.id + ' ' + each.nodes[0].target));
}"""
# Notes each stop of the Tab key: whether anything shows the focus, and whether the bars that stay
# on the screen hide it.
WATCH = """() => {
  window.stops = new Set();
  window.faults = [];
  const name = it => it.outerHTML.slice(0, 120);
  const look = it => {
    const style = getComputedStyle(it);
    return [style.outlineStyle, style.boxShadow, style.borderColor].join();
  };
  const before = new Map([...document.querySelectorAll(CONTROLS)].map(it => [it, look(it)]));
  document.addEventListener('focusin', event => {
    const it = event.target, box = it.getBoundingClientRect();
    if (window.stops.has(it)) return;
    if (!window.stops.size && !it.matches('a.skip')) window.faults.push('no skip link comes first');
    window.stops.add(it);
    if (look(it) === before.get(it)) window.faults.push('no visible focus: ' + name(it));
    const x = Math.min(Math.max(box.left + box.width / 2, 1), innerWidth - 1);
    const y = box.top + box.height / 2;
    const bar = document.elementFromPoint(x, y)?.closest('.bar');
    if (y < 0 || y > innerHeight || (bar && !bar.contains(it)))
      window.faults.push('hidden focus: ' + name(it));
  });
}""".replace("CONTROLS", repr(CONTROLS))
# Parts of a date or a time are stops of their own.
PRESSES = """() => 4 + document.querySelectorAll(CONTROLS).length
  + 4 * document.querySelectorAll('input[type=date], input[type=time]').length
""".replace("CONTROLS", repr(CONTROLS))
MISSED = """() => {
  const wanted = [...document.querySelectorAll(CONTROLS)].filter(
    it => it.checkVisibility({visibilityProperty: true}) && !it.disabled && it.type !== 'hidden');
  // One of a group of radio buttons is the stop for all of them.
  const group = it => it.type === 'radio' ? it.name : null;
  const reached = new Set([...window.stops].map(group).filter(Boolean));
  const missed = wanted.filter(it => !window.stops.has(it) && !reached.has(group(it)));
  const heads = document.querySelectorAll('h1'), main = document.querySelector('#content');
  if (heads.length !== 1 || !main.contains(heads[0]))
    window.faults.push(heads.length + ' first headings');
  return window.faults.concat(
    missed.map(it => 'Tab leads past: ' + it.outerHTML.slice(0, 120)));
}""".replace("CONTROLS", repr(CONTROLS))


def test_every_page_is_on_the_tour(app: Flask) -> None:
    assert pages(app) == STOPS


def complaints_of(page: Page) -> list[str]:
    """What goes wrong on the page from now on: scripts, the security policy, requests."""
    found: list[str] = []

    def note_words(message: ConsoleMessage) -> None:
        # What a page itself answered is no complaint of the page: see note_answer.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            found.append(f"{page.url}: {message.text}")

    def note_failure(request: Request) -> None:
        # What is under way is dropped when the tour goes on.
        if request.failure != "net::ERR_ABORTED":
            found.append(f"{page.url}: {request.url} failed: {request.failure}")

    def note_answer(response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            found.append(f"{page.url}: {response.url} was answered {response.status}")

    page.on("console", note_words)
    page.on("requestfailed", note_failure)
    page.on("response", note_answer)
    return found


@pytest.mark.parametrize(("world", "looks"), [(ordinary, LOOKS), (nasty, LONG_LOOKS)])
def test_no_page_scrolls_sideways_shuts_anybody_out_or_complains(
    app: Flask, site: str, page: Page, world: Callable[[], World], looks: list[Look]
) -> None:
    stops = list(paths(app, world()))
    sign_in(page, site)
    found = complaints_of(page)
    for path in stops:
        page.set_viewport_size(DESK)
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        answer = page.goto(site + path)
        assert answer is not None
        assert answer.status < 500
        page.evaluate(AXE)
        for size, scheme, rules in looks:
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            violations = page.evaluate(AUDIT, rules)
            found += [f"{path} ({size['width']} {scheme}): {each}" for each in violations]

    assert not found, "\n".join(found)


def test_tab_leads_to_everything_and_the_focus_is_seen(app: Flask, site: str, page: Page) -> None:
    stops = list(paths(app, ordinary()))
    page.set_viewport_size(PHONE)
    page.emulate_media(reduced_motion="reduce")
    sign_in(page, site)
    found = []
    for path in stops:
        page.goto(site + path)
        page.evaluate(WATCH)
        for _ in range(page.evaluate(PRESSES)):
            page.keyboard.press("Tab")
        found += [f"{path}: {each}" for each in page.evaluate(MISSED)]

    assert not found, "\n".join(found)
