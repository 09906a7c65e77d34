"""Rows of every kind in one batch: each is what it would be alone, and what a stock pipeline gives."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image
from torch import Tensor

from imaging.controls import attention
from imaging.controls.families import SDXL
from imaging.engines import stable_rows
from imaging.engines.batch import advance
from imaging.engines.grouping import Group
from imaging.engines.latents import Latents
from imaging.engines.loading import Parts
from imaging.engines.planning import Planner
from imaging.engines.rows import Job
from imaging.engines.sdxl import BUILT_IN, WITH_IP_ADAPTER, references
from imaging.errors import EngineError
from imaging.model import Abilities, Control, Operation, Recipe, Reference, Role, Technique
from measure.engine.random_sdxl import SIDE, WIDTHS
from tests.imaging.engines.tiny import edit, recipe, relative

CLOSE = 1e-4
ABILITIES = Abilities(
    "tiny", "tiny", BUILT_IN | WITH_IP_ADAPTER, {"square": (SIDE, SIDE)}, 4, 5.0, "euler", **references(True)
)


def picture(seed: int) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((64, 64), 30 + 40 * seed).convert("RGB").rotate(90 * seed).save(out, "PNG")
    return out.getvalue()


IMAGES = {"one": picture(1), "two": picture(2), "three": picture(3)}


@dataclass(frozen=True)
class Bench:
    """The tiny checkpoint with our attention in it, driven at the level of latents."""

    parts: Parts
    planner: Planner

    def job(self, id: str, wanted: Recipe) -> Job:
        return self.planner.plan(id, wanted, IMAGES)

    def run(self, jobs: dict[str, Recipe]) -> dict[str, Tensor]:
        """All jobs from their first step to their last, those that are done leaving."""
        flying = [self.job(id, wanted) for id, wanted in jobs.items()]
        found: dict[str, Tensor] = {}
        while flying:
            advance(self.parts, Group(flying).rows)
            found |= {job.id: job.target.latents for job in flying if job.finished}
            flying = [job for job in flying if not job.finished]
        return found

    def solo(self, wanted: Recipe) -> Tensor:
        return self.run({"solo": wanted})["solo"]


@pytest.fixture
def bench(tiny_parts: Parts) -> Iterator[Bench]:
    with attention.installed(tiny_parts.unet):
        yield Bench(tiny_parts, Planner(ABILITIES, tiny_parts, SDXL, Latents(tiny_parts.vae, 8)))


@pytest.fixture(scope="module")
def stock(tiny_folder: Path) -> StableDiffusionXLPipeline:
    pipe = StableDiffusionXLPipeline.from_pretrained(str(tiny_folder), add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def stock_latents(pipe: StableDiffusionXLPipeline, wanted: Recipe, **options: object) -> Tensor:
    result = pipe(
        wanted.prompt,
        num_inference_steps=wanted.num_inference_steps,
        guidance_scale=wanted.guidance_scale,
        width=wanted.width,
        height=wanted.height,
        generator=torch.Generator().manual_seed(wanted.seed),
        output_type="latent",
        **options,
    )
    assert isinstance(result.images, Tensor)
    return result.images


def image_prompt(name: str, scale: float, prompt: str, seed: int = 1) -> Recipe:
    control = Control(Technique.IP_ADAPTER, 0.5, "Test.", {"scale": scale})
    return recipe(prompt, seed, operation=Operation.EDIT, control=control, source_image=name)


def following(wanted: Recipe, name: str, role: Role = Role.BOTH, **options: float | str) -> Recipe:
    """The same with one more picture that it follows."""
    control = wanted.control or Control(Technique.NONE, 0.0)
    return dataclasses.replace(
        wanted,
        control=dataclasses.replace(control, options={**control.options, **options}),
        references=(*wanted.references, Reference(name, role)),
    )


CAT = recipe("a cat on grass", 1)
DOG = recipe("a red dog on the beach", 2, num_inference_steps=6, guidance_scale=7.5)
TURBO = recipe("a house", 5, guidance_scale=1.0, sampler="lcm", num_inference_steps=3)
MASA = edit(CAT, "a dog on grass", Technique.MASACTRL, {"start_step": 1.0, "start_layer": 44.0})
MASKED = edit(CAT, "a dog on grass", Technique.MASACTRL, {"start_step": 1.0, "start_layer": 44.0, "mask": 0.995})
P2P = edit(CAT, "a dog on grass", Technique.PROMPT_TO_PROMPT, {"cross_replace_steps": 0.8, "self_replace_steps": 0.5})
LOOK = dataclasses.replace(P2P, references=(Reference("two", Role.STYLE),))
ONE, TWO = image_prompt("one", 0.9, "a cat on grass"), image_prompt("two", 0.6, "a red dog", 2)
EVERY = {
    "cat": CAT,
    "dog": DOG,
    "turbo": TURBO,
    "masa": MASA,
    "masked": MASKED,
    "p2p": P2P,
    "look": LOOK,
    "one": ONE,
    "two": TWO,
}


def test_idle_attention_is_bit_identical_to_stock_and_comes_out_without_trace(tiny_parts: Parts) -> None:
    unet = tiny_parts.unet
    before = dict(unet.attn_processors)
    attributes = {name: set(vars(module)) for name, module in unet.named_modules()}
    draw = torch.Generator().manual_seed(0)
    sample, text = torch.randn(2, 4, 16, 16, generator=draw), torch.randn(2, 32, 64, generator=draw)
    added = {"text_embeds": torch.randn(2, WIDTHS[1], generator=draw), "time_ids": torch.ones(2, 6)}
    times = torch.tensor([900.0, 300.0])

    def forward() -> Tensor:
        with torch.no_grad():
            found = unet(sample, times, encoder_hidden_states=text, added_cond_kwargs=added)[0]
        assert isinstance(found, Tensor)
        return found

    expected = forward()
    with attention.installed(unet):
        assert torch.equal(forward(), expected)
        stable_rows.install(unet)
        assert torch.equal(forward(), expected)
        stable_rows.uninstall(unet)
    assert all(unet.attn_processors[name] is processor for name, processor in before.items())
    assert {name: set(vars(module)) for name, module in unet.named_modules()} == attributes
    assert torch.equal(forward(), expected)


def test_layers_are_numbered_in_the_order_of_execution(tiny_parts: Parts) -> None:
    numbers = attention.layer_numbers(tiny_parts.unet)
    own = {name: number for name, number in numbers.items() if name.endswith("attn1.processor")}
    ran: list[int] = []
    hooks = [
        tiny_parts.unet.get_submodule(name.removesuffix(".processor")).register_forward_hook(
            lambda *_, number=number: ran.append(number)
        )
        for name, number in own.items()
    ]
    with torch.no_grad():
        tiny_parts.unet(
            torch.randn(1, 4, 16, 16),
            1,
            encoder_hidden_states=torch.randn(1, 32, 64),
            added_cond_kwargs={"text_embeds": torch.randn(1, WIDTHS[1]), "time_ids": torch.ones(1, 6)},
        )
    for hook in hooks:
        hook.remove()
    assert ran == list(range(70))


@pytest.mark.parametrize("wanted", [CAT, DOG], ids=["cat", "dog"])
def test_alone_equals_the_stock_pipeline(bench: Bench, stock: StableDiffusionXLPipeline, wanted: Recipe) -> None:
    assert relative(bench.solo(wanted), stock_latents(stock, wanted)) < CLOSE


def test_rescaled_guidance_equals_the_stock_pipeline(bench: Bench, stock: StableDiffusionXLPipeline) -> None:
    planner = Planner(ABILITIES, bench.parts, SDXL, Latents(bench.parts.vae, 8), rescale=0.7)
    job = planner.plan("a", DOG, IMAGES)
    beside = bench.job("b", CAT)
    while not job.finished:
        advance(bench.parts, Group([each for each in (beside, job) if not each.finished]).rows)
    assert job.recipe.setup == {"guidance rescale": "0.7"}
    assert relative(job.target.latents, stock_latents(stock, DOG, guidance_rescale=0.7)) < CLOSE
    assert relative(beside.target.latents, bench.solo(CAT)) < CLOSE


def test_words_of_before_are_drawn_as_they_were_and_of_now_as_they_weigh(bench: Bench) -> None:
    marked = recipe("a (red:1.6) cat")
    now = bench.job("a", marked).recipe
    assert now.setup == {"word weights": "read"}
    before = recipe("a (red:1.6) cat", hashes={"model": "0" * 64})
    escaped = recipe(r"a \(red:1.6\) cat")
    assert torch.equal(bench.solo(before), bench.solo(escaped))
    assert torch.equal(bench.solo(now), bench.solo(marked))
    assert relative(bench.solo(marked), bench.solo(before)) > 10 * CLOSE


def test_prompt_to_prompt_and_masks_see_the_words_without_their_weights(bench: Bench) -> None:
    shares = {"cross_replace_steps": 1.0, "self_replace_steps": 1.0}
    heavy = edit(CAT, "a (cat:1.4) on grass", Technique.PROMPT_TO_PROMPT, shares)
    (control,) = bench.job("a", heavy).target.controls
    assert control.lends  # type: ignore[attr-defined]
    assert control.blend is None  # type: ignore[attr-defined]
    masked = edit(CAT, "a (dog:1.2) on grass", Technique.MASACTRL, {"start_step": 1.0, "mask": 0.9})
    (control,) = bench.job("b", masked).target.controls
    assert control.subjects is not None  # type: ignore[attr-defined]


def test_image_prompts_equal_the_stock_pipeline(bench: Bench, tiny_folder: Path) -> None:
    pipe = StableDiffusionXLPipeline.from_pretrained(str(tiny_folder), add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    pipe.load_ip_adapter(
        str(tiny_folder), subfolder="ip", weight_name="ip_adapter.safetensors", image_encoder_folder=None
    )
    encoder, adapter = bench.parts.ip_adapter._encoder, bench.parts.ip_adapter  # type: ignore[union-attr]
    assert adapter is not None
    with torch.no_grad():
        one, two = (
            encoder(adapter._pixels(Image.open(io.BytesIO(IMAGES[name])))).image_embeds[None] for name in ("one", "two")
        )
    for embeds, wanted, scale in (
        (one, ONE, 0.9),
        (two, TWO, 0.6),
        ((one + two) / 2, following(ONE, "two", joined="mean"), 0.9),
        (torch.cat([one, two], dim=1), following(ONE, "two", joined="tokens"), 0.9),
        (two, following(CAT, "two", Role.STYLE, style_scale=0.8), {"up": {"block_0": [0.0, 0.8, 0.0]}}),
        (two, following(CAT, "two", Role.CHARACTER, character_blocks="layout"), {"down": {"block_2": [0.0, 0.8]}}),
    ):
        pipe.set_ip_adapter_scale(scale)
        both = torch.cat([torch.zeros_like(embeds), embeds])
        expected = stock_latents(pipe, wanted, ip_adapter_image_embeds=[both])
        assert relative(bench.solo(wanted), expected) < CLOSE


@pytest.mark.slow
def test_every_kind_of_row_in_one_batch_equals_its_solo_run(bench: Bench) -> None:
    together = bench.run(EVERY)
    for id, wanted in EVERY.items():
        assert relative(together[id], bench.solo(wanted)) < CLOSE, id


def test_rows_never_see_another_rows_picture(bench: Bench) -> None:
    """Merged image tokens are the known trap: swapping the neighbour's picture must change nothing."""
    other = image_prompt("one", 0.6, "a red dog", 2)
    with_two, with_one = bench.run({"a": ONE, "b": TWO}), bench.run({"a": ONE, "b": other})
    assert torch.equal(with_two["a"], with_one["a"])
    assert relative(with_two["b"], with_one["b"]) > 10 * CLOSE


