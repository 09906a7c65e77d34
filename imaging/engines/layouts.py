"""The layout of a UNet from the shapes of its weights, so that a file of pruned SDXL (SSD-1B, Vega) has its own sizes.

Pure; no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Shapes = Mapping[str, tuple[int, ...]]
HEAD = 64
"""Channels of one attention head in SDXL (Podell et al. 2023, their code)."""


def unet_config(base: Mapping[str, Any], shapes: Shapes, pooled: int) -> dict[str, Any]:
    """The configuration of `UNet2DConditionModel` for weights under the names of the original code.

    Args:
        base: SDXL 1.0's own, for what shapes do not say.
        shapes: Original name, without `model.diffusion_model.` → shape.
        pooled: Width of the second text encoder.

    Raises:
        ValueError, KeyError, IndexError: these are no weights of a UNet of SDXL's kind.
    """
    down, up, middle = (
        _side(shapes, "input_blocks", 1),
        _side(shapes, "output_blocks", 0),
        _depth(shapes, "middle_block.1"),
    )
    widths = [shapes[f"{names[0]}.0.out_layers.3.weight"][0] for names, _ in down]
    contexts = {shape[1] for name, shape in shapes.items() if name.endswith("attn2.to_k.weight")}
    depths = [each for _, each in down]
    told = shapes["label_emb.0.0.weight"][1]
    conditioned = shapes.get("time_embed.cond_proj.weight")
    found = {
        **base,
        "in_channels": shapes["input_blocks.0.0.weight"][1],
        "out_channels": shapes["out.2.weight"][0],
        "block_out_channels": widths,
        "attention_head_dim": [max(1, width // HEAD) for width in widths],
        "layers_per_block": len(down[0][0]),
        "down_block_types": ["CrossAttnDownBlock2D" if any(each) else "DownBlock2D" for each in depths],
        "up_block_types": ["CrossAttnUpBlock2D" if any(each) else "UpBlock2D" for _, each in up],
        "transformer_layers_per_block": [_alike(each) for each in depths],
        "cross_attention_dim": contexts.pop(),
        "projection_class_embeddings_input_dim": told,
        # Six numbers (sizes and crops) are told beside the pooled text.
        "addition_time_embed_dim": (told - pooled) // 6,
    }
    if conditioned is not None:
        found["time_cond_proj_dim"] = conditioned[1]
    if not middle:
        found["mid_block_type"] = "UNetMidBlock2D" if "middle_block.0.in_layers.2.weight" in shapes else None
    mirrored = [_alike(each) for _, each in up]
    if mirrored != found["transformer_layers_per_block"][::-1]:
        found["reverse_transformer_layers_per_block"] = mirrored
    return found


def _side(shapes: Shapes, side: str, first: int) -> list[tuple[list[str], list[int]]]:
    """Each block's names of residual layers, with the depths of their transformers (0: none)."""
    blocks: list[tuple[list[str], list[int]]] = [([], [])]
    number = first
    while any(f"{side}.{number}.0.{kind}.weight" in shapes for kind in ("in_layers.2", "op")):
        name = f"{side}.{number}"
        if f"{name}.0.op.weight" in shapes:
            blocks.append(([], []))
        else:
            blocks[-1][0].append(name)
            blocks[-1][1].append(_depth(shapes, f"{name}.1"))
            if any(f"{name}.{place}.conv.weight" in shapes for place in (1, 2)):
                blocks.append(([], []))
        number += 1
    return blocks


def _depth(shapes: Shapes, name: str) -> int:
    depth = 0
    while f"{name}.transformer_blocks.{depth}.attn2.to_k.weight" in shapes:
        depth += 1
    return depth


def _alike(depths: list[int]) -> int | list[int]:
    """One number where all are it; 1, which nobody reads, where there are no transformers."""
    if not any(depths):
        return 1
    return depths[0] if len(set(depths)) == 1 else depths
