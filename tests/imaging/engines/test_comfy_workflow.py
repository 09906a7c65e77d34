"""A host's workflow: what Easel sets of it, and a sentence for every way in which it can be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from imaging.engines.comfy.marks import Mark
from imaging.engines.comfy.terms import abilities_of
from imaging.engines.comfy.workflow import Purpose, read_workflow
from imaging.errors import EngineError
from imaging.model import Technique
from tests.peers.comfy_workflows import Nodes, enlarge, flux, image_to_image, inpaint, node, read, text_to_image


def test_a_plain_workflow_needs_no_marks() -> None:
    found = read(text_to_image())
    assert dict(found.slots) == {
        Mark.PROMPT: (("6", "text"),),
        Mark.NEGATIVE: (("7", "text"),),
        Mark.SEED: (("3", "seed"),),
        Mark.WIDTH: (("5", "width"),),
        Mark.HEIGHT: (("5", "height"),),
    }
    assert found.output == "9"
    assert found.models() == ("sd_xl_base_1.0.safetensors",)


def test_noise_guider_and_subgraphs_are_read_too() -> None:
    found = read(flux())
    assert dict(found.slots) == {
        Mark.PROMPT: (("2", "text"),),
        Mark.SEED: (("5", "noise_seed"),),
        Mark.WIDTH: (("8", "width"),),
        Mark.HEIGHT: (("8", "height"),),
    }
    assert found.output == "57:11"


def test_an_edit_takes_the_picture_and_how_much_may_change() -> None:
    found = read(image_to_image(), Purpose.EDIT)
    assert found.slots[Mark.IMAGE] == (("10", "image"),)
    assert found.slots[Mark.STRENGTH] == (("3", "denoise"),)
    assert read(inpaint(), Purpose.EDIT).slots[Mark.MASK] == (("12", "image"),)
    whole = image_to_image()
    whole["3"]["inputs"]["denoise"] = 1  # it looks at the picture in other ways
    assert Mark.STRENGTH not in read(whole, Purpose.EDIT).slots


def two_samplers() -> Nodes:
    nodes = text_to_image()
    nodes["20"] = node("KSampler", **{**nodes["3"]["inputs"], "latent_image": ["3", 0], "denoise": 0.5, "seed": 9})
    nodes["8"]["inputs"]["samples"] = ["20", 0]
    return nodes


def test_two_samplers_share_seed_and_words() -> None:
    found = read(two_samplers())
    assert found.slots[Mark.SEED] == (("3", "seed"), ("20", "seed"))
    assert found.slots[Mark.PROMPT] == (("6", "text"),)
    assert found.steps() == 8


def test_both_sides_of_a_control_are_told_apart() -> None:
    nodes = text_to_image()
    nodes["30"] = node("LoadImage", image="pose.png")
    nodes["31"] = node(
        "ControlNetApplyAdvanced", positive=["6", 0], negative=["7", 0], image=["30", 0], strength=1.0
    )  # fmt: skip
    nodes["3"]["inputs"] |= {"positive": ["31", 0], "negative": ["31", 1]}
    found = read(nodes)
    assert found.slots[Mark.PROMPT] == (("6", "text"),)
    assert found.slots[Mark.NEGATIVE] == (("7", "text"),)


def test_a_zeroed_negative_takes_no_words() -> None:
    nodes = text_to_image()
    nodes["7"] = node("ConditioningZeroOut", conditioning=["6", 0])
    found = read(nodes)
    assert found.slots[Mark.PROMPT] == (("6", "text"),)
    assert Mark.NEGATIVE not in found.slots


def test_titles_win_over_what_could_be_meant() -> None:
    nodes = text_to_image()
    nodes["40"] = node("PrimitiveString", "Easel: prompt", value="words")
    nodes["41"] = node("PrimitiveInt", "easel:seed", value=3)
    nodes["6"]["inputs"]["text"] = ["40", 0]
    nodes["3"]["_meta"]["title"] = "easel:steps, guidance=cfg"
    found = read(nodes)
    assert found.slots[Mark.PROMPT] == (("40", "value"),)
    assert found.slots[Mark.SEED] == (("41", "value"),)
    assert found.slots[Mark.STEPS] == (("3", "steps"),)
    assert found.slots[Mark.GUIDANCE] == (("3", "cfg"),)


def test_words_around_a_placeholder_stay() -> None:
    nodes = text_to_image()
    nodes["6"]["inputs"]["text"] = "masterpiece, %prompt%, 8k"
    found = read(nodes)
    assert found.filled({Mark.PROMPT: "a fox"})["6"]["inputs"]["text"] == "masterpiece, a fox, 8k"
    assert nodes["6"]["inputs"]["text"] == "masterpiece, %prompt%, 8k"


def test_what_follows_from_which_workflows_there_are() -> None:
    new = {Purpose.NEW: read(text_to_image(width=832, height=1216), file="portrait.json")}
    plain = abilities_of(new)
    assert plain.model == "portrait"
    assert plain.techniques == {Technique.NONE, Technique.SAME_SEED}
    assert plain.sizes["square"] == (1024, 1024)
    assert (plain.num_inference_steps, plain.guidance_scale, plain.sampler) == (4, 8.0, "euler")
    assert plain.negative_prompt == "text, watermark"
    edits = abilities_of(new | {Purpose.EDIT: read(image_to_image(), Purpose.EDIT)})
    assert edits.techniques == {Technique.NONE, Technique.IMAGE_TO_IMAGE}
    assert edits.refine_scale == 1.0
    larger = {Purpose.EDIT: read(image_to_image(), Purpose.EDIT), Purpose.REFINE: read(enlarge(), Purpose.REFINE)}
    assert abilities_of(new | larger).refine_scale == 1.5


def test_the_hash_is_of_what_is_drawn_with() -> None:
    nodes, titled, changed = text_to_image(), text_to_image(), text_to_image(steps=5)
    titled["3"]["_meta"]["title"] = "My sampler"
    assert read(nodes).sha256 == read(titled).sha256 != read(changed).sha256


def _without(*path: str) -> Callable[[Nodes], Any]:
    def change(nodes: Nodes) -> None:
        held: Any = nodes
        for key in path[:-1]:
            held = held[key]
        del held[path[-1]]

    return change


def _with(id: str, **inputs: Any) -> Callable[[Nodes], Any]:
    return lambda nodes: nodes[id]["inputs"].update(inputs)


def _titled(id: str, title: str) -> Callable[[Nodes], Any]:
    return lambda nodes: nodes[id]["_meta"].update(title=title)


def _added(id: str, new: Any) -> Callable[[Nodes], Any]:
    return lambda nodes: nodes.update({id: new})


def _both(*changes: Callable[[Nodes], Any]) -> Callable[[Nodes], Any]:
    return lambda nodes: [change(nodes) for change in changes]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_without("3", "class_type"), "a node 3 without a class_type"),
        (_without("3", "inputs"), "a node 3 without inputs"),
        (_without("6"), "positive of node 3 (KSampler) from a node 6 that is not there"),
        (_with("6", clip=["3", 0]), "goes in a circle"),
        (_titled("3", "easel:sede"), "did you mean easel:seed?"),
        (_titled("3", "easel:xyzzy"), "known are prompt, negative"),
        (_titled("8", "easel:prompt"), "it has no input text or prompt; name the right one (easel:prompt=NAME)"),
        (_titled("8", "easel:seed=number"), "it has no input number"),
        (_both(_titled("6", "easel:prompt"), _with("6", text=["7", 0])), "fed by node 7 (CLIPTextEncode); mark that"),
        (_both(_titled("3", "easel:seed"), _with("3", seed="now")), "its seed holds no number"),
        (_both(_titled("6", "easel:prompt"), _with("6", text=3)), "its text holds no text"),
        (
            _both(
                _added("20", node("CLIPTextEncode", text="more", clip=["4", 1])),
                _added("21", node("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["20", 0])),
                _with("3", positive=["21", 0]),
            ),
            "takes no words that can be told by itself; title the node with the prompt's text easel:prompt",
        ),
        (_with("3", seed="fixed"), "the same picture again and again"),
        (_without("9"), "has no node that saves a picture; end it with SaveImage"),
        (
            _added("10", node("SaveImage", filename_prefix="b", images=["8", 0])),
            "saves 2 pictures (9 (SaveImage), 10 (SaveImage)); title the one to take easel:output",
        ),
        (
            _both(_titled("9", "easel:output"), _titled("8", "easel:output")),
            "2 nodes that are marked easel:output",
        ),
        (_added("9", node("SaveImageWebsocket", images=["8", 0])), "keeps no picture that could be fetched"),
    ],
)  # fmt: skip
def test_every_wrong_workflow_has_its_sentence(change: Callable[[Nodes], Any], words: str) -> None:
    nodes = text_to_image()
    change(nodes)
    with pytest.raises(EngineError) as caught:
        read(nodes)
    assert words in str(caught.value)
    assert "new.json" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "has no nodes"),
        ("{}", "has no nodes"),
        ('{"3": 5}', "without a class_type"),
        ('{"last_node_id": 9, "nodes": [], "links": []}', "format of ComfyUI's editor; export it with Export (API)"),
    ],
)
def test_a_file_that_is_no_workflow_is_told(text: str, words: str) -> None:
    with pytest.raises(EngineError) as caught:
        read_workflow(text, "a.json", Purpose.NEW)
    assert words in str(caught.value)


def test_an_edit_without_a_picture_is_told_and_two_need_a_mark() -> None:
    with pytest.raises(EngineError, match="takes no picture that can be told"):
        read(text_to_image(), Purpose.EDIT)
    nodes = image_to_image()
    nodes["30"] = node("LoadImage", image="style.png")
    with pytest.raises(EngineError, match=r"LoadImage\) easel:image"):
        read(nodes, Purpose.EDIT)
    nodes["10"]["_meta"]["title"] = "easel:image"
    assert read(nodes, Purpose.EDIT).slots[Mark.IMAGE] == (("10", "image"),)


def test_what_is_sent_to_the_server_is_a_workflow_too() -> None:
    assert read_workflow(json.dumps({"prompt": text_to_image()}), "a.json", Purpose.NEW).output == "9"
