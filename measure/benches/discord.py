"""`easel bench discord`: 1,000 threads at once on one process, against a peer that watches Discord's limits.

The peer is one of the tests', so this works from a checkout only. Models are scripted: what is measured is the chat.
"""

from __future__ import annotations

import argparse
import asyncio

from measure.checkout import need_tests
from measure.report import Report, Row

THREADS, ROUNDS = 1000, 10
GOALS = {
    "deadlines_missed": "0",
    "refused_by_the_global_limit": "0",
    "loop_late_ms.p99": "≤ 100",
    "memory_growth": "flat: about 1",
}


def run(arguments: argparse.Namespace) -> Report:
    """
    Raises:
        CommandFailed: there are no tests beside this program.
    """
    need_tests("The Discord peer")
    from tests.bot.discord.load import Load, measure

    load = Load(20, 2, 40, stream_s=1.0) if arguments.quick else Load(THREADS, ROUNDS, 40)
    figures = asyncio.run(measure(load))
    rows = tuple(Row(name, value, "", GOALS.get(name, "")) for name, value in figures.items())
    return Report("discord", figures, rows)
