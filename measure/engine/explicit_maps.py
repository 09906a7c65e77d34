"""The straightforward way to edit attention, for comparison only: every map is written out and changed in place."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from imaging.controls.attention import RowControl


class ExplicitMaps:
    """Prompt-to-Prompt on softmax maps [rows, h, N, T], as published implementations do it."""

    def __init__(self, cross: bool, control: RowControl) -> None:
        self._cross = cross
        self._control = control

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, attention_mask: None = None
    ) -> Tensor:
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query = attn.head_to_batch_dim(attn.to_q(hidden_states))
        key = attn.head_to_batch_dim(attn.to_k(context))
        value = attn.head_to_batch_dim(attn.to_v(context))
        maps = attn.get_attention_scores(query, key)
        if self._cross:
            rows = maps.view(hidden_states.shape[0], attn.heads, *maps.shape[1:])
            for edit in self._control.edits:
                lent = rows[edit.source] @ edit.mapping
                rows[edit.target] = (lent + rows[edit.target] * edit.own) * edit.reweight
        out: Tensor = attn.to_out[0](attn.batch_to_head_dim(maps @ value))
        return (out + hidden_states if attn.residual_connection else out) / attn.rescale_output_factor
