"""LoRAs fused into a checkpoint's weights: in float32, rounded once, and nothing of a file left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from imaging.engines.layer_names import FIRST, SECOND, spellings
from imaging.engines.lora_files import LayerChange, read_lora
from imaging.engines.lora_forms import applied
from imaging.errors import EngineError


@torch.no_grad()
def fuse(unet: Any, encoders: tuple[Any, Any], loras: Sequence[tuple[Path, float]], dtype: torch.dtype) -> None:
    """Add LoRAs to the weights for good, one after the other; they are per engine, not per row.

    The weights may be finer than `dtype`: what is added is then rounded with them, once. Rounded before, changes
    smaller than the steps of bf16 would be lost.

    Args:
        loras: Files and strengths.
        dtype: What the weights become.

    Raises:
        EngineError: a file cannot be read, fits nothing here, or leaves weights that are no numbers.
    """
    names = spellings(unet, {FIRST: encoders[0], SECOND: encoders[1]})
    changes: dict[int, list[tuple[str, LayerChange, float]]] = {}
    for file, strength in loras:
        for each in read_lora(file, names):
            changes.setdefault(id(each.layer), []).append((file.name[:80], each, strength))
    for several in changes.values():
        layer = several[0][1].layer
        weight = layer.weight.float()
        bias = getattr(layer, "bias", None)
        bias = None if bias is None else bias.float()
        for label, each, strength in several:
            weight, bias = _changed(label, each, strength, weight, bias)
        layer.weight.data = _rounded(several, weight, dtype)
        if bias is not None:
            layer.bias.data = _rounded(several, bias, dtype)


def _changed(
    label: str, each: LayerChange, strength: float, weight: torch.Tensor, bias: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor | None]:
    try:
        weight = applied(weight, each.tensors, each.scale, strength)
        for kind, scale in (("diff_b", 1.0), ("up_bias", each.scale)):
            if kind in each.tensors:
                if bias is None:
                    raise ValueError("a bias for a layer without one")
                bias = bias + strength * scale * each.tensors[kind].float().reshape(bias.shape)
    except (ValueError, RuntimeError) as error:
        raise EngineError(
            f"The LoRA {label} does not fit this model: its tensors for {each.part}.{each.name} have other sizes."
        ) from error
    return weight, bias


def _rounded(
    several: Sequence[tuple[str, LayerChange, float]], exact: torch.Tensor, dtype: torch.dtype
) -> torch.Tensor:
    found = exact.to(dtype)
    if not bool(torch.isfinite(found).all()):
        names = " and ".join(dict.fromkeys(label for label, _, _ in several))
        where = f"{several[0][1].part}.{several[0][1].name}"
        raise EngineError(
            f"The LoRA {names} leaves no finite numbers in {where}: it is broken, or its strength is too high."
        )
    return found
