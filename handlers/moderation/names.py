"""Whether a text names somebody, as far as writing tells: first and last name with capitals.

No list of people is complete. This is a guess from capitals, and counts only where a text is sexual or humiliating
anyway: there a wrong guess refuses what was borderline before.
"""

from __future__ import annotations

import re
import unicodedata

_PAIR = re.compile(r"(?<![\w.])(?:(\w+)\s+)?(\w+)\s+(?=[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ'’-]+\s+[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ'’-]+\b)")
_ANNOUNCED = frozenset(
    ("of", "called", "named", "photo", "picture", "portrait", "von", "namens", "bild", "foto", "de", "d", "di", "da",
     "do", "del", "della", "llamada", "llamado", "chamada", "chamado", "appelée", "appelé")
)  # fmt: skip
"""Words before two capitalised words that make them a name."""
_OF_WORKS = frozenset(
    ("style", "manner", "school", "works", "spirit", "city", "museum", "university", "stil", "art", "estilo", "manera",
     "stile", "maniera", "maneira", "musée", "museo", "museu", "ville", "stadt", "città", "ciudad", "cidade")
)  # fmt: skip
"""Words before these that make them the name of an artist or a place."""


def names_somebody(text: str) -> bool:
    """Whether two capitalised words stand after "of", "named", "photo" and such; after "in the style of" they do not
    count."""
    text = unicodedata.normalize("NFKC", text)
    return any(
        found[2].casefold() in _ANNOUNCED and (found[1] or "").casefold() not in _OF_WORKS
        for found in _PAIR.finditer(text)
    )
