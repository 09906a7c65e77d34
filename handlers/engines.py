"""Which engine of the host draws what a directive asks for; the rules are `imaging.engine_choice`'s. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.errors import UserError
from handlers.recipes import BESIDE, build
from handlers.router import Planned
from imaging.engine_choice import AtHand, Choice, Wanted, engine_for
from imaging.model import Makes, Role
from prompts.adapter import AdaptedPrompt


def choose(
    plan: Planned,
    at_hand: AtHand,
    settings: Mapping[str, str],
    *,
    keep_layout: bool | None = None,
    waited_for: bool = True,
) -> Choice:
    """The engine for one planned picture, and why.

    Args:
        settings: The thread's.
        keep_layout: The user's word on an edit; see `handlers.recipes.build`.
        waited_for: Whether somebody waits for it.
    """
    wanted = wanted_of(plan, at_hand, keep_layout=keep_layout)
    return engine_for(wanted, at_hand, settings.get("engine"), waited_for=waited_for)


def wanted_of(plan: Planned, at_hand: AtHand, *, keep_layout: bool | None = None) -> Wanted:
    """What a planned picture takes of its engine."""
    directive, parent = plan.directive, plan.parent
    makes = directive.operation.makes
    drawn_by = parent.recipe.engine if parent is not None and parent.recipe is not None else None
    looked_at = len(directive.sources)
    asks = makes is Makes.CHANGED and at_hand.purposes.hard_edits_only and drawn_by in at_hand.engines
    return Wanted(
        makes,
        drawn_by,
        brought=parent is not None and parent.recipe is None,
        beside=asks and _beside(plan, at_hand, drawn_by, keep_layout),
        region=bool(directive.region),
        masked=bool(directive.expand),
        references=looked_at - 1 if makes.keeps_source and looked_at else looked_at if makes is Makes.NEW else 0,
        role=Role(directive.role or Role.BOTH),
        transparent=bool(directive.background),
    )


def _beside(plan: Planned, at_hand: AtHand, engine: str | None, keep_layout: bool | None) -> bool:
    """Whether that engine would draw the child beside its parent."""
    words = AdaptedPrompt(plan.directive.description, "")
    try:
        built = build(plan, words, abilities=at_hand.of(engine or ""), seed=0, keep_layout=keep_layout)
    except UserError:
        return False
    return built.recipe.control is not None and built.recipe.control.technique in BESIDE
