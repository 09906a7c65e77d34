"""What a LoRA's tensors make of one layer's weights, in float32, form by form.

LoRA (Hu et al. 2021, arXiv 2106.09685), its convolutions, LoHa and LoKr (Yeh et al. 2023, LyCORIS, arXiv
2309.14859, section 3) with their Tucker forms, DoRA (Liu et al. 2024, arXiv 2402.09353, section 4) and plain
differences. Weights are [out, in] or [out, in, k, k]; `r` is a rank.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

Tensors = Mapping[str, Tensor]
LORA = frozenset({"up", "down"})
HADAMARD = frozenset({"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"})
EPSILON = torch.finfo(torch.float32).eps


def complete(kinds: frozenset[str]) -> bool:
    """Whether tensors of these kinds make up a form, with nothing missing and nothing too many."""
    rest = kinds - {"alpha", "dora", "magnitude", "scalar", "diff_b", "up_bias"}
    if not rest:
        return not kinds & {"dora", "magnitude", "scalar", "up_bias"}
    if rest - {"mid"} == LORA:
        return True
    if "up_bias" in kinds:
        return False
    return rest == {"diff"} or (rest - {"hada_t1", "hada_t2"} == HADAMARD and len(rest) != 5) or _is_kronecker(rest)


def _is_kronecker(kinds: frozenset[str]) -> bool:
    first = kinds & {"lokr_w1", "lokr_w1_a", "lokr_w1_b"}
    second = kinds & {"lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2"}
    whole = first == {"lokr_w1"} or first == {"lokr_w1_a", "lokr_w1_b"}
    return (
        whole
        and (second == {"lokr_w2"} or second - {"lokr_t2"} == {"lokr_w2_a", "lokr_w2_b"})
        and (first | second == kinds)
    )


def rank(tensors: Tensors) -> int | None:
    """What `alpha` is divided by; None where a form has no rank."""
    for name in ("down", "hada_w1_b", "lokr_w1_b", "lokr_w2_b"):
        if name in tensors:
            return int(tensors[name].shape[0])
    return None


def change(tensors: Tensors, shape: torch.Size) -> Tensor | None:
    """What is added to the weights at strength 1 and scale 1; None where the tensors are of a bias alone.

    Raises:
        ValueError, RuntimeError: the tensors do not fit a layer of this shape.
    """
    each = {name: tensor.float() for name, tensor in tensors.items()}
    if "down" in each:
        found = _low_rank(each)
    elif "hada_w1_a" in each:
        found = _factor(each, "hada_w1", "hada_t1") * _factor(each, "hada_w2", "hada_t2")
    elif each.keys() & {"lokr_w1", "lokr_w1_a"}:
        found = _kronecker(each)
    elif "diff" in each:
        found = each["diff"]
    else:
        return None
    if found.shape[0] != shape[0] or found.numel() != shape.numel():
        raise ValueError(f"{tuple(found.shape)} for {tuple(shape)}")
    return found.reshape(shape) * each.get("scalar", torch.ones(()))


def _low_rank(each: Tensors) -> Tensor:
    up, down = each["up"], each["down"]
    if "mid" in each:
        return _tucker(each["mid"], up.flatten(1).T, down.flatten(1))
    return (up.flatten(1) @ down.flatten(1)).reshape(up.shape[0], *down.shape[1:])


def _factor(each: Tensors, name: str, core: str) -> Tensor:
    if core in each:
        return _tucker(each[core], each[f"{name}_a"], each[f"{name}_b"])
    return each[f"{name}_a"] @ each[f"{name}_b"]


def _tucker(core: Tensor, outward: Tensor, inward: Tensor) -> Tensor:
    """core [r, r, k, k], outward [r, out], inward [r, in] → [out, in, k, k]"""
    return torch.einsum("ij...,ip,jr->pr...", core, outward, inward)


def _kronecker(each: Tensors) -> Tensor:
    first = each["lokr_w1"] if "lokr_w1" in each else each["lokr_w1_a"] @ each["lokr_w1_b"]
    second = each["lokr_w2"] if "lokr_w2" in each else _factor(each, "lokr_w2", "lokr_t2")
    first = first.reshape(*first.shape, *(1,) * (second.ndim - first.ndim))
    return torch.kron(first.contiguous(), second.contiguous())


def applied(weight: Tensor, tensors: Tensors, scale: float, strength: float) -> Tensor:
    """float32 weights with a LoRA in them.

    Args:
        scale: What the file says of itself (alpha / rank).
        strength: The host's; of DoRA it is a share of the way, so that 0 changes nothing.
    """
    found = change(tensors, weight.shape)
    if found is None:
        return weight
    if "dora" not in tensors and "magnitude" not in tensors:
        return weight + strength * scale * found
    moved = weight + scale * found
    return weight + strength * (_redirected(moved, tensors) - weight)


def _redirected(moved: Tensor, tensors: Tensors) -> Tensor:
    """DoRA: the direction of the moved weights with the trained magnitude. peft trains one magnitude an output; LyCORIS
    [out, 1, …] or, in its older versions, one an input [1, in, …]."""
    if "magnitude" in tensors:
        magnitude = tensors["magnitude"].float().reshape(-1, *(1,) * (moved.ndim - 1))
    else:
        magnitude = tensors["dora"].float()
        magnitude = magnitude.reshape(*magnitude.shape, *(1,) * (moved.ndim - magnitude.ndim))
    by_input = magnitude.shape[0] == 1 and moved.shape[0] != 1
    if magnitude.numel() != moved.shape[int(by_input)]:
        raise ValueError(f"{tuple(magnitude.shape)} magnitudes for {tuple(moved.shape)}")
    kept = 1 if by_input else 0
    norm = torch.linalg.vector_norm(moved, dim=[axis for axis in range(moved.ndim) if axis != kept], keepdim=True)
    return moved * magnitude / (norm + EPSILON)
