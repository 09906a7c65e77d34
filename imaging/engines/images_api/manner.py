"""How one endpoint wants to be asked: guessed from the model's name, corrected by what it refuses, remembered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from imaging.refused import error_texts, refused_parameter

_OPTIONAL: Final = ("response_format", "size", "n", "quality", "background", "output_format", "moderation", "style")
_SIZE: Final = re.compile(r"(?<!\d)(\d{2,4}) ?[x×*] ?(\d{2,4})(?!\d)")
_SMALLEST, _LARGEST = 64, 4096
ADAPTATIONS: Final = 6
"""Corrections of one request at most."""


class Manner:
    """What has been learnt. Shared by the requests under way; whoever learns last writes what all have seen."""

    def __init__(self, model: str, sizes: Mapping[str, tuple[int, int]]) -> None:
        self._sizes = tuple(dict.fromkeys(sizes.values()))
        self._dropped = frozenset({"response_format"} if "gpt-image" in model.casefold() else ())
        self.rgba = "dall-e-2" in model.casefold()
        """Edits want the parent with an alpha channel."""

    def parameters(self, width: int, height: int) -> dict[str, Any]:
        """All but model, prompt and picture, for a picture of about this shape."""
        shape = width / height
        near = min(self._sizes, key=lambda size: abs(size[0] / size[1] - shape))
        wanted = {"n": 1, "size": f"{near[0]}x{near[1]}", "response_format": "b64_json"}
        return {name: value for name, value in wanted.items() if name not in self._dropped}

    def learn(self, status: int, body: object, sent: Mapping[str, Any]) -> str | None:
        """What is asked otherwise from now on, for the log; None when asking again would be the same."""
        if status not in (400, 415, 422):
            return None
        words = " ".join(error_texts(body))
        if "image" in sent and not self.rgba and "rgba" in words.casefold():
            self.rgba = True
            return "pictures have an alpha channel"
        refused = refused_parameter(body, [name for name in _OPTIONAL if name in sent])
        if refused == "size" and (sizes := self._offered(words, str(sent["size"]))):
            self._sizes = sizes
            return "sizes are " + ", ".join(f"{width}x{height}" for width, height in sizes)
        if refused is None or refused in self._dropped:
            return None
        self._dropped |= {refused}
        return f"{refused} is left out"

    def _offered(self, words: str, sent: str) -> tuple[tuple[int, int], ...]:
        """The sizes that a refusal names, without the refused one."""
        found = dict.fromkeys((int(width), int(height)) for width, height in _SIZE.findall(words))
        kept = [size for size in found if min(size) >= _SMALLEST and max(size) <= _LARGEST]
        return tuple(size for size in kept if f"{size[0]}x{size[1]}" != sent)
