"""How Qwen's editors read words and pictures, on machines without torchvision.

Their processor holds one for films, too, which wants torchvision and is never used for pictures.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final

from transformers import Qwen2VLProcessor

NAME: Final = "Qwen2VLProcessor"


class PicturesOnly(Qwen2VLProcessor):
    """The same without films."""

    @classmethod
    def get_attributes(cls) -> list[str]:
        return ["image_processor", "tokenizer"]


def wanted(kind: str) -> bool:
    return kind == NAME and importlib.util.find_spec("torchvision") is None


def read(folder: Path) -> Any:
    return PicturesOnly.from_pretrained(folder, local_files_only=True)
