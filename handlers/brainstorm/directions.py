"""Different directions for a topic: from the language model, asked once more for what is missing, or from templates."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from handlers import brainstorm_words as words
from handlers.errors import CallsUsedUp, Declined, LanguageModelError
from handlers.ports import LanguageModel
from imaging.model import Abilities
from prompts.directions import Direction, different, read_directions, system_text
from prompts.protocol import escape_user_text
from prompts.request import LanguageRequest, Said
from prompts.templates import templated

log = logging.getLogger(__name__)

MAX_TOKENS = 2048
MAX_CHARS = 16_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. `each` says what the first ones must be, one after the other; all others are free."""

    topic: str
    count: int
    each: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    """What people wrote about the round before."""
    pick: int = 1
    """Another one gives other templates: the round's number."""


@dataclass(frozen=True, slots=True)
class Found:
    directions: tuple[Direction, ...]
    remarks: tuple[str, ...] = ()


async def find(model: LanguageModel, abilities: Abilities, wanted: Wanted) -> Found:
    """As many as are wanted, where the model has them.

    Raises:
        Declined: the model does not do that.
        CallsUsedUp: no more calls.
    """
    if not model.instructable:
        return _templated(wanted, abilities, words.NO_SKILL)
    try:
        first = await _asked(model, abilities, wanted, _question(wanted))
        shared = f"{wanted.topic} {' '.join(wanted.each)}"
        kept = different(first, shared=shared)[: wanted.count]
        if wanted.each and len(kept) < len(first):
            kept = list(first[: wanted.count])  # edits of one picture are alike, and are in the order of what is wanted
        if len(kept) < wanted.count:
            again = _question(wanted, kept)
            more = await _asked(model, abilities, Wanted(wanted.topic, wanted.count - len(kept)), again)
            kept += different(more, kept, shared=shared)[: wanted.count - len(kept)]
    except (Declined, CallsUsedUp):
        raise
    except LanguageModelError as error:
        log.warning("the language model gave no directions: %s", error)
        return _templated(wanted, abilities, words.NO_MODEL)
    if not kept:
        return _templated(wanted, abilities, words.UNREADABLE)
    remarks = (words.few_ideas(len(kept), wanted.count),) if len(kept) < wanted.count else ()
    return Found(tuple(kept), remarks)


async def _asked(model: LanguageModel, abilities: Abilities, wanted: Wanted, question: str) -> list[Direction]:
    system = system_text(wanted.count, abilities.vocabulary, wanted.each)
    request = LanguageRequest(Said("user", question), plain=True, system=system, max_tokens=MAX_TOKENS)
    answer = ""
    async for chunk in model.stream(request):
        answer += chunk
        if len(answer) > MAX_CHARS:
            break
    return read_directions(answer)


def _question(wanted: Wanted, known: Sequence[Direction] = ()) -> str:
    lines = [f"Topic: {escape_user_text(wanted.topic)}"]
    if wanted.said:
        lines += ["What people wrote about the last round:", *(f"- {escape_user_text(text)}" for text in wanted.said)]
    if known:
        lines += [
            f"Write {wanted.count - len(known)} more, unlike these:",
            *(f"- {direction.title}: {direction.description}" for direction in known),
        ]
    return "\n".join(lines)


def _templated(wanted: Wanted, abilities: Abilities, remark: str) -> Found:
    return Found(tuple(templated(wanted.topic, wanted.count, wanted.pick, abilities.vocabulary)), (remark,))
