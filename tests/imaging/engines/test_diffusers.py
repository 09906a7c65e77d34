"""Pipelines of diffusers as an engine, on tiny random weights of each class that were built offline."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bot.settings import Settings
from imaging.engine import Advance
from imaging.engines.diffusers_pipelines import ENGINE, DiffusersEngine
from imaging.engines.pipelines import drawing, opening
from imaging.engines.pipelines.folder import WORDS, open_folder
from imaging.engines.pipelines.previews import Previews
from imaging.engines.pipelines.traits import TRAITS, Packing, traits_of
from imaging.errors import DeviceLost, EngineError
from imaging.findings import Finding, Level
from imaging.model import Control, Operation, Recipe, Reference, RenderedPicture, Role, Technique
from imaging.outputs import read_recipe
from tests.imaging.engines.tiny import recipe as plain_recipe
from tests.imaging.engines.tiny_pipelines import MAKERS, SIDE, save

KLEIN = "Flux2KleinPipeline"
QWEN_EDIT = "QwenImageEditPlusPipeline"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipelines")
    for name in MAKERS:
        save(name, folder / name)
    return folder


@pytest.fixture(scope="module")
def klein(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DiffusersEngine]:
    engine = opened(folders / KLEIN, tmp_path_factory.mktemp("home"))
    yield engine
    engine.close()


def engine_at(folder: Path | str, home: Path, **options: Any) -> DiffusersEngine:
    return DiffusersEngine(str(folder), home, "cpu", {"precision": "float32", "side": SIDE} | options)


def opened(folder: Path | str, home: Path, **options: Any) -> DiffusersEngine:
    engine = engine_at(folder, home, **options)
    engine.load()
    return engine


def recipe(words: str = "a red fox", **changes: Any) -> Recipe:
    fields: dict[str, Any] = {"engine": "diffusers", "sampler": "diffusers", "width": SIDE, "height": SIDE}
    return plain_recipe(words, **(fields | changes))


@pytest.fixture
def small_qwen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Qwen's editors look at pictures of 1024² pixels, whatever is asked for."""
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_inpaint, pipeline_qwenimage_edit_plus

    monkeypatch.setattr(pipeline_qwenimage_edit_plus, "CONDITION_IMAGE_SIZE", SIDE * SIDE)
    monkeypatch.setattr(pipeline_qwenimage_edit_plus, "VAE_IMAGE_SIZE", SIDE * SIDE)
    usual = pipeline_qwenimage_edit_inpaint.calculate_dimensions
    monkeypatch.setattr(
        pipeline_qwenimage_edit_inpaint, "calculate_dimensions", lambda area, ratio: usual(SIDE * SIDE, ratio)
    )


def png(image: Image.Image) -> tuple[str, bytes]:
    out = io.BytesIO()
    image.save(out, "PNG")
    return hashlib.sha256(out.getvalue()).hexdigest(), out.getvalue()


def noise(seed: int = 0, size: tuple[int, int] = (SIDE, SIDE)) -> tuple[str, bytes]:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return png(Image.fromarray(pixels, "RGB"))


