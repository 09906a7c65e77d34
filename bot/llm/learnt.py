"""What endpoints have refused, kept over restarts in one small file: a restart does not ask wrongly again."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from bot.llm.manner import LIMITS, Manner

log = logging.getLogger(__name__)

KEPT_S: Final = 30 * 86400.0
"""Servers are updated: after a month everything is found out anew."""
_MOST: Final = 100


class Learnt:
    """A manner for each endpoint and model. `path` None keeps it for this process only."""

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._rows: dict[str, Manner] = {}

    def get(self, url: str, model: str) -> Manner | None:
        name = _name(url, model)
        if name not in self._rows and (row := self._read().get(name)) is not None:
            with suppress(TypeError, ValueError, KeyError):
                if self._clock() - float(row["at"]) < KEPT_S:
                    self._rows[name] = _manner(row["manner"])
        return self._rows.get(name)

    def put(self, url: str, model: str, manner: Manner) -> None:
        """Keep it; a disk that refuses costs only the memory of it."""
        name = _name(url, model)
        if self._rows.get(name) == manner:
            return
        self._rows[name] = manner
        if self._path is None:
            return
        row = asdict(manner) | {"dropped": sorted(manner.dropped)}
        rows = {**self._read(), name: {"at": self._clock(), "manner": row}}
        newest = dict(list(rows.items())[-_MOST:])
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft = self._path.with_suffix(f".{os.getpid()}")
            draft.write_text(json.dumps(newest, indent=1), encoding="utf-8")
            draft.replace(self._path)
        except OSError as error:
            log.warning("what the language model's endpoint refuses cannot be kept: %s", error.strerror)

    def _read(self) -> Mapping[str, Any]:
        if self._path is None:
            return {}
        try:
            rows = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return rows if isinstance(rows, dict) else {}


def _name(url: str, model: str) -> str:
    """No address stands in the file."""
    return sha256(f"{url}\n{model}".encode()).hexdigest()[:32]


def _manner(row: Mapping[str, Any]) -> Manner:
    """Raises TypeError, ValueError or KeyError for what is no manner (of this version)."""
    given = {**row, "dropped": frozenset(map(str, row["dropped"]))}
    manner = Manner(**given)
    if manner.limit not in (*LIMITS, ""):
        raise ValueError
    return manner
