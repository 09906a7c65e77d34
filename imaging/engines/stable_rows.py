"""Makes the linear layers of a UNet independent of the batch size.

Nearly everything in the UNet that sees image positions multiplies matrices of many rows, whose results were
measured not to depend on the batch. The layers that see one vector per row (time and size embeddings)
do depend on it, through the choice of kernel. They are cheap, so they run on two rows at a time, which is
also what a stock pipeline gives them for one guided picture. In bf16 a kernel may part a long sum where there are few
rows (seen: 640 → 160 with AMX); such layers are found by trying, and run on two rows at a time as well. Convolutions of
one position change kernels from 16 rows on; they run on eight at a time. In float32 torch gives the other
convolutions of a single row to another library than those of more; they go where the others go.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PAIR = 2
PART = 8
TRIED_POSITIONS = (16, 24, 64, 96, 256)
"""Positions of a row's matrix: of small sizes and of the bundled model's, at both levels."""
TRIED_ROWS = (4, 8, 16)


def _paired(linear: nn.Linear, states: Tensor) -> Tensor:
    """[rows, …, in] → [rows, …, out], two rows at a time."""
    if states.shape[0] == PAIR:
        return F.linear(states, linear.weight, linear.bias)
    rows = states.shape[0]
    if rows % PAIR:
        states = torch.cat([states, states[-1:]])
    pairs = [F.linear(states[i : i + PAIR], linear.weight, linear.bias) for i in range(0, rows, PAIR)]
    return torch.cat(pairs)[:rows]


def _parted(conv: nn.Conv2d, states: Tensor) -> Tensor:
    """[rows, in, h, w] → [rows, out, h, w], `PART` rows at a time."""
    parts = [F.conv2d(part, conv.weight, conv.bias) for part in states.split(PART)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _as_of_many(conv: nn.Conv2d, states: Tensor) -> Tensor:
    """[rows, in, h, w] → [rows, out, h, w]"""
    if states.shape[0] > 1 or states.dtype is not torch.float32 or isinstance(conv.padding, str):
        return F.conv2d(states, conv.weight, conv.bias, conv.stride, conv.padding, conv.dilation, conv.groups)
    layout = conv.padding, conv.stride, conv.dilation, conv.groups
    return torch.mkldnn_convolution(states, conv.weight, conv.bias, *layout)


def _sees_vectors(name: str) -> bool:
    return "time_emb" in name or "add_embedding" in name


@torch.inference_mode()
def _depends_on_rows(linear: nn.Linear, tried_positions: tuple[int, ...]) -> bool:
    """Whether two rows come out differently beside others, tried with sums that cancel out: what is left of them is
    the error of rounding, which tells any other order of adding."""
    draw = torch.Generator().manual_seed(0)
    half, order = linear.in_features // 2, torch.randperm(linear.in_features // 2 * 2, generator=draw)

    def cancelling(*shape: int, sign: float) -> Tensor:
        values = torch.randn(*shape, half, generator=draw)
        return torch.cat([values, sign * values], dim=-1)[..., order].to(linear.weight)

    weight = cancelling(linear.out_features, sign=1.0)
    bias = None if linear.bias is None else torch.zeros_like(linear.bias)
    for positions in tried_positions:
        states = cancelling(max(TRIED_ROWS), positions, sign=-1.0)
        pair = F.linear(states[:PAIR], weight, bias)
        for rows in TRIED_ROWS:
            if not torch.equal(F.linear(states[:rows], weight, bias)[:PAIR], pair):
                return True
    return False


def _linears(unet: Any, search: bool) -> Iterator[nn.Linear]:
    """The layers that depend on the batch; each shape is tried once."""
    known: dict[tuple[int, int, bool], bool] = {}
    for name, module in unet.named_modules():
        if isinstance(module, nn.Linear):
            vectors = _sees_vectors(name)
            shape = module.in_features, module.out_features, vectors
            if shape not in known:
                tried = (1,) if vectors else TRIED_POSITIONS
                known[shape] = _depends_on_rows(module, tried) if search else vectors
            if known[shape]:
                yield module


def install(unet: Any, *, search: bool = False) -> None:
    """Compute those layers in one way for any number of rows from now on.

    Args:
        search: Find them by trying, which takes part of a second for a small model; else they are those of vectors.
    """
    for linear in _linears(unet, search):
        linear.forward = functools.partial(_paired, linear)  # type: ignore[method-assign]
    for name, conv in unet.named_modules():
        if isinstance(conv, nn.Conv2d):
            if name.endswith("conv_shortcut"):
                conv.forward = functools.partial(_parted, conv)  # type: ignore[method-assign]
            elif torch.backends.mkldnn.is_available():
                conv.forward = functools.partial(_as_of_many, conv)  # type: ignore[method-assign]


def uninstall(unet: Any) -> None:
    """Give the layers their own method back; nothing of ours stays behind."""
    for module in unet.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            vars(module).pop("forward", None)
