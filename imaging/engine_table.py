"""The engines by name. A new image model is one file in `imaging/engines/` and one row here.

No row imports torch: an engine's abilities are known before its weights are loaded.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from imaging.engine import Engine
from imaging.errors import EngineError


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Which engine, with what: JSON data, so that it can be sent to a worker.

    `name` is a row of `ENGINES`, or `module:function` for an engine from elsewhere; that function is
    called like a row of the table. `options` are the row's own.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "options": dict(self.options)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EngineSpec:
        return cls(str(data["name"]), dict(data["options"]))


Build = Callable[[Mapping[str, Any], Path, str | None], Engine]


def _mini(options: Mapping[str, Any], home: Path, device: str | None) -> Engine:
    """Options: `lanes`, pictures that are drawn at once on a CPU, and `precision`."""
    from imaging.engines.mini import mini_engine

    return mini_engine(home, device, int(options.get("lanes", 1)), str(options.get("precision", "auto")))


def _sdxl(options: Mapping[str, Any], home: Path, device: str | None) -> Engine:
    """Options: `model`, and if wanted `loras` (pairs of name and weight), `ip_adapter`, `precision`, `vae`,
    `clip_skip`, and what a host sets in place of the family's (`imaging.engines.families.Wishes`)."""
    from imaging.engines.families import Wishes
    from imaging.engines.sdxl import sdxl_engine

    loras = [(str(name), float(weight)) for name, weight in options.get("loras", ())]
    adapter = options.get("ip_adapter")
    return sdxl_engine(
        str(options["model"]),
        home,
        device,
        loras=loras,
        ip_adapter=str(adapter) if adapter else None,
        precision=str(options.get("precision", "auto")),
        vae=options.get("vae"),
        clip_skip=int(options.get("clip_skip", 2)),
        wishes=Wishes.of(options),
    )


def _openai(options: Mapping[str, Any], home: Path, device: str | None) -> Engine:
    """Options: `base_url`, `api_key`, `model`."""
    from imaging.engines.openai_images import openai_images_engine

    return openai_images_engine(str(options["base_url"]), str(options["api_key"]), str(options["model"]))


ENGINES: Mapping[str, Build] = {"mini": _mini, "sdxl": _sdxl, "openai": _openai}


def build_engine(spec: EngineSpec, home: Path, device: str | None = None) -> Engine:
    """The engine of a spec, not loaded yet.

    Args:
        home: Folder where an engine may keep what it measured.
        device: `cpu`, `cuda:0`, …; None lets the engine choose.

    Raises:
        EngineError: there is no such engine, or its files are missing.
    """
    row = ENGINES.get(spec.name)
    if row is None and ":" in spec.name:
        module, _, function = spec.name.partition(":")
        row = cast(Build, getattr(importlib.import_module(module), function))
    if row is None:
        raise EngineError(f"There is no engine {spec.name!r}; choose one of {', '.join(ENGINES)}.")
    return row(spec.options, home, device)
