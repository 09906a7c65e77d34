"""Recipes name what a picture was made with, never where it lies, and a rendering says what is another thing now."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from bot.cli import main
from bot.commands import render as command
from bot.settings import Settings
from handlers.recipes import _base
from imaging.engines.mini import mini_engine
from imaging.engines.sdxl import SdxlEngine, sdxl_engine
from imaging.model import Recipe, RenderedPicture, Technique
from imaging.origins import differences, public_name, same_model, sha256_of
from imaging.outputs import read_recipe
from tests.imaging.engines import original_names
from tests.imaging.engines.tiny import edit, recipe, render

LAYER = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"


@pytest.fixture(scope="module")
def place(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A host's folder with a model in one file, its configuration beside it, and a LoRA."""
    folder = tmp_path_factory.mktemp("secret-place")
    shutil.copytree(tiny_folder, folder / "drawings", ignore=shutil.ignore_patterns("*.safetensors", "ip"))
    original_names.write(tiny_folder, folder / "drawings.safetensors")
    draw = torch.Generator().manual_seed(0)
    lora = {
        f"{LAYER}.lora_{side}.weight": torch.randn(shape, generator=draw)
        for side, shape in (("A", (2, 64)), ("B", (64, 2)))
    }
    save_file(lora, folder / "ink.safetensors")
    return folder


def loaded(place: Path, **more: Any) -> SdxlEngine:
    found = sdxl_engine(str(place / "drawings.safetensors"), place, "cpu", precision="float32", **more)
    found.load()
    return found


def drawn(engine: SdxlEngine, wanted: Recipe) -> RenderedPicture:
    return render(engine, {"a": wanted})["a"]


def small(**changes: Any) -> Recipe:
    return recipe("a fox", num_inference_steps=1, guidance_scale=1.0, **{"engine": "sdxl", **changes})


def test_a_recipe_names_model_and_loras_with_their_hashes_and_no_place(place: Path) -> None:
    engine = loaded(place, loras=[(str(place / "ink.safetensors"), 0.5)], clip_skip=1)
    assert engine.abilities.model == "drawings.safetensors"
    # An edit whose source still has the path that earlier recipes had.
    old = small(model=str(place / "drawings.safetensors"))
    picture = drawn(engine, edit(old, "a red fox", Technique.MASACTRL, {}, engine="sdxl", num_inference_steps=1))
    made = read_recipe(picture.data)
    assert made == picture.recipe
    assert made.model == "drawings.safetensors"
    assert made.loras == (("ink.safetensors", 0.5),)
    for name in ("drawings.safetensors", "ink.safetensors"):
        assert made.hashes[name] == hashlib.sha256((place / name).read_bytes()).hexdigest()
    assert made.setup == {"clip_skip": "1"}
    assert made.source is not None
    assert made.source.model == "drawings.safetensors"
    assert b"secret-place" not in picture.data
    assert "secret-place" not in json.dumps(made.to_json())
    again = drawn(engine, made)
    assert again.data == picture.data
    assert differences(made, again.recipe) == []


def test_older_recipes_keep_rendering_and_their_edits_keep_their_source(place: Path) -> None:
    engine = loaded(place)
    old = small(model=str(place / "drawings.safetensors"))
    assert "hashes" not in old.to_json()
    assert Recipe.from_json(old.to_json()) == old
    first, second = drawn(engine, old), drawn(engine, small(model="drawings.safetensors"))
    assert first.data == second.data
    assert differences(old, first.recipe) == []

    @dataclasses.dataclass
    class Parent:
        recipe: Recipe

    assert _base(Parent(old), engine.abilities) is not None  # type: ignore[arg-type]
    assert _base(Parent(dataclasses.replace(old, model="/m/other.safetensors")), engine.abilities) is None  # type: ignore[arg-type]


def test_pictures_of_the_bundled_model_say_no_more_than_before(tmp_path: Path) -> None:
    engine = mini_engine(tmp_path, precision="float32")
    engine.load()
    wanted = recipe("a cat", model=engine.abilities.model, width=128, height=128, num_inference_steps=1)
    picture = render(engine, {"a": wanted})["a"]
    assert picture.recipe == wanted
    assert not {"hashes", "setup"} & read_recipe(picture.data).to_json().keys()


