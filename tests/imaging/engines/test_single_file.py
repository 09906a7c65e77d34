"""One .safetensors file in place of a folder, without a network: the same model, or one sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig

from imaging.engines.loading import load_parts
from imaging.engines.sdxl import sdxl_engine
from imaging.engines.single_file import BASE, clip_tokenizers, read_single_file
from imaging.errors import EngineError
from tests.imaging.engines import original_names
from tests.imaging.engines.tiny import pixels, recipe, render

MIDDLE = "model.diffusion_model.middle_block.1.proj_in.weight"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*address: Any) -> None:
        raise AssertionError(f"the network was asked: {address}")

    monkeypatch.setattr("socket.socket.connect", refuse)


@pytest.fixture
def file(tiny_folder: Path, tmp_path: Path) -> Path:
    """The tiny checkpoint in one file, with its own configuration beside it."""
    file = tmp_path / "drawings.safetensors"
    original_names.write(tiny_folder, file)
    ignored = shutil.ignore_patterns("*.safetensors", "ip")
    shutil.copytree(tiny_folder, tmp_path / "drawings", ignore=ignored)
    return file


def test_a_file_is_the_same_model_as_its_folder(file: Path, tiny_folder: Path, tmp_path: Path) -> None:
    cpu = torch.device("cpu")
    one, parts = (load_parts(str(each), device=cpu, dtype=torch.float32) for each in (file, tiny_folder))
    for ours, theirs in (
        (one.unet, parts.unet),
        (one.vae, parts.vae),
        *zip(one.text.encoders, parts.text.encoders, strict=True),
    ):
        expected = theirs.state_dict()
        found = ours.state_dict()
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    engines = [sdxl_engine(str(each), tmp_path, "cpu", precision="float32") for each in (file, tiny_folder)]
    for engine in engines:
        engine.load()
    wanted = {"a": recipe("a red car", num_inference_steps=2)}
    first, second = (pixels(render(engine, wanted)["a"]) for engine in engines)
    assert first == second


@pytest.mark.parametrize(
    ("lost", "says"),
    [
        ("model.diffusion_model.", "lacks the UNet"),
        ("first_stage_model.", "lacks the VAE"),
        ("conditioner.embedders.0.", "lacks the first text encoder"),
        ("conditioner.embedders.", "lacks the first text encoder and the second text encoder"),
        (MIDDLE, "its unet are missing"),
        ("first_stage_model.decoder.mid.block_1.norm1.weight", "its vae are missing"),
        ("conditioner.embedders.0.transformer.text_model.encoder.layers.1.mlp.fc1.weight", "its text_encoder are mis"),
        ("conditioner.embedders.1.model.text_projection", "its text_encoder_2 are missing"),
        ("conditioner.embedders.1.model.transformer.resblocks.1.attn.in_proj_weight", "its text_encoder_2 are missing"),
    ],
)
def test_what_a_file_lacks_is_named(file: Path, tiny_folder: Path, lost: str, says: str) -> None:
    tensors = original_names.original_tensors(tiny_folder)
    kept = {name: value for name, value in tensors.items() if not name.startswith(lost)}
    assert len(kept) < len(tensors)
    save_file(kept, file)
    with pytest.raises(EngineError, match=rf"^[^\n]*{says}[^\n]*\.$"):
        sdxl_engine(str(file), file.parent, "cpu").load()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_before_anybody_sees_black(
    file: Path, tiny_folder: Path, value: float
) -> None:
    weight = original_names.original_tensors(tiny_folder)[MIDDLE]
    weight[0, 0] = value
    original_names.write(tiny_folder, file, {MIDDLE: weight})
    with pytest.raises(EngineError, match=r"^The model drawings\.safetensors is broken: its unet [^\n]+\.$"):
        sdxl_engine(str(file), file.parent, "cpu").load()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cond_stage_model.transformer.text_model.final_layer_norm.bias", "Stable Diffusion 1"),
        ("cond_stage_model.model.ln_final.bias", "Stable Diffusion 2"),
        ("conditioner.embedders.0.model.ln_final.bias", "refiner"),
        ("model.diffusion_model.joint_blocks.0.x", "Stable Diffusion 3"),
        ("double_blocks.0.img_attn.norm.key_norm.scale", "Flux"),
        ("lora_unet_mid_block_attentions_0.lora_up.weight", "a LoRA: name it in EASEL_LORAS"),
        ("unet.mid_block.lora_A.weight", "a LoRA: name it in EASEL_LORAS"),
        ("image_proj.proj.weight", "an IP-Adapter"),
        ("down_blocks.0.resnets.0.conv1.weight", "a UNet alone"),
        ("something.else", "nothing of one is in it"),
    ],
)
def test_other_kinds_of_files_are_told_apart(tmp_path: Path, name: str, says: str) -> None:
    file = tmp_path / "other.safetensors"
    save_file({name: torch.zeros(1)}, file)
    with pytest.raises(EngineError, match=rf"^The file other\.safetensors is [^\n]*{says}[^\n]*\.$"):
        sdxl_engine(str(file), tmp_path, "cpu").load()


def test_an_inpainting_file_is_refused(file: Path, tiny_folder: Path) -> None:
    nine = torch.zeros(32, 9, 3, 3)
    original_names.write(tiny_folder, file, {"model.diffusion_model.input_blocks.0.0.weight": nine})
    with pytest.raises(EngineError, match="is for inpainting"):
        sdxl_engine(str(file), file.parent, "cpu").load()


@pytest.mark.parametrize("kept", [0, 5, 9, 4_000, -1])
def test_a_file_that_was_cut_off_is_refused(file: Path, kept: int) -> None:
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(EngineError, match=r"^The file drawings\.safetensors is damaged or cut off; get it again\.$"):
        sdxl_engine(str(file), file.parent, "cpu").load()


def test_a_file_says_what_it_predicts(file: Path, tiny_folder: Path) -> None:
    assert read_single_file(file).scheduler == {}
    original_names.write(tiny_folder, file, metadata={"modelspec.prediction_type": "v"})
    assert read_single_file(file).scheduler == {"prediction_type": "v_prediction"}
    original_names.write(tiny_folder, file, {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)})
    parts = load_parts(str(file), device=torch.device("cpu"), dtype=torch.float32)
    assert parts.scheduler["prediction_type"] == "v_prediction"
    assert parts.scheduler["rescale_betas_zero_snr"]
    assert parts.scheduler["timestep_spacing"] == "trailing"
    engine = sdxl_engine(str(file), file.parent, "cpu")
    engine.load()
    assert render(engine, {"a": recipe("a cat", num_inference_steps=2)})["a"].width == 128


def test_sdxls_own_sizes_come_with_the_program() -> None:
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(BASE, subfolder="unet"))
        vae = AutoencoderKL.from_config(AutoencoderKL.load_config(BASE, subfolder="vae"))
    # The numbers of weights that Podell et al. 2023 (table 1) round to 2.6 B, and of the published VAE.
    assert sum(each.numel() for each in unet.parameters()) == 2_567_463_684
    assert sum(each.numel() for each in vae.parameters()) == 83_653_863
    sizes = [CLIPTextConfig.from_pretrained(BASE, subfolder=part) for part in ("text_encoder", "text_encoder_2")]
    assert [(each.hidden_size, each.num_hidden_layers) for each in sizes] == [(768, 12), (1280, 32)]
    assert unet.config.cross_attention_dim == sum(each.hidden_size for each in sizes)


def test_clips_tokenizers_come_with_the_program() -> None:
    tokenizers = clip_tokenizers()
    texts = ["a photo of a cat", "A Photo of a CAT"]
    for tokenizer, padding in zip(tokenizers, (49407, 0), strict=True):
        assert len(tokenizer) == 49408
        for text in texts:
            ids = tokenizer(text, padding="max_length", max_length=77, truncation=True)["input_ids"]
            assert ids[:7] == [49406, 320, 1125, 539, 320, 2368, 49407]
            assert ids[7:] == [padding] * 70
        assert tokenizer("日本 🎨 é\u2028x")["input_ids"][-1] == 49407


def test_a_folder_with_broken_parts_beside_a_file_is_refused(file: Path) -> None:
    (file.with_suffix("") / "unet" / "config.json").write_text(json.dumps({"in_channels": "many"}))
    with pytest.raises(EngineError, match=r"^[^\n]+\.$"):
        sdxl_engine(str(file), file.parent, "cpu").load()


def test_a_name_in_capitals_is_the_same_file(file: Path, tmp_path: Path) -> None:
    loud = file.rename(file.with_suffix(".SAFETENSORS"))
    engine = sdxl_engine(str(loud), tmp_path, "cpu", precision="float32")
    engine.load()
    assert render(engine, {"a": recipe("a red car", num_inference_steps=1)})["a"].data
