"""Every training stage runs from nothing in a new folder, saves, and resumes."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from measure.engine import random_sdxl  # noqa: E402
from measure.mini import world  # noqa: E402
from measure.mini.sprites import SETS, TINTS  # noqa: E402
from training.mini import (  # noqa: E402
    autoencoder,
    denoiser,
    export,
    from_weights,
    guide,
    ip_adapter,
    optim,
    reader,
    runs,
    together,
    vocabulary,
)
from training.mini.model import Denoiser  # noqa: E402


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
    assert reader.train(tmp_path, samples=8, batch=8)
    assert reader.train(tmp_path, samples=16, batch=8)
    assert logged(tmp_path, "reader") == [8, 16]
    assert denoiser.train(tmp_path, samples=4, batch=4, prefill=4, fresh=2)
    assert denoiser.train(tmp_path, samples=8, batch=4, prefill=4, fresh=2)
    first, second = logged(tmp_path, "denoiser")
    assert 4 <= first < 8 <= second
    assert autoencoder.train(tmp_path, samples=4, batch=4, widths=widths, freeze_encoder=True, name="decoder")
    assert ip_adapter.train(tmp_path, samples=4, batch=4, seeing=64, prefill=8)
    assert ip_adapter.train(tmp_path, samples=8, batch=4, seeing=64, prefill=8)
    weights = export.export(tmp_path, tmp_path / "export" / "weights")
    for part in ("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "scheduler", "ip_adapter"):
        assert (weights / part).is_dir()
    assert json.loads((weights.parent / "defaults.json").read_text())["width"] == 128

    home = tmp_path / "on another machine"
    home.mkdir()
    from_weights.begin(home, weights)
    assert autoencoder.train(home)
    assert reader.train(home)
    assert denoiser.train(home, samples=4, batch=4, prefill=4, fresh=2)
    with pytest.raises(FileExistsError, match="empty folder"):
        from_weights.begin(home, weights)


def test_weights_of_another_world_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    """So is a folder that is not there: one sentence, no half-written checkpoints."""
    other, home = tmp_path / "other", tmp_path / "home"
    random_sdxl.build(other)
    home.mkdir()
    with pytest.raises(ValueError, match="train from nothing"):
        from_weights.begin(home, other)
    with pytest.raises(FileNotFoundError, match="nowhere is no folder"):
        from_weights.begin(home, tmp_path / "nowhere")
    assert not list(home.iterdir())


def test_the_denoiser_begins_with_the_encoders_that_have_read(tmp_path: Path) -> None:
    torch.manual_seed(1)
    new = Denoiser(vocabulary.build(), 4)
    reader.train(tmp_path, samples=8, batch=8)
    reader.load_into(new, tmp_path)
    saved = runs.load(reader.checkpoint_path(tmp_path))
    assert saved is not None
    for text, name in ((new.text_1, "text_1"), (new.text_2, "text_2")):
        assert all(torch.equal(value, saved[name][key]) for key, value in text.state_dict().items())


def test_reading_captions_teaches_what_stands_where() -> None:
    """On the captions of one batch: each question finds its answer, the unsaid ones at chance apart."""
    torch.manual_seed(0)
    rng = random.Random(5)
    denoiser, asks = Denoiser(vocabulary.build(), 4), reader.Reader()
    denoiser.start()
    parameters = [*denoiser.text_1.parameters(), *denoiser.text_2.parameters(), *asks.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=2e-3)
    scenes, texts = reader.draw(rng, 24)
    wanted, losses = reader.answers(scenes), []
    for _ in range(60):
        value = reader.loss(asks(*denoiser.read(texts)), wanted, reader.unsided(texts))
        losses.append(float(value.detach()))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert losses[-1] < 0.3 * losses[0]
    found = asks(*denoiser.read(texts))
    assert (found["thing"].argmax(-1) == wanted["thing"]).float().mean() > 0.9


def test_labels_say_which_thing_and_colour_each_cell_belongs_to() -> None:
    small = world.Figure("car", "small", "left", x=16, y=64, colour="red")
    big = world.Figure("cat", "big", "right", x=64, y=32)
    scene = world.Scene("meadow", "day", "sun", False, SETS[0], (small, big))
    thing, colour = guide.labels(scene)[:2]
    cells = [(int(thing[y, x]), int(colour[y, x])) for y, x in ((0, 0), (8, 2), (11, 5), (4, 8), (11, 15), (12, 15))]
    car, cat, red = 1 + world.THINGS.index("car"), 1 + world.THINGS.index("cat"), 1 + list(TINTS).index("red")
    assert cells == [(0, -100), (car, red), (car, red), (cat, 0), (cat, 0), (0, -100)]


def test_labels_say_which_page_of_the_book_shows_a_cell() -> None:
    """A mirrored thing's left cells are on pages of its right parts; the second thing's pages follow the first's."""
    small = world.Figure("car", "small", "left", x=16, y=64, mirrored=True)
    big = world.Figure("cat", "big", "right", x=64, y=32)
    both = guide.labels(world.Scene("meadow", "day", "sun", False, SETS[0], (small, big)))
    page, part = both[guide.PAGE], both[2]
    assert page[8:12, 2:6].tolist() == [[3, 2, 1, 0], [7, 6, 5, 4], [11, 10, 9, 8], [15, 14, 13, 12]]
    assert page[4:8, 8:12].tolist() == [[16, 16, 17, 17], [16, 16, 17, 17], [20, 20, 21, 21], [20, 20, 21, 21]]
    assert part[8:12, 2:6].tolist() == [[16, 16, 17, 17], [16, 16, 17, 17], [18, 18, 19, 19], [18, 18, 19, 19]]
    cat = guide.only(both, 1)
    assert torch.equal(cat[: guide.PAGE], both[: guide.PAGE])
    assert cat[guide.PAGE, 4, 8:12].tolist() == [0, 0, 1, 1]
    assert (cat[guide.PAGE, 8:12, 2:6] == guide.UNSAID).all()


