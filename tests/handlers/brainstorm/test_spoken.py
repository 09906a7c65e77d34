"""Which words ask for a brainstorm, and which do not."""

from __future__ import annotations

import pytest

from handlers.brainstorm.wish import Wish, wish_of


@pytest.mark.parametrize(
    ("text", "topic", "ideas"),
    [
        ("let's brainstorm mascots for a bakery", "mascots for a bakery", 4),
        ("Let’s brainstorm mascots", "mascots", 4),
        ("brainstorm 6 logos for our café", "logos for our café", 6),
        ("Brainstorm: planets as posters", "planets as posters", 4),
        ("Can we brainstorm three covers for a cookbook?", "covers for a cookbook", 3),
        ("please brainstorm ideas for a birthday card", "a birthday card", 4),
        ("let's do a brainstorming session about tea packaging", "tea packaging", 4),
        ("start a brainstorm on tea packaging", "tea packaging", 4),
        ("Lasst uns Maskottchen für eine Bäckerei brainstormen", "Maskottchen für eine Bäckerei", 4),
        ("lass uns ein Brainstorming zu Maskottchen machen", "Maskottchen", 4),
        ("Brainstorme 5 Logos für ein Café", "Logos für ein Café", 5),
        ("faisons un brainstorming sur des mascottes", "des mascottes", 4),
        ("Hagamos una lluvia de ideas sobre mascotas", "mascotas", 4),
        ("我们来头脑风暴一下面包店的吉祥物", "面包店的吉祥物", 4),
        ("来一次头脑风暴：六个面包店吉祥物", "面包店吉祥物", 6),
        ("为面包店吉祥物做一次头脑风暴", "面包店吉祥物", 4),
        ("パン屋のマスコットをブレストしよう", "パン屋のマスコット", 4),
        ("/brainstorm mascots for a bakery", "mascots for a bakery", 4),
        ("／brainstorm topic:mascots ideas:8", "mascots", 8),
    ],
)
def test_what_asks_for_one(text: str, topic: str, ideas: int) -> None:
    assert wish_of(text) == Wish(topic, ideas)


@pytest.mark.parametrize(
    "text",
    [
        "we brainstormed yesterday",
        "The brainstorm was fun",
        "what is a brainstorm?",
        "don't brainstorm, just draw a fox",
        "brainstorming is hard",
        "how do I brainstorm ideas?",
        "draw a brainstorm",
        "brainstorm",
        "let's brainstorm together",
        "our brainstorm results are in",
        "I had a brainstorm about cats",
        "a poster of people who brainstorm ideas",
        "brainstorm session notes from last week",
        "Wir haben gestern gebrainstormt",
        "on a fait un brainstorming hier",
        "昨天的头脑风暴很好",
        "头脑风暴是什么？",
        "昨日ブレストしました",
        "/brainstorm minutes:5",
        "/brainstorm topic:cups ideas:99",
        "/imagine let's brainstorm cups",
        "brainstorm " + "x" * 500,
    ],
)
def test_what_asks_for_none(text: str) -> None:
    assert wish_of(text) is None
