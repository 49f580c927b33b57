"""Where the simulator's world outlives its process: rows of JSON in one SQLite file.

What changed is collected and written in one transaction before an answer or a webhook leaves, so
that a kill at any moment loses nothing that anybody was told.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any, Protocol


class HasRow(Protocol):
    """Anything that can say itself as a JSON object."""

    def to_row(self) -> dict[str, Any]: ...


class Store(Protocol):
    """Keeps things under a kind and an id."""

    def put(self, kind: str, id: str, thing: HasRow) -> None:
        """The thing, as it will be at the next commit, is kept."""

    def drop(self, kind: str, id: str) -> None:
        """The thing is kept no longer, from the next commit on."""

    def commit(self) -> None: ...


class NoStore:
    """Keeps nothing: for worlds that end with their process."""

    def put(self, kind: str, id: str, thing: HasRow) -> None:
        pass

    def drop(self, kind: str, id: str) -> None:
        pass

    def commit(self) -> None:
        pass


class FileStore:
    """Keeps everything in one file; used under the cloud's mutex by whichever thread holds it."""

    def __init__(self, path: Path) -> None:
        self._changed: dict[tuple[str, str], HasRow | None] = {}
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS thing"
            " (kind TEXT, id TEXT, row TEXT NOT NULL, PRIMARY KEY (kind, id))"
        )

    def put(self, kind: str, id: str, thing: HasRow) -> None:
        self._changed[kind, id] = thing

    def drop(self, kind: str, id: str) -> None:
        self._changed[kind, id] = None

    def commit(self) -> None:
        if not self._changed:
            return
        changed, self._changed = self._changed, {}
        kept = [(*key, json.dumps(thing.to_row())) for key, thing in changed.items() if thing]
        gone = [key for key, thing in changed.items() if thing is None]
        with self._db:
            # An update in place keeps the order in which things first came.
            self._db.executemany(
                "INSERT INTO thing VALUES (?, ?, ?)"
                " ON CONFLICT (kind, id) DO UPDATE SET row = excluded.row",
                kept,
            )
            self._db.executemany("DELETE FROM thing WHERE kind = ? AND id = ?", gone)

    def load(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """Everything kept under this kind, as id and row, oldest first."""
        rows = self._db.execute("SELECT id, row FROM thing WHERE kind = ? ORDER BY rowid", (kind,))
        return [(id, json.loads(row)) for id, row in rows]

    def load_one(self, kind: str) -> dict[str, Any] | None:
        """The one row kept under this kind, or None."""
        return next((row for _, row in self.load(kind)), None)

    def close(self) -> None:
        self._db.close()
