"""Checkpoints from folders and files, and one sentence for every broken one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from imaging.engines.loading import choose_device, load_parts
from imaging.engines.mini import mini_abilities
from imaging.engines.sdxl import sdxl_engine
from imaging.errors import EngineError
from imaging.model import Technique
from tests.imaging.engines.tiny import pixels, recipe, render


def broken_folder(folder: Path, how: str) -> Path:
    match how:
        case "empty":
            folder.mkdir(exist_ok=True)
        case "no json":
            (folder / "model_index.json").write_text("{")
        case "other model":
            (folder / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
        case "cut weights":
            file = folder / "unet" / "diffusion_pytorch_model.safetensors"
            file.write_bytes(file.read_bytes()[:1000])
        case "no unet":
            shutil.rmtree(folder / "unet")
        case "bad config":
            (folder / "unet" / "config.json").write_text("[]")
        case _:
            raise AssertionError(how)
    return folder


@pytest.mark.parametrize("how", ["no json", "other model", "cut weights", "no unet", "bad config"])
def test_broken_folders_get_one_sentence(tiny_folder: Path, tmp_path: Path, how: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    with pytest.raises(EngineError, match=r"^[^\n]+\.$"):
        sdxl_engine(str(broken_folder(folder, how)), tmp_path, "cpu", precision="bfloat16").load()
    assert torch.get_default_dtype() is torch.float32


@pytest.mark.parametrize("name", ["missing.safetensors", "garbage.safetensors", "model.ckpt", "no such thing", "empty"])
def test_other_paths_get_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "garbage.safetensors").write_bytes(b"garbage" * 100)
    (tmp_path / "model.ckpt").write_bytes(b"\x80\x04")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EngineError, match=r"^[^\n]+\.$"):
        sdxl_engine(str(tmp_path / name), tmp_path, "cpu").load()


def test_a_folder_renders_and_an_image_prompt_is_offered_with_its_weights(tiny_folder: Path, tmp_path: Path) -> None:
    plain = sdxl_engine(str(tiny_folder), tmp_path, "cpu")
    assert Technique.IP_ADAPTER not in plain.abilities.techniques
    engine = sdxl_engine(str(tiny_folder), tmp_path, "cpu", ip_adapter=str(tiny_folder / "ip"))
    assert Technique.IP_ADAPTER in engine.abilities.techniques
    engine.load()
    picture = render(engine, {"a": recipe("a cat", num_inference_steps=2)})["a"]
    assert (picture.width, picture.height) == (128, 128)


def test_a_lora_is_fused_by_its_weight(tiny_folder: Path, tmp_path: Path) -> None:
    plain = sdxl_engine(str(tiny_folder), tmp_path, "cpu", precision="float32")
    plain.load()
    layers = dict(plain.modules()[0].named_modules())
    name = next(name for name in layers if name.endswith("attn1.to_q"))
    draw = torch.Generator().manual_seed(0)
    down = torch.randn(4, layers[name].in_features, generator=draw)
    up = torch.randn(layers[name].out_features, 4, generator=draw)
    file = tmp_path / "style.safetensors"
    save_file({f"unet.{name}.lora_A.weight": down, f"unet.{name}.lora_B.weight": up}, str(file))
    styled = sdxl_engine(str(tiny_folder), tmp_path, "cpu", loras=[(str(file), 0.5)], precision="float32")
    styled.load()
    fused = dict(styled.modules()[0].named_modules())[name].weight
    assert torch.allclose(fused, layers[name].weight + 0.5 * up @ down, atol=1e-5)
    wanted = {"a": recipe("a cat")}
    assert pixels(render(styled, wanted)["a"]) != pixels(render(plain, wanted)["a"])


def test_a_file_that_is_no_lora_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"garbage")
    with pytest.raises(EngineError, match=r"^The LoRA bad\.safetensors [^\n]+\.$"):
        sdxl_engine(str(tiny_folder), tmp_path, "cpu", loras=[(str(tmp_path / "bad.safetensors"), 0.5)]).load()


def test_an_ip_adapter_for_another_model_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="IP-Adapter"):
        load_parts(str(tiny_folder), device=torch.device("cpu"), dtype=torch.float32, ip_adapter=str(tmp_path))
    folder = tmp_path / "ip"
    shutil.copytree(tiny_folder / "ip", folder)
    from imaging.mini import WEIGHTS

    with pytest.raises(EngineError, match="do not fit"):
        load_parts(str(WEIGHTS), device=torch.device("cpu"), dtype=torch.float32, ip_adapter=str(folder))


def test_an_image_prompt_is_read_as_it_is_published(tiny_folder: Path, tmp_path: Path) -> None:
    """Several adapters in one folder, each with one of two image encoders."""
    adapters, encoder = tmp_path / "sdxl_models", tiny_folder / "ip" / "image_encoder"
    adapters.mkdir()
    weights = load_file(tiny_folder / "ip" / "ip_adapter.safetensors")
    narrow = weights | {"image_proj.proj.weight": weights["image_proj.proj.weight"][:, :16].contiguous()}
    save_file(weights, adapters / "ip-adapter-x_sdxl_vit-h.safetensors")
    save_file(narrow, adapters / "ip-adapter_sdxl.safetensors")
    save_file(narrow, adapters / "lone.safetensors")
    shutil.copytree(encoder, tmp_path / "models" / "image_encoder")
    shutil.copytree(encoder, adapters / "image_encoder")
    config = json.loads((encoder / "config.json").read_text()) | {"projection_dim": 16}
    (adapters / "image_encoder" / "config.json").write_text(json.dumps(config))
    file = adapters / "image_encoder" / "model.safetensors"
    tower = load_file(file)
    tower["visual_projection.weight"] = tower["visual_projection.weight"][:16].contiguous()
    save_file(tower, file)

    def load(source: Path) -> None:
        load_parts(str(tiny_folder), device=torch.device("cpu"), dtype=torch.float32, ip_adapter=str(source))

    load(adapters)  # the one with the usual name
    load(adapters / "ip-adapter-x_sdxl_vit-h.safetensors")
    (adapters / "ip-adapter_sdxl.safetensors").unlink()
    with pytest.raises(EngineError, match=r"several files in .* name the IP-Adapter, as .*vit-h\.safetensors\.$"):
        load(adapters)
    shutil.rmtree(tmp_path / "models")
    with pytest.raises(EngineError, match="is not the one that it was made with"):
        load(adapters / "ip-adapter-x_sdxl_vit-h.safetensors")
    (adapters / "lone.safetensors").rename(tmp_path / "lone.safetensors")
    with pytest.raises(EngineError, match="needs its image encoder"):
        load(tmp_path / "lone.safetensors")


@pytest.mark.parametrize("name", ["no such thing", "one/two/three.bin", "/nowhere/at/all.safetensors", "x.ckpt", ""])
def test_image_prompts_and_loras_that_are_not_there_get_one_sentence(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.ckpt").write_bytes(b"\x80\x04")
    with pytest.raises(EngineError, match=r"^[^\n]+\.$"):
        sdxl_engine(str(tiny_folder), tmp_path, "cpu", ip_adapter=name).load()
    with pytest.raises(EngineError, match=r"^[^\n]+\.$"):
        sdxl_engine(str(tiny_folder), tmp_path, "cpu", loras=[(name, 1.0)]).load()


def test_few_step_checkpoints_are_known_by_name(tmp_path: Path) -> None:
    found = {
        name: sdxl_engine(name, tmp_path).abilities
        for name in ("stabilityai/sdxl-turbo", "ByteDance/SDXL-Lightning_8step", "x/lcm-sdxl", "x/sdxl-base")
    }
    assert [(a.num_inference_steps, a.sampler) for a in found.values()] == [
        (4, "euler-trailing"),
        (8, "euler-trailing"),
        (6, "lcm"),
        (30, "euler"),
    ]


def test_devices_that_are_not_there_are_named() -> None:
    assert choose_device("cpu").type == "cpu"
    with pytest.raises(EngineError):
        choose_device("toaster")
    if not torch.cuda.is_available():
        with pytest.raises(EngineError, match="CUDA"):
            choose_device("cuda")


def test_the_bundled_models_words_are_declared() -> None:
    abilities = mini_abilities()
    assert abilities.vocabulary is not None
    assert "cat" in abilities.vocabulary.things
    assert abilities.vocabulary.nearest["kitten"] == "cat"
    assert abilities.sampler in {"euler", "ddim", "lcm"}