def test_rows_of_several_pictures_never_see_those_of_another(bench: Bench) -> None:
    """What is joined within a row is joined there alone: with other neighbours every bit is the same."""
    own = following(following(ONE, "three"), "two", Role.STYLE)
    for joined in ("mean", "tokens"):
        mine, theirs = following(own, "one", joined=joined), following(TWO, "three", joined=joined)
        strangers = dataclasses.replace(theirs, source_image="three", references=(Reference("one"), Reference("two")))
        beside, among = bench.run({"a": mine, "b": theirs}), bench.run({"a": mine, "b": strangers})
        assert torch.equal(beside["a"], among["a"])
        assert relative(beside["b"], among["b"]) > 10 * CLOSE
        assert relative(beside["a"], bench.solo(mine)) < CLOSE


def test_a_look_stands_beside_an_edits_own_technique(bench: Bench) -> None:
    plain, look = bench.solo(P2P), bench.solo(LOOK)
    assert relative(look, plain) > 10 * CLOSE
    assert torch.equal(bench.solo(following(P2P, "two", Role.STYLE, style_scale=0.0)), plain)
    together = bench.run({"look": LOOK, "p2p": P2P, "masa": following(MASA, "one", Role.STYLE)})
    assert relative(together["look"], look) < CLOSE
    assert relative(together["p2p"], plain) < CLOSE


