"""In which numbers a device computes: what was asked for, or what it is fast with."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping

import torch

from imaging.errors import EngineError

PRECISIONS: Mapping[str, torch.dtype | None] = {
    "auto": None,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
FASTER = 2.5
"""Between what AVX-512's bf16 instructions bring (1.7 times, docs/mini-model.md), which a UNet's other operations use
up, and what AMX brings (7 times and more, docs/benchmarks.md)."""


def choose_dtype(device: torch.device, precision: str = "auto") -> torch.dtype:
    """What the UNet and the text encoders compute in.

    Args:
        precision: One of `PRECISIONS`. `auto` is bf16 where a GPU has it, else fp16; on a CPU what `cpu_dtype` finds.

    Raises:
        EngineError: there is no such precision.
    """
    if precision not in PRECISIONS:
        raise EngineError(f"There is no precision {precision[:20]!r}; choose one of {', '.join(PRECISIONS)}.")
    if (fixed := PRECISIONS[precision]) is not None:
        return fixed
    if device.type == "cuda":
        # Older cards only emulate it, slower than float32.
        has = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if has else torch.float16
    return torch.float16 if device.type == "mps" else cpu_dtype()


def _thread_seconds(left: torch.Tensor, right: torch.Tensor) -> float:
    """Processor time of multiplying: other work on the machine does not count."""
    began = time.thread_time()
    for _ in range(3):
        torch.mm(left, right)
    return max(time.thread_time() - began, 1e-9)


@functools.cache
def bf16_speed() -> float:
    """How many times as fast as float32 this CPU multiplies bf16, on one thread.

    Measured, because many CPUs without bf16 instructions accept it and are several times slower.
    """
    seconds: dict[torch.dtype, float] = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for dtype in (torch.float32, torch.bfloat16):
            left, right = torch.ones(1024, 640, dtype=dtype), torch.ones(640, 640, dtype=dtype)
            seconds[dtype] = min(_thread_seconds(left, right) for _ in range(5))
    finally:
        torch.set_num_threads(threads)
    return seconds[torch.float32] / seconds[torch.bfloat16]


def cpu_dtype() -> torch.dtype:
    """bf16 where this CPU is at least `FASTER` times as fast with it, else fp32, which is exact.

    A clear margin, because the answer must be the same in every process: a recipe gives the same bytes again on
    the same machine.
    """
    return torch.bfloat16 if bf16_speed() >= FASTER else torch.float32
