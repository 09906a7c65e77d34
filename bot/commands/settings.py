"""`easel settings`: what is set, secrets hidden; with `--example` the text of `.env.example`."""

from __future__ import annotations

import argparse

from pydantic import SecretStr

from bot.settings import PREFIX, example, load_settings


def run(arguments: argparse.Namespace) -> int:
    if arguments.example:
        print(example(), end="")
        return 0
    for name, value in load_settings():
        shown = "(set)" if isinstance(value, SecretStr) and value.get_secret_value() else value
        print(f"{PREFIX}{name.upper()}={'' if isinstance(value, SecretStr) and shown is value else shown}")
    return 0
