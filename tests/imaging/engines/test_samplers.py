"""Sampler tables step exactly as the schedulers of diffusers do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, LCMScheduler

from imaging.engines.samplers import SAMPLERS, schedule
from imaging.errors import EngineError

CONFIG: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
}


def stock(sampler: str, config: dict[str, Any]) -> Any:
    if sampler == "ddim":
        return DDIMScheduler.from_config(config, clip_sample=False)
    if sampler == "lcm":
        return LCMScheduler.from_config(config, clip_sample=False)
    spacing = {"timestep_spacing": "trailing"} if sampler == "euler-trailing" else {}
    return EulerDiscreteScheduler.from_config(config | spacing)


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@pytest.mark.parametrize("steps", [1, 4, 25])
def test_every_step_equals_the_stock_scheduler(sampler: str, prediction: str, spacing: str, steps: int) -> None:
    config = CONFIG | {"prediction_type": prediction, "timestep_spacing": spacing}
    table = schedule(sampler, steps, config)
    reference = stock(sampler, config)
    reference.set_timesteps(steps)
    draw, same = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)) * table.initial
    assert table.initial == pytest.approx(float(reference.init_noise_sigma))
    assert len(table) == steps
    y = x.clone()
    for i, time in enumerate(reference.timesteps):
        assert table.timesteps[i] == pytest.approx(float(time))
        assert torch.allclose(table.input_scale[i] * x, reference.scale_model_input(y, time), rtol=1e-3, atol=1e-4)
        answer = torch.randn(x.shape, generator=torch.Generator().manual_seed(i))
        options = {} if sampler == "ddim" else {"generator": draw}
        y = reference.step(answer, time, y, **options).prev_sample
        x = table.keep[i] * x + table.model[i] * answer
        if table.noise[i]:
            x = x + table.noise[i] * torch.randn(x.shape, generator=same)
        assert torch.allclose(x, y, rtol=2e-4, atol=2e-4 * float(y.abs().max()))


def test_a_picture_enters_late_as_add_noise_has_it() -> None:
    for sampler in sorted(SAMPLERS):
        table = schedule(sampler, 10, CONFIG | {"timestep_spacing": "trailing"})
        reference = stock(sampler, CONFIG | {"timestep_spacing": "trailing"})
        reference.set_timesteps(10)
        draw = torch.Generator().manual_seed(6)
        clean, noise = torch.randn(1, 4, 8, 8, generator=draw), torch.randn(1, 4, 8, 8, generator=draw)
        expected = reference.add_noise(clean, noise, reference.timesteps[6:7])
        # Where signal and noise nearly cancel, a rounding of either is large beside what is left.
        entered = table.start_signal[6] * clean + table.start_noise[6] * noise
        assert torch.allclose(entered, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))


@pytest.mark.parametrize(("sampler", "steps"), [("dpm", 4), ("", 4), ("euler", 0), ("euler", -3), ("ddim", 10_000)])
def test_what_cannot_be_sampled_gets_a_sentence(sampler: str, steps: int) -> None:
    with pytest.raises(EngineError, match=r"\.$"):
        schedule(sampler, steps, CONFIG)


def test_an_unknown_prediction_is_refused() -> None:
    with pytest.raises(EngineError, match="predicts"):
        schedule("euler", 4, CONFIG | {"prediction_type": "flow"})
