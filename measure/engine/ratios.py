"""How fast the engine is, against stock diffusers pipelines on the same weights in the same run.

Times are wall clock, the best of a few runs, so that a shared machine disturbs them least: on one thread, and for the
miniature also with all cores for both, as people run them (stock pipelines part each operation among the cores, our
lanes part the pictures). Both sides compute in the precision that the engine chooses on this machine.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imaging.controls.families import MINI, SDXL
from imaging.cpu import cores
from imaging.engines.mini import mini_abilities
from imaging.engines.options import EngineOptions
from imaging.engines.sdxl import BUILT_IN, SdxlEngine
from imaging.mini import WEIGHTS
from imaging.model import Abilities, Control, Operation, Recipe, Technique

CONCURRENT = (1, 2, 4, 8)
CORES = cores()
WORDS = ("a red car on grass", "a cat", "a dog in the snow", "a blue balloon", "a house", "a boat", "a tree", "a bear")


@dataclasses.dataclass(frozen=True, slots=True)
class _Subject:
    """One checkpoint under test: the same weights in our engine and in a stock pipeline."""

    name: str
    engine: SdxlEngine
    lanes: SdxlEngine | None
    """The same with a lane a core, where it would be served so."""
    stock: Any
    weights: Path
    side: int
    steps: int
    repeats: int
    counts: tuple[int, ...]


def run(progress: Callable[[str], None] = lambda line: None, *, quick: bool = False) -> dict[str, float]:
    """All figures of `easel bench engine`.

    Args:
        quick: One picture at a time, of few steps, once: whether it runs.

    Returns:
        `M.throughput_ratio_N` (ours / stock called one after another), `M.stock_batch_ratio_N` (a stock batch /
        the same), `M.overhead` (share, at one request), `M.first_preview_ratio` (time to the first preview
        of a request that arrives while another renders / waiting for it), `M.edit_cost_ratio` (an edit with
        its source / two plain pictures), `M.explicit_map_time_ratio` (our edit step / one that writes out
        attention maps), `M.precision_bits`, for M in `mini` and `sdxl_layout`; `mini.cores_ratio_N` and
        `mini.cores_batch_ratio_N` (the throughputs with all cores for both, of which there are `cores`);
        `mini.drafts_ratio` (a round of six drafts / six pictures with all steps); and
        `memory_ratio` (one set of weights / a pipeline each for words, image-to-image and inpainting).
    """
    import torch

    figures: dict[str, float] = {}
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            for subject in _subjects(Path(folder), quick=quick):
                progress(f"{subject.name}: throughput")
                found = _throughput(subject)
                found["precision_bits"] = 8.0 * next(subject.stock.unet.parameters()).element_size()
                if subject.lanes is not None:
                    progress(f"{subject.name}: throughput with all cores")
                    found |= _with_all_cores(subject, subject.lanes)
                    figures["cores"] = float(CORES)
                figures |= {f"{subject.name}.{key}": value for key, value in found.items()}
                progress(f"{subject.name}: first preview, edits, attention maps")
                figures[f"{subject.name}.first_preview_ratio"] = _first_preview(subject)
                figures[f"{subject.name}.edit_cost_ratio"] = _edit_cost(subject)
                figures[f"{subject.name}.explicit_map_time_ratio"] = _explicit_maps(subject)
                figures["memory_ratio"] = _memory(subject)
                if subject.name == "mini":
                    figures["mini.drafts_ratio"] = drafts(subject.engine, subject.repeats)
    finally:
        torch.set_num_threads(before)
    return {key: round(value, 4) for key, value in figures.items()}


def _subjects(folder: Path, *, quick: bool) -> Iterator[_Subject]:
    from measure.engine import random_sdxl

    layout = folder / "layout"
    random_sdxl.build(layout)
    for name, weights, family, side, steps, repeats in (
        ("mini", WEIGHTS, MINI, mini_abilities().sizes["square"][0], mini_abilities().num_inference_steps, 3),
        ("sdxl_layout", layout, SDXL, random_sdxl.SIDE, 4, 1),
    ):
        if quick:
            steps, repeats = 2, 1
        abilities = Abilities(name, name, BUILT_IN, {"square": (side, side)}, steps, 4.0, "euler")
        options = EngineOptions(str(weights), folder / name, family, "cpu", 1)
        engine = SdxlEngine(abilities, options)
        engine.load()
        lanes = SdxlEngine(abilities, dataclasses.replace(options, lanes=CORES)) if name == "mini" else None
        if lanes is not None:
            lanes.load()
        yield _Subject(
            name, engine, lanes, _stock(weights), weights, side, steps, repeats, CONCURRENT[: 1 if quick else None]
        )


def _stock(weights: Path) -> Any:
    from diffusers import StableDiffusionXLPipeline

    from imaging.engines.precision import cpu_dtype

    pipe = StableDiffusionXLPipeline.from_pretrained(str(weights), dtype=cpu_dtype(), add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _recipe(subject: _Subject, index: int, **changes: Any) -> Recipe:
    words = WORDS[index % len(WORDS)]
    plain = Recipe(
        engine=subject.name,
        model=subject.name,
        operation=Operation.IMAGE,
        description=words,
        prompt=words,
        negative_prompt="",
        seed=index,
        width=subject.side,
        height=subject.side,
        num_inference_steps=subject.steps,
        guidance_scale=4.0,
        sampler="euler",
    )
    return dataclasses.replace(plain, **changes)


def _ours(engine: SdxlEngine, recipes: Sequence[Recipe]) -> None:
    for index, recipe in enumerate(recipes):
        engine.admit(str(index), recipe, {})
    while engine.step():
        pass


def _theirs(subject: _Subject, words: list[str], seeds: Sequence[int]) -> None:
    import torch

    subject.stock(
        words,
        num_inference_steps=subject.steps,
        guidance_scale=4.0,
        width=subject.side,
        height=subject.side,
        generator=[torch.Generator().manual_seed(seed) for seed in seeds],
    )


def _best(repeats: int, *works: Callable[[], None]) -> list[float]:
    """Seconds of each work, the best of `repeats` rounds that run them in turn; one round warms up."""
    times = [float("inf")] * len(works)
    for turn in range(repeats + 1):
        for index, work in enumerate(works):
            begin = time.perf_counter()
            work()
            if turn:
                times[index] = min(times[index], time.perf_counter() - begin)
    return times


def drafts(engine: SdxlEngine, repeats: int = 3) -> float:
    """A brainstorm's round of six drafts as a share of six pictures with all steps, on the bundled model."""
    known = mini_abilities()
    assert known.draft_steps is not None
    side, guidance = known.sizes["square"][0], known.guidance_scale

    def recipes(steps: int) -> list[Recipe]:
        return [
            Recipe("mini", "mini", Operation.IMAGE, words, words, "", seed, side, side, steps, guidance, "euler")
            for seed, words in enumerate(WORDS[:6])
        ]

    few, all_ = recipes(known.draft_steps), recipes(known.num_inference_steps)
    quick, whole = _best(repeats, lambda: _ours(engine, few), lambda: _ours(engine, all_))
    return quick / whole


