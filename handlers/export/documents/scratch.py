"""A folder for one document while it is made, which is gone afterwards, whatever ended the program."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

PREFIX = "easel-export-"


@contextmanager
def scratch() -> Iterator[Path]:
    """Nobody else reads it: it is made with mode 0700."""
    sweep()
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-") as name:
        yield Path(name)


def sweep() -> None:
    """Delete what a program left behind that was killed: people's pictures are in it."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        owner = path.name.removeprefix(PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if owner.isdigit() and not psutil.pid_exists(int(owner)) and path.lstat().st_uid == os.geteuid():
                shutil.rmtree(path)  # refuses links
