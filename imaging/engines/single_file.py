"""SDXL checkpoints in one .safetensors file: what kind of file it is, and what the file says of itself.

Such a file holds weights under the names of the original code (Podell et al. 2023, `generative-models`), and
neither sizes nor tokenizers. Sizes follow from the shapes (`imaging.engines.layouts`), the rest comes with the program,
so that a file loads on a machine without a network. Weights are read in `imaging.engines.from_file`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imaging.errors import EngineError

BASE = Path(__file__).with_name("sdxl_base")
"""Configuration of SDXL 1.0 in diffusers' layout, and CLIP's merges."""

_UNET = "model.diffusion_model.input_blocks.0.0.weight"
_VAE = "first_stage_model.decoder.conv_in.weight"
_PARTS: Mapping[str, str] = {
    "the UNet": _UNET,
    "the first text encoder": "conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight",
    "the second text encoder": "conditioner.embedders.1.model.positional_embedding",
    "the VAE": _VAE,
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
PURPOSES: Mapping[int, str] = {
    9: "for inpainting; take the checkpoint that it was made from",
    8: "for editing by instruction; take the checkpoint that it was made from",
    5: "for depth; take the checkpoint that it was made from",
}
"""Channels that a UNet sees, and what one with so many is for; SDXL's has 4."""
_HARMLESS = re.compile(
    r"""model_ema\..*|denoiser\..*|global_step|epoch|(.*\.)?position_ids|(.*\.)?logit_scale|(.*\.)?attn_mask|loss\..*
    |first_stage_model\.(loss|model_ema)\..*|conditioner\.embedders\.0\.transformer\.text_projection(\.weight)?
    |(log_one_minus_|sqrt_|sqrt_one_minus_|sqrt_recip_|sqrt_recipm1_)?alphas_cumprod(_prev)?|betas|logvar|lvlb_weights
    |posterior_.*|v_pred|ztsnr|edm_mean|edm_std|edm_vpred\.sigma_(min|max)|(.*\.)?scaled_fp8
    |(.*\.)?(scale_input|input_scale)""",
    re.VERBOSE,
)
"""Tensors that carry nothing of a picture: averages for training, tables of the schedule, flags read here, hints."""
_PACKED = re.compile(r"\.(absmax|quant_map|quant_state.*|comfy_quant|weight_scale_2|qweight|qzeros|scales)$")
"""Beside weights that are packed into fewer bits."""


@dataclass(frozen=True, slots=True)
class SingleFile:
    """What a file says, before its weights are read."""

    path: Path
    config: Path
    """Folder in diffusers' layout, without weights; `BASE`, which has no tokenizers, is SDXL 1.0's own."""
    scheduler: Mapping[str, Any]
    """What differs from the configuration: `prediction_type`, `rescale_betas_zero_snr`, EDM's sigmas."""
    shapes: Mapping[str, tuple[int, ...]]
    vae: Mapping[str, Any] = field(default_factory=dict)
    """What the VAE's configuration is told: mean and deviation of latents."""
    metadata: Mapping[str, str] = field(default_factory=dict)


def read_single_file(path: Path, *, vae_elsewhere: bool = False) -> SingleFile:
    """Look into a file's header (no weights are read) and find its configuration.

    A folder of the file's name beside it, with a `model_index.json`, goes before SDXL 1.0's own
    sizes.

    Raises:
        EngineError: the file is damaged, holds something else, or a part is missing.
    """
    from safetensors import SafetensorError, safe_open

    name = path.name[:80]
    try:
        with safe_open(path, framework="np") as file:
            slices = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118
            shapes = {key: tuple(each.get_shape()) for key, each in slices.items()}
            kinds = {each.get_dtype() for each in slices.values()}
            metadata = dict(file.metadata() or {})
            values = {
                key: [float(one) for one in file.get_tensor(key).ravel()]
                for key in shapes
                if key.startswith("edm_") and slices[key].get_dtype() in ("F16", "F32", "F64")
            }
    except (SafetensorError, OSError, ValueError, IndexError) as error:
        raise EngineError(f"The file {name} is damaged or cut off; get it again.") from error
    _check(name, shapes, vae_elsewhere)
    _check_packing(name, shapes, kinds)
    own = path.with_suffix("")
    config = own if (own / "model_index.json").is_file() else BASE
    return SingleFile(path, config, _schedule(name, shapes, metadata, values), shapes, _vae(values), metadata)


def unknown_keys(keys: Iterable[str]) -> list[str]:
    """Of keys that no part took, those that mean something."""
    return sorted(key for key in keys if not _HARMLESS.fullmatch(key))


