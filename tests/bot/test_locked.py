"""What `make` installs is written down with hashes: whole, and the same versions everywhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FILES = ("run", "torch", "torch-cpu", "cuda", "test", "release")


def locked(*names: str) -> dict[str, tuple[str, str]]:
    """Version and what else stands there, by name."""
    found: dict[str, tuple[str, str]] = {}
    for name in names:
        text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
        for block in re.split(r"\n(?=[a-z0-9])", text, flags=re.IGNORECASE)[1:]:
            package, version = re.match(r"([\w.-]+)==([\w.+]+)", block).groups()  # type: ignore[union-attr]
            found[canonicalize_name(package)] = (version, block)
    return found


def test_every_package_has_its_hashes() -> None:
    for package, (_, block) in locked(*FILES).items():
        assert re.findall(r"--hash=sha256:[0-9a-f]{64}", block), package


def test_everything_that_is_asked_for_is_locked_in_its_version() -> None:
    """After a change of dependencies: `make lock`."""
    asked = {
        ("run", "torch"): PROJECT["dependencies"],
        ("run", "torch", "test"): PROJECT["optional-dependencies"]["test"],
        ("release",): PROJECT["optional-dependencies"]["release"],
    }
    for files, lines in asked.items():
        there = locked(*files)
        for line in map(Requirement, lines):
            name = canonicalize_name(line.name)
            assert name in there, f"{line.name} is not locked; run `make lock`"
            assert line.specifier.contains(there[name][0]), f"{line.name} is locked in another version; run `make lock`"


def test_the_lock_and_the_tested_environment_name_the_same_versions() -> None:
    tested: dict[str, str] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            name, _, version = line.partition("==")
            tested[canonicalize_name(name)] = version
    for package, (version, _) in locked("run", "torch", "test").items():
        assert tested.get(package, version) == version, f"{package}; run `make lock`"


def test_packages_that_only_cuda_builds_need_are_not_installed_with_others() -> None:
    cuda = set(locked("cuda"))
    assert cuda
    assert not cuda & set(locked("run", "test"))
    assert "torch" not in locked("run", "test")
    assert {"nvidia-cublas", "triton"} <= cuda


def test_make_installs_from_the_lock_only() -> None:
    """One line knows no hash: torch from an index that the host has named."""
    lines = [line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if line.startswith("\t")]
    unlocked = [line for line in lines if "$(PIP)" in line or "pip install" in line]
    assert [line for line in unlocked if "--require-hashes" not in line] == [
        "\t@$(PIP) -c constraints.txt --extra-index-url $(TORCH_INDEX_URL) torch==2.13.0",
        "\t@PYTHONWARNINGS=ignore $(PIP) --no-deps --no-build-isolation --editable .",
    ]
