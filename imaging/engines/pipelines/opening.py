"""A pipeline's weights onto the device, and the second class of the same parts that changes what a mask allows."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import torch

from imaging.engines import hub
from imaging.engines.checkpoints import BROKEN, quiet
from imaging.engines.failures import Failure, Kind, release
from imaging.engines.memory import free_memory
from imaging.engines.pipelines.folder import Folder, check, files_of, is_half, numbers
from imaging.errors import EngineError

log = logging.getLogger(__name__)

MARGIN: Final = 3 << 30
"""Bytes that a picture takes beside the weights, about; what is left over decides where the weights lie."""
OFFLOADS: Final = ("auto", "none", "model", "sequential")


@dataclass(slots=True)
class Opened:
    """A pipeline that is ready, on one device."""

    pipe: Any
    device: torch.device
    dtype: torch.dtype
    offload: str
    """`none`, `model` (one part at a time on the device) or `sequential` (one layer)."""
    inpaint: str = ""
    _painting: Any = None
    _placed: Any = field(default=None, repr=False)

    def place(self, paints: bool) -> Any:
        """The pipeline that is called next, its parts where they shall be."""
        if paints and self._painting is None:
            self._painting = self.pipe
            if type(self.pipe).__name__ != self.inpaint:
                import diffusers

                self._painting = getattr(diffusers, self.inpaint).from_pipe(self.pipe, dtype=self.dtype)
                self._painting.set_progress_bar_config(disable=True)
        wanted = self._painting if paints else self.pipe
        if self.offload != "none" and wanted is not self._placed:
            _offloaded(wanted, self.offload, self.device)
        self._placed = wanted
        return wanted


def open_pipeline(folder: Folder, device: torch.device, dtype: torch.dtype, offload: str = "auto") -> Opened:
    """
    Raises:
        EngineError: weights are missing or damaged, or they do not fit the device.
    """
    check(folder)
    where = offload if offload != "auto" else planned(numbers(folder), device, dtype)
    try:
        pipe = _pipeline(folder, dtype)
        if where == "none":
            pipe.to(device)
    except EngineError:
        raise
    except Exception as error:  # noqa: BLE001 - looked at below, without its frames
        failure, foreign = Failure.of(error), isinstance(error, BROKEN) or hub.is_of_libraries(error)
        torchvision = "torchvision" in str(error).lower()
    else:
        pipe.set_progress_bar_config(disable=True)
        log.info("%s: %s in %s, offload %s", folder.name, folder.traits.name, dtype, where)
        return Opened(pipe, device, dtype, where, folder.traits.inpaint)
    log.error("%s cannot be loaded\n%s", folder.name, failure.text)
    if failure.kind is Kind.MEMORY:
        release(device)
        raise EngineError(f"The model {folder.name} does not fit into memory; set EASEL_DIFFUSERS_OFFLOAD=sequential.")
    if torchvision:
        raise EngineError(
            f"The model {folder.name} needs the package torchvision, of this torch's version; install it."
        )
    if not foreign:
        raise EngineError(f"The model {folder.name} cannot be loaded; the log says why.")
    raise EngineError(f"The model {folder.name} cannot be loaded: it is damaged, incomplete or of another version.")


def planned(numbers: Mapping[str, int], device: torch.device, dtype: torch.dtype) -> str:
    """Where weights lie: all on the device where they fit, else one part at a time, else one layer."""
    if device.type != "cuda" or not numbers:
        return "none"
    free, each = free_memory(device) - MARGIN, dtype.itemsize
    if sum(numbers.values()) * each <= free:
        return "none"
    return "model" if max(numbers.values()) * each <= free else "sequential"


def _offloaded(pipe: Any, offload: str, device: torch.device) -> None:
    if offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    else:
        pipe.enable_sequential_cpu_offload(device=device)


def _pipeline(folder: Folder, dtype: torch.dtype) -> Any:
    from diffusers import DiffusionPipeline

    from imaging.engines.pipelines import words_and_pictures

    quiet()
    usual = torch.get_default_dtype()
    try:
        parts = {part: _part(folder, part, dtype) for part in folder.models} | dict.fromkeys(folder.without)
        for part, (_, kind) in folder.parts.items():
            if words_and_pictures.wanted(kind):
                parts[part] = words_and_pictures.read(folder.path / part)
        return DiffusionPipeline.from_pretrained(str(folder.path), local_files_only=True, dtype=dtype, **parts)
    finally:
        torch.set_default_dtype(usual)  # a load that breaks off leaves transformers' choice behind


def _part(folder: Folder, part: str, dtype: torch.dtype) -> Any:
    """One part; what a file lacks is no number that was made up."""
    library, kind = folder.parts[part]
    found, info = getattr(importlib.import_module(library), kind).from_pretrained(
        folder.path / part,
        dtype=dtype,
        local_files_only=True,
        use_safetensors=True,
        variant="fp16" if is_half(files_of(folder, part)) else None,
        output_loading_info=True,
    )
    if info["missing_keys"] or any(tensor.is_meta for tensor in found.parameters()):
        raise EngineError(f"The model {folder.name} is incomplete: weights of its {part} are missing; get it again.")
    return found.eval().requires_grad_(False)
