"""The words of the picture side: what is asked for, how it is made, and what comes back.

Everything here is an immutable value; nothing imports torch. `Recipe` is the contract between the
program and its own past: it is stored with each picture, embedded in its PNG, and renders it again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self, TypeAlias

from imaging.techniques import Technique as Technique


class Operation(StrEnum):
    """The five operations of the tag protocol, and UPLOAD for a picture that a person brought."""

    IMAGE = "image"
    EDIT = "edit"
    VARIATION = "variation"
    SELECT = "select"
    REFINE = "refine"
    UPLOAD = "upload"


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
    techniques that look at its pixels (image-to-image, IP-Adapter, refine, uploads).
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
        newer = {name: dict(getattr(self, name)) for name in _NEWER if getattr(self, name)}
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
        from imaging.recipes import parse_recipe

        return parse_recipe(cls, data)


_NEWER = ("hashes", "setup")
_RECIPE_FIELDS = tuple(one.name for one in dataclasses.fields(Recipe))


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a job is for, as the fair queue sees it. Opaque strings; imaging knows no chat."""

    tenant: str
    """Workspace or server."""
    person: str
    thread: str
    account: str = ""
    """Names the person over all tenants, where one may be in several; empty: the person in this tenant."""

    @property
    def counts_as(self) -> str:
        """Whose share a job is."""
        return self.account or f"{self.tenant}/{self.person}"


class Priority(StrEnum):
    """Interactive work (an edit somebody waits for) goes before bulk work (brainstorms, exports)."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One picture to be made. `id` is unique and stable across restarts: submitting it twice is one job."""

    id: str
    recipe: Recipe
    owner: Owner
    priority: Priority = Priority.INTERACTIVE


@dataclass(frozen=True, slots=True)
class CleanUpload:
    """A picture from outside that may be stored and shown: an RGB PNG without any metadata. Sizes in pixels."""

    data: bytes
    width: int
    height: int
    notes: tuple[str, ...] = ()
    """What was done to it, one sentence each."""


@dataclass(frozen=True, slots=True)
class RenderedPicture:
    """A finished picture. `data` is the encoded file with the recipe embedded."""

    data: bytes
    media_type: str
    width: int
    height: int
    recipe: Recipe
    device_seconds: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    """For example `change` (0–1, measured difference from the parent) and `retries`."""


# What happens to a job, in order: Queued*, Started, Step*, then exactly one of Done, Failed, Cancelled.


@dataclass(frozen=True, slots=True)
class Queued:
    """Waiting. `position` counts only what runs before this job (0 = next). `eta_s` is seconds or unknown."""

    position: int
    eta_s: float | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A worker has taken the job."""

    worker: str


@dataclass(frozen=True, slots=True)
class Step:
    """One denoising step is done; `preview` is a small WebP/JPEG of what is there so far, at most 2 a second."""

    step: int
    total: int
    preview: bytes | None = None


@dataclass(frozen=True, slots=True)
class Done:
    picture: RenderedPicture


class FailureKind(StrEnum):
    """Why a job failed, for counting."""

    ENGINE = "engine"
    """Something went wrong while it was drawn; another try may do."""
    REFUSED = "refused"
    """The engine or its moderation does not draw that."""
    CRASHED = "crashed"
    """It stopped its worker too often."""
    DISK = "disk"
    INPUT = "input"
    """A picture that it builds on is gone."""
    OVERDUE = "overdue"
    NO_DEVICE = "no-device"


@dataclass(frozen=True, slots=True)
class Failed:
    """`sentence` is what the user reads; `retryable` says whether asking again can help."""

    sentence: str
    retryable: bool = True
    kind: FailureKind = FailureKind.ENGINE


@dataclass(frozen=True, slots=True)
class Cancelled:
    by: str


JobEvent: TypeAlias = Queued | Started | Step | Done | Failed | Cancelled
Outcome: TypeAlias = Done | Failed | Cancelled


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an engine can do, declared before it is loaded (no torch needed to ask).

    `vocabulary` is None for an engine that draws anything; the bundled model names what it knows.
    """

    name: str
    model: str
    techniques: frozenset[Technique]
    sizes: Mapping[str, tuple[int, int]]
    """`square`, `wide`, `tall` → (width, height) in pixels."""
    num_inference_steps: int
    guidance_scale: float
    sampler: str
    edits_uploads: bool = False
    """Whether a picture that a person brought can be edited by instruction or as an image prompt."""
    refine_scale: float = 1.5
    parallel: int = 1
    """Requests that one worker makes beside each other without slowing any (connections to an endpoint)."""
    seeds: bool = True
    """Whether the same recipe gives the same picture (hosted endpoints often ignore seeds)."""
    vocabulary: Vocabulary | None = None
    prompt_prefix: str = ""
    prompt_suffix: str = ""
    negative_prompt: str = ""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The closed world of a small model: what it can draw, and the nearest thing for other words."""

    things: tuple[str, ...]
    backgrounds: tuple[str, ...]
    colours: tuple[str, ...]
    nearest: Mapping[str, str]
    """Synonyms and kinds: another word → a word of `things` or `backgrounds`."""
    words: frozenset[str] = frozenset()
    """Every other word that its captions use (small, left, next to …)."""
    understood: frozenset[str] = frozenset()
    """Keys of `nearest` that its captions use too: they are drawn as said, and nothing needs to be told."""
    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """A word for a kind → the things of that kind: `animal` → cat, dog, fox …"""
