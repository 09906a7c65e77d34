"""Keys and values of the words, computed once for as long as the same rows take steps together.

Cross-attention projects the text embeddings anew in every step, though only the picture changes: a twentieth of the
bundled model's arithmetic (of SDXL's at 1024 × 1024 a fiftieth, so that there the memory is better spent on rows).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor

from imaging.controls.prompt import Prompt

KeysValues = dict[int, tuple[Tensor, Tensor]]


class WordCache:
    """By the prompts of a call's rows, in order. Lanes ask at once."""

    def __init__(self, kept: int) -> None:
        """Remember so many calls: those of every lane, and of those who take turns with them."""
        self._kept = kept
        self._known: OrderedDict[tuple[int, ...], tuple[tuple[Prompt, ...], KeysValues]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, prompts: Sequence[Prompt]) -> KeysValues:
        """What is known of these rows, which the call completes; empty at first."""
        key = tuple(id(prompt) for prompt in prompts)
        with self._lock:
            # The prompts are held, so that none of the ids can be another's meanwhile.
            found = self._known.pop(key, (tuple(prompts), {}))
            self._known[key] = found
            if len(self._known) > self._kept:
                self._known.popitem(last=False)
        return found[1]

    def clear(self) -> None:
        """Forget everything, as when nothing is in flight."""
        with self._lock:
            self._known.clear()
