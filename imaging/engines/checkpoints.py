"""A whole SDXL checkpoint in main memory: from a folder, one file or the hub, checked part by part."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from imaging.engines import hub
from imaging.engines.from_file import Checkpoint, checkpoint_from
from imaging.engines.single_file import purpose, read_single_file, unknown_keys
from imaging.errors import EngineError

BROKEN = (
    SafetensorError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    ImportError,
    EOFError,
)
"""What diffusers, transformers and safetensors raise on unknown or damaged files."""
_PARTS = ("unet", "vae", "text_encoder", "text_encoder_2")
_HALF = ".fp16."
"""In the names of files that hold half precision."""


def open_checkpoint(model: str, dtype: torch.dtype, *, exact: bool = False, vae: Any = None) -> Checkpoint:
    """Load a checkpoint into main memory.

    Args:
        model: A folder in diffusers' layout, one .safetensors file, a hub id (`owner/name`), or that with a file's
            path (`owner/name/file.safetensors`). Of a folder or hub repository that holds half precision apart
            (`*.fp16.safetensors`), that is taken for half precision, and wherever nothing else is there.
        dtype: Of all parts.
        exact: The UNet and the text encoders as the files have them, so that LoRAs are added before rounding.

        vae: In place of the checkpoint's own.

    Raises:
        EngineError: it is not there, not SDXL, incomplete, or damaged. Pickled weights are never read.
    """
    quiet()
    path = Path(model).expanduser()
    name = (path.name or model)[:80]
    usual = torch.get_default_dtype()
    try:
        found = _open(path, model, dtype, exact, vae)
    except EngineError:
        raise
    except BROKEN as error:
        raise EngineError(f"The model {name} cannot be loaded: it is damaged, incomplete or not SDXL.") from error
    except Exception as error:
        if hub.is_of_libraries(error):
            raise EngineError(f"The model {name} cannot be loaded: it is damaged or out of reach.") from error
        raise
    finally:
        torch.set_default_dtype(usual)  # a load that breaks off leaves transformers' choice behind
    for part in _PARTS:
        _check_part(name, part, getattr(found, part))
    return found


def _open(path: Path, model: str, dtype: torch.dtype, exact: bool, vae: Any) -> Checkpoint:
    if not path.exists() and hub.is_file(model):
        path = hub.weights_file(model, "model", "")
    if path.is_file():
        hub.refuse_pickles(path)
        return checkpoint_from(read_single_file(path, vae_elsewhere=vae is not None), dtype, exact=exact, vae=vae)
    if not path.is_dir():
        if not hub.is_id(model):
            raise EngineError(f"There is no model at {model[:120]}; give a folder, a .safetensors file or a hub id.")
        path = hub.fetch(model, functools.partial(_wanted, dtype=dtype))
    _check_folder(path, Path(model).name)
    return _from_folder(path, Path(model).name[:80], dtype, exact, vae)


def _from_folder(path: Path, name: str, dtype: torch.dtype, exact: bool, vae: Any) -> Checkpoint:
    from diffusers import AutoencoderKL, StableDiffusionXLPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    kinds = (UNet2DConditionModel, AutoencoderKL, CLIPTextModel, CLIPTextModelWithProjection)
    parts = {}
    for part, kind in zip(_PARTS, kinds, strict=True):
        if part == "vae" and vae is not None:
            continue
        files = {file.name: file for file in (path / part).glob("*")}
        half = _is_half(files, dtype)
        taken = [file for name, file in files.items() if hub.is_weights(name) and (_HALF in name) == half]
        parts[part], info = kind.from_pretrained(
            path / part,
            dtype=_stored(taken) if exact and part != "vae" else dtype,
            local_files_only=True,
            use_safetensors=True,
            variant="fp16" if half else None,
            output_loading_info=True,
        )
        # transformers makes up what a file lacks and only mentions it, and both pass over what they do not know.
        if info["missing_keys"]:
            raise EngineError(_lacks(name, part))
        if left := unknown_keys(info["unexpected_keys"]):
            few = ", ".join(left[:3])[:200]
            raise EngineError(
                f"The {part} of the model {name} holds {len(left)} tensors that SDXL has not ({few}): "
                "it would not draw as its maker meant; take the plain checkpoint."
            )
    if vae is not None:
        parts["vae"] = vae
    pipe = StableDiffusionXLPipeline.from_pretrained(str(path), local_files_only=True, add_watermarker=False, **parts)
    return Checkpoint(
        **parts,
        tokenizers=(pipe.tokenizer, pipe.tokenizer_2),
        scheduler=dict(pipe.scheduler.config),
        zero_empty=bool(pipe.config.get("force_zeros_for_empty_prompt", True)),
        path=path,
    )


def _stored(files: Iterable[Path]) -> torch.dtype:
    """The precision that holds everything in these files; float32 where they disagree or have another."""
    kinds = set()
    for path in files:
        with safe_open(path, framework="np") as file:
            kinds |= {file.get_slice(key).get_dtype() for key in file.keys()}  # noqa: SIM118
    return {"F16": torch.float16, "BF16": torch.bfloat16}.get(kinds.pop() if len(kinds) == 1 else "", torch.float32)


def _is_half(names: Iterable[str], dtype: torch.dtype) -> bool:
    """Whether of these files of one part those of half precision are taken: where there are no others, or where they
    are there and half precision is wanted."""
    weights = [name for name in names if ".safetensors" in name]
    half = [name for name in weights if _HALF in name]
    return bool(half) and (dtype in (torch.float16, torch.bfloat16) or len(half) == len(weights))


def _wanted(listed: Iterable[str], dtype: torch.dtype) -> list[str]:
    """The files that are loaded: configurations, tokenizers, and each part's weights in one precision."""
    wanted = ["model_index.json", "scheduler/*.json", "tokenizer/*", "tokenizer_2/*"]
    for part in _PARTS:
        names = [each.rpartition("/")[2] for each in listed if each.startswith(f"{part}/")]
        half = _is_half(names, dtype)
        kept = (name for name in names if ".safetensors" in name and (_HALF in name) == half)
        wanted += [f"{part}/config.json", *(f"{part}/{name}" for name in kept)]
    return wanted


