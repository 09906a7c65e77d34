"""The emulated Slack is fetched as its lock file says, and says why where it cannot be run."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.peers import emulate_slack
from tests.peers.emulate_slack import HERE, Unavailable, fetched


def npm_that(folder: Path, says: str, code: int, makes: str = "") -> None:
    """An `npm` on the path that ends like this, and may leave a folder where it runs."""
    script = folder / "npm"
    made = f"/bin/mkdir {makes}\n" if makes else ""
    script.write_text(f"#!/bin/sh\n{made}echo '{says}' >&2\nexit {code}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty cache and nothing on its path but what is put there."""
    monkeypatch.setattr(emulate_slack, "CACHE", tmp_path / "cache")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_without_npm_the_reason_is_told(bare: Path) -> None:
    with pytest.raises(Unavailable, match="there is no npm here"):
        fetched()


@pytest.mark.parametrize("says", ["npm error code ENOTFOUND", "npm error code E503", "npm error network timeout"])
def test_without_a_registry_the_reason_is_told(bare: Path, says: str) -> None:
    npm_that(bare, says, 1)
    with pytest.raises(Unavailable, match="cannot reach its registry"):
        fetched()
    assert list((bare / "cache").iterdir()) == []


def test_what_has_another_checksum_is_a_failure_not_a_gap(bare: Path) -> None:
    npm_that(bare, "npm error code EINTEGRITY sha512 integrity checksum failed when using sha512 network", 1)
    with pytest.raises(RuntimeError, match="EINTEGRITY"):
        fetched()


def test_what_was_fetched_is_kept_for_the_next_time(bare: Path) -> None:
    npm_that(bare, "fine", 0, makes="node_modules")
    folder = fetched()
    assert (folder / "package-lock.json").read_bytes() == (HERE / "package-lock.json").read_bytes()
    (bare / "npm").unlink()
    assert fetched() == folder


def test_a_folder_without_what_npm_fetches_is_not_taken_for_the_emulator(bare: Path) -> None:
    npm_that(bare, "fine", 0, makes="node_modules")
    folder = fetched()
    (folder / "node_modules").rmdir()
    fetched()
    assert (folder / "node_modules").is_dir()


def test_every_package_is_pinned_by_its_checksum_and_names_no_host() -> None:
    locked = json.loads((HERE / "package-lock.json").read_text())
    packages = {name: entry for name, entry in locked["packages"].items() if name}
    assert packages["node_modules/emulate"]["version"] == "0.12.2"
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert "://" not in (HERE / "package-lock.json").read_text()
