"""The pictures that a recipe looks at: its parent, and those that it follows besides."""

from __future__ import annotations

from collections.abc import Mapping

from PIL import Image

from imaging.controls.families import reads_parent
from imaging.errors import BadPicture, EngineError
from imaging.model import Abilities, Control, Recipe, Role, Technique
from imaging.outputs import open_kept


def control_of(recipe: Recipe) -> Control | None:
    """How a recipe is controlled; references alone are, too, and their numbers have to be recorded somewhere."""
    if recipe.control is None and recipe.references:
        return Control(Technique.NONE, 0.0)
    return recipe.control


def roles_of(recipe: Recipe) -> frozenset[Role]:
    return frozenset(one.role for one in recipe.references)


def check_references(recipe: Recipe, abilities: Abilities) -> None:
    """
    Raises:
        EngineError: the engine looks at fewer pictures.
    """
    most = abilities.references
    if len(recipe.references) > most:
        beside = f"at most {most} pictures" if most else "no picture"
        raise EngineError(f"The engine {abilities.name} looks at {beside} beside the parent.")


def references_of(recipe: Recipe, control: Control, images: Mapping[str, bytes]) -> list[tuple[Role, Image.Image]]:
    """Every picture that serves as a prompt, the parent first where its technique reads it.

    Raises:
        EngineError: one is not there, or cannot be opened.
    """
    which = "A picture that this one follows"
    found = [(one.role, _opened(one.image, images, which)) for one in recipe.references]
    if reads_parent(control.technique) and (recipe.source_image or not found):
        found.insert(0, (Role.BOTH, parent_of(recipe, images)))
    return found


def parent_of(recipe: Recipe, images: Mapping[str, bytes]) -> Image.Image:
    """The parent's pixels that a recipe names.

    Raises:
        EngineError: they are not there, or cannot be opened.
    """
    return _opened(recipe.source_image or "", images, "The parent's picture")


def _opened(sha: str, images: Mapping[str, bytes], which: str) -> Image.Image:
    data = images.get(sha)
    if data is None:
        raise EngineError(f"{which} is not there any more, so this one cannot be rendered.")
    try:
        return open_kept(data)
    except BadPicture as error:
        raise EngineError(f"{which} cannot be opened, so this one cannot be rendered.") from error
