"""The durable record of every job, on SQLite: what was accepted survives any crash, and ends once.

States and the only transitions between them:

    queued → running → done | failed | cancelled
    queued → failed | cancelled
    running → queued          (its worker or the program died; attempts are counted)

Each time a job is taken, its fencing token grows; whoever comes with an older one is refused, so that
a worker believed dead cannot end a job that another one has. WAL with `synchronous=NORMAL` loses no
accepted job when a process dies; at a power cut it may lose those of the last moments, and
`synchronous="FULL"` loses none (a commit then costs a disk flush, some milliseconds).
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from imaging.disk import empty_log
from imaging.model import Cancelled, Failed, ImageRequest, Outcome, Owner, Priority, Recipe

MAX_CRASHES = 2
"""A job that was running when its worker died this often is failed."""
MAX_RESTARTS = 5
"""The same for the whole program, where the culprit is less clear."""
CRASHED = "This picture stopped the renderer twice; change its words or its size and ask again."


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})
_OPEN = "state IN ('queued', 'running')"


@dataclass(frozen=True, slots=True)
class Result:
    """A finished picture as the ledger keeps it: the bytes lie in `PictureFiles` under `sha256`."""

    sha256: str
    media_type: str
    width: int
    height: int
    recipe: Recipe
    device_seconds: float
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class Job:
    """One row. `crashes` and `restarts` count how often it was running when a worker or the program died."""

    request: ImageRequest
    state: JobState
    fence: int
    crashes: int
    restarts: int
    submitted: float
    result: Result | None = None
    sentence: str | None = None
    retryable: bool = True
    by: str | None = None

    @property
    def id(self) -> str:
        return self.request.id


def _first_table(db: Database) -> None:
    db.conn.execute(
        """CREATE TABLE jobs (
            id TEXT PRIMARY KEY, tenant TEXT NOT NULL, person TEXT NOT NULL, thread TEXT NOT NULL,
            priority TEXT NOT NULL, state TEXT NOT NULL, recipe TEXT NOT NULL, fence INTEGER NOT NULL DEFAULT 0,
            crashes INTEGER NOT NULL DEFAULT 0, restarts INTEGER NOT NULL DEFAULT 0, submitted REAL NOT NULL,
            ended REAL, result TEXT, sentence TEXT, retryable INTEGER NOT NULL DEFAULT 1, ended_by TEXT
        )"""
    )
    # Only open jobs are in these: finding them costs the same beside a million ended ones.
    db.conn.execute(f"CREATE INDEX jobs_open ON jobs (submitted) WHERE {_OPEN}")
    db.conn.execute("CREATE INDEX jobs_ended ON jobs (ended) WHERE ended IS NOT NULL")


def _recipe_that_was_made(db: Database) -> None:
    """Only where it is another one than was asked for."""
    db.conn.execute("ALTER TABLE jobs ADD COLUMN made TEXT")


def _account(db: Database) -> None:
    """Whose share a job is, over all tenants."""
    db.conn.execute("ALTER TABLE jobs ADD COLUMN account TEXT NOT NULL DEFAULT ''")


migrations: tuple[Callable[[Database], None], ...] = (_first_table, _recipe_that_was_made, _account)


def open_database(path: Path, *, synchronous: str = "NORMAL", busy_s: float = 5.0) -> Database:
    """The ledger's own connection; tables are made or brought to the newest schema.

    Raises:
        sqlite3.Error: the file cannot be opened or is no database.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file only: pruning gives room back
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("CREATE TABLE IF NOT EXISTS ledger_schema (version INTEGER NOT NULL)")
        db = Database(connection)
        row = connection.execute("SELECT max(version) FROM ledger_schema").fetchone()
        for number, step in enumerate(migrations[row[0] or 0 :], start=(row[0] or 0) + 1):
            connection.execute("BEGIN IMMEDIATE")
            step(db)
            connection.execute("INSERT INTO ledger_schema VALUES (?)", [number])
            connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return db


