"""Optional: the language model writes a description out before it is drawn (off, auto, always)."""

from __future__ import annotations

import asyncio
import logging
from enum import StrEnum

from handlers.errors import LanguageModelError
from handlers.ports import LanguageModel
from imaging.model import Abilities
from prompts.request import LanguageRequest, Said

log = logging.getLogger(__name__)

SYSTEM = (
    "You write prompts for a text-to-image model. Rewrite the description as one vivid line: the subject first, "
    "then setting, light, composition and medium. Keep every fact and add nothing that contradicts it. "
    "Answer with that line only."
)
FEW_WORDS = 8
"""`auto` refines descriptions with fewer words than this."""
LONGEST = 600
PATIENCE_S = 20.0


class Refine(StrEnum):
    OFF = "off"
    AUTO = "auto"
    ALWAYS = "always"


class Refinement:
    """Holds up no picture: when the model fails or rambles, the description is drawn as it is."""

    def __init__(self, default: Refine = Refine.OFF) -> None:
        self._default = default

    async def refine(
        self, model: LanguageModel, description: str, chosen: str | None, abilities: Abilities
    ) -> tuple[str, str | None]:
        """The words to draw, and a note for the recipe when they are not the description's own."""
        mode = Refine(chosen) if chosen in tuple(Refine) else self._default
        closed = abilities.vocabulary is not None  # a closed world gains nothing from more words
        wanted = mode is Refine.ALWAYS or (mode is Refine.AUTO and len(description.split()) < FEW_WORDS)
        if not wanted or closed or not description:
            return description, None
        request = LanguageRequest(Said("user", description), plain=True, system=SYSTEM, max_tokens=200)
        try:
            async with asyncio.timeout(PATIENCE_S):
                chunks = [chunk async for chunk in model.stream(request)]
        except (LanguageModelError, TimeoutError) as error:
            log.warning("a description was not refined: %s", error)
            return description, None
        words = " ".join("".join(chunks).split())
        if not words or len(words) > LONGEST or "<" in words:
            return description, None
        return words, f"The language model wrote the description out: {words}"
