"""What is looked at of a picture's words before it is drawn, whoever asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from handlers.lineage import Lineage, lineage
from handlers.model import ThreadKey
from handlers.moderation.model import Category, Kind, Subject
from handlers.router import Parent
from handlers.services import Services
from imaging.model import Operation, Recipe


class Scrutiny:
    """For the pictures of one answer; `said` is what was said that they are for."""

    def __init__(self, services: Services, thread: ThreadKey, said: str) -> None:
        self._services = services
        self._thread = thread
        self._said = said

    async def made_of(self, parent: Parent | None) -> Lineage:
        """What a picture of this parent goes back to; the parent itself may not be finished yet."""
        if parent is None:
            return Lineage()
        older = await lineage(self._services.store, self._thread, parent.parents)
        brought = older.brought or parent.operation is Operation.UPLOAD
        return Lineage((parent.description, *older.words), brought, older.covered or parent.spoiler)

    async def taken_away(self, description: str, recipe: Recipe) -> str:
        """The description with what shall not be there, in words; empty where that asks for nothing. To have clothes
        left out is a request; to name what would be refused if it were there is none. What the host has left
        out of every picture is nobody's request."""
        negative = recipe.negative_prompt.removesuffix(self._services.drawn_by(recipe).negative_prompt)
        parts = [part.strip() for part in negative.split(",") if part.strip()]
        if not parts or not await self._found(_without(description, parts)):
            return ""
        bare, *there = await asyncio.gather(*(self._found(f"{description}, {part}") for part in ("", *parts)))
        harmless = [part for part, found in zip(parts, there, strict=True) if found <= bare]
        return _without(description, harmless) if harmless else ""

    async def _found(self, text: str) -> set[Category]:
        return {one.category for one in await self._services.screen.findings(Subject(Kind.DESCRIPTION, text))}

    async def covered(self, texts: Iterable[str], style: str | None, made_of: Lineage) -> bool:
        """Whether pictures of these words are shown covered. What stands in another of them is not asked for twice,
        nor are the words that the host has set for every prompt. Whom an edit shows, the words of what it was made
        from may say."""
        bare = (self._bare(text) for text in texts)
        wanted = sorted({*(text.strip(" ,") for text in bare), style or ""}, key=len, reverse=True)
        asked: list[str] = []
        for text in wanted:
            if not any(text.casefold() in longer.casefold() for longer in asked):
                asked.append(text)
        check, thread = self._services.screen.check, self._thread
        said = "\n".join(filter(None, (self._said, *made_of.words)))
        looks = (
            check(Subject(Kind.DESCRIPTION, text), thread, said=said, brought=made_of.brought) for text in asked if text
        )
        return any(await asyncio.gather(*looks))

    def _bare(self, text: str) -> str:
        """A prompt without what the host has put around all of an engine's."""
        for one in self._services.pictures.at_hand().engines.values():
            text = text.removeprefix(one.abilities.prompt_prefix).removesuffix(one.abilities.prompt_suffix)
        return text


def _without(description: str, parts: Iterable[str]) -> str:
    return ", without ".join((description, *parts))
