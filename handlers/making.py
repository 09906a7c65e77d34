"""The only way to make a picture, whoever asks for it: plan → recipes → quota → numbers → parts, jobs and the tag.

A directive of the language model and a button differ in what they want, and in how the answer is stored. All between
is here, so that what one of them learns (a remark, a setting of the thread, words written out), the other knows too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from handlers.engines import choose
from handlers.errors import QuotaUsedUp
from handlers.ids import slot_id
from handlers.lineage import lineage
from handlers.model import PendingJob, Person, Picture, PicturePart, Session, owner_of
from handlers.ports import LanguageModel
from handlers.quota import Share
from handlers.recipes import Built, again, build, drafted, draws_words, elsewhere, finished, seed_of, shape
from handlers.router import Parent, Planned
from handlers.scrutiny import Scrutiny
from handlers.services import Services
from imaging.model import Abilities, ImageRequest, Operation, Priority, Recipe
from prompts.adapter import adapt
from prompts.kinds import concrete
from prompts.protocol import OPERATIONS, Body, Directive


@dataclass(frozen=True, slots=True)
class Draft:
    """What shall be drawn for one plan; nothing is used up yet."""

    directive: Directive
    parents: tuple[int, ...]
    built: tuple[Built, ...]
    first: int
    """Which picture of the answer the first one is, from 0."""
    remark: str | None
    """One sentence for people on what the engine makes of the words."""
    spoiler: bool = False
    """What is drawn is shown covered."""
    again: int | None = None
    """The picture that is drawn again."""
    priority: Priority = Priority.INTERACTIVE
    instead: Draft | None = None
    """The same by the engine that they wait for, where no money is left for the one that is free at once."""


@dataclass(frozen=True, slots=True)
class Order:
    """Pictures with numbers and a share of the quota: the reply's parts, their jobs, and what the model will read."""

    number: int
    """The first picture's."""
    parts: tuple[PicturePart, ...]
    jobs: tuple[PendingJob, ...]
    shares: tuple[Share, ...]
    """One for each job, in the same order; whoever takes the order gives them back when the jobs end."""
    tag: Directive
    left_out: int = 0
    """Pictures of the draft for which there was no quota."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Recipes of one engine, all words of them that are looked at, and what people are told of its words."""

    built: tuple[Built, ...] = ()
    asked: tuple[str, ...] = ()
    remark: str | None = None


def parent_of(picture: Picture) -> Parent:
    """A stored picture as others are made from it."""
    return Parent(
        picture.number,
        picture.operation,
        picture.description,
        picture.recipe,
        picture.sha256,
        picture.width,
        picture.height,
        picture.spoiler,
        picture.parents,
    )


