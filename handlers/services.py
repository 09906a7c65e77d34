"""What carrying out directives, buttons and commands needs from the outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from handlers.limits import Limits
from handlers.model import Person, ThreadKey
from handlers.observer import NoObserver, Observer
from handlers.ports import Pictures, Store
from handlers.quota import Quota, Share
from handlers.quota_rules import Amounts
from handlers.refinement import Refinement
from imaging.decoding.pool import Decoders
from imaging.model import Recipe

Forget: TypeAlias = Callable[[ThreadKey, Person, Sequence[str]], Awaitable[object]]
"""Deletes what is kept of a person in the workspace of a thread, and what of theirs is in these threads."""


@dataclass(frozen=True, slots=True)
class Services:
    """The same for everybody."""

    store: Store
    pictures: Pictures
    limits: Limits
    quota: Quota
    refinement: Refinement
    observer: Observer = field(default_factory=NoObserver)
    decoders: Decoders = field(default_factory=Decoders)
    """Open what people bring."""
    also_forget: Sequence[Forget] = ()
    """What else keeps something of a person who wants to be forgotten."""

    def amounts(self, recipe: Recipe) -> Amounts:
        """What a picture is estimated to take of its person's quotas."""
        return Amounts(1, self.pictures.estimate(recipe), self.limits.picture_price)

    def hold(self, thread: ThreadKey, person: Person, recipe: Recipe) -> Share:
        """Set a picture aside that was asked for before."""
        return self.quota.hold(thread, person, self.amounts(recipe))
