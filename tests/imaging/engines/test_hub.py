"""Checkpoints by hub id, from a hub on this machine: what is fetched, kept and said when it cannot be."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.peers import hub

pytestmark = pytest.mark.slow

PROGRAM = """
import hashlib, json, pathlib, sys, torch
from imaging.engines.loading import load_parts
from imaging.errors import EngineError
model, dtype, more = sys.argv[1], getattr(torch, sys.argv[2]), json.loads(sys.argv[3])
try:
    parts = load_parts(model, device=torch.device("cpu"), dtype=dtype, **more)
except EngineError as error:
    print(json.dumps({"error": str(error)}))
else:
    digest = hashlib.sha256(repr(sorted(parts.scheduler.items())).encode())
    for module in (parts.unet, parts.vae, *parts.text.encoders):
        for name, tensor in module.state_dict().items():
            digest.update(name.encode() + tensor.float().numpy().tobytes())
    print(json.dumps({"weights": digest.hexdigest(), "ip_adapter": str(parts.ip_adapter is not None)}))
"""


class Host:
    """A machine with a cache of its own. The hub client reads its settings once, so each load is a process."""

    def __init__(self, home: Path, url: str) -> None:
        self.home, self.url = home, url

    def load(self, model: str, dtype: str = "float32", **more: Any) -> dict[str, str]:
        """What comes of it: `weights` (a digest of all of them) and `ip_adapter` (whether there is one), or `error`."""
        environment = os.environ | {"HF_ENDPOINT": self.url, "HF_HOME": str(self.home / "hub"), "HF_TOKEN": ""}
        command = [sys.executable, "-c", PROGRAM, model, dtype, json.dumps(more)]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=150, check=True)
        found: dict[str, str] = json.loads(ran.stdout.splitlines()[-1])
        return found


@pytest.fixture
def served(tiny_folder: Path, tmp_path: Path) -> Iterator[hub.Hub]:
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_folder, folder)
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"pickled")
    (folder / "readme.md").write_text("A tiny model.")
    with hub.serve({"someone/tiny-1.0": folder}) as found:
        yield found


@pytest.fixture
def host(tmp_path: Path, served: hub.Hub) -> Host:
    home = tmp_path / "host"
    home.mkdir()
    return Host(home, served.url)


def fetched(served: hub.Hub) -> set[str]:
    return {each.rpartition(f"/{hub.COMMIT}/")[2] for each in served.asked if each.startswith("GET /someone")}


def test_a_hub_id_is_the_same_model_and_is_there_without_the_hub_later(
    host: Host, served: hub.Hub, tiny_folder: Path
) -> None:
    folder = host.load(str(tiny_folder))
    assert "error" not in folder
    assert host.load("someone/tiny-1.0") == folder
    names = fetched(served)
    assert "unet/diffusion_pytorch_model.safetensors" in names
    assert not [name for name in names if name.startswith("ip/") or name.endswith((".bin", ".md"))]

    served.asked.clear()
    assert host.load("someone/tiny-1.0") == folder
    assert not fetched(served)
    del served.repositories["someone/tiny-1.0"]  # its owner took it away
    assert host.load("someone/tiny-1.0") == folder
    host.url = "http://127.0.0.1:9"  # nobody listens there
    assert host.load("someone/tiny-1.0") == folder


def test_half_precision_is_fetched_where_it_is_wanted(host: Host, served: hub.Hub) -> None:
    folder = served.repositories["someone/tiny-1.0"]
    for part, name in (("unet", "diffusion_pytorch_model"), ("vae", "diffusion_pytorch_model")):
        weights = load_file(folder / part / f"{name}.safetensors")
        save_file({key: value.half() for key, value in weights.items()}, folder / part / f"{name}.fp16.safetensors")
    assert "error" not in host.load("someone/tiny-1.0", "bfloat16")
    assert {name for name in fetched(served) if name.endswith(".safetensors")} == {
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.fp16.safetensors",
        "text_encoder/model.safetensors",
        "text_encoder_2/model.safetensors",
    }


def test_a_lora_and_an_image_prompt_come_from_the_hub_too(host: Host, served: hub.Hub, tmp_path: Path) -> None:
    plain = host.load("someone/tiny-1.0")
    style, adapters = tmp_path / "style", tmp_path / "adapters"
    (style / "deep").mkdir(parents=True)
    name = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    draw = torch.Generator().manual_seed(0)
    weights = {f"unet.{name}.lora_{side}.weight": torch.randn(shape, generator=draw) * 9 for side, shape in SHAPES}
    for each in ("pytorch_lora_weights.safetensors", "deep/other.safetensors"):
        save_file(weights, style / each)
    tiny = served.repositories["someone/tiny-1.0"]
    shutil.copytree(tiny / "ip" / "image_encoder", adapters / "sdxl_models" / "image_encoder")
    for each in ("ip-adapter_sdxl", "ip-adapter-other_sdxl"):
        shutil.copy(tiny / "ip" / "ip_adapter.safetensors", adapters / "sdxl_models" / f"{each}.safetensors")
    served.repositories |= {"someone/style": style, "someone/adapters": adapters}
    served.asked.clear()
    styled = host.load("someone/tiny-1.0", loras=[("someone/style", 1.0)], ip_adapter="someone/adapters")
    assert styled["ip_adapter"] == "True"
    assert styled["weights"] != plain["weights"]
    assert fetched(served) == {
        "pytorch_lora_weights.safetensors",
        "sdxl_models/ip-adapter_sdxl.safetensors",
        "sdxl_models/image_encoder/config.json",
        "sdxl_models/image_encoder/model.safetensors",
    }
    other = host.load("someone/tiny-1.0", loras=[("someone/style/deep/other.safetensors", 1.0)])
    assert other["weights"] == styled["weights"]
    lost = host.load("someone/tiny-1.0", loras=[("someone/style/none.safetensors", 1.0)])
    assert lost["error"] == "The hub's someone/style has no file none.safetensors."
    served.closed = "deep/third.safetensors"
    shutil.copy(style / "deep" / "other.safetensors", style / served.closed)
    closed = host.load("someone/tiny-1.0", loras=[(f"someone/style/{served.closed}", 1.0)])
    assert closed["error"].startswith("The hub gives no someone/style/deep/third.safetensors")
    host.url = "http://127.0.0.1:9"
    assert host.load("someone/tiny-1.0", loras=[("someone/style", 1.0)], ip_adapter="someone/adapters") == styled


SHAPES = (("A", (4, 64)), ("B", (64, 4)))


@pytest.mark.parametrize(
    ("model", "url", "says"),
    [
        ("someone/else", None, "The hub has no model someone/else, or it is not open to you"),
        (
            "someone/tiny-1.0",
            "http://127.0.0.1:9",
            "The hub cannot be reached and there is no copy of someone/tiny-1.0 here",
        ),
        ("some one/tiny", None, "There is no model at some one/tiny"),
    ],
)
def test_what_cannot_be_fetched_gets_a_sentence(host: Host, model: str, url: str | None, says: str) -> None:
    host.url = url or host.url
    error = host.load(model)["error"]
    assert error.startswith(says)
    assert error.endswith(".")


def test_a_transfer_that_breaks_off_is_taken_up_again(host: Host, served: hub.Hub) -> None:
    served.cut = "unet/diffusion_pytorch_model.safetensors"
    assert "error" not in host.load("someone/tiny-1.0")
    assert not served.cut
