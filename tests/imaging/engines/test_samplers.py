"""Sampler tables step exactly as the schedulers of diffusers do, also for rows that joined at different steps."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from imaging.controls.prompt import Prompt
from imaging.engines.batch import advance
from imaging.engines.loading import Parts
from imaging.engines.rows import Row
from imaging.engines.samplers import ALIASES, SAMPLERS, canonical, schedule
from imaging.errors import EngineError
from tests.imaging.engines.tiny import recipe

CONFIG: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
}
PLAYGROUND: dict[str, Any] = {"sigma_data": 0.5, "sigma_min": 0.002, "sigma_max": 80.0, "rho": 7.0}
COSXL: dict[str, Any] = {"sigma_data": 1.0, "sigma_min": 0.002, "sigma_max": 120.0, "prediction_type": "v_prediction"}
STOCK: dict[str, Callable[[dict[str, Any]], Any]] = {
    "euler": lambda config: diffusers.EulerDiscreteScheduler.from_config(config),
    "euler_a": lambda config: diffusers.EulerAncestralDiscreteScheduler.from_config(config),
    "ddim": lambda config: diffusers.DDIMScheduler.from_config(config, clip_sample=False),
    "lcm": lambda config: diffusers.LCMScheduler.from_config(config, clip_sample=False),
    "dpmpp_2m": lambda config: diffusers.DPMSolverMultistepScheduler.from_config(config),
    "dpmpp_2m_sde": lambda config: diffusers.DPMSolverMultistepScheduler.from_config(
        config, algorithm_type="sde-dpmsolver++"
    ),
    "unipc": lambda config: diffusers.UniPCMultistepScheduler.from_config(config),
}
NOT_IN_STOCK = "euler_a-karras"


def stock(sampler: str, config: dict[str, Any]) -> Any:
    base, _, variant = sampler.partition("-")
    more: dict[str, Any] = {"timestep_spacing": "trailing"} if variant == "trailing" else {}
    if variant == "karras":
        more = {"use_karras_sigmas": True}
    return STOCK[base](config | more)


class Answers:
    """A UNet whose answers are known beforehand: of every picture (by its width) and step."""

    def __init__(self, answers: dict[int, list[Tensor]]) -> None:
        self.answers = answers
        self.calls: list[tuple[Tensor, Tensor]] = []

    def __call__(self, latents: Tensor, times: Tensor, **given: Any) -> tuple[Tensor]:
        self.calls.append((latents, times))
        marks = given["encoder_hidden_states"][:, 0, 0].tolist()
        return (torch.stack([self.answers[int(mark)].pop(0) for mark in marks]),)


def parts_with(unet: Any, parts: Parts) -> Parts:
    class Bare(Parts):
        guides_itself = False

        def told_guidance(self, scales: Any) -> None:
            return None

    return Bare(unet, parts.vae, parts.text, parts.scheduler, parts.device, torch.float32, None, parts.scale)


def row(mark: int, sampler: str, steps: int, config: dict[str, Any], latents: Tensor, index: int = 0) -> Row:
    """An unguided row whose answers are those of `mark`."""
    words = Prompt(torch.full((1, 4), float(mark)), torch.zeros(4), (), ())
    wanted = recipe("x", guidance_scale=1.0)
    draw = torch.Generator().manual_seed(mark)
    return Row(wanted, words, None, schedule(sampler, steps, config), latents, index, draw)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape or (1, 4, 8, 8), generator=torch.Generator().manual_seed(seed))


def stepped(reference: Any, latents: Tensor, answers: list[Tensor], seed: int, start: int = 0) -> list[Tensor]:
    """What a scheduler of diffusers makes of the same answers, after every step."""
    draw, found = torch.Generator().manual_seed(seed), []
    if start:
        reference.set_begin_index(start)
    accepts = "generator" in reference.step.__code__.co_varnames and not isinstance(reference, diffusers.DDIMScheduler)
    for time, answer in zip(reference.timesteps[start:], answers, strict=True):
        reference.scale_model_input(latents, time)
        options = {"generator": draw} if accepts else {}
        latents = reference.step(answer[None], time, latents, **options).prev_sample
        found.append(latents)
    return found


def close(ours: Tensor, theirs: Tensor) -> bool:
    return torch.allclose(ours, theirs, rtol=1e-4, atol=1e-4 * max(1.0, float(theirs.abs().max())))


@pytest.mark.parametrize("sampler", sorted(SAMPLERS - {NOT_IN_STOCK}))
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@pytest.mark.parametrize("steps", [1, 4, 25])
def test_every_step_equals_the_stock_scheduler(
    tiny_parts: Parts, sampler: str, prediction: str, spacing: str, steps: int
) -> None:
    config = CONFIG | {"prediction_type": prediction, "timestep_spacing": spacing}
    table, reference = schedule(sampler, steps, config), stock(sampler, config)
    reference.set_timesteps(steps)
    start = drawn(0) * table.initial
    assert table.initial == pytest.approx(float(reference.init_noise_sigma))
    assert len(table) == steps
    answers = [drawn(i, 4, 8, 8) for i in range(steps)]
    unet = Answers({3: list(answers)})
    expected = stepped(reference, start, answers, seed=3)
    ours = row(3, sampler, steps, config, start)
    again = stock(sampler, config)
    again.set_timesteps(steps)
    for i, time in enumerate(again.timesteps):
        assert table.timesteps[i] == pytest.approx(float(time))
        before = ours.latents
        advance(parts_with(unet, tiny_parts), [ours])
        seen = unet.calls[-1][0]
        if not again.__class__.__name__.startswith(("DPM", "UniPC")):
            assert torch.allclose(seen, again.scale_model_input(before, time), rtol=1e-3, atol=1e-4)
        again._step_index = i + 1
        assert close(ours.latents, expected[i]), i


@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m", "dpmpp_2m-karras", "dpmpp_2m_sde-karras", "unipc"])
def test_rows_that_joined_at_different_steps_are_what_each_would_be_alone(tiny_parts: Parts, sampler: str) -> None:
    config = CONFIG | {"prediction_type": "epsilon", "timestep_spacing": "leading"}
    lengths, entries, joins = (9, 6, 8), (0, 0, 3), (0, 2, 4)
    references, answers, rows, starts = [], [], [], []
    for mark, (steps, entry) in enumerate(zip(lengths, entries, strict=True)):
        reference = stock(sampler, config)
        reference.set_timesteps(steps)
        references.append(reference)
        answers.append([drawn(100 * mark + i, 4, 8, 8) for i in range(steps - entry)])
        rows.append(row(mark, sampler, steps, config, drawn(7 + mark), entry))
        starts.append(rows[-1].latents)
    unet = Answers({mark: list(each) for mark, each in enumerate(answers)})
    calls = 0
    while any(each.index < len(each.schedule) for each in rows):
        together = [r for r, join in zip(rows, joins, strict=True) if calls >= join and r.index < len(r.schedule)]
        advance(parts_with(unet, tiny_parts), together)
        calls += 1
    assert calls < sum(lengths) - sum(entries)
    for mark, (entry, finished) in enumerate(zip(entries, rows, strict=True)):
        expected = stepped(references[mark], starts[mark], answers[mark], seed=mark, start=entry)
        assert close(finished.latents, expected[-1])


def test_ancestral_steps_take_karras_sigmas_too() -> None:
    """diffusers has none of these: between the same sigmas they are the formula of Karras et al.'s appendix."""
    euler, ancestral = (schedule(f"{base}-karras", 10, CONFIG) for base in ("euler", "euler_a"))
    assert ancestral.timesteps == euler.timesteps
    sigmas = [*euler.start_noise, 0.0]
    for i, (now, after) in enumerate(itertools.pairwise(sigmas)):
        up = (after**2 * (now**2 - after**2) / now**2) ** 0.5
        assert ancestral.noise[i] == pytest.approx(up)
        down = (after**2 - up**2) ** 0.5
        assert ancestral.model[i] == pytest.approx(down - now)


