"""LoRAs as trainers write them: each is fused as its paper or peft has it, or refused with its name."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file
from torch import Tensor, nn

from imaging.engines.layer_names import layers
from imaging.engines.loading import Parts, load_parts
from imaging.engines.lora import fuse
from imaging.errors import EngineError

LINEAR = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
OUT = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0"
MIDDLE = "mid_block.attentions.0.transformer_blocks.3.ff.net.0.proj"
UP = "up_blocks.0.attentions.2.proj_in"
CONV = "down_blocks.0.resnets.0.conv1"
WIDER = "up_blocks.1.upsamplers.0.conv"
WORDS = "encoder.layers.1.self_attn.q_proj"
STRENGTH = 0.7

Modules = tuple[Any, tuple[Any, Any]]


@pytest.fixture(scope="module")
def shared(tiny_parts: Parts) -> Modules:
    unet, (first, second) = copy.deepcopy(tiny_parts.unet), copy.deepcopy(tiny_parts.text.encoders)
    return unet, (first, second)


@pytest.fixture
def modules(shared: Modules, tiny_parts: Parts) -> Iterator[Modules]:
    """A UNet and two text encoders, whole again after every test."""
    yield shared
    whole = (tiny_parts.unet, *tiny_parts.text.encoders)
    for module, other in zip((shared[0], *shared[1]), whole, strict=True):
        for (_, layer), (_, untouched) in zip(layers(module), layers(other), strict=True):
            for name, tensor in untouched.named_parameters(recurse=False):
                getattr(layer, name).data = tensor.data


def weight(modules: Modules, name: str, part: int = 0) -> Tensor:
    """A copy of a layer's weights; part 0 is the UNet, 1 and 2 are the text encoders."""
    module = (modules[0], *modules[1])[part]
    found: Tensor = dict(layers(module))[name].weight
    return found.detach().clone()


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape))) * 0.2