def test_a_recipe_says_how_its_references_counted_and_is_the_same_again(bench: Bench) -> None:
    wanted = dataclasses.replace(CAT, references=(Reference("one", Role.STYLE), Reference("two", Role.CHARACTER)))
    named = bench.job("first", wanted).recipe
    assert named.control is not None
    assert {name: value for name, value in named.control.options.items() if "_" in name} == {
        "style_scale": 1.0,
        "style_blocks": "up_blocks.0.attentions.1",
        "character_scale": 0.8,
        "character_blocks": "down_blocks.2.attentions.1 up_blocks.0.attentions.0",
    }
    again = Recipe.from_json(named.to_json())
    assert bench.job("second", again).recipe == named
    assert torch.equal(bench.solo(again), bench.solo(wanted))
    assert relative(bench.solo(wanted), bench.solo(CAT)) > 10 * CLOSE


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (dataclasses.replace(CAT, references=(Reference("gone"),)), "is not there any more"),
        (dataclasses.replace(CAT, references=(Reference("broken", Role.STYLE),)), "cannot be opened"),
        (dataclasses.replace(CAT, references=(Reference("one"),) * 5), "at most 4 pictures beside the parent"),
        (image_prompt("gone", 0.5, "a cat"), "parent's picture is not there"),
        (recipe("a cat", control=Control(Technique.IP_ADAPTER, 0.5)), "picture .*is not there"),
    ],
    ids=["gone", "broken", "many", "parent", "none"],
)
def test_a_picture_that_cannot_be_followed_is_told(bench: Bench, wanted: Recipe, sentence: str) -> None:
    with pytest.raises(EngineError, match=rf"^[^\n]*{sentence}[^\n]*\.$"):
        bench.planner.plan("a", wanted, IMAGES | {"broken": b"no picture"})


