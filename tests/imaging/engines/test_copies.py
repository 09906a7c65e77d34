"""Within a step the host and the device wait for each other as seldom as can be.

The steps run on torch's device without data, `meta`: whatever asks it for a value fails, and what is copied onto it is
counted.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from imaging.controls import attention
from imaging.controls.families import MINI
from imaging.engines.batch import advance
from imaging.engines.latents import Latents
from imaging.engines.loading import Parts, load_parts
from imaging.engines.mini import mini_abilities
from imaging.engines.planning import Planner
from imaging.engines.rows import Row
from imaging.mini import WEIGHTS
from imaging.model import Recipe, Technique
from tests.imaging.engines.tiny import edit, recipe

META = torch.device("meta")
PICTURE = (Path(__file__).parents[3] / "docs" / "images" / "mini.png").read_bytes()
SHA = hashlib.sha256(PICTURE).hexdigest()
CAR = recipe("a red car")
EDITS = {
    "plain": CAR,
    "fresh noise in each step": recipe("a red car", sampler="euler_a"),
    "a solver that remembers": recipe("a red car", sampler="dpmpp_2m-karras"),
    "masactrl": edit(CAR, "a red car jumping", Technique.MASACTRL, {"start_step": 0.0, "start_layer": 0.0}),
    "masactrl with masks": edit(CAR, "a red car jumping", Technique.MASACTRL, {"start_step": 0.0, "mask": 0.4}),
    "prompt-to-prompt": edit(CAR, "a blue car", Technique.PROMPT_TO_PROMPT, {"local_blend": 0.3}),
    "ip-adapter": edit(CAR, "a blue car", Technique.IP_ADAPTER, {}, source_image=SHA),
    "both": edit(CAR, "a blue car", Technique.MASACTRL_IP_ADAPTER, {"start_step": 0.0}, source_image=SHA),
}
FRESH = {"fresh noise in each step"}


class Copies(TorchDispatchMode):
    """Counts what goes from the host to the device."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, call: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = call(*args, **(kwargs or {}))
        given = [each for each in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        made = [each for each in torch.utils._pytree.tree_leaves(result) if isinstance(each, Tensor)]
        from_host = any(each.device.type == "cpu" and each.dim() > 0 for each in given)
        self.count += from_host and any(each.device == META for each in made)
        return result


class Made(TorchFunctionMode):
    """Counts tensors that are made of the host's numbers on the device, which is a copy as well."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(self, call: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        self.count += call in (torch.tensor, torch.as_tensor) and torch.device(given.get("device") or "cpu") == META
        return call(*args, **given)


def moved(value: Any, known: dict[int, Any]) -> Any:
    """A row, with all that hangs on it, on the device."""
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, Tensor):
        return value.to(META)
    if isinstance(value, Mapping):
        return {key: moved(each, known) for key, each in value.items()}
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(moved(each, known) for each in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type | Recipe):
        new = copy.copy(value)
        known[id(value)] = new
        for field in dataclasses.fields(value):
            object.__setattr__(new, field.name, moved(getattr(value, field.name), known))
        return new
    return value


@pytest.fixture(scope="module")
def planner() -> Planner:
    parts = load_parts(
        str(WEIGHTS), device=torch.device("cpu"), dtype=torch.float32, ip_adapter=str(WEIGHTS / "ip_adapter")
    )
    return Planner(mini_abilities(), parts, MINI, Latents(parts.vae, parts.scale))


@pytest.fixture(scope="module")
def far(planner: Planner) -> Parts:
    """The same checkpoint on the device without data."""
    unet = copy.deepcopy(planner._parts.unet).to(META)
    attention.install(unet)
    return dataclasses.replace(planner._parts, unet=unet, device=META)


@pytest.mark.parametrize("kind", EDITS)
def test_a_step_copies_one_table_to_the_device_and_asks_it_for_nothing(planner: Planner, far: Parts, kind: str) -> None:
    job = planner.plan("a", EDITS[kind], {SHA: PICTURE})
    known: dict[int, Any] = {}
    rows: list[Row] = [moved(row, known) for row in job.rows]
    for row in rows:
        row.draw = torch.Generator().manual_seed(1)  # noise is made on the host, so that every device has the same
    counts = []
    for _ in range(2):
        with Copies() as copies, Made() as made:
            advance(far, rows)
        counts.append(copies.count + made.count)
    fresh = len(rows) if kind in FRESH else 0
    # The first step may bring row numbers along, which stay there.
    assert counts[1] == 1 + fresh
    assert counts[0] <= 4 + fresh
    assert all(row.latents.device == META for row in rows)


def test_what_asks_the_device_is_found() -> None:
    with Copies() as copies, Made() as made:
        torch.tensor([1.0, 2.0], device=META)
        torch.tensor([1.0, 2.0]).to(META)
        torch.ones(2, device=META)
    assert (copies.count, made.count) == (1, 1)
    with pytest.raises((RuntimeError, NotImplementedError)):
        bool((torch.ones(2, device=META) > 0).all())
    with pytest.raises((RuntimeError, NotImplementedError)):
        torch.ones(2, device=META).cpu().tolist()
