"""How well each control keeps what should stay and changes what should change, in the miniature world.

Keeping and changing are judged apart and shown apart: a control that suppresses the edit keeps everything
and must not look good for it.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image

from imaging.consistency import RETRIED, decide
from imaging.engine import Engine
from imaging.engines.edit_pairs import GROUPS, EditPair, edit_pairs
from imaging.measure import ssim
from imaging.model import Control, Operation, Recipe, RenderedPicture, Technique

SINGLE: Mapping[str, Control | None] = {
    "none": None,
    "same-seed": Control(Technique.SAME_SEED),
    "prompt-to-prompt": Control(Technique.PROMPT_TO_PROMPT, 0.8),
    "masactrl": Control(Technique.MASACTRL, 0.6),
    "ip-adapter": Control(Technique.IP_ADAPTER, 0.6),
}
AUTOMATIC = "automatic"
CHAIN = 10
Score = tuple[float, float]


def run(
    engine: Engine,
    *,
    pairs: int = 200,
    seed: int = 77,
    chains: int = 4,
    progress: Callable[[str], None] = lambda line: None,
    keep_pictures: Path | None = None,
) -> dict[str, float]:
    """Render every pair with every control that the engine offers, and judge.

    Args:
        engine: A loaded engine whose pictures the miniature world's judge can read.
        pairs: Edit pairs, the four groups in turn.
        chains: Chains of ten successive edits, for drift.
        keep_pictures: Folder for grids of what was rendered, one row a pair.

    Returns:
        `CONTROL.keep`, `CONTROL.change`, `CONTROL.mean` over all pairs and `CONTROL.GROUP.*` per group (0–1),
        `automatic_minus_best_single`, `automatic_minus_same_seed`, `drift.10` and `drift.10.ancestor`.
    """
    cases = edit_pairs(pairs, seed)
    progress(f"{pairs} parents")
    parents = render_all(engine, [plain(engine, case.parent, case.seed) for case in cases])
    figures: dict[str, float] = {}
    made: dict[str, list[RenderedPicture]] = {}
    for name in (*SINGLE, AUTOMATIC):
        control = SINGLE.get(name)
        if control is not None and control.technique not in engine.abilities.techniques:
            continue
        progress(f"{pairs} edits: {name}")
        recipes = [
            edited(engine, case, parent, _automatic(engine, case) if name == AUTOMATIC else control)
            for case, parent in zip(cases, parents, strict=True)
        ]
        made[name] = render_all(engine, recipes, parents)
        figures |= scores_of(name, cases, parents, made[name])
    best = max(figures[f"{name}.mean"] for name in made if name != AUTOMATIC)
    figures["automatic_minus_best_single"] = figures["automatic.mean"] - best
    figures["automatic_minus_same_seed"] = figures["automatic.mean"] - figures["same-seed.mean"]
    if chains:
        progress(f"{chains} chains of {CHAIN} edits")
        figures |= drift(engine, chains, seed)
    if keep_pictures is not None:
        _grid(keep_pictures, cases, parents, made)
    return {key: round(value, 4) for key, value in figures.items()}


def plain(engine: Engine, words: str, seed: int) -> Recipe:
    abilities = engine.abilities
    width, height = abilities.sizes["square"]
    return Recipe(
        engine=abilities.name,
        model=abilities.model,
        operation=Operation.IMAGE,
        description=words,
        prompt=words,
        negative_prompt="",
        seed=seed,
        width=width,
        height=height,
        num_inference_steps=abilities.num_inference_steps,
        guidance_scale=abilities.guidance_scale,
        sampler=abilities.sampler,
    )


def edited(engine: Engine, case: EditPair, parent: RenderedPicture, control: Control | None) -> Recipe:
    none = control is None or control.technique is Technique.NONE
    wanted = plain(engine, case.child, case.seed + 1 if none else case.seed)
    if none:
        return wanted
    return dataclasses.replace(
        wanted,
        operation=Operation.EDIT,
        control=control,
        source=parent.recipe,
        source_image=sha256(parent.data).hexdigest(),
    )


def _automatic(engine: Engine, case: EditPair) -> Control:
    return decide(
        change=case.change,
        parent=case.parent,
        description=case.child,
        techniques=engine.abilities.techniques,
        parent_is_upload=False,
    )


def render_all(
    engine: Engine, recipes: Sequence[Recipe], parents: Sequence[RenderedPicture] = ()
) -> list[RenderedPicture]:
    """All recipes, as many at once as the engine has room for, in order."""
    images = {sha256(parent.data).hexdigest(): parent.data for parent in parents}
    waiting = list(enumerate(recipes))[::-1]
    found: dict[int, RenderedPicture] = {}
    while len(found) < len(recipes):
        while waiting and engine.room >= 2:
            index, recipe = waiting.pop()
            engine.admit(str(index), recipe, images)
        for advance in engine.step():
            if advance.error is not None:
                raise RuntimeError(advance.error)
            if advance.picture is not None:
                found[int(advance.id)] = advance.picture
    return [found[index] for index in range(len(recipes))]


def scores_of(
    name: str, cases: Sequence[EditPair], parents: Sequence[RenderedPicture], made: Sequence[RenderedPicture]
) -> dict[str, float]:
    scores = [judged(*each) for each in zip(cases, parents, made, strict=True)]
    figures: dict[str, float] = _means(name, scores)
    for group in GROUPS:
        own = [score for case, score in zip(cases, scores, strict=True) if case.group == group]
        if own:
            figures |= _means(f"{name}.{group}", own)
    return figures


def _means(name: str, scores: Iterable[Score]) -> dict[str, float]:
    keep, change = (float(np.mean(column)) for column in zip(*scores, strict=True))
    return {f"{name}.keep": keep, f"{name}.change": change, f"{name}.mean": (keep + change) / 2}


def judged(case: EditPair, parent: RenderedPicture, child: RenderedPicture) -> Score:
    """(what should stay stays, what should change changed), each 0–1.

    Keeping is half the judge's facts and half structure: SSIM where the edit has no business (everywhere
    for a colour, on the thing for a scene, beside the thing otherwise).
    """
    before, after = _facts(parent), _facts(child)
    facts = float(np.mean([before[fact] == after[fact] for fact in case.keep]))
    structure = max(0.0, _structure(case, parent, child, before["place"], after["place"]))
    change = float(np.mean([after[fact] == wanted for fact, wanted in case.facts]))
    return (facts + structure) / 2, change


def _pixels(picture: RenderedPicture) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    from imaging.mini.world import SIZE

    with Image.open(io.BytesIO(picture.data)) as image:
        return np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def _facts(picture: RenderedPicture) -> dict[str, str]:
    from imaging.mini import judge

    seen = judge.read(_pixels(picture))
    best = seen.best
    return {"background": seen.background, "thing": best.thing, "colour": best.colour, "place": best.place}


def _structure(case: EditPair, parent: RenderedPicture, child: RenderedPicture, old: str, new: str) -> float:
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    a, b = ((_pixels(picture) / 255.0 @ weights).astype(np.float32) for picture in (parent, child))
    size = a.shape[1]
    third = {"left": slice(0, size // 2), "center": slice(size // 4, 3 * size // 4), "right": slice(size // 2, size)}
    match case.group:
        case "attribute":
            return ssim(a, b)
        case "scene":
            return ssim(a[size // 4 :, third[old]], b[size // 4 :, third[new]])
        case "arrangement":
            # The thing itself, where it stood and where it stands now: is it the same one?
            return ssim(a[size // 4 :, third[old]], b[size // 4 :, third[new]])
        case "subject":
            return ssim(a[: size // 4], b[: size // 4])


_STEPS = ("red", "yellow", "green", "blue", "purple")


def drift(engine: Engine, chains: int, seed: int) -> dict[str, float]:
    """Ten colour edits in a row of a thing in a scene: structural loss of the last against the first (0–1),
    editing each result in turn, and re-editing the recorded first picture each time."""
    cases = [case for case in edit_pairs(chains * 4, seed + 1) if case.group == "attribute"][:chains]
    firsts = render_all(engine, [plain(engine, case.parent, case.seed) for case in cases])
    lost = {}
    for name, from_first in (("drift.10", False), ("drift.10.ancestor", True)):
        newest = list(firsts)
        for step in range(CHAIN):
            colour = _STEPS[step % len(_STEPS)]
            turns = [
                dataclasses.replace(case, child=" ".join(["a", colour, *case.parent.split()[2:]])) for case in cases
            ]
            sources = firsts if from_first else newest
            control = Control(Technique.PROMPT_TO_PROMPT, 0.8, "", {RETRIED: 1.0})
            recipes = [edited(engine, *each, control) for each in zip(turns, sources, strict=True)]
            newest = render_all(engine, recipes, sources)
        lost[name] = float(
            np.mean([1 - _structure(*each, "center", "center") for each in zip(cases, firsts, newest, strict=True)])
        )
    return lost


def _grid(
    folder: Path,
    cases: Sequence[EditPair],
    parents: Sequence[RenderedPicture],
    made: Mapping[str, Sequence[RenderedPicture]],
) -> None:
    from imaging.outputs import contact_sheet

    folder.mkdir(parents=True, exist_ok=True)
    for group in GROUPS:
        cells: list[tuple[str, bytes]] = []
        for index, case in enumerate(cases):
            if case.group == group and len(cells) < 6 * (len(made) + 1):
                cells.append((case.child, parents[index].data))
                cells += [(name, pictures[index].data) for name, pictures in made.items()]
        if cells:
            (folder / f"{group}.png").write_bytes(contact_sheet(cells, columns=len(made) + 1, cell=128))
