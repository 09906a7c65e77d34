"""`easel bench core`: turns a second of the chat core, scripted model and no-op pictures."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from bot.collector import settled
from bot.store.store import SqliteStore
from measure.noop import Folder
from measure.report import Report, Row
from measure.turns import turns_figures


def run(arguments: argparse.Namespace) -> Report:
    figures = asyncio.run(measure(arguments.quick))
    rows = (
        Row("1 thread", figures["turns.per_s.1"], "turns/s"),
        Row("100 threads", figures["turns.per_s.100"], "turns/s"),
        Row("1,000 threads", figures["turns.per_s.1000"], "turns/s", "≥ 300"),
        Row("paced load", figures["turns.paced_per_s"], "turns/s"),
        Row("  beyond the model, median", figures["turns.p50_ms"], "ms"),
        Row("  beyond the model, p99", figures["turns.p99_ms"], "ms", "≤ 50"),
        Row("turn 5 in one thread", figures["turns.early_ms"], "ms"),
        Row("turn 500 in one thread", figures["turns.late_ms"], "ms", "≤ 1.2×", figures["turns.growth"]),
    )
    return Report("core", figures, rows)


async def measure(quick: bool) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="easel-bench-") as folder:
        stores: list[SqliteStore] = []

        async def open_store(home: Path) -> SqliteStore:
            stores.append(await SqliteStore.open(home / "easel.db", Folder(home / "pictures")))
            return stores[-1]

        try:
            seconds, turns = (0.3, 30) if quick else (4.0, 500)
            with settled():  # as `easel serve` does
                return await turns_figures(open_store, Path(folder), seconds=seconds, long_thread=turns)
        finally:
            for store in stores:
                await store.close()
