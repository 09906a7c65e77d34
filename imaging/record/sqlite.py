"""The record of jobs on SQLite; `imaging.record.port` says what each call means."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from imaging.disk import empty_log, record_sentence, trouble
from imaging.errors import RecordRefused
from imaging.model import ImageRequest, Owner, Priority, Recipe
from imaging.record.port import CRASHED, MAX_CRASHES, MAX_RESTARTS, Job, JobState, Result
from imaging.sqlite import open_file, transaction

_OPEN = "state IN ('queued', 'running')"


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


def open_record(
    path: Path, *, synchronous: str = "NORMAL", busy_s: float = 5.0, clock: Callable[[], float] = time.time
) -> SqliteRecord:
    """The record in a file; tables are made or brought to the newest schema.

    Raises:
        RecordRefused: the file cannot be opened or is no database.
    """
    with refusals():
        connection = open_file(path, synchronous=synchronous, busy_s=busy_s)
        try:
            connection.execute("CREATE TABLE IF NOT EXISTS ledger_schema (version INTEGER NOT NULL)")
            row = connection.execute("SELECT max(version) FROM ledger_schema").fetchone()
            for number, step in enumerate(migrations[row[0] or 0 :], start=(row[0] or 0) + 1):
                with transaction(connection):
                    step(Database(connection))
                    connection.execute("INSERT INTO ledger_schema VALUES (?)", [number])
        except BaseException:
            connection.close()
            raise
    return SqliteRecord(connection, clock)


@contextmanager
def refusals() -> Iterator[None]:
    """What SQLite or the disk refuses, in the port's words."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise RecordRefused(record_sentence(error), trouble(error)) from error


class SqliteRecord:
    """See `imaging.record.port.JobRecord`.

    WAL with `synchronous=NORMAL` loses no accepted job when a process dies; at a power cut it may lose those of the
    last moments, and `synchronous="FULL"` loses none (a commit then costs a disk flush, some milliseconds).
    """

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._clock = clock

    def now(self) -> float:
        return self._clock()

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with refusals(), transaction(self._connection):
            yield self._connection

    def probe(self) -> None:
        with self._transaction() as connection:
            connection.execute("UPDATE jobs SET state = state WHERE id = ''")

    def submit(self, request: ImageRequest) -> Job:
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
        return self._select(f"WHERE {_OPEN} ORDER BY submitted, rowid", [])

    def claim(self, id: str) -> int | None:
        with self._transaction() as connection:
            rows = connection.execute(
                "UPDATE jobs SET state = 'running', fence = fence + 1"
                " WHERE id = ? AND state = 'queued' RETURNING fence",
                [id],
            ).fetchall()
        return int(rows[0][0]) if rows else None

    def done(self, id: str, fence: int, result: Result) -> bool:
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
        where, values = ("state = 'running' AND fence = ?", [fence]) if fence is not None else ("state = 'queued'", [])
        changes = "state = 'failed', sentence = ?, retryable = ?"
        return self._end(id, where, values, changes, [sentence, int(retryable)])

    def cancel(self, id: str, by: str) -> bool:
        return self._end(id, _OPEN, [], "state = 'cancelled', ended_by = ?", [by])

    def _end(self, id: str, where: str, where_values: Sequence[Any], changes: str, values: Sequence[Any]) -> bool:
        with self._transaction() as connection:
            cursor = connection.execute(
                f"UPDATE jobs SET {changes}, ended = ? WHERE id = ? AND {where}",
                [*values, self._clock(), id, *where_values],
            )
        return cursor.rowcount == 1

    def discard(self, id: str, sentence: str) -> str | None:
        with self._transaction() as connection:
            made = "SELECT json_extract(result, '$.sha256') FROM jobs WHERE id = ? AND result IS NOT NULL"
            row = connection.execute(made, [id]).fetchone()
            if row is None:
                return None
            connection.execute(
                "UPDATE jobs SET state = 'failed', sentence = ?, retryable = 0, result = NULL, made = NULL"
                " WHERE id = ?",
                [sentence, id],
            )
            others = "SELECT 1 FROM jobs WHERE result IS NOT NULL AND json_extract(result, '$.sha256') = ? LIMIT 1"
            kept = connection.execute(others, [row[0]]).fetchone()
        return None if kept else str(row[0])

    def release(self, id: str, fence: int, *, crashed: bool) -> JobState | None:
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

    @refusals()
    def prune(self, before: float, most: int = -1) -> int:
        with self._transaction() as connection:
            old = "SELECT rowid FROM jobs WHERE ended < ? ORDER BY ended LIMIT ?"
            gone = int(connection.execute(f"DELETE FROM jobs WHERE rowid IN ({old})", [before, most]).rowcount)
        # A script, because a single statement is stepped once, which gives one page back.
        connection.executescript("PRAGMA incremental_vacuum")
        empty_log(connection)
        return gone

    @refusals()
    def latest_results(self, most: int) -> list[Result]:
        rows = self._connection.execute(
            "SELECT result, coalesce(made, recipe) FROM jobs WHERE ended IS NOT NULL AND result IS NOT NULL"
            " ORDER BY ended DESC LIMIT ?",
            [most],
        ).fetchall()
        return [_result(result, json.loads(recipe)) for result, recipe in reversed(rows)]

    @refusals()
    def forget(self, tenant: str, person: str, threads: Sequence[str]) -> int:
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

    @refusals()
    def forget_thread(self, tenant: str, thread: str) -> int:
        with self._transaction() as connection:
            gone = connection.execute(
                "DELETE FROM jobs WHERE tenant = ? AND thread = ? AND ended IS NOT NULL", [tenant, thread]
            ).rowcount
        empty_log(connection)
        return int(gone)

    @refusals()
    def wanted_files(self) -> set[str]:
        rows = self._connection.execute("SELECT json_extract(result, '$.sha256') FROM jobs WHERE result IS NOT NULL")
        return {str(row[0]) for row in rows}

    @refusals()
    def _select(self, rest: str, values: Sequence[Any]) -> list[Job]:
        cursor = self._connection.execute(
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
