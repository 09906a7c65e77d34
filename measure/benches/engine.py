"""`easel bench engine`: our step-level batching against stock pipelines, on the mini model and a tiny true layout."""

from __future__ import annotations

import argparse
import sys

from measure.report import Report, Row

GOALS = {
    "mini.throughput_ratio_8": "≥ 2.5×", "mini.overhead": "≤ 0.03", "mini.first_preview_ratio": "≤ 0.2",
    "mini.edit_cost_ratio": "≤ 1.05", "memory_ratio": "≤ 0.4",
}  # fmt: skip


def run(arguments: argparse.Namespace) -> Report:
    from measure.engine import ratios

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    figures = ratios.run(tell, quick=arguments.quick)
    return Report(
        "engine", figures, tuple(Row(name, value, "", GOALS.get(name, "")) for name, value in figures.items())
    )