def _throughput(subject: _Subject) -> dict[str, float]:
    figures: dict[str, float] = {}
    for count in subject.counts:
        ours, sequential, batch = _times(subject, subject.engine, count)
        figures[f"throughput_ratio_{count}"] = sequential / ours
        figures[f"stock_batch_ratio_{count}"] = sequential / batch
        if count == 1:
            figures["overhead"] = ours / sequential - 1
    return figures


def _with_all_cores(subject: _Subject, lanes: SdxlEngine) -> dict[str, float]:
    figures: dict[str, float] = {}
    for count in subject.counts:
        ours, sequential, batch = _times(subject, lanes, count, threads=CORES)
        figures[f"cores_ratio_{count}"] = sequential / ours
        figures[f"cores_batch_ratio_{count}"] = sequential / batch
    return figures


def _times(subject: _Subject, engine: SdxlEngine, count: int, threads: int = 1) -> list[float]:
    """Seconds for so many pictures: ours, stock one after another, a stock batch.

    Args:
        threads: Of each stock operation; our calls are on one thread each.
    """
    import torch

    recipes = [_recipe(subject, index) for index in range(count)]
    words = [recipe.prompt for recipe in recipes]

    def stock(*calls: list[int]) -> None:
        torch.set_num_threads(threads)
        for indices in calls:
            _theirs(subject, [words[index] for index in indices], indices)
        torch.set_num_threads(1)

    return _best(
        subject.repeats,
        lambda: _ours(engine, recipes),
        lambda: stock(*([index] for index in range(count))),
        lambda: stock(list(range(count))),
    )


