"""Commands: `flask --app wsgi account create`, `token create`, `keys re-encrypt`.

What a command prints on standard output is its result and nothing else; the rest goes to stderr.
"""

import sys
from typing import Final, NoReturn

import click
from flask import Flask
from flask.cli import AppGroup

from portal import tenancy
from portal.services import accounts, demo, key_change, tokens
from portal.unit_of_work import writing

account_commands: Final = AppGroup("account", help="Accounts: the customers of this portal.")
token_commands: Final = AppGroup("token", help="Tokens for programs that use the API.")
key_commands: Final = AppGroup("keys", help="The keys that encrypt PINs, tokens and addresses.")

demo_commands: Final = AppGroup("demo", help="The demo account of `make run`.")


def init_app(app: Flask) -> None:
    """The commands of this module belong to `app`."""
    for group in (account_commands, token_commands, key_commands, demo_commands):
        app.cli.add_command(group)


@account_commands.command("create")
@click.argument("name")
@click.option("--email", required=True, help="The owner's address, to sign in with.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def create_account(name: str, email: str, password_stdin: bool) -> None:
    """Make an account and its owner; print the account's id."""
    password = _password(password_stdin)
    try:
        with tenancy.as_system(), writing() as session:
            account_id = accounts.create(session, name, email, password).id
    except accounts.BadAccount as error:
        _fail(error.words)
    click.echo(account_id)


@token_commands.command("create")
@click.option("--email", required=True, help="The manager whose role the token has.")
@click.option("--name", default="", help="What the token is for.")
@click.option("--no-pins", is_flag=True, help="The token can never read a PIN.")
def create_token(email: str, name: str, no_pins: bool) -> None:
    """Make an API token; print it. It is stored as a hash and cannot be shown again."""
    try:
        with tenancy.as_system(), writing() as session:
            token = tokens.create(session, email, name=name, can_reveal_pins=not no_pins)
    except tokens.NoSuchManager as error:
        _fail(str(error))
    click.echo(token.reveal())


@key_commands.command("re-encrypt")
@click.option("--batch", default=500, show_default=True, help="Rows per transaction.")
def re_encrypt(batch: int) -> None:
    """Write every encrypted value with the first of ENCRYPTION_KEYS.

    May run while everything else does, and again after a stop. Afterwards the older keys can be
    taken out of ENCRYPTION_KEYS.
    """
    unreadable = 0
    for column in key_change.encrypted_columns():
        changed, last_id = 0, 0
        while last_id is not None:
            with tenancy.as_system(), writing() as session:
                done = key_change.re_encrypt(session, column, last_id, batch)
            changed += done.changed
            unreadable += done.unreadable
            last_id = done.last_id
        click.echo(f"{column}: {changed} re-encrypted", err=True)
    if unreadable:
        _fail(
            f"{unreadable} values could not be read: the key that wrote them is not in "
            "ENCRYPTION_KEYS. Add it at the end of the list and run this again."
        )


@demo_commands.command("load")
@click.option("--email", required=True, help="The address to sign in with.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def load_demo(email: str, password_stdin: bool) -> None:
    """Fill a demo account at the stand-in for Schlage; print its id. Safe to run again."""
    password = _password(password_stdin)
    try:
        with tenancy.as_system():
            account_id = demo.load(email, password)
    except (accounts.BadAccount, demo.CannotLoad) as error:
        _fail(str(error))
    click.echo(account_id)


def _password(is_piped: bool) -> str:
    if is_piped:
        return sys.stdin.readline().rstrip("\r\n")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password


def _fail(words: str) -> NoReturn:
    click.echo(words, err=True)
    raise SystemExit(1)
