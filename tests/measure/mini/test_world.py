"""The miniature world: true captions, the grid, held-out pairs, and a judge that reads true renders."""

from __future__ import annotations

import json
import random
from collections import Counter

import numpy as np
import pytest

from imaging.engines.mini import mini_abilities
from imaging.mini import DEFAULTS, VOCABULARY
from imaging.words import split_words
from measure.mini import backgrounds, captions, evaluate, judge, sprites, world
from prompts.nearest import into_vocabulary
from training.mini import export


def scenes(n: int, seed: int = 0, held_out: bool = False) -> list[world.Scene]:
    rng = random.Random(seed)
    return [world.random_scene(rng, held_out=held_out) for _ in range(n)]


def test_the_world_is_as_large_as_promised() -> None:
    """At least 60 things, 16 backgrounds and two art sets."""
    assert len(set(world.THINGS)) >= 60
    assert len(set(world.BACKGROUNDS)) >= 16
    assert len(sprites.SETS) >= 2


def test_every_sprite_has_ink_in_every_art_set() -> None:
    """No thing is missing from the sheet."""
    for thing in world.THINGS:
        for art_set in sprites.SETS:
            assert sprites.sprite(thing, art_set, 48)[..., 3].mean() > 0.1, (thing, art_set)


def test_figures_stand_on_the_grid_inside_the_picture() -> None:
    """A thing has the same latents wherever it stands."""
    for scene in scenes(300):
        for it in scene.figures:
            assert it.x % world.GRID == it.y % world.GRID == 0
            assert 0 <= it.x <= world.SIZE - world.PIXELS[it.size]
            assert 0 <= it.y <= world.SIZE - world.PIXELS[it.size]


def test_held_out_pairs_never_occur_in_training_scenes() -> None:
    """The evaluation asks for pairs that training never saw."""
    for scene in scenes(600):
        assert not any((it.thing, scene.background) in world.HELD_OUT for it in scene.figures)


def test_what_captions_leave_unsaid_varies() -> None:
    """Art set, mirroring, size, hue and weather differ from scene to scene."""
    drawn = scenes(300)
    figures = [it for scene in drawn for it in scene.figures]
    assert {scene.art_set for scene in drawn} == set(sprites.SETS)
    assert {it.mirrored for it in figures} == {False, True}
    assert {it.size for it in figures} == {"small", "big"}
    assert len({scene.sky for scene in drawn}) > 5


def test_captions_name_every_thing_and_only_true_colours() -> None:
    """A caption may leave things unsaid but never says something untrue."""
    rng = random.Random(1)
    for scene in scenes(300, seed=2):
        text = captions.caption(rng, scene)
        without_place = text
        for word in (*captions.COLOUR_WORDS, *backgrounds.PLAIN):
            without_place = without_place.replace(f"{word} background", "").replace("grey background", "")
        for it in scene.figures:
            assert any(name in text for name in (it.thing, *captions.SYNONYMS.get(it.thing, ()))), text
        said = {c for c in sprites.TINTS if f" {c} " in f" {without_place} "}
        assert said <= {it.colour for it in scene.figures}, text


def test_a_night_is_darker_than_the_same_day() -> None:
    """Times of day are real differences of the picture."""
    for place in backgrounds.OUTDOOR:
        day = backgrounds.background(place, "day", "clear").mean()
        assert backgrounds.background(place, "night", "stars").mean() < 0.7 * day


def test_the_judge_reads_true_renders() -> None:
    """Only a judge that is right about true pictures may judge drawn ones."""
    assert judge.true_renders(24, seed=4) >= 0.97


def test_the_judge_sees_an_exchange() -> None:
    """Two things on exchanged sides are not counted as right."""
    rng = random.Random(0)
    case = evaluate.Case("two", "", "meadow", "day", (("cat", None), ("car", None)))
    figures = (
        world.figure(rng, "car", "small", "left", "meadow", None),
        world.figure(rng, "cat", "small", "right", "meadow", None),
    )
    seen = evaluate.verdicts(case, world.draw(world.Scene("meadow", "day", "clear", False, "noto", figures)))
    assert seen["background"]
    assert seen["two_things_swapped"]
    assert not seen["two_things"]


def test_evaluation_cases_are_held_out_and_mixed() -> None:
    """Every kind of case occurs, and every first thing stands on a background it was never trained on."""
    asked = evaluate.cases(300)
    assert {case.kind for case in asked} == {"single", "side", "two", "colour"}
    assert all((case.things[0][0], case.background) in world.HELD_OUT for case in asked)


@pytest.mark.parametrize("key", ["things", "backgrounds", "colours", "tintable", "synonyms", "width", "height"])
def test_the_vocabulary_file_has_what_prompts_need(key: str) -> None:
    """The prompt adapter and the system prompt are rendered from this file."""
    assert json.loads(VOCABULARY.read_text())[key]


def test_vocabulary_and_defaults_belong_to_the_bundled_weights() -> None:
    """Synonyms lead to known things, and both files agree on size and steps."""
    known, defaults = json.loads(VOCABULARY.read_text()), json.loads(DEFAULTS.read_text())
    assert set(known["synonyms"].values()) <= set(known["things"])
    assert set(known["tintable"]) <= set(known["things"])
    assert defaults["name"] == known["model"]
    for name in ("width", "height", "num_inference_steps", "guidance_scale", "few_steps"):
        assert defaults[name] == known[name]
    if known["model"] == export.NAME:
        assert known == export.vocabulary()
        assert defaults == export.defaults()


def test_every_word_of_the_captions_is_kept_in_descriptions() -> None:
    known = mini_abilities().vocabulary
    assert known is not None
    rng, lost = random.Random(2), Counter[str]()
    for scene in scenes(3000, held_out=True):
        said = captions.caption(rng, scene)
        lost.update({*split_words(said)} - {*split_words(into_vocabulary(said, known).text)})
    assert {word for word, times in lost.items() if times > 5} == {"grey"}  # it is "gray" to the model


def test_words_of_the_world_are_what_export_writes() -> None:
    """Kinds and synonyms point at things of the world, backgrounds at its backgrounds."""
    written = export.vocabulary()
    assert set(written["synonyms"].values()) <= set(world.THINGS)
    assert not set(written["synonyms"]) & set(world.THINGS)
    assert set(written["background_synonyms"].values()) <= set(world.BACKGROUNDS)


def test_drawing_is_repeatable() -> None:
    """The same scene gives the same pixels."""
    for scene in scenes(5):
        assert np.array_equal(world.draw(scene), world.draw(scene))
