"""The table of operations: a tag is one row here; the parser, the system prompt and the tests follow.

Source of the idea: Lai et al. 2023, "Mini-DALLE3", arXiv 2310.07653.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from imaging.model import Abilities, Operation, Role, Technique

SIZES: Final = ("square", "wide", "tall")
CHANGES: Final = ("small", "large")
ROLES: Final = ("style", "character")
SIDES: Final = ("left", "right", "up", "down", "all")
BACKGROUNDS: Final = ("none",)
MAX_COUNT: Final = 4
MAX_PARENTS: Final = 4


class Body(StrEnum):
    """What stands between the open and the close tag."""

    DESCRIPTION = "a description"
    REFERENCE = "the number of a picture"


@dataclass(frozen=True, slots=True)
class OperationRow:
    """One operation as the model is taught it and as the parser reads it."""

    operation: Operation
    body: Body
    attributes: tuple[str, ...]
    """In the order in which they are written."""
    meaning: str
    example: str

    @property
    def name(self) -> str:
        return self.operation.value


OPERATIONS: Final[Mapping[str, OperationRow]] = MappingProxyType(
    {
        row.name: row
        for row in (
            OperationRow(
                Operation.IMAGE,
                Body.DESCRIPTION,
                ("id", "from", "as", "count", "size", "style", "negative", "background"),
                "a new picture from words",
                '<image id="1"> a chipped enamel jug on a stile </image>',
            ),
            OperationRow(
                Operation.EDIT,
                Body.DESCRIPTION,
                ("id", "prev_id", "as", "change", "region", "expand", "size", "style", "negative", "background"),
                "a changed picture that stays consistent with picture prev_id; write the full description "
                "of the wanted picture, not only the change",
                '<edit id="2" prev_id="1" change="small"> a chipped enamel jug on a stile at night </edit>',
            ),
            OperationRow(
                Operation.VARIATION,
                Body.REFERENCE,
                ("id", "count"),
                "more like that picture",
                '<variation id="3" count="2">1</variation>',
            ),
            OperationRow(
                Operation.SELECT,
                Body.REFERENCE,
                ("id",),
                "that picture becomes the current one; nothing new is drawn",
                "<select>2</select>",
            ),
            OperationRow(
                Operation.REFINE,
                Body.REFERENCE,
                ("id",),
                "the same picture, larger and more detailed",
                '<refine id="5">2</refine>',
            ),
        )
    }
)


class Skill(StrEnum):
    """What not every engine can do. A language model is told only of what those at hand can."""

    SEVERAL = "several"
    STYLE = "style"
    CHARACTER = "character"
    REGION = "region"
    EXPAND = "expand"
    FREE = "free"


_SKILLS: Final[Mapping[Skill, Callable[[Abilities], bool]]] = MappingProxyType(
    {
        Skill.SEVERAL: lambda engine: engine.references > 0,
        Skill.STYLE: lambda engine: Role.STYLE in engine.roles,
        Skill.CHARACTER: lambda engine: Role.CHARACTER in engine.roles,
        Skill.REGION: lambda engine: engine.named_regions or Technique.INSTRUCTION in engine.techniques,
        Skill.EXPAND: lambda engine: Technique.INPAINTING in engine.techniques,
        Skill.FREE: lambda engine: engine.transparent,
    }
)


def skills(*engines: Abilities) -> frozenset[Skill]:
    """What one of these engines at least can do."""
    return frozenset(skill for skill, has in _SKILLS.items() if any(map(has, engines)))


ATTRIBUTES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "id": "the number of the new picture",
        "prev_id": "the number of the picture that is changed",
        "count": f"how many pictures of the same description, 1 to {MAX_COUNT}",
        "size": "square, wide or tall",
        "change": "small when the layout stays, large when scene or medium changes",
        "style": "the look that was asked for, in a few words",
        "negative": "what must not be in the picture",
    }
)
"""What every engine understands, as it is taught."""

TAUGHT: Final[Mapping[Skill, tuple[tuple[str, ...], str]]] = MappingProxyType(
    {
        Skill.SEVERAL: (
            ("from",),
            "To blend pictures, name all of them and describe the one picture that they become: "
            '<edit id="5" prev_id="1,3" change="large"> … </edit>',
        ),
        Skill.STYLE: (
            ("from", "as"),
            'A new picture in the look of another: <image id="5" from="2" as="style"> … </image>; another picture in '
            'that look: <edit id="5" prev_id="1,2" as="style"> … </edit>, the one that is changed first',
        ),
        Skill.CHARACTER: (
            ("from", "as"),
            'The same figure in a new picture: <image id="5" from="2" as="character"> … </image>',
        ),
        Skill.REGION: (
            ("region",),
            'If only a part shall change, name it as well: <edit id="5" prev_id="2" region="the sky"> … </edit>; the '
            "rest stays as it is",
        ),
        Skill.EXPAND: (
            ("expand",),
            f"More canvas around a picture (zoom out, pan, wider): expand, one of {', '.join(SIDES)}: "
            '<edit id="5" prev_id="2" expand="left"> … </edit>',
        ),
        Skill.FREE: (("background",), 'Without a background (a sticker, a logo): background="none" on image and edit'),
    }
)
"""Of each skill: the attributes that it brings, and how it is taught."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words for people, character for character as the model wrote them."""

    text: str


@dataclass(frozen=True, slots=True)
class Directive:
    """One tag, read as meant. `problem` is None, or one sentence why it cannot run as written."""

    operation: Operation
    id: int | None = None
    source: int | None = None
    """The first parent, or the only one."""
    description: str = ""
    count: int = 1
    size: str | None = None
    change: str | None = None
    style: str | None = None
    negative: str | None = None
    problem: str | None = None
    others: tuple[int, ...] = ()
    """The parents behind the first, in the order in which they were written."""
    role: str | None = None
    """Written `as`: what is taken over from a picture, `style` or `character`; None takes all of it."""
    region: str | None = None
    """The only part that shall change, in words."""
    expand: str | None = None
    """On which side there shall be more canvas, one of `SIDES`."""
    background: str | None = None
    """`none`: what is shown stands free."""

    @property
    def sources(self) -> tuple[int, ...]:
        """Every picture that it refers to."""
        return () if self.source is None else (self.source, *self.others)


Segment: TypeAlias = Text | Directive
