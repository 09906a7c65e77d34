"""What a round draws: new directions; after a vote, what won, taken further; at the end, the winners themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from handlers import brainstorm_words as words
from handlers import voting
from handlers.brainstorm.directions import Found, Wanted, find
from handlers.errors import NoSuchPicture
from handlers.making import Draft, Making, parent_of
from handlers.model import Picture, PictureState, Role, Session, TurnState
from handlers.ports import LanguageModel
from handlers.presentation import shorten
from handlers.round import Card
from handlers.router import Planned
from handlers.services import Services
from handlers.voting import Round
from imaging.model import Abilities, Operation
from prompts.directions import MAX_TITLE, Direction
from prompts.protocol import Directive
from prompts.templates import blended, twisted

BEST = 2
"""So many ideas are taken further, or as many as are tied."""
COMMENTS, COMMENT_CHARS = 12, 300


@dataclass(frozen=True, slots=True)
class Item:
    """A card before it has its number, and what is drawn for it."""

    title: str
    why: str
    operation: Operation
    description: str
    source: Picture | None = None
    also: int | None = None
    """Another picture that it comes from, in words."""
    change: str | None = None
    votes: int | None = None
    final: bool = False
    """The source itself, in full quality."""

    @property
    def parents(self) -> tuple[int, ...]:
        source = () if self.source is None else (self.source.number,)
        return source if self.also is None else (*source, self.also)

    async def draft(self, making: Making, first: int) -> Draft:
        """As the `first`-th picture of the answer (from 0).

        Raises:
            Moderated: it may not be drawn here.
        """
        if self.source is None:
            return await making.draft(
                Planned(Directive(self.operation, description=self.description)), first=first, quick=True
            )
        if self.final and self.source.recipe is not None:
            return await making.draft_finished(self.source, self.source.recipe, first)
        directive = Directive(
            self.operation, source=self.source.number, description=self.description, change=self.change
        )
        return await making.draft(Planned(directive, parent_of(self.source)), first=first, quick=True)


@dataclass(frozen=True, slots=True)
class Plan:
    items: tuple[Item, ...]
    remarks: tuple[str, ...] = ()
    took_up: str = ""
    said: tuple[str, ...] = ()
    """What people wrote that it takes up."""


@dataclass(frozen=True, slots=True)
class _Best:
    card: Card
    votes: int
    picture: Picture


class Planner:
    """Plans rounds; draws nothing."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = services.store

    async def plan(self, model: LanguageModel, session: Session, round: Round) -> Plan:
        """
        Raises:
            Declined: the language model does not do that.
            CallsUsedUp: no more calls of it.
            NoSuchPicture: the end has no winner any more.
        """
        before = None if round.before is None else await self._store.round(round.before)
        if round.part.last:
            return await self._end(round, before)
        said = () if before is None else await self._said(session, before)
        best = [] if before is None else await self._best(before, round.ideas)
        if not best:
            wanted = Wanted(round.part.topic, round.ideas, said=said, pick=round.part.number)
            found = await find(model, self._services.abilities_in(session), wanted)
            took = "" if before is None else f"Round {round.part.number}: new ideas{_heard(said)}."
            return Plan(tuple(map(_new, found.directions)), found.remarks, took, said)
        return await self._further(model, session, round, best, said)

    async def _end(self, round: Round, before: Round | None) -> Plan:
        best = [] if before is None else await self._best(before, round.ideas, winners=True)
        if not best:
            raise NoSuchPicture("The pictures that won are not there any more.")
        items = [
            Item(
                one.card.title,
                one.card.why,
                Operation.REFINE,
                one.picture.description,
                one.picture,
                votes=one.votes,
                final=True,
            )
            for one in best
        ]
        return Plan(tuple(items))

    async def _best(self, before: Round, most: int, *, winners: bool = False) -> list[_Best]:
        tied = {card.picture for card in voting.winners(before)}
        order = voting.ranked(before)
        taken = [pair for pair in order if pair[0].picture in tied] if winners or len(tied) > 1 else order[:BEST]
        found = []
        for card, votes in taken[: max(BEST, most - 1)]:
            picture = await self._store.picture(before.thread, card.picture)
            if picture is not None and picture.state is PictureState.READY:
                found.append(_Best(card, votes, picture))
        return found

    async def _said(self, session: Session, before: Round) -> tuple[str, ...]:
        """What people have written since the round began."""
        turn = await self._store.turn(before.turn)
        if turn is None:
            return ()
        declined = {one.answers for one in session.recent if one.state is TurnState.DECLINED}
        told = [
            shorten(one.text, COMMENT_CHARS)
            for one in session.recent
            if one.role is Role.USER and one.index > turn.index and one.id not in declined and one.text.strip()
        ]
        return tuple(told[-COMMENTS:])

    async def _further(
        self, model: LanguageModel, session: Session, round: Round, best: Sequence[_Best], said: tuple[str, ...]
    ) -> Plan:
        edits = list(best[: round.ideas])
        room = round.ideas - len(edits)  # a wild card before a blend before other takes on what won
        blend = len(edits) > 1 < room
        varied = edits[: max(0, room - 2)]
        free = room - blend - len(varied)
        each = [
            f"“{one.card.title}” ({words.votes(one.votes)}), changed as people wrote, else made better; it is now: "
            f"{one.picture.description}"
            for one in edits
        ]
        if blend:
            each.append(f"“{best[0].card.title}” and “{best[1].card.title}” in one picture")
        wanted = Wanted(round.part.topic, len(each) + free, tuple(each), said, round.part.number)
        found = await self._found(model, self._services.abilities_in(session), wanted, edits, blend)
        told = list(found.directions)
        items = [
            Item(direction.title, direction.why, Operation.EDIT, direction.description, one.picture)
            for one, direction in zip(edits, told, strict=False)
        ]
        items += [
            Item(
                shorten(f"{one.card.title}, another take", MAX_TITLE),
                one.card.why,
                Operation.VARIATION,
                one.picture.description,
                one.picture,
            )
            for one in varied
        ]
        if blend and len(told) > len(edits):
            mixed = told[len(edits)]
            items.append(
                Item(
                    mixed.title,
                    mixed.why,
                    Operation.EDIT,
                    mixed.description,
                    best[0].picture,
                    best[1].picture.number,
                    "large",
                )
            )
        wild = told[len(edits) + blend :]
        items += map(_new, wild)
        return Plan(
            tuple(items[: round.ideas]), found.remarks, _took_up(round, edits, said, varied, blend, len(wild)), said
        )

    async def _found(
        self, model: LanguageModel, abilities: Abilities, wanted: Wanted, edits: Sequence[_Best], blend: bool
    ) -> Found:
        """The directions of a later round in order: edits, the blend, what is free. Where they come from templates,
        the ones with a source are made of its own words."""
        found = await find(model, abilities, wanted)
        templates = {words.NO_SKILL, words.UNREADABLE, words.NO_MODEL}
        if templates.isdisjoint(found.remarks):
            return found
        described = [one.picture.description for one in edits]
        own = [
            twisted(text, one.card.title, wanted.said, wanted.pick + at, abilities.vocabulary)
            for at, (one, text) in enumerate(zip(edits, described, strict=True))
        ]
        if blend:
            titles = (edits[0].card.title, edits[1].card.title)
            own.append(blended((described[0], described[1]), titles, abilities.vocabulary))
        return replace(found, directions=(*own, *found.directions[len(own) :]))


def _new(direction: Direction) -> Item:
    return Item(direction.title, direction.why, Operation.IMAGE, direction.description)


def _heard(said: Sequence[str]) -> str:
    return ", with what was written in the thread" if said else ""


def _took_up(
    round: Round, edits: Sequence[_Best], said: Sequence[str], varied: Sequence[_Best], blend: bool, wild: int
) -> str:
    parts = [f"{words.numbers([one.picture.number for one in edits])} taken further{_heard(said)}"]
    if varied:
        parts.append(f"another take on {words.numbers([one.picture.number for one in varied])}")
    if blend:
        parts.append(f"a blend of #{edits[0].picture.number} and #{edits[1].picture.number}")
    if wild:
        parts.append("a wild card" if wild == 1 else f"{wild} wild cards")
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"Round {round.part.number}: {listed}."
