"""Whether a text names somebody, as far as writing tells: first and last name with capitals.

No list of people is complete. This is a guess from capitals, and counts only where a text is sexual or humiliating
anyway: there a wrong guess refuses what was borderline before.
"""

from __future__ import annotations

import re
import unicodedata

_PAIR = re.compile(r"(?<![\w.])(?:(\w+)\s+)?(?=([A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ'’-]+)\s+([A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ'’-]+)\b)")
_ANNOUNCED = frozenset(
    ("of", "called", "named", "photo", "picture", "portrait", "von", "namens", "bild", "foto", "de", "d", "di", "da",
     "do", "del", "della", "llamada", "llamado", "chamada", "chamado", "appelée", "appelé")
)  # fmt: skip
"""Words before two capitalised words that make them a name, not a place or a work."""


def names_somebody(text: str) -> bool:
    """Whether two capitalised words stand after "of", "named", "photo" and such."""
    text = unicodedata.normalize("NFKC", text)
    return any(found[1] and found[1].casefold() in _ANNOUNCED for found in _PAIR.finditer(text))
