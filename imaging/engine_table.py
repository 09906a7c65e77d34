"""The engines by name. A new image model is one file in `imaging/engines/` and one row here.

The table imports no engine, and no engine imports torch before it loads: names are known at once, abilities before
any weights.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from imaging.errors import EngineError

if TYPE_CHECKING:
    from imaging.engine import Build, Declaration, Engine


@dataclass(frozen=True, slots=True)
class EngineRow:
    """What is known of an engine before its file is read."""

    name: str
    """In `EASEL_ENGINE`, on the command line and in recipes."""
    kind: str
    """What draws, in a word."""
    file: str
    """The module in `imaging.engines` that has its `ENGINE` (`imaging.engine.Declaration`)."""
    address: str = ""
    """The setting with the address of those who draw, who may send a bill; empty: this machine draws."""


ENGINES: Mapping[str, EngineRow] = {
    row.name: row
    for row in (
        EngineRow("mini", "bundled", "mini"),
        EngineRow("sdxl", "checkpoint", "sdxl"),
        EngineRow("diffusers", "pipelines", "diffusers_pipelines"),
        EngineRow("openai", "endpoint", "openai_images", address="images_base_url"),
        EngineRow("comfyui", "workflows", "comfyui", address="comfyui_url"),
    )
}


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Which engine, with what: JSON data, so that it can be sent to a worker.

    `name` is a row of `ENGINES`, or `module:function` for an engine from elsewhere; that function is
    called like `Declaration.build`. `options` are the engine's own.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "options": dict(self.options)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EngineSpec:
        return cls(str(data["name"]), dict(data["options"]))


def names(quote: str = "") -> str:
    """`mini, sdxl, openai or comfyui`, each in these quotes."""
    *others, last = (f"{quote}{name}{quote}" for name in ENGINES)
    return f"{', '.join(others)} or {last}"


def declared(name: str) -> Declaration:
    """What the file of an engine of the table says of it."""
    return cast("Declaration", importlib.import_module(f"imaging.engines.{ENGINES[name].file}").ENGINE)


def build_engine(spec: EngineSpec, home: Path, device: str | None = None) -> Engine:
    """The engine of a spec, not loaded yet.

    Args:
        home: Folder where an engine may keep what it measured.
        device: `cpu`, `cuda:0`, …; None lets the engine choose.

    Raises:
        EngineError: there is no such engine, or its files are missing.
    """
    if spec.name in ENGINES:
        return declared(spec.name).build(spec.options, home, device)
    if ":" in spec.name:
        module, _, function = spec.name.partition(":")
        return cast("Build", getattr(importlib.import_module(module), function))(spec.options, home, device)
    raise EngineError(f"There is no engine {spec.name!r}; choose one of {', '.join(ENGINES)}.")
