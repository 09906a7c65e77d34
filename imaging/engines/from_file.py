"""The parts of an SDXL checkpoint out of one .safetensors file: every key belongs to a part, or is named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from imaging.engines.layouts import unet_config
from imaging.engines.original_keys import PREFIXES, older_vae_key, original_keys
from imaging.engines.single_file import BASE, SingleFile, clip_tokenizers, unknown_keys
from imaging.engines.weight_files import WeightFile, opened
from imaging.errors import EngineError

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Every part of an SDXL model, in main memory."""

    unet: Any
    vae: Any
    text_encoder: Any
    text_encoder_2: Any
    tokenizers: tuple[Any, Any]
    scheduler: Mapping[str, Any]
    """Configuration of its noise, under the names of diffusers' schedulers."""
    zero_empty: bool
    """Whether an empty negative prompt is all zeros."""
    path: Path
    """The file or folder on this disk."""


def checkpoint_from(found: SingleFile, dtype: torch.dtype, *, exact: bool, vae: Any = None) -> Checkpoint:
    """A whole checkpoint in main memory. Nothing is fetched: what the file lacks lies beside it or comes with Easel.

    Args:
        exact: The UNet and the text encoders keep the precision that they are stored in.
        vae: One from elsewhere in place of the file's.

    Raises:
        EngineError: weights are missing, have other sizes, or are of no part.
    """

    name = found.path.name[:80]
    with opened(found.path) as file:
        parts = {
            part: _filled(name, part, _empty(part, found), file, None if exact and part != "vae" else dtype)
            for part in PREFIXES
            if part != "vae" or vae is None
        }
        left = unknown_keys(key for key in file.keys - file.taken if vae is None or not key.startswith(PREFIXES["vae"]))
    if left:
        raise EngineError(
            f"The file {name} holds {len(left)} tensors that belong to no part of SDXL ({_some(left)}): "
            "it would not draw as its maker meant; take the plain checkpoint."
        )
    index = _config(found.config / "model_index.json")
    return Checkpoint(
        **{"vae": vae, **parts},
        tokenizers=_tokenizers(found.config),
        scheduler=_config(found.config / "scheduler" / "scheduler_config.json") | dict(found.scheduler),
        zero_empty=bool(index.get("force_zeros_for_empty_prompt", True)),
        path=found.path,
    )


def vae_from(path: Path, dtype: torch.dtype) -> Any:
    """A VAE alone, under the original names, with or without their prefix, or in diffusers' names, old or new.

    Raises:
        EngineError: it is no VAE of SDXL's kind.
    """
    from diffusers import AutoencoderKL

    beside = path.with_name("config.json")
    config = _config(beside if beside.is_file() else BASE / "vae" / "config.json")
    if config.get("_class_name", "AutoencoderKL") != "AutoencoderKL":
        raise EngineError(f"{path.name[:80]} is a {str(config['_class_name'])[:40]}, and SDXL needs an AutoencoderKL.")
    module = _without_weights(lambda: AutoencoderKL.from_config(config))
    with opened(path) as file:
        prefix = PREFIXES["vae"] if any(key.startswith(PREFIXES["vae"]) for key in file.keys) else ""
        keys = {name: prefix + key for name, key in original_keys("vae", module).items()}
        if "decoder.mid_block.resnets.0.conv1.weight" in file.keys:
            keys = {name: name if name in file.keys else older_vae_key(name) for name in keys}
        _fill(path.name[:80], "vae", module, file, keys, dtype)
        left = unknown_keys(key for key in file.keys - file.taken if key.startswith(prefix))
    if left:
        raise EngineError(f"The VAE {path.name[:80]} holds tensors that are none of an SDXL VAE ({_some(left)}).")
    return module.eval()


def _empty(part: str, found: SingleFile) -> Any:
    """A part without weights, by the configuration beside the file, else by the file's shapes or SDXL's own."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    path = found.config / part / "config.json"
    config = _config(path if path.is_file() else BASE / part / "config.json")
    if part == "unet":
        prefix = PREFIXES[part]
        shapes = {key.removeprefix(prefix): shape for key, shape in found.shapes.items() if key.startswith(prefix)}
        pooled = found.shapes[f"{PREFIXES['text_encoder_2']}positional_embedding"][1]
        chosen = config if found.config != BASE and path.is_file() else unet_config(config, shapes, pooled)
        return _without_weights(lambda: UNet2DConditionModel.from_config(chosen))
    if part == "vae":
        return _without_weights(lambda: AutoencoderKL.from_config(config | dict(found.vae)))
    kind = CLIPTextModel if part == "text_encoder" else CLIPTextModelWithProjection
    return _without_weights(lambda: kind(CLIPTextConfig.from_dict(config)))


def _without_weights(build: Any) -> Any:
    from accelerate import init_empty_weights

    with init_empty_weights(include_buffers=False):
        return build()


def _filled(name: str, part: str, module: Any, file: WeightFile, dtype: torch.dtype | None) -> Any:
    keys = {param: PREFIXES[part] + key for param, key in original_keys(part, module).items()}
    for param, key in keys.items():
        if key.endswith(".text_projection") and f"{key}.weight" in file.keys:
            keys[param] = f"{key}.weight"
    _fill(name, part, module, file, keys, dtype)
    return module.eval()


def _fill(
    name: str, part: str, module: nn.Module, file: WeightFile, keys: Mapping[str, str], dtype: torch.dtype | None
) -> None:
    missing, others, weights = [], [], {}
    for param, empty in module.named_parameters():
        try:
            tensor = file.take(keys[param], dtype)
        except KeyError:
            missing.append(keys[param])
            continue
        if keys[param].endswith(".text_projection"):
            tensor = tensor.T.contiguous()  # the original multiplies from the other side
        if tensor.shape != empty.shape and tensor.numel() == empty.numel() and 1 in (*tensor.shape, *empty.shape):
            tensor = tensor.reshape(empty.shape)  # the original's projections are convolutions of one position
        if tensor.shape != empty.shape:
            others.append(f"{keys[param]}: {list(tensor.shape)} for {list(empty.shape)}")
        weights[param] = tensor
    if missing:
        raise EngineError(
            f"The file {name} is incomplete: weights of its {part} are missing ({_some(missing)}); get it again."
        )
    if others:
        raise EngineError(f"The file {name} has a {part} of other sizes than SDXL's ({_some(others)}).")
    module.load_state_dict(weights, strict=False, assign=True)


def _tokenizers(config: Path) -> tuple[Any, Any]:
    from transformers import CLIPTokenizer

    if config == BASE:
        return clip_tokenizers()
    first, second = (
        CLIPTokenizer.from_pretrained(str(config / part), local_files_only=True)
        for part in ("tokenizer", "tokenizer_2")
    )
    return first, second


def _config(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} is no JSON object")
    return found


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(name[:100] for name in names[:_SHOWN]) + more
