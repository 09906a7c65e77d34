"""The techniques that keep an edit consistent with its parent: one row each, and one file in `imaging/controls/`.

Pure; no torch. What a technique is like stands here and nowhere else; how it is done, and its numbers by family of
checkpoints, in its file (`imaging.controls.control` says what such a file holds).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Traits:
    """What holds for every use of a technique."""

    files: tuple[str, ...] = ()
    """Modules of `imaging.controls` that carry it out; a combination has several."""
    beside: bool = False
    """The source is denoised beside its target, which makes two rows of one."""
    pixels: bool = False
    """It looks at the parent's pixels."""
    enters_late: bool = False
    """Denoising begins at the parent's noised pixels."""
    needs: str = ""
    """Weights that it takes besides a checkpoint's own; empty for what every checkpoint can do."""
    fallbacks: tuple[str, ...] = ()
    """What to try, in this order, where an engine lacks it; then a new draw."""


class Technique(StrEnum):
    """The consistency techniques that an engine may offer (PROTOCOL: Consistency)."""

    traits: Traits

    def __new__(cls, value: str, traits: Traits = Traits()) -> Technique:
        member = str.__new__(cls, value)
        member._value_ = value
        member.traits = traits
        return member

    NONE = "none", Traits()
    """A new draw: nothing of the parent is kept."""
    SAME_SEED = "same-seed", Traits(fallbacks=("image-to-image", "instruction-edit"))
    """The parent's seed and settings with the new words."""
    IMAGE_TO_IMAGE = (
        "image-to-image",
        Traits(("image_to_image",), pixels=True, enters_late=True, fallbacks=("ip-adapter", "instruction-edit")),
    )
    """Start from the parent's noised pixels (SDEdit, Meng et al. 2021, arXiv 2108.01073)."""
    PROMPT_TO_PROMPT = (
        "prompt-to-prompt",
        Traits(
            ("prompt_to_prompt",),
            beside=True,
            fallbacks=("masactrl", "same-seed", "image-to-image", "instruction-edit"),
        ),
    )
    """Hertz et al. 2022, arXiv 2208.01626."""
    MASACTRL = (
        "masactrl",
        Traits(("masactrl",), beside=True, fallbacks=("same-seed", "image-to-image", "instruction-edit")),
    )
    """Cao et al. 2023, arXiv 2304.08465."""
    IP_ADAPTER = (
        "ip-adapter",
        Traits(
            ("ip_adapter",),
            pixels=True,
            needs="ip-adapter",
            fallbacks=("image-to-image", "instruction-edit", "same-seed"),
        ),
    )
    """Ye et al. 2023, arXiv 2308.06721."""
    MASACTRL_IP_ADAPTER = (
        "masactrl+ip-adapter",
        Traits(
            ("masactrl", "ip_adapter"),
            beside=True,
            pixels=True,
            needs="ip-adapter",
            fallbacks=("masactrl", "same-seed"),
        ),
    )

    INPAINTING = (
        "inpainting",
        Traits(
            pixels=True,
            needs="masks",
            fallbacks=("instruction-edit", "prompt-to-prompt", "image-to-image", "ip-adapter"),
        ),
    )
    """Only where a mask allows it, all else stays (Avrahami et al. 2022, arXiv 2206.02779); more canvas, too."""
    INSTRUCTION = (
        "instruction-edit",
        Traits(pixels=True, needs="instructions", fallbacks=("ip-adapter", "image-to-image", "same-seed")),
    )
    """A model that was trained to change the picture that it is given, as it is told."""

    @property
    def fallbacks(self) -> tuple[Technique, ...]:
        return tuple(Technique(name) for name in self.traits.fallbacks)


def techniques(needs: str = "") -> frozenset[Technique]:
    """Those that take these weights besides a checkpoint's own; by default those that every checkpoint can do."""
    return frozenset(technique for technique in Technique if technique.traits.needs == needs)


def denoising_strength(strength: float) -> float:
    """Image-to-image: the share of the schedule that is run, 0.2 (strength 1: all of the parent is kept) to 0.95."""
    return round(0.95 - 0.75 * strength, 3)
