"""`easel bench faults`: kills the real program again and again while people talk to it, and counts what got lost.

The people, the chat platform and the models are peers of the tests, so this works from a checkout only.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from measure.checkout import need_tests
from measure.report import Report, Row

RUNS, QUICK = 300, 3


def run(arguments: argparse.Namespace) -> Report:
    """
    Raises:
        CommandFailed: there are no tests beside this program.
    """
    need_tests("The fault harness")
    from tests.faults.harness import run as kill

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    kills = QUICK if arguments.quick else arguments.runs or RUNS
    outcome = asyncio.run(kill(kills, seed=arguments.seed, tell=tell))
    verdict = outcome.verdict
    found = {name: float(len(sentences)) for name, sentences in verdict.problems.items()}
    figures = {"kills": float(outcome.kills.total()), **found, "messages": float(outcome.messages)}
    figures |= {"answers": float(verdict.answers), "pictures": float(verdict.pictures)}
    figures |= {"moments": float(len(outcome.reached))}
    goals = dict.fromkeys(found, "0")
    rows = tuple(Row(name, value, "", goals.get(name, "")) for name, value in figures.items())
    notes = tuple(f"{name}: {sentence}" for name, sentences in verdict.problems.items() for sentence in sentences)
    return Report("faults", figures, rows, notes)
