"""Runs migrations on the application's database: `flask --app wsgi db upgrade`."""

import sqlalchemy as sa
from alembic import context
from flask import current_app
from sqlalchemy.types import TypeDecorator

from portal.models.base import EnumText


def render_item(kind, item, autogen_context):
    """Our column types as what the database sees, so that a revision imports nothing of ours."""
    if kind != "type" or not isinstance(item, TypeDecorator):
        return False
    if isinstance(item, EnumText):
        return f"sa.String(length={item.impl.length})"
    if isinstance(item.impl, sa.DateTime):
        return "sa.DateTime(timezone=True)"
    return f"sa.{type(item.impl).__name__}()"


def leave_out_empty(_context, _revision, directives):
    """No revision file is written where nothing changed."""
    script = directives[0]
    if getattr(context.config.cmd_opts, "autogenerate", False) and script.upgrade_ops.is_empty():
        directives[:] = []


def open_engine(url):
    """An engine whose transactions hold table changes too, so that an upgrade cut short is undone.

    On SQLite that takes a BEGIN of our own, IMMEDIATE so that two upgrades at once take turns.
    Foreign keys are off there: a table is changed by making it anew, which they would forbid.
    """
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    if engine.dialect.name == "sqlite":

        @sa.event.listens_for(engine, "connect")
        def prepare(connection, _record):
            connection.isolation_level = None
            connection.execute("PRAGMA busy_timeout = 15000")
            connection.execute("PRAGMA foreign_keys = OFF")

        @sa.event.listens_for(engine, "begin")
        def begin(connection):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def run_migrations():
    database = current_app.extensions["migrate"].db
    with open_engine(database.engine.url).connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=database.metadata,
            render_item=render_item,
            process_revision_directives=leave_out_empty,
            render_as_batch=True,
            compare_type=True,
            transactional_ddl=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run_migrations()