def pixels(data: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def drain(engine: DiffusersEngine, id: str = "a") -> list[Advance]:
    """Until it has ended; a step that has nothing to say says nothing."""
    found: list[Advance] = []
    while not found or (found[-1].picture is None and found[-1].error is None):
        found += engine.step()
    assert {advance.id for advance in found} == {id}
    return found


def draw(engine: DiffusersEngine, wanted: Recipe, images: Mapping[str, bytes] | None = None) -> RenderedPicture:
    engine.admit("a", wanted, images or {})
    last = drain(engine)[-1]
    assert last.error is None, last.error
    assert last.picture is not None
    return last.picture


def changed(technique: Technique = Technique.INSTRUCTION, **changes: Any) -> Recipe:
    sha = noise()[0]
    control = Control(technique, 0.5, options=changes.pop("options", {}))
    return recipe("a blue fox", operation=Operation.EDIT, control=control, source_image=sha, **changes)


def test_what_an_engine_can_do_is_known_without_torch(folders: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from imaging.engine_table import EngineSpec, build_engine\n"
        f"spec = EngineSpec('diffusers', {{'model': {str(folders / KLEIN)!r}}})\n"
        f"print(build_engine(spec, Path({str(tmp_path)!r})).abilities.references, 'torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["3", "False"]


@pytest.mark.parametrize("name", [name for name in MAKERS if name != QWEN_EDIT])
def test_each_class_draws_and_the_same_seed_gives_the_same_bytes(name: str, folders: Path, tmp_path: Path) -> None:
    engine = opened(folders / name, tmp_path)
    try:
        engine.admit("a", recipe(), {})
        assert engine.room == 0
        said = drain(engine)
        picture = said[-1].picture
        assert picture is not None, said[-1].error
        steps = [(advance.step, advance.total) for advance in said[:-1]]
        assert steps == [(step, 4) for step in range(1, 5)]
        assert any(advance.preview for advance in said[:-1])
        assert (picture.width, picture.height) == (SIDE, SIDE)
        assert pixels(picture.data).std() > 0
        assert draw(engine, recipe()).data == picture.data
        assert draw(engine, recipe(seed=2)).data != picture.data
        stored = read_recipe(picture.data)
        assert stored.model == name
        assert stored.setup == {"pipeline": name}
        assert len(stored.hashes[name]) == 64
    finally:
        engine.close()


def test_what_each_class_can_do_is_declared_from_its_files(folders: Path, tmp_path: Path) -> None:
    editor = engine_at(folders / KLEIN, tmp_path).abilities
    assert editor.techniques == {Technique.NONE, Technique.INSTRUCTION, Technique.INPAINTING}
    assert (editor.references, editor.roles, editor.named_regions) == (3, frozenset(Role), False)
    assert (editor.num_inference_steps, editor.guidance_scale) == (4, 1.0)  # distilled, says the folder
    assert editor.sizes["square"] == (SIDE, SIDE)
    kontext = engine_at(folders / "FluxKontextPipeline", tmp_path).abilities
    assert (kontext.references, kontext.roles) == (0, frozenset())
    plain = engine_at(folders / "ZImagePipeline", tmp_path, steps=9, guidance=0.0, side=0).abilities
    assert plain.techniques == {Technique.NONE, Technique.SAME_SEED}
    assert (plain.num_inference_steps, plain.guidance_scale, plain.sizes["square"]) == (9, 0.0, (1024, 1024))


def test_an_edit_looks_at_its_parent_and_at_the_others(klein: DiffusersEngine) -> None:
    first, second = noise(0), noise(1)
    images = dict((first, second))
    alone = draw(klein, changed(), images)
    both = draw(klein, changed(references=(Reference(second[0]),)), images)
    style = draw(klein, changed(references=(Reference(second[0], Role.STYLE),)), images)
    new = draw(klein, recipe("a blue fox", references=(Reference(second[0], Role.STYLE),)), images)
    other = draw(klein, changed(), {first[0]: second[1]})
    assert len({each.data for each in (alone, both, style, new, other)}) == 5
    assert alone.data == draw(klein, changed(), images).data


def test_an_engine_that_only_edits_draws_nothing_new(folders: Path, tmp_path: Path, small_qwen: None) -> None:
    engine = opened(folders / QWEN_EDIT, tmp_path)
    first, second = noise(0), noise(1)
    try:
        with pytest.raises(EngineError, match="only changes pictures"):
            engine.admit("a", recipe(), {})
        edited = draw(engine, changed(), dict((first,)))
        assert draw(engine, changed(), dict((first,))).data == edited.data
        both = changed(references=(Reference(second[0]), Reference(first[0])))
        assert draw(engine, both, dict((first, second))).data != edited.data
    finally:
        engine.close()
    settings = {"diffusers_model": str(folders / QWEN_EDIT)}
    assert ENGINE.missing({**settings, "engine": "sdxl"}) == ()
    (told,) = ENGINE.missing({**settings, "engine": "diffusers"})
    assert "EASEL_EDIT_ENGINE=diffusers" in told


@pytest.mark.parametrize("name", [KLEIN, "FluxKontextPipeline", QWEN_EDIT])
def test_outside_of_a_mask_every_byte_is_the_parents(
    name: str, folders: Path, tmp_path: Path, small_qwen: None
) -> None:
    parent = noise()
    may = Image.new("L", (SIDE, SIDE), 0)
    may.paste(255, (8, 8, 40, 40))
    mask = png(may)
    engine = opened(folders / name, tmp_path)
    try:
        masked = draw(engine, changed(Technique.INPAINTING, mask=mask[0]), dict((parent, mask)))
        wider = draw(engine, changed(Technique.INPAINTING, options={"left": 16.0}, width=SIDE + 16), dict((parent,)))
        if engine.abilities.references > 1:
            both = changed(Technique.INPAINTING, mask=mask[0], references=(Reference(noise(1)[0]),) * 2)
            left_out = draw(engine, both, dict((parent, mask, noise(1))))
            assert "were left out" in left_out.recipe.notes[-1]
    finally:
        engine.close()
    before, after = pixels(parent[1]), pixels(masked.data)
    outside = np.asarray(may) == 0
    assert (before[outside] == after[outside]).all()
    assert (before[~outside] != after[~outside]).any()
    assert (wider.width, wider.height) == (SIDE + 16, SIDE)
    assert (pixels(wider.data)[:, 16:] == before).all()


def test_sizes_between_multiples_are_delivered_as_asked(klein: DiffusersEngine) -> None:
    drawn = draw(klein, recipe(width=72, height=56))
    assert (drawn.width, drawn.height) == (72, 56)
    assert (drawn.recipe.width, drawn.recipe.height) == (72, 56)


def test_a_cancelled_picture_ends_at_its_next_step_and_the_next_is_as_ever(klein: DiffusersEngine) -> None:
    alone = draw(klein, recipe())
    klein.admit("long", recipe(num_inference_steps=150), {})
    while not klein.step():
        pass
    klein.cancel("long")
    klein.cancel("unknown")
    assert klein.step() == ()
    # The worker gives the next one at once; it waits for the step that is under way, and no longer.
    assert draw(klein, recipe()).data == alone.data
    assert klein.room == 1


def test_what_cannot_be_drawn_is_a_sentence_and_nothing_stays_behind(
    klein: DiffusersEngine, folders: Path, tmp_path: Path
) -> None:
    with pytest.raises(EngineError, match="no longer there"):
        klein.admit("a", changed(), {})
    second = noise(1)
    many = changed(references=(Reference(second[0]),) * 4)
    with pytest.raises(EngineError, match="looks at 4 pictures at most, and this one has 5"):
        klein.admit("a", many, dict((noise(), second)))
    with pytest.raises(EngineError, match="more than this engine draws"):
        klein.admit("a", recipe(width=4096, height=4096), {})
    small = png(Image.new("L", (8, 8), 255))
    with pytest.raises(EngineError, match="8 × 8 pixels, but its picture 64 × 64"):
        klein.admit("a", changed(Technique.INPAINTING, mask=small[0]), dict((noise(), small)))
    engine = opened(folders / "ZImagePipeline", tmp_path)
    with pytest.raises(EngineError, match="cannot look at pictures"):
        engine.admit("a", changed(), dict((noise(),)))
    engine.close()
    assert klein.room == 1


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "not enough memory"),
        (ValueError("what nobody thought of"), "failed on this picture"),
    ],
)
def test_a_call_that_breaks_is_its_pictures_own_fault(
    klein: DiffusersEngine, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    def broken(*args: Any, **named: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(drawing, "_image", broken)
        klein.admit("a", recipe(), {})
        last = drain(klein)[-1]
    assert last.error is not None
    assert sentence in last.error
    draw(klein, recipe())


def test_a_lost_device_ends_the_process(klein: DiffusersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*args: Any, **named: Any) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(drawing, "_image", lost)
    klein.admit("a", recipe(), {})
    with pytest.raises(DeviceLost):
        drain(klein)


def test_no_numbers_are_no_picture(folders: Path, tmp_path: Path) -> None:
    engine = opened(folders / KLEIN, tmp_path)
    assert engine._opened is not None
    next(engine._opened.pipe.vae.parameters()).fill_(float("nan"))
    for part in engine._opened.pipe.vae.decoder.parameters():
        part.fill_(float("nan"))
    engine.admit("a", recipe(), {})
    last = drain(engine)[-1]
    engine.close()
    assert last.error is not None
    assert "no numbers" in last.error


def test_files_that_are_wrong_are_told_in_a_sentence(folders: Path, tmp_path: Path) -> None:
    def copy(name: str) -> Path:
        return Path(shutil.copytree(folders / KLEIN, tmp_path / name))

    cases: list[tuple[Path | str, str]] = [
        (tmp_path / "nowhere", "no model at"),
        (tmp_path, "no readable model_index.json"),
    ]
    file = tmp_path / "one.safetensors"
    file.write_bytes(b"")
    cases.append((file, "is one file"))
    folder = copy("other")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": "NobodysPipeline"}))
    cases.append((folder, "does not have"))
    folder = copy("own_code")
    (folder / "model_index.json").write_text(json.dumps(index | {"transformer": ["their_code", "Model"]}))
    cases.append((folder, "code of its own"))
    for name, part in (("no_part", "vae"), ("no_weights", "transformer")):
        folder = copy(name)
        for each in (folder / part).iterdir():
            if name == "no_part" or each.suffix == ".safetensors":
                each.unlink()
        if name == "no_part":
            (folder / part).rmdir()
        cases.append((folder, f"its {part}"))
    folder = copy("damaged")
    weights = next((folder / "vae").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1000])
    cases.append((folder, "damaged"))
    folder = copy("lacking")
    from safetensors.torch import load_file, save_file

    weights = next((folder / "transformer").glob("*.safetensors"))
    tensors = load_file(weights)
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, weights)
    cases.append((folder, "incomplete"))
    for model, sentence in cases:
        with pytest.raises(EngineError, match=sentence) as refused:
            opened(model, tmp_path)
        assert str(tmp_path) not in str(refused.value) or model == tmp_path / "nowhere"


