"""`easel bench start`: how long help takes, and how much memory the processes hold."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from measure.report import Report, Row

MIB = 2**20


def run(arguments: argparse.Namespace) -> Report:
    times = 3 if arguments.quick else 15
    bare, wanted = wall(["-c", "pass"], times), wall(["-m", "bot", "--help"], times)
    figures = {"python_pass_s": bare, "help_s": wanted, "help_ratio": wanted / bare}
    figures |= asyncio.run(memory())
    rows = (
        Row("python -c pass", bare * 1000, "ms"),
        Row("easel --help", wanted * 1000, "ms", "≤ 15×", wanted / bare),
        Row("chat process", figures["chat_mib"], "MiB", "≤ 150 MB"),
        Row("worker with the mini model", figures["worker_mib"], "MiB"),
    )
    return Report("start", figures, rows)


def wall(arguments: list[str], times: int) -> float:
    """Median wall time of a Python command, seconds."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


async def memory() -> dict[str, float]:
    """Resident memory after one picture has been drawn, by process, in MiB."""
    with tempfile.TemporaryDirectory(prefix="easel-bench-") as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "chat", "--json", "--script", "-", "--home", folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        watcher = asyncio.create_task(_watch(process.pid))
        await process.communicate(b"draw a cat\n")
        return await watcher


async def _watch(pid: int) -> dict[str, float]:
    """The largest resident memory seen while the program runs."""
    chat = worker = model = 0.0
    try:
        parent = psutil.Process(pid)
        while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
            chat = max(chat, parent.memory_info().rss / MIB)
            for child in parent.children(recursive=True):
                size, line = child.memory_info().rss / MIB, " ".join(child.cmdline())
                worker = max(worker, size) if "imaging" in line else worker
                model = max(model, size) if "embedded_server" in line else model
            await asyncio.sleep(0.05)
    except psutil.NoSuchProcess:
        pass
    return {"chat_mib": chat, "worker_mib": worker, "llm_mib": model}
