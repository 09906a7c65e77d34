"""What others call the layers of SDXL: the names of its original code, and every way in which LoRAs spell one.

The original names are Podell et al.'s (2023, `generative-models`). They are counted from the UNet at hand, so that
pruned ones (SSD-1B) have theirs too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "time_embedding.cond_proj": "time_embed.cond_proj",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
UNET, FIRST, SECOND = "unet", "text_encoder", "text_encoder_2"
_PREFIXES: Mapping[str, tuple[str, ...]] = {
    UNET: ("", "unet.", "lora_unet.", "lycoris.", "diffusion_model.", "model.diffusion_model."),
    FIRST: (
        "text_encoder.",
        "lora_te1.",
        "lora_te.",
        "clip_l.",
        "clip_l.transformer.",
        "text_encoders.clip_l.transformer.",
    ),
    SECOND: ("text_encoder_2.", "lora_te2.", "clip_g.", "clip_g.transformer.", "text_encoders.clip_g.transformer."),
}
"""What stands before a layer's name: peft and diffusers, kohya, LyCORIS, OneTrainer, ComfyUI."""


def layers(module: Any) -> Iterator[tuple[str, Any]]:
    """Every layer that has weights of its own, by name; text encoders' without their `text_model.`."""
    for name, layer in module.named_modules():
        if next(layer.parameters(recurse=False), None) is not None:
            yield name.removeprefix("text_model."), layer


def original_blocks(unet: Any) -> dict[str, str]:
    """`down_blocks.0.resnets.0` → `input_blocks.1.0`, for every block of a UNet."""
    found: dict[str, str] = {}
    count = 0
    for number, block in enumerate(unet.down_blocks):
        place = f"down_blocks.{number}"
        for index in range(len(block.resnets)):
            count += 1
            found[f"{place}.resnets.{index}"] = f"input_blocks.{count}.0"
            found[f"{place}.attentions.{index}"] = f"input_blocks.{count}.1"
        if block.downsamplers:
            count += 1
            found[f"{place}.downsamplers.0.conv"] = f"input_blocks.{count}.0.op"
    middle = unet.mid_block
    attends = bool(getattr(middle, "attentions", None))
    for index in range(len(middle.resnets) if middle is not None else 0):
        found[f"mid_block.resnets.{index}"] = f"middle_block.{(1 + attends) * index}"
        found[f"mid_block.attentions.{index}"] = f"middle_block.{2 * index + 1}"
    count = 0
    for number, block in enumerate(unet.up_blocks):
        place, attends = f"up_blocks.{number}", bool(getattr(block, "attentions", None))
        for index in range(len(block.resnets)):
            found[f"{place}.resnets.{index}"] = f"output_blocks.{count}.0"
            found[f"{place}.attentions.{index}"] = f"output_blocks.{count}.1"
            count += 1
        if block.upsamplers:
            found[f"{place}.upsamplers.0.conv"] = f"output_blocks.{count - 1}.{1 + attends}.conv"
    return found


def original_name(name: str, blocks: Mapping[str, str]) -> str:
    """A UNet's layer in the original code, without `model.diffusion_model.`."""
    if name in _ENDS:
        return _ENDS[name]
    if name in blocks:
        return blocks[name]
    for depth in (4, 3):
        place, rest = ".".join(name.split(".")[:depth]), ".".join(name.split(".")[depth:])
        if place in blocks:
            return f"{blocks[place]}.{_RESNET.get(rest, rest)}"
    return name


def canonical(name: str) -> str:
    """One spelling of a layer's name in a LoRA's file: trainers mix dots and underscores, and old attention processors
    stood between a layer and its projection."""
    name = name.replace("base_model.model.", "").replace(".processor.", ".")
    return re.sub(r"[._]+", "_", name)


def spellings(unet: Any, encoders: Mapping[str, Any]) -> dict[str, tuple[str, str, Any]]:
    """Canonical name → (part, name, layer), for every way to name each layer.

    Args:
        encoders: `FIRST` and `SECOND`.
    """
    found: dict[str, tuple[str, str, Any]] = {}
    blocks = original_blocks(unet)
    for name, layer in layers(unet):
        for prefix in _PREFIXES[UNET]:
            for each in (name, original_name(name, blocks)):
                found[canonical(prefix + each)] = (UNET, name, layer)
    for part, encoder in encoders.items():
        for name, layer in layers(encoder):
            for prefix in _PREFIXES[part]:
                for each in (name, f"text_model.{name}"):
                    found[canonical(prefix + each)] = (part, name, layer)
    return found
