"""Makes the small linear layers of a UNet independent of the batch size.

Everything in the UNet that sees image positions multiplies matrices of many rows, whose results were
measured not to depend on the batch. The layers that see one vector per row (time and size embeddings)
do depend on it, through the choice of kernel. They are cheap, so they run on two rows at a time, which is
also what a stock pipeline gives them for one guided picture.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PAIR = 2


def _paired(linear: nn.Linear, states: Tensor) -> Tensor:
    """[rows, in] → [rows, out], two rows at a time."""
    if states.dim() != 2 or states.shape[0] == PAIR:
        return F.linear(states, linear.weight, linear.bias)
    rows = states.shape[0]
    if rows % PAIR:
        states = torch.cat([states, states[-1:]])
    pairs = [F.linear(states[i : i + PAIR], linear.weight, linear.bias) for i in range(0, rows, PAIR)]
    return torch.cat(pairs)[:rows]


def _vector_layers(unet: Any) -> Iterator[nn.Linear]:
    for name, module in unet.named_modules():
        if isinstance(module, nn.Linear) and ("time_emb" in name or "add_embedding" in name):
            yield module


def install(unet: Any) -> None:
    """Compute those layers in pairs from now on."""
    for linear in _vector_layers(unet):
        linear.forward = functools.partial(_paired, linear)  # type: ignore[method-assign]


def uninstall(unet: Any) -> None:
    """Give the layers their own method back; nothing of ours stays behind."""
    for linear in _vector_layers(unet):
        vars(linear).pop("forward", None)
