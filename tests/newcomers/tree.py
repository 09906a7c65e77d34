"""A copy of the program in which a newcomer writes, and a Python that runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bot", "handlers", "prompts", "imaging", "measure", "tests")


class Tree:
    """A checkout of its own. `touched` are the files that were added or changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.touched: set[str] = set()
        for package in PACKAGES:
            ignored = shutil.ignore_patterns("__pycache__", "*.safetensors", "*.gguf", "node_modules")
            shutil.copytree(ROOT / package, root / package, ignore=ignored)

    def add(self, path: str, text: str) -> None:
        """A new file."""
        assert not (self.root / path).exists(), path
        (self.root / path).parent.mkdir(exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")
        self.touched.add(path)

    def after(self, path: str, line: str, text: str) -> None:
        """More lines behind one that stands there once."""
        self._replace(path, line, line + text)

    def before(self, path: str, line: str, text: str) -> None:
        """More lines above one that stands there once."""
        self._replace(path, line, text + line)

    def _replace(self, path: str, line: str, text: str) -> None:
        whole = (self.root / path).read_text(encoding="utf-8")
        assert whole.count(line) == 1, (path, line)
        (self.root / path).write_text(whole.replace(line, text), encoding="utf-8")
        self.touched.add(path)

    def run(self, script: str) -> str:
        """What a script prints that runs in this tree."""
        return self._run(0, "-c", script)

    def easel(self, *arguments: str, code: int = 0, **settings: str) -> str:
        """What the program of this tree says and prints until it ends with this exit code.

        Args:
            settings: By their names without the prefix.
        """
        return self._run(
            code, "-m", "bot", *arguments, **{f"EASEL_{name.upper()}": it for name, it in settings.items()}
        )

    def _run(self, code: int, *arguments: str, **more: str) -> str:
        environment = {name: it for name, it in os.environ.items() if not name.startswith("EASEL_")}
        environment |= {"PYTHONPATH": str(self.root), "OMP_NUM_THREADS": "1"} | more
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.root, env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == code, done.stderr[-2000:] + done.stdout[-2000:]
        return done.stdout + (done.stderr if "-m" in arguments else "")
