"""How many UNet rows run together: found out once per device, model and size, and kept on disk."""

from __future__ import annotations

import json
import logging
import math
import re
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

log = logging.getLogger(__name__)

FILE = "row_caps.json"
CPU_ROWS = 16
"""Never more rows than this on a CPU, where more bring nothing."""
GPU_ROWS = 32
LEAST = 2
RISES_AFTER = 100
"""UNet calls, a few pictures' worth."""
SMALL_MODEL = 60_000_000
"""UNets of more weights are compute-bound on a CPU: batches bring nothing and are not tried out."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found out about one size."""

    rows: int
    """That run in one UNet call."""
    row_bytes: int = 0
    """Memory that one row takes while it runs, 0 if unknown."""
    alone: bool = False
    """Whether one row in a call comes out as it does beside others."""


@dataclass(slots=True)
class _Lowered:
    """A cap after memory ran out, and how often it has been used up since."""

    rows: int
    full: int = 0


class RowCaps:
    """Row caps by size. `place` names device, model and software, because all of them decide.

    What is kept on disk is true of the device. What other programs leave free of it changes: `fitting` says from the
    bytes of one row how many fit now, and a cap that was lowered because memory ran out rises again, row by row.
    """

    def __init__(self, home: Path, place: str, fitting: Callable[[int], int] | None = None) -> None:
        self._path = home / FILE
        self._place = place
        self._fitting = fitting
        self._found = self._read()
        self._lowered: dict[str, _Lowered] = {}
        self._unknown: dict[str, int] = {}
        """Sizes that could not be measured, and for how many questions they are let be."""

    def measured(self, width: int, height: int, measure: Callable[[], Measured | None]) -> Measured:
        """What holds for a size now. It is measured once; where that gives None, again after a while."""
        key = self._key(width, height)
        if self._unknown.get(key, 0) > 0:
            self._unknown[key] -= 1
            return Measured(LEAST)
        if key not in self._found:
            found = measure()
            if found is None:
                self._unknown[key] = RISES_AFTER
                return Measured(LEAST)
            self._found[key] = replace(found, rows=max(1, found.rows))
            self._write()
        return replace(self._found[key], rows=self._rows(key))

    def _rows(self, key: str) -> int:
        found = self._found[key]
        rows = found.rows if self._fitting is None or not found.row_bytes else self._fitting(found.row_bytes)
        lowered = self._lowered.get(key)
        return max(1, rows if lowered is None else min(rows, lowered.rows))

    def lower(self, width: int, height: int, failed_rows: int) -> None:
        """So many rows did not fit."""
        key = self._key(width, height)
        lowered = self._lowered.get(key)
        rows = max(1, min(failed_rows // 2, failed_rows if lowered is None else lowered.rows))
        self._lowered[key] = _Lowered(rows)
        log.warning("out of memory with %d rows of %d × %d; cap lowered to %d", failed_rows, width, height, rows)

    def ran(self, width: int, height: int, rows: int) -> None:
        """So many rows did fit; a lowered cap that was used up `RISES_AFTER` times is tried one row higher."""
        key = self._key(width, height)
        lowered = self._lowered.get(key)
        if lowered is None or rows < lowered.rows:
            return
        lowered.full += 1
        if lowered.full >= RISES_AFTER:
            self._lowered[key] = _Lowered(lowered.rows + 1)
            if lowered.rows >= (self._found[key].rows if key in self._found else GPU_ROWS):
                del self._lowered[key]

    def row_bytes(self, width: int, height: int) -> int:
        """What one row of a size takes, from the nearest size that was measured here; 0 while nothing is known."""
        pixels = width * height
        known: list[tuple[float, float]] = []
        for key, found in self._found.items():
            place, _, size = key.rpartition("|")
            if place == self._place and found.row_bytes:
                measured = math.prod(int(side) for side in size.split("x"))
                known.append((abs(math.log(pixels / measured)), found.row_bytes * pixels / measured))
        return int(min(known)[1]) if known else 0

    def _key(self, width: int, height: int) -> str:
        return f"{self._place}|{width}x{height}"

    def _read(self) -> dict[str, Measured]:
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(key): _checked(value) for key, value in data.items() if re.search(r"\|[1-9]\d*x[1-9]\d*$", key)}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}

    def _write(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            partial = self._path.with_suffix(".part")
            found = {key: asdict(value) for key, value in {**self._read(), **self._found}.items()}
            partial.write_text(json.dumps(found, indent=1, sort_keys=True), encoding="utf-8")
            partial.replace(self._path)
        except OSError as error:
            log.warning("row caps cannot be kept: %s", error)


def _checked(value: object) -> Measured:
    """One row of the file; raises what `_read` takes for a damaged file."""
    if not isinstance(value, dict):
        raise TypeError(value)
    rows, row_bytes, alone = value["rows"], value["row_bytes"], value["alone"]
    if type(rows) is not int or type(row_bytes) is not int or type(alone) is not bool:
        raise TypeError(value)
    if not 1 <= rows <= 1024 or row_bytes < 0:
        raise ValueError(value)
    return Measured(rows, row_bytes, alone)


def free_memory(device: torch.device) -> int:
    """Bytes that a call on this device may still take, including what torch holds and does not use."""
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + held)
    import psutil

    return int(psutil.virtual_memory().available)


def stable_row_count(forward: Callable[[int], torch.Tensor]) -> int:
    """The largest batch whose rows equal, bit for bit, the same rows in a batch of 2.

    CPU kernels choose their blocking by batch size, and a picture must not depend on who renders
    beside it. `forward(rows)` runs that many fixed random rows and returns [rows, …].
    """
    pair = forward(LEAST)
    for rows in (CPU_ROWS, 14, 12, 8, 6, 4):
        if torch.equal(forward(rows)[:LEAST], pair):
            return rows
    return LEAST


def stands_alone(forward: Callable[[int], torch.Tensor]) -> bool:
    """Whether a row by itself equals, bit for bit, the same row in a batch of 2; `forward` as in `stable_row_count`."""
    return torch.equal(forward(1), forward(LEAST)[:1])


def row_bytes(forward: Callable[[int], torch.Tensor], device: torch.device) -> int:
    """Memory that one row takes at its peak: what two rows add, halved. On a CPU it is what the process has grown
    by, 0 where it had grown as far before."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        forward(LEAST)
        return max(1, (torch.cuda.max_memory_allocated(device) - before) // LEAST)
    before = _peak()
    forward(LEAST)
    return (_peak() - before) // LEAST


def _peak() -> int:
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    # Kibibytes on Linux, bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def fitting_rows(each: int, free: int) -> int:
    """Rows of `each` bytes that fit in so many free bytes of a GPU, with a fifth left over."""
    return int(max(LEAST, min(GPU_ROWS, 0.8 * free // max(1, each))))
