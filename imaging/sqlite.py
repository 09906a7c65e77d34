"""SQLite as every database of a home is opened, and transactions that leave nothing half done."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
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


def open_present(
    path: Path, *, write: bool = False, immutable: bool = False, busy_s: float = 2.0
) -> sqlite3.Connection:
    """A file that is there, as it is: to look at it, or with `write` to change a row. None is made.

    Args:
        immutable: Nobody writes it meanwhile; no log is looked for beside it.

    Raises:
        sqlite3.Error: it is not there or cannot be opened.
    """
    # As an address, because only one can ask for these modes; a folder may be called `what?` or `50%`.
    options = f"mode={'rw' if write else 'ro'}{'&immutable=1' if immutable else ''}"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True, timeout=busy_s)


def in_memory() -> sqlite3.Connection:
    """An empty database that nothing is left of."""
    return sqlite3.connect(":memory:", isolation_level=None)


def copy_to(connection: sqlite3.Connection, target: Path) -> None:
    """A copy of the whole database, also while others write it (SQLite's online backup)."""
    with closing(sqlite3.connect(target)) as copy:
        connection.backup(copy)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """A write transaction, or a part of the one that is open: kept at the end of the block, undone where it fails."""
    inner = connection.in_transaction
    connection.execute("SAVEPOINT part" if inner else "BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("RELEASE part" if inner else "COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has rolled back already
            for statement in ("ROLLBACK TO part", "RELEASE part") if inner else ("ROLLBACK",):
                connection.execute(statement)
        raise
