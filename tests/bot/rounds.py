"""Rounds of brainstorms as chats are given them, ordinary and extreme."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import strategies as st

from handlers.model import PicturePart, ReplyPart, SlotState
from handlers.round import MAX_TITLE, MAX_TOPIC, Card, Phase, RoundPart
from imaging.model import Operation

CLOSES = datetime(2026, 1, 2, 12, tzinfo=UTC)


def draft(number: int, state: SlotState = SlotState.READY, **fields: object) -> PicturePart:
    sha256 = "a" * 64 if state is SlotState.READY else None
    made = PicturePart(f"slot-{number}", number, Operation.IMAGE, f"draft {number}", state=state, sha256=sha256)
    return replace(made, **fields)  # type: ignore[arg-type]


def shown(
    count: int = 3,
    phase: Phase = Phase.OPEN,
    *,
    votes: int | None = 1,
    drafts: Mapping[int, PicturePart] | None = None,
    **fields: object,
) -> tuple[ReplyPart, ...]:
    """An answer with a round of so many ideas, numbered from 1."""
    cards = tuple(
        Card(n, f"Idea {n}", f"Because of {n}.", votes=votes, winner=phase is Phase.CLOSED and n == 1)
        for n in range(1, count + 1)
    )
    pictures = {n: draft(n) for n in range(1, count + 1)} | dict(drafts or {})
    part = RoundPart("b1", 1, "mascots for a bakery", phase, cards, voters=2)
    return (*pictures.values(), replace(part, **fields))  # type: ignore[arg-type]


WORDS = st.text(st.sampled_from("设计面包🦊👩‍👩‍👧*_<>@&`#[]( \n"), min_size=1)
"""What costs most: characters outside the basic plane, and those that have to be escaped."""


@st.composite
def rounds(draw: st.DrawFn) -> tuple[ReplyPart, ...]:
    """Anything that a round can look like."""
    numbers = draw(st.lists(st.integers(1, 10**8), min_size=0, max_size=8, unique=True))
    parts: list[ReplyPart] = []
    cards = []
    for number in numbers:
        title = draw(st.text(WORDS.map(lambda text: text[0]), min_size=1, max_size=MAX_TITLE) | _long(MAX_TITLE))
        why = draw(WORDS | _long(400))
        parents = tuple(draw(st.lists(st.integers(1, 10**8), max_size=3)))
        votes = draw(st.none() | st.integers(0, 9999))
        cards.append(Card(number, title, why, parents, votes, draw(st.booleans())))
        state = draw(st.sampled_from([*SlotState, None]))
        if state is not None:
            parts.append(
                draft(
                    number,
                    state,
                    parents=parents,
                    spoiler=draw(st.booleans()),
                    sentence=draw(st.none() | _long(500)),
                    preview=draw(st.sampled_from([None, b"x"])),
                )
            )
    part = RoundPart(
        "b" * 32, draw(st.integers(1, 99)), draw(WORDS | _long(MAX_TOPIC)), draw(st.sampled_from(Phase)), tuple(cards),
        dots=draw(st.integers(1, 5)), anonymous=draw(st.booleans()), voters=draw(st.integers(0, 9999)),
        closes=draw(st.none() | st.just(CLOSES)), took_up=draw(st.just("") | _long(600)),
        remarks=tuple(draw(st.lists(_long(500), max_size=6))), last=draw(st.booleans()),
    )  # fmt: skip
    return (*parts, part)


def _long(length: int) -> st.SearchStrategy[str]:
    return st.sampled_from(["设" * length, "🦊" * length, "*" * length, "<" * length, "@everyone " * (length // 10)])