def test_an_engine_without_an_ip_adapter_follows_no_picture(tiny_parts: Parts) -> None:
    blind = dataclasses.replace(tiny_parts, ip_adapter=None)
    abilities = dataclasses.replace(ABILITIES, techniques=BUILT_IN, references=0, roles=frozenset())
    planner = Planner(abilities, blind, SDXL, Latents(blind.vae, 8))
    with pytest.raises(EngineError, match=r"no picture beside the parent\.$"):
        planner.plan("a", dataclasses.replace(CAT, references=(Reference("one"),)), IMAGES)


def test_scale_nought_changes_nothing(bench: Bench) -> None:
    assert torch.equal(bench.solo(image_prompt("one", 0.0, CAT.prompt)), bench.solo(CAT))


def test_joining_and_leaving_at_different_steps_changes_nothing(bench: Bench) -> None:
    first, second, third = bench.job("a", DOG), bench.job("b", MASA), bench.job("c", ONE)
    parts = bench.parts
    advance(parts, Group([first]).rows)
    advance(parts, Group([first, second]).rows)
    advance(parts, Group([second, first, third]).rows)
    while not second.finished:
        advance(parts, Group([second]).rows)
    while not first.finished:
        advance(parts, Group([job for job in (first, third) if not job.finished]).rows)
    while not third.finished:
        advance(parts, Group([third]).rows)
    for job, wanted in ((first, DOG), (second, MASA), (third, ONE)):
        assert relative(job.target.latents, bench.solo(wanted)) < CLOSE


