"""The ledger's file: older ones are read, pruning gives room back, and a recipe is kept once."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

from sqlite_utils import Database

from imaging.model import ImageRequest, Owner, Recipe
from imaging.record import sqlite as sqlite_record
from imaging.record.port import Result
from imaging.record.sqlite import SqliteRecord, open_record
from tests.fakes_engine import recipe

ADA = Owner("T", "ada", "t1")


def done(ledger: SqliteRecord, id: str, asked: Recipe, made: Recipe) -> Result:
    ledger.submit(ImageRequest(id, asked, ADA))
    fence = ledger.claim(id)
    assert fence is not None
    result = Result("0" * 64, "image/png", 8, 8, made, 0.5, {"change": 0.25})
    assert ledger.done(id, fence, result)
    return result


def test_a_recipe_is_kept_once_and_another_that_was_made_beside_it(tmp_path: Path) -> None:
    ledger = open_record(tmp_path / "jobs.db")
    asked = recipe("a fox")
    results = {
        "same": done(ledger, "same", asked, asked),
        "other": done(ledger, "other", asked, replace(asked, seed=9)),
    }
    for id, result in results.items():
        job = ledger.get(id)
        assert job is not None
        assert (job.request.recipe, job.result) == (asked, result)
    assert ledger.latest_results(5) == [*results.values()]
    kept = sqlite3.connect(tmp_path / "jobs.db").execute("SELECT id, made IS NULL FROM jobs ORDER BY id").fetchall()
    assert kept == [("other", 0), ("same", 1)]
    ledger.close()


def test_a_record_from_before_is_read(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    old = sqlite3.connect(path, isolation_level=None)
    old.execute("CREATE TABLE ledger_schema (version INTEGER NOT NULL)")
    sqlite_record.migrations[0](Database(old))
    old.execute("INSERT INTO ledger_schema VALUES (1)")
    made = replace(recipe("a fox"), seed=7)
    facts = {"sha256": "0" * 64, "media_type": "image/png", "width": 8, "height": 8, "recipe": made.to_json()}
    facts |= {"device_seconds": 0.5, "metrics": {}}
    old.execute(
        "INSERT INTO jobs (id, tenant, person, thread, priority, state, recipe, submitted, ended, result) "
        "VALUES ('a', 'T', 'ada', 't1', 'interactive', 'done', ?, 1, 2, ?)",
        [json.dumps(recipe("a fox").to_json()), json.dumps(facts)],
    )
    old.close()
    ledger = open_record(path)
    job = ledger.get("a")
    assert job is not None
    assert job.result is not None
    assert job.result.recipe == made
    ledger.close()


def test_a_job_keeps_whose_share_it_is(tmp_path: Path) -> None:
    ledger = open_record(tmp_path / "jobs.db")
    owner = replace(ADA, account="everywhere")
    ledger.submit(ImageRequest("a", recipe("a fox"), owner))
    assert [job.request.owner for job in ledger.open_jobs()] == [owner]
    ledger.close()


def test_pruning_makes_the_file_smaller(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    ledger = open_record(path, synchronous="OFF", clock=lambda: 1.0)
    for at in range(600):
        done(ledger, f"j{at}", recipe("a fox " * 20), recipe("a fox " * 20))
    ledger.submit(ImageRequest("open", recipe(), ADA))

    def size() -> int:
        pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
        return int(pages)

    before = size()
    assert ledger.prune(2.0, 400) == 400
    assert ledger.prune(2.0, 400) == 200
    assert ledger.prune(2.0, 400) == 0
    assert size() < before / 4
    assert [job.id for job in ledger.open_jobs()] == ["open"]
    ledger.close()
