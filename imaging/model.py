"""The words of the picture side: what is asked for, how it is made, and what comes back.

Everything here is an immutable value; nothing imports torch. How a picture is made stands in `imaging.recipes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from imaging.recipes import Control as Control
from imaging.recipes import Makes as Makes
from imaging.recipes import Operation as Operation
from imaging.recipes import Recipe as Recipe
from imaging.recipes import Reference as Reference
from imaging.recipes import Role as Role
from imaging.recipes import plain as plain
from imaging.techniques import Technique as Technique


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
    """The engine does not draw that."""
    MODERATED = "moderated"
    """Its own moderation refuses it."""
    CRASHED = "crashed"
    """It stopped its worker too often."""
    DISK = "disk"
    INPUT = "input"
    """A picture that it builds on is gone."""
    OVERDUE = "overdue"
    NO_DEVICE = "no-device"
    NO_ENGINE = "no-engine"
    """Its recipe is for an engine that is not here any more."""


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


LARGEST = 4
"""Pixels of the largest picture, relative to the engine's square."""
LEAST_SQUARE = 96 * 96
"""Pixels of the square that the largest is measured by, where an engine's own is smaller."""
LONGEST_SIDE = 4096


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
    draft_steps: int | None = None
    """Of a picture that shall be there soon; None: there is no quicker way than `num_inference_steps`."""
    refine_scale: float = 1.5
    parallel: int = 1
    """Requests that one worker makes beside each other without slowing any (connections to an endpoint)."""
    seeds: bool = True
    """Whether the same recipe gives the same picture (hosted endpoints often ignore seeds)."""
    vocabulary: Vocabulary | None = None
    references: int = 0
    """Pictures that can be looked at besides the parent."""
    roles: frozenset[Role] = frozenset()
    """What can be taken over from those alone; all of it wherever there may be any."""
    named_regions: bool = False
    """Whether a part is found by its name; else inpainting wants a mask."""
    transparent: bool = False
    """Whether it draws on no background."""
    edits_only: bool = False
    """Whether it draws nothing from words alone."""
    prompt_prefix: str = ""
    prompt_suffix: str = ""
    negative_prompt: str = ""

    def draws(self, width: int, height: int) -> bool:
        """Whether a picture of so many pixels is not too large."""
        square = self.sizes.get("square") or next(iter(self.sizes.values()))
        most = LARGEST * max(square[0] * square[1], LEAST_SQUARE)
        return width * height <= most and max(width, height) <= LONGEST_SIDE


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
