"""`easel bench slack`: bursts of 1,000 events over 200 threads on the real `easel serve`, against a peer of Slack.

The peers are the tests', so this works from a checkout only. Models are scripted: what is measured is the program.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from bot.cli import CommandFailed
from bot.figures import Report, Row

ROOT = Path(__file__).parents[2]
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
    if not (ROOT / "tests" / "peers").is_dir():
        raise CommandFailed("The Slack peer is part of the tests: run this command from a checkout of the project.")
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    from tests.bot.slack.load import Load, measure

    load = Load(events=40, threads=10, rounds=2, people=5) if arguments.quick else Load()
    figures = asyncio.run(measure(load))
    rows = tuple(Row(name, value, "", GOALS.get(name, "")) for name, value in figures.items())
    return Report("slack", figures, rows)
