"""What a notice says: who comes when, what is wrong, what runs by itself, the one step, and where.

Written for somebody woken at night, on the screen of a phone. It holds no PIN, no phone number (not
even the digits by which our pages tell nameless guests apart: they may be the PIN) and no address
but those of our own pages.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urljoin

from flask import current_app, url_for
from flask_babel import force_locale, gettext, ngettext
from markupsafe import Markup

from portal.domain.notices import ARRIVAL_CAUSES, GUEST_CANNOT_ENTER, KEYPAD_LOCKED, Kind
from portal.domain.status import Verdict
from portal.messages.child import Text
from portal.services.alert_page import OF_LOCKS, Item
from portal.services.notices import Morning, Subject
from portal.services.stays import Stay
from portal.views import alert_words, filters, words
from portal.views.words import Step

MOST_ITEMS: Final = 8
SMS: Final = "sms"


def write(subject: Subject) -> Text:
    """The notice in the channel's language, with addresses that lead from anywhere."""
    public_url = current_app.extensions["settings"].public_url
    # A job has no request, and addresses are made for one.
    with current_app.test_request_context(base_url=public_url), force_locale(subject.language):
        match subject.kind:
            case Kind.TEST:
                return _test(subject)
            case Kind.DIGEST:
                assert subject.morning is not None
                return _digest(subject.morning, subject.zone)
            case Kind.RESOLVED:
                return _resolved(subject.items)
            case _:
                return _trouble(subject)


def guest_test(language: str) -> Text:
    """What somebody is sent who tries whether messages to guests arrive."""
    public_url = current_app.extensions["settings"].public_url
    with current_app.test_request_context(base_url=public_url), force_locale(language):
        return Text(
            gettext("A test of Latchboard"),
            gettext(
                "This is a test: messages to your guests get through this way. Nothing is to be"
                " done."
            ),
        )


def _trouble(subject: Subject) -> Text:
    items = subject.items
    title = _headline(items[0])
    if len(items) > 1:
        others = len(items) - 1
        title = gettext(
            "%(first)s %(others)s",
            first=title,
            others=ngettext("(and 1 more)", "(and %(num)s more)", others),
        )
    if subject.kind is Kind.ESCALATED:
        title = gettext("More urgent now: %(title)s", title=title)
    is_short = subject.channel_kind == SMS
    blocks = [_block(item, is_short=is_short) for item in items[:MOST_ITEMS]]
    return Text(title, _joined([*blocks, *_rest(items)]))


def _headline(item: Item) -> str:
    stay = item.stay
    if stay is not None and item.cause in ARRIVAL_CAUSES - {GUEST_CANNOT_ENTER}:
        return gettext(
            "%(guest)s, %(when)s: the door code is not ready",
            guest=_name(item),
            when=_when(stay.starts_at, stay.zone),
        )
    return _plain_headline(item)


def _block(item: Item, *, is_short: bool) -> str:
    """One trouble in a few lines."""
    stay = item.stay
    lines = []
    if stay is not None and (item.cause in ARRIVAL_CAUSES or item.cause in OF_LOCKS):
        lines.append(_arrival(stay))
    lines.append(gettext("What is wrong: %(words)s", words=filters.tr(item.words)))
    if stay is not None and item.cause in ARRIVAL_CAUSES and not is_short:
        lines.append(words.reason(stay))
    automatic = alert_words.automatic_of(item)
    if automatic and not is_short:
        lines.append(gettext("By itself: %(words)s", words=_plain(automatic)))
    step = alert_words.step_of(item)
    return "\n".join([*lines, *_step(step, stay.zone if stay else None)])


def _step(step: Step, zone: str | None) -> list[str]:
    if step.by is not None and zone is not None:
        when = _when(step.by, zone)
        line = gettext("Your one step, by %(when)s: %(words)s", when=when, words=step.words)
    else:
        line = gettext("Your one step, now: %(words)s", words=step.words)
    return [line, _outside(step.url)]


def _arrival(stay: Stay) -> str:
    return gettext(
        "%(stay)s: check-in %(when)s (%(zone)s time).",
        stay=_stay_name(stay),
        when=_when(stay.starts_at, stay.zone),
        zone=filters.zone_name(stay.zone),
    )


def _resolved(items: Sequence[Item]) -> Text:
    title = _plain_headline(items[0])
    if items[0].is_still_so:
        title = gettext("Nobody is on the way to it now: %(title)s", title=title)
    else:
        title = gettext("Over: %(title)s", title=title)
    if len(items) > 1:
        title += " " + ngettext("(and 1 more)", "(and %(num)s more)", len(items) - 1)
    lines = [_over(item) for item in items[:MOST_ITEMS]]
    link = _outside(alert_words.url_of(items[0])) if len(items) == 1 else _all_alerts()
    return Text(title, "\n".join([*lines, *_rest(items, has_link=False), link]))


