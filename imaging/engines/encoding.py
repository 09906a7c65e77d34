"""Words to embeddings: both CLIP text encoders of SDXL, in chunks when a prompt is long, cached.

A word's weight (`imaging.engines.emphasis`) moves its embedding along the line from that of the empty prompt at its
place, as ComfyUI has it; all others stay what they are.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor

from imaging.controls.prompt import Prompt
from imaging.engines.emphasis import pieces

CACHE_SIZE = 512
MAX_CHUNKS = 4
"""Longer prompts than this many chunks are cut, which the recipe's notes say."""


class TextEncoding:
    """Both tokenizers and encoders of a checkpoint. One text at a time, so that its numbers never
    depend on who else asks."""

    def __init__(
        self,
        tokenizers: tuple[Any, Any],
        encoders: tuple[Any, Any],
        *,
        zero_empty: bool,
        device: torch.device,
        clip_skip: int = 2,
    ) -> None:
        self._tokenizers = tokenizers
        self.encoders = encoders
        self._zero_empty = zero_empty
        self._device = device
        self._clip_skip = clip_skip
        self._cache: OrderedDict[tuple[str, int, bool], Prompt] = OrderedDict()
        self.length = min(int(t.model_max_length) for t in tokenizers)
        """Positions of one chunk, start and end marks included (77 for SDXL)."""

    def chunks(self, text: str) -> int:
        """How many chunks a text needs, at least 1."""
        room = self.length - 2
        longest = max(len(self._ids(tokenizer, text)) for tokenizer in self._tokenizers)
        return min(MAX_CHUNKS, max(1, -(-longest // room)))

    def left_out(self, text: str) -> str:
        """The end of a text that needs more than MAX_CHUNKS, as the tokenizer with the least room reads it."""
        room = MAX_CHUNKS * (self.length - 2)
        rests = [(self._ids(tokenizer, text)[room:], tokenizer) for tokenizer in self._tokenizers]
        rest, tokenizer = max(rests, key=lambda each: len(each[0]))
        return str(tokenizer.decode(rest)).strip() if rest else ""

    def encode(self, text: str, chunks: int, *, negative: bool = False) -> Prompt:
        """Encode `text` into exactly `chunks` chunks.

        An empty negative prompt becomes zeros where the checkpoint was trained so.
        """
        key = (text, chunks, negative)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        prompt = self._encode(text, chunks)
        if negative and not text and self._zero_empty:
            prompt = Prompt(torch.zeros_like(prompt.embeds), torch.zeros_like(prompt.pooled), (), ())
        self._cache[key] = prompt
        while len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)
        return prompt

    @torch.inference_mode()
    def _encode(self, text: str, chunks: int) -> Prompt:
        parts: list[Tensor] = []
        pooled: Tensor | None = None
        for tokenizer, encoder in zip(self._tokenizers, self.encoders, strict=True):
            rows = self._rows(tokenizer, self._ids(tokenizer, text), chunks)
            states = []
            for row in rows:
                found, projected = self._states(encoder, row)
                states.append(found)
                if encoder is self.encoders[1] and len(states) == 1:
                    pooled = projected
            weights = self._weights(tokenizer, text, chunks)
            if weights is not None:
                empty = self._states(encoder, self._rows(tokenizer, [], 1)[0])[0]
                states = [self._weighted(each, empty, of) for each, of in zip(states, weights, strict=True)]
            parts.append(torch.cat(states))
        assert pooled is not None
        ids = self._ids(self._tokenizers[0], text)
        return Prompt(torch.cat(parts, dim=-1), pooled, tuple(ids), self._words(text, ids))

    def _states(self, encoder: Any, row: list[int]) -> tuple[Tensor, Tensor]:
        """[length, width] of one chunk, and what the encoder makes of all of it."""
        out = encoder(torch.tensor([row], device=self._device), output_hidden_states=True)
        # SDXL reads the last layer but one (Podell et al. 2023, section 2.1): people's "clip skip 2".
        return out.hidden_states[-self._clip_skip][0], out[0][0]

    def _weights(self, tokenizer: Any, text: str, chunks: int) -> list[list[float]] | None:
        """A weight for each position of each chunk; None where all are 1."""
        found = [piece.weight for piece in pieces(text) for _ in self._ids_of(tokenizer, piece.text)]
        if all(weight == 1 for weight in found):
            return None
        room = self.length - 2
        bodies = (found[index * room : (index + 1) * room] for index in range(chunks))
        return [[1.0, *body, *[1.0] * (self.length - 1 - len(body))] for body in bodies]

    def _weighted(self, states: Tensor, empty: Tensor, weights: list[float]) -> Tensor:
        factors = torch.tensor(weights, device=states.device)[:, None]
        moved = (empty.float() + factors * (states.float() - empty.float())).to(states.dtype)
        return torch.where(factors == 1, states, moved)

    def _rows(self, tokenizer: Any, ids: list[int], chunks: int) -> list[list[int]]:
        room = self.length - 2
        rows = []
        for index in range(chunks):
            body = ids[index * room : (index + 1) * room]
            row = [tokenizer.bos_token_id, *body, tokenizer.eos_token_id]
            rows.append(row + [tokenizer.pad_token_id] * (self.length - len(row)))
        return rows

    def _ids(self, tokenizer: Any, text: str) -> list[int]:
        return [id for piece in pieces(text) for id in self._ids_of(tokenizer, piece.text)]

    def _ids_of(self, tokenizer: Any, text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids)

    def _words(self, text: str, ids: list[int]) -> tuple[tuple[str, int], ...]:
        words = []
        joined: list[int] = []
        for word in (word for piece in pieces(text) for word in piece.text.split()):
            own = self._ids_of(self._tokenizers[0], word)
            joined += own
            words.append((word.lower().strip(".,;:!?"), len(own)))
        # A tokenizer that reads across spaces leaves no words; each token then stands for itself.
        return tuple(words) if joined == ids else tuple((str(token), 1) for token in ids)