def test_without_a_hub_there_is_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EngineError, match=r"hub cannot be reached .* or give a folder"):
        engine_at("nobody/no-such-pipeline", tmp_path)


def test_of_a_hub_id_no_weights_are_needed_to_know_it(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def fetch(id: str, wanted: Any) -> Path:
        listed = [str(file.relative_to(folders / KLEIN)) for file in (folders / KLEIN).rglob("*") if file.is_file()]
        asked.append(list(wanted([*listed, "klein.safetensors", "vae/diffusion_pytorch_model.fp16.safetensors"])))
        return folders / KLEIN

    monkeypatch.setattr("imaging.engines.hub.fetch", fetch)
    engine = engine_at("somebody/klein", tmp_path)
    assert asked == [list(WORDS)]
    assert engine.abilities.model == "somebody/klein"
    open_folder("somebody/klein", weights=True)
    weights = {name for name in asked[1] if name.endswith(".safetensors")}
    assert {Path(name).parent.name for name in weights} == {"transformer", "vae", "text_encoder"}
    assert not any(".fp16." in name for name in weights)


def examined(**settings: Any) -> dict[str, Finding]:
    async def ask(*args: Any, **named: Any) -> Any:
        raise OSError

    found = asyncio.run(ENGINE.examine(Settings(_env_file=None, **settings).model_dump(), ask))
    return {finding.what: finding for finding in found}


def test_doctor_tells_class_weight_and_licence(folders: Path, tmp_path: Path) -> None:
    found = examined(diffusers_model=str(folders / KLEIN))
    assert {finding.level for finding in found.values()} == {Level.OK}
    assert "takes masks" in found["diffusers model"].sentence
    assert "GiB" in found["diffusers weights"].sentence
    assert "Apache" in found["diffusers licence"].sentence
    kontext = examined(diffusers_model=str(folders / "FluxKontextPipeline"))["diffusers licence"]
    assert kontext.level is Level.WARNING
    assert "forbid use at work" in kontext.sentence
    # The larger klein has a licence of its own, and a model's card says its own.
    larger = Path(shutil.copytree(folders / KLEIN, tmp_path / "larger"))
    config = json.loads((larger / "transformer" / "config.json").read_text())
    (larger / "transformer" / "config.json").write_text(json.dumps(config | {"joint_attention_dim": 12288}))
    assert "forbid" in examined(diffusers_model=str(larger))["diffusers licence"].sentence
    (larger / "README.md").write_text("---\nlicense: other\nlicense_name: mit\n---\nA model.")
    assert examined(diffusers_model=str(larger))["diffusers licence"].level is Level.OK
    gone = examined(diffusers_model=str(tmp_path / "gone"))["diffusers model"]
    assert gone.level is Level.BROKEN


def test_a_class_that_is_not_in_the_table_is_read_from_its_signature(folders: Path, tmp_path: Path) -> None:
    found = traits_of("FluxPipeline")
    assert (found.known, found.guided_by, found.negative, found.images, found.steps) == (
        False, "true_cfg_scale", True, 0, 28,
    )  # fmt: skip
    painter = traits_of("StableDiffusionXLInpaintPipeline")
    assert painter.inpaint == "StableDiffusionXLInpaintPipeline"
    assert painter.starts_late
    upscaler = traits_of("StableDiffusionUpscalePipeline")
    assert (upscaler.images, upscaler.starts_late, upscaler.guidance, upscaler.steps) == (1, False, 9.0, 75)
    for name, sentence in (
        ("NobodysPipeline", "does not have"),
        ("../pipeline", "does not have"),
        ("StableVideoDiffusionPipeline", "draws nothing from words"),
        ("WanPipeline", "makes films"),
        ("StableDiffusion3ControlNetPipeline", "wants control_image"),
        ("LucyEditPipeline", "makes films"),
    ):
        with pytest.raises(EngineError, match=sentence):
            traits_of(name)
    unknown = Path(shutil.copytree(folders / "ZImagePipeline", tmp_path / "unknown"))
    index = json.loads((unknown / "model_index.json").read_text())
    (unknown / "model_index.json").write_text(json.dumps(index | {"_class_name": "FluxPipeline"}))
    told = examined(diffusers_model=str(unknown))
    assert told["diffusers class"].level is Level.WARNING
    assert "read from its signature" in told["diffusers class"].sentence


@pytest.mark.parametrize("kind", ["", "Img2Img", "Inpaint"])
def test_such_a_class_draws_what_its_signature_takes(kind: str, tiny_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    index = json.loads((folder / "model_index.json").read_text())
    name = f"StableDiffusionXL{kind}Pipeline"
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": name}))
    engine = opened(folder, tmp_path)
    parent, mask = noise(), png(Image.linear_gradient("L").resize((SIDE, SIDE)))
    images = dict((parent, mask))
    try:
        if kind:
            redrawn = draw(engine, changed(Technique.IMAGE_TO_IMAGE), images)
            assert (pixels(redrawn.data) != pixels(parent[1])).any()
            with pytest.raises(EngineError, match="only changes pictures"):
                engine.admit("a", recipe(), {})
        else:
            assert draw(engine, recipe()).data == draw(engine, recipe()).data
        if kind == "Inpaint":
            masked = draw(engine, changed(Technique.INPAINTING, mask=mask[0]), images)
            assert (pixels(masked.data)[0] == pixels(parent[1])[0]).all()
    finally:
        engine.close()


def test_what_the_models_own_checker_refuses_is_moderated(
    klein: DiffusersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blackened(**arguments: Any) -> SimpleNamespace:
        return SimpleNamespace(images=torch.zeros(1, 3, SIDE, SIDE), nsfw_content_detected=[True])

    monkeypatch.setattr(opening.Opened, "place", lambda opened, paints: blackened)
    klein.admit("a", recipe(), {})
    last = drain(klein)[-1]
    assert (last.moderated, last.retryable, last.picture) == (True, False, None)


def test_the_table_says_what_the_classes_take() -> None:
    import inspect

    import diffusers

    for name, traits in TRAITS.items():
        arguments = inspect.signature(getattr(diffusers, name).__call__).parameters
        assert traits.guided_by in arguments
        assert ("image" in arguments) == bool(traits.images)
        assert "callback_on_step_end" in arguments
        if traits.negative:
            assert "negative_prompt" in arguments
        if traits.inpaint:
            paints = inspect.signature(getattr(diffusers, traits.inpaint).__call__).parameters
            assert {"image", "mask_image", "strength"} <= paints.keys()
            assert ("image_reference" in paints) == traits.reference


def test_weights_lie_where_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = {"transformer": 4 << 30, "text_encoder": 4 << 30}
    card = torch.device("cuda")
    for gib, where in ((24, "none"), (12, "model"), (8, "sequential")):
        monkeypatch.setattr(opening, "free_memory", lambda device, gib=gib: gib << 30)
        assert opening.planned(weights, card, torch.bfloat16) == where
    assert opening.planned(weights, torch.device("cpu"), torch.bfloat16) == "none"


def test_a_preview_is_where_the_flow_leads(klein: DiffusersEngine) -> None:
    """Along a straight line from noise to a picture, two steps say where it ends."""
    assert klein._opened is not None
    pipe = klein._opened.pipe
    previews = Previews(pipe, Packing.FLUX2, (SIDE, SIDE))
    draw = torch.Generator().manual_seed(0)
    end, start = (torch.randn(1, 256, 8, generator=draw) for _ in range(2))
    pipe.scheduler.set_timesteps(4)
    pipe.scheduler.set_begin_index(0)
    pipe.scheduler._step_index = 1
    sigmas = [float(sigma) for sigma in pipe.scheduler.sigmas]
    previews.seen(end + (start - end) * sigmas[1])
    pipe.scheduler._step_index = 2
    assert torch.allclose(previews.seen(end + (start - end) * sigmas[2]), end, atol=1e-5)


@pytest.mark.slow
def test_a_host_draws_edits_and_renders_again(folders: Path, tmp_path: Path) -> None:
    """The whole program with its worker, as a host starts it."""
    home, script, again = tmp_path / "home", tmp_path / "script", tmp_path / "again.png"
    script.write_text("draw a red fox\nmake it blue\n")
    variables = {
        **os.environ,
        "EASEL_DIFFUSERS_MODEL": str(folders / KLEIN),
        "EASEL_DIFFUSERS_SIZE": str(SIDE),
        "EASEL_HOME": str(home),
    }

    def easel(*arguments: str) -> str:
        command = [sys.executable, "-m", "bot", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=variables).stdout

    said = easel("chat", "--engine", "diffusers", "--script", str(script), "--json")
    new, edit = (json.loads(line)["pictures"][0] for line in said.splitlines())
    assert (new["operation"], edit["operation"], edit["parents"]) == ("image", "edit", [1])
    assert edit["recipe"]["control"]["technique"] == "instruction-edit"
    easel("render", edit["path"], "--as-stored", "-o", str(again))
    stored = hashlib.sha256(again.read_bytes()).hexdigest()
    assert list((home / "pictures").rglob(f"{stored}*"))
