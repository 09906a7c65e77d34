"""What `easel eval` and `easel bench` hand over: a table for people, and JSON with the machine that made it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imaging.cpu import cores


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `goal` is words; `ratio` compares with the line's baseline, where there is one."""

    label: str
    value: float
    unit: str = ""
    goal: str = ""
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One finished evaluation or benchmark. `figures` maps dotted names to numbers."""

    name: str
    figures: Mapping[str, float]
    rows: tuple[Row, ...] = ()
    notes: tuple[str, ...] = field(default=())
    of: Mapping[str, str | float | None] = field(default_factory=dict)
    """What was measured, where that is a choice: a model, its temperature."""

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "machine": machine(), **({"of": dict(self.of)} if self.of else {}),
                "figures": dict(self.figures)}  # fmt: skip

    def table(self) -> str:
        """The rows as aligned text."""
        rows = self.rows or tuple(Row(name, value) for name, value in self.figures.items())
        cells = [("figure", "value", "ratio", "goal")]
        cells += [
            (
                row.label,
                f"{number(row.value)} {row.unit}".strip(),
                "" if row.ratio is None else f"{row.ratio:.2f}×",
                row.goal,
            )
            for row in rows
        ]
        widths = [max(len(line[column]) for line in cells) for column in range(4)]
        lines = [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}  {d}".rstrip() for a, b, c, d in cells]
        lines.insert(1, "-" * max(len(line) for line in lines))
        return "\n".join([f"{self.name} ({machine()['summary']})", "", *lines, *(f"\n{note}" for note in self.notes)])


def number(value: float) -> str:
    """Three significant digits; whole numbers as they are."""
    if float(value).is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    import psutil

    available = cores()
    memory = round(psutil.virtual_memory().total / 2**30, 1)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    processor = _processor()
    return {
        "platform": platform.platform(),
        "python": platform.python_version(),
        "processor": processor,
        "cores": available,
        "memory_gib": memory,
        "load_1min": round(load, 2),
        "summary": f"{processor}, {available} cores, {memory} GiB, Python {platform.python_version()}, load {load:.1f}",
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def hand_over(report: Report, json_file: str | None) -> None:
    """Print the table; write the JSON where it was asked for."""
    print(report.table())
    if json_file:
        Path(json_file).write_text(json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
