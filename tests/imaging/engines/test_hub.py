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

from tests.imaging.engines import original_names
from tests.peers import hub

pytestmark = pytest.mark.slow

PROGRAM = """
import hashlib, json, sys, torch
from imaging.engines.loading import load_parts
from imaging.errors import EngineError
for line in sys.stdin:
    model, dtype, more = json.loads(line)
    try:
        parts = load_parts(model, device=torch.device("cpu"), dtype=getattr(torch, dtype), **more)
    except EngineError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        continue
    digest = hashlib.sha256(repr(sorted(parts.scheduler.items())).encode())
    for module in (parts.unet, parts.vae, *parts.text.encoders):
        for name, tensor in module.state_dict().items():
            digest.update(name.encode() + tensor.float().numpy().tobytes())
    print(json.dumps({"weights": digest.hexdigest(), "ip_adapter": str(parts.ip_adapter is not None)}), flush=True)
"""


class Host:
    """A machine with a cache of its own: the hub client reads its settings once a process, so that this is one."""

    def __init__(self, cache: Path, url: str) -> None:
        environment = os.environ | {"HF_ENDPOINT": url, "HF_HOME": str(cache), "HF_TOKEN": ""}
        command = [sys.executable, "-c", PROGRAM]
        self.process = subprocess.Popen(
            command,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def load(self, model: str, dtype: str = "float32", **more: Any) -> dict[str, str]:
        """What comes of it: `weights` (a digest of all of them) and `ip_adapter` (whether there is one), or `error`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([model, dtype, more]) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                found: dict[str, str] = json.loads(line)
                return found
        raise AssertionError("the process has ended")

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def served() -> Iterator[hub.Hub]:
    with hub.serve({}) as found:
        yield found


@pytest.fixture
def tiny(served: hub.Hub, tiny_folder: Path, tmp_path: Path) -> str:
    """A checkpoint of this test's own on the hub, with files that are not needed; its id."""
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_folder, folder)
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"pickled")
    (folder / "readme.md").write_text("A tiny model.")
    id = f"someone/tiny-{len(served.repositories)}.0"
    served.repositories[id] = folder
    served.asked.clear()
    return id


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def host(cache: Path, served: hub.Hub) -> Iterator[Host]:
    found = Host(cache, served.url)
    yield found
    found.close()


@pytest.fixture(scope="module")
def offline(cache: Path) -> Iterator[Host]:
    """The same machine when its network is down."""
    found = Host(cache, "http://127.0.0.1:9")  # nobody listens there
    yield found
    found.close()


def fetched(served: hub.Hub) -> set[str]:
    return {each.rpartition(f"/{hub.COMMIT}/")[2] for each in served.asked if each.startswith("GET /someone")}


def test_a_hub_id_is_the_same_model_and_is_there_without_the_hub_later(
    host: Host, offline: Host, served: hub.Hub, tiny: str, tiny_folder: Path
) -> None:
    folder = host.load(str(tiny_folder))
    assert "error" not in folder
    assert host.load(tiny) == folder
    names = fetched(served)
    assert "unet/diffusion_pytorch_model.safetensors" in names
    assert not [name for name in names if name.startswith("ip/") or name.endswith((".bin", ".md"))]

    served.asked.clear()
    assert host.load(tiny) == folder
    assert not fetched(served)
    gone = served.repositories.pop(tiny)  # its owner took it away
    assert host.load(tiny) == folder
    assert offline.load(tiny) == folder
    served.repositories["gone"] = gone  # so that no later id is this one


def test_one_file_of_a_repository_is_a_model_and_the_rest_is_not_fetched(
    host: Host, offline: Host, served: hub.Hub, tiny: str, tiny_folder: Path
) -> None:
    folder = served.repositories[tiny]
    original_names.write(tiny_folder, folder / "deep" / "drawings.safetensors")
    # Sizes that are not SDXL's own are named; those of a real file come with the program.
    name = f"{tiny}/deep/drawings.safetensors"
    error = host.load(name)["error"]
    assert "drawings.safetensors" in error
    assert "weights of its vae are missing" in error
    assert fetched(served) == {"deep/drawings.safetensors"}
    assert offline.load(name)["error"] == error
    assert "has no file none.safetensors" in host.load(f"{tiny}/none.safetensors")["error"]