class JobLedger:
    """All methods are short transactions; call them from one thread at a time."""

    def __init__(self, db: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def now(self) -> float:
        """Unix time, by the ledger's clock."""
        return self._clock()

    def close(self) -> None:
        self._db.conn.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection: sqlite3.Connection = self._db.conn
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def probe(self) -> None:
        """Whether the record can be written now; nothing is.

        Raises:
            sqlite3.Error: it cannot.
        """
        with self._transaction() as connection:
            connection.execute("UPDATE jobs SET state = state WHERE id = ''")

    def submit(self, request: ImageRequest) -> Job:
        """Accept a job; the same id again returns what is on file, unchanged."""
        owner = request.owner
        row = (
            request.id, owner.tenant, owner.person, owner.thread, owner.account, request.priority.value,
            _dumps(request.recipe.to_json()), self._clock(),
        )  # fmt: skip
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO jobs (id, tenant, person, thread, account, priority, state, recipe, submitted)"
                " VALUES (?, ?, ?, ?, ?, ?, 'queued', ?, ?) ON CONFLICT (id) DO NOTHING",
                row,
            )
        found = self.get(request.id)
        assert found is not None
        return found

    def get(self, id: str) -> Job | None:
        rows = self._select("WHERE id = ?", [id])
        return rows[0] if rows else None

    def open_jobs(self) -> list[Job]:
        """What has not ended, oldest first."""
        return self._select(f"WHERE {_OPEN} ORDER BY submitted, rowid", [])

    def claim(self, id: str) -> int | None:
        """queued → running. Returns the fencing token, None when the job is not queued (any more)."""
        with self._transaction() as connection:
            rows = connection.execute(
                "UPDATE jobs SET state = 'running', fence = fence + 1"
                " WHERE id = ? AND state = 'queued' RETURNING fence",
                [id],
            ).fetchall()
        return int(rows[0][0]) if rows else None

    def done(self, id: str, fence: int, result: Result) -> bool:
        """running → done. False for a token that is not the newest: somebody else has the job."""
        recipe = _dumps(result.recipe.to_json())
        facts = {
            "sha256": result.sha256, "media_type": result.media_type, "width": result.width,
            "height": result.height, "device_seconds": result.device_seconds, "metrics": result.metrics,
        }  # fmt: skip
        return self._end(
            id, "state = 'running' AND fence = ?", [fence],
            # The recipe that was carried out is nearly always the one that was asked for: it is kept once.
            "state = 'done', result = ?, made = CASE WHEN recipe = ? THEN NULL ELSE ? END",
            [_dumps(facts), recipe, recipe],
        )  # fmt: skip

    def fail(self, id: str, sentence: str, *, fence: int | None = None, retryable: bool = True) -> bool:
        """running (with its token) or queued → failed, with the sentence that people read."""
        where, values = ("state = 'running' AND fence = ?", [fence]) if fence is not None else ("state = 'queued'", [])
        changes = "state = 'failed', sentence = ?, retryable = ?"
        return self._end(id, where, values, changes, [sentence, int(retryable)])

    def cancel(self, id: str, by: str) -> bool:
        """queued or running → cancelled. False when it has ended or never was."""
        return self._end(id, _OPEN, [], "state = 'cancelled', ended_by = ?", [by])

    def _end(self, id: str, where: str, where_values: Sequence[Any], changes: str, values: Sequence[Any]) -> bool:
        with self._transaction() as connection:
            cursor = connection.execute(
                f"UPDATE jobs SET {changes}, ended = ? WHERE id = ? AND {where}",
                [*values, self._clock(), id, *where_values],
            )
        return cursor.rowcount == 1

    def release(self, id: str, fence: int, *, crashed: bool) -> JobState | None:
        """running → queued, or failed when its worker `crashed` over it too often. None for an old token."""
        with self._transaction() as connection:
            rows = connection.execute(
                "UPDATE jobs SET crashes = crashes + ?,"
                " state = CASE WHEN crashes + ? >= ? THEN 'failed' ELSE 'queued' END,"
                " sentence = CASE WHEN crashes + ? >= ? THEN ? END, retryable = (crashes + ? < ?),"
                " ended = CASE WHEN crashes + ? >= ? THEN ? END"
                " WHERE id = ? AND state = 'running' AND fence = ? RETURNING state",
                [
                    int(crashed), int(crashed), MAX_CRASHES, int(crashed), MAX_CRASHES, CRASHED,
                    int(crashed), MAX_CRASHES, int(crashed), MAX_CRASHES, self._clock(), id, fence,
                ],
            ).fetchall()  # fmt: skip
        return JobState(rows[0][0]) if rows else None

    def recover(self) -> list[Job]:
        """After a start: what a program that is gone left running is queued again, or failed when that has
        happened too often. Returns everything that waits now, oldest first."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE jobs SET state = 'failed', sentence = ?, retryable = 0, ended = ?"
                " WHERE state = 'running' AND restarts + 1 >= ?",
                [CRASHED, self._clock(), MAX_RESTARTS],
            )
            connection.execute(
                f"UPDATE jobs SET state = 'queued', restarts = restarts + 1, fence = fence + 1"
                f" WHERE {_OPEN} AND state = 'running'"
            )
        return self.open_jobs()

    def count(self, *, person: Owner | None = None, thread: str | None = None) -> int:
        """Open jobs: all, or those of a person in their tenant, or of a thread."""
        where, values = _OPEN, []
        if person is not None:
            where, values = f"{_OPEN} AND tenant = ? AND person = ?", [person.tenant, person.person]
        elif thread is not None:
            where, values = f"{_OPEN} AND thread = ?", [thread]
        row = self._db.conn.execute(f"SELECT count(*) FROM jobs WHERE {where}", values).fetchone()
        return int(row[0])

    def prune(self, before: float, most: int = -1) -> int:
        """Forget jobs that ended before a Unix time, oldest first; returns how many."""
        with self._transaction() as connection:
            old = "SELECT rowid FROM jobs WHERE ended < ? ORDER BY ended LIMIT ?"
            gone = int(connection.execute(f"DELETE FROM jobs WHERE rowid IN ({old})", [before, most]).rowcount)
        # A script, because a single statement is stepped once, which gives one page back.
        connection.executescript("PRAGMA incremental_vacuum")
        empty_log(connection)
        return gone

    def latest_results(self, most: int) -> list[Result]:
        """What the jobs that were done last made, oldest first."""
        rows = self._db.conn.execute(
            "SELECT result, coalesce(made, recipe) FROM jobs WHERE ended IS NOT NULL AND result IS NOT NULL"
            " ORDER BY ended DESC LIMIT ?",
            [most],
        ).fetchall()
        return [_result(result, json.loads(recipe)) for result, recipe in reversed(rows)]

    def forget(self, tenant: str, person: str, threads: Sequence[str]) -> int:
        """Delete a person's ended jobs, and the recipes of parents in those of others in these threads; returns how
        many jobs were deleted."""
        with self._transaction() as connection:
            gone = connection.execute(
                "DELETE FROM jobs WHERE tenant = ? AND person = ? AND ended IS NOT NULL", [tenant, person]
            ).rowcount
            for thread in threads:
                connection.execute(
                    "UPDATE jobs SET recipe = json_set(recipe, '$.source', NULL),"
                    " made = CASE WHEN made IS NOT NULL THEN json_set(made, '$.source', NULL) END,"
                    " result = CASE WHEN json_type(result, '$.recipe') IS NOT NULL"
                    " THEN json_set(result, '$.recipe.source', NULL) ELSE result END"
                    " WHERE tenant = ? AND thread = ? AND ended IS NOT NULL",
                    [tenant, thread],
                )
        empty_log(connection)
        return int(gone)

    def wanted_files(self) -> set[str]:
        """Pictures that an ended job made and that its listener may not have taken over yet."""
        rows = self._db.conn.execute("SELECT json_extract(result, '$.sha256') FROM jobs WHERE result IS NOT NULL")
        return {str(row[0]) for row in rows}

    def _select(self, rest: str, values: Sequence[Any]) -> list[Job]:
        cursor = self._db.conn.execute(
            "SELECT id, tenant, person, thread, priority, state, recipe, fence, crashes, restarts, submitted,"
            f" result, sentence, retryable, ended_by, made, account FROM jobs {rest}",
            values,
        )
        return [_job(row) for row in cursor.fetchall()]


def _job(row: Sequence[Any]) -> Job:
    id, tenant, person, thread, priority, state, recipe, fence, crashes, restarts, submitted = row[:11]
    result, sentence, retryable, by, made, account = row[11:]
    owner = Owner(tenant, person, thread, account)
    asked = json.loads(recipe)
    request = ImageRequest(id, Recipe.from_json(asked), owner, Priority(priority))
    got = None if result is None else _result(result, asked if made is None else json.loads(made))
    return Job(request, JobState(state), fence, crashes, restarts, submitted, got, sentence, bool(retryable), by)


def _result(text: str, recipe: dict[str, Any]) -> Result:
    """`recipe` is the one that was carried out; records from before it had its own column hold it themselves."""
    facts = json.loads(text)
    return Result(**{**facts, "recipe": Recipe.from_json(facts.get("recipe") or recipe)})


def _dumps(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def outcome(job: Job) -> Outcome | None:
    """How an ended job ended, other than in a picture (whose bytes the ledger does not have)."""
    if job.state is JobState.FAILED:
        return Failed(job.sentence or CRASHED, job.retryable)
    if job.state is JobState.CANCELLED:
        return Cancelled(job.by or "somebody")
    return None
