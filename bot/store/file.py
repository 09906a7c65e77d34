"""The database as a file: opening and restoring."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database

from bot.store.migrations import migrate
from handlers.errors import StoreError
from imaging.sqlite import copy_to, open_file, open_present


def connect(path: Path, *, synchronous: str = "NORMAL", busy_s: float = 2.0) -> Database:
    """Open (and if needed create) the database file and bring it to the newest schema."""
    connection = open_file(path, synchronous=synchronous, busy_s=busy_s)
    try:
        db = Database(connection)
        migrate(db)
    except BaseException:
        connection.close()
        raise
    return db


def restore(backup: Path, path: Path) -> None:
    """Put a backup in the database's place; nothing may have it open.

    Raises:
        StoreError: the backup is no database of ours.
    """
    try:
        with closing(open_present(backup)) as source:
            if source.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                raise StoreError("The backup is damaged; choose another one.")
            source.execute("SELECT 1 FROM turns LIMIT 1")
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            copy_to(source, path)
    except (sqlite3.Error, OSError) as error:
        raise StoreError("The backup is not a database of Easel; choose another file.") from error
