"""Recipes: how a picture is made, written down, and read from untrusted JSON (a PNG from anywhere, an edited file).

A `Recipe` is the contract between the program and its own past: it is stored with each picture, embedded in its PNG,
and renders it again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self, TypeVar

from imaging.techniques import Technique


class Makes(StrEnum):
    """What carrying an operation out gives. All that is done differently for one of them asks here."""

    NEW = "a picture from words alone"
    CHANGED = "its source, changed to what is described"
    REDRAWN = "its source, drawn anew"
    ENLARGED = "its source, larger and more detailed"
    NOTHING = "nothing to draw: its source becomes the current picture"
    BROUGHT = "a picture that a person brought"

    @property
    def keeps_source(self) -> bool:
        """Whether it is the source still, altered; everything else is new, whatever it was made from."""
        return self in (Makes.CHANGED, Makes.ENLARGED)


class Operation(StrEnum):
    """The operations of the tag protocol (`prompts.operations` says how each is written), and UPLOAD, without a tag."""

    makes: Makes

    def __new__(cls, value: str, makes: Makes = Makes.NEW) -> Operation:
        member = str.__new__(cls, value)
        member._value_ = value
        member.makes = makes
        return member

    IMAGE = "image", Makes.NEW
    EDIT = "edit", Makes.CHANGED
    VARIATION = "variation", Makes.REDRAWN
    SELECT = "select", Makes.NOTHING
    REFINE = "refine", Makes.ENLARGED
    UPLOAD = "upload", Makes.BROUGHT


class Role(StrEnum):
    """What is taken over from a picture that serves as a prompt."""

    BOTH = "both"
    """What it shows, and how."""
    STYLE = "style"
    CHARACTER = "character"


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture that is looked at besides the parent."""

    image: str
    """SHA-256 (hex) of its stored file."""
    role: Role = Role.BOTH


def plain(text: str) -> str:
    """Text that files, databases and tokenizers take: halves of characters (lone surrogates) are replaced."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True, slots=True)
class Control:
    """How an edit is kept consistent with its parent: one technique, how strongly, and why.

    `strength` is 0–1, where 1 keeps the most of the parent. `options` holds technique-specific
    numbers by their published names (for example `start_step`, `start_layer`, `cross_replace_steps`).
    `reason` is one sentence for the recipe that people can read.
    """

    technique: Technique
    strength: float = 0.5
    reason: str = ""
    options: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", plain(self.reason))


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that is needed to render a picture again on the same machine, byte for byte.

    Sizes are pixels, a multiple of 8. `source` is the parent's own recipe for techniques that run
    the parent beside its child; `source_image` is the SHA-256 (hex) of the parent's stored file for
    techniques that look at its pixels (image-to-image, IP-Adapter, inpainting, refine, uploads).
    `description` is what people and the LLM call the picture; `prompt` is what the engine is given.
    """

    engine: str
    model: str
    operation: Operation
    description: str
    prompt: str
    negative_prompt: str
    seed: int
    width: int
    height: int
    num_inference_steps: int
    guidance_scale: float
    sampler: str
    style: str | None = None
    loras: tuple[tuple[str, float], ...] = ()
    control: Control | None = None
    source: Recipe | None = None
    source_image: str | None = None
    notes: tuple[str, ...] = ()
    """What was done to the words: refinement by the LLM, vocabulary substitutions."""
    version: int = 1
    hashes: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 (hex) of the files that it was made with, by the names of model, LoRAs, VAE and IP-Adapter."""
    setup: Mapping[str, str] = field(default_factory=dict)
    """What a host had set of the model: another VAE, prediction or layer of the text encoders."""
    references: tuple[Reference, ...] = ()
    """Pictures that are looked at besides `source_image`."""
    mask: str | None = None
    """SHA-256 (hex) of a stored greyscale PNG of the parent's size: white may change, black stays."""
    background: str | None = None
    """`none`: what is shown stands free, on transparent pixels."""

    @property
    def images(self) -> tuple[str, ...]:
        """Every file that this recipe names itself, without those of its source; SHA-256 (hex)."""
        named = (self.source_image, *(one.image for one in self.references), self.mask)
        return tuple(dict.fromkeys(sha for sha in named if sha is not None))

    def __post_init__(self) -> None:
        # Words come from models and files of anybody; a recipe can always be written down.
        for name in ("engine", "model", "description", "prompt", "negative_prompt", "sampler"):
            object.__setattr__(self, name, plain(getattr(self, name)))
        object.__setattr__(self, "style", None if self.style is None else plain(self.style))
        object.__setattr__(self, "notes", tuple(map(plain, self.notes)))
        object.__setattr__(self, "loras", tuple((plain(name), strength) for name, strength in self.loras))
        for name in ("hashes", "setup"):
            words = {plain(key): plain(value) for key, value in getattr(self, name).items()}
            object.__setattr__(self, name, words)

    def to_json(self) -> dict[str, Any]:
        """A plain JSON object; `from_json` is its inverse. Fields that older recipes have not are left out where they
        are empty, so that their pictures have the same bytes again."""
        newer = {name: _as_json(getattr(self, name)) for name in _NEWER if getattr(self, name)}
        return (
            {name: getattr(self, name) for name in _RECIPE_FIELDS if name not in _NEWER}
            | newer
            | {
                "operation": self.operation.value,
                "loras": [list(pair) for pair in self.loras],
                "notes": list(self.notes),
                "control": None
                if self.control is None
                else {
                    "technique": self.control.technique.value,
                    "strength": self.control.strength,
                    "reason": self.control.reason,
                    "options": dict(self.control.options),
                },
                "source": None if self.source is None else self.source.to_json(),
            }
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read a recipe; unknown keys are ignored so that newer files stay readable.

        Raises:
            ValueError: when a required field is missing or has the wrong type, in one sentence.
        """
        return _parse(cls, data)


_NEWER = ("hashes", "setup", "references", "mask", "background")
_RECIPE_FIELDS = tuple(one.name for one in dataclasses.fields(Recipe))


def _as_json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [{"image": one.image, "role": one.role.value} for one in value]
    return value if isinstance(value, str) else dict(value)


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


MOST_REFERENCES = 16
"""More in a file is garbage, not what a picture was made of."""


def _references(data: Mapping[str, Any]) -> tuple[Reference, ...]:
    found = _take(data, "references", (list, tuple), optional=True) or ()
    if len(found) > MOST_REFERENCES:
        raise ValueError("The recipe names too many references.")
    try:
        return tuple(Reference(_take(one, "image", str), Role(one.get("role", Role.BOTH))) for one in found)
    except (AttributeError, TypeError, ValueError):
        raise ValueError("The recipe's 'references' must have an image each, and a role that is known.") from None


def _words(data: Mapping[str, Any], key: str) -> dict[str, str]:
    found = _take(data, key, Mapping, optional=True) or {}
    return {str(name): str(value) for name, value in found.items()}


def _parse(cls: type[R], data: Any, depth: int = 0) -> R:
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
        source=None if source is None else _parse(Recipe, source, depth + 1),
        source_image=_take(data, "source_image", str, optional=True),
        notes=tuple(str(note) for note in notes),
        version=_take(data, "version", int, optional=True) or 1,
        hashes=_words(data, "hashes"),
        setup=_words(data, "setup"),
        references=_references(data),
        mask=_take(data, "mask", str, optional=True),
        background=_take(data, "background", str, optional=True),
    )
