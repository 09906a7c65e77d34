"""Every training stage runs from nothing in a new folder, saves, and resumes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from imaging.mini import autoencoder, denoiser, export, ip_adapter, runs, together  # noqa: E402


def logged(home: Path, stage: str) -> list[int]:
    return [json.loads(line)["samples"] for line in (home / f"{stage}.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_stages_run_in_order_and_resume(tmp_path: Path) -> None:
    """Two tiny steps of each stage, stopped and gone on with, end in a folder that the stock pipeline can load."""
    torch.set_num_threads(1)
    widths = (8, 8, 16, 16)
    assert autoencoder.train(tmp_path, samples=4, batch=4, widths=widths)
    assert autoencoder.train(tmp_path, samples=8, batch=4, widths=widths)
    assert logged(tmp_path, "autoencoder") == [4, 8]
    assert denoiser.train(tmp_path, samples=4, batch=4, prefill=4, fresh=2)
    assert denoiser.train(tmp_path, samples=8, batch=4, prefill=4, fresh=2)
    first, second = logged(tmp_path, "denoiser")
    assert 4 <= first < 8 <= second
    assert autoencoder.train(tmp_path, samples=4, batch=4, widths=widths, freeze_encoder=True, name="decoder")
    assert ip_adapter.train(tmp_path, samples=4, batch=4)
    assert ip_adapter.train(tmp_path, samples=8, batch=4)
    weights = export.export(tmp_path, tmp_path / "export" / "weights")
    for part in ("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "scheduler", "ip_adapter"):
        assert (weights / part).is_dir()
    assert json.loads((weights.parent / "defaults.json").read_text())["width"] == 128


def test_the_decoder_run_leaves_the_encoder_alone(tmp_path: Path) -> None:
    """A UNet trained on the latents stays valid while the decoder improves."""
    widths = (8, 8, 16, 16)
    autoencoder.train(tmp_path, samples=2, batch=2, widths=widths)
    before = runs.load(tmp_path / "autoencoder.pt")
    autoencoder.train(tmp_path, samples=4, batch=2, widths=widths, freeze_encoder=True, name="decoder")
    after = runs.load(tmp_path / "decoder.pt")
    assert before is not None
    assert after is not None
    for name, value in before["averaged"].items():
        same = torch.equal(value, after["averaged"][name])
        assert same == name.startswith(("encoder.", "quant_conv.")) or value.numel() < 64, name


def _gradients(member: together.Together) -> bool:
    """What each of two processes does: its own gradient, and the wish of one of them to stop."""
    parameter = torch.nn.Parameter(torch.zeros(3))
    parameter.grad = torch.full((3,), float(member.rank))
    stops = member.average([parameter], over=member.rank == 1)
    return stops and member.count == 2 and bool(torch.equal(parameter.grad, torch.full((3,), 0.5)))


@pytest.mark.slow
def test_processes_average_their_gradients_and_stop_together() -> None:
    assert together.run(2, _gradients)


def test_a_torn_checkpoint_never_replaces_a_good_one(tmp_path: Path) -> None:
    """Saving goes through a partial file."""
    path = tmp_path / "stage.pt"
    runs.save(path, {"samples": 1})
    (tmp_path / "stage.partial").write_bytes(b"torn")
    loaded = runs.load(path)
    assert loaded is not None
    assert loaded["samples"] == 1