def _first_preview(subject: _Subject) -> float:
    """A request arrives one step after another began: seconds to its first preview, over those of waiting."""
    engine = subject.engine
    joined: list[float] = []
    waited: list[float] = []
    for _ in range(subject.repeats + 1):
        for begin_together, times in ((True, joined), (False, waited)):
            engine.admit("first", _recipe(subject, 0), {})
            engine.step()
            begin = time.perf_counter()
            if begin_together:
                engine.admit("second", _recipe(subject, 1), {})
            times.append(_until_preview(subject, begin))
    return min(joined[1:]) / min(waited[1:])


def _until_preview(subject: _Subject, begin: float) -> float:
    engine, seen = subject.engine, 0.0
    while True:
        advances = engine.step()
        if not advances and seen:
            return seen
        if not advances:
            # The first is done; only now does the one that waited begin.
            engine.admit("second", _recipe(subject, 1), {})
        if not seen and any(each.id == "second" and each.preview for each in advances):
            seen = time.perf_counter() - begin


def _edit(subject: _Subject, technique: Technique) -> Recipe:
    parent = _recipe(subject, 0)
    control = Control(technique, 0.6, "Bench.", {"retried": 1.0, "local_blend": 0.0})
    return dataclasses.replace(
        parent, operation=Operation.EDIT, prompt="a blue car on grass", control=control, source=parent
    )


def _edit_cost(subject: _Subject) -> float:
    """The dearer of Prompt-to-Prompt and MasaCtrl, against two plain pictures."""
    two = [_recipe(subject, 0), _recipe(subject, 1)]
    plain, p2p, masactrl = _best(
        subject.repeats,
        lambda: _ours(subject.engine, two),
        lambda: _ours(subject.engine, [_edit(subject, Technique.PROMPT_TO_PROMPT)]),
        lambda: _ours(subject.engine, [_edit(subject, Technique.MASACTRL)]),
    )
    return max(p2p, masactrl) / plain


def _explicit_maps(subject: _Subject) -> float:
    """One Prompt-to-Prompt UNet call with fused attention, over the same with every map written out."""
    import torch

    from imaging.controls import attention
    from measure.engine.explicit_maps import ExplicitMaps

    unet = subject.stock.unet
    positions = int(subject.stock.tokenizer.model_max_length)
    dtype = unet.dtype
    latents = torch.randn(4, int(unet.config.in_channels), subject.side // 8, subject.side // 8, dtype=dtype)
    text = torch.randn(4, positions, int(unet.config.cross_attention_dim), dtype=dtype)
    pooled = torch.randn(4, int(subject.stock.text_encoder_2.config.projection_dim), dtype=dtype)
    added = {"text_embeds": pooled, "time_ids": torch.ones(4, 6, dtype=dtype)}
    eye, half = torch.eye(positions, dtype=dtype), torch.full((positions,), 0.5, dtype=dtype)
    control = attention.RowControl(edits=(attention.PromptEdit(3, 2, eye * half, half, half * 2, 0),))

    def call(options: dict[str, Any] | None) -> None:
        with torch.inference_mode():
            unet(latents, 500, text, added_cond_kwargs=added, cross_attention_kwargs=options)

    @contextmanager
    def written_out() -> Iterator[None]:
        before = attention.install(unet)
        unet.set_attn_processor({name: ExplicitMaps(name.endswith("attn2.processor"), control) for name in before})
        try:
            yield
        finally:
            attention.uninstall(unet, before)

    with attention.installed(unet):
        fused = _best(5, lambda: call({"control": control}))[0]
    with written_out():
        explicit = _best(5, lambda: call(None))[0]
    return fused / explicit


def _memory(subject: _Subject) -> float:
    """Bytes of weights that one engine holds for all operations, over those of three stock pipelines loaded
    one by one for words, image-to-image and inpainting."""
    from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline, StableDiffusionXLPipeline

    def storages(modules: list[Any]) -> dict[int, int]:
        kept = [p.untyped_storage() for module in modules for p in module.parameters()]
        return {storage.data_ptr(): storage.nbytes() for storage in kept}

    pipes = [
        kind.from_pretrained(str(subject.weights), dtype=subject.stock.unet.dtype, add_watermarker=False)
        for kind in (StableDiffusionXLPipeline, StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline)
    ]
    separate: dict[int, int] = {}
    for pipe in pipes:
        separate |= storages([pipe.unet, pipe.vae, pipe.text_encoder, pipe.text_encoder_2])
    ours = sum(storages(subject.engine.modules()).values())
    return ours / sum(separate.values())
