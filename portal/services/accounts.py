"""Accounts, managers and their passwords."""

import secrets
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.domain.sentences import Sentence
from portal.models import Account, Manager, RestorePolicy, Role
from portal.services import timeline

MIN_PASSWORD: Final = 12
MAX_PASSWORD: Final = 128
MAX_EMAIL: Final = 254
MAX_NAME: Final = 200

# Twice what OWASP asks for at least (argon2id, 19 MiB, 2 rounds): about 50 ms on a small server.
_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)

# Runs that people type along; a password that is mostly one of these is guessed first.
_RUNS: Final = ("abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiopasdfghjklzxcvbnm")
_COMMON_WORDS: Final = ("password", "latchboard", "welcome", "letmein", "iloveyou", "administrator")

_ACCOUNT_NAME: Final = Sentence("Give the account a name of at most {most} characters.")
_SHORT_PASSWORD: Final = Sentence("The password needs at least {least} characters.")
_LONG_PASSWORD: Final = Sentence("The password may have at most {most} characters.")


class BadAccount(Exception):
    """An account or manager cannot be made so: `field` is at fault, `words` say what would do."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field
        self.words = words


def create(session: Session, name: str, email: str, password: str) -> Account:
    """A new account with its owner, who signs in with this e-mail address and password."""
    name = name.strip()
    if not name or len(name) > MAX_NAME:
        raise BadAccount("name", _ACCOUNT_NAME(most=MAX_NAME))
    account = Account(name=name, created_at=clock.now(), label_key=secrets.token_hex(32))
    session.add(account)
    session.flush()
    add_manager(session, account.id, email=email, password=password, role=Role.OWNER, name=name)
    return account


def choose_restore_policy(
    session: Session, account_id: int, policy: RestorePolicy, actor: str
) -> bool:
    """From now on this is done with codes that others changed. False: it was so already."""
    account = session.get_one(Account, account_id)
    if account.restore_policy is policy:
        return False
    account.restore_policy = policy
    timeline.record(
        session,
        timeline.Kind.RESTORE_POLICY_CHANGED,
        actor,
        account_id=account_id,
        policy=str(policy),
    )
    return True


def add_manager(
    session: Session, account_id: int, *, email: str, password: str, role: Role, name: str
) -> Manager:
    """A new manager of the account; raises BadAccount where e-mail or password will not do."""
    email = normalised_email(email)
    _require_email(email)
    require_good_password(password, email)
    if session.scalars(select(Manager.id).where(Manager.email == email)).first() is not None:
        raise BadAccount("email", "A manager with this e-mail address exists already.")
    manager = Manager(
        account_id=account_id,
        email=email,
        name=name,
        password_hash=hash_password(password),
        role=role,
        created_at=clock.now(),
    )
    session.add(manager)
    session.flush()
    return manager


def normalised_email(email: str) -> str:
    """The form in which an address is stored and compared: without spaces around it, lower case."""
    return email.replace("\x00", "").strip().lower()


def require_good_password(password: str, email: str = "") -> None:
    """Returns for a password that may be used; raises BadAccount naming the rule otherwise."""
    if len(password) < MIN_PASSWORD:
        raise BadAccount("password", _SHORT_PASSWORD(least=MIN_PASSWORD))
    if len(password) > MAX_PASSWORD:
        raise BadAccount("password", _LONG_PASSWORD(most=MAX_PASSWORD))
    if _is_easily_guessed(password.lower(), email.partition("@")[0]):
        raise BadAccount(
            "password",
            "This password is among the first that are guessed. Take four unrelated words, "
            "or let a password manager make one.",
        )


def hash_password(password: str) -> str:
    """What is stored of a password: argon2id with a salt of its own."""
    return _HASHER.hash(password)


def is_password(stored_hash: str | None, password: str) -> bool:
    """Whether the password is the one that was hashed.

    Without a stored hash (nobody has this address) it takes as long as with one and is False, so
    that the answer's time does not tell who has an account.
    """
    try:
        _HASHER.verify(stored_hash or _hash_of_nobody(), password[: MAX_PASSWORD + 1])
    except (Argon2Error, InvalidHashError):
        return False
    return stored_hash is not None


def is_hash_outdated(stored_hash: str) -> bool:
    """Whether the hash was made with weaker settings than today's."""
    return _HASHER.check_needs_rehash(stored_hash)


@cache
def _hash_of_nobody() -> str:
    return _HASHER.hash(secrets.token_urlsafe(16))


def _require_email(email: str) -> None:
    local, at, domain = email.partition("@")
    if not (local and at and domain) or len(email) > MAX_EMAIL or any(c.isspace() for c in email):
        raise BadAccount("email", "Give an e-mail address, such as maria@example.com.")


def _is_easily_guessed(password: str, email_name: str) -> bool:
    if len(set(password)) < 5:
        return True
    rest = password
    for word in (*_COMMON_WORDS, *([email_name] if len(email_name) >= 4 else [])):
        rest = rest.replace(word, "")
    return len(_without_runs(rest)) < 4


def _without_runs(text: str) -> str:
    """The text without parts of four or more characters that follow a keyboard or counting run."""
    kept, position = "", 0
    while position < len(text):
        length = _run_length(text, position)
        if length < 4:
            kept, length = kept + text[position], 1
        position += length
    return kept


def _run_length(text: str, start: int) -> int:
    longest = 1
    for run in (*_RUNS, *(run[::-1] for run in _RUNS)):
        length = 1
        while start + length <= len(text) and text[start : start + length] in run:
            length += 1
        longest = max(longest, length - 1)
    return longest
