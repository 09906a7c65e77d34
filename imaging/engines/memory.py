"""How many UNet rows run together: found out once per device, model and size, and kept on disk."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import torch

log = logging.getLogger(__name__)

FILE = "row_caps.json"
CPU_ROWS = 14
"""Never more rows than this on a CPU, where more bring nothing."""
GPU_ROWS = 32
LEAST = 2
SMALL_MODEL = 60_000_000
"""UNets of more weights are compute-bound on a CPU: batches bring nothing and are not tried out."""


class RowCaps:
    """Row caps by size. `place` names device, model and software, because all of them decide."""

    def __init__(self, home: Path, place: str) -> None:
        self._path = home / FILE
        self._place = place
        self._caps = self._read()

    def cap(self, width: int, height: int, measure: Callable[[], int]) -> int:
        """The cap of a size, measured once."""
        key = f"{self._place}|{width}x{height}"
        if key not in self._caps:
            self._caps[key] = max(LEAST, measure())
            self._write()
        return self._caps[key]

    def lower(self, width: int, height: int, failed_rows: int) -> None:
        """Remember that so many rows did not fit."""
        key = f"{self._place}|{width}x{height}"
        self._caps[key] = max(LEAST, min(self._caps.get(key, failed_rows), failed_rows // 2))
        log.warning(
            "out of memory with %d rows of %d × %d; cap lowered to %d", failed_rows, width, height, self._caps[key]
        )
        self._write()

    def _read(self) -> dict[str, int]:
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(data, dict):
            return {}
        return {str(k): v for k, v in data.items() if type(v) is int and LEAST <= v <= 1024}

    def _write(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            partial = self._path.with_suffix(".part")
            partial.write_text(json.dumps({**self._read(), **self._caps}, indent=1, sort_keys=True), encoding="utf-8")
            partial.replace(self._path)
        except OSError as error:
            log.warning("row caps cannot be kept: %s", error)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of torch says that memory ran out, on any device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def stable_rows(forward: Callable[[int], torch.Tensor]) -> int:
    """The largest batch whose rows equal, bit for bit, the same rows in a batch of 2.

    CPU kernels choose their blocking by batch size, and a picture must not depend on who renders
    beside it. `forward(rows)` runs that many fixed random rows and returns [rows, …].
    """
    single = forward(2)
    for rows in (14, 12, 8, 6, 4):
        if rows <= CPU_ROWS and torch.equal(forward(rows)[:2], single):
            return rows
    return LEAST


def fitting_rows(forward: Callable[[int], torch.Tensor], device: torch.device) -> int:
    """Rows that fit in the free memory of a GPU, with a fifth left over."""
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    forward(LEAST)
    each = max(1, (torch.cuda.max_memory_allocated(device) - before) // LEAST)
    free = torch.cuda.mem_get_info(device)[0]
    return int(max(LEAST, min(GPU_ROWS, 0.8 * free // each)))
