"""What a host sets of an SDXL checkpoint, as the options of the engine, and whether it is there."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from imaging.engine import Settings
from imaging.engines import hub
from imaging.engines.families import Overrides, Recognised, read_header, recognise
from imaging.engines.single_file import read_single_file
from imaging.errors import EngineError
from imaging.findings import Finding, broken, ok, warning

UNSET: dict[str, tuple[str, Any]] = {
    "ip_adapter": ("ip_adapter", ""),
    "vae": ("vae", ""),
    "clip_skip": ("clip_skip", 2),
    "family": ("sdxl_family", "auto"),
    "steps": ("steps", 0),
    "guidance": ("guidance", -1),
    "rescale": ("guidance_rescale", -1),
    "sampler": ("sampler", "auto"),
    "quality": ("quality_words", "auto"),
    "negative": ("negative_words", "auto"),
    "side": ("native_size", 0),
    "prediction": ("prediction", "auto"),
}
"""Options that are left to the checkpoint and its family: the setting, and what it says then."""


def options(settings: Settings) -> dict[str, Any]:
    """`model`, `loras` (pairs of name and weight), `precision`, and of the others those that are set."""
    chosen = {name: settings[setting] for name, (setting, unset) in UNSET.items() if settings[setting] != unset}
    return {
        "model": settings["sdxl_model"],
        "loras": [list(pair) for pair in parse_loras(settings["loras"])],
        "precision": settings["precision"],
        **{name: "" if value == "none" else value for name, value in chosen.items()},
    }


def recognised(settings: Settings) -> Recognised:
    """Which family the checkpoint is taken for, and its numbers.

    Raises:
        EngineError: a setting names what is not there.
    """
    loras = [name for name, _ in parse_loras(settings["loras"])]
    return recognise(settings["sdxl_model"], loras, Overrides.of(options(settings)))


def parse_loras(value: str) -> tuple[tuple[str, float], ...]:
    """`path=weight,…` → pairs; a weight left out is 1.

    Raises:
        ValueError: a weight is no number.
    """
    pairs = []
    for item in filter(None, (part.strip() for part in value.split(","))):
        name, _, weight = item.partition("=")
        try:
            pairs.append((name.strip(), float(weight or 1)))
        except ValueError:
            raise ValueError(f"the weight of {name.strip()!r} must be a number") from None
        if not math.isfinite(pairs[-1][1]):
            raise ValueError(f"the weight of {name.strip()!r} must be a finite number")
    return tuple(pairs)


def findings(settings: Settings) -> Iterable[Finding]:
    """Checkpoint, family and LoRAs, as doctor tells them."""
    yield _checkpoint(settings["sdxl_model"], vae_elsewhere=bool(settings["vae"]))
    try:
        yield ok("model family", recognised(settings).sentence())
    except EngineError as error:
        yield broken("model family", f"EASEL_SDXL_FAMILY: {error}")
    for name, strength in parse_loras(settings["loras"]):
        yield _lora(name, strength)


def _checkpoint(name: str, *, vae_elsewhere: bool) -> Finding:
    path = Path(name).expanduser()
    if hub.is_weights(path.name) and path.is_file():
        try:
            read_single_file(path, vae_elsewhere=vae_elsewhere)
        except EngineError as error:
            return broken("picture model", str(error))
    if path.exists():
        return ok("picture model", f"{path} is there")
    if hub.is_id(name) or hub.is_file(name):
        return warning("picture model", f"{name} is no file here; it is fetched from the hub at the first start")
    return broken("picture model", f"EASEL_SDXL_MODEL={name} is neither a file, a folder nor a hub id (owner/name)")


def _lora(name: str, strength: float) -> Finding:
    path = Path(name).expanduser()
    if path.is_file():
        try:
            count = len(read_header(path).keys() - {"__metadata__"})
        except (OSError, ValueError):
            return broken("lora", f"{path} is no readable .safetensors file; get it again")
        return ok("lora", f"{path.name} is there, with {count} tensors, at strength {strength:g}")
    if path.is_dir():
        return ok("lora", f"{path.name} is there, at strength {strength:g}")
    if hub.is_id(name) or hub.is_file(name):
        return warning("lora", f"{name} is no file here; it is fetched from the hub at the first start")
    return broken("lora", f"EASEL_LORAS names {name}, which is neither a file, a folder nor a hub id")
