"""A whole SDXL checkpoint as a diffusers pipeline: from a folder, one file or the hub, checked part by part."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from imaging.engines import hub
from imaging.engines.single_file import BASE, clip_tokenizers, read_single_file
from imaging.errors import EngineError

BROKEN = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError, EOFError)
"""What diffusers, transformers and safetensors raise on unknown or damaged files."""
_PARTS = ("unet", "vae", "text_encoder", "text_encoder_2")
_HALF = ".fp16."
"""In the names of files that hold half precision."""


def open_pipeline(model: str, dtype: torch.dtype, *, exact: bool = False) -> Any:
    """Load a checkpoint into main memory.

    Args:
        model: A folder in diffusers' layout, one .safetensors file, or a hub id (`owner/name`). Of a folder or
            hub repository that holds half precision apart (`*.fp16.safetensors`), that is taken for half
            precision, and wherever nothing else is there.
        dtype: Of all parts.
        exact: The UNet and the text encoders as the files have them, so that LoRAs are added before rounding.

    Raises:
        EngineError: it is not there, not SDXL, incomplete, or damaged. Pickled weights are never read.
    """
    _quiet()
    path = Path(model).expanduser()
    name = (path.name or model)[:80]
    usual = torch.get_default_dtype()
    try:
        pipe = _open(path, model, dtype, exact)
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
        _check_part(name, part, getattr(pipe, part))
    return pipe


def _open(path: Path, model: str, dtype: torch.dtype, exact: bool) -> Any:
    if path.is_file():
        hub.refuse_pickles(path)
        pipe = _from_single_file(path, _stored([path]) if exact else dtype)
        pipe.vae.to(dtype)
        return pipe
    if not path.is_dir():
        if not hub.is_id(model):
            raise EngineError(f"There is no model at {model[:120]}; give a folder, a .safetensors file or a hub id.")
        path = hub.fetch(model, functools.partial(_wanted, dtype=dtype))
    _check_folder(path, Path(model).name)
    return _from_folder(path, Path(model).name[:80], dtype, exact)


def _from_single_file(path: Path, dtype: torch.dtype) -> Any:
    """Nothing is fetched: what the file lacks is read from its own folder or comes with the program."""
    from diffusers import StableDiffusionXLPipeline

    found = read_single_file(path)
    tokenizers = clip_tokenizers() if found.config == BASE else {}
    with tempfile.TemporaryDirectory(prefix="easel-model-") as folder:
        if path.suffix != ".safetensors":  # diffusers takes a name in capitals for a pickle
            Path(folder, "model.safetensors").symlink_to(path.resolve())
            path = Path(folder, "model.safetensors")
        pipe = StableDiffusionXLPipeline.from_single_file(
            str(path), config=str(found.config), dtype=dtype, local_files_only=True, add_watermarker=False, **tokenizers
        )
    pipe.scheduler = pipe.scheduler.from_config(pipe.scheduler.config, **found.scheduler)
    return pipe


def _from_folder(path: Path, name: str, dtype: torch.dtype, exact: bool) -> Any:
    from diffusers import AutoencoderKL, StableDiffusionXLPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    kinds = (UNet2DConditionModel, AutoencoderKL, CLIPTextModel, CLIPTextModelWithProjection)
    parts = {}
    for part, kind in zip(_PARTS, kinds, strict=True):
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
        # transformers makes up what a file lacks and only mentions it.
        if info["missing_keys"]:
            raise EngineError(_lacks(name, part))
    return StableDiffusionXLPipeline.from_pretrained(str(path), local_files_only=True, add_watermarker=False, **parts)


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


def _check_part(name: str, part: str, module: Any) -> None:
    """Every tensor is there and holds numbers: a broken merge otherwise shows as black pictures only."""
    if module is None or any(tensor.is_meta for tensor in module.parameters()):
        raise EngineError(_lacks(name, part))
    if not all(bool(torch.isfinite(tensor.sum(dtype=torch.float32))) for tensor in module.parameters()):
        raise EngineError(f"The model {name} is broken: its {part} holds infinite numbers or none (NaN).")


def _lacks(name: str, part: str) -> str:
    return f"The model {name} is incomplete: weights of its {part} are missing; get it again."


def _quiet() -> None:
    """Errors only: progress bars and advice of the libraries do not belong on a chat server's console."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    from diffusers.utils import logging as diffusers_logging

    diffusers_logging.set_verbosity_error()
    diffusers_logging.disable_progress_bar()
