"""Families of checkpoints: known by file, name or title, each with numbers and words that a host can override."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from bot.pictures import engine_spec
from bot.questions import ask
from bot.settings import Settings, SettingsError, load_settings
from imaging.engine_table import build_engine, declared
from imaging.engines.families import FAMILIES, Overrides, recognise, sizes
from imaging.engines.loading import Parts, load_parts
from imaging.engines.samplers import SAMPLERS
from imaging.engines.sdxl import SdxlEngine, sdxl_engine
from imaging.errors import EngineError
from imaging.findings import Finding
from prompts.adapter import adapt
from tests.imaging.engines import original_names
from tests.imaging.engines.tiny import pixels, recipe, render

MIDDLE = "middle_block.1.transformer_blocks.0.attn2.to_k"

# As people's files are called: model, LoRAs → families, steps, guidance, sampler, side.
KNOWN: list[tuple[str, list[str], str, int, float, str, int]] = [
    ("stabilityai/stable-diffusion-xl-base-1.0", [], "SDXL", 30, 6.0, "euler", 1024),
    ("/models/sd_xl_base_1.0_0.9vae.safetensors", [], "SDXL", 30, 6.0, "euler", 1024),
    ("stabilityai/sdxl-turbo", [], "SDXL Turbo", 4, 1.0, "euler-trailing", 512),
    ("/m/sd_xl_turbo_1.0_fp16.safetensors", [], "SDXL Turbo", 4, 1.0, "euler-trailing", 512),
    ("/m/dreamshaperXL_v21TurboDPMSDE.safetensors", [], "Turbo", 6, 2.0, "dpmpp_2m_sde-karras", 1024),
    ("ByteDance/SDXL-Lightning", [], "Lightning", 4, 1.0, "euler-trailing", 1024),
    ("/m/sdxl_lightning_2step.safetensors", [], "Lightning", 2, 1.0, "euler-trailing", 1024),
    ("/m/sdxl_lightning_8step.safetensors", [], "Lightning", 8, 1.0, "euler-trailing", 1024),
    ("/m/sdxl_lightning_1step_x0.safetensors", [], "Lightning, one step", 1, 1.0, "euler-trailing", 1024),
    ("/m/base.safetensors", ["/l/sdxl_lightning_4step_lora.safetensors"], "Lightning", 4, 1.0, "euler-trailing", 1024),
    ("/m/base.safetensors", ["ByteDance/Hyper-SD/Hyper-SDXL-4steps-lora.safetensors"], "Hyper-SD", 4, 1.0,
     "ddim-trailing", 1024),
    ("/m/base.safetensors", ["/l/Hyper-SDXL-8steps-CFG-lora.safetensors"], "Hyper-SD, with guidance", 8, 5.0,
     "ddim-trailing", 1024),
    ("/m/base.safetensors", ["/l/dmd2_sdxl_4step_lora_fp16.safetensors"], "DMD2", 4, 1.0, "lcm", 1024),
    ("/m/base.safetensors", ["latent-consistency/lcm-lora-sdxl"], "LCM", 6, 1.5, "lcm", 1024),
    ("playgroundai/playground-v2.5-1024px-aesthetic", [], "Playground 2.5", 30, 3.0, "dpmpp_2m", 1024),
    ("/m/ponyDiffusionV6XL_v6StartWithThisOne.safetensors", [], "Pony", 25, 7.0, "euler_a", 1024),
    ("/m/ponyRealism_V22.safetensors", ["/l/sdxl_lightning_8step_lora.safetensors"], "Lightning + Pony", 8, 1.0,
     "euler-trailing", 1024),
    ("/m/noobaiXLNAIXL_vPred10Version.safetensors", [], "Zero SNR + NoobAI", 28, 5.0, "euler", 1024),
    ("OnomaAIResearch/Illustrious-XL-v1.0", [], "Illustrious", 28, 5.5, "euler_a", 1024),
    ("/m/waiIllustriousSDXL_v150.safetensors", [], "Illustrious", 28, 5.5, "euler_a", 1024),
    ("cagliostrolab/animagine-xl-4.0", [], "Animagine", 28, 5.0, "euler_a", 1024),
    ("segmind/SSD-1B", [], "SSD-1B", 30, 7.5, "euler", 1024),
    # Words that only look like one of them.
    ("/m/hyperrealism_xl.safetensors", [], "SDXL", 30, 6.0, "euler", 1024),
    ("/m/film_style.safetensors", [], "SDXL", 30, 6.0, "euler", 1024),
    ("/lightning/photo.safetensors", [], "SDXL", 30, 6.0, "euler", 1024),
]  # fmt: skip


@pytest.mark.parametrize(("model", "loras", "families", "steps", "guidance", "sampler", "side"), KNOWN)
def test_models_and_loras_are_known_by_their_names(
    model: str, loras: list[str], families: str, steps: int, guidance: float, sampler: str, side: int
) -> None:
    found = recognise(model, loras)
    assert " + ".join(found.families) == families
    assert (found.steps, found.guidance, found.sampler, found.side) == (steps, guidance, sampler, side)


def test_every_row_names_samplers_that_are_there_and_can_be_named() -> None:
    assert {row.sampler for row in FAMILIES if row.sampler is not None} <= SAMPLERS
    for row in FAMILIES:
        assert recognise("x", [], Overrides(family=row.family.upper())).families == (row.family,)


def test_tensors_titles_and_configurations_tell_a_family(tiny_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    for tensor, family in (("edm_mean", "Playground 2.5"), ("edm_vpred.sigma_max", "CosXL")):
        save_file({tensor: torch.zeros(4)}, file)
        assert recognise(str(file)).families == (family,)
    save_file({"ztsnr": torch.zeros(0)}, file)
    assert recognise(str(file)).rescale == 0.7
    assert recognise(str(file), [], Overrides(rescale=0.0)).rescale == 0
    for key in ("modelspec.title", "ss_output_name"):
        save_file({"x": torch.zeros(1)}, file, {key: "my_PonyMix"})
        assert recognise(str(file)).families == ("Pony",)
        assert recognise("base", [str(file)]).families == ("Pony",)
    unet = "model.diffusion_model."
    whole = {f"{unet}{name}.weight": torch.zeros(1) for name in ("input_blocks.0.0", MIDDLE)}
    save_file(whole, file)
    assert recognise(str(file)).families == ("SDXL",)
    del whole[f"{unet}{MIDDLE}.weight"]
    save_file(whole, file)
    assert recognise(str(file)).families == ("SSD-1B",)
    folder = tmp_path / "some"
    shutil.copytree(tiny_folder, folder, ignore=shutil.ignore_patterns("*.safetensors", "ip"))
    config = folder / "unet" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"time_cond_proj_dim": 256}))
    found = recognise(str(folder))
    assert (found.families, found.guidance, found.sampler) == (("LCM, whole",), 8.0, "lcm")
    for damaged in (b"", b"\xff" * 40, b"\x02\0\0\0\0\0\0\0[]"):
        file.write_bytes(damaged)
        assert recognise(str(file)).families == ("SDXL",)


def settings(**given: Any) -> Settings:
    return load_settings(engine="sdxl", **{"sdxl_model": "x/ponyXL", **given})


def findings_of(**given: Any) -> list[Finding]:
    return list(asyncio.run(declared("sdxl").examine(settings(**given).plain(), ask)))


def engine(**given: Any) -> SdxlEngine:
    found = build_engine(engine_spec(settings(**given)), Path())
    assert isinstance(found, SdxlEngine)
    return found


def test_a_host_finds_the_familys_numbers_and_words_and_can_set_each() -> None:
    own = engine().abilities
    assert (own.num_inference_steps, own.guidance_scale, own.sampler) == (25, 7.0, "euler_a")
    adapted = adapt("a fox", style=None, negative="a hat", abilities=own)
    assert adapted.prompt == "score_9, score_8_up, score_7_up, a fox"
    assert adapted.negative_prompt == "a hat, score_6, score_5, score_4"
    mine = engine(
        steps=12,
        guidance=4.5,
        sampler="DPM++ 2M Karras",
        quality_words="none",
        negative_words="blurry",
        native_size=768,
    ).abilities
    assert (mine.num_inference_steps, mine.guidance_scale, mine.sampler) == (12, 4.5, "dpmpp_2m-karras")
    assert mine.sizes == {"square": (768, 768), "wide": (896, 640), "tall": (640, 896)}
    adapted = adapt("a fox", style=None, negative=None, abilities=mine)
    assert (adapted.prompt, adapted.negative_prompt) == ("a fox", "blurry")
    assert engine(guidance=0).abilities.guidance_scale == 0
    assert engine(sdxl_family="animagine").abilities.prompt_suffix.startswith("masterpiece")
    both = engine(sdxl_family="Lightning + Illustrious").abilities
    assert (both.num_inference_steps, both.prompt_prefix) == (4, "masterpiece, best quality")
    assert sizes(1024) == {"square": (1024, 1024), "wide": (1216, 832), "tall": (832, 1216)}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"sampler": "magic"}, "EASEL_SAMPLER: The sampler 'magic' is unknown; there are euler"),
        ({"native_size": 1000}, "EASEL_NATIVE_SIZE: must be a multiple of 64"),
        ({"steps": 900}, "EASEL_STEPS"),
        ({"guidance": 99}, "EASEL_GUIDANCE"),
        ({"clip_skip": 0}, "EASEL_CLIP_SKIP"),
        ({"prediction": "noise"}, "EASEL_PREDICTION"),
        ({"loras": "a=nan"}, "EASEL_LORAS: the weight of 'a' must be a finite number"),
    ],
)
def test_wrong_settings_are_named(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        settings(**given)


def test_doctor_says_what_was_recognised(place: Path) -> None:
    said = declared("sdxl").recognised(settings(steps=9).plain())
    assert said is not None
    assert said.startswith("recognised as Pony: 9 steps, guidance 7, euler_a, 1024 × 1024; words 'score_9")
    assert said.endswith("(set: steps)")
    findings = [str(each) for each in findings_of(sdxl_model=str(place), sdxl_family="Turbo")]
    assert any("recognised as Turbo: 6 steps" in each for each in findings)
    findings = [str(each) for each in findings_of(sdxl_family="nothing")]
    assert any("There is no family 'nothing'; there are: Lightning" in each for each in findings)


def test_doctor_looks_for_loras(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.safetensors", tmp_path / "bad.safetensors"
    save_file({"a": torch.zeros(1), "b": torch.zeros(1)}, good)
    bad.write_bytes(b"no")
    loras = f"{good}=0.5,{bad},{tmp_path}=2,owner/name/x.safetensors,/nowhere/x.safetensors"
    found = {each.sentence: str(each.level) for each in findings_of(loras=loras) if each.what == "lora"}
    assert list(found.values()) == ["ok", "broken", "ok", "warning", "broken"]
    assert next(iter(found)) == "good.safetensors is there, with 2 tensors, at strength 0.5"


@pytest.fixture
def place(tiny_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_folder, tmp_path / "drawings", ignore=shutil.ignore_patterns("*.safetensors", "ip"))
    original_names.write(tiny_folder, tmp_path / "drawings.safetensors")
    return tmp_path / "drawings.safetensors"


def load(model: Path, **more: Any) -> Parts:
    return load_parts(str(model), device=torch.device("cpu"), dtype=torch.float32, **more)


def test_a_vae_of_its_own_in_each_layout(place: Path, tiny_folder: Path, tmp_path: Path) -> None:
    whole = load_file(tiny_folder / "vae" / "diffusion_pytorch_model.safetensors")
    changed = {key: value + 0.25 for key, value in whole.items()}
    folder = tmp_path / "vae"
    shutil.copytree(tiny_folder / "vae", folder)
    file = folder / "diffusion_pytorch_model.safetensors"
    original = {
        k: v for k, v in original_names.original_tensors(tiny_folder).items() if k.startswith("first_stage_model.")
    }
    original = {key: value + 0.25 for key, value in original.items()}
    old = {
        key.replace("to_q", "query")
        .replace("to_k", "key")
        .replace("to_v", "value")
        .replace("to_out.0", "proj_attn"): value
        for key, value in changed.items()
    }
    bare = {key.removeprefix("first_stage_model."): value for key, value in original.items()}
    without = {k: v for k, v in load_file(place).items() if not k.startswith("first_stage_model.")}
    save_file(without, place)
    for model in (place, tiny_folder):
        for tensors in (changed, old, original, bare):
            save_file(tensors, file)
            found = load(model, vae=str(folder)).vae.state_dict()
            assert all(torch.equal(found[key], changed[key]) for key in changed)
    save_file(bare | {"decoder.more.weight": torch.ones(1)}, file)
    with pytest.raises(EngineError, match=r"holds tensors that are none of an SDXL VAE \(decoder\.more\.weight\)\.$"):
        load(place, vae=str(file))
    file.write_bytes(b"no")
    with pytest.raises(EngineError, match=r"^The VAE diffusion_pytorch_model\.safetensors cannot be loaded"):
        load(place, vae=str(file))
    with pytest.raises(EngineError, match="There is no VAE at /nowhere"):
        load(place, vae="/nowhere/x.safetensors")


def test_what_a_host_says_of_a_checkpoint_is_what_it_is(tiny_folder: Path, tmp_path: Path) -> None:
    assert load(tiny_folder, prediction="v_prediction").scheduler["prediction_type"] == "v_prediction"
    usual, last = load(tiny_folder).text, load(tiny_folder, clip_skip=1).text
    assert not torch.equal(usual.encode("a fox", 1).embeds, last.encode("a fox", 1).embeds)
    assert torch.equal(usual.encode("a fox", 1).pooled, last.encode("a fox", 1).pooled)
    with pytest.raises(EngineError, match="EASEL_CLIP_SKIP"):
        load(tiny_folder, clip_skip=9)
    pictures = []
    for overrides in (Overrides(), Overrides(prediction="v_prediction")):
        found = sdxl_engine(str(tiny_folder), tmp_path, "cpu", precision="float32", overrides=overrides)
        found.load()
        pictures.append(pixels(render(found, {"a": recipe("a fox", num_inference_steps=1, guidance_scale=1.0)})["a"]))
    assert pictures[0] != pictures[1]
