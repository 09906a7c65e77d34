"""`easel bench slack`: bursts of 1,000 events over 200 threads on the real `easel serve`, against a peer of Slack.

The peers are the tests', so this works from a checkout only. Models are scripted: what is measured is the program.
"""

from __future__ import annotations

import argparse
import asyncio

from measure.checkout import need_tests
from measure.report import Report, Row

GOALS = {
    "acknowledged_ms.max": "< 3000",
    "acknowledged_late": "0",
    "unacknowledged": "0",
    "unanswered": "0",
    "threads_answered_unevenly": "0",
    "memory_growth": "flat: about 1",
}


def run(arguments: argparse.Namespace) -> Report:
    """
    Raises:
        CommandFailed: there are no tests beside this program.
    """
    need_tests("The Slack peer")
    from tests.bot.slack.load import Load, measure

    load = Load(events=40, threads=10, rounds=2, people=5) if arguments.quick else Load()
    figures = asyncio.run(measure(load))
    rows = tuple(Row(name, value, "", GOALS.get(name, "")) for name, value in figures.items())
    return Report("slack", figures, rows)
