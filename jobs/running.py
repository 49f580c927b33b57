"""How a job runs: in an app context of its own, serving all accounts."""

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec

from flask import Flask, has_app_context

from portal import create_app, tenancy
from portal.unit_of_work import keeping_rows

P = ParamSpec("P")


@cache
def app() -> Flask:
    """The process's one application; the worker calls it before it forks."""
    return create_app()


def job(function: Callable[P, None]) -> Callable[P, None]:
    """Runs the function with a session of its own, which is gone afterwards.

    Inside an app context (a test, a benchmark) that one is used.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        if has_app_context():
            with tenancy.as_system(), keeping_rows():
                function(*args, **kwargs)
            return
        with app().app_context(), tenancy.as_system(), keeping_rows():
            function(*args, **kwargs)

    return run
