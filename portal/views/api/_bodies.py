"""Bookings as the API shows them: judged at this moment, a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import Select, select
from sqlalchemy.orm import Session, contains_eager, selectinload

from portal.config import Settings
from portal.domain.problems import CATALOGUE, ProblemKey
from portal.models import Booking, DoorCode, Lock, LockEntry
from portal.services import verdicts
from portal.views._pages import Place, links


def query() -> Select[Booking]:
    """Bookings with what their bodies need. A verdict needs locks and connections too."""
    return (
        select(Booking)
        .join(Booking.property)
        .options(
            contains_eager(Booking.property),
            *(
                selectinload(codes).joinedload(DoorCode.lock).joinedload(Lock.connection)
                for codes in (Booking.door_codes, Booking.spares)
            ),
        )
    )


def of(session: Session, bookings: Sequence[Booking], now: datetime) -> list[dict[str, Any]]:
    """The bodies of these bookings, in their order."""
    judged = verdicts.judge_all(session, bookings, now)
    labels = _labels(
        session, [code.id for each in bookings for code in (*each.door_codes, *each.spares)]
    )
    return [_body(each, judged[each.id], labels) for each in bookings]


def _body(booking: Booking, judgement: Any, labels: dict[int, str]) -> dict[str, Any]:
    codes = sorted(booking.door_codes, key=lambda code: code.id)
    worst = next((code for code in codes if code.id == judgement.door_code_id), None)
    return {
        "id": booking.id,
        "source": str(booking.source),
        "external_id": booking.external_id,
        "property_id": booking.property_id,
        "guest_name": booking.guest_name,
        "guest_language": booking.guest_language,
        "status": str(booking.status),
        "starts_at": booking.starts_at,
        "ends_at": booking.ends_at,
        "verdict": str(judgement.verdict),
        "problem": judgement.problem,
        "problem_help": _help(judgement.problem, booking, worst),
        "revision": booking.revision,
        "door_codes": [_door(booking, code, labels) for code in codes],
        "spares": [
            _door(booking, code, labels) for code in sorted(booking.spares, key=lambda c: c.id)
        ],
    }


def _door(booking: Booking, code: DoorCode, labels: dict[int, str]) -> dict[str, Any]:
    problem = code.lock.connection.state.problem or code.problem
    return {
        "id": code.id,
        "lock_id": code.lock_id,
        "status": str(code.status),
        "problem": problem,
        "problem_text": _text(problem, code),
        "problem_help": _help(problem, booking, code),
        "label": labels.get(code.id),
        "starts_at": code.starts_at,
        "ends_at": code.ends_at,
        "due_at": code.due_at,
        "confirmed_at": code.confirmed_at,
    }


def _text(problem: ProblemKey | None, code: DoorCode) -> str | None:
    """Schlage's own words where the code's problem came with some, else the catalogue's title."""
    if problem is None:
        return None
    return (code.problem_text if problem is code.problem else "") or CATALOGUE[problem].title


def _help(
    problem: ProblemKey | None, booking: Booking, code: DoorCode | None
) -> dict[str, Any] | None:
    if problem is None:
        return None
    entry = CATALOGUE[problem]
    place = Place(
        booking_id=booking.id,
        property_id=booking.property_id,
        lock_id=code.lock_id if code else None,
        connection_id=code.lock.connection_id if code else None,
    )
    return {
        "title": entry.title,
        "cause": entry.cause,
        "automatic": entry.automatic,
        "steps": list(entry.steps),
        "links": [_absolute(asdict(link)) for link in links(problem, place)],
    }


def _absolute(link: dict[str, Any]) -> dict[str, str]:
    settings: Settings = current_app.extensions["settings"]
    url = link["url"] if link["is_outside"] else settings.public_url + link["url"]
    return {"words": str(link["words"]), "url": url}


def _labels(session: Session, code_ids: Sequence[int]) -> dict[int, str]:
    """The name on the lock of each door code's newest entry."""
    rows = session.execute(
        select(LockEntry.door_code_id, LockEntry.label)
        .where(LockEntry.door_code_id.in_(code_ids))
        .order_by(LockEntry.is_retired.desc(), LockEntry.id)
    )
    return dict(rows.all())
