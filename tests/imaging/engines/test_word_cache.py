"""Keys and values of the words are computed once for the rows of a call, and are never another row's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from imaging.controls.prompt import Prompt
from imaging.engines.loading import Parts
from imaging.engines.mini import mini_abilities
from imaging.engines.options import EngineOptions
from imaging.engines.runtime import Runtime
from imaging.engines.sdxl import SdxlEngine
from imaging.engines.word_cache import WordCache
from tests.imaging.engines.test_runtime import CAR, KINDS, small
from tests.imaging.engines.tiny import render, solo_bytes


def prompt() -> Prompt:
    return Prompt(torch.zeros(8, 4), torch.zeros(4), (), ())


def test_what_is_known_belongs_to_these_rows_in_this_order() -> None:
    cache = WordCache(2)
    first, second = prompt(), prompt()
    both = cache.of([first, second])
    both[0] = (torch.ones(1), torch.ones(1))
    assert cache.of([first, second]) is both
    assert cache.of([second, first]) == {}
    assert cache.of([first]) == {}
    assert cache.of([first, second]) == {}  # the oldest of three was forgotten
    assert cache.of([first]) == {}


def test_words_are_projected_once_for_each_call_that_changes(
    mini: SdxlEngine,
    parts: Parts,
    options: EngineOptions,
) -> None:
    calls: list[int] = []

    def projected(module: Any, given: tuple[Tensor, ...]) -> None:
        calls.append(given[0].shape[0])

    runtime = Runtime(mini_abilities(), parts, options)
    try:
        render(runtime, {"a": CAR})
        layer = next(module for name, module in parts.unet.named_modules() if name.endswith("attn2.to_k"))
        with layer.register_forward_pre_hook(projected):
            longer = small("a dog", 7, num_inference_steps=5)
            drawn = render(runtime, {"a": CAR, "b": longer})
            assert calls == [4, 2]  # together, then the longer one alone
            render(runtime, {"a": CAR})
            render(runtime, {"a": CAR})
            assert calls == [4, 2, 2, 2]  # nothing is held while nobody waits
            again = render(runtime, {"p2p": KINDS["p2p"]})
    finally:
        runtime.close()
    assert [drawn["a"].data, drawn["b"].data, again["p2p"].data] == solo_bytes(mini, [CAR, longer, KINDS["p2p"]])
