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
    from tests.faults.brainstorms import run as kill_brainstorms
    from tests.faults.harness import run as kill

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    kills = QUICK if arguments.quick else arguments.runs or RUNS
    outcome = asyncio.run(kill(kills, seed=arguments.seed, tell=tell))
    verdict = outcome.verdict
    votes = asyncio.run(kill_brainstorms(max(QUICK, kills * 2 // 3), seed=arguments.seed, tell=tell))
    problems = verdict.problems | votes.problems
    found = {name: float(len(sentences)) for name, sentences in problems.items()}
    total = outcome.kills.total() + votes.kills.total()
    figures = {"kills": float(total), **found, "messages": float(outcome.messages)}
    figures |= {"answers": float(verdict.answers), "pictures": float(verdict.pictures)}
    figures |= {"brainstorm_kills": float(votes.kills.total()), "rounds": float(votes.rounds)}
    figures |= {"votes": float(votes.votes), "moments": float(len(outcome.reached) + len(votes.reached))}
    goals = dict.fromkeys(found, "0")
    rows = tuple(Row(name, value, "", goals.get(name, "")) for name, value in figures.items())
    notes = tuple(f"{name}: {sentence}" for name, sentences in problems.items() for sentence in sentences)
    return Report("faults", figures, rows, notes)
