"""Reading recipes from untrusted JSON: a PNG from anywhere, a file a person edited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from imaging.model import Control, Operation, Recipe, Technique, plain

R = TypeVar("R", bound=Recipe)

MAX_DEPTH = 64
"""How many sources may be nested; a file with more is garbage, not a picture's history."""


def _take(data: Mapping[str, Any], key: str, kind: type | tuple[type, ...], *, optional: bool = False) -> Any:
    value = data.get(key)
    if value is None and optional:
        return None
    wanted = kind if isinstance(kind, tuple) else (kind,)
    if isinstance(value, bool) and bool not in wanted:
        value = None
    if value is None or not isinstance(value, wanted):
        names = " or ".join(k.__name__ for k in wanted)
        raise ValueError(f"The recipe's {key!r} must be {names}.")
    return value


def _number(data: Mapping[str, Any], key: str) -> float:
    try:
        return float(_take(data, key, (int, float)))
    except OverflowError:
        raise ValueError(f"The recipe's {key[:40]!r} is too large.") from None


def _control(data: Mapping[str, Any]) -> Control:
    options = _take(data, "options", Mapping, optional=True) or {}
    return Control(
        technique=_technique(_take(data, "technique", str)),
        strength=_number(data, "strength"),
        reason=_take(data, "reason", str, optional=True) or "",
        options={plain(str(k)): plain(v) if isinstance(v, str) else _number(options, k) for k, v in options.items()},
    )


def _technique(name: str) -> Technique:
    try:
        return Technique(name)
    except ValueError:
        raise ValueError(f"The recipe's control {name[:40]!r} is unknown.") from None


def _operation(name: str) -> Operation:
    try:
        return Operation(name)
    except ValueError:
        raise ValueError(f"The recipe's operation {name[:40]!r} is unknown.") from None


def _words(data: Mapping[str, Any], key: str) -> dict[str, str]:
    found = _take(data, key, Mapping, optional=True) or {}
    return {str(name): str(value) for name, value in found.items()}


def parse_recipe(cls: type[R], data: Any, depth: int = 0) -> R:
    """Build a recipe of `cls` from a JSON object.

    Raises:
        ValueError: one sentence naming the field that is missing or of the wrong type.
    """
    if not isinstance(data, Mapping):
        raise ValueError("A recipe must be a JSON object.")
    if depth > MAX_DEPTH:
        raise ValueError("The recipe nests too many sources.")
    control = _take(data, "control", Mapping, optional=True)
    source = _take(data, "source", Mapping, optional=True)
    loras = _take(data, "loras", (list, tuple), optional=True) or ()
    notes = _take(data, "notes", (list, tuple), optional=True) or ()
    try:
        pairs = tuple((str(name), float(weight)) for name, weight in loras)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("The recipe's 'loras' must be pairs of a name and a weight.") from None
    return cls(
        engine=_take(data, "engine", str),
        model=_take(data, "model", str),
        operation=_operation(_take(data, "operation", str)),
        description=_take(data, "description", str),
        prompt=_take(data, "prompt", str),
        negative_prompt=_take(data, "negative_prompt", str, optional=True) or "",
        seed=_take(data, "seed", int),
        width=_take(data, "width", int),
        height=_take(data, "height", int),
        num_inference_steps=_take(data, "num_inference_steps", int),
        guidance_scale=_number(data, "guidance_scale"),
        sampler=_take(data, "sampler", str),
        style=_take(data, "style", str, optional=True),
        loras=pairs,
        control=None if control is None else _control(control),
        source=None if source is None else parse_recipe(Recipe, source, depth + 1),
        source_image=_take(data, "source_image", str, optional=True),
        notes=tuple(str(note) for note in notes),
        version=_take(data, "version", int, optional=True) or 1,
        hashes=_words(data, "hashes"),
        setup=_words(data, "setup"),
    )
