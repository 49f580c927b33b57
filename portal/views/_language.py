"""Languages: which one a page speaks, a guest's and any other, and what each is called."""

from babel import Locale, UnknownLocaleError
from flask import has_request_context, request
from flask_babel import get_babel

from portal.extensions import babel
from portal.views import filters


def of_browser() -> str | None:
    """The translation that fits best what the browser asks for; None where none does: English.

    What nobody's browser asked for, such as a job, speaks the default as well.
    """
    if not has_request_context():
        return None
    # The default first: it is what a browser gets that takes anything.
    spoken = [get_babel().default_locale, *map(str, babel.list_translations())]
    return request.accept_languages.best_match(spoken)


def of_guest(wished: str) -> Locale:
    """The first language that the guest wants and we speak, else English.

    `wished` is what the booking says of its guest, and comes before what the browser asks for. The
    region stays, because it says how dates and times are written.
    """
    spoken = {locale.language for locale in babel.list_translations()}
    for tag in (wished, *request.accept_languages.values()):
        locale = _parsed(tag)
        if locale is not None and locale.language in spoken:
            return locale
    return Locale.parse(get_babel().default_locale)


def language_name(code: str) -> str:
    """The language in words of the page's language, such as Portuguese (Brazil)."""
    return str(Locale.parse(code, sep="-").get_display_name(filters.locale()) or code)


def _parsed(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag.replace("_", "-"), sep="-") if tag else None
    except (ValueError, UnknownLocaleError, TypeError):
        return None
