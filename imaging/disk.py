"""What a disk or a database refuses, told apart: full, locked, read-only, gone."""

from __future__ import annotations

import errno
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3  # every error comes this way, `easel --help` too


class Trouble(StrEnum):
    FULL = "full"
    LOCKED = "locked"
    READ_ONLY = "read-only"
    GONE = "gone"
    OTHER = "other"


def trouble(error: Exception) -> Trouble:
    """Which kind of refusal an error of the disk or of SQLite is; one that names its kind is believed."""
    if isinstance(known := getattr(error, "trouble", None), Trouble):
        return known
    number, text = getattr(error, "errno", None), str(error).lower()
    if number in (errno.ENOSPC, errno.EDQUOT) or "disk is full" in text:
        return Trouble.FULL
    if "locked" in text or "busy" in text:
        return Trouble.LOCKED
    if number in (errno.EROFS, errno.EACCES) or "readonly" in text or "read-only" in text:
        return Trouble.READ_ONLY
    return Trouble.GONE if isinstance(error, FileNotFoundError) else Trouble.OTHER


def empty_log(connection: sqlite3.Connection) -> bool:
    """Write SQLite's log of recent writes back and cut it to nothing: what was deleted still stood in it.

    Returns:
        False when somebody else is reading just now (a backup): the log is kept until the next time.
    """
    busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not busy


def picture_sentence(error: Exception) -> str:
    """Why a picture could not be kept, and the way out."""
    match trouble(error):
        case Trouble.FULL:
            return "The disk is full, so this picture could not be kept; the host must free some space."
        case Trouble.LOCKED:
            return "The record of pictures is locked by another program, so this one could not be kept; ask again."
        case Trouble.READ_ONLY:
            return "The disk is read-only, so this picture could not be kept; the host must let Easel write there."
        case _:
            return "This picture could not be written to the disk; the host should look at `easel doctor`."


def database_sentence(error: OSError | sqlite3.Error) -> str:
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


def record_sentence(error: OSError | sqlite3.Error) -> str:
    """Why the job record cannot be written, for whoever runs the program."""
    match trouble(error):
        case Trouble.FULL:
            return "The disk is full: the record of jobs cannot be written; free some space."
        case Trouble.LOCKED:
            return "The record of jobs is locked by another program; close it."
        case Trouble.READ_ONLY:
            return "The record of jobs is read-only; give Easel the right to write in its home."
        case _:
            return f"The record of jobs cannot be used ({error}); `easel doctor` looks at it."
