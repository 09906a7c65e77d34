"""`easel eval NAME`: runs one evaluation and hands its figures over."""

from __future__ import annotations

import argparse
import importlib

from bot import logs
from measure.report import hand_over


def run(arguments: argparse.Namespace) -> int:
    logs.set_up("WARNING")
    hand_over(importlib.import_module(f"measure.evals.{arguments.name}").run(arguments), arguments.json)
    return 0
