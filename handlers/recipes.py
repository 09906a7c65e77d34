"""A planned picture → the recipe that the engine gets. Pure: the same plan and seed give the same recipe."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from hashlib import sha256

from handlers.errors import UserError
from handlers.router import Parent, Planned
from imaging.consistency import decide
from imaging.model import Abilities, Control, Makes, Recipe, Technique
from imaging.origins import same_model
from prompts.adapter import AdaptedPrompt
from prompts.protocol import Directive

BESIDE = frozenset(technique for technique in Technique if technique.traits.beside)
REDRAWING = (Technique.IMAGE_TO_IMAGE, Technique.INSTRUCTION)
"""What draws a picture's own pixels over in more detail, the best first."""
LONGEST_CHAIN = 4
"""How many recipes may nest: an edit deeper than this starts from its parent's pixels instead."""
LARGEST_SIDE = 2048
"""Pixels; refining stops here."""


@dataclass(frozen=True, slots=True)
class Built:
    """A recipe ready for the queue. `needs` is the number of a picture whose file it still waits for."""

    recipe: Recipe
    needs: int | None = None


def seed_of(slot: str) -> int:
    """A fresh seed that a repeated delivery gets again: 0 ≤ seed < 2³¹, from the slot's name."""
    return int.from_bytes(sha256(slot.encode()).digest()[:4], "big") >> 1


def build(
    plan: Planned,
    adapted: AdaptedPrompt,
    *,
    abilities: Abilities,
    seed: int,
    size: str | None = None,
    style: str | None = None,
    keep_layout: bool | None = None,
) -> Built:
    """The recipe of one planned picture.

    Args:
        plan: What `resolve` found.
        adapted: The engine's words for the description.
        abilities: What the engine offers, with its defaults.
        seed: Used wherever a new draw is wanted; an edit keeps its parent's seed.
        size: `square`, `wide`, `tall` from the thread's settings, where the directive names none.
        style: The style that `adapted` was made with.
        keep_layout: The user's word on an edit: True keep the layout, False change more.

    Raises:
        UserError: a picture shall be refined that is as large as the engine draws.
    """
    fresh = _fresh(plan.directive, adapted, abilities, seed, size, style)
    if plan.parent is None:
        return Built(fresh)
    parent = plan.parent
    match plan.directive.operation.makes:
        case Makes.CHANGED:
            return _built_edit(plan.directive, parent, fresh, abilities, keep_layout, sized=plan.directive.size)
        case Makes.ENLARGED:
            return _built_refine(parent, fresh, abilities)
        case Makes.REDRAWN:
            return _built_variation(parent, fresh, abilities)
        case _:
            return Built(fresh)


def draws_words(plan: Planned, abilities: Abilities) -> bool:
    """Whether the adapted words are what `build` has drawn; False where the parent's own prompt is drawn again."""
    if plan.parent is None:
        return True
    match plan.directive.operation.makes:
        case Makes.REDRAWN:
            return _base(plan.parent, abilities) is None
        case Makes.ENLARGED:
            return plan.parent.recipe is None or _redrawing(abilities) is None
        case _:
            return True


def again(recipe: Recipe, seed: int) -> Built:
    """The same request with a new seed. An edit that ran beside its parent becomes a free draw of its words:
    with the parent's seed it would be the same picture, with another it would follow nothing."""
    technique = recipe.control.technique if recipe.control else Technique.NONE
    if recipe.source_image is not None:
        return Built(replace(recipe, seed=seed))
    if technique is Technique.NONE:
        return Built(replace(recipe, seed=seed, source=None))
    control = Control(Technique.NONE, 0.0, "Asked for again: a new draw of the same words.")
    return Built(replace(recipe, seed=seed, control=control, source=None))


ELSEWHERE = "{then} drew it before and is not here (any more), so {now} draws the same words anew."
"""The note of such a recipe."""


