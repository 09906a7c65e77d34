"""A new image model is one file and one row; settings, the command line, doctor and the worker follow."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from tests.newcomers.tree import Tree

SETTING = """
    tint_colour: str = _group("Pictures", "Colour of everything that the engine tint draws.", "")
"""
FILE = '''
"""Draws one colour."""

from imaging.engine import Advance, Declaration
from imaging.errors import EngineError
from imaging.findings import ok, warning
from imaging.model import Abilities, RenderedPicture

SIZES = {"square": (64, 64), "wide": (96, 64), "tall": (64, 96)}


class TintEngine:
    def __init__(self, colour):
        self.abilities = Abilities("tint", colour, frozenset(), SIZES, 1, 1.0, "euler")
        self.flying = {}
        self.room = 4

    def load(self):
        pass

    def admit(self, id, recipe, images):
        self.flying[id] = recipe

    def cancel(self, id):
        self.flying.pop(id, None)

    def close(self):
        pass

    def step(self):
        from PIL import Image
        from imaging.outputs import encode_picture

        done, self.flying = self.flying, {}
        return [Advance(id, 1, 1, picture=self.picture(recipe, Image, encode_picture)) for id, recipe in done.items()]

    def picture(self, recipe, Image, encode_picture):
        size = (recipe.width, recipe.height)
        data = encode_picture(Image.new("RGB", size, self.abilities.model), recipe)
        return RenderedPicture(data, "image/png", *size, recipe, 0.01, {})


class Tint(Declaration):
    def options(self, settings):
        return {"colour": settings["tint_colour"]}

    def missing(self, settings):
        return () if settings["tint_colour"] else ("EASEL_TINT_COLOUR is empty, but EASEL_ENGINE=tint needs a colour.",)

    async def examine(self, settings, ask):
        return [warning("picture model", f"everything will be {settings['tint_colour']}")]

    def build(self, options, home, device):
        return TintEngine(options["colour"])


ENGINE = Tint()
'''
RECIPE = {
    "engine": "tint", "model": "red", "operation": "image", "description": "a fox", "prompt": "a fox",
    "negative_prompt": "", "seed": 1, "width": 64, "height": 64, "num_inference_steps": 1, "guidance_scale": 1.0,
    "sampler": "euler", "version": 1,
}  # fmt: skip


@pytest.mark.slow
def test_an_engine_is_one_file_and_one_row(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "easel")
    tree.add("imaging/engines/tint.py", FILE)
    row = '        EngineRow("sdxl", "checkpoint", "sdxl"),\n'
    tree.after("imaging/engine_table.py", row, '        EngineRow("tint", "colour", "tint"),\n')
    key = '    images_api_key: SecretStr = _group("Pictures", "Its key.", SecretStr(""))\n'
    tree.after("bot/settings.py", key, SETTING)
    assert tree.touched == {"imaging/engines/tint.py", "imaging/engine_table.py", "bot/settings.py"}

    assert "mini, sdxl, tint, diffusers, openai or comfyui" in tree.easel("render", "--help")
    told = "sdxl (checkpoint), tint (colour), diffusers (pipelines), openai (endpoint), comfyui (workflows)"
    assert told in tree.easel("settings", "--example")
    home = ("--home", str(tmp_path / "home"))
    assert "EASEL_TINT_COLOUR is empty" in tree.easel("doctor", *home, code=1, engine="tint")
    here = {"engine": "tint", "tint_colour": "red", "llm_base_url": "http://127.0.0.1:9/v1"}
    found = tree.easel("doctor", *home, code=1, **here)
    assert "warning  picture model: everything will be red" in found
    assert "device: " in found

    recipe, drawn = tmp_path / "fox.json", tmp_path / "fox.png"
    recipe.write_text(json.dumps(RECIPE))
    # The recipe names its engine; the settings choose another.
    tree.easel("render", str(recipe), "-o", str(drawn), *home, tint_colour="red")
    assert Image.open(io.BytesIO(drawn.read_bytes())).getpixel((1, 1)) == (255, 0, 0)
    assert json.loads(tree.easel("recipe", str(drawn)))["engine"] == "tint"
