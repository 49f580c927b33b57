"""Which language a guest's page speaks."""

from babel import Locale, UnknownLocaleError
from flask import request
from flask_babel import get_babel

from portal.extensions import babel


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


def _parsed(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag.replace("_", "-"), sep="-") if tag else None
    except (ValueError, UnknownLocaleError, TypeError):
        return None
