"""What each pipeline class of diffusers takes: a table, and for a class that is not in it, its signature.

The signature is read from the source, so that no torch is loaded to know what an engine can do.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from imaging.engines.families import sizes
from imaging.errors import EngineError

MORE_CANVAS: Final = frozenset({"image", "mask_image", "strength"})
"""Arguments of a class that changes a part of a picture."""


@dataclass(frozen=True, slots=True)
class Licence:
    """Of a model's weights. `work` says whether they may be used at work; None: under conditions."""

    name: str
    work: bool | None = True


APACHE: Final = Licence("Apache-2.0")
FLUX: Final = Licence("FLUX non-commercial licence", work=False)
QWEN_RESEARCH: Final = Licence("Qwen Research licence", work=False)
STABILITY: Final = Licence("Stability AI Community licence (free up to a yearly revenue of 1 M USD)", work=None)
NVIDIA: Final = Licence("an NVIDIA source code licence, and Gemma's terms of use", work=None)
UNKNOWN: Final = Licence("a licence that is not known here", work=None)


class Packing(Enum):
    """How the latents lie that a callback is given."""

    PLAIN = "[1, C, h, w]"
    PATCHES = "[1, h/2 · w/2, 4 C], two by two"
    FLUX2 = "[1, h/2 · w/2, 4 C], normalised"


@dataclass(frozen=True, slots=True)
class Traits:
    """A pipeline class. Sizes are pixels."""

    name: str
    steps: int
    guidance: float
    quick: tuple[int, float] | None = None
    """Steps and guidance of its distilled models."""
    guided_by: str = "guidance_scale"
    """The argument that guidance goes by; empty: it takes none."""
    negative: bool = False
    images: int = 0
    """Pictures that it looks at, all together."""
    edits_only: bool = False
    """Whether it draws nothing from words alone."""
    starts_late: bool = False
    """Whether it begins at a picture's noised pixels, instead of being told what to change."""
    inpaint: str = ""
    """The class of the same parts that changes what a mask allows."""
    reference: bool = False
    """Whether that class looks at one more picture."""
    paints_area: int = 0
    """Pixels that it draws whatever is asked for; 0: as many as are."""
    optional: frozenset[str] = frozenset()
    """Parts that a host may leave out of the folder."""
    packing: Packing = Packing.PLAIN
    side: int = 1024
    multiple: int = 16
    """Of which sides are multiples."""
    enlarges: bool = True
    """Whether it draws more pixels than those of its square."""
    licence: Licence = UNKNOWN
    known: bool = True
    """Whether it stands in the table."""
    stops: bool = True
    """Whether it says after each step how far it is."""

    def sizes(self, side: int = 0) -> dict[str, tuple[int, int]]:
        """Of new pictures, for a square of another side where one is set."""
        return sizes(side or self.side)


_TABLE = (
    Traits(
        "Flux2KleinPipeline", 50, 4.0, quick=(4, 1.0), images=4, inpaint="Flux2KleinInpaintPipeline", reference=True,
        packing=Packing.FLUX2, licence=APACHE,
    ),
    Traits(
        "QwenImageEditPlusPipeline", 40, 4.0, guided_by="true_cfg_scale", negative=True, images=3, edits_only=True,
        inpaint="QwenImageEditInpaintPipeline", paints_area=1024 * 1024, packing=Packing.PATCHES, enlarges=False,
        licence=APACHE,
    ),
    Traits(
        "QwenImageEditPipeline", 50, 4.0, guided_by="true_cfg_scale", negative=True, images=1, edits_only=True,
        inpaint="QwenImageEditInpaintPipeline", paints_area=1024 * 1024, packing=Packing.PATCHES, enlarges=False,
        licence=APACHE,
    ),
    Traits(
        "FluxKontextPipeline", 28, 2.5, images=1, inpaint="FluxKontextInpaintPipeline", reference=True,
        packing=Packing.PATCHES, enlarges=False, licence=FLUX,
    ),
    Traits("ZImagePipeline", 50, 5.0, quick=(9, 0.0), negative=True, licence=APACHE),
    Traits(
        "QwenImagePipeline", 50, 4.0, guided_by="true_cfg_scale", negative=True, packing=Packing.PATCHES,
        licence=APACHE,
    ),
    Traits("QwenImage21Pipeline", 40, 1.0, guided_by="true_cfg_scale", negative=True, images=1, licence=QWEN_RESEARCH),
    Traits(
        "StableDiffusion3Pipeline", 28, 4.5, quick=(4, 0.0), negative=True,
        optional=frozenset({"text_encoder_3", "tokenizer_3"}), licence=STABILITY,
    ),
    Traits("SanaSprintPipeline", 2, 4.5, multiple=32, enlarges=False, licence=NVIDIA),
)  # fmt: skip
TRAITS: Final[Mapping[str, Traits]] = {row.name: row for row in _TABLE}
OURS: Final = frozenset({"image", "mask_image", "prompt"})
"""What of a class's required arguments there is."""


