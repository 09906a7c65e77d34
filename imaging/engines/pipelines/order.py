"""From a recipe to one call of a pipeline: words, pictures, size. No torch."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from PIL import Image

from imaging.engines.images_api.canvas import Canvas, canvas_of
from imaging.engines.pipelines.traits import Traits
from imaging.errors import BadPicture, EngineError
from imaging.model import Makes, Recipe, Role, Technique
from imaging.outputs import open_kept
from imaging.techniques import denoising_strength

ROLES: Final = {
    Role.BOTH: "{words}, together with what {which} shows",
    Role.STYLE: "{words}, in the style of {which}, taking nothing else from it",
    Role.CHARACTER: "{words}, with the same character as in {which}, taking nothing else from it",
}
GONE: Final = "The picture to be changed is no longer there."


@dataclass(frozen=True, slots=True)
class Order:
    """One call."""

    recipe: Recipe
    paints: bool = False
    """Whether the class for masks is called."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)
    """Pixels that are drawn, of which `recipe` gives those that are delivered."""
    canvas: Canvas | None = None


def order_of(recipe: Recipe, images: Mapping[str, bytes], traits: Traits) -> Order:
    """
    Raises:
        EngineError: a picture is gone, a mask does not fit, or this pipeline cannot make it.
    """
    technique = recipe.control.technique if recipe.control else Technique.NONE
    parent = _parent(recipe, images) if technique.traits.pixels else None
    others = [_opened(images, one.image) for one in recipe.references]
    if parent is None and traits.edits_only and not (others and not traits.starts_late):
        raise EngineError("This engine only changes pictures; choose another for new ones (/settings engine).")
    looked_at = (parent is not None) + len(others)
    if looked_at and not traits.images:
        raise EngineError("This engine cannot look at pictures; choose another for that (/settings engine).")
    if looked_at > traits.images:
        raise EngineError(f"This engine looks at {traits.images} pictures at most, and this one has {looked_at}.")
    canvas = None
    if parent is not None and traits.inpaint:
        mask = None if recipe.mask is None else images.get(recipe.mask, b"")
        canvas = canvas_of(recipe, parent, mask)
    words = _words(recipe, traits, parent is not None, canvas is not None)
    if canvas is not None:
        return _painted(recipe, traits, words, canvas, others)
    size = _fitting((recipe.width, recipe.height), traits)
    arguments = words | {"width": size[0], "height": size[1]}
    pictures = [*([] if parent is None else [parent]), *others]
    if traits.starts_late and parent is not None:
        arguments |= {"image": parent.resize(size, Image.Resampling.LANCZOS), "strength": _strength(recipe)}
        if traits.inpaint == traits.name:
            arguments["mask_image"] = Image.new("L", size, 255)
    elif pictures:
        arguments["image"] = pictures[0] if traits.images == 1 else pictures
    return Order(recipe, arguments=arguments | _own(traits, recipe, size), size=size)


def _painted(
    recipe: Recipe, traits: Traits, words: Mapping[str, Any], canvas: Canvas, others: list[Image.Image]
) -> Order:
    """A change of what a mask allows, drawn at a size that the pipeline draws well and laid into its place."""
    size = _painted_size(canvas.size, traits)
    picture, mask = (Image.open(io.BytesIO(data)) for data in canvas.framed(*size))
    arguments = dict(words) | {
        "width": size[0],
        "height": size[1],
        "image": picture.convert("RGB"),
        # Endpoints want it transparent where the picture may change, pipelines white.
        "mask_image": mask.getchannel("A").point(lambda level: 255 - level),
        "strength": _own_strength(recipe) or 1.0,
    }
    if others and traits.reference:
        arguments["image_reference"] = others[0]
    if left := len(others) - traits.reference:
        note = f"With a mask this model looks at {int(traits.reference)} more pictures: {left} were left out."
        recipe = replace(recipe, notes=(*(each for each in recipe.notes if each != note), note)) if left > 0 else recipe
    return Order(recipe, True, arguments | _own(traits, recipe, size), size, canvas)


def _painted_size(size: tuple[int, int], traits: Traits) -> tuple[int, int]:
    scale = traits.side / math.sqrt(size[0] * size[1])
    if not traits.paints_area:
        scale = min(1.0, scale)
        return _fitting((math.ceil(size[0] * scale), math.ceil(size[1] * scale)), traits)
    ratio = size[0] / size[1]  # as these classes reckon it
    width = math.sqrt(traits.paints_area * ratio)
    return max(32, round(width / 32) * 32), max(32, round(width / ratio / 32) * 32)


def _parent(recipe: Recipe, images: Mapping[str, bytes]) -> Image.Image | None:
    return None if recipe.source_image is None else _opened(images, recipe.source_image)


def _opened(images: Mapping[str, bytes], sha256: str) -> Image.Image:
    try:
        return open_kept(images[sha256])
    except (KeyError, BadPicture):
        raise EngineError(GONE) from None


def _words(recipe: Recipe, traits: Traits, changes: bool, paints: bool) -> dict[str, Any]:
    words = _told(recipe) if changes and not paints and not traits.starts_late else recipe.prompt
    many = changes + len(recipe.references) > 1
    for number, one in enumerate(recipe.references[:1] if paints else recipe.references, changes + 1):
        words = ROLES[one.role].format(words=words, which=f"picture {number}" if many else "the picture")
    arguments: dict[str, Any] = {"prompt": words, "num_inference_steps": recipe.num_inference_steps}
    if traits.guided_by:
        arguments[traits.guided_by] = recipe.guidance_scale
    if traits.negative:
        # Some guide only where anything is said of what shall not be seen.
        arguments["negative_prompt"] = recipe.negative_prompt or " "
    return arguments


def _told(recipe: Recipe) -> str:
    """What a model is told that was trained to follow instructions."""
    region = recipe.control.options.get("region") if recipe.control else None
    if recipe.operation.makes is Makes.ENLARGED:
        return f"The same picture, unchanged, with more detail: {recipe.prompt}"
    if recipe.operation.makes is not Makes.CHANGED:
        return f"Another picture like this one: {recipe.prompt}"
    if isinstance(region, str) and region:
        return (
            f"Change only {region} in the picture, and keep everything else as it is, so that it shows: {recipe.prompt}"
        )
    return f"Change the picture to this, and keep everything else as it is: {recipe.prompt}"


def _fitting(size: tuple[int, int], traits: Traits) -> tuple[int, int]:
    """The least multiples that hold it."""
    width, height = (math.ceil(side / traits.multiple) * traits.multiple for side in size)
    return width, height


def _own_strength(recipe: Recipe) -> float | None:
    own = recipe.control.options.get("denoising_strength") if recipe.control else None
    return min(1.0, max(0.05, float(own))) if isinstance(own, float | int) else None


def _strength(recipe: Recipe) -> float:
    found = _own_strength(recipe) or denoising_strength(recipe.control.strength if recipe.control else 0.5)
    return min(1.0, max(found, 1 / recipe.num_inference_steps))  # one step at least


def _own(traits: Traits, recipe: Recipe, size: tuple[int, int]) -> dict[str, Any]:
    """What single classes want besides, so that they draw the size that they are asked for."""
    match traits.name:
        case "FluxKontextPipeline":
            return {"max_area": size[0] * size[1], "_auto_resize": False}
        case "SanaSprintPipeline":
            more = {} if recipe.num_inference_steps == 2 else {"intermediate_timesteps": None}
            return {"use_resolution_binning": False, **more}
        case _:
            return {}
