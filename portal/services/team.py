"""Who works in an account: adding people, their roles, their passwords, letting them out.

An account always keeps an active owner: the last one can be neither disabled nor demoted.
"""

from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from portal import tenancy
from portal.domain.sentences import Sentence
from portal.models import ApiToken, Manager, Role, SignIn
from portal.services import accounts, sign_ins, timeline, tokens
from portal.services.accounts import MAX_NAME, BadAccount

_LONG_NAME: Final = Sentence("Give a name of at most {most} characters.")


def add(
    session: Session,
    account_id: int,
    *,
    name: str,
    email: str,
    password: str,
    role: Role,
    actor: str,
) -> Manager:
    """A new person in the account; raises BadAccount naming the field that will not do."""
    name = " ".join(name.replace("\x00", "").split())
    if not name or len(name) > MAX_NAME:
        raise BadAccount("name", _LONG_NAME(most=MAX_NAME))
    # An address signs in to one account only, so it is compared with those of all accounts.
    with tenancy.as_system():
        manager = accounts.add_manager(
            session, account_id, email=email, password=password, role=role, name=name
        )
    _note(session, timeline.Kind.MANAGER_ADDED, manager, actor, role=str(role))
    return manager


def change_role(session: Session, manager: Manager, role: Role, actor: str) -> bool:
    """The person may do what `role` says from their next click on; False: it was so already."""
    if manager.role is role:
        return False
    if role is not Role.OWNER:
        _require_another_owner(session, manager)
    before, manager.role = manager.role, role
    _note(
        session,
        timeline.Kind.ROLE_CHANGED,
        manager,
        actor,
        before=str(before),
        after=str(role),
    )
    return True


def disable(session: Session, manager: Manager, actor: str) -> None:
    """The person is signed out everywhere and cannot sign in; their tokens open nothing."""
    if actor == f"manager:{manager.id}":
        raise BadAccount("role", "You cannot shut yourself out. Ask another owner to do it.")
    if not manager.is_active:
        return
    _require_another_owner(session, manager)
    manager.is_active = False
    sign_ins.end_all_of(session, manager.id)
    _note(session, timeline.Kind.MANAGER_DISABLED, manager, actor)


def enable(session: Session, manager: Manager, actor: str) -> None:
    """The person can sign in again, with the password and role of before."""
    if manager.is_active:
        return
    manager.is_active = True
    _note(session, timeline.Kind.MANAGER_ENABLED, manager, actor)


def change_password(
    session: Session, manager: Manager, password_hash: str, keep_sign_in_id: int, actor: str
) -> None:
    """The person signs in with another password; every browser but this one is signed out.

    Takes the hash: hashing is slow on purpose, and this runs while the database waits.
    """
    manager.password_hash = password_hash
    sign_ins.end_others_of(session, manager.id, keep_sign_in_id)
    _note(session, timeline.Kind.PASSWORD_CHANGED, manager, actor)


def end_sign_in(session: Session, sign_in: SignIn, actor: str) -> None:
    """This browser is signed out."""
    manager = session.get_one(Manager, sign_in.manager_id)
    sign_ins.end(session, sign_in.id)
    _note(session, timeline.Kind.SIGN_IN_ENDED, manager, actor)


def make_token(
    session: Session, manager: Manager, *, name: str, can_reveal_pins: bool, actor: str
) -> Any:
    """A new API token with this person's role, as a Secret; it is not shown again."""
    if not manager.is_active:
        raise BadAccount("manager_id", "This person is shut out: their tokens open nothing.")
    name = " ".join(name.replace("\x00", "").split())
    if not name or len(name) > 100:
        raise BadAccount("name", "Say what the token is for, in at most 100 characters.")
    token = tokens.create(session, manager.email, name=name, can_reveal_pins=can_reveal_pins)
    _note(session, timeline.Kind.TOKEN_MADE, manager, actor, token_name=name)
    return token


def revoke_token(session: Session, token: ApiToken, actor: str) -> None:
    """Programs that hold this token are refused from now on."""
    manager = session.get_one(Manager, token.manager_id)
    session.execute(delete(ApiToken).where(ApiToken.id == token.id))
    _note(session, timeline.Kind.TOKEN_REVOKED, manager, actor, token_name=token.name)


def _require_another_owner(session: Session, manager: Manager) -> None:
    """Raises BadAccount for the last active owner."""
    owners = session.scalars(
        select(Manager.id).where(
            Manager.account_id == manager.account_id,
            Manager.role == Role.OWNER,
            Manager.is_active,
        )
    ).all()
    if list(owners) == [manager.id]:
        raise BadAccount(
            "role", "This is the last owner. Make somebody else an owner first, then come back."
        )


def _note(session: Session, kind: timeline.Kind, manager: Manager, actor: str, **data: Any) -> None:
    timeline.record(
        session,
        kind,
        actor,
        account_id=manager.account_id,
        manager=manager.id,
        name=manager.name,
        **data,
    )