def elsewhere(recipe: Recipe, adapted: AdaptedPrompt, abilities: Abilities, seed: int) -> Built:
    """The words of a recipe whose engine is gone, drawn by another in its own way; its parents are not looked at."""
    size = shape(recipe.width, recipe.height, abilities)
    fresh = _fresh(Directive(recipe.operation, description=recipe.description), adapted, abilities, seed, size, None)
    note = ELSEWHERE.format(then=recipe.engine, now=abilities.name)
    return Built(replace(fresh, style=recipe.style, notes=(*fresh.notes, note)))


def shape(width: int, height: int, abilities: Abilities) -> str:
    """The name of the engine's size that is nearest to the shape of a picture of so many pixels."""

    def apart(name: str) -> float:
        wide, high = abilities.sizes[name]
        return abs(math.log(wide / high * height / width))

    return min(abilities.sizes, key=apart)


def _fresh(
    directive: Directive, adapted: AdaptedPrompt, abilities: Abilities, seed: int, size: str | None, style: str | None
) -> Recipe:
    width, height = abilities.sizes.get(directive.size or size or "square") or next(iter(abilities.sizes.values()))
    return Recipe(
        engine=abilities.name,
        model=abilities.model,
        operation=directive.operation,
        description=directive.description,
        prompt=adapted.prompt,
        negative_prompt=adapted.negative_prompt,
        seed=seed,
        width=width,
        height=height,
        num_inference_steps=abilities.num_inference_steps,
        guidance_scale=abilities.guidance_scale,
        sampler=abilities.sampler,
        style=style,
        notes=tuple(adapted.notes),
    )


DRAFT = "A draft: {few} of {all} steps."
"""The note of its recipe."""


def drafted(built: Built, abilities: Abilities) -> Built:
    """The same picture in fewer steps, where the engine has a quicker way; one that is drawn beside its parent has
    the parent's steps."""
    recipe, few = built.recipe, abilities.draft_steps
    if few is None or recipe.source is not None or few >= recipe.num_inference_steps:
        return built
    note = DRAFT.format(few=few, all=recipe.num_inference_steps)
    return replace(built, recipe=replace(recipe, num_inference_steps=few, notes=(*recipe.notes, note)))


def finished(recipe: Recipe, abilities: Abilities) -> Recipe:
    """A draft's picture with all steps, and all that is drawn beside it likewise: the same words and seed."""
    source = None if recipe.source is None else finished(recipe.source, abilities)
    steps = recipe.num_inference_steps
    drafts = DRAFT.partition(":")[0]
    notes = tuple(note for note in recipe.notes if not note.startswith(drafts))
    if recipe.num_inference_steps == abilities.draft_steps:
        steps = abilities.num_inference_steps
    return replace(recipe, num_inference_steps=steps, source=source, notes=notes)


def canonical(recipe: Recipe) -> Recipe:
    """The recipe that draws the same content at its own size: a refined picture's is its parent's."""
    while recipe.operation.makes is Makes.ENLARGED and recipe.source is not None:
        recipe = recipe.source
    return recipe


def depth(recipe: Recipe) -> int:
    """How many recipes nest in this one."""
    found = 0
    source = recipe.source
    while source is not None:
        found += 1
        source = source.source
    return found


def _built_edit(
    directive: Directive,
    parent: Parent,
    fresh: Recipe,
    abilities: Abilities,
    keep_layout: bool | None,
    *,
    sized: str | None,
) -> Built:
    base = _base(parent, abilities)
    techniques = abilities.techniques
    if base is None or depth(base) >= LONGEST_CHAIN:
        techniques -= BESIDE
    resized = sized is not None and base is not None and (fresh.width, fresh.height) != (base.width, base.height)
    if resized:
        techniques -= BESIDE | {technique for technique in techniques if technique.traits.enters_late}
    control = decide(
        change=directive.change,
        parent=parent.description,
        description=directive.description,
        techniques=techniques,
        parent_is_upload=parent.recipe is None,
        keep_layout=keep_layout,
    )
    recipe = fresh
    if base is not None:
        recipe = replace(fresh, width=base.width, height=base.height) if not resized else fresh
        if control.technique is not Technique.NONE and parent.description != directive.description:
            recipe = replace(
                recipe,
                seed=base.seed,
                num_inference_steps=base.num_inference_steps,
                guidance_scale=base.guidance_scale,
                sampler=base.sampler,
            )
    return _controlled(recipe, control, parent, base)


