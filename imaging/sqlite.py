"""SQLite as every database of a home is opened, and transactions that leave nothing half done."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def open_file(path: Path, *, synchronous: str = "NORMAL", busy_s: float = 2.0) -> sqlite3.Connection:
    """A connection in WAL mode that may be used from any one thread at a time; transactions are begun by hand.

    Args:
        synchronous: `NORMAL` loses nothing when a process dies, `FULL` nothing at a power cut either.
        busy_s: How long a locked file is waited for.

    Raises:
        sqlite3.Error, OSError: the file cannot be opened or is no database.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file only: pruning gives room back
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA secure_delete = ON")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """A write transaction: committed at the end of the block, rolled back where it fails."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has rolled back already
            connection.execute("ROLLBACK")
        raise
