"""What pictures are made with, for their recipes: names that may be public, and hashes of the files behind them.

No torch: the chat process asks for names, and the worker for hashes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from imaging.model import Recipe

_BLOB = re.compile(r"[0-9a-f]{64}")
_KEPT = "hashes.json"


def public_name(source: str) -> str:
    """A model's or LoRA's name for people: of what is on this disk the last part alone, of the hub's all of it."""
    path = Path(source).expanduser()
    return path.name if path.is_absolute() or source.startswith(".") or path.exists() else source


def same_model(recorded: str, here: str) -> bool:
    """Whether a recipe's model is the one at hand; earlier recipes hold the path where it was."""
    return recorded == here or (Path(recorded).is_absolute() and Path(recorded).name == Path(here).name)


@dataclass(frozen=True, slots=True)
class Origin:
    """What an engine's pictures are made with."""

    model: str
    loras: tuple[tuple[str, float], ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)
    setup: Mapping[str, str] = field(default_factory=dict)

    def stamp(self, recipe: Recipe) -> Recipe:
        """The recipe with its origin, and its sources with theirs: they are rendered by the same weights."""
        source = None if recipe.source is None else self.stamp(recipe.source)
        return replace(recipe, model=self.model, loras=self.loras, hashes=self.hashes, setup=self.setup, source=source)


def differences(wanted: Recipe, made: Recipe) -> list[str]:
    """A sentence for everything that a picture was made with and that is not what its recipe names."""
    found = []
    if not same_model(wanted.model, made.model):
        found.append(f"the model was {public_name(wanted.model)}, here it is {made.model}")
    then, now = dict(wanted.loras), dict(made.loras)
    for name in sorted({*then, *now}):
        if name not in now:
            found.append(f"the LoRA {public_name(name)} at {then[name]:g} is not loaded here")
        elif wanted.hashes and name not in then:
            found.append(f"the LoRA {name} at {now[name]:g} is loaded here and was not then")
        elif name in then and then[name] != now[name]:
            found.append(f"the LoRA {name} was at {then[name]:g}, here it is at {now[name]:g}")
    for name, hash in sorted(wanted.hashes.items()):
        if name in made.hashes and made.hashes[name] != hash:
            found.append(f"the file {name} is another one: {hash[:12]} then, {made.hashes[name][:12]} now")
    if wanted.hashes:
        for name in sorted({*wanted.setup, *made.setup}):
            if wanted.setup.get(name) != made.setup.get(name):
                pair = (wanted.setup.get(name, "unset"), made.setup.get(name, "unset"))
                found.append(f"{name} was {pair[0]}, here it is {pair[1]}")
    return found


def sha256_of(path: Path, home: Path) -> str:
    """Of a file, or of all weights of a folder together; remembered in `home` for as long as nothing changes."""
    files = sorted(path.rglob("*.safetensors")) if path.is_dir() else [path]
    known = _known(home)
    found: list[tuple[str, str]] = []
    for file in files:
        real = file.resolve()
        state = real.stat()
        key = f"{real}|{state.st_size}|{state.st_mtime_ns}"
        if key not in known:
            # The hub's cache calls large files by their hash.
            known[key] = real.name if _BLOB.fullmatch(real.name) else _sha256(real)
        found.append((str(file.relative_to(path)) if path.is_dir() else "", known[key]))
    _keep(home, known)
    if not path.is_dir():
        return found[0][1]
    return hashlib.sha256("\n".join(f"{name} {hash}" for name, hash in found).encode()).hexdigest()


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _known(home: Path) -> dict[str, str]:
    try:
        found: Any = json.loads((home / _KEPT).read_text(encoding="utf-8"))
        return {str(key): str(value) for key, value in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _keep(home: Path, known: Mapping[str, str]) -> None:
    """A home that cannot be written costs the time again, no more."""
    with contextlib.suppress(OSError):
        home.mkdir(parents=True, exist_ok=True)
        partial = home / f"{_KEPT}.part"
        partial.write_text(json.dumps(known), encoding="utf-8")
        partial.replace(home / _KEPT)


def origin(
    files: Mapping[str, Path], loras: Sequence[tuple[str, float]], home: Path, setup: Mapping[str, str]
) -> Origin:
    """Of an engine whose files are found: source as the host named it → file or folder, the model's first."""
    hashes = {public_name(source): sha256_of(path, home) for source, path in files.items()}
    names = tuple((public_name(name), strength) for name, strength in loras)
    return Origin(next(iter(hashes)), names, hashes, setup)
