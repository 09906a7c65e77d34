"""`easel parse`: one assistant reply in, its segments out (PROTOCOL: black-box contract of the parser)."""

from __future__ import annotations

import argparse
import sys

from prompts import parse_tool


def run(arguments: argparse.Namespace) -> int:
    code = parse_tool.run(sys.stdin.buffer, sys.stdout, arguments.chunk)
    sys.stdout.flush()
    return code
