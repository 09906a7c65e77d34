"""Prompt-to-Prompt (Hertz et al. 2022, arXiv 2208.01626): replace, refine, reweight, and LocalBlend.

The target's cross-attention maps come from its source row, denoised beside it, wherever their words
correspond: words that both texts share keep their map (refine, section 3.2), a swapped word takes the
map of the word it replaced (replace), and a word's map can be multiplied (reweight). T is the number of
text positions of the encoded prompts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

import torch
from torch import Tensor

from imaging.controls.attended import Attended
from imaging.controls.settings import number
from imaging.engines.attention import Probe, PromptEdit
from imaging.engines.encoding import Prompt


@dataclass(frozen=True, slots=True)
class Alignment:
    """How the positions of two encoded texts correspond."""

    mapping: Tensor
    """[T, T]: column j holds the weights of source positions for target position j; columns sum to 1 or 0."""
    lent: Tensor
    """[T]: 1 where a target position has a counterpart."""
    changed_source: Tensor
    """[T]: 1 at source positions of words that were replaced or removed."""
    changed_target: Tensor
    """[T]: 1 at target positions of words that are new."""


def align(source: Prompt, target: Prompt, length: int) -> Alignment:
    """Align two texts word by word; `length` is the positions of one chunk (77 for SDXL).

    Both must be encoded in the same number of chunks. Start, end and padding positions correspond
    one to one.
    """
    positions = target.embeds.shape[0]
    mapping = torch.zeros(positions, positions)
    changed_source, changed_target = torch.zeros(positions), torch.zeros(positions)
    old, new = source.spans(length), target.spans(length)
    for begin in range(0, positions, length):
        _align_marks(mapping, _end(old, begin, length), _end(new, begin, length), begin, length)
    words_old, words_new = [word for word, _ in old], [word for word, _ in new]
    for tag, a, b, c, d in SequenceMatcher(a=words_old, b=words_new, autojunk=False).get_opcodes():
        if tag == "equal":
            for (_, lender), (_, borrower) in zip(old[a:b], new[c:d], strict=True):
                for lend, borrow in zip(lender, borrower, strict=True):
                    mapping[lend, borrow] = 1.0
            continue
        lenders = [p for _, span in old[a:b] for p in span]
        borrowers = [p for _, span in new[c:d] for p in span]
        changed_source[lenders] = 1.0
        changed_target[borrowers] = 1.0
        if tag == "replace":
            for borrow in borrowers:
                mapping[lenders, borrow] = 1.0 / len(lenders)
    return Alignment(mapping, mapping.sum(0).clamp(max=1.0).round(), changed_source, changed_target)


def _end(spans: list[tuple[str, list[int]]], begin: int, length: int) -> int:
    """Position of a chunk's end mark."""
    places = [place for _, span in spans for place in span if begin <= place < begin + length]
    return max(places, default=begin) + 1


def _align_marks(mapping: Tensor, old_end: int, new_end: int, begin: int, length: int) -> None:
    """Start mark to start mark, end mark to end mark, padding to padding at the same position."""
    mapping[begin, begin] = 1.0
    mapping[old_end, new_end] = 1.0
    for position in range(new_end + 1, begin + length):
        mapping[min(max(position, old_end + 1), begin + length - 1), position] = 1.0


@dataclass(slots=True)
class LocalBlend(Attended):
    """Keeps the source's latents outside the changed words' maps (section 3.2, "local editing")."""

    def mask(self, size: tuple[int, int]) -> Tensor | None:
        """[1, 1, h, w] of 0 and 1 at latent size `size`: where the edit may show."""
        if not self.sums:
            return None
        found = torch.zeros(1, 1, *size)
        for name in self.sums:
            found = torch.maximum(found, self.share(name, size))
        return found


@dataclass(frozen=True, slots=True)
class PromptToPrompt:
    """One edit's settings; shares of the steps count from the first denoising step."""

    alignment: Alignment
    reweight: Tensor
    """[T]"""
    cross_replace_steps: float
    self_replace_steps: float
    self_positions: int
    blend: LocalBlend | None
    blend_positions: int

    @classmethod
    def of(
        cls,
        options: Mapping[str, float | str],
        source: Prompt,
        target: Prompt,
        *,
        length: int,
        latent_size: tuple[int, int],
        self_shrink: int,
        blend_shrink: int,
    ) -> PromptToPrompt:
        alignment = align(source, target, length)
        height, width = latent_size
        threshold = number(options, "local_blend", 0.0)
        side = max(1, round(blend_shrink**0.5))
        changed = bool(alignment.changed_source.any() or alignment.changed_target.any())
        fits = height % side == 0 and width % side == 0
        blend = LocalBlend(height // side, width // side, threshold) if threshold > 0 and changed and fits else None
        return cls(
            alignment,
            _reweight(str(options.get("reweight", "")), target, length),
            number(options, "cross_replace_steps", 0.8),
            number(options, "self_replace_steps", 0.4),
            height * width // max(1, self_shrink),
            blend,
            (height // side) * (width // side),
        )

    def reads(self, step: int, total: int) -> bool:
        """Whether a step looks at the source's attention."""
        return self.blend is not None or step / total < max(self.cross_replace_steps, self.self_replace_steps)

    def at(self, step: int, total: int, source: int, target: int, like: Tensor) -> PromptEdit | None:
        """What holds at a step, for rows of the UNet's batch; `like` gives device and dtype. Where the step does
        not read the source, `source` may be the target itself."""
        share = step / total
        lent = self.alignment.lent if share < self.cross_replace_steps else torch.zeros_like(self.alignment.lent)
        self_positions = self.self_positions if share < self.self_replace_steps else 0
        if not lent.any() and not self_positions and bool((self.reweight == 1).all()):
            return None
        return PromptEdit(
            target,
            source,
            (self.alignment.mapping * lent).to(like),
            (1 - lent).to(like),
            self.reweight.to(like),
            self_positions,
        )

    def probes(self, source: int, target: int, like: Tensor) -> tuple[tuple[str, Probe], ...]:
        """What LocalBlend wants to see, for rows of the UNet's batch."""
        if self.blend is None:
            return ()
        found = []
        for name, row, columns in (
            ("source", source, self.alignment.changed_source),
            ("target", target, self.alignment.changed_target),
        ):
            if columns.any():
                found.append((name, Probe(row, columns.to(like), self.blend_positions)))
        return tuple(found)


def _reweight(text: str, target: Prompt, length: int) -> Tensor:
    """`"fluffy=2 red=0.5"` as a factor per text position."""
    factors = torch.ones(target.embeds.shape[0])
    wanted = {}
    for part in text.lower().split():
        word, _, value = part.partition("=")
        try:
            wanted[word] = min(10.0, max(-10.0, float(value)))
        except ValueError:
            continue
    for word, places in target.spans(length):
        if word in wanted:
            factors[places] = wanted[word]
    return factors