def traits_of(name: str) -> Traits:
    """Of a class by its name in `model_index.json`.

    Raises:
        EngineError: diffusers has no such class, or it cannot be called with words and a picture alone.
    """
    return TRAITS[name] if name in TRAITS else _read(name)


def _read(name: str) -> Traits:
    """Of a class that is not in the table, from the arguments of its `__call__`."""
    arguments = _arguments(name) if name.isidentifier() else None
    if arguments is None:
        raise EngineError(f"The folder holds a {name[:60]}, which the diffusers that is installed here does not have.")
    if "prompt" not in arguments:
        raise EngineError(f"A {name[:60]} draws nothing from words, so it is no engine here.")
    if "num_frames" in arguments:
        raise EngineError(f"A {name[:60]} makes films, so it is no engine here.")
    needed = [
        each
        for each, default in arguments.items()
        if (default is _REQUIRED and each not in OURS) or each == "control_image"
    ]
    if needed:
        raise EngineError(f"A {name[:60]} wants {' and '.join(needed[:3])} with each picture, which is not had here.")
    guided_by = next((each for each in ("true_cfg_scale", "guidance_scale") if each in arguments), "")
    looks = "image" in arguments
    paints = arguments.keys() >= MORE_CANVAS
    guidance, steps = arguments.get(guided_by), arguments.get("num_inference_steps")
    return Traits(
        name,
        steps if isinstance(steps, int) else 50,
        float(guidance) if isinstance(guidance, int | float) else 0.0,
        guided_by=guided_by,
        negative="negative_prompt" in arguments,
        images=int(looks),
        edits_only=looks and (paints or "strength" in arguments or arguments["image"] is _REQUIRED),
        starts_late=looks and "strength" in arguments,
        inpaint=name if paints else "",
        known=False,
        stops="callback_on_step_end" in arguments,
    )


class _Required:
    pass


_REQUIRED = _Required()


def _arguments(name: str) -> dict[str, Any] | None:
    """Arguments of a pipeline's `__call__` → their defaults, `_REQUIRED`, or None for what is no plain value."""
    spec = importlib.util.find_spec("diffusers")
    if spec is None or spec.origin is None:
        return None
    start = f"\nclass {name}("
    for file in sorted((Path(spec.origin).parent / "pipelines").rglob("pipeline_*.py")):
        text = file.read_text(encoding="utf-8")
        if start in text:
            return _of_call(ast.parse(text), name)
    return None


def _of_call(module: ast.Module, name: str) -> dict[str, Any] | None:
    kind = next(node for node in module.body if isinstance(node, ast.ClassDef) and node.name == name)
    calls = [node for node in kind.body if isinstance(node, ast.FunctionDef) and node.name == "__call__"]
    if not calls:
        return None
    names = [each.arg for each in calls[0].args.args[1:]]
    defaults = calls[0].args.defaults
    values: list[Any] = [_REQUIRED] * (len(names) - len(defaults)) + [_value(each) for each in defaults]
    return dict(zip(names, values, strict=True))


def _value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
