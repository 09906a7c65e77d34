"""Checkpoints and engines that the engine tests share; built once a session, on one thread."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from imaging.controls.families import MINI
from imaging.engines.loading import Parts, load_parts
from imaging.engines.mini import mini_engine
from imaging.engines.options import EngineOptions
from imaging.engines.sdxl import SdxlEngine
from imaging.mini import WEIGHTS
from measure.engine import random_sdxl

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny-sdxl")
    random_sdxl.build(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_parts(tiny_folder: Path) -> Parts:
    """The tiny checkpoint without anything of ours in its UNet."""
    return load_parts(
        str(tiny_folder), device=torch.device("cpu"), dtype=torch.float32, ip_adapter=str(tiny_folder / "ip")
    )


@pytest.fixture(scope="session")
def mini(tmp_path_factory: pytest.TempPathFactory) -> SdxlEngine:
    """The bundled model in full precision, whatever this machine would choose; every test leaves it empty."""
    engine = mini_engine(tmp_path_factory.mktemp("home"), precision="float32")
    engine.load()
    return engine


@pytest.fixture(scope="module")
def parts() -> Parts:
    """The bundled model's weights, for runtimes of a test's own."""
    return load_parts(str(WEIGHTS), device=torch.device("cpu"), dtype=torch.float32)


@pytest.fixture
def options(tmp_path: Path) -> EngineOptions:
    return EngineOptions(str(WEIGHTS), tmp_path, MINI, "cpu", 1)
