"""LoRA files as trainers write them: every key is read as one tensor of one layer, or the file is refused by name."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from imaging.engines.layer_names import canonical
from imaging.engines.lora_forms import complete, rank
from imaging.errors import EngineError

_KINDS: tuple[tuple[str, str], ...] = (
    (r"[._]lora(_linear_layer)?[._](down|A(\.\w+)?)\.weight", "down"),
    (r"[._]lora(_linear_layer)?[._](up|B(\.\w+)?)\.weight", "up"),
    (r"\.lora_mid\.weight", "mid"),
    (r"\.lora_B(\.\w+)?\.bias", "up_bias"),
    (r"\.alpha", "alpha"),
    (r"\.dora_scale", "dora"),
    (r"\.lora_magnitude_vector(\.\w+)??(\.weight)?", "magnitude"),
    (r"\.(hada_w[12]_[ab]|hada_t[12]|lokr_w[12](_[ab])?|lokr_t2|scalar)", ""),
    (r"\.(diff|w_norm)", "diff"),
    (r"\.(diff_b|b_norm)", "diff_b"),
)
"""Ends of keys, and the tensor that each is; of an empty one the end's own name."""
_FORMS: tuple[tuple[str, str], ...] = (
    (r"\.(oft_blocks|oft_diag|oft_R.*)$", "OFT, which turns weights and is no LoRA"),
    (r"\.(a1|a2|b1|b2|c1|c2|c)\.weight$", "GLoRA"),
    (r"\.on_input$", "(IA)³"),
    (r"\.set_weight$", "whole weights in place of changes"),
    (r"^(bundle_emb|emb_params|clip_[lg]$)", "words of its own (embeddings) beside the LoRA"),
    (r"\.(glora|boft|vera_|lora_embedding|lora_A\b.*\.bias)", "a form of fine-tuning other than LoRA"),
)
"""What a file holds that is not read, by its keys."""
_MODELS: tuple[tuple[str, str], ...] = (
    (r"(double_blocks|single_blocks|single_transformer_blocks)", "Flux"),
    (r"joint_(transformer_)?blocks|^transformer\.", "Stable Diffusion 3 or another transformer"),
    (r"down_blocks[._]0[._]attentions|input_blocks[._]1[._]1", "Stable Diffusion 1 or 2"),
)
"""Models of other families, by keys that SDXL has not."""


@dataclass(frozen=True, slots=True)
class LayerChange:
    """One layer's tensors, and the scale that the file gives them."""

    part: str
    name: str
    layer: Any
    tensors: Mapping[str, Tensor]
    scale: float


def read_lora(file: Path, spellings: Mapping[str, tuple[str, str, Any]]) -> list[LayerChange]:
    """Every change of a file, each with its layer.

    Args:
        spellings: Of `imaging.engines.layer_names.spellings`.

    Raises:
        EngineError: the file cannot be read, holds something else, or a key of it fits nothing here; names and counts.
    """
    from safetensors import SafetensorError, safe_open

    label = file.name[:80]
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = dict(opened.metadata() or {})
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise EngineError(f"The LoRA {label} cannot be read: it is damaged or cut off; get it again.") from error
    _refuse_other_forms(label, tensors)
    grouped, unknown = _grouped(tensors, spellings)
    if unknown or not grouped:
        raise EngineError(_unfitting(label, unknown, len(tensors)))
    torn = [key for key, (_, found) in grouped.items() if not complete(frozenset(found))]
    if torn:
        raise EngineError(
            f"The LoRA {label} is incomplete or of an unknown form: tensors of {_some(torn)} do not go together."
        )
    alphas = _Alphas(metadata, file)
    return [
        LayerChange(part, name, layer, found, alphas.scale(part, name, found))
        for (part, name, layer), found in grouped.values()
    ]


def _grouped(
    tensors: Mapping[str, Tensor], spellings: Mapping[str, tuple[str, str, Any]]
) -> tuple[dict[str, tuple[tuple[str, str, Any], dict[str, Tensor]]], list[str]]:
    grouped: dict[str, tuple[tuple[str, str, Any], dict[str, Tensor]]] = {}
    unknown = []
    for key, tensor in tensors.items():
        name, kind = _parted(key)
        place = spellings.get(name)
        if place is None or not kind:
            unknown.append(key)
            continue
        found = grouped.setdefault(f"{place[0]}.{place[1]}", (place, {}))[1]
        if kind in found:
            unknown.append(key)  # two spellings of one tensor
        found[kind] = tensor
    return grouped, unknown


def _parted(key: str) -> tuple[str, str]:
    """The canonical layer and the kind of a key; no kind where its end is unknown."""
    for pattern, kind in _KINDS:
        found = re.search(f"({pattern})$", key)
        if found is not None:
            name = canonical(key[: found.start()])
            if re.search(r"_attn[12]_to_out$", name):
                name += "_0"
            name = re.sub(r"_self_attn_to_(q|k|v|out)$", r"_self_attn_\1_proj", name)
            return name, kind or found[1].removeprefix(".")
    return canonical(key), ""


class _Alphas:
    """How much a file's changes weigh: kohya and LyCORIS put an alpha beside each layer, diffusers and peft one
    configuration into the file or beside it. Without either the changes are as they are."""

    def __init__(self, metadata: Mapping[str, str], file: Path) -> None:
        self._config: dict[str, Any] = {}
        beside = file.with_name("adapter_config.json")
        try:
            if "lora_adapter_metadata" in metadata:
                self._config = json.loads(metadata["lora_adapter_metadata"])
            elif file.name == "adapter_model.safetensors" and beside.is_file():
                config = json.loads(beside.read_text(encoding="utf-8"))
                self._config = {f"unet.{key}": value for key, value in config.items()}
        except (OSError, ValueError, AttributeError) as error:
            raise EngineError(f"The configuration of the LoRA {file.name[:80]} is damaged; get it again.") from error

    def scale(self, part: str, name: str, tensors: Mapping[str, Tensor]) -> float:
        size = rank(tensors)
        if size is None or "diff" in tensors:
            return 1.0
        if "alpha" in tensors:
            return float(tensors["alpha"]) / size
        alpha = self._config.get(f"{part}.lora_alpha")
        for pattern, value in (self._config.get(f"{part}.alpha_pattern") or {}).items():
            if re.search(rf"(^|\.)({pattern})$", name):
                alpha = value
        if not isinstance(alpha, int | float):
            return 1.0
        return float(alpha) / (math.sqrt(size) if self._config.get(f"{part}.use_rslora") else size)


def _refuse_other_forms(label: str, keys: Mapping[str, Tensor]) -> None:
    for pattern, form in _FORMS:
        found = [key for key in keys if re.search(pattern, key)]
        if found:
            raise EngineError(f"The LoRA {label} holds {form} ({_some(found)}); that is not supported.")


def _unfitting(label: str, unknown: Sequence[str], keys: int) -> str:
    for pattern, model in _MODELS:
        if any(re.search(pattern, key) for key in unknown):
            return (
                f"The LoRA {label} is for {model}, not for SDXL: "
                f"of its {keys} keys {len(unknown)} fit nothing ({_some(unknown)})."
            )
    return (
        f"The LoRA {label} does not fit this model: of its {keys} keys {len(unknown)} fit nothing ({_some(unknown)})."
    )


def _some(names: Sequence[str], shown: int = 3) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(name[:100] for name in names[:shown]) + more
