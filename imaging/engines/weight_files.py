"""Tensors of one .safetensors file as numbers, whatever they are stored as, and which of them were asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

_SCALES = ("scale_weight", "weight_scale")
"""What the numbers of an fp8 layer are multiplied with: ComfyUI's name, and that of others."""
_EXACT = (torch.float16, torch.bfloat16, torch.float32)


class WeightFile:
    """An open file. `taken` are the keys that were read."""

    def __init__(self, opened: Any) -> None:
        self._file = opened
        self.keys: frozenset[str] = frozenset(opened.keys())
        self.taken: set[str] = set()

    def take(self, key: str, dtype: torch.dtype | None) -> Tensor:
        """One tensor, scaled where it is fp8 with a scale beside it.

        Args:
            key: As in the file; `[0]`, `[1]`, `[2]` after it is a third of its rows.
            dtype: None leaves it as it is stored, or in float32 where that is no format to compute in.

        Raises:
            KeyError: it is not there.
        """
        third = re.fullmatch(r"(.+)\[(\d)\]", key)
        key = third[1] if third else key
        if key not in self.keys:
            raise KeyError(key)
        self.taken.add(key)
        stored = self._scaled(key, self._file.get_tensor(key))
        if third:
            stored = stored.chunk(3)[int(third[2])].clone()
        if dtype is None:
            return stored if stored.dtype in _EXACT else stored.float()
        return stored.to(dtype)

    def _scaled(self, key: str, stored: Tensor) -> Tensor:
        layer = key.removesuffix(".weight")
        for name in _SCALES:
            if f"{layer}.{name}" in self.keys and key.endswith(".weight"):
                self.taken.add(f"{layer}.{name}")
                scale = self._file.get_tensor(f"{layer}.{name}").float()
                rows = scale.numel() > 1
                return stored.float() * (scale.reshape(-1, *(1,) * (stored.ndim - 1)) if rows else scale.reshape(()))
        return stored


@contextmanager
def opened(path: Path) -> Iterator[WeightFile]:
    """Raises SafetensorError, OSError: it cannot be read."""
    with safe_open(path, framework="pt") as file:
        yield WeightFile(file)
