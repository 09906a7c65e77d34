"""From a recipe to rows: checks, embeddings, starting noise, and each technique's settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch

from imaging.controls.control import Making, Numbers, like
from imaging.controls.families import Family, make, number, resolve
from imaging.engines.emphasis import is_marked, literal, plain
from imaging.engines.latents import Latents, fitted
from imaging.engines.loading import Parts
from imaging.engines.references import check_references, control_of, parent_of, references_of, roles_of
from imaging.engines.rows import Job, Row, lineage, trimmed
from imaging.engines.samplers import schedule
from imaging.engines.schedules import Schedule
from imaging.errors import EngineError
from imaging.model import Abilities, Control, Makes, Recipe, Technique
from imaging.origins import Origin

MAX_GUIDANCE = 50.0
LONGEST_NOTE = 500
"""Characters of words left out that a recipe's notes repeat."""
WEIGHTS, RESCALE = "word weights", "guidance rescale"
"""In a recipe's setup, where they are used: a picture of before is drawn again without."""


class Planner:
    """Makes jobs of recipes. Text is encoded here, off the step loop."""

    def __init__(
        self,
        abilities: Abilities,
        parts: Parts,
        family: Family,
        latents: Latents,
        origin: Origin | None = None,
        *,
        rescale: float = 0.0,
    ) -> None:
        """
        Args:
            rescale: How far guidance is rescaled in new pictures, 0–1 (`imaging.engines.batch`).
        """
        self._abilities = abilities
        self._parts = parts
        self._family = family
        self._latents = latents
        self._origin = origin
        self._rescale = rescale
        self._schedules: dict[tuple[str, int], Schedule] = {}

    def plan(self, id: str, recipe: Recipe, images: Mapping[str, bytes]) -> Job:
        """A job that stands at its first step.

        Raises:
            EngineError: the recipe cannot run here; one sentence.
        """
        self._check(recipe)
        recipe = self._named(recipe)
        recipes = lineage(recipe)
        text = self._parts.text
        chunks = max(text.chunks(words) for each in recipes for words in _words(each))
        rows: list[Row] = []
        for each in recipes:
            rows.append(self._row(each, rows[-1] if rows else None, chunks, images))
        parent = images.get(recipe.source_image) if recipe.source_image else None
        return Job(id, recipe, images, rows, parent, begun=rows[-1].index)

    def _named(self, recipe: Recipe) -> Recipe:
        """The recipe with what it needs and every number of its control, so that it renders the same later."""
        recipe = self._noted(trimmed(recipe))
        ways = self._ways(recipe)
        if self._origin is not None:
            recipe = self._origin.stamp(recipe)
        recipe = _with_ways(recipe, ways)
        control = control_of(recipe)
        if control is None:
            return recipe
        options = resolve(control, self._family, recipe.num_inference_steps, roles_of(recipe))
        return dataclasses.replace(recipe, control=dataclasses.replace(control, options=options))

    def _ways(self, recipe: Recipe) -> list[dict[str, str]]:
        """How this recipe and each of its sources is drawn: as it says itself if it was drawn before, else as the host
        has set."""
        found: list[dict[str, str]] = []
        each: Recipe | None = recipe
        while each is not None:
            own = {WEIGHTS: "read"} if is_marked(each.prompt) or is_marked(each.negative_prompt) else {}
            if self._rescale:
                own[RESCALE] = f"{self._rescale:g}"
            found.append(
                {name: each.setup[name] for name in (WEIGHTS, RESCALE) if name in each.setup} if each.hashes else own
            )
            each = each.source
        return found

    def _noted(self, recipe: Recipe) -> Recipe:
        """With a note of the words for which there is no room; a recipe that is rendered again has it already."""
        notes = list(recipe.notes)
        for name, words in zip(("prompt", "negative prompt"), _words(recipe), strict=True):
            rest = self._parts.text.left_out(words)
            note = f"Left out at the end of the {name}, which is too long: {rest[:LONGEST_NOTE]}"
            if rest and note not in notes:
                notes.append(note)
        return dataclasses.replace(recipe, notes=tuple(notes))

    def _check(self, recipe: Recipe) -> None:
        scale = self._parts.scale
        width, height = recipe.width, recipe.height
        if width % scale or height % scale or min(width, height) < 8 * scale:
            raise EngineError(
                f"Pictures of {width} × {height} cannot be made; sizes are multiples of {scale} from {8 * scale} on."
            )
        if not self._abilities.draws(width, height):
            raise EngineError(f"{width} × {height} is too large for {self._abilities.name}; ask for a smaller picture.")
        if not 0 <= recipe.guidance_scale <= MAX_GUIDANCE:
            raise EngineError(f"A guidance of {recipe.guidance_scale:g} cannot be used; 0 to {MAX_GUIDANCE:g} can.")
        if recipe.operation.makes is Makes.BROUGHT:
            raise EngineError("An uploaded picture was not rendered, so it cannot be rendered again.")
        wanted = Technique.NONE if recipe.control is None else recipe.control.technique
        if wanted is not Technique.NONE and wanted not in self._abilities.techniques:
            raise EngineError(f"The engine {self._abilities.name} has no {wanted.value}.")
        if wanted.traits.beside and recipe.source is None:
            raise EngineError(f"An edit by {wanted.value} needs the parent's recipe.")
        check_references(recipe, self._abilities)

    def _row(self, recipe: Recipe, source: Row | None, chunks: int, images: Mapping[str, bytes]) -> Row:
        table = self._schedule(recipe.sampler, recipe.num_inference_steps)
        text = self._parts.text
        words, unwanted = _words(recipe)
        guided = recipe.guidance_scale > 1 and not self._parts.guides_itself
        draw = torch.Generator().manual_seed(recipe.seed % 2**63)
        shape = (1, self._parts.channels, recipe.height // self._parts.scale, recipe.width // self._parts.scale)
        noise = torch.randn(shape, generator=draw)
        row = Row(
            recipe=recipe,
            prompt=text.encode(words, chunks),
            negative=text.encode(unwanted, chunks, negative=True) if guided else None,
            schedule=table,
            latents=(noise * table.initial).to(self._parts.device),
            index=0,
            draw=draw,
            source=source,
            rescale=_share(recipe.setup.get(RESCALE, "0")),
        )
        control = control_of(recipe)
        options = {} if control is None else resolve(control, self._family, len(table), roles_of(recipe))
        self._start_from_image(row, noise, options, images)
        if source is not None and source.index > 0 and row.index == 0:
            # The source began at a noised picture; its target has to begin where it did.
            row.latents, row.index = source.latents.clone(), source.index
        if control is not None:
            self._add_control(row, control, options, images)
        return row

    def _start_from_image(
        self, row: Row, noise: torch.Tensor, options: Mapping[str, float | str], images: Mapping[str, bytes]
    ) -> None:
        """Image-to-image and refine: enter the schedule late, at the parent's noised latents."""
        recipe = row.recipe
        by_control = recipe.control is not None and recipe.control.technique.traits.enters_late
        refine = recipe.operation.makes is Makes.ENLARGED and recipe.source_image is not None
        if not (by_control or refine):
            return
        strength = number(options, "denoising_strength", self._family.refine_strength)
        image = fitted(parent_of(recipe, images), recipe.width, recipe.height)
        steps = len(row.schedule)
        start = min(steps - 1, max(0, steps - int(steps * strength)))
        clean = self._latents.encode(image)
        started = row.schedule.start_signal[start] * clean + row.schedule.start_noise[start] * noise
        row.latents, row.index = started.to(self._parts.device), start

    def _add_control(
        self, row: Row, control: Control, options: Mapping[str, float | str], images: Mapping[str, bytes]
    ) -> None:
        def making(numbers: Numbers) -> Making:
            return Making(
                options=options,
                numbers=numbers,
                steps=len(row.schedule),
                words=plain(_words(row.recipe)[0]),
                prompt=row.prompt,
                source=None if row.source is None else (plain(_words(row.source.recipe)[0]), row.source.prompt),
                length=self._parts.text.length,
                latent_size=(row.latents.shape[-2], row.latents.shape[-1]),
                picture=lambda: parent_of(row.recipe, images),
                references=lambda: references_of(row.recipe, control, images),
                ip_adapter=self._parts.ip_adapter,
                like=like(self._parts.device, self._parts.dtype),
            )

        row.controls = make(control.technique, self._family, making, references=bool(row.recipe.references))

    def _schedule(self, sampler: str, steps: int) -> Schedule:
        key = (sampler, steps)
        if key not in self._schedules:
            self._schedules[key] = schedule(sampler, steps, self._parts.scheduler)
        return self._schedules[key]


def _words(recipe: Recipe) -> tuple[str, str]:
    """Prompt and negative prompt as they are read: of a picture from before words could have weights, as they are."""
    if recipe.hashes and WEIGHTS not in recipe.setup:
        return literal(recipe.prompt), literal(recipe.negative_prompt)
    return recipe.prompt, recipe.negative_prompt


def _share(said: str) -> float:
    """0–1, of a recipe from anywhere."""
    try:
        share = float(said)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise EngineError(f"A {RESCALE} of {said[:20]} cannot be used; 0 to 1 can.")
    return share


def _with_ways(recipe: Recipe, ways: list[dict[str, str]]) -> Recipe:
    source = None if recipe.source is None else _with_ways(recipe.source, ways[1:])
    if not ways[0] and source is recipe.source:
        return recipe
    return dataclasses.replace(recipe, setup={**recipe.setup, **ways[0]}, source=source)
