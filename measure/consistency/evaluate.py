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
from numpy.typing import NDArray
from PIL import Image

from imaging.consistency import RETRIED, decide
from imaging.difference import ssim, ssim_map
from imaging.engine import Engine
from imaging.model import Control, Operation, Recipe, RenderedPicture, Technique
from measure.consistency.edit_pairs import GROUPS, EditPair, Group, edit_pairs
from measure.mini import judge, sprites
from measure.mini.world import PIXELS, SIZE

SINGLE: Mapping[str, Control | None] = {
    "none": None,
    "same-seed": Control(Technique.SAME_SEED),
    "prompt-to-prompt": Control(Technique.PROMPT_TO_PROMPT, 0.8),
    "masactrl": Control(Technique.MASACTRL, 0.6),
    "ip-adapter": Control(Technique.IP_ADAPTER, 0.6),
}
AUTOMATIC = "automatic"
CHAIN = 10
WINDOW = 8
"""Pixels a side of the windows of SSIM; things stand on the same grid."""
Score = tuple[float, float]
Floats = NDArray[np.float32]


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

    Keeping is half the judge's facts and half structure: SSIM where the edit has no business (everywhere for a
    colour, on the thing itself for a scene, around the things otherwise).
    """
    before, after = _pixels(parent), _pixels(child)
    was, became = judge.read(before), judge.read(after)
    old, new = _facts(was), _facts(became)
    facts = float(np.mean([old[fact] == new[fact] for fact in case.keep]))
    structure = max(0.0, _structure(case.group, _grey(before), _grey(after), was.best, became.best))
    change = float(np.mean([new[fact] == wanted for fact, wanted in case.facts]))
    return (facts + structure) / 2, change


def _pixels(picture: RenderedPicture) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(picture.data)) as image:
        return np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def _grey(pixels: NDArray[np.uint8]) -> Floats:
    """Luma, 0–1."""
    return (pixels / 255.0 @ np.array([0.299, 0.587, 0.114])).astype(np.float32)


def _facts(seen: judge.Reading) -> dict[str, str]:
    best = seen.best
    return {
        "background": seen.background,
        "sky": f"{seen.time} {seen.sky} {seen.mirrored}",
        "thing": best.thing,
        "art set": best.art_set,
        "mirrored": str(best.mirrored),
        "colour": best.colour,
        "size": best.size,
        "place": best.place,
    }


def _structure(group: Group, before: Floats, after: Floats, was: judge.Seen, became: judge.Seen) -> float:
    match group:
        case "attribute":
            return ssim(before, after)
        case "scene":
            return _same_look(before, after, was, became)
        case "arrangement" | "subject":
            around = np.ones((SIZE // WINDOW, SIZE // WINDOW), dtype=bool)
            for it in (was, became):
                side = PIXELS[it.size] // WINDOW
                around[it.y // WINDOW : it.y // WINDOW + side, it.x // WINDOW : it.x // WINDOW + side] = False
            return float(ssim_map(before, after, WINDOW)[around].mean())


def _same_look(before: Floats, after: Floats, was: judge.Seen, became: judge.Seen) -> float:
    """SSIM of the thing, cut out of both pictures by the shape that it had before."""
    side = PIXELS[was.size]
    alpha = sprites.sprite(was.thing, was.art_set, side, None, was.mirrored)[..., 3]

    def cut(grey: Floats, it: judge.Seen) -> Floats:
        own = PIXELS[it.size]
        crop = Image.fromarray(grey[it.y : it.y + own, it.x : it.x + own])
        found: Floats = np.asarray(crop.resize((side, side), Image.Resampling.BILINEAR)) * alpha
        return found

    covered = alpha.reshape(side // WINDOW, WINDOW, side // WINDOW, WINDOW).mean((1, 3)) > 0.5
    return float(ssim_map(cut(before, was), cut(after, became), WINDOW)[covered].mean())


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
            np.mean([1 - ssim(_grey(_pixels(a)), _grey(_pixels(b))) for a, b in zip(firsts, newest, strict=True)])
        )
    return lost


def _grid(
    folder: Path,
    cases: Sequence[EditPair],
    parents: Sequence[RenderedPicture],
    made: Mapping[str, Sequence[RenderedPicture]],
) -> None:
    from imaging.sheets import contact_sheet

    folder.mkdir(parents=True, exist_ok=True)
    for group in GROUPS:
        cells: list[tuple[str, bytes]] = []
        for index, case in enumerate(cases):
            if case.group == group and len(cells) < 6 * (len(made) + 1):
                cells.append((case.child, parents[index].data))
                cells += [(name, pictures[index].data) for name, pictures in made.items()]
        if cells:
            (folder / f"{group}.png").write_bytes(contact_sheet(cells, columns=len(made) + 1, cell=128))
