"""Bad input and missing things, as the API says them."""

from typing import NoReturn

from flask import abort
from werkzeug.exceptions import UnprocessableEntity


def bad_input(field: str, words: str) -> UnprocessableEntity:
    """422 that names the field and says what would do (views.errors writes it as a problem)."""
    error = UnprocessableEntity()
    error.data = {"messages": {"input": {field: [words]}}}  # type: ignore[attr-defined]
    return error


def not_found() -> NoReturn:
    """The one answer for what is missing and for what belongs to another account."""
    abort(404, "There is nothing here that this token may see.")
