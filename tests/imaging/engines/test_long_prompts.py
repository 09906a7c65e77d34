"""A prompt for which there is no room says in the recipe what was left out."""

from __future__ import annotations

from pathlib import Path

from imaging.engines.encoding import MAX_CHUNKS
from imaging.engines.sdxl import sdxl_engine
from imaging.outputs import read_recipe
from tests.imaging.engines.tiny import recipe, render


def test_the_end_of_a_prompt_that_is_too_long_stands_in_the_notes(tiny_folder: Path, tmp_path: Path) -> None:
    engine = sdxl_engine(str(tiny_folder), tmp_path, "cpu", precision="float32")
    engine.load()
    long = " ".join(["fox"] * (77 * MAX_CHUNKS * 3)) + " beside a lighthouse"
    wanted = recipe(long, num_inference_steps=1, negative_prompt=long)
    done = render(engine, {"a": wanted, "b": recipe("a fox", num_inference_steps=1)})
    first, second = done["a"].recipe.notes
    assert first.startswith("Left out at the end of the prompt, which is too long: ")
    assert "lighthouse" in first or len(first) > 400
    assert "negative prompt" in second
    assert read_recipe(done["a"].data) == done["a"].recipe
    assert not done["b"].recipe.notes
    again = render(engine, {"c": done["a"].recipe})["c"]
    assert again.data == done["a"].data
