"""The evaluation's judge: true edits of drawn scenes score high on both axes, and cheating shows."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import pytest
from PIL import Image

from imaging.engines.mini import mini_engine
from imaging.engines.options import EngineOptions
from imaging.engines.sdxl import BUILT_IN, SdxlEngine
from imaging.model import Abilities, RenderedPicture
from measure.consistency import evaluate
from measure.consistency.edit_pairs import GROUPS, EditPair, edit_pairs
from measure.consistency.evaluate import judged
from measure.consistency.sweep import best, settings
from measure.engine.random_sdxl import SIDE
from measure.mini.sprites import SETS, TINTABLE
from measure.mini.world import Figure, Scene, draw
from tests.imaging.engines.tiny import recipe

THING = TINTABLE[0]
SCENE = Scene("meadow", "day", "clear", False, SETS[0], (Figure(THING, "big", "left", 0, 32, "red"),))


def rendered(scene: Scene) -> RenderedPicture:
    out = io.BytesIO()
    Image.fromarray(draw(scene)).save(out, "PNG")
    return RenderedPicture(out.getvalue(), "image/png", 128, 128, recipe("x"), 0.0)


def with_figure(**changes: object) -> Scene:
    return dataclasses.replace(SCENE, figures=(dataclasses.replace(SCENE.figures[0], **changes),))  # type: ignore[arg-type]


def pair(group: str) -> EditPair:
    found = next(each for each in edit_pairs(8) if each.group == group)
    facts = {
        "attribute": (("colour", "blue"),),
        "arrangement": (("place", "right"),),
        "scene": (("background", "snow"),),
    }[group]
    return dataclasses.replace(found, facts=facts)


EDITED = {
    "attribute": with_figure(colour="blue"),
    "arrangement": with_figure(place="right", x=48),
    "scene": dataclasses.replace(SCENE, background="snow"),
}


@pytest.mark.parametrize("group", sorted(EDITED))
def test_a_true_edit_keeps_and_changes(group: str) -> None:
    keep, change = judged(pair(group), rendered(SCENE), rendered(EDITED[group]))
    assert change == 1
    assert keep > 0.6


@pytest.mark.parametrize("group", sorted(EDITED))
def test_an_edit_that_was_suppressed_keeps_but_does_not_change(group: str) -> None:
    keep, change = judged(pair(group), rendered(SCENE), rendered(SCENE))
    assert change == 0
    assert keep > 0.6


def test_another_draw_of_the_right_thing_keeps_less() -> None:
    other = Scene("meadow", "night", "moon left", True, SETS[-1], (Figure(THING, "small", "right", 80, 64, "blue"),))
    true_edit, new_draw = (
        judged(pair("attribute"), rendered(SCENE), rendered(s)) for s in (EDITED["attribute"], other)
    )
    assert new_draw[0] < true_edit[0] - 0.2
    assert new_draw[1] == 1


def test_pairs_are_the_four_groups_in_turn_and_repeat_with_their_seed() -> None:
    pairs = edit_pairs(40)
    assert [each.group for each in pairs[:4]] == list(GROUPS)
    assert pairs == edit_pairs(40)
    assert pairs != edit_pairs(40, seed=1)
    assert all(each.parent != each.child and each.facts and each.keep for each in pairs)


def test_a_sweep_names_the_best_setting_of_each_technique_in_each_group() -> None:
    figures = {
        f"masactrl.start_step={step}.{group}.{axis}": value
        for step, keep, change in ((0, 0.9, 0.1), (4, 0.8, 0.7))
        for group in ("attribute", "scene")
        for axis, value in (("keep", keep), ("change", change), ("mean", (keep + change) / 2))
    } | {"same-seed.scene.keep": 0.2, "same-seed.scene.change": 1.0, "same-seed.scene.mean": 0.6}
    assert best(figures) == [
        ("attribute", "masactrl.start_step=4", 0.8, 0.7),
        ("scene", "masactrl.start_step=4", 0.8, 0.7),
        ("scene", "same-seed", 0.2, 1.0),
    ]


def test_a_sweep_tries_only_what_the_engine_offers(tmp_path: Path) -> None:
    engine = mini_engine(tmp_path)
    tried = list(settings(engine))
    assert {technique for technique, _ in tried} <= engine.abilities.techniques
    assert len(tried) == len({(technique, tuple(options.items())) for technique, options in tried}) > 20


@pytest.mark.slow
def test_every_figure_is_there_for_any_sdxl_checkpoint(tiny_folder: Path, tmp_path: Path) -> None:
    abilities = Abilities("sdxl", "tiny", BUILT_IN, {"square": (SIDE, SIDE)}, 2, 4.0, "euler")
    engine = SdxlEngine(abilities, EngineOptions(str(tiny_folder), tmp_path, device="cpu", threads=1))
    engine.load()
    found = evaluate.run(engine, pairs=4, chains=1)
    controls = ("none", "same-seed", "prompt-to-prompt", "masactrl", "automatic")
    for control in controls:
        assert {f"{control}.keep", f"{control}.change", f"{control}.mean"} <= found.keys()
    assert all(0 <= found[f"{control}.mean"] <= 1 for control in controls)
    assert {"automatic_minus_best_single", "automatic_minus_same_seed", "drift.10"} <= found.keys()
    assert not [name for name in found if name.startswith("ip-adapter")]  # it has no weights for that