def test_every_difference_has_a_sentence() -> None:
    then = small(
        model="a.safetensors",
        loras=(("ink", 0.5), ("gone", 1.0)),
        hashes={"a.safetensors": "1" * 64, "ink": "2" * 64},
        setup={"vae": "x"},
    )
    now = small(
        model="a.safetensors",
        loras=(("ink", 0.8), ("new", 1.0)),
        hashes={"a.safetensors": "3" * 64, "ink": "2" * 64},
    )
    assert differences(then, now) == [
        "the LoRA gone at 1 is not loaded here",
        "the LoRA ink was at 0.5, here it is at 0.8",
        "the LoRA new at 1 is loaded here and was not then",
        "the file a.safetensors is another one: 111111111111 then, 333333333333 now",
        "vae was x, here it is unset",
    ]
    other = dataclasses.replace(now, model="b")
    assert differences(small(model="/secret/a.safetensors"), other)[0] == "the model was a.safetensors, here it is b"
    # What an older recipe does not say is not called a difference.
    assert differences(small(model="/secret/a.safetensors"), now) == []


def test_names_for_people_and_hashes_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder, home = tmp_path / "models", tmp_path / "home"
    (folder / "unet").mkdir(parents=True)
    file = folder / "unet" / "a.safetensors"
    file.write_bytes(b"one")
    assert public_name(str(file)) == public_name("models/unet/a.safetensors") == "a.safetensors"
    assert public_name("~/x/y.safetensors") == "y.safetensors"
    assert public_name("owner/name") == "owner/name"
    assert public_name("owner/name/deep/file.safetensors") == "owner/name/deep/file.safetensors"
    assert same_model("/x/a.safetensors", "a.safetensors")
    assert not same_model("owner/a", "a")
    before = sha256_of(file, home), sha256_of(folder, home)
    assert before[0] == hashlib.sha256(b"one").hexdigest()
    known = json.loads((home / "hashes.json").read_text())
    assert (sha256_of(file, home), sha256_of(folder, home)) == before
    file.write_bytes(b"another")
    assert sha256_of(file, home) == hashlib.sha256(b"another").hexdigest()
    assert sha256_of(folder, home) != before[1]
    assert set(known) < set(json.loads((home / "hashes.json").read_text()))
    # The hub's cache names a large file by its hash; such a name is believed.
    blob = tmp_path / ("c" * 64)
    blob.write_bytes(b"x")
    link = tmp_path / "hub.safetensors"
    link.symlink_to(blob)
    assert sha256_of(link, home) == "c" * 64
    (home / "hashes.json").write_text("[")
    assert sha256_of(file, home) == hashlib.sha256(b"another").hexdigest()


@pytest.mark.parametrize("now", [0.8, 0.5])
def test_render_says_what_is_another_thing_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], now: float
) -> None:
    wanted = small(
        model="drawings.safetensors", loras=(("ink.safetensors", 0.5),), hashes={"ink.safetensors": "1" * 64}
    )

    async def rendered(settings: Settings, recipe: Recipe) -> RenderedPicture:
        made = dataclasses.replace(recipe, loras=(("ink.safetensors", now),))
        return RenderedPicture(b"picture", "image/png", 8, 8, made, 0.1)

    monkeypatch.setattr(command, "render", rendered)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EASEL_ENGINE", "sdxl")
    monkeypatch.setenv("EASEL_SDXL_MODEL", "drawings.safetensors")
    (tmp_path / "was.json").write_text(json.dumps(wanted.to_json()))
    assert main(["render", "was.json", "-o", "again.png", "--as-stored", "--home", str(tmp_path / "home")]) == 0
    assert (tmp_path / "again.png").read_bytes() == b"picture"
    said = "This is not the recipe's picture again: the LoRA ink.safetensors was at 0.5, here it is at 0.8.\n"
    assert capsys.readouterr().err == (said if now == 0.8 else "")
