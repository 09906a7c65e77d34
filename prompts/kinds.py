"""Words for kinds of things ("an animal") → one thing of that kind, where an engine knows only some things.

Another picture gets another one, and the description says so from then on: the next edit keeps it.
"""

from __future__ import annotations

import re

from imaging.model import Vocabulary

_WORDS = re.compile(
    r"(?:\b(?P<article>an?)(?P<gap>\s+))?\b(?P<kind>[a-z]+)\b(?=(?:\s+(?P<next>[a-z]+))?)", re.IGNORECASE
)
_ODD_PLURALS = ("s", "x", "sh", "ch", "fish", "sheep", "y")


def concrete(description: str, vocabulary: Vocabulary | None, pick: int) -> str:
    """Put a thing where the description names only its kind; the same `pick` gives the same thing."""
    if vocabulary is None or not vocabulary.kinds:
        return description
    named = set(description.lower().split())
    turn = 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal turn
        word = match["kind"].lower()
        plural = word not in vocabulary.kinds and word.endswith("s")
        members = vocabulary.kinds.get(word.removesuffix("s") if plural else word, ())
        following = (match["next"] or "").lower()
        compound = following in vocabulary.things or following in vocabulary.nearest
        # "an animal like a fox" names one already, and a toy car is a car.
        if not members or compound or named & set(members):
            return match[0]
        if plural:
            members = tuple(name for name in members if not name.endswith(_ODD_PLURALS)) or members
        thing = members[(pick + turn) % len(members)]
        turn += 1
        if match["article"]:
            article = "an" if thing[0] in "aeiou" else "a"
            return (article.capitalize() if match["article"][0].isupper() else article) + match["gap"] + thing
        return thing + "s" if plural else thing

    return _WORDS.sub(replaced, description)
