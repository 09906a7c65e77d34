"""`easel recipe PICTURE.png`: the recipe inside a picture, as JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bot.cli import CommandFailed
from imaging.outputs import read_recipe


def run(arguments: argparse.Namespace) -> int:
    try:
        data = Path(arguments.picture).read_bytes()
    except OSError as error:
        raise CommandFailed(f"{arguments.picture} cannot be read ({error.strerror}).") from None
    print(json.dumps(read_recipe(data).to_json(), indent=2, ensure_ascii=False))
    return 0
