"""What the lock refused a code with before a person was asked: its problem names only the end."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.domain.command import Kind, State
from portal.domain.problems import ProblemKey, recognise
from portal.models import Command, DoorCode, LockEntry


def led_to(session: Session, codes: Iterable[DoorCode]) -> dict[int, frozenset[ProblemKey]]:
    """What the lock has refused each of these codes with that is in split brain, by its id.

    Every refusal since the code was last confirmed counts. The last text alone does not tell: a
    code that the lock did not know is put there again, and then refused as in use.
    """
    split = {code.id: code for code in codes if code.problem is ProblemKey.SPLIT_BRAIN}
    if not split:
        return {}
    led = {code.id: {recognise(code.problem_text)} for code in split.values()}
    rows = session.execute(
        select(LockEntry.door_code_id, Command.problem, Command.closed_at)
        .join(Command, Command.lock_entry_id == LockEntry.id)
        .where(
            LockEntry.door_code_id.in_(sorted(split)),
            Command.state == State.FAILED,
            Command.kind != Kind.DELETE,
        )
    )
    for code_id, problem, closed_at in rows:
        confirmed_at = split[code_id].confirmed_at
        is_since = confirmed_at is None or (closed_at is not None and closed_at >= confirmed_at)
        if is_since and problem is not None:
            led[code_id].add(problem)
    return {code_id: frozenset(problems) for code_id, problems in led.items()}
