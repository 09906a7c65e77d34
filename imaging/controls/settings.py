"""From a control's strength to the published numbers of its technique, per checkpoint family.

Pure; no torch. A recipe that was rendered names the numbers that it used, so that a later change of
this table never changes an old picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from imaging.model import Control, Technique


@dataclass(frozen=True, slots=True)
class Family:
    """Defaults of checkpoints that share a layout."""

    name: str
    start_layer: int
    """MasaCtrl: first layer that reads the source, in order of execution."""
    start_share: float
    """MasaCtrl: share of the steps before it starts, at strength 0.5."""
    self_shrink: int
    """Prompt-to-Prompt: self-attention maps are lent in layers of at most latent area / self_shrink positions."""
    cross_share: float
    """Prompt-to-Prompt: share of steps with lent cross-attention maps at strength 1."""
    self_share: float
    """Prompt-to-Prompt: share of steps with lent self-attention maps at strength 1."""
    blend_shrink: int
    """LocalBlend reads cross-attention at latent area / blend_shrink positions."""
    blend: float
    """LocalBlend threshold, 0–1; 0 is off."""
    ip_scale: float
    """IP-Adapter scale at strength 1, before it is cut at the 1 that it was trained with."""
    refine_strength: float
    """Denoising strength of a refinement that does not say its own."""


# SDXL: values of the papers (MasaCtrl section 4: step 4 of 50, its SDXL layer about 44; Prompt-to-Prompt
# section 4: 0.8 and 0.4) until they are measured on a GPU. The miniature's come from `easel eval consistency --sweep`;
# its words act through tokens of padding (imaging/mini/reader.py), so their own maps show no place for LocalBlend.
SDXL = Family(
    "sdxl",
    start_layer=44,
    start_share=0.08,
    self_shrink=16,
    cross_share=1.0,
    self_share=0.5,
    blend_shrink=16,
    blend=0.3,
    ip_scale=1.0,
    refine_strength=0.35,
)
MINI = Family(
    "mini",
    start_layer=0,
    start_share=0.25,
    self_shrink=1,
    cross_share=1.0,
    self_share=0.75,
    blend_shrink=1,
    blend=0.0,
    ip_scale=1.6,
    refine_strength=0.05,
)


def resolve(control: Control, family: Family, steps: int) -> dict[str, float | str]:
    """The numbers of a control on `steps` denoising steps; options that the control names win."""
    strength = min(1.0, max(0.0, control.strength))
    found: dict[str, float | str] = {}
    match control.technique:
        case Technique.PROMPT_TO_PROMPT:
            found = {
                "cross_replace_steps": round(strength * family.cross_share, 3),
                "self_replace_steps": round(strength * family.self_share, 3),
                "local_blend": family.blend,
            }
        case Technique.MASACTRL:
            found = _masactrl(strength, family, steps)
        case Technique.IP_ADAPTER:
            found = {"scale": round(min(1.0, strength * family.ip_scale), 3), "blocks": "all"}
        case Technique.MASACTRL_IP_ADAPTER:
            found = {
                **_masactrl(strength, family, steps),
                "scale": round(min(1.0, strength * family.ip_scale), 3),
                "blocks": "all",
            }
        case Technique.IMAGE_TO_IMAGE:
            found = {"denoising_strength": round(0.95 - 0.75 * strength, 3)}
        case Technique.NONE | Technique.SAME_SEED:
            found = {}
    return {**found, **control.options}


def _masactrl(strength: float, family: Family, steps: int) -> dict[str, float | str]:
    start = round(steps * min(1.0, 2 * family.start_share * (1 - strength)))
    return {"start_step": float(start), "start_layer": float(family.start_layer)}


def number(options: Mapping[str, float | str], name: str, default: float) -> float:
    """An option as a finite number, or the default where it is missing or words."""
    value = options.get(name, default)
    return float(value) if isinstance(value, int | float) and value == value and abs(value) < 1e6 else default
