"""What every training stage shares: where checkpoints live, atomic saves, the log, and the clock."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


def train_home() -> Path:
    """The folder of checkpoints: `$EASEL_TRAIN_HOME`, or a cache folder; never inside the repository."""
    chosen = os.environ.get("EASEL_TRAIN_HOME")
    home = Path(chosen) if chosen else Path.home() / ".cache" / "easel" / "train" / "mini"
    home.mkdir(parents=True, exist_ok=True)
    return home


def save(path: Path, value: dict[str, Any]) -> None:
    """Write a checkpoint so that a kill at any moment leaves the old one or the new one."""
    partial = path.with_suffix(".partial")
    torch.save(value, partial)
    partial.replace(path)


def load(path: Path) -> dict[str, Any] | None:
    """The checkpoint, or None when there is none yet."""
    if not path.exists():
        return None
    loaded: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=False)
    return loaded


class Log:
    """One JSON object a line, in a file and on standard output."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, **values: Any) -> None:
        line = json.dumps({"at": round(time.time()), **values})
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        with self.path.open("a") as file:
            file.write(line + "\n")


@dataclass
class Clock:
    """Stops a run after `minutes` of wall time (None: never), and says when to save and to log."""

    minutes: float | None = None
    every: float = 120.0

    def __post_init__(self) -> None:
        self.start = self.saved = self.lap = time.monotonic()

    def over(self) -> bool:
        return self.minutes is not None and time.monotonic() - self.start > 60 * self.minutes

    def due(self) -> bool:
        if time.monotonic() - self.saved < self.every:
            return False
        self.saved = time.monotonic()
        return True

    def rate(self, amount: float) -> float:
        """`amount` per second since the last call."""
        lap, self.lap = self.lap, time.monotonic()
        return round(amount / (self.lap - lap), 1)
