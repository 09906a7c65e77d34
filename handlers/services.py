"""What carrying out directives, buttons and commands needs from the outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from handlers.asking import Asking
from handlers.at_once import AtOnce
from handlers.audit import Act, Audit, NoAudit
from handlers.limits import Limits
from handlers.model import Person, Session, ThreadKey
from handlers.observer import NoObserver, Observer
from handlers.ports import LanguageModel, Marking, Pictures, Store
from handlers.quota import Quota, Share
from handlers.quota_rules import Amounts
from handlers.refinement import Refinement
from handlers.screen import Screen
from imaging.decoding.pool import Decoders
from imaging.model import Abilities, Recipe

Forget: TypeAlias = Callable[[ThreadKey, Person, Sequence[str]], Awaitable[object]]
"""Deletes what is kept of a person in the workspace of a thread, and what of theirs is in these threads."""
ForgetThread: TypeAlias = Callable[[ThreadKey], Awaitable[object]]
"""Deletes what is kept of a thread that was deleted."""

BYTES_A_PIXEL = 2
"""Of a picture's file, about; what it really takes counts once it is stored."""


@dataclass(frozen=True, slots=True)
class Services:
    """The same for everybody."""

    store: Store
    model: LanguageModel
    """As it is; what asks it for a person asks `asking`'s."""
    pictures: Pictures
    limits: Limits
    quota: Quota
    at_once: AtOnce
    """Answers that are written at once."""
    refinement: Refinement
    marking: Marking
    """What people are given of stored pictures comes from it."""
    observer: Observer = field(default_factory=NoObserver)
    also_forget: Sequence[Forget] = ()
    """What else keeps something of a person who wants to be forgotten."""
    decoders: Decoders = field(default_factory=Decoders)
    """Open what people bring."""
    audit: Audit = field(default_factory=NoAudit)
    screen: Screen = field(default_factory=Screen)
    """What words and pictures go through."""
    also_forget_thread: Sequence[ForgetThread] = ()
    """What else keeps something of a thread."""

    async def refused(self, thread: ThreadKey, person: Person, error: Exception) -> None:
        """Somebody was told no: counted, and written down."""
        self.observer.refused(thread.chat, type(error).__name__)
        await self.audit.note(Act.REFUSAL, type(error).__name__, thread, person)

    def drawn_by(self, recipe: Recipe | None) -> Abilities:
        """Of the engine that drew something; of the one for new pictures where none did, or it is gone."""
        return self.pictures.at_hand().of("" if recipe is None else recipe.engine)

    def abilities_in(self, session: Session) -> Abilities:
        """All that can be asked for in a thread, whichever engine carries it out."""
        return self.pictures.at_hand().together(session.settings.get("engine"))

    def amounts(self, recipe: Recipe) -> Amounts:
        """What a picture is estimated to take of its person's quotas."""
        size = BYTES_A_PIXEL * recipe.width * recipe.height
        return Amounts(1, self.pictures.estimate(recipe), self.limits.price(recipe.engine), bytes=size)

    def asking(self, thread: ThreadKey, person: Person) -> LanguageModel:
        """The language model on a person's account, for one answer."""
        return Asking(self.model, self.quota, self.at_once, thread, person, self.refused, self.limits.call_price)

    def hold(self, thread: ThreadKey, person: Person, recipe: Recipe) -> Share:
        """Set a picture aside that was asked for before."""
        return self.quota.hold(thread, person, self.amounts(recipe))
