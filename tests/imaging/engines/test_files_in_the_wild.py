"""Checkpoints as people share them: every tensor is put where it belongs, or the file is refused with its name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from imaging.controls.attention import layer_numbers
from imaging.controls.families import MINI, SDXL, resolve
from imaging.engines.layouts import unet_config
from imaging.engines.loading import Parts, load_parts
from imaging.engines.original_keys import original_keys
from imaging.engines.sdxl import sdxl_engine
from imaging.engines.single_file import BASE, read_single_file
from imaging.errors import EngineError
from imaging.model import Control, Technique
from tests.imaging.engines import original_names
from tests.imaging.engines.tiny import pixels, recipe, render

UNET, VAE, SECOND = "model.diffusion_model.", "first_stage_model.", "conditioner.embedders.1.model."
FIRST = "conditioner.embedders.0.transformer."
PROJECTION = f"{UNET}input_blocks.4.1.proj_in"

Tensors = dict[str, Tensor]


@pytest.fixture(scope="module")
def plain(tiny_folder: Path) -> Tensors:
    return original_names.original_tensors(tiny_folder)


@pytest.fixture
def place(tiny_folder: Path, tmp_path: Path) -> Path:
    """Where a file is, with the tiny checkpoint's configuration beside it."""
    shutil.copytree(tiny_folder, tmp_path / "drawings", ignore=shutil.ignore_patterns("*.safetensors", "ip"))
    return tmp_path / "drawings.safetensors"


def load(path: Path, **more: Any) -> Parts:
    return load_parts(str(path), device=torch.device("cpu"), dtype=torch.float32, **more)


def same(ours: nn.Module, theirs: nn.Module) -> bool:
    found, expected = ours.state_dict(), theirs.state_dict()
    return found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)


def all_same(ours: Parts, theirs: Parts) -> bool:
    pairs = zip(
        (ours.unet, ours.vae, *ours.text.encoders), (theirs.unet, theirs.vae, *theirs.text.encoders), strict=True
    )
    return all(same(*each) for each in pairs)


def linear_attention(tensors: Tensors) -> Tensors:
    """The VAE's attention as plain matrices, which some savers write."""
    return {k: v.flatten(1) if "mid.attn_1" in k and v.ndim == 4 else v for k, v in tensors.items()}


def turned_projection(tensors: Tensors) -> Tensors:
    """The second encoder's projection as a layer's weights, from the other side (saved by ComfyUI)."""
    rest = {key: value for key, value in tensors.items() if key != f"{SECOND}text_projection"}
    return rest | {f"{SECOND}text_projection.weight": tensors[f"{SECOND}text_projection"].T.contiguous()}


# What files carry beside their weights, and other ways to write these: name → the file's tensors.
SAME: dict[str, Callable[[Tensors], Tensors]] = {
    "positions as numbers with fractions, from merging": lambda t: (
        t | {f"{FIRST}text_model.embeddings.position_ids": torch.linspace(0, 76.5, 77)[None]}
    ),
    "averages of the training": lambda t: (
        t | {"model_ema.decay": torch.ones(()), "model_ema.num_updates": torch.ones(())}
    ),
    "tables of the schedule": lambda t: (
        t | {"denoiser.sigmas": torch.ones(9), "betas": torch.ones(9), "global_step": torch.ones(())}
    ),
    "what the encoders need for other ends": lambda t: (
        t | {f"{SECOND}logit_scale": torch.ones(()), f"{FIRST}text_projection.weight": torch.ones(24, 24)}
    ),
    "losses of the VAE's training": lambda t: t | {f"{VAE}loss.logvar": torch.zeros(())},
    "an attention of matrices in the VAE": linear_attention,
    "a projection from the other side": turned_projection,
}


@pytest.mark.parametrize("how", SAME)
def test_files_that_say_the_same_otherwise_are_the_same_model(
    place: Path, plain: Tensors, tiny_parts: Parts, how: str
) -> None:
    save_file(SAME[how](plain), place)
    assert all_same(load(place), tiny_parts)


