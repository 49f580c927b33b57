"""Languages: which one a guest's page speaks, and what each is called."""

from babel import Locale, UnknownLocaleError
from flask import request
from flask_babel import get_babel

from portal.extensions import babel
from portal.views import filters


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
