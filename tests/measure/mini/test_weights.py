"""The bundled weights load in the stock pipeline and draw; the tokenizer knows the world's words."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from PIL import Image

from imaging.mini import DEFAULTS, VOCABULARY, WEIGHTS

LIMIT = 40 * 1024 * 1024


def test_importing_the_package_loads_no_torch() -> None:
    """Start-up never pays for the training code."""
    code = "import sys, imaging.mini; assert 'torch' not in sys.modules and 'diffusers' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_weights_are_small() -> None:
    """All of them together stay within 40 MB."""
    assert sum(file.stat().st_size for file in WEIGHTS.rglob("*") if file.is_file()) <= LIMIT


@pytest.mark.slow
def test_the_stock_pipeline_draws() -> None:
    """`StableDiffusionXLPipeline.from_pretrained` needs nothing of ours."""
    import torch

    from measure.mini import evaluate

    torch.set_num_threads(1)
    pipe = evaluate.load(WEIGHTS)
    defaults = json.loads(DEFAULTS.read_text())
    known = json.loads(VOCABULARY.read_text())
    picture = pipe(
        prompt=f"a {known['things'][0]} on the beach",
        generator=torch.Generator().manual_seed(1),
        num_inference_steps=4,
        guidance_scale=defaults["guidance_scale"],
        width=defaults["width"],
        height=defaults["height"],
        output_type="np",
    ).images[0]
    assert picture.shape == (defaults["height"], defaults["width"], 3)
    assert picture.std() > 0.05
    ends = {pipe.tokenizer.eos_token_id, pipe.tokenizer.bos_token_id}
    for thing in known["things"]:
        for word in thing.split():
            assert len(set(pipe.tokenizer(word).input_ids) - ends) == 1, word


@pytest.mark.slow
def test_the_pictures_show_what_was_asked() -> None:
    """At the small number of steps, on captions of pairs that training never saw, by the judge of true renders."""
    import torch

    from measure.mini import evaluate

    torch.set_num_threads(1)
    figures = evaluate.judged(evaluate.load(WEIGHTS), evaluate.cases(20), steps=8)
    assert figures["background"] >= 0.9
    assert figures["thing"] >= 0.8
    assert figures["two_things_each"] >= 0.8


@pytest.mark.slow
def test_the_stock_pipeline_loads_the_ip_adapter() -> None:
    """At scale 0 it changes nothing; at scale 1 the reference shows in the picture."""
    import torch

    from measure.mini import evaluate, world
    from training.mini.ip_adapter import ADAPTER_FILE

    torch.set_num_threads(1)
    pipe = evaluate.load(WEIGHTS)
    reference = world.draw(
        world.Scene(
            "snow", "day", "sun", False, "noto", (world.Figure("car", "small", "left", x=0, y=80, colour="green"),)
        )
    )
    wanted = {"prompt": "a car in the snow", "num_inference_steps": 4, "height": 128, "width": 128, "output_type": "np"}

    def drawn(**more: Any) -> Any:
        return torch.from_numpy(pipe(**wanted, generator=torch.Generator().manual_seed(1), **more).images[0])

    plain = drawn()
    pipe.load_ip_adapter(str(WEIGHTS), subfolder="ip_adapter", weight_name=ADAPTER_FILE)
    pictures = []
    for scale in (0.0, 1.0):
        pipe.set_ip_adapter_scale(scale)
        pictures.append(drawn(ip_adapter_image=Image.fromarray(reference)))
    off, on = ((picture - plain).abs().max() for picture in pictures)
    assert off < 1e-3
    assert on > 0.1