REFUSED: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "more layers": (
        lambda t: t | {f"{UNET}input_blocks.4.1.extra.weight": torch.ones(1)},
        "1 tensors that belong",
    ),
    "a controlnet": (
        lambda t: t | {f"control_model.zero_convs.{n}.0.weight": torch.ones(1) for n in range(5)},
        r"5 tensors that belong to no part of SDXL \(control_model\..* and 2 more\)",
    ),
    "a lora inside": (
        lambda t: t | {"lora_unet_mid_block.lora_up.weight": torch.ones(1)},
        "1 tensors that belong",
    ),
    "other sizes": (
        lambda t: t | {f"{PROJECTION}.weight": torch.ones(64, 65)},
        r"a unet of other sizes than SDXL's \(.*\[64, 65\] for \[64, 64\]\)",
    ),
    "four bits": (lambda t: t | {f"{PROJECTION}.weight.absmax": torch.ones(4)}, r"packed into fewer bits \(.*absmax\)"),
    "eight bits": (lambda t: t | {f"{PROJECTION}.weight": torch.ones(64, 64, dtype=torch.int8)}, "packed into fewer"),
    "editing by instruction": (
        lambda t: t | {f"{UNET}input_blocks.0.0.weight": torch.zeros(32, 8, 3, 3)},
        "is for editing by instruction",
    ),
    "no vae": (lambda t: {k: v for k, v in t.items() if not k.startswith(VAE)}, "lacks the VAE; name one in EASEL_VAE"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_what_would_be_passed_over_is_refused(place: Path, plain: Tensors, how: str) -> None:
    change, says = REFUSED[how]
    save_file(change(plain), place)
    with pytest.raises(EngineError, match=rf"^The file drawings\.safetensors [^\n]*{says}[^\n]*\.$"):
        load(place)


def test_a_file_of_which_blocks_are_missing_gets_a_sentence(tmp_path: Path, plain: Tensors) -> None:
    """Without a configuration beside it the sizes are read from shapes, which are then not there."""
    for gone in ("input_blocks.1.", "output_blocks.", "label_emb."):
        file = tmp_path / "cut.safetensors"
        save_file({key: value for key, value in plain.items() if not key.startswith(UNET + gone)}, file)
        with pytest.raises(EngineError, match=r"^The (file|model) cut\.safetensors [^\n]+\.$"):
            load(file)


@pytest.mark.parametrize("name", ["scale_weight", "weight_scale"])
def test_fp8_is_scaled_as_it_says(place: Path, plain: Tensors, name: str) -> None:
    changed, expected = dict(plain), {}
    for key in [k for k in plain if k.endswith(".weight") and "transformer_blocks.0.attn1.to_q" in k]:
        layer = key.removesuffix(".weight")
        scale = plain[key].abs().max() / 448
        changed[key] = (plain[key] / scale).to(torch.float8_e4m3fn)
        changed[f"{layer}.{name}"] = scale.reshape(1) if name == "scale_weight" else scale
        changed[f"{layer}.{name.replace('weight', 'input')}"] = torch.ones(1)
        expected[key] = changed[key].float() * scale
    save_file(changed | {f"{UNET}scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}, place)
    assert len(expected) > 5
    parts = load(place)
    names = {UNET + key: param for param, key in original_keys("unet", parts.unet).items()}
    found = dict(parts.unet.named_parameters())
    assert all(torch.equal(found[names[key]], value) for key, value in expected.items())
    assert all(torch.isclose(plain[key], value, rtol=0.07, atol=1e-3).all() for key, value in expected.items())


PREDICTIONS: list[tuple[str, Tensors, dict[str, str], dict[str, Any]]] = [
    ("plain", {}, {}, {}),
    ("flag", {"v_pred": torch.zeros(0)}, {}, {"prediction_type": "v_prediction"}),
    ("modelspec", {}, {"modelspec.prediction_type": "v"}, {"prediction_type": "v_prediction"}),
    ("sd-scripts", {}, {"ss_v_parameterization": "True"}, {"prediction_type": "v_prediction"}),
    ("sd-scripts-plain", {}, {"ss_v_parameterization": "False"}, {}),
    (
        "both-flags",
        {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)},
        {},
        {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"},
    ),
    (
        "noobaiXLNAIXL_vPred10Version",
        {},
        {},
        {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"},
    ),
    ("noobaiXLNAIXL_epsilonPred11", {}, {}, {}),
    ("not-v-pred", {}, {"modelspec.prediction_type": "epsilon"}, {}),
    (
        "cosxl",
        {"edm_vpred.sigma_max": torch.tensor(120.0), "edm_vpred.sigma_min": torch.tensor(0.002)},
        {},
        {"sigma_data": 1.0, "sigma_max": 120.0, "prediction_type": "v_prediction"},
    ),
    (
        "playground",
        {"edm_mean": torch.tensor([1.0, 2.0, 3.0, 4.0]), "edm_std": torch.full((4,), 5.0)},
        {},
        {"sigma_data": 0.5, "sigma_max": 80.0, "prediction_type": "epsilon"},
    ),
]


@pytest.mark.parametrize(
    ("name", "more", "metadata", "says"), PREDICTIONS, ids=lambda it: it if isinstance(it, str) else ""
)
def test_a_file_says_what_its_answers_mean(
    tmp_path: Path, plain: Tensors, name: str, more: Tensors, metadata: dict[str, str], says: dict[str, Any]
) -> None:
    file = tmp_path / f"{name}.safetensors"
    save_file({key: value[:0] if value.ndim == 1 else value for key, value in plain.items()} | more, file, metadata)
    found = read_single_file(file).scheduler
    assert {key: found.get(key) for key in says} == pytest.approx(says)
    assert bool(found) == bool(says)


def test_playgrounds_noise_reaches_the_picture(place: Path, plain: Tensors) -> None:
    mean, deviation = [-1.6, 1.9, -1.4, 2.5], [8.5, 5.9, 6.5, 5.2]
    save_file(plain | {"edm_mean": torch.tensor(mean), "edm_std": torch.tensor(deviation)}, place)
    parts = load(place)
    assert parts.vae.config.latents_mean == pytest.approx(mean)
    assert parts.vae.config.latents_std == pytest.approx(deviation)
    assert parts.vae.config.scaling_factor == 0.5
    engine = sdxl_engine(str(place), place.parent, "cpu", precision="float32")
    engine.load()
    picture = render(engine, {"a": recipe("a cat", num_inference_steps=2, guidance_scale=1.0, sampler="dpmpp_2m")})["a"]
    assert picture.width == 128


def test_a_unet_that_guides_itself_is_told_the_scale_and_runs_once_a_step(
    tiny_folder: Path, tiny_parts: Parts, tmp_path: Path
) -> None:
    folder = tmp_path / "lcm"
    shutil.copytree(tiny_folder, folder, ignore=shutil.ignore_patterns("ip"))
    torch.manual_seed(5)
    unet = UNet2DConditionModel.from_config({**tiny_parts.unet.config, "time_cond_proj_dim": 32})
    unet.load_state_dict(tiny_parts.unet.state_dict(), strict=False)
    unet.save_pretrained(folder / "unet")
    parts = load(folder)
    told = parts.told_guidance((8.0, 1.5))
    stock = StableDiffusionXLPipeline.get_guidance_scale_embedding
    expected = stock(None, torch.tensor([7.0, 0.5]), embedding_dim=32)
    assert told is not None
    assert torch.allclose(told, expected, atol=1e-5)
    assert tiny_parts.told_guidance((8.0,)) is None
    engine = sdxl_engine(str(folder), tmp_path, "cpu", precision="float32")
    engine.load()
    seen: list[tuple[int, Tensor]] = []
    unet = engine.modules()[0]
    unet.register_forward_pre_hook(
        lambda module, given, named: seen.append((given[0].shape[0], named["timestep_cond"])), with_kwargs=True
    )
    pictures = [
        render(engine, {"a": recipe("a cat", guidance_scale=scale, num_inference_steps=2, sampler="lcm")})["a"].data
        for scale in (1.5, 8.0)
    ]
    # A call is filled up where single rows would be computed otherwise; all its rows are this picture's.
    assert all(torch.allclose(told, expected[:1].expand_as(told), atol=1e-5) for _, told in seen[-2:])
    assert pictures[0] != pictures[1]


def test_folders_for_inpainting_and_with_unknown_tensors_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder, ignore=shutil.ignore_patterns("ip"))
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    whole = load_file(weights)
    save_file(whole | {"down_blocks.0.extra.scale_weight": torch.ones(1)}, weights)
    with pytest.raises(EngineError, match=r"^The unet of the model model holds 1 tensors .*scale_weight.*\.$"):
        load(folder)
    config = folder / "unet" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"in_channels": 9}))
    with pytest.raises(EngineError, match=r"^The folder model is for inpainting; take the checkpoint"):
        load(folder)


