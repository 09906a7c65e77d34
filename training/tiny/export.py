"""Write a training checkpoint as the GGUF adapter that the runtime loads.

``python -m training.tiny.export [CHECKPOINT] [OUT.gguf]``; without arguments the newest checkpoint becomes
the shipped adapter.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFWriter
from numpy.typing import NDArray

from prompts.tiny import weights_file
from training.tiny import lora
from training.tiny.train import train_home

_MODULES = {
    "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
    "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down",
}  # fmt: skip
_HEADS = {"q_proj": 9, "k_proj": 3}
_NAME = re.compile(r"model\.layers\.(\d+)\.\w+\.(\w+)\.([AB])$")


def permuted(b: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Reorder the rows of a query or key matrix [out, r] from transformers' rotary layout to llama.cpp's."""
    rows, rank = b.shape
    return b.reshape(heads, 2, rows // heads // 2, rank).swapaxes(1, 2).reshape(rows, rank)


def export(checkpoint: Path, target: Path) -> None:
    """Convert; the file appears only when it is complete."""
    state = torch.load(checkpoint)["adapter"]
    part = target.with_suffix(".part")
    writer = GGUFWriter(str(part), "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", lora.ALPHA)
    writer.add_string("general.name", "easel-it2i")
    writer.add_license("apache-2.0")
    for name, tensor in state.items():
        match = _NAME.match(name)
        if match is None:
            raise ValueError(f"unexpected tensor {name} in the checkpoint")
        layer, module, side = match.groups()
        values = tensor.float().numpy()
        if side == "B" and module in _HEADS:
            values = permuted(values, _HEADS[module])
        writer.add_tensor(
            f"blk.{layer}.{_MODULES[module]}.weight.lora_{side.lower()}", np.ascontiguousarray(values, dtype=np.float16)
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(target)


def main() -> None:
    """Command line."""
    checkpoint = Path(sys.argv[1]) if len(sys.argv) > 1 else train_home() / "checkpoint.pt"
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else weights_file.ADAPTER
    export(checkpoint, target)


if __name__ == "__main__":
    main()
