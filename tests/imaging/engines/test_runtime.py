"""The engine with the bundled model: batching, joining, leaving, failures and memory change nobody's bytes."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, precondition, rule
from PIL import Image
from torch import Tensor

from imaging.engines.batch import advance
from imaging.engines.loading import Parts
from imaging.engines.memory import FILE, LEAST, RISES_AFTER, Measured, RowCaps, fitting_rows
from imaging.engines.mini import mini_abilities, mini_engine
from imaging.engines.options import EngineOptions
from imaging.engines.rows import Row
from imaging.engines.runtime import Runtime
from imaging.engines.sdxl import SdxlEngine
from imaging.engines.trajectories import Trajectories
from imaging.errors import EngineError
from imaging.model import Control, Operation, Recipe, Technique
from imaging.outputs import read_recipe
from tests.imaging.engines.tiny import drain, edit, pictures, recipe, render, solo_bytes

SMALL: dict[str, Any] = {"width": 64, "height": 64, "num_inference_steps": 3}


def small(prompt: str, seed: int = 1, **changes: Any) -> Recipe:
    return recipe(prompt, seed, **(SMALL | changes))


CAR = small("a red car on grass")
KINDS: dict[str, Recipe] = {
    "plain": CAR,
    "longer": small("a dog", 7, num_inference_steps=5),
    "other size": small("a cat", 3, width=96),
    "unguided": small("a house", 4, guidance_scale=1.0),
    "lcm": small("a tree", 5, sampler="lcm"),
    "ddim": small("a boat", 6, sampler="ddim", guidance_scale=7.0),
    "p2p": edit(CAR, "a blue car on grass", Technique.PROMPT_TO_PROMPT, {}, **SMALL),
    "masactrl": edit(CAR, "a red car on snow", Technique.MASACTRL, {"start_step": 1.0}, **SMALL),
    "masked": edit(CAR, "a red car on snow", Technique.MASACTRL, {"start_step": 1.0, "mask": 0.4}, **SMALL),
}


def png(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (50, 40), colour).save(out, "PNG")
    return out.getvalue()


def test_pictures_rendered_together_have_the_bytes_of_pictures_rendered_alone(mini: SdxlEngine) -> None:
    together = render(mini, KINDS)
    alone = solo_bytes(mini, list(KINDS.values()))
    assert [together[kind].data for kind in KINDS] == alone


def test_a_stored_recipe_renders_to_the_same_bytes(mini: SdxlEngine) -> None:
    for wanted in (CAR, KINDS["p2p"]):
        data = render(mini, {"a": wanted})["a"].data
        assert render(mini, {"b": read_recipe(data)})["b"].data == data


TEN = SMALL | {"num_inference_steps": 10}
LONG = recipe("a red car on grass", **TEN)
EARLY = {"cross_replace_steps": 0.6, "self_replace_steps": 0.3, "local_blend": 0.0}
EDITS: dict[str, tuple[Recipe, int, int]] = {
    # UNet rows (guided, so two a picture and step) after a fresh start, and where the parent was rendered before.
    "masactrl": (edit(LONG, "a dog on grass", Technique.MASACTRL, {"start_step": 4.0}, **TEN), 40, 32),
    "masked": (
        edit(LONG, "a dog on grass", Technique.MASACTRL, {"start_step": 4.0, "mask": 0.4}, **TEN),
        40,
        40,
    ),
    "p2p": (edit(LONG, "a blue car on grass", Technique.PROMPT_TO_PROMPT, EARLY, **TEN), 32, 32),
    "blended": (
        edit(LONG, "a blue car on grass", Technique.PROMPT_TO_PROMPT, EARLY | {"local_blend": 0.3}, **SMALL),
        12,
        12,
    ),
    "edit of an edit": (
        edit(
            edit(
                LONG,
                "a dog on grass",
                Technique.MASACTRL,
                {"start_step": 4.0, "start_layer": 3.0},  # every number, as in a stored recipe
                **TEN,
            ),
            "a dog on snow",
            Technique.MASACTRL,
            {"start_step": 8.0},
            **TEN,
        ),
        60,
        28,
    ),
}


@pytest.mark.parametrize("kind", EDITS)
def test_an_edit_of_what_was_rendered_here_runs_its_source_only_where_it_reads_it(
    parts: Parts, options: EngineOptions, kind: str
) -> None:
    wanted, fresh_rows, known_rows = EDITS[kind]
    ran = 0

    def forward(parts: Parts, rows: list[Row], at_least: int, beside: Executor | None) -> list[Tensor]:
        nonlocal ran
        ran += sum(1 + row.guided for row in rows)
        return advance(parts, rows, at_least=at_least, beside=beside)

    def counted(runtime: Runtime, recipe: Recipe) -> tuple[bytes, int]:
        nonlocal ran
        ran = 0
        return render(runtime, {"a": recipe})["a"].data, ran

    fresh, used = (Runtime(mini_abilities(), parts, options, forward=forward) for _ in range(2))
    try:
        expected, rows = counted(fresh, wanted)
        ancestors = []
        source = wanted.source
        while source is not None:
            ancestors.append(source)
            source = source.source
        for ancestor in reversed(ancestors):
            counted(used, ancestor)
        again, less = counted(used, wanted)
    finally:
        used.close()
        fresh.close()
    assert again == expected
    assert (rows, less) == (fresh_rows, known_rows)


def test_trails_keep_within_their_bytes_and_forget_the_oldest() -> None:
    latents = {step: torch.zeros(1, 4, 8, 8) for step in range(4)}
    trajectories = Trajectories(limit_bytes=2 * 4 * 4 * 8 * 8 * 4)
    for seed in (1, 2, 3):
        trajectories.put(small("a cat", seed), 32, latents)
        trajectories.put(small("a cat", seed), 32, latents)
    assert trajectories.get(small("a cat", 1), 32) is None
    assert trajectories.get(small("a cat", 3), 64) is None
    assert trajectories.get(small("a cat", 2), 32) is not None
    trajectories.put(small("a cat", 4), 32, latents)
    assert trajectories.get(small("a cat", 3), 32) is None
    assert trajectories.get(small("a cat", 2), 32) is not None


@pytest.mark.slow
def test_another_process_gives_the_same_bytes(mini: SdxlEngine, tmp_path: Path) -> None:
    data = render(mini, {"a": KINDS["p2p"]})["a"].data
    (tmp_path / "recipe.json").write_text(json.dumps(KINDS["p2p"].to_json()))
    program = (
        "import json, sys, pathlib; from imaging.engines.mini import mini_engine; from imaging.model import Recipe\n"
        "home = pathlib.Path(sys.argv[1]); engine = mini_engine(home, precision='float32')\n"
        "assert 'torch' not in sys.modules\n"
        "engine.load(); engine.admit('a', Recipe.from_json(json.loads((home / 'recipe.json').read_text())), {})\n"
        "while advances := engine.step():\n"
        "    if advances[0].picture: (home / 'out.png').write_bytes(advances[0].picture.data)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=150)
    assert (tmp_path / "out.png").read_bytes() == data


class Coming(RuleBasedStateMachine):
    """Requests come, go and are cancelled in any order; whoever finishes has the bytes of being alone."""

    flying = Bundle("flying")
    engine: SdxlEngine

    def __init__(self) -> None:
        super().__init__()
        self.wanted: dict[str, str] = {}
        self.count = 0

    @precondition(lambda self: self.engine.room >= 2)
    @rule(target=flying, kind=st.sampled_from(sorted(KINDS)))
    def admit(self, kind: str) -> str:
        self.count += 1
        id = f"{kind} {self.count}"
        self.engine.admit(id, KINDS[kind], {})
        self.wanted[id] = kind
        return id

    @rule(id=consumes(flying))
    def cancel(self, id: str) -> None:
        self.engine.cancel(id)
        self.wanted.pop(id, None)

    @rule()
    def step(self) -> None:
        advances = self.engine.step()
        assert bool(advances) == bool(self.wanted)
        self.check(advances)

    def check(self, advances: Any) -> None:
        assert {each.id for each in advances} <= set(self.wanted)
        for id, picture in pictures(advances).items():
            assert picture.data == alone(self.wanted.pop(id))

    def teardown(self) -> None:
        self.check(drain(self.engine))
        assert not self.wanted
        assert self.engine.room == 8


@cache
def alone(kind: str) -> bytes:
    return solo_bytes(Coming.engine, [KINDS[kind]])[0]


@pytest.mark.slow
def test_coming_and_going_in_any_order_changes_nobodys_picture(mini: SdxlEngine) -> None:
    Coming.engine = mini
    for kind in KINDS:
        alone(kind)
    machine = Coming.TestCase
    machine.settings = settings(
        max_examples=8, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
    )
    machine().runTest()


@pytest.fixture
def scarce(parts: Parts, options: EngineOptions) -> Iterator[tuple[Runtime, list[int]]]:
    """An engine whose memory holds four UNet rows, and the sizes it tried."""
    tried: list[int] = []

    def forward(parts: Parts, rows: list[Row], at_least: int, beside: Executor | None) -> list[Tensor]:
        tried.append(sum(1 + row.guided for row in rows))
        if tried[-1] > 4:
            # The draws of a failed call must not count.
            for row in rows:
                torch.randn(3, generator=row.draw)
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return advance(parts, rows, at_least=at_least, beside=beside)

    runtime = Runtime(mini_abilities(), parts, options, forward=forward)
    yield runtime, tried
    runtime.close()


def test_out_of_memory_splits_the_batch_and_lowers_the_cap(scarce: tuple[Runtime, list[int]], mini: SdxlEngine) -> None:
    runtime, tried = scarce
    wanted = {str(seed): small("a car", seed, sampler="lcm") for seed in range(5)}
    together = render(runtime, wanted)
    assert max(tried) > 4
    assert max(tried[-3:]) <= 4
    assert [together[id].data for id in wanted] == solo_bytes(mini, list(wanted.values()))
    before = len(tried)
    render(runtime, {"5": small("a car", 5), "6": small("a car", 6)})
    assert max(tried[before:]) <= 4


def test_a_lowered_cap_rises_again_and_does_not_outlive_the_process(options: EngineOptions) -> None:
    caps = RowCaps(options.home, "a")
    assert rows(caps) == 8
    caps.lower(64, 64, 8)
    assert rows(caps) == 4
    assert rows(RowCaps(options.home, "a")) == 8
    for _ in range(RISES_AFTER):
        caps.ran(64, 64, 2)  # says nothing about four
        caps.ran(128, 128, 4)
    assert rows(caps) == 4
    for expected in (5, 6, 7, 8, 8):
        for _ in range(RISES_AFTER):
            caps.ran(64, 64, rows(caps))
        assert rows(caps) == expected


def test_a_gpu_that_was_busy_when_it_was_measured_gets_its_rows_later(options: EngineOptions) -> None:
    free = 1_000_000
    caps = RowCaps(options.home, "a", lambda each: fitting_rows(each, free))
    assert rows(caps, Measured(32, 200_000)) == 4
    free = 8_000_000
    assert rows(caps) == 32
    free = 0
    assert rows(caps) == LEAST


def test_what_could_not_be_measured_is_not_kept_and_measured_again_later(options: EngineOptions) -> None:
    caps = RowCaps(options.home, "a")
    assert caps.measured(64, 64, lambda: None) == Measured(LEAST)
    assert not (options.home / FILE).exists()
    asked = [rows(caps) for _ in range(RISES_AFTER + 1)]
    assert set(asked[:-1]) == {LEAST}
    assert asked[-1] == 8


def rows(caps: RowCaps, measured: Measured = Measured(8)) -> int:  # noqa: B008 - frozen
    return caps.measured(64, 64, lambda: measured).rows


def test_what_cannot_fit_is_refused_before_it_begins(parts: Parts, options: EngineOptions) -> None:
    place = "cpu|mini"
    caps = RowCaps(options.home, place)
    assert caps.row_bytes(64, 64) == 0
    caps.measured(64, 64, lambda: Measured(8, 1_000))
    assert RowCaps(options.home, place).row_bytes(128, 64) == 2_000
    assert RowCaps(options.home, "cuda|mini").row_bytes(64, 64) == 0

    free = 10**12
    runtime = Runtime(mini_abilities(), parts, options, free_memory=lambda device: free)
    try:
        render(runtime, {"a": CAR})
        found = json.loads((options.home / FILE).read_text())
        mine = next(key for key in found if "torch" in key)
        found[mine]["row_bytes"] = 1_000_000
        (options.home / FILE).write_text(json.dumps(found))
    finally:
        runtime.close()
    runtime = Runtime(mini_abilities(), parts, options, free_memory=lambda device: free)
    try:
        free = 3_000_000
        runtime.admit("one", CAR, {})
        for wanted in (KINDS["p2p"], small("a cat", width=128, height=128)):
            with pytest.raises(EngineError, match="memory for a picture of"):
                runtime.admit("more", wanted, {})
        assert "one" in pictures(drain(runtime))
    finally:
        runtime.close()


@pytest.mark.parametrize(
    "garbage", ["", "[]", "7", '{"a|64x64": 3}', '{"a|64x64": {"rows": -1, "row_bytes": 0}}', '{"a": {}}']
)
def test_damaged_row_caps_are_measured_again(options: EngineOptions, garbage: str) -> None:
    (options.home / FILE).write_text(garbage)
    caps = RowCaps(options.home, "a")
    assert caps.measured(64, 64, lambda: Measured(6)).rows == 6
    assert RowCaps(options.home, "a").measured(64, 64, lambda: Measured(2)).rows == 6


def test_what_never_fits_fails_alone_with_a_sentence(parts: Parts, options: EngineOptions) -> None:
    def forward(parts: Parts, rows: list[Row], at_least: int, beside: Executor | None) -> list[Tensor]:
        if any(row.recipe.prompt == "too much" for row in rows):
            raise RuntimeError("CUDA out of memory")
        if any(row.recipe.prompt == "broken" for row in rows):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
        return advance(parts, rows, at_least=at_least, beside=beside)

    runtime = Runtime(mini_abilities(), parts, options, forward=forward)
    try:
        for id, prompt in (("a", "a cat"), ("b", "too much"), ("c", "a dog"), ("d", "broken")):
            runtime.admit(id, small(prompt), {})
        advances = drain(runtime)
    finally:
        runtime.close()
    errors = {each.id: each.error for each in advances if each.error}
    assert set(errors) == {"b", "d"}
    assert "memory" in str(errors["b"])
    assert {each.id for each in advances if each.picture} == {"a", "c"}


def test_progress_counts_up_and_previews_come_at_most_twice_a_second(parts: Parts, options: EngineOptions) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 0.01
        return now[0]

    def forward(parts: Parts, rows: list[Row], at_least: int, beside: Executor | None) -> list[Tensor]:
        now[0] += 0.2
        return advance(parts, rows, at_least=at_least, beside=beside)

    runtime = Runtime(mini_abilities(), parts, options, forward=forward, clock=clock)
    try:
        runtime.admit("a", small("a cat", num_inference_steps=10), {})
        advances = drain(runtime)
    finally:
        runtime.close()
    assert [each.step for each in advances] == list(range(1, 11))
    assert {each.total for each in advances} == {10}
    previews = [each.preview for each in advances if each.preview]
    assert 2 <= len(previews) <= 5
    with Image.open(io.BytesIO(previews[0])) as image:
        assert image.format == "JPEG"
    assert advances[-1].picture is not None
    assert advances[-1].picture.device_seconds >= 2.0


def test_cancelling_frees_the_row_and_unknown_ids_are_ignored(mini: SdxlEngine) -> None:
    before = mini.room
    mini.admit("a", KINDS["p2p"], {})
    assert mini.room == before - 2
    mini.step()
    mini.cancel("a")
    mini.cancel("nobody")
    assert mini.room == before
    assert mini.step() == ()


def test_an_image_starts_late_and_the_change_is_measured(mini: SdxlEngine) -> None:
    images = {"x": png("red")}
    soft = small(
        "a cat",
        operation=Operation.EDIT,
        source_image="x",
        num_inference_steps=8,
        control=Control(Technique.IMAGE_TO_IMAGE, 1.0, "", {"denoising_strength": 0.25, "retried": 1.0}),
    )
    assert soft.control is not None
    strong = dataclasses.replace(
        soft, control=dataclasses.replace(soft.control, options={"denoising_strength": 0.9, "retried": 1.0})
    )
    mini.admit("soft", soft, images)
    advances = drain(mini)
    assert advances[-1].total == 2
    changed = [pictures(advances)["soft"].metrics["change"], render(mini, {"s": strong}, images)["s"].metrics["change"]]
    assert 0 <= changed[0] < changed[1] <= 1


def test_an_edit_that_changes_nothing_is_tried_once_more_and_weaker(mini: SdxlEngine) -> None:
    control = Control(Technique.MASACTRL, 0.9, "Pose.")
    same = small(CAR.prompt, operation=Operation.EDIT, source=CAR, control=control)
    mini.admit("a", same, {})
    advances = drain(mini)
    picture = pictures(advances)["a"]
    assert picture.metrics["retries"] == 1
    assert [each.step for each in advances] == [1, 2, 3, 4, 5, 6]
    assert picture.recipe.control is not None
    assert picture.recipe.control.strength < 0.9
    assert "weaker" in picture.recipe.control.reason
    again = render(mini, {"b": picture.recipe})["b"]
    assert again.data == picture.data
    assert again.metrics["retries"] == 0


def test_long_prompts_are_not_cut(mini: SdxlEngine) -> None:
    filler = "grass " * 40
    one, other = render(mini, {"a": small(filler + "red car"), "b": small(filler + "blue dog")}).values()
    assert one.data != other.data


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (small("a", sampler="dpm"), "sampler"),
        (small("a", num_inference_steps=0), "steps"),
        (small("a", width=65), "multiples"),
        (small("a", width=8), "multiples"),
        (small("a", width=8000, height=8000), "too large"),
        (small("a", guidance_scale=1e9), "guidance"),
        (small("a", control=Control(Technique.MASACTRL)), "parent's recipe"),
        (small("a", control=Control(Technique.IMAGE_TO_IMAGE), source_image="gone"), "not there"),
        (small("a", operation=Operation.UPLOAD), "uploaded"),
    ],
)
def test_what_cannot_run_is_refused_with_a_sentence(mini: SdxlEngine, wanted: Recipe, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        mini.admit("a", wanted, {})
    assert mini.step() == ()


def test_the_same_request_is_not_taken_twice(mini: SdxlEngine) -> None:
    mini.admit("a", CAR, {})
    with pytest.raises(EngineError, match="already"):
        mini.admit("a", CAR, {})
    mini.cancel("a")


def test_an_engine_that_is_not_loaded_says_so(tmp_path: Path) -> None:
    engine = mini_engine(tmp_path)
    assert Technique.PROMPT_TO_PROMPT in engine.abilities.techniques
    engine.cancel("a")
    with pytest.raises(EngineError, match="load"):
        engine.step()