def _over(item: Item) -> str:
    """What is over, and whether anything is left to do."""
    about, time = _name(item), filters.time_limit(item.lasted_seconds)
    if item.cause == KEYPAD_LOCKED:
        # It ends when the guest's code or Unlock opens the door, and also when nobody tries any
        # more: the alert does not keep which, so what is said is true of both.
        return gettext(
            "%(about)s: it is over after %(time)s. If you do not know whether the guest is in,"
            " ask them.",
            about=about,
            time=time,
        )
    if item.is_still_so:
        return gettext(
            "%(about)s: nobody is on the way to it any more, but it is not mended."
            " You are told again before the next guest comes.",
            about=about,
        )
    stay = item.stay
    if stay is not None and item.cause in ARRIVAL_CAUSES and stay.verdict is not Verdict.READY:
        return gettext(
            "%(about)s: it is over after %(time)s. %(reason)s",
            about=about,
            time=time,
            reason=words.reason(stay),
        )
    return gettext("%(about)s: it is over after %(time)s. Nothing to do.", about=about, time=time)


def _plain_headline(item: Item) -> str:
    title = str(alert_words.cause_of(item.cause).title)
    return gettext("%(about)s: %(title)s", about=_name(item), title=words.lowered(title))


def _digest(morning: Morning, zone: str) -> Text:
    arrivals = morning.arrivals
    number = len(arrivals)
    by_verdict = {v: [s for s in arrivals if s.verdict is v] for v in Verdict}
    title = ngettext("1 arrival in the next 3 days", "%(num)s arrivals in the next 3 days", number)
    steps = [(stay, words.step(stay)) for stay in arrivals]
    waiting = [(stay, step) for stay, step in steps if step is not None]
    if waiting:
        title += ", " + ngettext("1 needs you", "%(num)s need you", len(waiting))
    counts = ", ".join(
        gettext("%(word)s: %(number)s", word=str(filters.VERDICT[v].word), number=len(stays))
        for v, stays in by_verdict.items()
        if stays
    )
    lines = [counts or gettext("Nobody arrives.")]
    blocks = ["\n".join(lines)]
    for stay, step in waiting[:MOST_ITEMS]:
        blocks.append("\n".join([_arrival(stay), words.reason(stay), *_step(step, stay.zone)]))
    if len(waiting) > MOST_ITEMS:
        blocks.append(_more(len(waiting) - MOST_ITEMS))
    if morning.late_removals:
        late = ngettext(
            "1 old code is not proven off its lock.",
            "%(num)s old codes are not proven off their locks.",
            morning.late_removals,
        )
        blocks.append(f"{late}\n{_all_alerts()}")
    elif not waiting:
        blocks.append(gettext("Nothing needs you."))
    blocks.append(_outside(url_for("arrivals.index")))
    return Text(title, _joined(blocks))


def _test(subject: Subject) -> Text:
    return Text(
        gettext("A test from Latchboard"),
        gettext(
            "This channel, “%(name)s”, works. Nothing is wrong and nothing is to be done.",
            name=subject.channel_name,
        )
        + "\n"
        + _outside(url_for("alert_settings.index")),
    )


def _name(item: Item) -> str:
    if item.stay is not None and item.cause not in OF_LOCKS:
        return _stay_name(item.stay)
    return alert_words.about(item)


def _stay_name(stay: Stay) -> str:
    guest = stay.guest
    if guest.name:
        return alert_words.stay_name(stay, guest.name)
    if guest.source in words.LISTING_SITES:
        site = str(filters.SOURCE[guest.source])
        return alert_words.stay_name(stay, gettext("%(site)s guest", site=site))
    return alert_words.stay_name(stay, gettext("A guest"))


def _when(at: datetime, zone: str) -> str:
    """Day and time on the property's clocks, as plain text."""
    return _plain(filters.moment(at, zone))


def _plain(words: str) -> str:
    """Without the markup of times, which words of pages may hold."""
    plain = words.striptags() if isinstance(words, Markup) else words
    return plain.replace("\u00a0", " ")


def _rest(items: Sequence[Item], *, has_link: bool = True) -> list[str]:
    if len(items) <= MOST_ITEMS:
        return []
    more = _more(len(items) - MOST_ITEMS)
    return [f"{more}\n{_all_alerts()}" if has_link else more]


def _more(number: int) -> str:
    return ngettext("And 1 more.", "And %(num)s more.", number)


def _all_alerts() -> str:
    return _outside(url_for("alerts.index"))


def _outside(url: str) -> str:
    return urljoin(current_app.extensions["settings"].public_url + "/", url)


def _joined(blocks: Iterable[str]) -> str:
    return "\n\n".join(blocks)
