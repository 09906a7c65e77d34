"""A pipeline's files on this disk: which class they are for, whether they are all there, what they weigh. No torch."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from imaging.engines import hub
from imaging.engines.pipelines.traits import FLUX, Licence, Traits, traits_of
from imaging.errors import EngineError
from imaging.origins import public_name

INDEX: Final = "model_index.json"
LIBRARIES: Final = ("diffusers", "transformers")
"""Where parts come from; anything else would be code of the model's own."""
KLEIN_4B: Final = 7680
"""Width of what the transformer of FLUX.2 klein 4B is told in words; its larger sister has a licence of its own."""
WORDS: Final = ("*.json", "*/*.json", "*/*.txt", "*/*.model", "*/*.jinja", "README.md")
"""Of a repository what says what it is and how words are read, without weights."""
FORBIDS: Final = re.compile(r"non-?_?commercial|research|cc-by-nc|nscl", re.IGNORECASE)
_HALF = ".fp16."
_MOST_HEADER = 100_000_000


@dataclass(frozen=True, slots=True)
class Folder:
    """What `model_index.json` says, and what else is known without weights."""

    path: Path
    name: str
    """For people: no path of this disk."""
    traits: Traits
    parts: Mapping[str, tuple[str, str]]
    """Part → library and class."""
    without: frozenset[str] = frozenset()
    """Parts that the class has and this folder leaves out."""

    @property
    def models(self) -> list[str]:
        """The parts that have weights."""
        return [part for part in self.parts if (self.path / part / "config.json").is_file()]


def open_folder(model: str, *, weights: bool) -> Folder:
    """
    Args:
        model: A folder in diffusers' layout, or a hub id.
        weights: Whether they are fetched too, where it is a hub id; else only what says what it is.

    Raises:
        EngineError: it is not there, it is no pipeline, or the hub cannot be reached.
    """
    path = Path(model).expanduser()
    name = public_name(model)[:80]
    if path.is_file():
        raise EngineError(f"{name} is one file; the engine diffusers takes a folder in diffusers' layout or a hub id.")
    if not path.is_dir():
        if not hub.is_id(model):
            raise EngineError(f"There is no model at {model[:120]}; give a folder in diffusers' layout or a hub id.")
        path = hub.fetch(model, _wanted if weights else lambda listed: WORDS)
    index = _json(path / INDEX)
    kind = index.get("_class_name")
    if not isinstance(kind, str):
        raise EngineError(f"The folder {name} has no readable {INDEX}, so it is no pipeline of diffusers.")
    traits = _fitted(traits_of(kind), path, name, index)
    parts, without = {}, set()
    for part, found in index.items():
        if found == [None, None] or (part in traits.optional and not (path / part).is_dir()):
            without.add(part)
        elif isinstance(found, list) and len(found) == 2 and all(isinstance(each, str) for each in found):
            if found[0] not in LIBRARIES or not found[1].isidentifier():
                raise EngineError(f"The {part[:40]} of {name} is code of its own ({found[0][:40]}), which is not run.")
            parts[part] = (found[0], found[1])
    return Folder(path, name, traits, parts, frozenset(without))


def _fitted(traits: Traits, path: Path, name: str, index: Mapping[str, Any]) -> Traits:
    """The traits of this very model: what is distilled takes few steps, and the files may name another licence."""
    if traits.quick is not None and (index.get("is_distilled") is True or "turbo" in name.lower()):
        steps, guidance = traits.quick
        traits = replace(traits, steps=steps, guidance=guidance)
    if not traits.known:
        sample = _json(path / "unet" / "config.json").get("sample_size")
        if isinstance(sample, int) and 32 <= sample <= 256:
            traits = replace(traits, side=sample * 8)
    return replace(traits, licence=_licence(traits, path))


def _licence(traits: Traits, path: Path) -> Licence:
    """What the files say of it goes before what the class is known for."""
    try:
        card = (path / "README.md").read_text(encoding="utf-8", errors="replace")[:4000]
    except OSError:
        card = ""
    if card.startswith("---"):
        said = dict(re.findall(r"^(license|license_name):[ \t]*([^\n]+)$", card.split("\n---", 1)[0], re.MULTILINE))
        found = said.get("license_name") or said.get("license", "")
        if found.strip() not in ("", "other"):
            named = found.strip().strip("'\"")[:80]
            usable = {"apache-2.0": True, "mit": True}.get(named.lower())
            return Licence(named, False if FORBIDS.search(named) else usable)
    width = _json(path / "transformer" / "config.json").get("joint_attention_dim")
    if traits.name.startswith("Flux2Klein") and isinstance(width, int) and width > KLEIN_4B:
        return FLUX
    return traits.licence


def _wanted(listed: list[str]) -> Iterable[str]:
    """Of a repository what is loaded: no pickles, no second precision, nothing that lies beside the parts."""
    full = {Path(name).parent for name in listed if _is_part(name) and _HALF not in name}
    weights = (name for name in listed if _is_part(name) and (_HALF not in name or Path(name).parent not in full))
    return [*WORDS, *weights]


def _is_part(name: str) -> bool:
    return name.count("/") == 1 and hub.is_weights(name)


def files_of(folder: Folder, part: str) -> list[Path]:
    """The weights of a part that are loaded: those of full precision where there are any.

    Raises:
        EngineError: some are missing.
    """
    here = sorted((folder.path / part).glob("*.safetensors"))
    whole = [file for file in here if _HALF not in file.name]
    found = whole or here
    listed = {
        name
        for index in (folder.path / part).glob("*.safetensors.index.json")
        if (_HALF in index.name) != bool(whole)
        for name in _shards(index)
    }
    if not found or not listed <= {file.name for file in found}:
        pickles = "" if found or not list((folder.path / part).glob("*.bin")) else " (pickled ones are never read)"
        raise EngineError(
            f"The model {folder.name} is incomplete: weights of its {part} are missing{pickles}; get it again."
        )
    return [file for file in found if not listed or file.name in listed]


def is_half(files: Iterable[Path]) -> bool:
    return any(_HALF in file.name for file in files)


def _shards(index: Path) -> set[str]:
    found = _json(index).get("weight_map")
    return {str(name) for name in found.values()} if isinstance(found, dict) else set()


def check(folder: Folder) -> None:
    """
    Raises:
        EngineError: a part, or weights of one, are missing.
    """
    for part in folder.parts:
        if not (folder.path / part).is_dir():
            raise EngineError(f"The model {folder.name} is incomplete: its {part} is missing; get it again.")
    if not folder.models:
        raise EngineError(f"The model {folder.name} is incomplete: no part of it has weights; get it again.")
    for part in folder.models:
        files_of(folder, part)


def numbers(folder: Folder) -> dict[str, int]:
    """How many numbers each part's weights hold, from the headers of its files.

    Raises:
        EngineError: a file is missing or damaged.
    """
    return {part: sum(map(_numbers, files_of(folder, part))) for part in folder.models}


def _numbers(file: Path) -> int:
    try:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            header = json.loads(opened.read(min(length, _MOST_HEADER)))
        return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    except (OSError, ValueError, struct.error, KeyError, TypeError, AttributeError):
        raise EngineError(f"The file {file.name} of the {file.parent.name} is damaged; get it again.") from None


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
