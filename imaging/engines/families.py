"""Families of SDXL checkpoints and LoRAs: how each is known, and the numbers and words that it wants.

Known from the tensors and metadata of a file, from a folder's configuration, and from names. What a host sets goes
before all of it. No torch: the numbers are declared before anything is loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from imaging.engines.samplers import canonical
from imaging.errors import EngineError


@dataclass(frozen=True, slots=True)
class Preset:
    """What a family wants; None where it says nothing, and another family or SDXL's own numbers hold."""

    family: str
    names: str = ""
    """Pattern over the names of model and LoRAs and the titles in their metadata, in small letters."""
    tensor: str = ""
    """A tensor that only its files have."""
    flag: str = ""
    """A fact of a folder's configuration or of a file's tensors (`_facts`)."""
    steps: int | None = None
    guidance: float | None = None
    rescale: float | None = None
    """Of guidance, 0–1 (Lin et al. 2023, arXiv 2305.08891)."""
    sampler: str | None = None
    quality: str | None = None
    """Words for every prompt."""
    first: bool | None = None
    """Whether these words stand before the description."""
    negative: str | None = None
    side: int | None = None
    """Pixels of its square pictures."""
    prediction: str | None = None
    few: tuple[int, ...] = ()
    """Numbers of steps that it is made in, where the name says which."""


_ANIME = "worst quality, low quality, lowres, bad anatomy, bad hands, watermark, signature"
SDXL = Preset(
    "SDXL", steps=30, guidance=6.0, rescale=0.0, sampler="euler", quality="", first=False, negative="", side=1024
)
# One row a family, from its maker's card. Rows above go before rows below, number by number: how a model was made fast
# goes before what it draws.
FAMILIES: tuple[Preset, ...] = (
    Preset("Lightning, one step", r"lightning.*1[-_ ]?step", steps=1, guidance=1.0, sampler="euler-trailing",
           prediction="sample"),
    Preset("Lightning", r"lightning", steps=4, guidance=1.0, sampler="euler-trailing", few=(2, 4, 8)),
    Preset("Hyper-SD, with guidance", r"hyper.?sd.*cfg", steps=8, guidance=5.0, sampler="ddim-trailing", few=(8, 12)),
    Preset("Hyper-SD, one step", r"hyper.?sd.*1[-_ ]?step", steps=4, guidance=1.0, sampler="lcm"),
    Preset("Hyper-SD", r"hyper.?sd", steps=8, guidance=1.0, sampler="ddim-trailing", few=(2, 4, 8)),
    Preset("DMD2", r"\bdmd2?\b", steps=4, guidance=1.0, sampler="lcm"),
    Preset("LCM, whole", flag="time_cond_proj_dim", tensor="model.diffusion_model.time_embed.cond_proj.weight",
           steps=4, guidance=8.0, sampler="lcm"),
    Preset("LCM", r"\blcm\b", steps=6, guidance=1.5, sampler="lcm"),
    Preset("SDXL Turbo", r"\bsd.?xl.?turbo|turbo.?sdxl", steps=4, guidance=1.0, sampler="euler-trailing", side=512),
    Preset("Turbo", r"turbo", steps=6, guidance=2.0, sampler="dpmpp_2m_sde-karras"),
    Preset("Playground 2.5", r"playground.*2[._]5", "edm_mean", "edm", steps=30, guidance=3.0, sampler="dpmpp_2m"),
    Preset("CosXL", r"cosxl", "edm_vpred.sigma_max", steps=30, guidance=5.0, sampler="dpmpp_2m"),
    Preset("Zero SNR", r"noob.*v.?pred", "ztsnr", "zero_snr", rescale=0.7),
    Preset("Pony", r"pony", steps=25, guidance=7.0, sampler="euler_a", first=True,
           quality="score_9, score_8_up, score_7_up", negative="score_6, score_5, score_4"),
    Preset("NoobAI", r"noob", steps=28, guidance=5.0, sampler="euler", first=True,
           quality="masterpiece, best quality, newest, absurdres, highres",
           negative="worst quality, old, early, low quality, lowres, signature, username, logo, bad hands"),
    Preset("Illustrious", r"illustrious|\bwai\b|\bil\b|\bilxl", steps=28, guidance=5.5, sampler="euler_a", first=True,
           quality="masterpiece, best quality", negative=_ANIME),
    Preset("Animagine", r"animagine", steps=28, guidance=5.0, sampler="euler_a", first=False,
           quality="masterpiece, high score, great score, absurdres", negative=_ANIME),
    Preset("SSD-1B", r"ssd.?1b|segmind.?vega|\bkoala\b", flag="pruned", steps=30, guidance=7.5, sampler="euler",
           negative="ugly, blurry, poor quality"),
    SDXL,
)  # fmt: skip


