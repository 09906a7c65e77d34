"""One denoising step of any rows of one size: one UNet call, then every row's own sampler step."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from imaging.controls.attention import Probe, RowControl, taken, together
from imaging.controls.control import Standing
from imaging.engines.loading import Parts
from imaging.engines.rows import Row


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where rows stand in the batch of one UNet call: unconditional ones first, as stock pipelines have it."""

    conditional: dict[int, int]
    unconditional: dict[int, int]

    @property
    def order(self) -> list[int]:
        """The row at each place."""
        return [*self.unconditional, *self.conditional]

    def standing(self, row: int, source: int | None) -> Standing:
        """Where a row, and its source if that is among the rows, stand."""
        places = self.conditional, self.unconditional
        target, unconditional = (half.get(row) for half in places)
        if source is None:
            return Standing(target, unconditional, None, None)
        return Standing(target, unconditional, *(half.get(source) for half in places))


def _layout(rows: list[Row]) -> _Layout:
    guided = [index for index, row in enumerate(rows) if row.guided]
    return _Layout(
        {index: len(guided) + index for index in range(len(rows))},
        {index: place for place, index in enumerate(guided)},
    )


def _halves(rows: list[Row]) -> list[_Layout]:
    """The same in two calls. Every control reads within a half: conditional rows lend to conditional ones only."""
    whole = _layout(rows)
    conditional = {index: place for place, index in enumerate(whole.conditional)}
    return [_Layout({}, whole.unconditional), _Layout(conditional, {})]


@torch.inference_mode()
def advance(parts: Parts, rows: list[Row], *, at_least: int = 1, beside: Executor | None = None) -> list[Tensor]:
    """Move every row one step on, and return the picture so far of each, [1, C, h, w].

    The rows have one latent size and one number of text positions; sources that are read stand among
    them, before their targets. A row's result does not depend on the other rows.

    Args:
        at_least: A UNet call's batch is filled up to this by repeating a row.
        beside: Where the unconditional half runs while the conditional one runs here; None is one call for both.
    """
    numbers = _numbers(rows)
    outputs, seen_maps = _predictions(parts, rows, numbers, at_least, beside)
    # Latents keep full precision whatever the UNet computes in.
    latents = torch.cat([row.latents for row in rows])
    seen = numbers.seen * latents + numbers.guessed * outputs
    following = numbers.keep * latents + numbers.model * outputs
    for index, row in enumerate(rows):
        fresh = row.schedule.noise[row.index]
        one = slice(index, index + 1)
        row.latents = following[one]
        if row.schedule.memory is not None:
            row.latents = _remembering(row, latents[one], outputs[one], seen[one])
        if fresh:
            row.latents = row.latents + fresh * noise(row)
        row.index += 1
    _after(rows, seen_maps)
    return [seen[index : index + 1] for index in range(len(rows))]


def _remembering(row: Row, latents: Tensor, output: Tensor, seen: Tensor) -> Tensor:
    """The latents after a step of a solver that remembers; the row remembers the step. Nothing is copied to the device
    for it."""
    memory = row.schedule.memory
    assert memory is not None
    mix = memory.at(row.index, len(row.past))
    parts = (latents, output, *row.past)
    corrected = () if mix.corrected is None else (_weighted(mix.corrected, parts),)
    pictures = (seen, *row.past[: len(row.past) - (1 if corrected and row.past else 0)])[: memory.pictures]
    row.past = (*pictures, *corrected)
    return _weighted((mix.keep, mix.model, *mix.past), parts)


def _weighted(weights: tuple[float, ...], parts: tuple[Tensor, ...]) -> Tensor:
    total = weights[0] * parts[0]
    for weight, part in zip(weights[1:], parts[1:], strict=True):
        if weight:
            total = total + weight * part
    return total


def _predictions(
    parts: Parts, rows: list[Row], numbers: _Numbers, at_least: int, beside: Executor | None
) -> tuple[Tensor, Seen]:
    """Guided prediction of every row, float32 [rows, C, h, w], and what to do with the maps that were seen."""
    if beside is None or not any(row.guided for row in rows):
        layout = _layout(rows)
        output, seen = _call(parts, rows, numbers, layout, at_least)
        plain, worded = {i: output[p] for i, p in layout.unconditional.items()}, output[len(layout.unconditional) :]
    else:
        first, second = _halves(rows)
        other = beside.submit(_call, parts, rows, numbers, first, at_least)
        try:
            worded, seen = _call(parts, rows, numbers, second, at_least)
        finally:
            wait([other])  # whatever happened here, nothing may run on when the rows are taken back
        output, _ = other.result()
        plain = {i: output[p] for i, p in first.unconditional.items()}
    guided = [
        _guided(row, plain[index], worded[index]) if index in plain else worded[index] for index, row in enumerate(rows)
    ]
    return torch.stack(guided), seen


