"""Each part's weights under the names of SDXL's original code (Podell et al. 2023, `generative-models`)."""

from __future__ import annotations

import re
from typing import Any

from imaging.engines.layer_names import original_blocks, original_name

PREFIXES = {
    "unet": "model.diffusion_model.",
    "vae": "first_stage_model.",
    "text_encoder": "conditioner.embedders.0.transformer.text_model.",
    "text_encoder_2": "conditioner.embedders.1.model.",
}
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
_OPEN_CLIP = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
_OPEN_CLIP_ENDS = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
    "text_projection.weight": "text_projection",
}


def original_keys(part: str, module: Any) -> dict[str, str]:
    """Parameter → key, without the part's prefix.

    Queries, keys and values of the second text encoder lie in one tensor: theirs is followed by `[0]`, `[1]`, `[2]`.
    """
    names = [name for name, _ in module.named_parameters()]
    if part == "unet":
        blocks = original_blocks(module)
        split = [(name, *name.rsplit(".", 1)) for name in names]
        return {name: f"{original_name(layer, blocks)}.{kind}" for name, layer, kind in split}
    if part == "vae":
        levels = len(module.config.block_out_channels)
        return {name: _vae(name, levels) for name in names}
    if part == "text_encoder":
        return {name: name.removeprefix("text_model.") for name in names}
    return {name: _open_clip(name.removeprefix("text_model.")) for name in names}


def older_vae_key(name: str) -> str:
    """A VAE's parameter as earlier versions of diffusers wrote it."""
    for ours, theirs in _OLD_ATTENTION.items():
        name = name.replace(f"attentions.0.{ours}.", f"attentions.0.{theirs}.")
    return name


def _vae(name: str, levels: int) -> str:
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"down_blocks\.(\d+)\.resnets\.(\d+)", r"down.\1.block.\2", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d+)\.resnets\.(\d+)", lambda m: f"up.{levels - 1 - int(m[1])}.block.{m[2]}", name)
    name = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    found = re.fullmatch(r"(.+)mid_block\.attentions\.0\.(.+)\.(weight|bias)", name)
    return f"{found[1]}mid.attn_1.{_VAE_ATTENTION[found[2]]}.{found[3]}" if found else name


def _open_clip(name: str) -> str:
    layer = re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
    if layer is None:
        return _OPEN_CLIP_ENDS[name]
    place = f"transformer.resblocks.{layer[1]}"
    if layer[2] in _OPEN_CLIP:
        return f"{place}.{_OPEN_CLIP[layer[2]]}.{layer[3]}"
    index = ("q_proj", "k_proj", "v_proj").index(layer[2].removeprefix("self_attn."))
    return f"{place}.attn.in_proj_{layer[3]}[{index}]"
