"""Runs migrations on the application's database: `flask --app wsgi db upgrade`."""

import sqlalchemy as sa
from alembic import context
from flask import current_app
from sqlalchemy.types import TypeDecorator

from portal.models.base import EnumText


def render_item(kind, item, autogen_context):
    """Our column types are written as what the database sees: a revision imports nothing of ours."""
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


def run_migrations():
    database = current_app.extensions["migrate"].db
    # SQLite changes a table by making it anew, which foreign keys forbid. The switch does nothing
    # inside a transaction, so it comes before the first statement, and the connection is ours alone.
    engine = sa.create_engine(database.engine.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if is_sqlite:
            connection.exec_driver_sql("PRAGMA busy_timeout = 15000")
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.commit()
        context.configure(
            connection=connection,
            target_metadata=database.metadata,
            render_item=render_item,
            process_revision_directives=leave_out_empty,
            render_as_batch=True,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run_migrations()
