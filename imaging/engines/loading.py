"""Weights from disk or hub onto the device, with one sentence for whatever is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from imaging.controls.ip_adapter import IpAdapter, load_ip_adapter
from imaging.engines.encoding import TextEncoding
from imaging.errors import EngineError

_BROKEN = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError, EOFError)
"""What diffusers, transformers and safetensors raise on unknown or damaged files."""


@dataclass(frozen=True, slots=True)
class Parts:
    """One checkpoint, ready on its device."""

    unet: Any
    vae: Any
    text: TextEncoding
    scheduler: Mapping[str, Any]
    """The checkpoint's own scheduler configuration."""
    device: torch.device
    dtype: torch.dtype
    ip_adapter: IpAdapter | None
    scale: int
    """Pixels a side of one latent position."""

    @property
    def channels(self) -> int:
        return int(self.unet.config.in_channels)


def choose_device(wanted: str | None) -> torch.device:
    """The wanted device, or CUDA, Apple's, then the CPU.

    Raises:
        EngineError: the wanted device is not there.
    """
    if wanted:
        try:
            device = torch.device(wanted)
        except RuntimeError as error:
            raise EngineError(f"There is no device called {wanted[:20]!r}; try cpu or cuda.") from error
        if device.type == "cuda" and not torch.cuda.is_available():
            raise EngineError("There is no CUDA device here; unset the device or choose cpu.")
        return device
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def load_parts(
    model: str,
    *,
    device: torch.device,
    dtype: torch.dtype,
    loras: Sequence[tuple[str, float]] = (),
    ip_adapter: Path | None = None,
) -> Parts:
    """Load a checkpoint: a folder in diffusers' layout, one .safetensors file, or a hub id.

    Raises:
        EngineError: it is not there, not SDXL, or damaged.
    """
    pipe = _pipeline(model, dtype)
    for name, weight in loras:
        _fuse(pipe, name, weight)
    unet, vae = pipe.unet.to(device).eval(), pipe.vae.eval()
    # SDXL's own VAE overflows in fp16 and says so in its configuration.
    vae.to(device, torch.float32 if vae.config.force_upcast or dtype == torch.float32 else dtype)
    encoders = (pipe.text_encoder.to(device).eval(), pipe.text_encoder_2.to(device).eval())
    for module in (unet, vae, *encoders):
        module.requires_grad_(False)
    text = TextEncoding(
        (pipe.tokenizer, pipe.tokenizer_2),
        encoders,
        zero_empty=bool(pipe.config.get("force_zeros_for_empty_prompt", True)),
        device=device,
    )
    adapter = load_ip_adapter(unet, ip_adapter) if ip_adapter is not None else None
    scale = 2 ** (len(vae.config.block_out_channels) - 1)
    return Parts(unet, vae, text, dict(pipe.scheduler.config), device, dtype, adapter, scale)


def _pipeline(model: str, dtype: torch.dtype) -> Any:
    _quiet()
    from diffusers import StableDiffusionXLPipeline

    path = Path(model)
    name = path.name or model
    usual = torch.get_default_dtype()
    try:
        if path.is_file():
            if path.suffix != ".safetensors":
                raise EngineError(f"{name} is no .safetensors file; other formats can run code and are not loaded.")
            pipe = StableDiffusionXLPipeline.from_single_file(str(path), dtype=dtype, add_watermarker=False)
        elif path.is_dir():
            _check_folder(path)
            pipe = StableDiffusionXLPipeline.from_pretrained(
                str(path), dtype=dtype, local_files_only=True, add_watermarker=False, use_safetensors=True
            )
        elif model.count("/") == 1 and not path.suffix:
            pipe = StableDiffusionXLPipeline.from_pretrained(model, dtype=dtype, add_watermarker=False)
        else:
            raise EngineError(f"There is no model at {model[:120]}; give a folder, a .safetensors file or a hub id.")
    except EngineError:
        raise
    except _BROKEN as error:
        raise EngineError(f"The model {name[:80]} cannot be loaded: it is damaged, incomplete or not SDXL.") from error
    except Exception as error:
        # safetensors and the hub client raise classes of their own that need not be installed to be named.
        if type(error).__module__.split(".")[0] in ("safetensors", "huggingface_hub", "safetensors_rust", "builtins"):
            raise EngineError(f"The model {name[:80]} cannot be loaded: it is damaged or out of reach.") from error
        raise
    finally:
        torch.set_default_dtype(usual)  # a load that breaks off leaves transformers' choice behind
    if pipe.unet is None or pipe.text_encoder is None or pipe.text_encoder_2 is None or pipe.vae is None:
        raise EngineError(f"The model {name[:80]} is not a whole SDXL checkpoint: a part is missing.")
    return pipe


def _quiet() -> None:
    """Errors only: progress bars and advice of the libraries do not belong on a chat server's console."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    from diffusers.utils import logging as diffusers_logging

    diffusers_logging.set_verbosity_error()
    diffusers_logging.disable_progress_bar()


def _check_folder(path: Path) -> None:
    try:
        index = json.loads((path / "model_index.json").read_text(encoding="utf-8"))
        kind = str(index["_class_name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(f"The folder {path.name} has no readable model_index.json, so it is no model.") from error
    if not kind.startswith("StableDiffusionXL"):
        raise EngineError(f"The folder {path.name} holds a {kind[:60]}, and this engine runs SDXL only.")


def _fuse(pipe: Any, name: str, weight: float) -> None:
    """Add a LoRA to the weights for good; it is per engine, not per row."""
    label = Path(name).name
    try:
        pipe.load_lora_weights(name, adapter_name="lora")
        pipe.fuse_lora(lora_scale=weight, adapter_names=["lora"])
        pipe.unload_lora_weights()
    except _BROKEN as error:
        raise EngineError(f"The LoRA {label[:80]} cannot be read or does not fit this model.") from error
