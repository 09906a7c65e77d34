"""The database as a file: opening, restoring, and what its refusals mean for people."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database

from bot.store.migrations import migrate
from handlers.errors import StoreError
from imaging.disk import Trouble, trouble
from imaging.sqlite import copy_to, open_file, open_present


def sentence_for(error: OSError | sqlite3.Error) -> str:
    """What people read when the database or the disk refuses."""
    match trouble(error):
        case Trouble.FULL:
            return "The disk is full, so this could not be saved; free some space and ask again."
        case Trouble.LOCKED:
            return "The database is locked by another program; close it and ask again."
        case Trouble.READ_ONLY:
            return "The database is read-only, so this could not be saved; give Easel the right to write in its home."
        case Trouble.GONE:
            return "The picture's file is gone from the disk; ask for the picture again."
        case Trouble.OTHER:
            return "The database could not be used; `easel doctor` says what is wrong with it."


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
