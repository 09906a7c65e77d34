"""Between recipes and workflows: what an engine of them can do, what a recipe sets, what it is stamped with."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from imaging.engines.comfy.marks import Mark
from imaging.engines.comfy.workflow import Purpose, Workflow
from imaging.engines.families import sizes
from imaging.model import Abilities, Recipe, Technique
from imaging.techniques import denoising_strength

log = logging.getLogger(__name__)

NO_SAMPLER: Final = "comfyui"


def abilities_of(workflows: Mapping[Purpose, Workflow]) -> Abilities:
    """What follows from which workflows there are, and from what they take."""
    new, refine = workflows[Purpose.NEW], workflows.get(Purpose.REFINE)
    width, height = new.literal(Mark.WIDTH), new.literal(Mark.HEIGHT)
    fixed = (int(width), int(height)) if width and height else (1024, 1024)
    side = min(2048, max(64, round(math.sqrt(fixed[0] * fixed[1]) / 64) * 64))
    negative = new.literal(Mark.NEGATIVE)
    return Abilities(
        name="comfyui",
        model=Path(new.file).stem,
        # Without a workflow that looks at pictures, the same seed is what keeps the most of a parent.
        techniques=frozenset(
            {Technique.NONE, Technique.IMAGE_TO_IMAGE if Purpose.EDIT in workflows else Technique.SAME_SEED}
        ),
        sizes=sizes(side) if new.takes(Mark.WIDTH) else dict.fromkeys(("square", "wide", "tall"), fixed),
        num_inference_steps=new.literal(Mark.STEPS) or new.steps(),
        guidance_scale=float(new.literal(Mark.GUIDANCE) or new.said("cfg", "guidance", float) or 0.0),
        sampler=new.said("sampler_name", "sampler", str) or NO_SAMPLER,
        # What takes no size draws at its own; so does one that is made for edits.
        refine_scale=1.5 if refine is not None and refine.takes(Mark.WIDTH) else 1.0,
        # The host's own words stay where a person adds some.
        negative_prompt="" if negative is None or "%negative%" in negative else negative.strip(),
    )


def values(recipe: Recipe) -> dict[Mark, Any]:
    """What a recipe says, by mark; a workflow takes what it has inputs for."""
    control = recipe.control
    strength = control.strength if control is not None else 0.5
    own = control.options.get("denoising_strength") if control is not None else None
    return {
        Mark.PROMPT: recipe.prompt,
        Mark.NEGATIVE: recipe.negative_prompt,
        Mark.SEED: recipe.seed % 2**64,
        Mark.WIDTH: recipe.width,
        Mark.HEIGHT: recipe.height,
        Mark.STRENGTH: own if isinstance(own, float) else denoising_strength(strength),
        Mark.STEPS: recipe.num_inference_steps,
        Mark.GUIDANCE: recipe.guidance_scale,
    }


def stamped(recipe: Recipe, workflow: Workflow, model: str, size: tuple[int, int]) -> Recipe:
    """The recipe with what drew it, and what came out otherwise than asked."""
    asked = (recipe.width, recipe.height)
    notes = []
    if workflow.takes(Mark.WIDTH) and size != asked:
        notes.append(f"{asked[0]} × {asked[1]} pixels were asked for; the server drew {size[0]} × {size[1]}.")
        log.warning("ComfyUI: %s asked for %d × %d pixels and got %d × %d", workflow.file, *asked, *size)
    if recipe.negative_prompt and not workflow.takes(Mark.NEGATIVE):
        notes.append("The workflow takes no words for what shall not be seen.")
    setup = {"workflow": workflow.file}
    if models := workflow.models():
        setup["models"] = ", ".join(models)
    return replace(
        recipe,
        model=model,
        hashes={workflow.file: workflow.sha256},
        setup=setup,
        notes=(*recipe.notes, *(note for note in notes if note not in recipe.notes)),
        num_inference_steps=recipe.num_inference_steps if workflow.takes(Mark.STEPS) else workflow.steps(),
        guidance_scale=recipe.guidance_scale
        if workflow.takes(Mark.GUIDANCE)
        else float(workflow.said("cfg", "guidance", float) or 0.0),
        sampler=workflow.said("sampler_name", "sampler", str) or NO_SAMPLER,
    )
