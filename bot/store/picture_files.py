"""Picture files beside the database: where they lie, and writing one again with another recipe."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from bot.store.deletion import Heir
from imaging.errors import BadPicture
from imaging.model import Recipe

log = logging.getLogger(__name__)


class Files(Protocol):
    """Where picture bytes lie, by SHA-256; `imaging.files.PictureFiles` is one."""

    def put(self, data: bytes) -> str: ...
    def get(self, sha256: str) -> bytes: ...
    def delete(self, sha256: str) -> object: ...


def with_recipe(data: bytes, recipe: Recipe) -> bytes:
    from imaging.outputs import with_recipe  # decoders are loaded when they are needed

    return with_recipe(data, recipe)


def renamed(recipe: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, Any]:
    """The recipe with the new names of files that were written again."""
    found = dict(recipe)
    for field in ("source_image", "mask"):
        if isinstance(image := recipe.get(field), str):
            found[field] = names.get(image, image)
    if references := recipe.get("references"):
        found["references"] = [{**one, "image": names.get(one["image"], one["image"])} for one in references]
    return found


def bare_copy(files: Files, heir: Heir, recipe: Mapping[str, Any]) -> str:
    """The name of the heir's file with this recipe inside."""
    if not heir.ready:
        return heir.sha256
    try:
        return files.put(with_recipe(files.get(heir.sha256), Recipe.from_json(recipe)))
    except (BadPicture, ValueError, FileNotFoundError) as error:
        log.warning("picture %d of %s keeps its file: %s", heir.number, heir.thread, error)
        return heir.sha256
