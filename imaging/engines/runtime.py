"""The engine at work: admission, who goes next, memory, previews, and finished pictures."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from imaging.controls import attention
from imaging.engine import Advance
from imaging.engines import stable_rows
from imaging.engines.batch import advance
from imaging.engines.failures import Failure, Kind, lost, release
from imaging.engines.finishing import Finisher
from imaging.engines.grouping import Group, groups
from imaging.engines.latents import Latents
from imaging.engines.loading import Parts, choose_device, load_parts
from imaging.engines.memory import (
    GPU_ROWS,
    LEAST,
    SMALL_MODEL,
    Measured,
    RowCaps,
    fitting_rows,
    free_memory,
    row_bytes,
    stable_row_count,
    stands_alone,
)
from imaging.engines.options import EngineOptions
from imaging.engines.planning import Planner
from imaging.engines.precision import choose_dtype
from imaging.engines.rows import Job, Row
from imaging.engines.trajectories import Trajectories
from imaging.engines.word_cache import WordCache
from imaging.errors import BadPicture, EngineError
from imaging.model import Abilities, Recipe
from imaging.origins import Origin, origin, public_name
from imaging.outputs import preview_bytes

log = logging.getLogger(__name__)

PREVIEW_EVERY_S = 0.5
FAILED = "The picture engine failed on this picture; please try again."
Forward = Callable[[Parts, list[Row], int, Executor | None], list[Tensor]]


def _advance(parts: Parts, rows: list[Row], at_least: int, beside: Executor | None) -> list[Tensor]:
    return advance(parts, rows, at_least=at_least, beside=beside)


def open_runtime(abilities: Abilities, options: EngineOptions) -> Runtime:
    """Load the weights and put the row-controlled attention in.

    Raises:
        EngineError: one sentence that says what is wrong with the model or the device.
    """
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    parts = load_parts(
        options.model,
        device=device,
        dtype=choose_dtype(device, options.precision),
        loras=options.loras,
        ip_adapter=options.ip_adapter,
        vae=options.vae,
        prediction=options.prediction,
        clip_skip=options.clip_skip,
    )
    return Runtime(abilities, parts, options)


class Runtime:
    """Everything in flight on one device. Not thread-safe.

    On a CPU a picture's bytes do not depend on what renders beside it: batches are no larger than what
    was measured to be bit-equal to rendering alone. On a GPU, batched pictures can differ from solo
    ones in the last bit of a few pixels, as in any batched pipeline.
    """

    def __init__(
        self,
        abilities: Abilities,
        parts: Parts,
        options: EngineOptions,
        *,
        forward: Forward = _advance,
        clock: Callable[[], float] = time.monotonic,
        free_memory: Callable[[torch.device], int] = free_memory,
    ) -> None:
        self._on_cpu = parts.device.type == "cpu"
        self._small = sum(p.numel() for p in parts.unet.parameters()) <= SMALL_MODEL
        self._lanes = max(1, options.lanes) if self._on_cpu else 1
        if self._on_cpu and self._small:
            parts = dataclasses.replace(parts, words=WordCache(2 * self._lanes + 2))
        self._parts = parts
        self._latents = Latents(parts.vae, parts.scale, free_memory)
        family = options.family.fitted(attention.layer_numbers(parts.unet))
        self._planner = Planner(
            abilities,
            parts,
            family,
            self._latents,
            _origin(parts, options),
            rescale=options.rescale,
        )
        self._finisher = Finisher(self._latents)
        self._trajectories = Trajectories()
        self._limit = options.max_pictures
        fitting = None if self._on_cpu else lambda each: fitting_rows(each, free_memory(parts.device))
        self._caps = RowCaps(options.home, _place(parts, options), fitting)
        self._forward = forward
        self._clock = clock
        self._free_memory = free_memory
        self._jobs: dict[str, Job] = {}
        self._steps = 0
        # Each lane's calls run on one thread, so that a picture's bytes do not depend on the number of lanes.
        self._pool = ThreadPoolExecutor(self._lanes, "lane", initializer=torch.set_num_threads, initargs=(1,))
        self._before = attention.install(parts.unet)
        if self._on_cpu:
            stable_rows.install(parts.unet, search=self._small and parts.dtype is not torch.float32)

    def close(self) -> None:
        """Take everything of ours out of the UNet again."""
        self._jobs.clear()
        self._pool.shutdown()
        attention.uninstall(self._parts.unet, self._before)
        stable_rows.uninstall(self._parts.unet)

    @property
    def room(self) -> int:
        return max(0, self._limit - sum(len(job.rows) for job in self._jobs.values()))

    def modules(self) -> list[Any]:
        """Every torch module held, for measuring memory."""
        return [self._parts.unet, self._parts.vae, *self._parts.text.encoders]

    def admit(self, id: str, recipe: Recipe, images: Mapping[str, bytes]) -> None:
        """Take a request in, with its sources.

        Raises:
            EngineError: the recipe cannot run here, memory is short, the id is in flight already, or making it ready
                failed in a way that nobody thought of (the log has it).
            DeviceLost: this process can no longer use the device.
        """
        if id in self._jobs:
            raise EngineError("This request is being rendered already.")
        job = self._planned_within_memory(id, recipe, images)
        self._check_memory(job)
        job.served = self._steps
        self._jobs[id] = job

    def _planned_within_memory(self, id: str, recipe: Recipe, images: Mapping[str, bytes]) -> Job:
        """The job; a second try where the device's memory was taken up by what is let go."""
        for again in (True, False):
            try:
                return self._planned(id, recipe, images)
            except (EngineError, BadPicture):
                raise
            except Exception as error:  # noqa: BLE001 - looked at below, without its frames
                failure = Failure.of(error)
            self._lose_or_release(failure)
            if failure.kind is not Kind.MEMORY or not again:
                break
        log.error("job %s could not be made ready\n%s", id, failure.text)
        raise EngineError(_too_large(recipe) if failure.kind is Kind.MEMORY else FAILED)

    def _lose_or_release(self, failure: Failure) -> None:
        if failure.kind is Kind.DEVICE:
            raise lost(failure)
        if failure.kind is Kind.MEMORY:
            release(self._parts.device)

    def _planned(self, id: str, recipe: Recipe, images: Mapping[str, bytes]) -> Job:
        job = self._planner.plan(id, recipe, images)
        for source in job.rows[:-1]:
            source.known = self._trajectories.get(source.recipe, source.positions)
        return job

    def cancel(self, id: str) -> None:
        """Drop a request; its rows are free at the next step."""
        self._jobs.pop(id, None)

    def step(self) -> Sequence[Advance]:
        """One UNet call a lane for those whose turn it is: the longest waiting, and whoever fits beside them."""
        if not self._jobs:
            return ()
        self._steps += 1
        chosen = groups(list(self._jobs.values()), self._measured, self._lanes)
        # One group needs no other thread; a GPU never has more.
        results = map(self._timed, chosen) if len(chosen) == 1 else self._pool.map(self._timed, chosen)
        advances = [
            advance
            for group, result in zip(chosen, results, strict=True)
            for advance in self._ended(group.jobs, result)
        ]
        if not self._jobs and self._parts.words is not None:
            self._parts.words.clear()
        return advances

    def _timed(self, group: Group) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Run a group and give each job its part of the time."""
        rows = {job.id: job.unet_rows for job in group.jobs}
        started = self._clock()
        result = self._run(group)
        spent = self._clock() - started
        for job in group.jobs:
            job.device_seconds += spent * rows[job.id] / sum(rows.values())
        return result

    def _ended(self, group: list[Job], result: tuple[dict[str, Tensor], dict[str, str]]) -> Iterator[Advance]:
        seen, errors = result
        for job in group:
            job.served = self._steps
            if job.id in errors:
                yield self._failed(job, errors[job.id])
            else:
                yield self._guarded(job, seen[job.id])

    def _guarded(self, job: Job, seen: Tensor) -> Advance:
        """What comes after a job's step; whatever goes wrong there is this job's alone."""
        try:
            return self._after(job, seen)
        except Exception as error:  # noqa: BLE001 - looked at below, without its frames
            failure = Failure.of(error)
        self._lose_or_release(failure)
        log.error("job %s could not go on\n%s", job.id, failure.text)
        if failure.kind is Kind.MEMORY:
            return self._failed(job, "There is not enough memory to finish the picture; ask for a smaller one.")
        return self._failed(job, failure.sentence or "The picture could not be finished.")

    def _failed(self, job: Job, sentence: str) -> Advance:
        self._jobs.pop(job.id, None)
        return Advance(job.id, job.step, job.total, error=sentence)

    def _run(self, group: Group) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Run a group; out of memory splits it, and only a job that fails alone has failed."""
        each_job = [job.active_rows() for job in group.jobs]
        rows = [row for its_rows in each_job for row in its_rows]
        for row in rows:
            row.trajectory[row.index] = row.latents
        state = [(row.latents, row.index, row.past, row.draw.get_state()) for row in rows]
        try:
            at_least = LEAST if self._on_cpu and not self._measured(group.jobs[0]).alone else 1
            seen = self._forward(self._parts, rows, at_least, self._pool if group.halved else None)
        except Exception as error:  # noqa: BLE001 - looked at below, without its frames
            failure = Failure.of(error)
        else:
            recipe = group.jobs[0].target.recipe
            self._caps.ran(recipe.width, recipe.height, sum(job.unet_rows for job in group.jobs))
            ends = itertools.accumulate(map(len, each_job))
            return {job.id: seen[end - 1] for job, end in zip(group.jobs, ends, strict=True)}, {}
        for row, (latents, index, past, draw) in zip(rows, state, strict=True):
            row.latents, row.index, row.past = latents, index, past
            row.draw.set_state(draw)
        return self._after_failure(group, failure)

    def _after_failure(self, group: Group, failure: Failure) -> tuple[dict[str, Tensor], dict[str, str]]:
        self._lose_or_release(failure)
        memory = failure.kind is Kind.MEMORY
        recipe = group.jobs[0].target.recipe
        if memory:
            self._caps.lower(recipe.width, recipe.height, sum(job.unet_rows for job in group.jobs))
        if len(group.jobs) > 1:
            # Whatever it was, nobody fails for another's sake: each half is tried on its own.
            middle = len(group.jobs) // 2
            first, first_errors = self._run(Group(group.jobs[:middle]))
            second, second_errors = self._run(Group(group.jobs[middle:]))
            return first | second, first_errors | second_errors
        log.error("a step failed for job %s\n%s", group.jobs[0].id, failure.text)
        return {}, {group.jobs[0].id: _too_large(recipe) if memory else failure.sentence or FAILED}

    def _after(self, job: Job, seen: Tensor) -> Advance:
        if job.finished:
            return self._finish(job)
        preview = None
        now = self._clock()
        if now >= job.preview_at:
            preview = preview_bytes(self._latents.preview(seen))
            job.preview_at = now + PREVIEW_EVERY_S
        return Advance(job.id, job.step, job.total, preview=preview)

    def _finish(self, job: Job) -> Advance:
        started = self._clock()
        for row in job.rows:
            if row.ran_whole:
                self._trajectories.put(row.recipe, row.positions, row.trajectory)
        picture, again = self._finisher.finish(job)
        if again is not None:
            retry = self._planned(job.id, again, job.images)
            retry.served, retry.preview_at = job.served, job.preview_at
            retry.done, retry.retries = job.step, job.retries + 1
            retry.device_seconds = job.device_seconds + self._clock() - started
            self._jobs[job.id] = retry
            return Advance(job.id, retry.step, retry.total)
        self._jobs.pop(job.id, None)
        return Advance(job.id, job.step, job.total, picture=picture(self._clock() - started))

    def _measured(self, job: Job) -> Measured:
        recipe = job.target.recipe
        return self._caps.measured(recipe.width, recipe.height, lambda: self._measure(job))

    def _measure(self, job: Job) -> Measured | None:
        """Rows that run together at this job's size on this device; None where it cannot be found out now."""
        device = self._parts.device

        def trial(rows: int) -> Tensor:
            return self._trial(job, rows)

        try:
            each = row_bytes(trial, device)
            if device.type == "cuda":
                return Measured(GPU_ROWS, each)
            if not self._small:
                # Nobody is ever beside it on a CPU, and trying it out would take minutes.
                return Measured(1 if self._on_cpu else LEAST, each, alone=True)
            # In bf16 rounding would hide from a trial what single rows change, and pictures show it now and then.
            alone = self._parts.dtype is torch.float32 and stands_alone(trial)
            return Measured(stable_row_count(trial), each, alone)
        except Exception as error:  # noqa: BLE001 - looked at below, without its frames
            failure = Failure.of(error)
        self._lose_or_release(failure)
        log.warning("how many pictures run together could not be measured\n%s", failure.text)
        return None

    def _check_memory(self, job: Job) -> None:
        """Refuse at once what would fail for want of memory, from what was measured at this or another size.

        Raises:
            EngineError: the sources and the picture, which run together, do not fit.
        """
        recipe = job.recipe
        needed = job.unet_rows * self._caps.row_bytes(recipe.width, recipe.height)
        if needed > self._free_memory(self._parts.device):
            raise EngineError(_too_large(recipe))

    @torch.inference_mode()
    def _trial(self, job: Job, rows: int) -> Tensor:
        """The UNet on `rows` random rows, the same for any number of rows: [rows, C, h, w]."""
        draw = torch.Generator().manual_seed(0)
        _, channels, height, width = job.target.latents.shape
        samples = torch.stack([torch.randn(channels, height, width, generator=draw) for _ in range(rows)])
        prompt, device, dtype = job.target.prompt, self._parts.device, self._parts.dtype
        found = self._parts.unet(
            samples.to(device, dtype),
            torch.linspace(900, 100, 32)[:rows].to(device),
            timestep_cond=self._parts.told_guidance((job.recipe.guidance_scale,) * rows),
            encoder_hidden_states=torch.stack([prompt.embeds] * rows).to(device, dtype),
            added_cond_kwargs={
                "text_embeds": torch.stack([prompt.pooled] * rows).to(device, dtype),
                "time_ids": torch.tensor([[height, width, 0, 0, height, width]] * rows, device=device, dtype=dtype),
            },
            return_dict=False,
        )[0]
        assert isinstance(found, Tensor)
        return found


def _too_large(recipe: Recipe) -> str:
    return f"There is not enough memory for a picture of {recipe.width} × {recipe.height}; ask for a smaller one."


def _origin(parts: Parts, options: EngineOptions) -> Origin | None:
    """What recipes say that pictures are made with."""
    if not options.recorded or not parts.files:
        return None
    setup = {"clip_skip": "" if options.clip_skip == 2 else str(options.clip_skip), "prediction": options.prediction}
    setup["vae"] = options.vae and public_name(options.vae)
    return origin(parts.files, options.loras, options.home, {name: said for name, said in setup.items() if said})


def _place(parts: Parts, options: EngineOptions) -> str:
    device = torch.cuda.get_device_name(parts.device) if parts.device.type == "cuda" else parts.device.type
    weights = sum(p.numel() for p in parts.unet.parameters())
    threads = torch.get_num_threads() if parts.device.type == "cpu" else 0
    return f"{device}|{options.family.name}-{weights}|{parts.dtype}|torch {torch.__version__}|{threads} threads"
