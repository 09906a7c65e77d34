"""`easel eval mini`: how well the bundled picture model draws what was asked, by the judge of its own world."""

from __future__ import annotations

import argparse
import sys

from measure.report import Report


def run(arguments: argparse.Namespace) -> Report:
    from measure.mini.evaluate import evaluate

    def tell(done: int, of: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done}/{of}", end="", file=sys.stderr, flush=True)

    return Report("mini", evaluate(n=arguments.limit or 300, progress=tell))