# Published layouts: (transformer layers down, up where they are no mirror of it, middle, residual layers a block).
LAYOUTS: dict[str, dict[str, Any]] = {
    "SDXL": {},
    "SSD-1B": {
        "transformer_layers_per_block": [1, [2, 2], [4, 4]],
        "reverse_transformer_layers_per_block": [[4, 4, 10], [2, 1, 1], 1],
        "mid_block_type": "UNetMidBlock2D",
    },
    "Segmind-Vega": {
        "transformer_layers_per_block": [1, [1, 1], [2, 2]],
        "reverse_transformer_layers_per_block": [[2, 2, 2], [1, 1, 1], 1],
        "mid_block_type": "UNetMidBlock2D",
    },
    "KOALA-700M": {"transformer_layers_per_block": [1, 2, 5], "layers_per_block": 1, "mid_block_type": None},
    "KOALA-1B": {"transformer_layers_per_block": [1, 2, 6], "layers_per_block": 1},
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_published_layouts_are_read_from_shapes(name: str) -> None:
    base = UNet2DConditionModel.load_config(BASE, subfolder="unet")
    with torch.device("meta"):
        published = UNet2DConditionModel.from_config({**base, **LAYOUTS[name]})
        keys = original_keys("unet", published)
        shapes = {keys[param]: tuple(tensor.shape) for param, tensor in published.named_parameters()}
        assert len(shapes) == len(keys)
        found = UNet2DConditionModel.from_config(unet_config(base, shapes, 1280))
    ours, theirs = (
        {param: tuple(tensor.shape) for param, tensor in unet.named_parameters()} for unet in (found, published)
    )
    assert ours == theirs
    heads = [unet.up_blocks[0].attentions[0].transformer_blocks[0].attn1.heads for unet in (found, published)]
    assert heads[0] == heads[1] == 20
    family = SDXL.fitted(layer_numbers(found))
    names = {number: name for name, number in layer_numbers(found).items()}
    if name == "SDXL":
        assert family is SDXL
    if not name.startswith("KOALA"):
        start = int(resolve(Control(Technique.MASACTRL), family, 50)["start_layer"])
        assert names[start].startswith("up_blocks.0.attentions.1.transformer_blocks.0.")
        assert not names[start - 1].startswith("up_blocks.0.attentions.1.")
    assert MINI.fitted(layer_numbers(found)) is MINI


def test_a_pruned_model_in_one_file_brings_its_own_sizes(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pruned"
    shutil.copytree(tiny_folder, folder, ignore=shutil.ignore_patterns("ip"))
    config = json.loads((folder / "unet" / "config.json").read_text())
    torch.manual_seed(2)
    unet = UNet2DConditionModel.from_config(
        config
        | LAYOUTS["SSD-1B"]
        | {"block_out_channels": [64, 64, 128], "attention_head_dim": [1, 1, 2], "norm_num_groups": 32}
    )
    unet.save_pretrained(folder / "unet")
    original_names.write(folder, tmp_path / "small.safetensors")
    shutil.copytree(folder, tmp_path / "small", ignore=shutil.ignore_patterns("*.safetensors"))
    (tmp_path / "small" / "unet" / "config.json").unlink()
    file, whole = load(tmp_path / "small.safetensors"), load(folder)
    assert all_same(file, whole)
    wanted = {"a": recipe("a cat", num_inference_steps=2)}
    pictures = []
    for model in (tmp_path / "small.safetensors", folder):
        engine = sdxl_engine(str(model), tmp_path, "cpu", precision="float32")
        engine.load()
        pictures.append(pixels(render(engine, wanted)["a"]))
    assert pictures[0] == pictures[1]


def test_adapters_for_faces_and_for_larger_models_say_so(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ip"
    shutil.copytree(tiny_folder / "ip", folder)
    file = folder / "ip_adapter.safetensors"
    whole = load_file(file)
    save_file(whole | {"ip_adapter.0.to_q_lora.down.weight": torch.ones(1)}, file)
    with pytest.raises(EngineError, match=r"^The IP-Adapter ip_adapter\.safetensors is a FaceID one: .*\.$"):
        load(tiny_folder, ip_adapter=str(folder))
    save_file(whole | {"ip_adapter.141.to_k_ip.weight": torch.ones(1)}, file)
    with pytest.raises(EngineError, match=r"1 of their tensors \(ip_adapter\.141\."):
        load(tiny_folder, ip_adapter=str(folder))


def test_numbers_of_a_pruned_models_controls_are_recorded_as_its_own() -> None:
    few = {f"down_blocks.0.attentions.0.{n}": n for n in range(4)} | {
        f"up_blocks.0.attentions.1.{n}": 4 + n for n in range(3)
    }
    assert resolve(Control(Technique.MASACTRL), SDXL.fitted(few), 50)["start_layer"] == 4
    assert resolve(Control(Technique.MASACTRL), SDXL, 50)["start_layer"] == 44
