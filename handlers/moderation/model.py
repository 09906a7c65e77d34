"""The words of moderation, as frozen values: what is looked at, and what moderators find in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Category(StrEnum):
    """What a finding is about."""

    SEXUAL = "sexual"
    VIOLENCE = "violence"
    HATE = "hate"
    SELF_HARM = "self-harm"
    REAL_PEOPLE = "real-people"
    MINORS = "minors"
    """Sexual, with somebody who is or looks under 18: always refused, no setting turns it off."""


class Weight(IntEnum):
    """How sure or how strong a finding is; larger is worse."""

    BORDERLINE = 1
    """A matter of taste or of doubt: suggestive, a bloody scene, a real person's likeness."""
    CLEAR = 2
    """Beyond doubt; of real people: a sexual or humiliating scene."""


class Kind(StrEnum):
    """What is looked at."""

    MESSAGE = "message"
    """What a person wrote that may lead to a picture."""
    DESCRIPTION = "description"
    """What will be drawn, as a language model or a person's own words describe it."""
    UPLOAD = "upload"
    """A picture that a person brought."""
    PICTURE = "picture"
    """A finished picture, before anybody sees it."""
    PREVIEW = "preview"
    """An unfinished one."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing to look at: words, or the encoded bytes of a picture with the words that it was drawn from."""

    kind: Kind
    text: str = field(default="", repr=False)
    picture: bytes | None = field(default=None, repr=False)
    brought: bool = False
    """It is made from a picture that a person brought, which may be a photo of anybody."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one moderator found. `why` is for the host's log, never for people; it never quotes the text."""

    category: Category
    weight: Weight
    by: str
    """The moderator's name."""
    why: str = ""


class Level(StrEnum):
    """How much is let through."""

    OFF = "off"
    """Only what no setting turns off is refused."""
    STANDARD = "standard"
    STRICT = "strict"
