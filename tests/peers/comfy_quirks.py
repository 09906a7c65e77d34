"""What real ComfyUI servers and what stands before them do, one row a quirk, and what must come of it.

A newcomer's quirk is one more row: the manners of the server, and the sentence that people read; without one, a picture
comes. `log` is what the host finds there; `sent` is how many prompts may have been taken for it.
"""

from __future__ import annotations

import json
import struct
from collections import deque
from dataclasses import dataclass
from typing import Any

from tests.peers.comfy_nodes import jpeg

PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head></html>"
OLD = {"version": "0.2.2", "takes_ids": False, "targeted": False, "tells_success": False, "metadata": False}
MEMORY = {"exception_type": "torch.OutOfMemoryError", "exception_message": "Allocation on device 0 would exceed"}
BROKEN = {
    "exception_type": "RuntimeError",
    "exception_message": "mat1 and mat2 at a red fox, cannot be multiplied",
}


@dataclass(frozen=True)
class Quirk:
    name: str
    manners: dict[str, Any]
    told: str = ""
    log: str = ""
    sent: int = 1


def _other(outputs: dict[str, Any]) -> dict[str, Any]:
    """Under another node's id, beside things that are no pictures."""
    (found,) = outputs.values()
    return {
        "1": {"text": ["hello"]},
        "2": {"gifs": [{"filename": "a.mp4"}]},
        "3": {"images": [None, 3, {}]},
        "4": found,
    }


QUIRKS = [
    Quirk("of today", {}),
    Quirk("of 2024", OLD),
    Quirk("of 2023, which keeps no status", {**OLD, "keeps_status": False, "names_prompts": False}),
    Quirk("steps in one state of all nodes", {"progress": "progress_state"}),
    Quirk("steps by themselves", {"progress": "progress"}),
    Quirk("steps that name no prompt", {"progress": "progress", "names_prompts": False}),
    Quirk("no socket passes the proxy", {"sockets": False}, log="socket cannot be opened"),
    Quirk("the end is told before it is on record", {"late_history": 3}),
    Quirk(
        "messages that nobody knows",
        {
            "noise": [
                "", "null", "[]", "{}", '{"type": 3, "data": 4}', '{"type": "progress", "data": {"value": "x"}}',
                '{"type": "progress", "data": {"value": -1, "max": 1e99}}', "[" * 50_000,
                '{"type": "crystools.monitor", "data": {"cpu": 3}}', json.dumps({"type": "status", "data": {}}),
                b"", b"\0\0", struct.pack(">II", 3, 2) + b"a progress text", struct.pack(">II", 9, 9) + b"x",
                struct.pack(">II", 4, 4_000_000_000) + b"{}", struct.pack(">II", 4, 2) + b"{}" + jpeg((1, 2, 3)),
                struct.pack(">II", 1, 1) + b"no picture at all", struct.pack(">II", 1, 2),
            ]
        },
    ),
    Quirk("a sign-in by header", {"header": ("X-Key", "secret")}),
    Quirk("a wrong key", {"header": ("X-Key", "other")}, "EASEL_COMFYUI_AUTH", "refuses EASEL_COMFYUI_AUTH", 0),
    Quirk("a sign-in page", {"page": (200, PAGE)}, "is no ComfyUI server", "sign-in page", 0),
    Quirk("another program", {"page": (404, PAGE)}, "is no ComfyUI server", "Check EASEL_COMFYUI_URL", 0),
    Quirk("JSON of another program", {"page": (200, '{"ok": true}')}, "is no ComfyUI server", "", 0),
    Quirk("a redirect", {"moved": True}, "has moved", "not followed", 0),
    Quirk("a proxy without a server", {"page": (502, PAGE)}, "has a problem (status 502)", "its fault", 0),
    Quirk("busy for a moment", {"prompt_status": deque([503, 429])}),
    Quirk("the answer to a prompt is lost", {"prompt_status": deque([0])}),
    Quirk("the answer is lost, at an old one", {**OLD, "prompt_status": deque([0])}, sent=2),
    Quirk("another size than asked for", {"size": (50, 70)}, log="asked for 64 × 64 pixels and got 50 × 70"),
    Quirk("its picture stands under another node", {"outputs": _other}, log="another one is taken"),
    Quirk("no picture in the end", {"outputs": lambda outputs: {}}, "gave no picture", "gave no picture"),
    Quirk("a record of nonsense", {"outputs": lambda outputs: [3]}, "gave no picture"),
    Quirk("a file that is no picture", {"file": b"<html>"}, "not a picture that can be taken", "cannot be taken"),
    Quirk("an empty file", {"file": b""}, "not a picture"),
    Quirk(
        "a model that is not there", {"checkpoints": ["b.safetensors"]}, "lacks a model that the workflow names",
        "node 4 (CheckpointLoaderSimple): Value not in list: ckpt_name: 'sd_xl_base_1.0.safetensors' not in", 0,
    ),
    Quirk("out of memory, once", {"faults": deque([MEMORY])}, log="again: memory", sent=2),
    Quirk("out of memory, for good", {"faults": deque([MEMORY] * 3)}, "ran out of memory", "Allocation on device", 2),
    Quirk("a node that breaks", {"faults": deque([BROKEN])}, "ComfyUI workflow failed (KSampler)", "mat1"),
]  # fmt: skip
