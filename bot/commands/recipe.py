"""`easel recipe PICTURE.png`: the recipe inside a picture, as JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bot.cli import CommandFailed
from imaging.outputs import read_recipe

MAX_BYTES = 64 << 20


def run(arguments: argparse.Namespace) -> int:
    data = read_file(Path(arguments.picture))
    print(json.dumps(read_recipe(data).to_json(), indent=2, ensure_ascii=False))
    return 0


def read_file(path: Path) -> bytes:
    """What somebody may have sent, up to what a picture can be.

    Raises:
        CommandFailed: it cannot be read or is no picture's size; one sentence.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read ({error.strerror}).") from None
    if len(data) > MAX_BYTES:
        raise CommandFailed(f"{path} is larger than {MAX_BYTES >> 20} MiB, which no picture of Easel is.")
    return data
