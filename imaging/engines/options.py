"""How an engine on SDXL's weights is set up; no torch is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imaging.controls.families import SDXL, Family


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What is chosen once for an engine."""

    model: str
    """Folder, .safetensors file or hub id."""
    home: Path
    """Where measured row caps are kept."""
    family: Family = SDXL
    device: str | None = None
    threads: int | None = None
    """CPU threads; None takes what torch chooses. One thread gives the same bytes on every machine size."""
    lanes: int = 1
    """UNet calls that run at once on a CPU, each on a thread of its own; for small models, with `threads` 1."""
    loras: tuple[tuple[str, float], ...] = ()
    ip_adapter: str | None = None
    vae: str | None = None
    prediction: str | None = None
    clip_skip: int = 2
    rescale: float = 0.0
    """Of guidance, 0–1."""
    recorded: bool = False
    """Whether recipes name the files that pictures are made with; those that come with the program need none."""
    precision: str = "auto"
    """`auto`, `float32`, `bfloat16`, `float16`; see `imaging.engines.precision.choose_dtype`."""
    max_pictures: int = 8
    """Pictures in flight, sources included."""
