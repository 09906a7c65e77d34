"""What `easel doctor` finds out about a pipeline from its files, without torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from imaging.engine import Settings
from imaging.engines.pipelines.folder import Folder, check, numbers, open_folder
from imaging.engines.pipelines.traits import Traits
from imaging.errors import EngineError
from imaging.findings import Finding, broken, ok, warning

WHAT: Final = "diffusers model"
GIB: Final = 2**30


def findings(settings: Settings) -> Iterable[Finding]:
    """The files, what they are taken for, what they weigh, and whether work may use them."""
    model = settings["diffusers_model"]
    if not model:
        return
    here = Path(model).expanduser().exists()
    try:
        folder = open_folder(model, weights=False)
        if here:
            check(folder)
    except EngineError as error:
        yield broken(WHAT, str(error))
        return
    yield ok(WHAT, f"{folder.name}: {sentence(folder.traits)}")
    if not folder.traits.known:
        yield warning(
            "diffusers class",
            f"{folder.traits.name} is not among those that are known here; what it takes was read from its signature",
        )
    yield _weight(folder) if here else _fetched(model, folder)
    yield _licence(folder)


def unfit(settings: Settings) -> tuple[str, ...]:
    """What a model that only changes pictures cannot be here for; nothing is fetched to know it."""
    model = settings["diffusers_model"]
    if settings.get("engine") != "diffusers" or not Path(model).expanduser().is_dir():
        return ()
    try:
        traits = open_folder(model, weights=False).traits
    except EngineError:
        return ()  # told where it is opened
    if not traits.edits_only:
        return ()
    return (f"A {traits.name} only changes pictures: set EASEL_EDIT_ENGINE=diffusers, and another EASEL_ENGINE.",)


def sentence(traits: Traits) -> str:
    """What a pipeline is like, in words."""
    looks = f"looks at {traits.images} picture{'s' if traits.images > 1 else ''}" if traits.images else "words alone"
    says = [looks]
    if traits.edits_only:
        says.append("only changes pictures")
    if traits.inpaint:
        says.append("takes masks")
    says.append(f"{traits.steps} steps")
    says.append(f"{traits.guided_by} {traits.guidance:g}" if traits.guided_by else "no guidance")
    says.append("a negative prompt" if traits.negative else "no negative prompt")
    if not traits.stops:
        says.append("says nothing of its steps, so it cannot be cancelled midway")
    return f"{traits.name} ({', '.join(says)})"


def _weight(folder: Folder) -> Finding:
    try:
        found = numbers(folder)
    except EngineError as error:
        return broken("diffusers weights", str(error))
    each = ", ".join(f"{part} {count * 2 / GIB:.1f}" for part, count in found.items())
    total = sum(found.values()) * 2 / GIB
    return ok("diffusers weights", f"{total:.1f} GiB in half precision ({each}); twice that in float32")


def _fetched(model: str, folder: Folder) -> Finding:
    try:
        check(folder)
    except EngineError:
        return warning("diffusers weights", f"those of {model} are fetched from the hub at the first start")
    return _weight(folder)


def _licence(folder: Folder) -> Finding:
    licence = folder.traits.licence
    if licence.work:
        return ok("diffusers licence", f"{licence.name}")
    if licence.work is None:
        return warning("diffusers licence", f"{folder.name} is under {licence.name}; read it before you use it at work")
    return warning(
        "diffusers licence",
        f"{folder.name} is under the terms {licence.name}, which forbid use at work; take another, or a licence",
    )
