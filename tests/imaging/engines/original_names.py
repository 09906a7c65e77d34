"""Writes a folder's weights as one file under the names of the original SDXL code, as fine-tuned models are shared."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_UNET_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_OPEN_CLIP = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def original_tensors(folder: Path) -> dict[str, Tensor]:
    """The weights of a checkpoint in diffusers' layout under their original names."""
    unet = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    vae = load_file(folder / "vae" / "diffusion_pytorch_model.safetensors")
    layers = int(json.loads((folder / "unet" / "config.json").read_text())["layers_per_block"])
    levels = len(json.loads((folder / "vae" / "config.json").read_text())["block_out_channels"])
    tensors = {f"model.diffusion_model.{_unet_name(name, layers, unet)}": value for name, value in unet.items()}
    tensors |= {f"first_stage_model.{_vae_name(name, levels)}": _as_conv(name, value) for name, value in vae.items()}
    for name, value in load_file(folder / "text_encoder" / "model.safetensors").items():
        tensors[f"conditioner.embedders.0.transformer.text_model.{name.removeprefix('text_model.')}"] = value
    second = load_file(folder / "text_encoder_2" / "model.safetensors")
    tensors |= {f"conditioner.embedders.1.model.{name}": value for name, value in _open_clip(second).items()}
    return {name: value.contiguous() for name, value in tensors.items()}


def write(
    folder: Path, file: Path, more: Mapping[str, Tensor] | None = None, metadata: Mapping[str, str] | None = None
) -> None:
    """The weights of `folder` as one file, with `more` added or changed."""
    file.parent.mkdir(exist_ok=True)
    save_file(original_tensors(folder) | dict(more or {}), file, dict(metadata or {}))


def _unet_name(name: str, layers: int, unet: Mapping[str, Tensor]) -> str:
    for ours, theirs in _UNET_ENDS.items():
        if name.startswith(f"{ours}."):
            return name.replace(ours, theirs)
    found = re.fullmatch(r"(down_blocks|up_blocks)\.(\d+)\.(\w+)\.(\d+)\.(.+)", name)
    if found is None:
        inner = re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)", name)
        assert inner is not None, name
        kind, index, rest = inner.groups()
        return f"middle_block.{2 * int(index) + (kind == 'attentions')}.{_resnet_name(rest)}"
    side, block, kind, index, rest = found[1], int(found[2]), found[3], int(found[4]), _resnet_name(found[5])
    if kind == "downsamplers":
        return f"input_blocks.{(block + 1) * (layers + 1)}.0.{rest.replace('conv', 'op')}"
    if kind == "upsamplers":
        attends = any(each.startswith(f"up_blocks.{block}.attentions.") for each in unet)
        return f"output_blocks.{(block + 1) * (layers + 1) - 1}.{1 + attends}.{rest}"
    place = f"input_blocks.{1 + block * (layers + 1) + index}" if side == "down_blocks" else ""
    place = place or f"output_blocks.{block * (layers + 1) + index}"
    return f"{place}.{int(kind == 'attentions')}.{rest}"


def _resnet_name(rest: str) -> str:
    first, _, end = rest.partition(".")
    return f"{_RESNET[first]}.{end}" if first in _RESNET else rest


def _vae_name(name: str, levels: int) -> str:
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"down_blocks\.(\d+)\.resnets\.(\d+)", r"down.\1.block.\2", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d+)\.resnets\.(\d+)", lambda m: f"up.{levels - 1 - int(m[1])}.block.{m[2]}", name)
    name = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    found = re.fullmatch(r"(.+)mid_block\.attentions\.0\.(.+)\.(weight|bias)", name)
    return f"{found[1]}mid.attn_1.{_VAE_ATTENTION[found[2]]}.{found[3]}" if found else name


def _as_conv(name: str, value: Tensor) -> Tensor:
    """The original VAE's attention projects by convolutions of one position."""
    return value[:, :, None, None] if "attentions" in name and value.ndim == 2 else value


def _open_clip(encoder: Mapping[str, Tensor]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {"text_projection": encoder["text_projection.weight"].T}
    for name, value in encoder.items():
        inner = name.removeprefix("text_model.")
        layer = re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", inner)
        if layer is None:
            ends = {
                "embeddings.token_embedding.weight": "token_embedding.weight",
                "embeddings.position_embedding.weight": "positional_embedding",
                "final_layer_norm.weight": "ln_final.weight",
                "final_layer_norm.bias": "ln_final.bias",
            }
            if inner in ends:
                found[ends[inner]] = value
            continue
        place, kind = f"transformer.resblocks.{layer[1]}", layer[3]
        if layer[2] in _OPEN_CLIP:
            found[f"{place}.{_OPEN_CLIP[layer[2]]}.{kind}"] = value
        elif layer[2] == "self_attn.q_proj":
            three = [encoder[name.replace("q_proj", each)] for each in ("q_proj", "k_proj", "v_proj")]
            found[f"{place}.attn.in_proj_{kind}"] = torch.cat(three)
    return found
