"""A new consistency technique is one row and one file; the engine, the queue's estimates and the router follow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.newcomers.tree import Tree

ROW = '''
    HALF = "half", Traits(("half",), beside=True, fallbacks=("same-seed",))
    """Half of the parent's latents, kept to the end."""
'''
FILE = '''
"""Keeps the left half of the parent."""

from imaging.controls.control import Control

NUMBERS = {"sdxl": {"share": 0.5}}


def options(strength, numbers, steps):
    return {"share": numbers["share"] * strength}


class Half(Control):
    def __init__(self, share):
        self.share = share

    def reads(self, step):
        return True

    def after(self, share, seen, latents, source):
        kept = latents.clone()
        width = int(latents.shape[-1] * self.share)
        kept[..., :width] = source[..., :width]
        return kept


def make(making):
    return (Half(float(making.options["share"])),)
'''
SCRIPT = """
import json, pathlib, tempfile
import numpy, io
from PIL import Image
from measure.engine import random_sdxl
from imaging.engines.samplers import SAMPLERS
from imaging.engines.options import EngineOptions
from imaging.engines.sdxl import BUILT_IN, SdxlEngine
from imaging.queue.estimates import Estimates
from imaging.model import Abilities, Technique
from tests.imaging.engines.tiny import edit, recipe, render

folder = pathlib.Path(tempfile.mkdtemp())
random_sdxl.build(folder)
side = random_sdxl.SIDE
abilities = Abilities("sdxl", "tiny", BUILT_IN, {"square": (side, side)}, 4, 5.0, "euler")
engine = SdxlEngine(abilities, EngineOptions(str(folder), folder, device="cpu", threads=1))
engine.load()
parent = recipe("a red car")
child = edit(parent, "a blue boat", Technique("half"), {"share": 0.5})
latents = {}
finish = engine._runtime._finisher.finish
engine._runtime._finisher.finish = lambda job: latents.update({job.id: job.target.latents.clone()}) or finish(job)
found = render(engine, {"parent": parent, "child": child})
half = latents["parent"].shape[-1] // 2
print(json.dumps({
    "kept": bool((latents["parent"][..., :half] == latents["child"][..., :half]).all()),
    "other": bool((latents["parent"][..., half:] != latents["child"][..., half:]).any()),
    "rows": Estimates.work(child) / Estimates.work(parent),
    "recorded": found["child"].recipe.control.options["share"],
    "offered": "half" in {technique.value for technique in BUILT_IN},
}))
"""


@pytest.mark.slow
def test_a_technique_is_one_row_and_one_file(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "easel")
    tree.after("imaging/techniques.py", '    """Ye et al. 2023, arXiv 2308.06721."""\n', ROW)
    tree.add("imaging/controls/half.py", FILE)
    assert json.loads(tree.run(SCRIPT)) == {
        "kept": True, "other": True, "rows": 2.0, "recorded": 0.5, "offered": True,
    }  # fmt: skip
    assert tree.touched == {"imaging/techniques.py", "imaging/controls/half.py"}