@pytest.mark.parametrize(("config", "prediction"), [(PLAYGROUND, "epsilon"), (COSXL, "v_prediction")])
@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m", "dpmpp_2m-karras"])
def test_latents_of_edm_step_as_the_stock_scheduler_has_it(
    tiny_parts: Parts, sampler: str, config: dict[str, Any], prediction: str
) -> None:
    kind = diffusers.EDMEulerScheduler if sampler == "euler" else diffusers.EDMDPMSolverMultistepScheduler
    names = ("sigma_data", "sigma_min", "sigma_max")
    reference = kind(**{name: config[name] for name in names}, prediction_type=prediction)
    reference.set_timesteps(12)
    table = schedule(sampler, 12, config | {"prediction_type": prediction})
    assert table.initial == pytest.approx(float(reference.init_noise_sigma))
    start = drawn(1) * table.initial
    answers = [drawn(i, 4, 8, 8) for i in range(12)]
    ours = row(3, sampler, 12, config | {"prediction_type": prediction}, start)
    unet = Answers({3: list(answers)})
    expected = stepped(reference, start, answers, seed=3)
    for i, time in enumerate(reference.timesteps):
        assert table.timesteps[i] == pytest.approx(float(time), rel=1e-4)
        before = ours.latents
        advance(parts_with(unet, tiny_parts), [ours])
        scaled = before / (float(reference.sigmas[i]) ** 2 + config["sigma_data"] ** 2) ** 0.5
        assert torch.allclose(unet.calls[-1][0], scaled, rtol=1e-4, atol=1e-4)
        assert close(ours.latents, expected[i])