def _check(name: str, shapes: Mapping[str, tuple[int, ...]], vae_elsewhere: bool) -> None:
    missing = [part for part, tensor in _PARTS.items() if tensor not in shapes]
    if vae_elsewhere and missing == ["the VAE"]:
        missing = []
    if missing:
        for beginning, kind in _OTHERS:
            if any(tensor.startswith(beginning) for tensor in shapes):
                raise EngineError(f"The file {name} is {kind}.")
        lacks = "it lacks " + " and ".join(missing) if len(missing) < len(_PARTS) else "nothing of one is in it"
        way = "; name one in EASEL_VAE" if missing == ["the VAE"] else ""
        raise EngineError(f"The file {name} is no whole SDXL checkpoint: {lacks}{way}.")
    channels = shapes[_UNET][1]
    if channels != 4:
        raise EngineError(f"The file {name} is {purpose(channels)}.")


def purpose(channels: int) -> str:
    """What a UNet that sees so many channels is for, with the way out."""
    return PURPOSES.get(channels, f"for {channels} channels, where SDXL has 4; take the checkpoint it was made from")


def _check_packing(name: str, shapes: Mapping[str, tuple[int, ...]], kinds: set[str]) -> None:
    packed = [key for key in shapes if _PACKED.search(key)]
    if packed or kinds & {"I8", "F4", "F6_E2M3", "F6_E3M2"}:
        raise EngineError(
            f"The file {name} is packed into fewer bits ({', '.join(packed[:1] or sorted(kinds)[:1])}), "
            "which is not read; take it in fp16 or fp8."
        )


def _schedule(
    name: str, names: Iterable[str], metadata: Mapping[str, str], values: Mapping[str, list[float]]
) -> dict[str, Any]:
    """What a file says of its noise: by tensors that are there for that, by metadata, or by its name.

    Playground 2.5 and CosXL are of EDM's kind (Karras et al. 2022, arXiv 2206.00364). Fine-tunes that predict velocity
    say so by an empty tensor `v_pred`, by ModelSpec's or sd-scripts' metadata, or, once merged, by their name alone.
    """
    names = set(names)
    if {"edm_mean", "edm_std"} <= names:
        return {"sigma_data": 0.5, "sigma_min": 0.002, "sigma_max": 80.0, "rho": 7.0, "prediction_type": "epsilon"}
    if "edm_vpred.sigma_max" in names:
        largest = values.get("edm_vpred.sigma_max", [120.0])[0]
        least = values.get("edm_vpred.sigma_min", [0.002])[0]
        edm = {"sigma_data": 1.0, "sigma_min": least, "sigma_max": largest, "rho": 7.0}
        return edm | {"prediction_type": "v_prediction"}
    found: dict[str, Any] = {}
    stated = metadata.get("modelspec.prediction_type", "")
    named = re.search(r"v[-_ ]?pred", name, re.IGNORECASE) is not None and not stated.startswith("eps")
    velocity = "v_pred" in names or stated in ("v", "v_prediction") or metadata.get("ss_v_parameterization") == "True"
    if velocity or named:
        found["prediction_type"] = "v_prediction"
    if "ztsnr" in names or metadata.get("ss_zero_terminal_snr") == "True" or (named and not velocity):
        # Noise without any signal at the first step (Lin et al. 2023), which only trailing timesteps reach. Whoever
        # lost the flag of the one has lost that of the other, and models that are called so have both.
        found |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return found


def _vae(values: Mapping[str, list[float]]) -> dict[str, Any]:
    mean, deviation = values.get("edm_mean", []), values.get("edm_std", [])
    if len(mean) != 4 or len(deviation) != 4:
        return {}
    # Playground's latents have a variance of EDM's 0.5², not SDXL's.
    return {"latents_mean": mean, "latents_std": deviation, "scaling_factor": 0.5}


def clip_tokenizers() -> tuple[Any, Any]:
    """CLIP's tokenizers as SDXL uses them: the first pads with the end of the text, the second with "!"."""
    from transformers import CLIPTokenizer

    lines = (BASE / "clip_merges.txt").read_text(encoding="utf-8").splitlines()
    merges = [(first, second) for first, second in (line.split(" ") for line in lines)]
    letters = _byte_letters()
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(first + second for first, second in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: id for id, token in enumerate(tokens)}

    def tokenizer(pad: str) -> Any:
        return CLIPTokenizer(vocab=dict(vocabulary), merges=list(merges), pad_token=pad, model_max_length=77)

    return tokenizer("<|endoftext|>"), tokenizer("!")


def _byte_letters() -> list[str]:
    """A printable letter for each byte, in CLIP's order: those that print already, then the others from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(byte) for byte in printable] + [chr(256 + n) for n in range(256 - len(printable))]