def pair(shape: torch.Size, rank: int = 3, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Down and up of a LoRA for a layer."""
    down = random(rank, *shape[1:], seed=seed)
    return down, random(shape[0], rank, *(1,) * (len(shape) - 2), seed=seed + 1)


def save(folder: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> Path:
    file = folder / "style.safetensors"
    save_file({key: value.contiguous() for key, value in tensors.items()}, file, dict(metadata or {}))
    return file


def fused(modules: Modules, file: Path, strength: float = STRENGTH) -> None:
    fuse(*modules, [(file, strength)], torch.float32)


def close(found: Tensor, expected: Tensor) -> bool:
    return torch.allclose(found, expected, rtol=0, atol=1e-4 * max(1.0, float(expected.abs().max())))


# One layer's key in the spellings of trainers: part, layer, key up to its end, ends of down and up.
KOHYA, PEFT, OLD = ("lora_down.weight", "lora_up.weight"), ("lora_A.weight", "lora_B.weight"), ("down", "up")
SPELLINGS: list[tuple[int, str, str, tuple[str, str]]] = [
    (0, LINEAR, "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q.", KOHYA),
    (0, LINEAR, "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.", KOHYA),
    (0, OUT, "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_out_0.", KOHYA),
    # Seen in trackers: peft's modules renamed by halves.
    (0, OUT, "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_out.0.", KOHYA),
    (0, MIDDLE, "lora_unet_middle_block_1_transformer_blocks_3_ff_net_0_proj.", KOHYA),
    (0, UP, "lora_unet_output_blocks_2_1_proj_in.", KOHYA),
    (0, CONV, "lora_unet_input_blocks_1_0_in_layers_2.", KOHYA),
    (0, WIDER, "lora_unet_output_blocks_5_2_conv.", KOHYA),
    (0, "down_blocks.0.downsamplers.0.conv", "lora_unet_input_blocks_3_0_op.", KOHYA),
    (0, "time_embedding.linear_1", "lora_unet_time_embed_0.", KOHYA),
    (0, LINEAR, "lycoris_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q.", KOHYA),
    (0, LINEAR, f"unet.{LINEAR}.", PEFT),
    (0, LINEAR, f"{LINEAR}.", PEFT),
    (0, LINEAR, f"base_model.model.{LINEAR}.", PEFT),
    (0, LINEAR, f"unet.base_model.model.{LINEAR}.", PEFT),
    (0, LINEAR, f"unet.{LINEAR}.", ("lora_A.default.weight", "lora_B.default.weight")),
    (0, LINEAR, f"unet.{LINEAR}.", ("lora.down.weight", "lora.up.weight")),
    (0, LINEAR, f"unet.{LINEAR.replace('.to_q', '.processor.to_q_lora')}.", ("down.weight", "up.weight")),
    (0, OUT, f"{OUT.replace('.to_out.0', '.processor.to_out_lora')}.", ("down.weight", "up.weight")),
    (0, LINEAR, "diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q.", KOHYA),
    # OneTrainer: original names under diffusers' prefix, and the encoders by ComfyUI's names.
    (0, MIDDLE, "unet.middle_block.1.transformer_blocks.3.ff.net.0.proj.", KOHYA),
    (1, WORDS, f"clip_l.text_model.{WORDS}.", KOHYA),
    (2, "text_projection", "clip_g.text_projection.", KOHYA),
    (1, WORDS, "lora_te1_text_model_encoder_layers_1_self_attn_q_proj.", KOHYA),
    (1, WORDS, "lora_te_text_model_encoder_layers_1_self_attn_q_proj.", KOHYA),
    (1, WORDS, f"text_encoder.text_model.{WORDS}.", ("lora_linear_layer.down.weight", "lora_linear_layer.up.weight")),
    (1, WORDS, "text_encoder.text_model.encoder.layers.1.self_attn.to_q_lora.", ("down.weight", "up.weight")),
    (2, WORDS, "lora_te2_text_model_encoder_layers_1_self_attn_q_proj.", KOHYA),
    (2, WORDS, f"text_encoder_2.text_model.{WORDS}.", PEFT),
    (2, WORDS, f"text_encoder_2.{WORDS}.", PEFT),
    (2, WORDS, f"text_encoders.clip_g.transformer.text_model.{WORDS}.", KOHYA),
    (2, "text_projection", "lora_te2_text_projection.", KOHYA),
]


@pytest.mark.parametrize(("part", "name", "key", "ends"), SPELLINGS, ids=lambda it: it if isinstance(it, str) else "")
def test_every_spelling_of_a_layer_is_read(
    modules: Modules, tmp_path: Path, part: int, name: str, key: str, ends: tuple[str, str]
) -> None:
    before = weight(modules, name, part)
    down, up = pair(before.shape)
    tensors = {key + ends[0]: down, key + ends[1]: up}
    if ends == KOHYA:
        tensors[f"{key}alpha"] = torch.tensor(6.0)
    fused(modules, save(tmp_path, tensors))
    change = torch.einsum("or,r...->o...", up.flatten(1), down) * (2.0 if ends == KOHYA else 1.0)
    assert close(weight(modules, name, part), before + STRENGTH * change)


def test_ranks_and_alphas_may_differ_in_every_layer(modules: Modules, tmp_path: Path) -> None:
    names = {LINEAR: (4, 4.0), UP: (16, 4.0), CONV: (2, 1.0), MIDDLE: (1, 8.0)}
    before = {name: weight(modules, name) for name in names}
    tensors: dict[str, Tensor] = {}
    expected = {}
    for name, (rank, alpha) in names.items():
        down, up = pair(before[name].shape, rank)
        key = "lora_unet_" + name.replace(".", "_")
        tensors |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.alpha": torch.tensor(alpha)}
        expected[name] = before[name] + STRENGTH * alpha / rank * torch.einsum("or,r...->o...", up.flatten(1), down)
    untouched = weight(modules, OUT)
    fused(modules, save(tmp_path, tensors))
    assert all(close(weight(modules, name), expected[name]) for name in names)
    assert torch.equal(weight(modules, OUT), untouched)


class Host(nn.Module):
    """One layer for peft to train."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x)
        return out


PEFT_FORMS: dict[str, tuple[str, Callable[[], Any]]] = {
    "lora": (LINEAR, lambda: peft.LoraConfig(r=4, lora_alpha=10, target_modules=["layer"])),
    "lora of a convolution": (CONV, lambda: peft.LoraConfig(r=4, lora_alpha=2, target_modules=["layer"])),
    "rslora": (LINEAR, lambda: peft.LoraConfig(r=4, lora_alpha=10, use_rslora=True, target_modules=["layer"])),
    "dora": (UP, lambda: peft.LoraConfig(r=4, lora_alpha=8, use_dora=True, target_modules=["layer"])),
    "dora of a convolution": (CONV, lambda: peft.LoraConfig(r=4, use_dora=True, target_modules=["layer"])),
    "loha": (MIDDLE, lambda: peft.LoHaConfig(r=4, alpha=2, target_modules=["layer"])),
    "loha of a convolution": (CONV, lambda: peft.LoHaConfig(r=4, alpha=2, target_modules=["layer"])),
    "loha in tucker form": (
        CONV,
        lambda: peft.LoHaConfig(r=4, alpha=2, target_modules=["layer"], use_effective_conv2d=True),
    ),
    "lokr": (MIDDLE, lambda: peft.LoKrConfig(r=2, alpha=3, target_modules=["layer"])),
    "lokr of both halves": (
        MIDDLE,
        lambda: peft.LoKrConfig(r=2, alpha=3, decompose_both=True, decompose_factor=8, target_modules=["layer"]),
    ),
    "lokr of a convolution": (WIDER, lambda: peft.LoKrConfig(r=2, alpha=3, target_modules=["layer"])),
    "lokr in tucker form": (
        WIDER,
        lambda: peft.LoKrConfig(r=2, alpha=3, target_modules=["layer"], use_effective_conv2d=True),
    ),
}


@pytest.mark.parametrize("form", PEFT_FORMS)
def test_every_form_is_what_peft_merges(modules: Modules, tmp_path: Path, form: str) -> None:
    name, build = PEFT_FORMS[form]
    config = build()
    before = weight(modules, name)
    trained = peft.get_peft_model(Host(copy.deepcopy(dict(layers(modules[0]))[name])), config)
    draw = torch.Generator().manual_seed(3)
    for key, tensor in trained.named_parameters():
        if "base_layer" not in key:
            tensor.data = tensor.data * 0.9 if "magnitude" in key else torch.randn(tensor.shape, generator=draw) * 0.4
    # peft names the layer "layer"; LyCORIS's forms carry their alpha with the layer, LoRA in the file's configuration.
    tensors = {
        key.replace("base_model.model.layer", f"unet.{name}"): value.detach().clone()
        for key, value in get_peft_model_state_dict(trained).items()
    }
    metadata = {}
    if isinstance(config, peft.LoraConfig):
        kept = {f"unet.{key}": getattr(config, key) for key in ("r", "lora_alpha", "use_rslora", "use_dora")}
        metadata = {"lora_adapter_metadata": json.dumps(kept)}
    else:
        tensors[f"unet.{name}.alpha"] = torch.tensor(float(config.alpha))
    expected = trained.merge_and_unload().layer.weight.detach()
    fused(modules, save(tmp_path, tensors, metadata), 1.0)
    assert float((expected - before).abs().max()) > 0.01
    assert close(weight(modules, name), expected)


def test_kroneckers_factors_that_are_whole_have_no_scale(modules: Modules, tmp_path: Path) -> None:
    """LyCORIS stores both whole where that is smaller, and its scale is then 1, whatever alpha says."""
    before = weight(modules, UP)
    first, second = random(8, 16), random(before.shape[0] // 8, before.shape[1] // 16)
    key = "lora_unet_output_blocks_2_1_proj_in"
    tensors = {f"{key}.lokr_w1": first, f"{key}.lokr_w2": second, f"{key}.alpha": torch.tensor(4.0)}
    fused(modules, save(tmp_path, tensors))
    expected = before.clone()
    rows, columns = second.shape
    for i in range(first.shape[0]):
        for j in range(first.shape[1]):
            block = expected[i * rows : (i + 1) * rows, j * columns : (j + 1) * columns]
            block += STRENGTH * first[i, j] * second
    assert close(weight(modules, UP), expected)


def test_a_convolution_through_its_core(modules: Modules, tmp_path: Path) -> None:
    """LoCon in Tucker form: one position down, a core over the positions, one position up."""
    before = weight(modules, CONV)
    out, inward = before.shape[:2]
    down, core, up = random(3, inward, 1, 1), random(3, 3, 3, 3), random(out, 3, 1, 1, seed=1)
    key = "lora_unet_input_blocks_1_0_in_layers_2"
    tensors = {f"{key}.lora_down.weight": down, f"{key}.lora_mid.weight": core, f"{key}.lora_up.weight": up}
    fused(modules, save(tmp_path, tensors | {f"{key}.alpha": torch.tensor(1.5)}))
    # A convolution of convolutions is one, so its own answer says what the weights are.
    picture = random(1, inward, 6, 6)
    through = nn.functional.conv2d(picture, down)
    through = nn.functional.conv2d(nn.functional.conv2d(through, core, padding=1), up)
    expected = nn.functional.conv2d(picture, before, padding=1) + STRENGTH * 0.5 * through
    assert close(nn.functional.conv2d(picture, weight(modules, CONV), padding=1), expected)


@pytest.mark.parametrize("by", ["output", "input"])
@pytest.mark.parametrize("name", [UP, CONV])
def test_lycoris_trains_magnitudes_of_outputs_or_of_inputs(
    modules: Modules, tmp_path: Path, by: str, name: str
) -> None:
    before = weight(modules, name)
    down, up = pair(before.shape)
    axis = 0 if by == "output" else 1
    shape = [1] * before.ndim
    shape[axis] = before.shape[axis]
    magnitude = random(*shape).abs() + 0.5
    key = "lora_unet_" + name.replace(".", "_")
    tensors = {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.dora_scale": magnitude}
    moved = before + torch.einsum("or,r...->o...", up.flatten(1), down)
    expected = torch.stack(
        [
            each / each.norm() * size
            for each, size in zip(moved.unbind(axis), magnitude.flatten().tolist(), strict=True)
        ],
        axis,
    )
    file = save(tmp_path, tensors)
    fused(modules, file, 0.0)
    assert torch.equal(weight(modules, name), before)
    fused(modules, file, 1.0)
    assert close(weight(modules, name), expected)


def test_plain_differences_of_weights_biases_and_norms(modules: Modules, tmp_path: Path) -> None:
    norm = dict(layers(modules[0]))["down_blocks.0.resnets.0.norm1"]
    scale, shift, conv = norm.weight.detach().clone(), norm.bias.detach().clone(), weight(modules, CONV)
    tensors = {
        "lora_unet_input_blocks_1_0_in_layers_0.w_norm": random(*scale.shape),
        "lora_unet_input_blocks_1_0_in_layers_0.b_norm": random(*shift.shape, seed=1),
        "diffusion_model.input_blocks.1.0.in_layers.2.diff": random(*conv.shape),
    }
    fused(modules, save(tmp_path, tensors))
    changed = zip((norm.weight, norm.bias, weight(modules, CONV)), (scale, shift, conv), tensors.values(), strict=True)
    assert all(close(after, before + STRENGTH * change) for after, before, change in changed)


def test_a_weak_lora_is_whole_in_half_precision(tiny_folder: Path, tmp_path: Path) -> None:
    """Changes far below a step of bf16: rounded after they were added, their mean is there."""

    def load(loras: list[tuple[str, float]]) -> Tensor:
        parts = load_parts(str(tiny_folder), device=torch.device("cpu"), dtype=torch.bfloat16, loras=loras)
        assert all(tensor.dtype is torch.bfloat16 for tensor in parts.unet.parameters())
        assert all(tensor.dtype is torch.bfloat16 for each in parts.text.encoders for tensor in each.parameters())
        found: Tensor = dict(layers(parts.unet))[UP].weight
        return found.float()

    before = load([])
    down, up = torch.ones(1, before.shape[1]), torch.full((before.shape[0], 1), 3e-5)
    file = save(tmp_path, {f"unet.{UP}.lora_A.weight": down, f"unet.{UP}.lora_B.weight": up})
    change = load([(str(file), 1.0)]) - before
    assert float(change.mean()) == pytest.approx(3e-5, rel=0.15)


def test_loras_add_up_in_any_order(modules: Modules, tmp_path: Path) -> None:
    before = weight(modules, LINEAR)
    files, expected = [], before
    for number, strength in enumerate((0.5, -1.0)):
        folder = tmp_path / str(number)
        folder.mkdir()
        down, up = random(4, 64, seed=number), random(64, 4, seed=number + 5)
        file = save(folder, {f"unet.{LINEAR}.lora_A.weight": down, f"unet.{LINEAR}.lora_B.weight": up})
        files.append((file, strength))
        expected = expected + strength * up @ down
    for order in (files, files[::-1]):
        dict(layers(modules[0]))[LINEAR].weight.data = before
        fuse(*modules, order, torch.float32)
        assert close(weight(modules, LINEAR), expected)


GOOD = {f"unet.{LINEAR}.lora_A.weight": random(3, 64), f"unet.{LINEAR}.lora_B.weight": random(64, 3)}
FLUX = "lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight"
REFUSED: dict[str, tuple[dict[str, Tensor], str]] = {
    "nothing": ({}, "cannot be read"),
    "half fitting": (
        {**GOOD, "unet.down_blocks.7.attentions.0.proj_in.lora_A.weight": random(3, 64)},
        r"of its 3 keys 1 fit nothing \(unet\.down_blocks\.7\.attentions\.0\.proj_in\.lora_A\.weight\)",
    ),
    "many that do not": ({f"unet.x.{n}.lora_A.weight": random(1) for n in range(9)}, r"9 keys 9 fit .* and 6 more\)"),
    "flux": ({FLUX: random(3, 64)}, "is for Flux, not for SDXL: of its 1 keys 1 fit nothing"),
    "flux with words": (
        {FLUX: random(3, 64), "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": random(3, 24)},
        "is for Flux",
    ),
    "flux of diffusers": (
        {"transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight": random(3, 64)},
        "is for Flux",
    ),
    "sd3": ({"transformer.transformer_blocks.0.attn.to_q.lora_A.weight": random(3, 64)}, "is for Stable Diffusion 3"),
    "sd1": (
        {"lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": random(3, 64)},
        "is for Stable Diffusion 1",
    ),
    "sizes": (
        {f"unet.{LINEAR}.lora_A.weight": random(3, 65), f"unet.{LINEAR}.lora_B.weight": random(64, 3)},
        rf"its tensors for unet\.{LINEAR} have other sizes",
    ),
    "ranks": (
        {f"unet.{LINEAR}.lora_A.weight": random(2, 64), f"unet.{LINEAR}.lora_B.weight": random(64, 3)},
        "have other sizes",
    ),
    "one half": ({f"unet.{LINEAR}.lora_A.weight": random(3, 64)}, rf"tensors of unet\.{LINEAR} do not go together"),
    "mixed forms": ({**GOOD, f"unet.{LINEAR}.hada_w1_a": random(64, 3)}, "do not go together"),
    "magnitudes alone": ({f"unet.{LINEAR}.dora_scale": random(64, 1)}, "do not go together"),
    "twice": ({**GOOD, f"{LINEAR}.lora_A.weight": random(3, 64)}, "1 fit nothing"),
    "unknown end": ({**GOOD, f"unet.{LINEAR}.lora_magic": random(3)}, r"1 fit nothing \(unet\..*lora_magic\)"),
    "oft": ({"lora_unet_input_blocks_4_1_proj_in.oft_blocks": random(3, 3)}, "holds OFT"),
    "glora": ({"lora_unet_input_blocks_4_1_proj_in.a1.weight": random(3, 3)}, "holds GLoRA"),
    "ia3": ({"lora_unet_input_blocks_4_1_proj_in.on_input": random(1)}, r"holds \(IA\)³"),
    "its own words": ({**GOOD, "bundle_emb.word.clip_l": random(1, 768)}, "holds words of its own"),
    "not numbers": ({k: v / 0 for k, v in GOOD.items()}, "leaves no finite numbers in unet"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_applied_is_refused_with_its_name(modules: Modules, tmp_path: Path, kind: str) -> None:
    tensors, says = REFUSED[kind]
    with pytest.raises(EngineError, match=rf"^The LoRA style\.safetensors [^\n]*{says}[^\n]*\.$"):
        fused(modules, save(tmp_path, tensors))


def test_strengths_that_leave_no_finite_numbers_in_half_precision_are_refused(modules: Modules, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="its strength is too high"):
        fuse(*modules, [(save(tmp_path, GOOD), 1e6)], torch.float16)


def test_a_configuration_beside_a_file_of_peft_says_how_much_it_weighs(modules: Modules, tmp_path: Path) -> None:
    before = weight(modules, LINEAR)
    file = save(tmp_path, {f"base_model.model.{key.removeprefix('unet.')}": value for key, value in GOOD.items()})
    file = file.rename(tmp_path / "adapter_model.safetensors")
    config = {"r": 3, "lora_alpha": 3, "alpha_pattern": {r"attn1\.to_q": 12}}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    fused(modules, file, 1.0)
    down, up = GOOD.values()
    assert close(weight(modules, LINEAR), before + 4 * up @ down)
    (tmp_path / "adapter_config.json").write_text("[")
    with pytest.raises(EngineError, match="configuration of the LoRA adapter_model"):
        fused(modules, file)