@pytest.mark.parametrize("sampler", sorted(SAMPLERS - {NOT_IN_STOCK}))
def test_a_picture_enters_late_as_add_noise_has_it(sampler: str) -> None:
    table = schedule(sampler, 10, CONFIG | {"timestep_spacing": "trailing"})
    reference = stock(sampler, CONFIG | {"timestep_spacing": "trailing"})
    reference.set_timesteps(10)
    draw = torch.Generator().manual_seed(6)
    clean, noise = torch.randn(1, 4, 8, 8, generator=draw), torch.randn(1, 4, 8, 8, generator=draw)
    expected = reference.add_noise(clean, noise, reference.timesteps[6:7])
    # Where signal and noise nearly cancel, a rounding of either is large beside what is left.
    entered = table.start_signal[6] * clean + table.start_noise[6] * noise
    assert torch.allclose(entered, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_noise_without_any_signal_at_the_beginning_is_stepped_where_velocity_is_predicted(sampler: str) -> None:
    config = CONFIG | {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    table = schedule(sampler, 8, config | {"prediction_type": "v_prediction"})
    numbers = [n for name in ("keep", "model", "noise", "seen", "guessed") for n in getattr(table, name)]
    assert all(abs(number) < 1e5 for number in numbers)
    if sampler.startswith(("ddim", "lcm")):
        with pytest.raises(EngineError, match="EASEL_PREDICTION"):
            schedule(sampler, 8, config | {"prediction_type": "epsilon"})


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("DPM++ 2M Karras", "dpmpp_2m-karras"),
        ("dpmpp_2m_karras", "dpmpp_2m-karras"),
        ("DPM++ 2M SDE Karras", "dpmpp_2m_sde-karras"),
        ("Euler a", "euler_a"),
        ("k_euler_a", "euler_a"),
        ("euler_ancestral", "euler_a"),
        ("EulerDiscreteScheduler", "euler"),
        ("UniPC", "unipc"),
        ("uni_pc_bh2", "unipc"),
        ("turbo", "euler-trailing"),
        ("euler-trailing", "euler-trailing"),
    ],
)
def test_samplers_are_known_by_their_usual_names(said: str, meant: str) -> None:
    assert canonical(said) == meant
    assert set(ALIASES.values()) <= SAMPLERS


@pytest.mark.parametrize(
    ("sampler", "steps"),
    [("dpm", 4), ("", 4), ("euler", 0), ("euler", -3), ("ddim", 10_000), ("lcm-karras", 4), ("ddim karras", 4)],
)
def test_what_cannot_be_sampled_gets_a_sentence(sampler: str, steps: int) -> None:
    with pytest.raises(EngineError, match=r"\.$"):
        schedule(sampler, steps, CONFIG)


@pytest.mark.parametrize("sampler", ["ddim", "lcm"])
def test_samplers_for_other_latents_are_refused(sampler: str) -> None:
    with pytest.raises(EngineError, match="is not for this checkpoint"):
        schedule(sampler, 4, PLAYGROUND)


def test_an_unknown_prediction_is_refused() -> None:
    with pytest.raises(EngineError, match="predicts"):
        schedule("euler", 4, CONFIG | {"prediction_type": "flow"})