def _guided(row: Row, plain: Tensor, worded: Tensor) -> Tensor:
    """Classifier-free guidance of one row [C, h, w], rescaled as Lin et al. have it (2023, arXiv 2305.08891, section
    3.4): by the deviation of the conditional prediction, so that large scales do not overexpose."""
    found = plain + row.recipe.guidance_scale * (worded - plain)
    if not row.rescale:
        return found
    rescaled = found * (worded.std() / found.std().clamp(min=1e-12))
    return row.rescale * rescaled + (1 - row.rescale) * found


def noise(row: Row) -> Tensor:
    """Fresh noise like the row's latents, from its own CPU generator."""
    return _onto(torch.randn(row.latents.shape, generator=row.draw), row.latents.device)


def _onto(values: Tensor, device: torch.device) -> Tensor:
    """Values of the host on the device, without waiting for what the device is doing."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values.to(device)


@dataclass(frozen=True, slots=True)
class _Numbers:
    """What each row's schedule and size say of a step, [rows, 12] on the device.

    One copy a step, because every copy makes the host and the device wait for each other.
    """

    table: Tensor

    def column(self, index: int) -> Tensor:
        return self.table[:, index].view(-1, 1, 1, 1)

    @property
    def keep(self) -> Tensor:
        return self.column(0)

    @property
    def model(self) -> Tensor:
        return self.column(1)

    @property
    def seen(self) -> Tensor:
        return self.column(2)

    @property
    def guessed(self) -> Tensor:
        return self.column(3)

    @property
    def input_scale(self) -> Tensor:
        return self.column(4)

    @property
    def times(self) -> Tensor:
        """[rows]"""
        return self.table[:, 5]

    @property
    def sizes(self) -> Tensor:
        """[rows, 6]: SDXL's time ids (Podell et al. 2023, section 2.2): original size, crop, target size."""
        return self.table[:, 6:12]

    def of(self, order: Sequence[int]) -> _Numbers:
        """Those of some rows, in this order."""
        return _Numbers(taken(self.table, list(order)))


def _numbers(rows: list[Row]) -> _Numbers:
    found = []
    for row in rows:
        at, table, recipe = row.index, row.schedule, row.recipe
        size = (recipe.height, recipe.width)
        step = (table.keep, table.model, table.seen, table.guessed, table.input_scale, table.timesteps)
        found.append([*(each[at] for each in step), *size, 0, 0, *size])
    latents = rows[0].latents
    return _Numbers(_onto(torch.tensor(found, dtype=latents.dtype), latents.device))


Seen: TypeAlias = dict[tuple[int, int], Mapping[str, Probe]]
"""(row, which of its controls) → the maps that it wanted to see."""


@torch.inference_mode()
def _call(parts: Parts, rows: list[Row], numbers: _Numbers, layout: _Layout, at_least: int) -> tuple[Tensor, Seen]:
    """One UNet call: float32 [places, C, h, w], and what to do with the maps that it has shown."""
    control, seen = _controls(rows, layout)
    order = layout.order
    order += [order[-1]] * (at_least - len(order))
    texts = [
        row.negative if place < len(layout.unconditional) and row.negative is not None else row.prompt
        for place, row in enumerate(rows[index] for index in order)
    ]
    if parts.words is not None:
        control = dataclasses.replace(control, words=parts.words.of(texts))
    latents = torch.cat([rows[index].latents for index in order])
    step = numbers.of(order)
    output = parts.unet(
        (latents * step.input_scale).to(parts.dtype),
        step.times,
        timestep_cond=parts.told_guidance(tuple(rows[index].recipe.guidance_scale for index in order)),
        encoder_hidden_states=torch.stack([each.embeds for each in texts]).to(parts.dtype),
        added_cond_kwargs={
            "text_embeds": torch.stack([each.pooled for each in texts]).to(parts.dtype),
            "time_ids": step.sizes.to(parts.dtype),
        },
        cross_attention_kwargs={"control": control} if control else None,
        return_dict=False,
    )[0].float()
    return output, seen


def _controls(rows: list[Row], layout: _Layout) -> tuple[RowControl, Seen]:
    """What every row's controls want of a call in their own step."""
    numbers = {id(row): index for index, row in enumerate(rows)}
    wanted: list[RowControl] = []
    seen: Seen = {}
    for index, row in enumerate(rows):
        standing = layout.standing(index, numbers.get(id(row.source)))
        for which, control in enumerate(row.controls):
            wanted.append(control.at(row.index, standing))
            if probes := control.probes(standing):
                seen[index, which] = probes
                wanted.append(RowControl(probes=tuple(probes.values())))
    return together(wanted), seen


def _after(rows: list[Row], seen: Seen) -> None:
    """Each control's last word on a step, sources first."""
    there = {id(row) for row in rows}
    for index, row in enumerate(rows):
        source = row.source.latents if row.source is not None and id(row.source) in there else None
        for which, control in enumerate(row.controls):
            row.latents = control.after(row.share, seen.get((index, which), {}), row.latents, source)
