"""When a device fails: memory that runs out, errors that stick, numbers that are none.

Device errors are raised on a CPU in the words of CUDA; what holds on to tensors is looked for by weak references.
"""

from __future__ import annotations

import dataclasses
import logging
import weakref
from collections.abc import Iterator
from concurrent.futures import Executor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from imaging.engines import precision
from imaging.engines.batch import advance
from imaging.engines.failures import Failure, Kind, kind_of
from imaging.engines.latents import NO_NUMBERS, Latents
from imaging.engines.loading import Parts
from imaging.engines.mini import mini_abilities
from imaging.engines.options import EngineOptions
from imaging.engines.rows import Row
from imaging.engines.runtime import FAILED, Runtime
from imaging.errors import DeviceLost, EngineError
from imaging.model import Recipe
from tests.imaging.engines.tiny import drain, pictures, recipe

PLENTY = 10**12


def small(prompt: str, seed: int = 1) -> Recipe:
    return recipe(prompt, seed, width=64, height=64, num_inference_steps=3)


@pytest.fixture
def runtime(parts: Parts, options: EngineOptions) -> Iterator[Runtime]:
    made = Runtime(mini_abilities(), parts, options)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), Kind.MEMORY),
        (MemoryError(), Kind.MEMORY),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"), Kind.MEMORY),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), Kind.MEMORY),
        (torch.AcceleratorError("CUDA error: out of memory"), Kind.MEMORY),
        (torch.AcceleratorError("CUDA error: device-side assert triggered"), Kind.DEVICE),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), Kind.DEVICE),
        (RuntimeError("CUDA error: uncorrectable ECC error encountered"), Kind.DEVICE),
        (RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx(…)`"), Kind.DEVICE),
        (torch.AcceleratorError("CUDA error: no kernel image is available for execution on the device"), Kind.PICTURE),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), Kind.PICTURE),
        (KeyError("unet"), Kind.PICTURE),
        (EngineError("A guidance of 99 cannot be used."), Kind.PICTURE),
        (DeviceLost("gone"), Kind.DEVICE),
    ],
)
def test_errors_are_told_apart(error: Exception, kind: Kind) -> None:
    assert kind_of(error) is kind


def test_the_tensors_of_a_failed_call_are_let_go_before_it_is_tried_again(parts: Parts, options: EngineOptions) -> None:
    held: list[weakref.ref[Tensor]] = []
    alive_at_retry: list[bool] = []

    def forward(parts: Parts, rows: list[Row], at_least: int, beside: Executor | None) -> list[Tensor]:
        if len(rows) > 1:
            large = torch.zeros(1024)
            held.append(weakref.ref(large))
            raise torch.OutOfMemoryError("CUDA out of memory.")
        alive_at_retry.extend(each() is not None for each in held)
        return advance(parts, rows, at_least=at_least, beside=beside)

    runtime = Runtime(mini_abilities(), parts, options, forward=forward)
    try:
        for seed in range(3):
            runtime.admit(str(seed), small("a car", seed), {})
        assert set(pictures(drain(runtime))) == {"0", "1", "2"}
    finally:
        runtime.close()
    assert held
    assert alive_at_retry
    assert not any(alive_at_retry)


def test_a_failure_says_all_and_holds_nothing() -> None:
    large = torch.zeros(8)
    seen = weakref.ref(large)

    def call(tensor: Tensor) -> None:
        raise RuntimeError("CUDA out of memory")

    try:
        call(large)
    except RuntimeError as error:
        failure = Failure.of(error)
    del large
    assert seen() is None
    assert "call(large)" in failure.text
    assert "out of memory" in failure.text


@pytest.mark.parametrize("moment", ["admission", "step", "decoding"])
def test_an_error_that_sticks_ends_the_process_instead_of_failing_everybody_after_it(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, moment: str, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    if moment != "admission":
        runtime.admit("a", small("a car"), {})
    owner, name = {
        "admission": (runtime._planner, "plan"),
        "step": (runtime, "_forward"),
        "decoding": (runtime._finisher, "finish"),
    }[moment]
    monkeypatch.setattr(owner, name, broken)
    with pytest.raises(DeviceLost):
        runtime.admit("a", small("a car"), {}) if moment == "admission" else drain(runtime)
    assert "illegal memory access" in caplog.text


def test_admission_without_memory_is_tried_again_once_and_then_told(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, refusals = runtime._planner.plan, iter([True, False, True, True])

    def scarce(*arguments: Any) -> Any:
        if next(refusals):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return plan(*arguments)

    monkeypatch.setattr(runtime._planner, "plan", scarce)
    runtime.admit("a", small("a car"), {})
    with pytest.raises(EngineError, match="memory for a picture of 64"):
        runtime.admit("b", small("a car"), {})
    assert set(pictures(drain(runtime))) == {"a"}


@pytest.mark.parametrize("moment", ["plan", "preview", "finish"])
def test_whatever_goes_wrong_with_one_picture_is_told_of_that_one_alone(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, moment: str, caplog: pytest.LogCaptureFixture
) -> None:
    runtime.admit("good", small("a car"), {})
    owner = {"plan": runtime._planner, "preview": runtime._latents, "finish": runtime._finisher}[moment]
    real, calls = getattr(owner, moment), iter(range(100))

    def once(*arguments: Any) -> Any:
        if next(calls) == 0:
            raise IndexError("nobody thought of this")
        return real(*arguments)

    monkeypatch.setattr(owner, moment, once)
    errors = []
    try:
        runtime.admit("other", small("a cat", 2), {})
    except EngineError as error:
        errors.append(str(error))
    advances = drain(runtime)
    errors += [each.error for each in advances if each.error]
    assert len(errors) == 1
    assert errors[0] in (FAILED, "The picture could not be finished.")
    assert len([each for each in advances if each.picture]) == 1
    assert "nobody thought of this" in caplog.text
    assert runtime.room == 8


def test_a_picture_without_numbers_is_told_and_never_drawn_black(
    parts: Parts, options: EngineOptions, caplog: pytest.LogCaptureFixture
) -> None:
    def forward(parts: Parts, rows: list[Row], at_least: int, beside: Executor | None) -> list[Tensor]:
        seen = advance(parts, rows, at_least=at_least, beside=beside)
        for row in rows:
            if row.recipe.prompt == "overflow" and row.index == 2:
                row.latents = row.latents * float("nan")
        return seen

    runtime = Runtime(mini_abilities(), parts, options, forward=forward)
    try:
        runtime.admit("a", small("overflow"), {})
        runtime.admit("b", small("a cat"), {})
        advances = drain(runtime)
    finally:
        runtime.close()
    assert {each.id: each.error for each in advances if each.error} == {"a": NO_NUMBERS}
    assert {each.id for each in advances if each.picture} == {"b"}
    assert "EASEL_PRECISION" in caplog.text


class Overflowing(torch.nn.Module):
    """A VAE that is right in float32 and computes no numbers in anything less, as SDXL's first one."""

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.inner = vae
        self.config = vae.config
        self.narrow = True

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    @property
    def dtype(self) -> torch.dtype:
        return torch.float16 if self.narrow else torch.float32

    def to(self, dtype: torch.dtype) -> Overflowing:  # type: ignore[override]
        self.narrow = dtype is torch.float16
        return self

    def encode(self, pixels: Tensor) -> Any:
        return self.inner.encode(pixels.float())

    def decode(self, latents: Tensor, return_dict: bool) -> Any:
        found = self.inner.decode(latents.float(), return_dict=return_dict)[0]
        return (found * float("inf") if self.narrow else found,)


def test_a_vae_that_overflows_computes_in_float32_from_then_on(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    narrow = Overflowing(parts.vae)
    grid = torch.randn(1, parts.channels, 8, 8, generator=torch.Generator().manual_seed(0))
    found = Latents(narrow, parts.scale).decode(grid.half().float())
    assert not narrow.narrow
    assert found.tobytes() == Latents(parts.vae, parts.scale).decode(grid.half().float()).tobytes()
    assert "float32 from now on" in caplog.text


def test_what_stays_without_numbers_in_float32_is_told(parts: Parts) -> None:
    broken = SimpleNamespace(
        config=parts.vae.config, device=torch.device("cpu"), dtype=torch.float32, encode=parts.vae.encode,
        decode=lambda latents, return_dict: (torch.full((1, 3, 64, 64), float("nan")),),
    )  # fmt: skip
    with pytest.raises(EngineError, match="computed no picture"):
        Latents(broken, parts.scale).decode(torch.zeros(1, parts.channels, 8, 8))


@pytest.mark.parametrize("why", ["too little is free", "it runs out on the way"])
def test_large_pictures_are_decoded_and_encoded_in_tiles_where_memory_is_short(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    free = PLENTY
    latents = Latents(parts.vae, parts.scale, lambda device: free)
    image = Image.effect_mandelbrot((640, 640), (-2, -1.5, 1, 1.5), 60).convert("RGB")
    whole = latents.encode(image)
    picture = latents.decode(whole)

    if why == "too little is free":
        free = 1_000_000
    else:
        for part, side in (("encoder", 512), ("decoder", 64)):
            real = getattr(parts.vae, part).forward

            def scarce(grid: Tensor, *rest: Any, real: Any = real, side: int = side) -> Any:
                if grid.shape[-1] > side:
                    raise torch.OutOfMemoryError("CUDA out of memory.")
                return real(grid, *rest)

            monkeypatch.setattr(getattr(parts.vae, part), "forward", scarce)
    tiled = latents.encode(image)
    assert tiled.shape == whole.shape
    assert np.abs(pixels(latents.decode(whole)) - pixels(picture)).mean() < 3
    assert not parts.vae.use_tiling


def pixels(image: Image.Image) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.asarray(image, dtype=np.float32)


def test_bf16_is_chosen_only_where_the_card_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return including_emulation  # an older card: emulated only

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert precision.choose_dtype(torch.device("cuda")) is torch.float16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    assert precision.choose_dtype(torch.device("cuda")) is torch.bfloat16


def test_a_size_that_cannot_be_measured_stops_nobody(
    parts: Parts, options: EngineOptions, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = Runtime(mini_abilities(), dataclasses.replace(parts), options)

    def trial(*_: Any) -> Tensor:
        raise RuntimeError("cuDNN error: unable to find an engine to execute this computation")

    monkeypatch.setattr(runtime, "_trial", trial)
    with caplog.at_level(logging.WARNING):
        try:
            runtime.admit("a", small("a car"), {})
            assert set(pictures(drain(runtime))) == {"a"}
        finally:
            runtime.close()
    assert "could not be measured" in caplog.text
