"""Which of the files beside it `make` installs torch from; needs nothing but the standard library.

A torch that is there stays, whatever build it is. A CPU build that pip is told of (PIP_FIND_LINKS) is taken before
PyPI's; PyPI's builds for Linux need the CUDA libraries.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def pinned(name: str) -> set[str]:
    """`package==version` of a file's lines."""
    return set(
        re.findall(r"^([A-Za-z0-9-]+==[0-9.]+[0-9a-z+]*)", (HERE / name).read_text(encoding="utf-8"), re.MULTILINE)
    )


def torch() -> str | None:
    """The file for torch; None when the version that is wanted is there."""
    [wanted], [cpu] = pinned("torch.txt"), pinned("torch-cpu.txt")
    try:
        if importlib.metadata.version("torch").partition("+")[0] == wanted.removeprefix("torch=="):
            return None
    except importlib.metadata.PackageNotFoundError:
        pass
    at_hand = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--no-index", cpu]
    return "torch-cpu.txt" if subprocess.run(at_hand, capture_output=True).returncode == 0 else "torch.txt"


def cuda() -> str | None:
    """The file for what the installed torch names of CUDA's libraries; None when it names none of them."""
    asked = {re.split(r"[\s;\[]", each)[0] for each in importlib.metadata.requires("torch") or []}
    return "cuda.txt" if asked & pinned("cuda.txt") else None


if __name__ == "__main__":
    found = {"torch": torch, "cuda": cuda}[sys.argv[1]]()
    print(found or "")
