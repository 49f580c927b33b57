"""Pages of a list: a hundred items, and the address of the next hundred.

A page begins behind the last item of the one before, not at a count, so that rows which come or go
meanwhile neither hide nor repeat others.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import request

from portal.views.api._problems import bad_input
from portal.views.api._schemas import PAGE_SIZE

Key = tuple[datetime | None, int]


def after(cursor: str | None) -> Key | None:
    """Where the page begins; None at the start. A cursor that we did not make is a bad input."""
    if cursor is None:
        return None
    try:
        moment, row_id = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        at = None if moment is None else datetime.fromisoformat(moment)
        if type(row_id) is not int or not 0 <= row_id < 2**31 or (at and at.tzinfo is None):
            raise ValueError(cursor)
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise bad_input("cursor", "Give the cursor as the address in `next` has it.") from error
    return at, row_id


def page(rows: Sequence[Any], items: Sequence[Any], key: Key | None) -> dict[str, Any]:
    """The page's body. `rows` may have one more than fits, which says that there is a next page.

    `key` is the last fitting row's place in the order.
    """
    has_more = len(rows) > PAGE_SIZE and key is not None
    return {"items": items, "next": _address(key) if has_more and key else None}


def _address(key: Key) -> str:
    at, row_id = key
    place = json.dumps([at.isoformat() if at else None, row_id]).encode()
    query = {**request.args, "cursor": base64.urlsafe_b64encode(place).decode()}
    return f"{request.path}?{urlencode(query)}"
