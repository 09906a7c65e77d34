"""Prompt-to-Prompt (Hertz et al. 2022, arXiv 2208.01626): replace, refine, reweight, and LocalBlend.

The target's cross-attention maps come from its source row, denoised beside it, wherever their words
correspond: words that both texts share keep their map (refine, section 3.2), a swapped word takes the
map of the word it replaced (replace), and a word's map can be multiplied (reweight). T is the number of
text positions of the encoded prompts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher

import torch
from torch import Tensor

from imaging.controls.attended import Attended
from imaging.controls.attention import NOTHING, Probe, PromptEdit, RowControl
from imaging.controls.control import Control, Making, Numbers, Standing
from imaging.controls.families import number
from imaging.controls.prompt import Prompt

SOURCE, TARGET = "source", "target"
BLEND_FROM = 0.2
"""Share of the steps before LocalBlend begins: early maps are too vague (Hertz et al., their code)."""
NUMBERS: Mapping[str, Numbers] = {
    # Section 4: 0.8 and 0.4 at a strength of 0.8.
    "sdxl": {"cross_share": 1.0, "self_share": 0.5, "local_blend": 0.3, "self_shrink": 16, "blend_shrink": 16},
    # Its words act through tokens of padding (training/mini/reader.py), so their own maps show no place for LocalBlend.
    "mini": {"cross_share": 1.0, "self_share": 0.75, "local_blend": 0.0, "self_shrink": 1, "blend_shrink": 1},
}
"""`cross_share`, `self_share`: share of the steps with lent maps at strength 1; `local_blend`: threshold, 0–1, 0 is
off; `self_shrink`: self-attention maps are lent in layers of at most latent area / self_shrink positions;
`blend_shrink`: LocalBlend reads cross-attention at latent area / blend_shrink positions."""


def options(strength: float, numbers: Numbers, steps: int) -> dict[str, float | str]:
    """How long maps are lent, and whether the rest is kept as it is."""
    return {
        "cross_replace_steps": round(strength * numbers["cross_share"], 3),
        "self_replace_steps": round(strength * numbers["self_share"], 3),
        "local_blend": numbers["local_blend"],
    }


def make(making: Making) -> tuple[Control, ...]:
    """Settings by their published names."""
    if making.source is None:
        return ()
    alignment = align(making.source[1], making.prompt, making.length)
    height, width = making.latent_size
    reweight = _reweight(str(making.options.get("reweight", "")), making.prompt, making.length)
    own = 1 - alignment.lent
    return (
        PromptToPrompt(
            steps=making.steps,
            lent=((alignment.mapping * alignment.lent).to(making.like), own.to(making.like)),
            unlent=(torch.zeros_like(alignment.mapping).to(making.like), torch.ones_like(own).to(making.like)),
            lends=bool(alignment.lent.any()),
            reweight=reweight.to(making.like),
            reweights=not bool((reweight == 1).all()),
            cross_replace_steps=number(making.options, "cross_replace_steps", 0.8),
            self_replace_steps=number(making.options, "self_replace_steps", 0.4),
            self_positions=height * width // max(1, int(making.numbers["self_shrink"])),
            blend=_blend(making, alignment),
        ),
    )


def _blend(making: Making, alignment: Alignment) -> LocalBlend | None:
    threshold = number(making.options, "local_blend", 0.0)
    side = max(1, round(making.numbers["blend_shrink"] ** 0.5))
    height, width = making.latent_size
    changed = {SOURCE: alignment.changed_source, TARGET: alignment.changed_target}
    columns = {name: each.to(making.like) for name, each in changed.items() if bool(each.any())}
    if threshold <= 0 or not columns or height % side or width % side:
        return None
    return LocalBlend(height // side, width // side, threshold, columns=columns)


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

    columns: Mapping[str, Tensor] = field(default_factory=dict)
    """`source` and `target` → [T], 1 at the text positions of words that changed; a row without any is left out."""

    def mask(self, size: tuple[int, int]) -> Tensor | None:
        """[1, 1, h, w] of 0 and 1 at latent size `size`: where the edit may show."""
        shares = [self.share(name, size) for name in self.sums]
        return torch.stack(shares).amax(0) if shares else None


@dataclass(frozen=True, slots=True)
class PromptToPrompt(Control):
    """One edit's settings; shares of the steps count from the first one. Tensors are on the UNet's device."""

    steps: int
    lent: tuple[Tensor, Tensor]
    """[T, T] and [T], `PromptEdit.mapping` and `own` while cross-attention maps are lent."""
    unlent: tuple[Tensor, Tensor]
    """The same afterwards."""
    lends: bool
    """Whether any map has a counterpart."""
    reweight: Tensor
    """[T]"""
    reweights: bool
    cross_replace_steps: float
    self_replace_steps: float
    self_positions: int
    blend: LocalBlend | None

    def reads(self, step: int) -> bool:
        """Whether a step looks at the source's attention; LocalBlend wants to see every step."""
        return self.blend is not None or step / self.steps < max(self.cross_replace_steps, self.self_replace_steps)

    def at(self, step: int, standing: Standing) -> RowControl:
        if standing.target is None:
            return NOTHING
        share = step / self.steps
        lends = self.lends and share < self.cross_replace_steps
        self_positions = self.self_positions if share < self.self_replace_steps else 0
        if not lends and not self_positions and not self.reweights:
            return NOTHING
        # Where the step does not read the source, it may not be there.
        source = standing.target if standing.source is None else standing.source
        mapping, own = self.lent if lends else self.unlent
        return RowControl(edits=(PromptEdit(standing.target, source, mapping, own, self.reweight, self_positions),))

    def probes(self, standing: Standing) -> Mapping[str, Probe]:
        if self.blend is None or standing.target is None or standing.source is None:
            return {}
        positions = self.blend.height * self.blend.width
        rows = {SOURCE: standing.source, TARGET: standing.target}
        return {name: Probe(rows[name], columns, positions) for name, columns in self.blend.columns.items()}

    def after(self, share: float, seen: Mapping[str, Probe], latents: Tensor, source: Tensor | None) -> Tensor:
        if self.blend is None or not seen:
            return latents
        self.blend.take(seen)
        if source is None or share < BLEND_FROM:
            return latents
        mask = self.blend.mask((latents.shape[-2], latents.shape[-1]))
        return latents if mask is None else source + mask.to(source) * (latents - source)


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
