"""Prompt-to-Prompt and MasaCtrl against a plain implementation that writes out every attention map."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from imaging.controls.attention import (
    MutualAttention,
    Probe,
    PromptEdit,
    RowControl,
    install,
    layer_numbers,
    uninstall,
)
from imaging.controls.prompt import Prompt
from imaging.controls.prompt_to_prompt import Alignment, align
from imaging.engines.loading import Parts
from measure.engine.random_sdxl import WIDTHS

SOURCE, TARGET, OTHER = 0, 1, 2


@dataclass
class Reference:
    """What one explicit forward pass does to the target row."""

    mutual_from: int | None = None
    regions: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    mapping: Tensor | None = None
    own: Tensor | None = None
    reweight: Tensor | None = None
    self_positions: int = 0
    seen: list[Tensor] = field(default_factory=list)


class ExplicitMaps:
    """Attention as in the papers: softmax maps [rows, h, N, M] in full, edited in place."""

    def __init__(self, layer: int, cross: bool, reference: Reference) -> None:
        self.layer, self.cross, self.reference = layer, cross, reference

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, attention_mask: None = None
    ) -> Tensor:
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        heads = attn.heads

        def split(states: Tensor) -> Tensor:
            return states.unflatten(-1, (heads, -1)).permute(0, 2, 1, 3)

        query, key, value = split(attn.to_q(hidden_states)), split(attn.to_k(context)), split(attn.to_v(context))
        scale = query.shape[-1] ** -0.5
        maps = torch.einsum("rhnd,rhmd->rhnm", query, key).mul(scale).softmax(-1)
        reference = self.reference
        if self.cross and reference.mapping is not None:
            assert reference.own is not None
            assert reference.reweight is not None
            lent = torch.einsum("hns,st->hnt", maps[SOURCE], reference.mapping)
            maps[TARGET] = (lent + maps[TARGET] * reference.own) * reference.reweight
        if self.cross and maps.shape[2] == 64:
            reference.seen.append(maps[OTHER, :, :, 3].mean(0))
        if not self.cross and maps.shape[2] <= reference.self_positions:
            maps[TARGET] = maps[SOURCE]
        if not self.cross and reference.mutual_from is not None and self.layer >= reference.mutual_from:
            scores = torch.einsum("hnd,hmd->hnm", query[TARGET], key[SOURCE]).mul(scale)
            maps[TARGET] = scores.softmax(-1)
            if maps.shape[2] in reference.regions:
                lender, borrower = reference.regions[maps.shape[2]]
                for n in range(maps.shape[2]):
                    readable = lender == borrower[n]
                    maps[TARGET, :, n] = scores[:, n].masked_fill(~readable, -torch.inf).softmax(-1)
            value = torch.stack([value[SOURCE] if row == TARGET else value[row] for row in range(len(value))])
        out = torch.einsum("rhnm,rhmd->rhnd", maps, value).permute(0, 2, 1, 3).flatten(2)
        out = attn.to_out[0](out)
        return (out + hidden_states if attn.residual_connection else out) / attn.rescale_output_factor


def forward(parts: Parts, control: RowControl | None, reference: Reference | None) -> Tensor:
    unet = parts.unet
    draw = torch.Generator().manual_seed(1)
    inputs = torch.randn(3, 4, 16, 16, generator=draw)
    text = torch.randn(3, 32, 64, generator=draw)
    added = {"text_embeds": torch.randn(3, WIDTHS[1], generator=draw), "time_ids": torch.ones(3, 6)}
    before = install(unet)
    try:
        if reference is not None:
            numbers = layer_numbers(unet)
            unet.set_attn_processor(
                {name: ExplicitMaps(numbers[name], name.endswith("attn2.processor"), reference) for name in before}
            )
        with torch.no_grad():
            found = unet(
                inputs,
                torch.tensor([500.0, 500.0, 100.0]),
                encoder_hidden_states=text,
                added_cond_kwargs=added,
                cross_attention_kwargs={"control": control} if control else None,
            )[0]
    finally:
        uninstall(unet, before)
    assert isinstance(found, Tensor)
    return found


def same(a: Tensor, b: Tensor) -> bool:
    return float((a - b).abs().max() / b.abs().max()) < 1e-4


def test_masactrl_from_a_layer_on(tiny_parts: Parts) -> None:
    for layer in (0, 44, 69):
        control = RowControl(mutual=(MutualAttention(TARGET, SOURCE, layer),))
        assert same(forward(tiny_parts, control, None), forward(tiny_parts, None, Reference(mutual_from=layer)))


def test_mask_guided_masactrl_parts_subject_and_surroundings(tiny_parts: Parts) -> None:
    draw = torch.Generator().manual_seed(3)
    regions = {n: (torch.rand(n, generator=draw) > 0.6, torch.rand(n, generator=draw) > 0.3) for n in (16, 64)}
    control = RowControl(mutual=(MutualAttention(TARGET, SOURCE, 10, regions),))
    reference = Reference(mutual_from=10, regions=regions)
    assert same(forward(tiny_parts, control, None), forward(tiny_parts, None, reference))
    assert not same(forward(tiny_parts, control, None), forward(tiny_parts, None, Reference(mutual_from=10)))


def test_prompt_to_prompt_replace_refine_and_reweight(tiny_parts: Parts) -> None:
    draw = torch.Generator().manual_seed(2)
    mapping = torch.rand(32, 32, generator=draw)
    mapping /= mapping.sum(0)
    lent = (torch.rand(32, generator=draw) > 0.4).float()
    reweight = torch.rand(32, generator=draw) * 2
    for positions in (0, 16, 64):
        control = RowControl(edits=(PromptEdit(TARGET, SOURCE, mapping * lent, 1 - lent, reweight, positions),))
        reference = Reference(mapping=mapping * lent, own=1 - lent, reweight=reweight, self_positions=positions)
        assert same(forward(tiny_parts, control, None), forward(tiny_parts, None, reference))


def test_probes_read_the_map_that_they_name(tiny_parts: Parts) -> None:
    columns = torch.zeros(32)
    columns[3] = 1
    probe = Probe(OTHER, columns, 64)
    forward(tiny_parts, RowControl(probes=(probe,)), None)
    reference = Reference()
    forward(tiny_parts, None, reference)
    assert len(probe.maps) == len(reference.seen) > 0
    assert all(same(a, b) for a, b in zip(probe.maps, reference.seen, strict=True))


def prompt(text: str, length: int = 8, chunks: int = 1) -> Prompt:
    words = tuple((word, 2 if len(word) > 5 else 1) for word in text.split())
    tokens = tuple(range(sum(count for _, count in words)))
    return Prompt(torch.zeros(length * chunks, 4), torch.zeros(4), tokens, words)


def aligned(old: str, new: str, chunks: int = 1) -> Alignment:
    return align(prompt(old, chunks=chunks), prompt(new, chunks=chunks), 8)


def test_the_same_text_maps_to_itself() -> None:
    assert torch.equal(aligned("a red cat", "a red cat").mapping, torch.eye(8))


def test_a_swapped_word_takes_the_map_of_the_word_it_replaced() -> None:
    found = aligned("a cat sits", "a leopard sits")
    assert found.mapping[2, 2] == found.mapping[2, 3] == 1
    assert found.mapping[3, 4] == 1
    assert found.changed_source.nonzero().flatten().tolist() == [2]
    assert found.changed_target.nonzero().flatten().tolist() == [2, 3]


def test_an_added_word_keeps_its_own_map_and_the_rest_moves_along() -> None:
    found = aligned("a cat", "a red cat")
    assert found.lent.tolist()[:5] == [1, 1, 0, 1, 1]
    assert found.mapping[2, 3] == 1
    assert found.mapping[3, 4] == 1


def test_columns_are_weights_in_long_texts_too() -> None:
    for old, new in (("a b c d e f g h i", "a b x d e f g h i j"), ("one", "a b c d e f g h"), ("", "a"), ("a", "")):
        found = aligned(old, new, chunks=2)
        sums = found.mapping.sum(0)
        assert torch.allclose(sums, found.lent)
        assert set(found.lent.tolist()) <= {0.0, 1.0}