def _base(parent: Parent, abilities: Abilities) -> Recipe | None:
    """The parent's recipe where this engine can run it again, or never could: a hosted model draws every picture anew,
    so that its parents keep their size when the endpoint changes its model."""
    if parent.recipe is None:
        return None
    base = canonical(parent.recipe)
    same = not abilities.seeds or same_model(base.model, abilities.model)
    return base if base.engine == abilities.name and same else None


def _controlled(recipe: Recipe, control: Control, parent: Parent, base: Recipe | None) -> Built:
    """Attach what the technique looks at: the parent's recipe, its pixels, or both."""
    source = base if control.technique.traits.beside else None
    if not control.technique.traits.pixels:
        return Built(replace(recipe, control=control, source=source))
    needs = parent.number if parent.sha256 is None else None
    return Built(replace(recipe, control=control, source=source, source_image=parent.sha256), needs)


def refined(width: int, height: int, abilities: Abilities) -> tuple[int, int] | None:
    """The size in pixels of a refined picture; None where the engine draws none that is larger."""
    scale = min(abilities.refine_scale, LARGEST_SIDE / max(width, height))
    size = _multiple(width * scale), _multiple(height * scale)
    if abilities.refine_scale <= 1:
        return size  # a hosted model draws at its own size again, in more detail
    return size if abilities.draws(*size) and size[0] * size[1] > width * height else None


def _built_refine(parent: Parent, fresh: Recipe, abilities: Abilities) -> Built:
    whole = parent.recipe
    width = whole.width if whole is not None else parent.width or fresh.width
    height = whole.height if whole is not None else parent.height or fresh.height
    size = refined(width, height, abilities)
    if size is None:
        raise UserError(f"Picture {parent.number} is as large as pictures get here; edit it or vary it instead.")
    reason = "The same picture, larger: its pixels are drawn over in more detail."
    recipe = replace(fresh, description=parent.description, width=size[0], height=size[1])
    technique = _redrawing(abilities)
    if technique is None:
        control = Control(Technique.NONE, 0.0, "This engine cannot start from a picture: a new draw of the same words.")
        return Built(replace(recipe, control=control))
    control = Control(technique, 0.7, reason)
    built = _controlled(recipe, control, parent, None)
    if whole is None:
        return built
    base = canonical(whole)
    kept = replace(built.recipe, prompt=base.prompt, negative_prompt=base.negative_prompt, seed=base.seed, source=base)
    return Built(kept, built.needs)


def _redrawing(abilities: Abilities) -> Technique | None:
    return next((technique for technique in REDRAWING if technique in abilities.techniques), None)


def _multiple(side: float, of: int = 16) -> int:
    return max(of, round(side / of) * of)


def _built_variation(parent: Parent, fresh: Recipe, abilities: Abilities) -> Built:
    base = _base(parent, abilities)
    if base is not None:
        control = Control(Technique.NONE, 0.0, "A new draw of the same words.")
        recipe = replace(
            base, operation=fresh.operation, seed=fresh.seed, control=control, source=None, source_image=None
        )
        return Built(recipe)
    recipe = replace(fresh, description=parent.description)
    for technique in (Technique.IP_ADAPTER, *REDRAWING):
        if technique in abilities.techniques:
            control = Control(technique, 0.6, "The parent was not drawn here: its pixels are the model.")
            return _controlled(recipe, control, parent, None)
    return Built(replace(recipe, control=Control(Technique.NONE, 0.0, "A new draw of the same words.")))
