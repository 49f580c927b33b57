"""Sending one command to Schlage: claimed, called, and what the call itself answered is stored."""

from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.domain.command import Event, Kind
from portal.domain.problems import ProblemKey, recognise
from portal.models import Command, Lock
from portal.queue import JobName, ring
from portal.schlage.client import SchlageClient
from portal.schlage.errors import (
    SchlageForbidden,
    SchlageNotFound,
    SchlageRejected,
    SchlageThrottled,
    SchlageUnauthorized,
    SchlageUnavailable,
    SchlageUncertain,
)
from portal.services import commands, connections, inbox, schedules
from portal.services.leases import Lease
from portal.services.outcomes import News
from portal.unit_of_work import writing
from portal.zones import zone_or_utc

# Built once, because it runs with every write.
_ZONE: Final = select(Lock.time_zone).where(Lock.id == bindparam("lock_id"))


def send(client: SchlageClient, lease: Lease, device_id: str, command_row_id: int) -> None:
    """Claims the command, makes the call, and stores what the call itself answered."""
    with writing() as session:
        command = commands.claim(session, lease, command_row_id)
        call = _call(session, client, device_id, command)
    try:
        schlage_id = call()
    except SchlageThrottled as error:
        news = News(
            event=Event.REFUSED,
            by="answer",
            problem=ProblemKey.RATE_LIMITED,
            text=error.raw,
            retry_after=error.retry_after,
        )
    except SchlageUnauthorized as error:
        connections.signed_out(lease.lock_id)
        news = News(
            event=Event.REFUSED, by="answer", problem=ProblemKey.SIGNED_OUT, text=str(error)
        )
    except SchlageRejected as error:
        problem = _problem_of(error)
        if problem is ProblemKey.LOCK_MISSING:
            connections.look_at_locks(lease.lock_id)
        news = News(event=Event.REFUSED, by="answer", problem=problem, text=_words(error))
    except SchlageUnavailable as error:
        news = News(
            event=Event.NOT_SENT,
            by="answer",
            problem=ProblemKey.OUTCOME_UNKNOWN if error.status else ProblemKey.SCHLAGE_OUTAGE,
            text=_words(error),
        )
    except SchlageUncertain as error:
        news = News(
            event=Event.UNCERTAIN, by="answer", problem=_problem_of(error), text=_words(error)
        )
    else:
        with writing() as session:
            commands.accept(session, command_row_id, schlage_id)
            parked = inbox.unpark(session, schlage_id)
        for event_row_id in parked:
            ring(JobName.PROCESS_WEBHOOK, event_row_id)
        return
    with writing() as session:
        commands.settle(session, command_row_id, news)


def _call(session: Session, client: SchlageClient, device_id: str, command: Command) -> "_Call":
    """The call, with all it needs read out of the rows: no session is open while it runs."""
    if command.kind is Kind.DELETE_ALL:
        return _Call(client.remove_all_codes, device_id)
    entry = command.entry
    assert entry is not None
    if command.kind is Kind.DELETE:
        assert entry.id_to_remove is not None
        return _Call(client.remove_code, device_id, entry.id_to_remove)
    assert command.starts_at is not None
    assert command.ends_at is not None
    zone = session.scalars(_ZONE, {"lock_id": command.lock_id}).one()
    schedule = schedules.of(entry.door_code, command.starts_at, command.ends_at, zone_or_utc(zone))
    values = (entry.label, entry.pin.reveal(), schedule)
    if command.kind is Kind.ADD:
        return _Call(client.add_code, device_id, *values)
    assert entry.access_code_id is not None
    return _Call(client.update_code, device_id, entry.access_code_id, *values)


class _Call:
    """A call with its arguments, whose repr shows none of them: one is a PIN."""

    def __init__(self, method: object, *args: object) -> None:
        self._method, self._args = method, args

    def __call__(self) -> str:
        assert callable(self._method)
        return str(self._method(*self._args))


def _problem_of(error: SchlageRejected | SchlageUncertain) -> ProblemKey:
    """The catalogue's key for a refusal or an uncertain answer."""
    if isinstance(error, SchlageForbidden):
        return ProblemKey.NO_PERMISSION
    key = recognise(*error.texts, error.error_type or "", error_code=error.error_code)
    if key is not ProblemKey.UNKNOWN:
        return key
    if isinstance(error, SchlageUncertain):
        return ProblemKey.OUTCOME_UNKNOWN
    return ProblemKey.LOCK_MISSING if isinstance(error, SchlageNotFound) else key


def _words(error: SchlageRejected | SchlageUncertain | SchlageUnavailable) -> str:
    return "; ".join(error.texts) or str(error)
