"""`easel settings`: what is set, secrets hidden; with `--example` the text of `.env.example`."""

from __future__ import annotations

import argparse
import sys

from pydantic import SecretStr

from bot.settings import PREFIX, example, load_settings, unknown_names


def run(arguments: argparse.Namespace) -> int:
    if arguments.example:
        print(example(), end="")
        return 0
    settings = load_settings()
    for sentence in unknown_names():
        print(f"easel: {sentence}", file=sys.stderr)
    for name, value in settings:
        shown = "(set)" if isinstance(value, SecretStr) and value.get_secret_value() else value
        print(f"{PREFIX}{name.upper()}={'' if isinstance(value, SecretStr) and shown is value else shown}")
    return 0
