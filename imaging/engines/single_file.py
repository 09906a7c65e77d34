"""SDXL checkpoints in one .safetensors file: what kind of file it is, and what the file does not say of itself.

Such a file holds weights under the names of the original code (Podell et al. 2023, `generative-models`), and
neither sizes nor tokenizers. diffusers fetches those from the hub; here they come with the program, so that a
file loads on a machine without a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imaging.errors import EngineError

BASE = Path(__file__).with_name("sdxl_base")
"""Configuration of SDXL 1.0 in diffusers' layout, and CLIP's merges."""

_UNET = "model.diffusion_model.input_blocks.0.0.weight"
_PARTS: Mapping[str, str] = {
    "the UNet": _UNET,
    "the first text encoder": "conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight",
    "the second text encoder": "conditioner.embedders.1.model.positional_embedding",
    "the VAE": "first_stage_model.decoder.conv_in.weight",
}
"""A tensor that each part of an SDXL checkpoint has."""
_OTHERS: tuple[tuple[str, str], ...] = (
    ("cond_stage_model.transformer.", "a Stable Diffusion 1 checkpoint"),
    ("cond_stage_model.model.", "a Stable Diffusion 2 checkpoint"),
    ("conditioner.embedders.0.model.", "the SDXL refiner, which cannot draw by itself"),
    ("model.diffusion_model.joint_blocks.", "a Stable Diffusion 3 checkpoint"),
    ("double_blocks.", "a Flux checkpoint"),
    ("model.diffusion_model.double_blocks.", "a Flux checkpoint"),
    ("lora_", "a LoRA: name it in EASEL_LORAS, beside a checkpoint"),
    ("unet.", "a LoRA: name it in EASEL_LORAS, beside a checkpoint"),
    ("image_proj.", "an IP-Adapter: put its folder into EASEL_IP_ADAPTER, beside a checkpoint"),
    ("down_blocks.", "a UNet alone; take the whole checkpoint or its folder"),
    ("input_blocks.", "a UNet alone; take the whole checkpoint or its folder"),
)
"""Beginnings of tensor names, and what a file with them is."""


@dataclass(frozen=True, slots=True)
class SingleFile:
    """What `StableDiffusionXLPipeline.from_single_file` needs beside the file."""

    config: Path
    """Folder in diffusers' layout, without weights; `BASE`, which has no tokenizers, is SDXL 1.0's own."""
    scheduler: Mapping[str, Any]
    """What the file says of its schedule: `prediction_type`, `rescale_betas_zero_snr`."""


def read_single_file(path: Path) -> SingleFile:
    """Look into a file's header (no weights are read) and find its configuration.

    A folder of the file's name beside it, with a `model_index.json`, goes before SDXL 1.0's own
    sizes.

    Raises:
        EngineError: the file is damaged, holds something else, or a part is missing.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            names = set(file.keys())
            channels = file.get_slice(_UNET).get_shape()[1] if _UNET in names else 4
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError, IndexError) as error:
        raise EngineError(f"The file {path.name[:80]} is damaged or cut off; get it again.") from error
    _check(path.name[:80], names, int(channels))
    own = path.with_suffix("")
    if (own / "model_index.json").is_file():
        return SingleFile(own, _schedule(names, metadata))
    return SingleFile(BASE, _schedule(names, metadata))


def _check(name: str, names: set[str], channels: int) -> None:
    missing = [part for part, tensor in _PARTS.items() if tensor not in names]
    if missing:
        for beginning, kind in _OTHERS:
            if any(tensor.startswith(beginning) for tensor in names):
                raise EngineError(f"The file {name} is {kind}.")
        lacks = "it lacks " + " and ".join(missing) if len(missing) < len(_PARTS) else "nothing of one is in it"
        raise EngineError(f"The file {name} is no whole SDXL checkpoint: {lacks}.")
    if channels != 4:
        raise EngineError(f"The file {name} is for inpainting; take the checkpoint that it was made from.")


def _schedule(names: set[str], metadata: Mapping[str, str]) -> dict[str, Any]:
    """Fine-tunes that predict velocity say so by an empty tensor `v_pred` or by their ModelSpec metadata."""
    found: dict[str, Any] = {}
    if "v_pred" in names or metadata.get("modelspec.prediction_type") in ("v", "v_prediction"):
        found["prediction_type"] = "v_prediction"
    if "ztsnr" in names:
        # Noise without any signal at the first step (Lin et al. 2023), which only trailing timesteps reach.
        found |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return found


def clip_tokenizers() -> dict[str, Any]:
    """CLIP's tokenizers as SDXL uses them: `tokenizer` pads with the end of the text, `tokenizer_2` with "!"."""
    from transformers import CLIPTokenizer

    lines = (BASE / "clip_merges.txt").read_text(encoding="utf-8").splitlines()
    merges = [(first, second) for first, second in (line.split(" ") for line in lines)]
    letters = _byte_letters()
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(first + second for first, second in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: id for id, token in enumerate(tokens)}

    def tokenizer(pad: str) -> Any:
        return CLIPTokenizer(vocab=dict(vocabulary), merges=list(merges), pad_token=pad, model_max_length=77)

    return {"tokenizer": tokenizer("<|endoftext|>"), "tokenizer_2": tokenizer("!")}


def _byte_letters() -> list[str]:
    """A printable letter for each byte, in CLIP's order: those that print already, then the others from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(byte) for byte in printable] + [chr(256 + n) for n in range(256 - len(printable))]
