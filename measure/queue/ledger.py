"""What the ledger's transactions cost, beside a thousand and beside a million jobs on file."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from imaging.model import Control, ImageRequest, Operation, Owner, Recipe, Technique
from imaging.record.port import Result
from imaging.record.sqlite import SqliteRecord, open_record

ROUND = 50
"""Transactions of each kind on one file before the next file has its turn, so that noise meets all alike."""


def a_recipe(at: int) -> Recipe:
    """As long as an ordinary edit's."""
    parent = Recipe(
        "sdxl", "stable-diffusion-xl-base-1.0", Operation.IMAGE, f"a red fox in the snow, number {at}",
        f"a red fox in the snow, number {at}, flat vector logo, minimal, centred", "blurry, watermark, text", at,
        1024, 1024, 30, 6.5, "euler",
    )  # fmt: skip
    control = Control(Technique.MASACTRL, 0.6, "The pose changes and the subject stays.", {"start_step": 4})
    return Recipe(
        "sdxl", parent.model, Operation.EDIT, f"a sitting red fox in the snow, number {at}",
        f"a sitting red fox in the snow, number {at}, flat vector logo, minimal", parent.negative_prompt, at, 1024,
        1024, 30, 6.5, "euler", control=control, source=parent,
    )  # fmt: skip


def fill(path: Path, jobs: int) -> None:
    """A record with so many ended jobs, written in one go."""
    ledger = open_record(path, synchronous="OFF")
    _carry_out(ledger, "template", 0)
    connection = ledger._connection
    columns = [row[1] for row in connection.execute("PRAGMA table_info(jobs)")]
    row = dict(zip(columns, connection.execute("SELECT * FROM jobs").fetchone(), strict=True))
    marks, now = ",".join("?" * len(columns)), time.time()
    rows = (
        tuple({**row, "id": f"a{at:020x}-0", "person": f"p{at % 500}", "ended": now - jobs + at}.values())
        for at in range(jobs - 1)
    )
    while some := list(islice(rows, 20_000)):
        connection.execute("BEGIN")
        connection.executemany(f"INSERT INTO jobs VALUES ({marks})", some)
        connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ledger.close()


def _carry_out(ledger: SqliteRecord, id: str, at: int) -> tuple[float, float, float]:
    """One job from submission to its picture; seconds of each transaction."""
    request = ImageRequest(id, a_recipe(at), Owner("discord/1", f"p{at % 50}", "discord/1/2/3"))
    times = [time.perf_counter()]
    ledger.submit(request)
    times.append(time.perf_counter())
    fence = ledger.claim(id)
    times.append(time.perf_counter())
    assert fence is not None
    result = Result(f"{at:064x}", "image/png", 1024, 1024, request.recipe, 12.5, {"change": 0.25})
    ledger.done(id, fence, result)
    times.append(time.perf_counter())
    return times[1] - times[0], times[2] - times[1], times[3] - times[2]


def figures(
    folder: Path, sizes: Sequence[int] = (1_000, 10_000, 100_000, 1_000_000), rounds: int = 12,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, float]:  # fmt: skip
    """Median milliseconds of submit, claim and finish by jobs on file, their growth, bytes of a job, pruning."""
    ledgers: dict[int, SqliteRecord] = {}
    found: dict[str, float] = {}
    for size in sizes:
        path = folder / f"jobs-{size}.db"
        fill(path, size)
        found[f"bytes_per_job.{size}"] = path.stat().st_size / size
        ledgers[size] = open_record(path)
        tell(f"{size} jobs on file")
    took: dict[tuple[int, str], list[float]] = {}
    for at in range(rounds):
        for size, ledger in ledgers.items():
            for number in range(ROUND):
                times = _carry_out(ledger, f"new{at}-{number}", at * ROUND + number)
                for kind, seconds in zip(("submit", "claim", "finish"), times, strict=True):
                    took.setdefault((size, kind), []).append(seconds)
    for (size, kind), all_of_them in took.items():
        found[f"{kind}_ms.{size}"] = 1000 * statistics.median(all_of_them)
    small, large = min(sizes), max(sizes)
    for kind in ("submit", "claim", "finish"):
        found[f"{kind}_growth"] = found[f"{kind}_ms.{large}"] / found[f"{kind}_ms.{small}"]
    whole = sum(found[f"{kind}_ms.{large}"] for kind in ("submit", "claim", "finish"))
    found["jobs_per_s"] = 1000 / whole
    found |= _pruned(ledgers[large], folder / f"jobs-{large}.db", large)
    for ledger in ledgers.values():
        ledger.close()
    return found | _synced(folder / "full.db")


def _pruned(ledger: SqliteRecord, path: Path, size: int) -> dict[str, float]:
    """Forget nine tenths: how long others wait for the longest transaction, and what the file shrinks to."""
    before, longest, began = path.stat().st_size, 0.0, time.perf_counter()
    until = time.time() - size / 10
    while True:
        start = time.perf_counter()
        gone = ledger.prune(until, 500)
        longest = max(longest, time.perf_counter() - start)
        if not gone:
            break
    seconds = time.perf_counter() - began
    ledger._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return {
        "prune_jobs_per_s": 0.9 * size / seconds,
        "prune_longest_ms": 1000 * longest,
        "prune_size_ratio": path.stat().st_size / before,
    }


def _synced(path: Path) -> dict[str, float]:
    """What it costs to flush every commit to the disk."""
    medians = {}
    for setting in ("NORMAL", "FULL"):
        ledger = open_record(path.with_name(f"{setting}.db"), synchronous=setting)
        times = [sum(_carry_out(ledger, f"j{at}", at)) for at in range(100)]
        ledger.close()
        medians[setting] = 1000 * statistics.median(times)
    return {"synchronous_normal_ms": medians["NORMAL"], "synchronous_full_ms": medians["FULL"]}