def test_half_precision_is_fetched_where_it_is_wanted(host: Host, served: hub.Hub, tiny: str) -> None:
    folder = served.repositories[tiny]
    for part, name in (("unet", "diffusion_pytorch_model"), ("vae", "diffusion_pytorch_model")):
        weights = load_file(folder / part / f"{name}.safetensors")
        save_file({key: value.half() for key, value in weights.items()}, folder / part / f"{name}.fp16.safetensors")
    assert "error" not in host.load(tiny, "bfloat16")
    assert {name for name in fetched(served) if name.endswith(".safetensors")} == {
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.fp16.safetensors",
        "text_encoder/model.safetensors",
        "text_encoder_2/model.safetensors",
    }


def test_a_lora_and_an_image_prompt_come_from_the_hub_too(
    host: Host, offline: Host, served: hub.Hub, tiny: str, tmp_path: Path
) -> None:
    plain = host.load(tiny)
    style, adapters = tmp_path / "style", tmp_path / "adapters"
    (style / "deep").mkdir(parents=True)
    name = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    draw = torch.Generator().manual_seed(0)
    shapes = (("A", (4, 64)), ("B", (64, 4)))
    weights = {f"unet.{name}.lora_{side}.weight": torch.randn(shape, generator=draw) * 9 for side, shape in shapes}
    for each in ("pytorch_lora_weights", "deep/other", "deep/closed"):
        save_file(weights, style / f"{each}.safetensors")
    source = served.repositories[tiny] / "ip"
    shutil.copytree(source / "image_encoder", adapters / "sdxl_models" / "image_encoder")
    for each in ("ip-adapter_sdxl", "ip-adapter-other_sdxl"):
        shutil.copy(source / "ip_adapter.safetensors", adapters / "sdxl_models" / f"{each}.safetensors")
    served.repositories |= {"someone/style": style, "someone/adapters": adapters}
    served.asked.clear()
    styled = host.load(tiny, loras=[("someone/style", 1.0)], ip_adapter="someone/adapters")
    assert styled["ip_adapter"] == "True"
    assert styled["weights"] != plain["weights"]
    assert fetched(served) == {
        "pytorch_lora_weights.safetensors",
        "sdxl_models/ip-adapter_sdxl.safetensors",
        "sdxl_models/image_encoder/config.json",
        "sdxl_models/image_encoder/model.safetensors",
    }
    other = host.load(tiny, loras=[("someone/style/deep/other.safetensors", 1.0)])
    assert other["weights"] == styled["weights"]
    lost = host.load(tiny, loras=[("someone/style/none.safetensors", 1.0)])
    assert lost["error"] == "The hub's someone/style has no file none.safetensors."
    served.closed = "deep/closed.safetensors"
    closed = host.load(tiny, loras=[(f"someone/style/{served.closed}", 1.0)])
    assert closed["error"] == "The files of someone/style could not be fetched; check network and disk, and try again."
    assert offline.load(tiny, loras=[("someone/style/deep/other.safetensors", 1.0)]) == other


@pytest.mark.parametrize(
    ("connected", "model", "says"),
    [
        (True, "someone/else", "The hub has no model someone/else, or it is not open to you"),
        (False, "someone/else", "The hub cannot be reached and there is no copy of someone/else here"),
        (True, "some one/tiny", "There is no model at some one/tiny"),
    ],
)
def test_what_cannot_be_fetched_gets_a_sentence(
    host: Host, offline: Host, connected: bool, model: str, says: str
) -> None:
    error = (host if connected else offline).load(model)["error"]
    assert error.startswith(says)
    assert error.endswith(".")


def test_a_transfer_that_breaks_off_is_taken_up_again(host: Host, served: hub.Hub, tiny: str) -> None:
    served.cut = "unet/diffusion_pytorch_model.safetensors"
    assert "error" not in host.load(tiny)
    assert not served.cut
