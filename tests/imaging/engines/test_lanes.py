"""Several UNet calls at once on a CPU: of different pictures, or of the two halves of one."""

from __future__ import annotations

import dataclasses
import json
import threading
from typing import Any

import pytest
from torch import Tensor

from imaging.engines.loading import Parts
from imaging.engines.memory import FILE
from imaging.engines.mini import mini_abilities
from imaging.engines.options import EngineOptions
from imaging.engines.runtime import Runtime
from imaging.engines.sdxl import SdxlEngine
from tests.imaging.engines.test_runtime import CAR, KINDS
from tests.imaging.engines.tiny import drain, render, solo_bytes


def test_lanes_draw_at_once_and_change_no_bytes(mini: SdxlEngine, parts: Parts, options: EngineOptions) -> None:
    two = Runtime(mini_abilities(), parts, dataclasses.replace(options, lanes=2))
    try:
        render(
            two, {each: KINDS[each] for each in ("plain", "other size")}
        )  # a size is measured with its first picture
        together = threading.Barrier(2, timeout=60)
        calls: list[int] = []

        def both(module: Any, given: tuple[Tensor, ...]) -> None:
            calls.append(given[0].shape[0])
            if len(calls) <= 2:
                together.wait()  # passes only when both lanes are in a call

        with parts.unet.register_forward_pre_hook(both):
            drawn = render(two, KINDS)
    finally:
        two.close()
    assert [drawn[kind].data for kind in KINDS] == solo_bytes(mini, list(KINDS.values()))


def parted(options: EngineOptions) -> bool:
    """Whether single rows come out as pairs on this processor, as was measured with the first picture."""
    return any(found["alone"] for found in json.loads((options.home / FILE).read_text()).values())


@pytest.mark.parametrize("kind", ["plain", "p2p", "masactrl"])
def test_two_lanes_share_a_single_picture_and_change_no_bytes(
    mini: SdxlEngine, parts: Parts, options: EngineOptions, kind: str
) -> None:
    two = Runtime(mini_abilities(), parts, dataclasses.replace(options, lanes=2))
    threads: dict[int, set[int]] = {}

    def seen(module: Any, given: tuple[Tensor, ...]) -> None:
        threads.setdefault(threading.get_ident(), set()).add(given[0].shape[0])

    try:
        render(two, {"a": CAR})
        with parts.unet.register_forward_pre_hook(seen):
            picture = render(two, {"a": KINDS[kind]})["a"]
    finally:
        two.close()
    assert len(threads) == (2 if parted(options) else 1)
    assert len({frozenset(sizes) for sizes in threads.values()}) == 1  # each has half of the rows
    assert picture.data == solo_bytes(mini, [KINDS[kind]])[0]


@pytest.mark.parametrize("broken", ["conditional", "unconditional"])
def test_a_half_that_fails_fails_its_picture_alone(
    mini: SdxlEngine, parts: Parts, options: EngineOptions, broken: str
) -> None:
    two = Runtime(mini_abilities(), parts, dataclasses.replace(options, lanes=2))
    main = threading.get_ident()

    def breaks(module: Any, given: tuple[Tensor, ...]) -> None:
        if (threading.get_ident() == main) == (broken == "conditional"):
            raise RuntimeError("a broken kernel")

    try:
        render(two, {"a": CAR})
        if not parted(options):
            pytest.skip("single rows differ from pairs on this processor, so that pictures are not parted")
        with parts.unet.register_forward_pre_hook(breaks):
            two.admit("a", CAR, {})
            errors = [each.error for each in drain(two)]
        assert errors == ["The picture engine failed on this picture; please try again."]
        assert render(two, {"a": CAR})["a"].data == solo_bytes(mini, [CAR])[0]
    finally:
        two.close()
