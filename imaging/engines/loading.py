"""Weights from disk or hub onto the device, with one sentence for whatever is wrong with them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from imaging.controls.ip_adapter import IpAdapter, encoder_patterns, load_ip_adapter
from imaging.engines.checkpoints import BROKEN, open_checkpoint
from imaging.engines.encoding import TextEncoding
from imaging.engines.from_file import vae_from
from imaging.engines.hub import weights_file
from imaging.engines.lora import fuse
from imaging.engines.word_cache import WordCache
from imaging.errors import EngineError

IP_ADAPTER_FILE = "ip-adapter_sdxl.safetensors"
LORA_FILE = "pytorch_lora_weights.safetensors"
VAE_FILE = "diffusion_pytorch_model.safetensors"
"""What is taken where a folder or repository has several."""
ALIGNED = 64
"""Bytes: where torch's own memory on a CPU begins."""


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
    files: Mapping[str, Path] = field(default_factory=dict)
    """What was loaded, as it was named → the file or folder on this disk; the model first."""
    words: WordCache | None = None
    """Keys and values of the words, where they are kept between steps."""

    @property
    def channels(self) -> int:
        return int(self.unet.config.in_channels)

    @property
    def guides_itself(self) -> bool:
        """Whether the UNet was taught what guidance does and is told its scale (latent consistency models)."""
        return self.unet.config.get("time_cond_proj_dim") is not None

    def told_guidance(self, scales: tuple[float, ...]) -> torch.Tensor | None:
        """What such a UNet is told of each row's guidance, [rows, width]; None for any other."""
        if not self.guides_itself:
            return None
        return _told(scales, int(self.unet.config.time_cond_proj_dim), self.device, self.dtype)


@functools.lru_cache(maxsize=64)
def _told(scales: tuple[float, ...], width: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Sines and cosines of (scale − 1) · 1000, as of timesteps (Luo et al. 2023, arXiv 2310.04378, their code)."""
    half = width // 2
    frequencies = torch.exp(torch.arange(half, dtype=torch.float32) * -(math.log(10000.0) / (half - 1)))
    angles = (torch.tensor(scales, dtype=torch.float32)[:, None] - 1) * 1000 * frequencies
    told = torch.nn.functional.pad(torch.cat([angles.sin(), angles.cos()], 1), (0, width % 2))
    return told.to(device, dtype)


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
    ip_adapter: str | None = None,
    vae: str | None = None,
    prediction: str | None = None,
    clip_skip: int = 2,
) -> Parts:
    """Load a checkpoint: a folder in diffusers' layout, one .safetensors file, or a hub id.

    LoRAs, the IP-Adapter and the VAE are a file, a folder, a hub id, or a hub id with a file's path.

    Args:
        vae: In place of the checkpoint's own.
        prediction: What the UNet answers, where the checkpoint does not say it: `epsilon`, `v_prediction`, `sample`.
        clip_skip: Which of the text encoders' layers is read, from the end; 2 is what SDXL was trained with.

    Raises:
        EngineError: it is not there, not SDXL, or damaged.
    """
    beside = _beside("adapter_config.json")
    files = [(weights_file(name, "LoRA", LORA_FILE, beside), strength) for name, strength in loras]
    loaded = {name: file for (name, _), (file, _) in zip(loras, files, strict=True)}
    other = None
    if vae is not None:
        loaded[vae] = weights_file(vae, "VAE", VAE_FILE, _beside("config.json"))
        other = _vae(loaded[vae], dtype)
    found = open_checkpoint(model, dtype, exact=bool(files), vae=other)
    encoders = (found.text_encoder, found.text_encoder_2)
    if files:
        fuse(found.unet, encoders, files, dtype)
    unet, decoder = found.unet.to(device, dtype).eval(), found.vae.eval()
    # SDXL's own VAE overflows in fp16 and says so in its configuration.
    decoder.to(device, torch.float32 if decoder.config.force_upcast or dtype == torch.float32 else dtype)
    for encoder in encoders:
        encoder.to(device, dtype).eval()
    for module in (unet, decoder, *encoders):
        module.requires_grad_(False)
        _own_memory(module)
    if any(clip_skip > encoder.config.num_hidden_layers for encoder in encoders):
        raise EngineError(f"The text encoders have no layer {clip_skip} from the end; set EASEL_CLIP_SKIP lower.")
    text = TextEncoding(found.tokenizers, encoders, zero_empty=found.zero_empty, device=device, clip_skip=clip_skip)
    adapter = None
    if ip_adapter is not None:
        loaded[ip_adapter] = weights_file(ip_adapter, "IP-Adapter", IP_ADAPTER_FILE, encoder_patterns)
        adapter = load_ip_adapter(unet, loaded[ip_adapter])
    scale = 2 ** (len(decoder.config.block_out_channels) - 1)
    noise = _scheduler(found.scheduler, prediction)
    return Parts(unet, decoder, text, noise, device, dtype, adapter, scale, {model: found.path, **loaded})


def _vae(file: Path, dtype: torch.dtype) -> Any:
    try:
        return vae_from(file, dtype)
    except EngineError:
        raise
    except BROKEN as error:
        raise EngineError(f"The VAE {file.name[:80]} cannot be loaded: it is damaged, or none of SDXL's.") from error


def _scheduler(config: Mapping[str, Any], prediction: str | None) -> dict[str, Any]:
    """The checkpoint's noise with what a host says of it."""
    return dict(config) | ({} if prediction is None else {"prediction_type": prediction})


def _beside(name: str) -> Callable[[str], list[str]]:
    """What lies beside a file on the hub and says how it is read."""
    return lambda file: [f"{file.rpartition('/')[0]}/{name}".lstrip("/")]


def _own_memory(module: torch.nn.Module) -> None:
    """Copy what lies in the mapped file as it came: kernels round by alignment, so the same weights in another file
    would draw other bytes."""
    for tensor in module.parameters():
        if tensor.device.type == "cpu" and tensor.data_ptr() % ALIGNED:
            tensor.data = tensor.data.clone()