_UNET = "model.diffusion_model.input_blocks.0.0.weight"
_MIDDLE = "model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k.weight"
"""What pruned models lack."""


def draft_steps(steps: int) -> int | None:
    """Of a picture that shall be there soon, of a model that takes `steps`: two in five, and never so few that it falls
    apart. None where the model is quick as it is."""
    few = max(8, steps * 2 // 5)
    return few if few < steps else None


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a host sets; None is the family's."""

    family: str | None = None
    """Names of families, joined by +."""
    steps: int | None = None
    guidance: float | None = None
    rescale: float | None = None
    sampler: str | None = None
    quality: str | None = None
    negative: str | None = None
    side: int | None = None
    prediction: str | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Overrides:
        return cls(**{each.name: options[each.name] for each in fields(cls) if options.get(each.name) is not None})


@dataclass(frozen=True, slots=True)
class Recognised:
    """The families of a model with its LoRAs, and the numbers that hold."""

    families: tuple[str, ...]
    steps: int
    guidance: float
    rescale: float
    sampler: str
    quality: str
    first: bool
    negative: str
    side: int
    prediction: str | None
    set_by_host: tuple[str, ...] = field(default=())

    def sentence(self) -> str:
        """For the log and `easel doctor`."""
        words = f"; words {self.quality!r}" if self.quality else ""
        words += f"; negative {self.negative!r}" if self.negative else ""
        own = f" (set: {', '.join(self.set_by_host)})" if self.set_by_host else ""
        rescaled = f" rescaled by {self.rescale:g}" if self.rescale else ""
        predicts = f", predicts {self.prediction}" if self.prediction else ""
        return (
            f"recognised as {' + '.join(self.families)}: {self.steps} steps, guidance {self.guidance:g}{rescaled}, "
            f"{self.sampler}, {self.side} × {self.side}{predicts}{words}{own}"
        )


def recognise(model: str, loras: Sequence[str] = (), overrides: Overrides | None = None) -> Recognised:
    """Find the families of a checkpoint and its LoRAs.

    Args:
        model: File, folder or hub id; what is not on this disk is known by its name alone.
        loras: Names of LoRAs, likewise.

    Raises:
        EngineError: the host named a family or a sampler that is not there.
    """
    overrides = overrides or Overrides()
    presets = _named(overrides.family) if overrides.family else _found(model, loras)
    merged: dict[str, Any] = {}
    for preset, said in [*presets, (SDXL, "")]:
        for name in ("steps", "guidance", "rescale", "sampler", "quality", "first", "negative", "side", "prediction"):
            if merged.get(name) is None:
                merged[name] = _steps(preset, said) if name == "steps" else getattr(preset, name)
    mine = [name for name in merged if getattr(overrides, name, None) is not None]
    merged |= {name: getattr(overrides, name) for name in mine}
    merged["sampler"] = canonical(merged["sampler"])
    return Recognised(
        tuple(preset.family for preset, _ in presets) or (SDXL.family,), **merged, set_by_host=tuple(mine)
    )


def _named(family: str) -> list[tuple[Preset, str]]:
    known = {re.sub(r"\W+", "", preset.family.lower()): preset for preset in FAMILIES}
    presets = []
    for each in family.split("+"):
        preset = known.get(re.sub(r"\W+", "", each.lower()))
        if preset is None:
            names = "; ".join(preset.family for preset in FAMILIES)
            raise EngineError(f"There is no family {each.strip()[:40]!r}; there are: {names}.")
        presets.append((preset, each.lower()))
    return presets


def _found(model: str, loras: Sequence[str]) -> list[tuple[Preset, str]]:
    """Presets in the order of `FAMILIES`, of one kind once, each with the name that it was known by."""
    tensors, flags, title = _facts(Path(model).expanduser())
    said = [_plain(model, title), *(_plain(each, _facts(Path(each).expanduser())[2]) for each in loras)]
    found: list[tuple[Preset, str]] = []
    for preset in FAMILIES:
        by_name = next((each for each in said if preset.names and re.search(preset.names, each)), None)
        by_file = (preset.tensor and preset.tensor in tensors) or (preset.flag and preset.flag in flags)
        if by_name is None and not by_file:
            continue
        rest = [other for other, _ in found if (other.quality is None) == (preset.quality is None)]
        if not rest:
            found.append((preset, by_name or ""))
    return found


def _plain(name: str, title: str) -> str:
    """A name in small letters, its words apart."""
    last = "/".join(name.rstrip("/").split("/")[-2:]) if not Path(name).is_absolute() else Path(name).name
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", f"{last} {title}")
    return re.sub(r"[_\s]+", " ", apart).lower()


def _steps(preset: Preset, said: str) -> int | None:
    numbers = [int(each) for each in re.findall(r"(\d+)[- ]?steps?", said)]
    return next((each for each in numbers if each in preset.few), preset.steps)


def _facts(path: Path) -> tuple[frozenset[str], frozenset[str], str]:
    """A file's tensors, a folder's flags, and a file's title. What cannot be read is refused when it is loaded."""
    try:
        if path.is_dir():
            return frozenset(), _flags(path), ""
        if path.is_file():
            header = read_header(path)
            told = header.get("__metadata__", {})
            title = " ".join(str(told.get(key, "")) for key in ("modelspec.title", "ss_output_name"))
            pruned = _UNET in header and _MIDDLE not in header
            return frozenset(header), frozenset({"pruned"} if pruned else ()), title
    except (OSError, ValueError, AttributeError):
        pass
    return frozenset(), frozenset(), ""


def _flags(folder: Path) -> frozenset[str]:
    found = set()
    unet = json.loads((folder / "unet" / "config.json").read_text(encoding="utf-8"))
    scheduler = json.loads((folder / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
    if unet.get("time_cond_proj_dim") is not None:
        found.add("time_cond_proj_dim")
    if unet.get("mid_block_type", "UNetMidBlock2DCrossAttn") != "UNetMidBlock2DCrossAttn":
        found.add("pruned")
    if scheduler.get("rescale_betas_zero_snr"):
        found.add("zero_snr")
    if "sigma_data" in scheduler:
        found.add("edm")
    return frozenset(found)


def read_header(path: Path) -> dict[str, Any]:
    """The header of a .safetensors file: names with shapes, and `__metadata__`.

    Raises:
        OSError, ValueError: it is none.
    """
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if not 2 <= size <= 100 * 2**20:
            raise ValueError("no header")
        found = json.loads(file.read(size))
    if not isinstance(found, dict):
        raise ValueError("no header")
    return found


def sizes(side: int) -> dict[str, tuple[int, int]]:
    """Square, wide and tall pictures of about the same number of pixels, multiples of 64 as SDXL was trained."""
    long, short = (max(64, round(share * side / 64) * 64) for share in (1216 / 1024, 832 / 1024))
    return {"square": (side, side), "wide": (long, short), "tall": (short, long)}
