"""bf16, which GPUs and CPUs with AMX compute in: every kind of row runs, and changes none of its neighbours' bytes."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bot.settings import Precision
from imaging.engines import precision
from imaging.engines.mini import mini_engine
from imaging.engines.sdxl import SdxlEngine
from imaging.errors import EngineError
from imaging.model import Control, Operation, Recipe, Technique
from tests.imaging.engines.tiny import edit, recipe, render, solo_bytes

SMALL = {"width": 64, "height": 64, "num_inference_steps": 4}
CAR = recipe("a red car on grass", **SMALL)
KINDS: dict[str, Recipe] = {
    "plain": CAR,
    "unguided": recipe("a house", 4, guidance_scale=1.0, **SMALL),
    "lcm": recipe("a tree", 5, sampler="lcm", **SMALL),
    "p2p": edit(CAR, "a blue car on grass", Technique.PROMPT_TO_PROMPT, {}, **SMALL),
    "blended": edit(CAR, "a blue car on grass", Technique.PROMPT_TO_PROMPT, {"local_blend": 0.3}, **SMALL),
    "masactrl": edit(CAR, "a red car on snow", Technique.MASACTRL, {"start_step": 1.0}, **SMALL),
    "masked": edit(CAR, "a red car on snow", Technique.MASACTRL, {"start_step": 1.0, "mask": 0.4}, **SMALL),
    "ip-adapter": recipe(
        "a dog",
        6,
        operation=Operation.EDIT,
        source_image="x",
        control=Control(Technique.IP_ADAPTER, 0.5, "Test.", {"scale": 0.5, "retried": 1.0}),
        **SMALL,
    ),
    "image-to-image": recipe(
        "a cat",
        7,
        operation=Operation.EDIT,
        source_image="x",
        control=Control(Technique.IMAGE_TO_IMAGE, 0.5, "Test.", {"retried": 1.0}),
        **SMALL,
    ),
}


def _reference() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(out, "PNG")
    return out.getvalue()


IMAGES = {"x": _reference()}


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> SdxlEngine:
    engine = mini_engine(tmp_path_factory.mktemp("home"), precision="bfloat16")
    engine.load()
    return engine


def _pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=np.float32) / 255


def test_every_kind_of_row_together_has_the_bytes_of_rendering_alone(half: SdxlEngine) -> None:
    together = render(half, KINDS, IMAGES)
    alone = dict(zip(KINDS, solo_bytes(half, list(KINDS.values()), IMAGES), strict=True))
    for kind, data in alone.items():
        if precision.cpu_dtype() is torch.bfloat16:
            assert together[kind].data == data, kind
        else:  # a CPU that would not choose it promises no bytes in it
            assert np.abs(_pixels(together[kind].data) - _pixels(data)).mean() < 0.02, kind


def test_pictures_look_as_in_full_precision(half: SdxlEngine, mini: SdxlEngine) -> None:
    wanted = {kind: dataclasses.replace(KINDS[kind], num_inference_steps=8) for kind in ("plain", "ip-adapter", "lcm")}
    rough, exact = render(half, wanted, IMAGES), render(mini, wanted, IMAGES)
    for kind in wanted:
        other = "lcm" if kind == "plain" else "plain"
        apart = np.abs(_pixels(rough[kind].data) - _pixels(exact[kind].data)).mean()
        others = np.abs(_pixels(rough[kind].data) - _pixels(exact[other].data)).mean()
        assert 0 < apart < others / 4


def test_the_unet_computes_in_what_was_asked_for_and_the_decoder_never_overflows(half: SdxlEngine) -> None:
    unet, vae, *encoders = half.modules()
    assert unet.dtype is torch.bfloat16
    assert all(encoder.dtype is torch.bfloat16 for encoder in encoders)
    assert vae.dtype is (torch.float32 if vae.config.force_upcast else torch.bfloat16)


@pytest.mark.parametrize(("faster", "chosen"), [(4.0, torch.bfloat16), (1.7, torch.float32), (0.2, torch.float32)])
def test_a_cpu_gets_half_precision_only_where_it_is_clearly_faster(
    monkeypatch: pytest.MonkeyPatch, faster: float, chosen: torch.dtype
) -> None:
    now = 0.0
    multiply = torch.mm

    def timed(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        nonlocal now
        now += 1.0 / faster if left.dtype is torch.bfloat16 else 1.0
        return multiply(left[:1], right)

    monkeypatch.setattr("imaging.engines.precision.time.thread_time", lambda: now)
    monkeypatch.setattr(torch, "mm", timed)
    precision.bf16_speed.cache_clear()
    try:
        assert precision.choose_dtype(torch.device("cpu")) is chosen
    finally:
        precision.bf16_speed.cache_clear()


def test_a_wanted_precision_wins_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    cpu = torch.device("cpu")
    assert precision.choose_dtype(cpu, "float32") is torch.float32
    assert precision.choose_dtype(cpu, "bfloat16") is torch.bfloat16
    with pytest.raises(EngineError, match="float32"):
        mini_engine(tmp_path, precision="float8").load()


def test_every_precision_that_can_be_set_is_known() -> None:
    assert {each.value for each in Precision} == set(precision.PRECISIONS)
