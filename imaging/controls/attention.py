"""One attention processor for rows of every kind: all control is data that comes with the call.

The processor itself never changes, so plain, Prompt-to-Prompt, MasaCtrl and IP-Adapter rows of
different people share one forward pass of one UNet. Rows are rows of the UNet's batch; `T` is text
positions, `N` image positions, `h` heads, `d` width of a head.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True)
class MutualAttention:
    """MasaCtrl: from `start_layer` on, `target`'s self-attention reads keys and values of `source`."""

    target: int
    source: int
    start_layer: int
    regions: Mapping[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """Image positions N of a layer → (subject of the source, subject of the target), bool [N] each: the
    target's subject then reads the source's subject only, and its surroundings the source's surroundings."""


@dataclass(frozen=True, slots=True)
class PromptEdit:
    """Prompt-to-Prompt for one target row at one step.

    The wanted map is (P_source · mapping + P_target · diag(own)) · diag(reweight). It is linear in the
    source's map, so no map is ever written out.
    """

    target: int
    source: int
    mapping: Tensor
    """[T, T]: column j says which source positions lend their map to target position j."""
    own: Tensor
    """[T]: how much of its own map a target position keeps."""
    reweight: Tensor
    """[T]"""
    self_positions: int
    """Self-attention maps come from the source in layers of at most this many image positions; 0 is off."""


KeysValues = Mapping[int, tuple[Tensor, Tensor]]
"""Layer number → ([1, h, tokens, d], the same)."""


@dataclass(frozen=True, slots=True)
class ImagePrompt:
    """IP-Adapter: a row's own image tokens, as keys and values of each cross-attention layer."""

    row: int
    keys_values: KeysValues
    scales: Mapping[int, float]
    """Layer number → scale; layers that are missing take no part."""


@dataclass(slots=True)
class Probe:
    """Collects the cross-attention of one row to some text positions, in layers of `positions` image positions."""

    row: int
    columns: Tensor
    """[T]: 1 at the wanted text positions."""
    positions: int
    maps: list[Tensor] = field(default_factory=list)
    """Each [positions], the mean over heads."""


@dataclass(frozen=True, slots=True)
class RowControl:
    """All control of one forward pass."""

    mutual: tuple[MutualAttention, ...] = ()
    edits: tuple[PromptEdit, ...] = ()
    images: tuple[ImagePrompt, ...] = ()
    probes: tuple[Probe, ...] = ()
    words: dict[int, tuple[Tensor, Tensor]] | None = None
    """Layer number → keys and values of the words of all rows, [rows, h, T, d] each. They are the same in every step
    that has the same rows; a layer that finds none puts its own here."""

    def __bool__(self) -> bool:
        return bool(self.mutual or self.edits or self.images or self.probes) or self.words is not None


NOTHING = RowControl()


def together(controls: Iterable[RowControl]) -> RowControl:
    """What several ask of one call, as one."""
    each = list(controls)
    return RowControl(
        tuple(mutual for control in each for mutual in control.mutual),
        tuple(edit for control in each for edit in control.edits),
        tuple(image for control in each for image in control.images),
        tuple(probe for control in each for probe in control.probes),
    )


class RowProcessor:
    """Attention of one layer. Without control it computes what diffusers' own processor does, bit for bit."""

    __slots__ = ("cross", "layer")

    def __init__(self, layer: int, cross: bool) -> None:
        self.layer = layer
        self.cross = cross

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        control: RowControl | None = None,
    ) -> Tensor:
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query = _heads(attn.to_q(hidden_states), attn.heads)
        known = control.words if control is not None and self.cross else None
        if known is not None and self.layer in known:
            key, value = known[self.layer]
        else:
            key, value = _heads(attn.to_k(context), attn.heads), _heads(attn.to_v(context), attn.heads)
            if known is not None:
                known[self.layer] = (key, value)
        if control is None:
            out = F.scaled_dot_product_attention(query, key, value, attn_mask=attention_mask)
        elif self.cross:
            out = F.scaled_dot_product_attention(query, key, value, attn_mask=attention_mask)
            out = self._cross(control, query, key, value, out)
        else:
            query, key, value = self._lend(control, query, key, value)
            out = F.scaled_dot_product_attention(query, key, value, attn_mask=attention_mask)
            out = self._apart(control, query, key, value, out)
        out = out.transpose(1, 2).reshape(hidden_states.shape[0], -1, attn.heads * query.shape[-1]).to(query.dtype)
        out = attn.to_out[1](attn.to_out[0](out))
        if attn.residual_connection:
            out = out + hidden_states
        return out / attn.rescale_output_factor

    def _lend(self, control: RowControl, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Self-attention: queries, keys and values that target rows borrow from their sources."""
        rows = range(query.shape[0])
        q_from, k_from, v_from = list(rows), list(rows), list(rows)
        for mutual in control.mutual:
            if self.layer >= mutual.start_layer:
                k_from[mutual.target] = v_from[mutual.target] = mutual.source
        for edit in control.edits:
            # The source's map is its queries against its keys; the values stay the target's.
            if query.shape[2] <= edit.self_positions:
                q_from[edit.target] = k_from[edit.target] = edit.source
        return taken(query, q_from), taken(key, k_from), taken(value, v_from)

    def _apart(self, control: RowControl, query: Tensor, key: Tensor, value: Tensor, out: Tensor) -> Tensor:
        """Mask-guided MasaCtrl: subject to subject, surroundings to surroundings. Keys and values are lent already."""
        guided = [
            (mutual.target, mutual.regions[query.shape[2]])
            for mutual in control.mutual
            if self.layer >= mutual.start_layer and query.shape[2] in mutual.regions
        ]
        if guided:
            out = out.clone()
        for target, (lender, borrower) in guided:
            row = slice(target, target + 1)
            inside, around = (
                F.scaled_dot_product_attention(query[row], key[row], value[row], attn_mask=keys.view(1, 1, 1, -1))
                for keys in (lender, ~lender)
            )
            out[row] = torch.where(borrower.view(1, 1, -1, 1), inside, around)
        return out

    def _cross(self, control: RowControl, query: Tensor, key: Tensor, value: Tensor, out: Tensor) -> Tensor:
        if control.edits or control.images:
            out = out.clone()
        for edit in control.edits:
            source, target = slice(edit.source, edit.source + 1), slice(edit.target, edit.target + 1)
            weighted = value[target] * edit.reweight.view(1, 1, -1, 1)
            lent = F.scaled_dot_product_attention(query[source], key[source], edit.mapping @ weighted)
            kept = F.scaled_dot_product_attention(query[target], key[target], weighted * edit.own.view(1, 1, -1, 1))
            out[target] = lent + kept
        for image in control.images:
            scale = image.scales.get(self.layer, 0.0)
            if scale:
                row = slice(image.row, image.row + 1)
                keys, values = image.keys_values[self.layer]
                out[row] += F.scaled_dot_product_attention(query[row], keys, values) * scale
        for probe in control.probes:
            if query.shape[2] == probe.positions:
                row = slice(probe.row, probe.row + 1)
                # One-hot values read the map of those positions without writing out the map.
                wanted = probe.columns.view(1, 1, -1, 1).expand(1, query.shape[1], -1, 1).to(query.dtype)
                seen = F.scaled_dot_product_attention(query[row], key[row], wanted)
                probe.maps.append(seen.float().mean(dim=1)[0, :, 0])
        return out


# diffusers asks for the signature before each of its thousands of calls a picture; answering from here saves
# about a twentieth of a small model's time.
RowProcessor.__call__.__signature__ = inspect.signature(RowProcessor.__call__)  # type: ignore[attr-defined]


def _heads(states: Tensor, heads: int) -> Tensor:
    """[rows, N, h · d] → [rows, h, N, d]"""
    return states.view(states.shape[0], -1, heads, states.shape[-1] // heads).transpose(1, 2)


def taken(states: Tensor, rows: list[int]) -> Tensor:
    """Those rows of [rows, …], in this order."""
    if rows == list(range(states.shape[0])):
        return states
    return states.index_select(0, _places(tuple(rows), states.device))


@functools.lru_cache(maxsize=256)
def _places(rows: tuple[int, ...], device: torch.device) -> Tensor:
    """Row numbers on the device: the same few in each layer and each step, and every copy makes the device wait."""
    return torch.tensor(rows, device=device)


def layer_numbers(unet: Any) -> dict[str, int]:
    """Processor name → layer number in the order of execution: down, middle, up.

    A self-attention and the cross-attention after it share a number. SDXL has 70: down 0–23, middle
    24–33, up 34–69 (`unet.attn_processors` lists the middle last).
    """
    rank = {"down_blocks": 0, "mid_block": 1, "up_blocks": 2}
    names = list(unet.attn_processors)
    order = sorted(range(len(names)), key=lambda index: (rank[names[index].split(".")[0]], index))
    numbers: dict[str, int] = {}
    layer = 0
    for index in order:
        numbers[names[index]] = layer
        layer += names[index].endswith("attn2.processor")
    return numbers


def install(unet: Any) -> dict[str, Any]:
    """Put the processors in; what was there comes back for `uninstall`."""
    before = dict(unet.attn_processors)
    numbers = layer_numbers(unet)
    unet.set_attn_processor({name: RowProcessor(numbers[name], name.endswith("attn2.processor")) for name in before})
    return before


def uninstall(unet: Any, before: Mapping[str, Any]) -> None:
    """Take the processors out again; nothing of ours stays behind."""
    unet.set_attn_processor(dict(before))


@contextmanager
def installed(unet: Any) -> Iterator[None]:
    """The processors for the length of a block."""
    before = install(unet)
    try:
        yield
    finally:
        uninstall(unet, before)
