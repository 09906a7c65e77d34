"""The bundled picture model as an engine: small enough for one CPU thread, and the same code as SDXL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imaging.controls.families import MINI
from imaging.cpu import cores
from imaging.engine import Ask, Declaration, Settings
from imaging.engines.options import EngineOptions
from imaging.engines.sdxl import BUILT_IN, WITH_IP_ADAPTER, SdxlEngine, references
from imaging.errors import EngineError
from imaging.findings import Finding, broken, ok
from imaging.mini import DEFAULTS, VOCABULARY, WEIGHTS
from imaging.model import Abilities, Vocabulary

IP_ADAPTER = WEIGHTS / "ip_adapter"
"""Optional: one .safetensors file and `image_encoder/`; the ability is declared where it is there."""


AUTO_THREADS = 4
"""More bring a small model little."""


class Mini(Declaration):
    def options(self, settings: Settings) -> dict[str, Any]:
        lanes = settings["threads"] or min(cores(), AUTO_THREADS)
        return {"lanes": lanes, "precision": settings["precision"]}

    async def examine(self, settings: Settings, ask: Ask) -> Sequence[Finding]:
        files = list(WEIGHTS.rglob("*.safetensors"))
        if len(files) < 4:
            return [broken("picture model", f"weights are missing in {WEIGHTS}; check the project out again")]
        size = sum(file.stat().st_size for file in files) / 2**20
        return [ok("picture model", f"the bundled miniature model is there ({size:.0f} MiB)")]

    def build(self, options: Mapping[str, Any], home: Path, device: str | None) -> SdxlEngine:
        return mini_engine(home, device, int(options.get("lanes", 1)), str(options.get("precision", "auto")))


ENGINE = Mini()


def mini_engine(home: Path, device: str | None = None, lanes: int = 1, precision: str = "auto") -> SdxlEngine:
    """The bundled model. `home` keeps measured row caps; pictures have the same bytes with any number of lanes
    (pictures that are drawn at once, one thread each). For `precision` see `imaging.engines.precision.choose_dtype`.

    Raises:
        EngineError: the bundled files are missing or damaged.
    """
    ip_adapter = str(IP_ADAPTER) if _has_ip_adapter() else None
    options = EngineOptions(
        str(WEIGHTS), home, MINI, device or "cpu", 1, lanes, ip_adapter=ip_adapter, precision=precision
    )
    return SdxlEngine(mini_abilities(), options)


def mini_abilities() -> Abilities:
    """What the bundled model can do, from its JSON files alone.

    Raises:
        EngineError: the bundled files are missing or damaged.
    """
    defaults, words = _read(DEFAULTS), _read(VOCABULARY)
    try:
        width, height = int(defaults["width"]), int(defaults["height"])
        ip_adapter = _has_ip_adapter()
        return Abilities(
            name="mini",
            model=str(defaults["name"]),
            techniques=BUILT_IN | (WITH_IP_ADAPTER if ip_adapter else frozenset()),
            sizes={"square": (width, height), **_other_sizes(defaults)},
            num_inference_steps=int(defaults["num_inference_steps"]),
            draft_steps=int(defaults["few_steps"]) if "few_steps" in defaults else None,
            guidance_scale=float(defaults["guidance_scale"]),
            sampler=str(defaults.get("sampler", "euler")),
            refine_scale=float(defaults.get("refine_scale", 1.5)),
            vocabulary=_vocabulary(words),
            **references(ip_adapter),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EngineError("The bundled picture model's files are damaged; install the program again.") from error


def _other_sizes(defaults: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    sizes = defaults.get("sizes", {})
    return {str(name): (int(size[0]), int(size[1])) for name, size in sizes.items()}


def _vocabulary(words: Mapping[str, Any]) -> Vocabulary:
    things, backgrounds = _words(words, "things"), _words(words, "backgrounds")
    nearest = {**words.get("background_synonyms", {}), **words.get("synonyms", {})}
    return Vocabulary(
        things=things,
        backgrounds=backgrounds,
        colours=_words(words, "colours"),
        nearest={str(word): str(known) for word, known in nearest.items()},
        words=frozenset(word for key in ("sizes", "places", "times", "words") for word in _words(words, key)),
        understood=frozenset(_words(words, "understood")) & nearest.keys(),
        kinds={str(kind): tuple(map(str, members)) for kind, members in words.get("kinds", {}).items()},
    )


def _words(words: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(str(word) for word in words.get(key, ()))


def _has_ip_adapter() -> bool:
    return (IP_ADAPTER / "image_encoder").is_dir() and any(IP_ADAPTER.glob("*.safetensors"))


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"The bundled file {path.name} is missing or damaged; install the program again.") from error
    if not isinstance(data, dict):
        raise EngineError(f"The bundled file {path.name} is damaged; install the program again.")
    return data