class Making:
    """For the pictures of one answer."""

    def __init__(
        self,
        services: Services,
        model: LanguageModel,
        session: Session,
        person: Person,
        turn: str,
        *,
        said: str = "",
        asked: str = "",
    ) -> None:
        """
        Args:
            model: On the person's account; writes descriptions out where the thread wants that.
            turn: The id of the answer, after which its pictures' places and seeds are named.
            said: What was said that the pictures are for, the newest last.
            asked: The last of it: what the person wrote.
        """
        self._services = services
        self._model = model
        self._thread = session.thread
        self._settings = session.settings
        self._person = person
        self._turn = turn
        self._scrutiny = Scrutiny(services, session.thread, said)
        self._asked = asked

    async def draft(
        self,
        plan: Planned,
        *,
        count: int = 1,
        first: int = 0,
        style: str | None = None,
        keep_layout: bool | None = None,
        quick: bool = False,
    ) -> Draft:
        """The recipes of one plan.

        Args:
            count: How many pictures, at least 1.
            first: How many pictures the answer has already.
            style: Where the directive names none; without it the thread's.
            keep_layout: The person's own word on an edit: True keep the layout, False change more.
            quick: In as few steps as the engine can, after everything that somebody waits for.

        Raises:
            Moderated: it may not be drawn here.
        """
        at_hand = self._services.pictures.at_hand()
        choice = choose(plan, at_hand, self._settings, keep_layout=keep_layout, waited_for=not quick)
        abilities, directive = at_hand.of(choice.engine), plan.directive
        style = directive.style or style or self._settings.get("style")
        numbers = range(first, first + count)
        drawn = await self._drawn(plan, abilities, numbers, style, keep_layout, choice.reason)
        built, asked, instead = drawn.built, list(drawn.asked), _Drawn()
        if choice.home:
            home = at_hand.of(choice.home)
            instead = await self._drawn(plan, home, numbers, style, keep_layout, choice.home_reason)
            asked += instead.asked
        made_of = await self._scrutiny.made_of(plan.parent)
        if made_of.brought:  # a model may write harmlessly what was asked to be done to somebody's photo
            asked.append(self._asked)
        spoiler = await self._scrutiny.covered(asked, style, made_of) or made_of.covered
        parents = () if plan.parent is None else (plan.parent.number,)
        if quick:
            built = tuple(drafted(one, abilities) for one in built)
        priority = Priority.BULK if quick else Priority.INTERACTIVE
        draft = Draft(directive, parents, built, first, drawn.remark, spoiler, priority=priority)
        waiting = replace(draft, built=instead.built, remark=instead.remark) if choice.home else None
        return replace(draft, instead=waiting)

    async def _drawn(
        self,
        plan: Planned,
        abilities: Abilities,
        numbers: Iterable[int],
        style: str | None,
        keep_layout: bool | None,
        why: str,
    ) -> _Drawn:
        """The recipes of one engine; `why` it is that one stands in each."""
        directive, parent, settings = plan.directive, plan.parent, self._settings
        description = directive.description or (parent.description if parent else "")
        words, note = description, None
        if draws_words(plan, abilities):
            refine = self._services.refinement.refine
            words, note = await refine(self._model, description, settings.get("refinement"), abilities)
        notes = tuple(filter(None, (why, note)))
        built: list[Built] = []
        asked: list[str] = [description, words]
        remark: str | None = None
        pick, size = seed_of(self._turn), settings.get("size")
        if parent is not None and parent.recipe is not None and parent.recipe.engine != abilities.name:
            size = shape(parent.recipe.width, parent.recipe.height, abilities)
        for at in numbers:
            drawn, called = (concrete(text, abilities.vocabulary, pick + at) for text in (words, description))
            adapted = adapt(drawn, style=style, negative=directive.negative, abilities=abilities)
            adapted = replace(adapted, notes=(*notes, *adapted.notes))
            one = replace(plan, directive=replace(directive, description=called))
            seed = seed_of(slot_id(self._turn, at))
            built.append(
                build(one, adapted, abilities=abilities, seed=seed, size=size, style=style, keep_layout=keep_layout)
            )
            asked += (drawn, called, built[-1].recipe.prompt)
            remark = remark or adapted.remark
        asked.append(await self._scrutiny.taken_away(description, built[-1].recipe))
        return _Drawn(tuple(built), tuple(asked), remark)

    async def draft_again(self, picture: Picture, recipe: Recipe) -> Draft:
        """The same request once more, with a new seed.

        Raises:
            Moderated: it may not be drawn here (any more).
        """
        here, abilities = self._here(recipe)
        seed = seed_of(slot_id(self._turn, 0))
        adapted = adapt(recipe.description, style=recipe.style, negative=None, abilities=abilities)
        directive = Directive(recipe.operation, description=recipe.description)
        built = again(recipe, seed) if here else elsewhere(recipe, adapted, abilities, seed)
        spoiler = await self._covered_still(picture, built.recipe)
        return Draft(directive, picture.parents, (built,), 0, adapted.remark, spoiler, picture.number)

    async def _covered_still(self, picture: Picture, recipe: Recipe) -> bool:
        """Whether what is drawn of a picture's own words is shown covered; they may be refused by now."""
        made_of = await lineage(self._services.store, self._thread, picture.parents)
        taken = await self._scrutiny.taken_away(recipe.description, recipe)
        texts = (recipe.description, recipe.prompt, taken)
        return await self._scrutiny.covered(texts, recipe.style, made_of) or picture.spoiler

    def _here(self, recipe: Recipe) -> tuple[bool, Abilities]:
        """Whether who drew it may draw it again at any time (an overflow may not), and the abilities of who will."""
        at_hand = self._services.pictures.at_hand()
        here = recipe.engine in at_hand.engines and recipe.engine in at_hand.purposes.regular
        return here, at_hand.of(recipe.engine) if here else at_hand.new

    async def draft_finished(self, picture: Picture, recipe: Recipe, first: int) -> Draft:
        """A draft's picture in full quality, as the `first`-th of the answer.

        Raises:
            Moderated: it may not be drawn here (any more).
        """
        directive = Directive(Operation.REFINE, source=picture.number, description=recipe.description)
        here, abilities = self._here(recipe)
        adapted = adapt(recipe.description, style=recipe.style, negative=None, abilities=abilities)
        built = Built(finished(recipe, abilities)) if here else elsewhere(recipe, adapted, abilities, recipe.seed)
        spoiler = await self._covered_still(picture, built.recipe)
        return Draft(directive, (picture.number,), (built,), first, None, spoiler)

    @asynccontextmanager
    async def order(self, draft: Draft, *, least: int | None = None) -> AsyncIterator[Order]:
        """Take quota and numbers for a draft; where the body fails, the quota is given back.

        Args:
            least: So many pictures will do, where there is no quota for more; None: all of them or none.

        Raises:
            QuotaUsedUp: there is not enough for so many.
            StoreError: no number can be had.
        """
        draft, shares = await self._taken(draft, least)
        left_out = len(draft.built) - len(shares)
        draft = replace(draft, built=draft.built[: len(shares)])
        try:
            number = await self._services.store.reserve_numbers(self._thread, len(draft.built))
            yield replace(self._ordered(draft, number, shares), left_out=left_out)
        except BaseException:
            for share in shares:
                self._services.quota.give_back(share)
            raise

    async def _taken(self, draft: Draft, least: int | None) -> tuple[Draft, tuple[Share, ...]]:
        """A draft with its quota; where an overflow's price is too much, the draft that waits."""
        wanted = [self._services.amounts(one.recipe) for one in draft.built]
        try:
            enough = least if draft.instead is None else None
            return draft, tuple(await self._services.quota.take(self._thread, self._person, wanted, least=enough))
        except QuotaUsedUp:
            if draft.instead is None:
                raise
        return await self._taken(draft.instead, least)

    def _ordered(self, draft: Draft, number: int, shares: tuple[Share, ...]) -> Order:
        operation = draft.directive.operation
        owner = owner_of(self._thread, self._person)
        parts: list[PicturePart] = []
        jobs: list[PendingJob] = []
        for at, one in enumerate(draft.built):
            slot, recipe = slot_id(self._turn, draft.first + at), one.recipe
            part = PicturePart(
                slot, number + at, operation, recipe.description, draft.parents,
                sentence=draft.remark, spoiler=draft.spoiler, again=draft.again,
                width=recipe.width, height=recipe.height,
            )  # fmt: skip
            parts.append(part)
            request = ImageRequest(slot, recipe, owner, draft.priority)
            jobs.append(PendingJob(request, number + at, one.needs))
        return Order(number, tuple(parts), tuple(jobs), shares, _tag(draft, number))


def _tag(draft: Draft, number: int) -> Directive:
    """The directive with true numbers."""
    directive, built = draft.directive, draft.built
    described = built[0].recipe.description if len(built) == 1 else directive.description
    return replace(
        directive,
        id=number,
        source=draft.parents[0] if draft.parents else None,
        count=len(built),
        description="" if OPERATIONS[directive.operation.value].body is Body.REFERENCE else described,
    )
