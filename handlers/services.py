"""What carrying out directives, buttons and commands needs from the outside."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.limits import Limits
from handlers.model import Person, ThreadKey
from handlers.ports import Pictures, Store
from handlers.quota import Quota, Share
from handlers.quota_rules import Amounts
from handlers.refinement import Refinement
from imaging.model import Recipe


@dataclass(frozen=True, slots=True)
class Services:
    """The same for everybody."""

    store: Store
    pictures: Pictures
    limits: Limits
    quota: Quota
    refinement: Refinement

    def amounts(self, recipe: Recipe) -> Amounts:
        """What a picture is estimated to take of its person's quotas."""
        return Amounts(1, self.pictures.estimate(recipe), self.limits.picture_price)

    def hold(self, thread: ThreadKey, person: Person, recipe: Recipe) -> Share:
        """Set a picture aside that was asked for before."""
        return self.quota.hold(thread, person, self.amounts(recipe))
