"""What the servers check before they accept a write: by their own list, not by the lock's."""

from datetime import datetime
from typing import Any

from simulator.codes import DIGITS, LONGEST_NAME, MOST_CODES, Code
from simulator.lock import Lock
from simulator.problems import (
    ALREADY_IN_USE,
    BAD_BODY,
    LOCK_FULL,
    SCHEDULE_NOT_VALID,
    WRONG_DIGITS,
    WRONG_LENGTH,
    WRONG_NAME,
    Problem,
)
from simulator.schedules import BadSchedule, read_schedule


class Invalid(Exception):
    """The request is refused at once, for this problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


def read_code(body: Any, lock: Lock, now: datetime, target: Code | None = None) -> Code:
    """The code a request describes, with the id of the entry it changes or none yet.

    Keys may be in any case, and the digits may come as `accessCode` or `code`, because the
    vendor's own samples differ. Raises Invalid.
    """
    if not isinstance(body, dict):
        raise Invalid(BAD_BODY)
    fields = {str(key).lower(): value for key, value in body.items()}
    name, pin = fields.get("name"), fields.get("accesscode", fields.get("code"))
    if not isinstance(pin, str) or not DIGITS.fullmatch(pin):
        raise Invalid(WRONG_DIGITS)
    if not isinstance(name, str) or not _is_name(name):
        raise Invalid(WRONG_NAME)
    try:
        schedule = read_schedule(fields.get("schedule"), now)
    except BadSchedule as error:
        raise Invalid(SCHEDULE_NOT_VALID) from error
    code = Code(target.id if target else "", name, pin, schedule)
    _check(code, lock, target)
    return code


def _is_name(name: str) -> bool:
    return (
        name.isascii() and name.isprintable() and bool(name.strip()) and len(name) <= LONGEST_NAME
    )


def _check(code: Code, lock: Lock, target: Code | None) -> None:
    if lock.length_rule not in (None, len(code.pin)):
        raise Invalid(WRONG_LENGTH)
    if lock.server_codes.clashes(code, ignoring=target.id if target else None):
        raise Invalid(ALREADY_IN_USE)
    if target is None and len(lock.server_codes) >= MOST_CODES:
        raise Invalid(LOCK_FULL)
