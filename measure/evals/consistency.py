"""`easel eval consistency`: how well each control keeps what should stay and changes what should change."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bot.pictures import engine_spec
from bot.settings import load_settings
from measure.report import Report, Row

if TYPE_CHECKING:
    from imaging.engine import Engine

GOALS = {"automatic_minus_best_single": "> 0", "automatic_minus_same_seed": "≥ 0.10"}
OTHER_WORLD = (
    "The judge knows only the bundled model's world: for another checkpoint, trust the grids of --out and the "
    "structure more than the facts."
)


def run(arguments: argparse.Namespace) -> Report:
    from imaging.engine_table import build_engine
    from measure.consistency.evaluate import run as evaluate

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    settings = load_settings(home=arguments.home)
    pairs = arguments.limit or 200
    with tempfile.TemporaryDirectory(prefix="easel-eval-") as folder:
        engine = build_engine(engine_spec(settings), Path(folder))
        engine.load()
        if arguments.sweep:
            return sweep(engine, arguments.limit or 24, tell)
        figures = evaluate(
            engine,
            pairs=pairs,
            chains=min(4, pairs // 25),
            progress=tell,
            keep_pictures=Path(arguments.out) if arguments.out else None,
        )
    notes = () if settings.engine == "mini" else (OTHER_WORLD,)
    return Report("consistency", figures, rows(figures), (plane(figures), *notes))


def sweep(engine: Engine, pairs: int, tell: Callable[[str], None]) -> Report:
    """Every setting of every control, on pairs of their own."""
    from measure.consistency import sweep as settings

    figures = settings.run(engine, pairs=pairs, progress=tell)
    found = settings.best(figures)
    rows = tuple(Row(f"{group}: {setting}", (keep + change) / 2) for group, setting, keep, change in found)
    note = "The best setting of each control in each group, by the mean of keeping and changing."
    return Report("consistency-sweep", figures, rows, (note,))


def rows(figures: Mapping[str, float]) -> tuple[Row, ...]:
    """What is about all groups; the plane holds the rest."""
    wanted = [name for name in figures if name.count(".") == 1 or name in GOALS or name.startswith("drift.")]
    return tuple(Row(name, figures[name], "", GOALS.get(name, "")) for name in wanted)


def plane(figures: Mapping[str, float]) -> str:
    """Markdown: keep / change of every control, over all pairs and by group."""
    controls = [name.removesuffix(".mean") for name in figures if name.count(".") == 1 and name.endswith(".mean")]
    groups = [name.split(".")[1] for name in figures if name.startswith(f"{controls[0]}.") and name.endswith(".mean")]
    heads = ["all", *[group for group in groups if group != "mean"]]
    lines = [f"| keep / change | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for control in controls:
        cells = []
        for head in heads:
            prefix = control if head == "all" else f"{control}.{head}"
            cells.append(f"{figures[f'{prefix}.keep']:.2f} / {figures[f'{prefix}.change']:.2f}")
        lines.append(f"| {control} | {' | '.join(cells)} |")
    return "\n".join(lines)