def test_attention_learns_to_look_at_the_page() -> None:
    """The share of the loss that only cells with a page have falls."""
    from diffusers.models.attention_processor import AttnProcessor

    torch.manual_seed(0)
    denoiser = Denoiser(vocabulary.build(), 4)
    denoiser.unet.set_attn_processor(AttnProcessor())
    heads = guide.Guide(denoiser.unet)
    scene = world.Scene("meadow", "day", "sun", False, SETS[0], (world.Figure("cat", "big", "center", x=32, y=32),))
    wanted = guide.labels(scene)[None]
    silent = wanted.clone()
    silent[:, guide.PAGE] = guide.UNSAID
    pooled_width = denoiser.text_2.config.projection_dim
    context = torch.randn(1, vocabulary.MAX_TOKENS, denoiser.unet.config.cross_attention_dim)

    def looking() -> Any:
        said = []
        for labels in (wanted, silent):
            denoiser.predict(torch.zeros(1, 4, 16, 16), torch.tensor([500]), context, torch.zeros(1, pooled_width))
            said.append(heads.loss(labels)[0])
        return said[0] - said[1]

    optimizer, losses = torch.optim.AdamW(denoiser.unet.parameters(), lr=2e-3), []
    for _ in range(15):
        loss = looking()
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[0] > 0
    assert losses[-1] < 0.5 * losses[0]


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


def _moved(member: together.Together) -> dict[str, Any]:
    torch.manual_seed(3)
    layers = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Linear(8, 4), torch.nn.Linear(4, 12))
    optimizer = optim.MuonAdam(layers.named_parameters(), rate=0.1, adam_rate=0.01, together=member)
    generator = torch.Generator().manual_seed(4)
    for _ in range(3):
        for p in layers.parameters():
            p.grad = torch.randn(p.shape, generator=generator)
        optimizer.step()
    return layers.state_dict()


def _moves_alike(member: together.Together) -> bool:
    """Whatever the processes measure: the leader finds bfloat16 faster, the other float32."""
    optim.fast_dtype = lambda: torch.bfloat16 if member.leads else torch.float32
    shared = _moved(member)
    optim.fast_dtype = lambda: torch.bfloat16
    alone = _moved(together.ALONE)
    return member.count == 2 and all(torch.allclose(alone[name], shared[name], atol=1e-6) for name in alone)


@pytest.mark.slow
def test_processes_that_share_the_optimisers_work_move_as_one_does() -> None:
    assert together.run(2, _moves_alike)


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
