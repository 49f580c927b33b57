"""Moving the bolt from the portal. It never waits for a code: it has a lane of its own."""

from datetime import timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from portal import clock
from portal.domain.command import LANE_OF, OPEN, Event, Kind, Lane, State
from portal.models import Command, Lock
from portal.models.base import one_of
from portal.schlage.errors import SchlageError, SchlageUnauthorized, SchlageUncertain
from portal.services import clients, commands, connections, look_ups, timeline
from portal.services.outcomes import News
from portal.unit_of_work import writing

# An older press that never got an answer does not stop a new one.
STALE_AFTER: Final = timedelta(seconds=90)


class CannotMove(Exception):
    """Schlage did not take the wish; `words` say what to do instead."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def move(lock_id: int, kind: Kind, actor: str, booking_id: int | None = None) -> int:
    """Asks Schlage to move the bolt now; the command row's id. Raises CannotMove.

    Called in the request on purpose: the guest stands at the door, and the answer takes seconds.
    """
    now = clock.now()
    with writing() as session:
        lock = session.get_one(Lock, lock_id)
        for old in session.scalars(
            select(Command).where(
                Command.lock_id == lock_id, Command.lane == Lane.BOLT, one_of(Command.state, OPEN)
            )
        ).all():
            if now - old.created_at < STALE_AFTER:
                raise CannotMove("The door is being moved already. Give it a few seconds.")
            event = {
                State.INTENDED: Event.SUPERSEDED,
                State.SENDING: Event.ABANDONED,
                State.ACCEPTED: Event.EXPIRED,
            }[old.state]
            commands.settle(session, old.id, News(event=event, by="deadline"))
        command = Command(
            account_id=lock.account_id,
            lock_id=lock_id,
            kind=kind,
            lane=LANE_OF[kind],
            state=State.SENDING,
            cause=actor,
            lease_token=lock.lease_token,
            created_at=now,
            sent_at=now,
        )
        session.add(command)
        try:
            session.flush()
        except IntegrityError as error:
            raise CannotMove("The door is being moved already. Give it a few seconds.") from error
        timeline.record(
            session,
            timeline.Kind.UNLOCK_ASKED,
            actor,
            account_id=lock.account_id,
            booking_id=booking_id,
            lock_id=lock_id,
            command_row_id=command.id,
            command=str(kind),
        )
        row_id, device_id, connection_id = command.id, lock.device_id, lock.connection_id
    client = clients.client_for(connection_id)
    call = client.unlock if kind is Kind.UNLOCK else client.lock
    try:
        schlage_id = call(device_id)
    except SchlageError as error:
        uncertain = isinstance(error, SchlageUncertain)
        with writing() as session:
            commands.settle(
                session,
                row_id,
                News(
                    event=Event.UNCERTAIN if uncertain else Event.REFUSED,
                    by="answer",
                    text=str(error)[:200],
                ),
            )
        if isinstance(error, SchlageUnauthorized):
            connections.signed_out(lock_id)
            raise CannotMove("Schlage asks you to sign in again: reconnect first.") from error
        raise CannotMove(
            "Schlage did not take it. Try once more, or use the property's other way in."
        ) from error
    with writing() as session:
        commands.accept(session, row_id, schlage_id)
    return row_id


def look(command_row_id: int) -> None:
    """Looks an open bolt command up once."""
    with writing() as session:
        command = session.get_one(Command, command_row_id)
        lock = session.get_one(Lock, command.lock_id)
        if command.state is not State.ACCEPTED or command.command_id is None:
            return
        question, connection_id = look_ups.about(command, lock), lock.connection_id
    answer = look_ups.ask(clients.client_for(connection_id), question)
    news = answer.news
    with writing() as session:
        if news is None and commands.look_again(session, command_row_id, answer):
            return
        commands.settle(
            session,
            command_row_id,
            news or News(event=Event.EXPIRED, by="deadline", raw_state=answer.raw_state),
        )