def _check_folder(path: Path, name: str) -> None:
    try:
        index = json.loads((path / "model_index.json").read_text(encoding="utf-8"))
        kind = str(index["_class_name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(f"The folder {name[:80]} has no readable model_index.json, so it is no model.") from error
    if not kind.startswith("StableDiffusionXL"):
        raise EngineError(f"The folder {name[:80]} holds a {kind[:60]}, and this engine runs SDXL only.")
    try:
        unet, vae = (json.loads((path / part / "config.json").read_text(encoding="utf-8")) for part in ("unet", "vae"))
        channels, own = unet.get("in_channels", 4), vae.get("latent_channels", 4)
    except (OSError, ValueError, AttributeError):
        return  # whoever reads the part says what is wrong with it
    if channels != own:
        raise EngineError(f"The folder {name[:80]} is {purpose(channels)}.")


def _check_part(name: str, part: str, module: Any) -> None:
    """Every tensor is there and holds numbers: a broken merge otherwise shows as black pictures only."""
    if module is None or any(tensor.is_meta for tensor in module.parameters()):
        raise EngineError(_lacks(name, part))
    if not all(bool(torch.isfinite(tensor.sum(dtype=torch.float32))) for tensor in module.parameters()):
        raise EngineError(f"The model {name} is broken: its {part} holds infinite numbers or none (NaN).")


def _lacks(name: str, part: str) -> str:
    return f"The model {name} is incomplete: weights of its {part} are missing; get it again."


def quiet() -> None:
    """Errors only: progress bars and advice of the libraries do not belong on a chat server's console."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    from diffusers.utils import logging as diffusers_logging

    diffusers_logging.set_verbosity_error()
    diffusers_logging.disable_progress_bar()
