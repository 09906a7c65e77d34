"""The base model in torch with low-rank adapters on every linear layer, for training only.

LoRA (Hu et al., arXiv 2106.09685): the frozen weight ``W`` gets ``W + (alpha / r) · B A`` where only ``A``
[r, in] and ``B`` [out, r] are trained. ``B`` starts at zero, so step 0 is the base model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

RANK = 16
ALPHA = 32.0

_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_MLP = ("gate_proj", "up_proj", "down_proj")


class LoraLinear(nn.Module):
    """A frozen linear layer with a trained low-rank addition."""

    def __init__(self, base: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.weight = base.weight
        self.weight.requires_grad_(False)
        self.A = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
        self.B = nn.Parameter(torch.zeros(base.out_features, rank))
        self.scale = alpha / rank

    def forward(self, x: Tensor) -> Tensor:
        """Map x [..., in] to [..., out]."""
        low = F.linear(x, self.A.to(x.dtype))
        return F.linear(x, self.weight) + F.linear(low, (self.B * self.scale).to(x.dtype))


def load_base(gguf_file: Path, dtype: torch.dtype) -> tuple[Any, Any]:
    """Load model and tokenizer from the packaged GGUF file, dequantised to ``dtype``.

    transformers reads GGUF itself; its note about the quantisation is removed because the weights are
    plain floats from here on.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, name = str(gguf_file.parent), gguf_file.name
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    return model.to(dtype), tokenizer


def add_adapters(model: Any, rank: int = RANK, alpha: float = ALPHA) -> list[nn.Parameter]:
    """Freeze the model, wrap its linear layers, and return the parameters to train (float32)."""
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for layer in model.model.layers:
        for parent, names in ((layer.self_attn, _ATTENTION), (layer.mlp, _MLP)):
            for name in names:
                setattr(parent, name, LoraLinear(getattr(parent, name), rank, alpha))
    return [p for p in model.parameters() if p.requires_grad]


def adapter_state(model: Any) -> dict[str, Tensor]:
    """Copy the trained tensors, by name."""
    return {n: p.detach().float().clone() for n, p in model.named_parameters() if p.requires_grad}


def load_adapter_state(model: Any, state: dict[str, Tensor]) -> None:
    """Put trained tensors back; a missing or extra one is an error, not a silent half-load."""
    own = {n: p for n, p in model.named_parameters() if p.requires_grad}
    if own.keys() != state.keys():
        raise ValueError("the checkpoint belongs to another model or another set of layers")
    with torch.no_grad():
        for name, value in state.items():
            own[name].copy_(value)
