"""Writes the files beside it: every package that `make` installs, with the hashes of all its files (`make lock`).

    run.txt      what Easel needs, without torch
    torch.txt    torch alone: PyPI's builds
    torch-cpu.txt  PyTorch's own CPU build, which is not on PyPI
    cuda.txt     what PyPI's Linux builds of torch need besides
    test.txt     what only the tests need
    release.txt  what only `make lock` and `make sbom` need

They hold for every platform and for Python from 3.11 on; versions are those of constraints.txt, which was tested.
Everything is installed with --no-deps, so nothing comes that is not written here.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
CUDA = ("nvidia-", "cuda-", "triton")
"""How the packages begin that come with torch's CUDA builds only."""
CPU_BUILD = "torch==2.13.0+cpu \\\n    --hash=sha256:6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"
"""For CPython 3.11 on Linux, x86_64."""
SETUPTOOLS = "setuptools>=77,<84"
"""As in pyproject.toml's build-system: the project is built with it, without a download."""


def compiled(*requirements: str) -> dict[str, str]:
    """Name → its lines, for everything that these requirements need."""
    with tempfile.NamedTemporaryFile("w", suffix=".in") as wanted:
        wanted.write("\n".join(requirements))
        wanted.flush()
        command = [
            str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet", "--universal", "--no-header",
            "--no-annotate", "--python-version", "3.11", "--generate-hashes",
            "--constraints", str(ROOT / "constraints.txt"), wanted.name,
        ]  # fmt: skip
        text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    return {re.match(r"[A-Za-z0-9._-]+", block)[0].lower(): block for block in blocks}  # type: ignore[index]


def write(name: str, what: str, blocks: dict[str, str]) -> None:
    """One file."""
    lines = [f"# {what} Written by `make lock`.", *(blocks[key] for key in sorted(blocks))]
    (HERE / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def lock() -> None:
    """Write all files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    everything = compiled(*project["dependencies"], SETUPTOOLS)
    torch = everything.pop("torch")
    cuda = {name: everything.pop(name) for name in list(everything) if name.startswith(CUDA)}
    tests = compiled(*project["dependencies"], SETUPTOOLS, *project["optional-dependencies"]["test"])
    more = {name: block for name, block in tests.items() if name not in {"torch", *cuda, *everything}}
    release = compiled(*project["optional-dependencies"]["release"])
    write("run", "What Easel needs.", everything)
    write("torch", "torch: PyPI's builds.", {"torch": torch})
    write("torch-cpu", "torch: PyTorch's own CPU build.", {"torch": CPU_BUILD})
    write("cuda", "What torch's CUDA builds on PyPI need.", cuda)
    write("test", "What the tests need.", more)
    write("release", "What `make lock` and `make sbom` need.", release)


if __name__ == "__main__":
    lock()
