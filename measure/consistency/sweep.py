"""Which numbers of each technique keep and change best, on edit pairs that the evaluation does not use.

The defaults of `imaging.controls.families` come from here, one family of checkpoints at a time.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

from imaging.consistency import RETRIED
from imaging.engine import Engine
from imaging.model import Control, Technique
from measure.consistency.edit_pairs import GROUPS, edit_pairs
from measure.consistency.evaluate import edited, plain, render_all, scores_of

SEED = 4242
"""Of the pairs; the evaluation has its own."""

Options = Mapping[str, float | str]


def run(engine: Engine, *, pairs: int = 24, progress: Callable[[str], None] = lambda line: None) -> dict[str, float]:
    """Render `pairs` edits (the four groups in turn) with every setting of every technique that the engine has.

    Returns:
        `TECHNIQUE.SETTING.keep`, `.change`, `.mean`, and the same by group; SETTING is `name=value,…`.
    """
    cases = edit_pairs(pairs, SEED)
    parents = render_all(engine, [plain(engine, case.parent, case.seed) for case in cases])
    figures: dict[str, float] = {}
    for technique, options in settings(engine):
        label = ",".join(f"{name}={value:g}" for name, value in options.items() if isinstance(value, float))
        name = f"{technique.value}.{label}".rstrip(".")
        control = Control(technique, 0.5, "", {**options, RETRIED: 1.0})
        made = render_all(
            engine, [edited(engine, *each, control) for each in zip(cases, parents, strict=True)], parents
        )
        figures |= scores_of(name, cases, parents, made)
        progress(f"{name}: {figures[f'{name}.mean']:.3f}")
    return {key: round(value, 4) for key, value in figures.items()}


def settings(engine: Engine) -> Iterator[tuple[Technique, Options]]:
    """Every setting to be tried; steps are shares of the engine's own number."""
    steps = engine.abilities.num_inference_steps
    offered = engine.abilities.techniques
    starts = sorted({float(round(steps * share)) for share in (0.0, 0.1, 0.2, 0.35, 0.5)})
    grids: dict[Technique, Mapping[str, tuple[float, ...]]] = {
        Technique.SAME_SEED: {},
        Technique.PROMPT_TO_PROMPT: {
            "cross_replace_steps": (0.4, 0.8, 1.0),
            "self_replace_steps": (0.0, 0.2, 0.4, 0.6),
            "local_blend": (0.0, 0.3),
        },
        Technique.MASACTRL: {"start_step": tuple(starts), "start_layer": (0.0, 3.0, 5.0), "mask": (0.0, 0.4)},
        Technique.IP_ADAPTER: {"scale": (0.2, 0.4, 0.6, 0.8, 1.0)},
        Technique.MASACTRL_IP_ADAPTER: {"start_step": tuple(starts[1:4]), "start_layer": (3.0,), "scale": (0.4, 0.8)},
        Technique.IMAGE_TO_IMAGE: {"denoising_strength": (0.5, 0.7, 0.85, 0.95)},
    }
    for technique, grid in grids.items():
        if technique in offered:
            for values in itertools.product(*grid.values()):
                yield technique, dict(zip(grid, values, strict=True))


def best(figures: Mapping[str, float]) -> list[tuple[str, str, float, float]]:
    """(group, setting, keep, change): for each technique and group the setting with the highest mean."""
    found: dict[tuple[str, str], tuple[float, str]] = {}
    for name, value in figures.items():
        for group in GROUPS:
            if name.endswith(f".{group}.mean"):
                setting = name.removesuffix(f".{group}.mean")
                key = group, setting.split(".")[0]
                found[key] = max(found.get(key, (-1.0, "")), (value, setting))
    return [
        (group, setting, figures[f"{setting}.{group}.keep"], figures[f"{setting}.{group}.change"])
        for (group, _), (_, setting) in sorted(found.items())
    ]
