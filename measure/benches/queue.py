"""`easel bench queue`: how long people wait under load, against plain first come, first served; and what the job
record costs with up to a million jobs on file."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from measure.queue import fairness, ledger
from measure.report import Report, Row

SCENES = {
    "heavy_and_light": "20 people's one picture beside somebody's 40",
    "threads_200": "200 people at 80 % load, without the 10 busiest",
    "bursts": "edits beside brainstorms of 24",
}


def run(arguments: argparse.Namespace) -> Report:
    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    waits = fairness.figures()
    sizes, rounds = ((1_000, 10_000), 2) if arguments.quick else ((1_000, 10_000, 100_000, 1_000_000), 12)
    with tempfile.TemporaryDirectory(prefix="easel-bench-") as folder:
        record = ledger.figures(Path(folder), sizes, rounds, tell)
    figures = waits | {f"ledger.{name}": value for name, value in record.items()}
    return Report("queue", figures, (*_waits(waits), *_record(record, sizes)))


def _waits(found: dict[str, float]) -> list[Row]:
    rows = []
    for scene, words in SCENES.items():
        for kind in ("fifo", "fair"):
            for what, share in (("p50", "median"), ("p95", "95 %"), ("max", "longest")):
                value, before = found[f"{scene}.{kind}.{what}_s"], found[f"{scene}.fifo.{what}_s"]
                ratio = value / before if kind == "fair" else None
                rows.append(Row(f"{words}, {kind}, {share}", value, "s", "", ratio))
        rows.append(Row("  first ETA off by (median)", 100 * found[f"{scene}.fair.eta_off"], "%"))
    rows.append(Row("pictures of 40 before another's one", found["pictures_before_one"], "", "≤ 1"))
    return rows


def _record(found: dict[str, float], sizes: tuple[int, ...]) -> list[Row]:
    rows = []
    for kind in ("submit", "claim", "finish"):
        goal = "≤ 1.5×" if kind == "claim" else ""
        for size in sizes:
            grown = found[f"{kind}_ms.{size}"] / found[f"{kind}_ms.{sizes[0]}"]
            last = size == sizes[-1]
            rows.append(Row(f"{kind}, {size:,} jobs on file", found[f"{kind}_ms.{size}"], "ms", goal * last, grown))
    rows += [
        Row("jobs through the record", found["jobs_per_s"], "/s"),
        Row("size of a job", found[f"bytes_per_job.{sizes[-1]}"], "B"),
        Row("pruning", found["prune_jobs_per_s"], "jobs/s"),
        Row("  longest pause of others", found["prune_longest_ms"], "ms"),
        Row("  file afterwards (9 of 10 jobs gone)", found["prune_size_ratio"], "×"),
        Row("a job with synchronous=NORMAL", found["synchronous_normal_ms"], "ms"),
        Row(
            "a job with synchronous=FULL", found["synchronous_full_ms"], "ms", "",
            found["synchronous_full_ms"] / found["synchronous_normal_ms"],
        ),
    ]  # fmt: skip
    return rows
