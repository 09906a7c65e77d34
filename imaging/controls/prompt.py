"""An encoded text, as engines make it and controls read it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Prompt:
    """One encoded text. `tokens` are the first tokenizer's ids without start and end marks."""

    embeds: Tensor
    """[chunks · length, width of both encoders]"""
    pooled: Tensor
    """[projection of the second encoder]"""
    tokens: tuple[int, ...]
    words: tuple[tuple[str, int], ...]
    """Each word with how many tokens it takes; together they are `tokens`."""

    def spans(self, length: int) -> list[tuple[str, list[int]]]:
        """Words with the text positions that they take, in chunks of `length` positions (77 for SDXL); words
        beyond the last chunk have none and are left out."""
        room, positions = length - 2, self.embeds.shape[0]
        found, token = [], 0
        for word, count in self.words:
            places = [(k // room) * length + 1 + k % room for k in range(token, token + count)]
            token += count
            places = [place for place in places if place < positions]
            if places:
                found.append((word, places))
        return found
