"""A directive and what the thread holds → what is meant: which parent, how many, or why not. Pure.

No number is used up here; `handlers.recipes` turns the answer into what the engine gets. Numbers belong
to the thread: what the model wrote as an id is a hint that counts within its own reply only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from imaging.model import Makes, Operation, Recipe
from prompts.protocol import Directive


@dataclass(frozen=True, slots=True)
class Parent:
    """A picture that another one is made from: stored already, or asked for earlier in the same reply."""

    number: int
    operation: Operation
    description: str
    recipe: Recipe | None
    """None for an upload."""
    sha256: str | None
    """None while it is still being rendered."""
    width: int = 0
    height: int = 0
    spoiler: bool = False
    """It is shown covered, and so is what is made from it."""
    parents: tuple[int, ...] = ()
    """Numbers of what it was made from itself."""


@dataclass(frozen=True, slots=True)
class View:
    """What the router may know of the thread while it reads one directive."""

    written: Mapping[int, int]
    """Ids as the model wrote them in this reply → true numbers."""
    parents: Mapping[int, Parent]
    """By true number: the thread's pictures and the reply's own."""
    current: int | None


@dataclass(frozen=True, slots=True)
class Planned:
    """Pictures to be made: `directive` with operation, count and size settled, and its parent."""

    directive: Directive
    parent: Parent | None = None


@dataclass(frozen=True, slots=True)
class Selected:
    """Nothing to render: this picture becomes the thread's current one."""

    number: int
    description: str


@dataclass(frozen=True, slots=True)
class Invalid:
    """Cannot run as written. `problem` is for the model (repair) and for people (if that fails)."""

    problem: str


Resolution: TypeAlias = Planned | Selected | Invalid


def source_of(directive: Directive, view: View) -> int | None:
    """The true number of the picture that a directive refers to, or None when it names none."""
    if directive.source is None:
        return None
    return view.written.get(directive.source, directive.source)


def resolve(directive: Directive, view: View) -> Resolution:
    """Find out what a directive means in this thread."""
    if not view.parents and directive.description:
        # Nothing here can be edited or varied, so whatever number was meant, the words are what is wanted.
        if directive.operation.makes is Makes.REDRAWN:
            return Planned(replace(directive, operation=Operation.IMAGE, source=None, problem=None))
        if directive.operation.makes is Makes.CHANGED and directive.problem is None:
            return _instead(directive, "")
    if directive.problem is not None:
        return Invalid(directive.problem)
    number = source_of(directive, view)
    if number is not None and number not in view.parents:
        return Invalid(f"There is no picture {directive.source} in this thread.")
    match directive.operation.makes:
        case Makes.NEW:
            return Planned(directive) if directive.description else Invalid("A picture needs a description.")
        case Makes.CHANGED:
            return _edit(directive, view, number)
        case Makes.REDRAWN | Makes.ENLARGED:
            wanted = view.current if number is None else number
            if wanted is None or wanted not in view.parents:
                return _instead(directive, f"There is no picture yet to make a {directive.operation.value} of.")
            count = directive.count if directive.operation.makes is Makes.REDRAWN else 1
            return Planned(replace(directive, source=wanted, count=count), view.parents[wanted])
        case Makes.NOTHING:
            wanted = view.current if number is None else number
            if wanted is None or wanted not in view.parents:
                return Invalid("There is no picture yet to select.")
            return Selected(wanted, view.parents[wanted].description)
        case Makes.BROUGHT:
            return Invalid("A picture can only be brought by a person.")
        case _:
            assert_never(directive.operation.makes)


def _edit(directive: Directive, view: View, number: int | None) -> Resolution:
    wanted = view.current if number is None else number
    if not directive.description:
        return Invalid("An edit needs the full description of the wanted picture.")
    if wanted is None or wanted not in view.parents:
        return _instead(directive, "There is no picture yet to edit.")
    return Planned(replace(directive, source=wanted), view.parents[wanted])


def _instead(directive: Directive, problem: str) -> Resolution:
    """In a thread without pictures an edit or a variation with a description is a new picture."""
    if not directive.description:
        return Invalid(problem)
    return Planned(replace(directive, operation=Operation.IMAGE, source=None))