def test_the_same_words_with_masactrl_give_the_source(bench: Bench) -> None:
    same = edit(CAT, CAT.prompt, Technique.MASACTRL, {"start_step": 0.0, "start_layer": 0.0})
    assert relative(bench.solo(same), bench.solo(CAT)) < CLOSE


def test_a_mask_parts_what_masactrl_reads(bench: Bench) -> None:
    assert relative(bench.solo(MASKED), bench.solo(MASA)) > 10 * CLOSE
    wordless = edit(CAT, "of", Technique.MASACTRL, {"start_step": 1.0, "start_layer": 44.0, "mask": 0.995})
    plain = edit(CAT, "of", Technique.MASACTRL, {"start_step": 1.0, "start_layer": 44.0})
    assert torch.equal(bench.solo(wordless), bench.solo(plain))


def test_the_same_words_with_prompt_to_prompt_give_the_source(bench: Bench) -> None:
    same = edit(CAT, CAT.prompt, Technique.PROMPT_TO_PROMPT, {"cross_replace_steps": 1.0, "self_replace_steps": 1.0})
    assert relative(bench.solo(same), bench.solo(CAT)) < CLOSE


def test_controls_that_are_off_leave_the_plain_picture(bench: Bench) -> None:
    plain = bench.solo(recipe("a dog on grass", 1))
    late = edit(CAT, "a dog on grass", Technique.MASACTRL, {"start_step": 99.0})
    none = edit(
        CAT,
        "a dog on grass",
        Technique.PROMPT_TO_PROMPT,
        {"cross_replace_steps": 0.0, "self_replace_steps": 0.0, "local_blend": 0.0},
    )
    for wanted in (late, none):
        assert relative(bench.solo(wanted), plain) < CLOSE
    assert relative(bench.solo(MASA), plain) > 10 * CLOSE


def test_a_long_chain_keeps_what_its_oldest_followed(bench: Bench) -> None:
    chain = LOOK
    for word in ("dog", "house", "car", "tree"):
        chain = edit(chain, f"a {word} on grass", Technique.MASACTRL, {"start_step": 1.0})
    job = bench.job("chain", chain)
    oldest = job.rows[0].recipe
    assert (oldest.references, oldest.prompt) == ((), CAT.prompt)
    cut = job.recipe.source and job.recipe.source.source
    assert cut is not None
    assert torch.equal(bench.solo(job.recipe), bench.solo(chain))


def test_a_chain_of_sources_is_bounded(bench: Bench) -> None:
    chain = CAT
    for word in ("dog", "house", "car", "tree", "boat", "star"):
        chain = edit(chain, f"a {word} on grass", Technique.MASACTRL, {"start_step": 1.0})
    job = bench.job("chain", chain)
    assert len(job.rows) == 4
    words, oldest = [job.recipe.prompt], job.recipe
    while oldest.source is not None:
        oldest = oldest.source
        words.append(oldest.prompt)
    assert words == ["a star on grass", "a boat on grass", "a tree on grass", "a cat on grass"]
    assert oldest == CAT
    assert torch.equal(bench.solo(job.recipe), bench.solo(chain))
    assert torch.isfinite(bench.solo(chain)).all()
