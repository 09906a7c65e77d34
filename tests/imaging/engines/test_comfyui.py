"""The engine for ComfyUI against a loopback server that does what real ones do."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imaging.engine import Advance
from imaging.engine_table import EngineSpec, declared
from imaging.engines.comfy.run import Patience
from imaging.engines.comfy.server import header_of
from imaging.engines.comfy.workflow import Purpose, Workflow
from imaging.engines.comfyui import ComfyEngine
from imaging.errors import EngineError
from imaging.findings import Finding, Level
from imaging.model import Control, Operation, Recipe, Technique
from imaging.origins import differences
from imaging.outputs import encode_picture, read_recipe
from imaging.worker_client import Finished, SubprocessWorker
from tests.peers.comfy_peer import ComfyPeer, Manners
from tests.peers.comfy_quirks import QUIRKS, Quirk
from tests.peers.comfy_workflows import Nodes, enlarge, flux, image_to_image, inpaint, read, text_to_image

QUICK = Patience(poll_s=0.05, settle_s=0.01, backoff_s=0.01, socket_s=2.0, away_s=5.0)
NEW = Recipe("comfyui", "new", Operation.IMAGE, "a fox", "a red fox,", "blurry", 7, 64, 64, 4, 8.0, "euler")
EDIT = Recipe(
    "comfyui", "new", Operation.EDIT, "a blue fox", "a blue fox", "", 8, 64, 64, 4, 8.0, "euler",
    control=Control(Technique.IMAGE_TO_IMAGE, 0.8), source_image="abc",
)  # fmt: skip
OTHER = Recipe("comfyui", "new", Operation.IMAGE, "b", "b", "", 9, 64, 64, 4, 8.0, "euler")
Made = Callable[..., ComfyEngine]


@pytest.fixture
async def peer() -> AsyncIterator[ComfyPeer]:
    async with ComfyPeer() as running:
        yield running


@pytest.fixture
async def make(peer: ComfyPeer) -> AsyncIterator[Made]:
    made: list[ComfyEngine] = []

    def build(
        workflows: dict[Purpose, Workflow] | None = None, auth: str = "", patience: Patience = QUICK, url: str = ""
    ) -> ComfyEngine:
        engine = ComfyEngine(
            url or peer.url, auth, workflows or {Purpose.NEW: read(text_to_image())}, patience=patience, timeout_s=5.0
        )
        engine.load()
        made.append(engine)
        return engine

    yield build
    for engine in made:
        await asyncio.to_thread(engine.close)


async def all_of(engine: ComfyEngine, id: str = "a") -> list[Advance]:
    """Everything that is said of a picture, to its end."""
    said: list[Advance] = []
    while not (said and (said[-1].picture or said[-1].error)):
        said += [advance for advance in await asyncio.to_thread(engine.step) if advance.id == id]
    return said


async def drawn(engine: ComfyEngine, recipe: Recipe = NEW, **images: bytes) -> Advance:
    engine.admit("a", recipe, images)
    return (await all_of(engine))[-1]


async def until(condition: Callable[[], Any]) -> None:
    while not condition():  # noqa: ASYNC110 - of a server and a thread, which tell of no change
        await asyncio.sleep(0.005)


def parent(colour: str = "green") -> bytes:
    return encode_picture(Image.new("RGB", (64, 64), colour), NEW)


@pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: quirk.name)
async def test_what_real_servers_do_is_met(
    quirk: Quirk, peer: ComfyPeer, make: Made, caplog: pytest.LogCaptureFixture
) -> None:
    peer.manners = Manners(**quirk.manners)
    peer.manners.faults = peer.manners.faults.copy()
    peer.manners.prompt_status = peer.manners.prompt_status.copy()
    with caplog.at_level(logging.WARNING):
        done = await drawn(make(auth="X-Key: secret"))
    if quirk.told:
        assert quirk.told in str(done.error)
        for secret in (peer.url, "127.0.0.1", "secret"):
            assert secret not in str(done.error)
    else:
        assert done.error is None
        assert done.picture is not None
    assert quirk.log in caplog.text
    assert len(peer.prompts) == quirk.sent
    for words in ("a red fox,", "blurry", "secret"):
        assert words not in caplog.text


async def test_a_picture_comes_with_steps_previews_and_its_recipe(peer: ComfyPeer, make: Made) -> None:
    engine = make(patience=Patience(poll_s=30.0, settle_s=0.01))  # its socket alone tells
    peer.goes_on.clear()
    engine.admit("a", NEW, {})
    said: list[Advance] = []
    while not any(advance.preview for advance in said):
        said += await asyncio.to_thread(engine.step)
    peer.goes_on.set()
    said += await all_of(engine)
    steps = [advance.step for advance in said[:-1]]
    assert max(steps) == 4
    assert {advance.total for advance in said[:-1]} == {4}
    previews = [advance.preview for advance in said if advance.preview]
    assert Image.open(io.BytesIO(previews[0])).size == (64, 64)
    done = said[-1].picture
    assert done is not None
    recipe = read_recipe(done.data)
    assert (recipe.engine, recipe.model, recipe.seed, recipe.prompt) == ("comfyui", "new", 7, "a red fox,")
    assert recipe.hashes == {"new.json": read(text_to_image()).sha256}
    assert recipe.setup == {"workflow": "new.json", "models": "sd_xl_base_1.0.safetensors"}
    sent = peer.prompts[0].nodes
    assert sent["6"]["inputs"]["text"] == "a red fox,"
    assert sent["7"]["inputs"]["text"] == "blurry"
    assert (sent["3"]["inputs"]["seed"], sent["5"]["inputs"]["width"]) == (7, 64)
    assert engine.step() == ()


async def test_the_same_recipe_is_the_same_picture_and_another_workflow_is_told(peer: ComfyPeer, make: Made) -> None:
    first = (await drawn(make())).picture
    assert first is not None
    again = (await drawn(make(), first.recipe)).picture  # from the server's cache: nothing is executed
    assert again is not None
    assert again.data == first.data
    await peer.restart()
    anew = (await drawn(make(), first.recipe)).picture
    assert anew is not None
    assert anew.data == first.data
    changed = make({Purpose.NEW: read(text_to_image(steps=5))})
    other = (await drawn(changed, first.recipe)).picture
    assert other is not None
    (difference,) = differences(first.recipe, other.recipe)
    assert "the file new.json is another one" in difference


async def test_a_file_that_was_deleted_is_drawn_from_the_cache_again(peer: ComfyPeer, make: Made) -> None:
    engine = make()
    first = (await drawn(engine)).picture
    peer.files.clear()
    again = (await drawn(engine)).picture
    assert first is not None
    assert again is not None
    assert again.data == first.data


async def test_an_edit_sends_the_parents_pixels_alone_to_the_temporary_files(peer: ComfyPeer, make: Made) -> None:
    engine = make({Purpose.NEW: read(text_to_image()), Purpose.EDIT: read(inpaint(), Purpose.EDIT)})
    done = await drawn(engine, EDIT, abc=parent())
    assert done.picture is not None
    uploads = {key: data for key, data in peer.files.items() if key[1] == "easel"}
    assert {key[0] for key in uploads} == {"temp"}
    pictures = [Image.open(io.BytesIO(data)) for data in uploads.values()]
    assert all(not picture.info for picture in pictures)
    assert {picture.getpixel((0, 0)) for picture in pictures} == {(0, 128, 0), (255, 255, 255, 0)}
    sent = peer.prompts[0].nodes
    assert sent["3"]["inputs"]["denoise"] == 0.35
    assert sent["10"]["inputs"]["image"].endswith(".png [temp]")


async def test_a_refinement_has_its_own_workflow_and_size(make: Made) -> None:
    workflows = {
        Purpose.NEW: read(text_to_image()),
        Purpose.EDIT: read(image_to_image(), Purpose.EDIT),
        Purpose.REFINE: read(enlarge(), Purpose.REFINE),
    }
    recipe = Recipe(
        "comfyui", "new", Operation.REFINE, "a fox", "a fox", "", 7, 96, 96, 4, 8.0, "euler",
        control=Control(Technique.IMAGE_TO_IMAGE, 0.7), source_image="abc",
    )  # fmt: skip
    done = (await drawn(make(workflows), recipe, abc=parent())).picture
    assert done is not None
    assert (done.width, done.height) == (96, 96)
    assert done.recipe.setup["workflow"] == "refine.json"
    assert done.recipe.notes == ()


async def test_a_workflow_without_a_sampler_node_of_the_old_kind_draws(make: Made) -> None:
    done = (await drawn(make({Purpose.NEW: read(flux())}))).picture
    assert done is not None
    assert done.recipe.notes == ("The workflow takes no words for what shall not be seen.",)


async def test_another_size_is_told_in_the_recipe_once(peer: ComfyPeer, make: Made) -> None:
    peer.manners.size = (50, 70)
    engine = make()
    done = (await drawn(engine)).picture
    assert done is not None
    assert (done.width, done.height) == (50, 70)
    assert done.recipe.notes == ("64 × 64 pixels were asked for; the server drew 50 × 70.",)
    again = (await drawn(engine, done.recipe)).picture
    assert again is not None
    assert again.recipe.notes == done.recipe.notes


async def test_a_batch_gives_its_first_picture(make: Made) -> None:
    nodes = text_to_image()
    nodes["5"]["inputs"]["batch_size"] = 3
    assert (await drawn(make({Purpose.NEW: read(nodes)}))).picture is not None


# Cancelling


def other() -> Nodes:
    nodes = text_to_image()
    nodes["3"]["inputs"]["seed"] = 99
    return nodes


async def test_a_running_picture_is_interrupted_and_its_room_is_free_then(peer: ComfyPeer, make: Made) -> None:
    engine = make()
    peer.goes_on.clear()
    engine.admit("a", NEW, {})
    await asyncio.wait_for(peer.sampling.wait(), 10)
    engine.cancel("a")
    await until(lambda: peer.stopped)
    await until(lambda: engine.room == 2)
    assert peer.stopped == [peer.prompts[0].id]
    assert peer.interrupts == [{"prompt_id": peer.prompts[0].id}]
    peer.goes_on.set()
    assert (await drawn(engine)).picture is not None


async def test_a_waiting_picture_leaves_the_queue_and_nobody_elses_does(peer: ComfyPeer, make: Made) -> None:
    engine = make()
    peer.goes_on.clear()
    theirs = peer.somebody_else(other())
    await until(lambda: peer.running == theirs)
    engine.admit("a", NEW, {})
    await until(lambda: peer.waiting)
    after = peer.somebody_else(text_to_image(steps=2))
    engine.cancel("a")
    await until(lambda: peer.waiting == [after])
    assert peer.interrupts == []
    assert peer.running == theirs


@pytest.mark.parametrize("others_wait", [True, False])
async def test_an_old_server_is_not_told_to_stop_while_others_wait(
    peer: ComfyPeer, make: Made, others_wait: bool
) -> None:
    peer.manners = Manners(version="0.3.30", takes_ids=False, targeted=False)
    engine = make()
    peer.goes_on.clear()
    engine.admit("a", NEW, {})
    await asyncio.wait_for(peer.sampling.wait(), 10)
    theirs = peer.somebody_else(other()) if others_wait else None
    engine.cancel("a")
    await until(lambda: engine.room == 2)
    assert bool(peer.interrupts) is not others_wait
    peer.goes_on.set()
    await until(lambda: peer.running is None and not peer.waiting)
    assert theirs not in peer.stopped


async def test_a_picture_that_is_cancelled_at_once_leaves_nothing(peer: ComfyPeer, make: Made) -> None:
    engine = make()
    peer.takes.clear()
    for _ in range(5):
        engine.admit("a", NEW, {})
        engine.cancel("a")
        await until(lambda: engine.room == 2)
    assert peer.waiting == []


async def test_an_engine_that_closes_takes_its_pictures_back(peer: ComfyPeer, make: Made) -> None:
    engine = make()
    peer.goes_on.clear()
    engine.admit("a", NEW, {})
    engine.admit("b", OTHER, {})
    await until(lambda: peer.waiting and peer.running)
    await asyncio.to_thread(engine.close)
    await until(lambda: peer.stopped)
    assert peer.waiting == []


# Others, breaks and restarts


async def test_a_queue_of_others_is_waited_for_with_signs_of_life(peer: ComfyPeer, make: Made) -> None:
    engine = make(patience=Patience(poll_s=0.02, settle_s=0.01, backoff_s=0.01, silence_s=0.001))
    peer.goes_on.clear()
    peer.somebody_else(other())
    await until(lambda: peer.running)
    engine.admit("a", NEW, {})
    signs: list[Advance] = []
    while len(signs) < 4:
        signs += await asyncio.to_thread(engine.step)
    assert {(advance.step, advance.error) for advance in signs} == {(0, None)}


async def test_a_server_that_restarts_draws_it_after_all(peer: ComfyPeer, make: Made) -> None:
    engine = make()
    peer.goes_on.clear()
    engine.admit("a", NEW, {})
    await asyncio.wait_for(peer.sampling.wait(), 10)
    await peer.restart()
    peer.goes_on.set()
    assert (await all_of(engine))[-1].picture is not None
    assert len(peer.prompts) == 2


async def test_a_socket_that_breaks_is_opened_again_under_the_same_name(peer: ComfyPeer, make: Made) -> None:
    engine = make(patience=Patience(poll_s=30.0, settle_s=0.01))
    peer.goes_on.clear()
    engine.admit("a", NEW, {})
    await asyncio.wait_for(peer.sampling.wait(), 10)
    await peer.cut_sockets()
    await until(lambda: peer.lines == 2)
    peer.goes_on.set()
    assert (await all_of(engine))[-1].picture is not None
    assert len(peer.prompts) == 1


@pytest.mark.parametrize("running", [True, False])
async def test_what_somebody_stops_at_the_server_is_told_and_not_sent_again(
    peer: ComfyPeer, make: Made, running: bool
) -> None:
    engine = make()
    peer.goes_on.clear()
    if not running:
        peer.somebody_else(other())
        await until(lambda: peer.running)
    engine.admit("a", NEW, {})
    if running:
        await asyncio.wait_for(peer.sampling.wait(), 10)
        peer.interrupt()
    else:
        await until(lambda: peer.waiting)
        await asyncio.sleep(0.1)
        peer.delete_all()
    done = (await all_of(engine))[-1]
    assert "was stopped at the ComfyUI server" in str(done.error)
    assert len(peer.prompts) == 1 + (not running)


async def test_a_picture_of_which_nothing_is_heard_is_given_up_and_stopped(peer: ComfyPeer, make: Made) -> None:
    engine = make(patience=Patience(poll_s=0.02, settle_s=0.01, silence_s=0.1))
    peer.goes_on.clear()
    done = await drawn(engine)
    assert "said nothing about this picture for too long" in str(done.error)
    await until(lambda: peer.stopped)
    assert peer.stopped == [peer.prompts[0].id]


async def test_a_server_that_is_not_there_is_told_and_stands_in_the_log_once(
    make: Made, caplog: pytest.LogCaptureFixture
) -> None:
    async with ComfyPeer() as gone:
        url = gone.url
    with caplog.at_level(logging.WARNING):
        done = await drawn(make(url=url))
    assert caplog.text.count("ComfyUI cannot be asked") == 1
    assert "cannot be reached" in str(done.error)
    assert done.retryable
    assert url not in str(done.error)


# Recipes and settings


async def test_an_edit_without_a_workflow_for_it_is_told(make: Made) -> None:
    engine = make()
    with pytest.raises(EngineError, match="EASEL_COMFYUI_EDIT"):
        engine.admit("a", EDIT, {"abc": parent()})
    both = make({Purpose.NEW: read(text_to_image()), Purpose.EDIT: read(image_to_image(), Purpose.EDIT)})
    with pytest.raises(EngineError, match="no longer there"):
        both.admit("a", EDIT, {})


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        ("", {}),
        ("user:pass word", {"Authorization": "Basic dXNlcjpwYXNzIHdvcmQ="}),
        ("Authorization: Bearer abc", {"Authorization": "Bearer abc"}),
        ("X-API-Key: k:1 ", {"X-API-Key": "k:1"}),
    ],
)
def test_a_proxy_is_told_who_asks(auth: str, headers: dict[str, str]) -> None:
    assert header_of(auth) == headers


@pytest.mark.parametrize("auth", ["nonsense", "user:pass\nX-Evil: 1", "user:☂"])
def test_a_sign_in_that_is_none_is_told_without_it(auth: str) -> None:
    settings = {"comfyui_url": "http://127.0.0.1:8188", "comfyui_workflow": "a.json", "comfyui_edit": ""}
    (problem,) = declared("comfyui").missing(settings | {"comfyui_refine": "", "comfyui_auth": auth})
    assert "EASEL_COMFYUI_AUTH" in problem
    assert auth not in problem


@pytest.fixture
def settings(tmp_path: Path, peer: ComfyPeer) -> dict[str, str]:
    (tmp_path / "portrait.json").write_text(json.dumps(text_to_image()))
    (tmp_path / "edit.json").write_text(json.dumps(image_to_image()))
    return {
        "comfyui_url": peer.url, "comfyui_auth": "", "comfyui_workflow": str(tmp_path / "portrait.json"),
        "comfyui_edit": str(tmp_path / "edit.json"), "comfyui_refine": "",
    }  # fmt: skip


async def test_a_worker_draws_and_leaves_nothing_behind_when_it_ends(
    settings: dict[str, str], peer: ComfyPeer, tmp_path: Path
) -> None:
    spec = EngineSpec("comfyui", declared("comfyui").options(settings))
    link = await SubprocessWorker(spec, tmp_path / "cache").open()
    try:
        await link.submit("a", NEW, {})
        async for message in link.messages():
            if isinstance(message, Finished):
                assert message.picture.recipe.model == "portrait"
                break
        peer.goes_on.clear()
        await link.submit("b", OTHER, {})
        await until(lambda: len(peer.prompts) == 2 and peer.running)
    finally:
        await link.close()
    await until(lambda: peer.stopped)


def test_workflows_come_from_their_files(settings: dict[str, str], tmp_path: Path) -> None:
    engine = declared("comfyui")
    assert engine.missing(settings) == []
    built = engine.build(json.loads(json.dumps(engine.options(settings))), tmp_path, None)
    assert built.abilities.model == "portrait"
    assert Technique.IMAGE_TO_IMAGE in built.abilities.techniques
    assert "prompt in node 6" in str(engine.recognised(settings))
    settings["comfyui_edit"] = str(tmp_path / "nowhere.json")
    with pytest.raises(EngineError, match=r"nowhere.json cannot be read \(No such file"):
        engine.options(settings)
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EngineError, match=r"binary\.json is not JSON"):
        engine.options(settings | {"comfyui_edit": str(tmp_path / "binary.json")})


@pytest.mark.parametrize("name", ["comfyui_url", "comfyui_workflow"])
def test_what_it_cannot_do_without_is_named(settings: dict[str, str], name: str) -> None:
    (problem,) = declared("comfyui").missing(settings | {name: ""})
    assert f"EASEL_{name.upper()} is empty" in problem


def write(file: str, nodes: Nodes) -> None:
    Path(file).write_text(json.dumps(nodes))


def levels(findings: Iterable[Finding]) -> Iterator[tuple[str, Level]]:
    return ((finding.what, finding.level) for finding in findings)


async def test_doctor_compares_the_workflows_with_the_server(settings: dict[str, str], peer: ComfyPeer) -> None:
    from bot.questions import ask

    engine = declared("comfyui")
    found = await engine.examine(settings, ask)
    assert [finding.level for finding in found] == [Level.OK] * 3
    assert "ComfyUI 0.5.1 on cuda:0 NVIDIA Peer (22 of 24 GiB free)" in found[0].sentence
    assert "image (10)" in found[2].sentence
    peer.manners.checkpoints = ["b.safetensors"]
    found = await engine.examine(settings, ask)
    assert [finding.level for finding in found] == [Level.OK, Level.BROKEN, Level.BROKEN]
    assert "node 4 (CheckpointLoaderSimple) names 'sd_xl_base_1.0.safetensors' as ckpt_name" in found[1].sentence
    assert "it has b.safetensors" in found[1].sentence
    nodes = text_to_image() | {"40": {"class_type": "FancyNode", "inputs": {}}}
    del nodes["3"]["inputs"]["cfg"]
    nodes["3"]["inputs"]["scheduler"] = "fancy"
    write(settings["comfyui_workflow"], nodes)
    peer.manners.checkpoints = None
    said = (await engine.examine(settings, ask))[1].sentence
    for words in ("no node FancyNode", "lacks the input cfg", "names 'fancy' as scheduler"):
        assert words in said


@pytest.mark.parametrize(
    ("manners", "words", "level"),
    [
        (Manners(version="0.3.30"), "is not stopped while others wait", Level.WARNING),
        (Manners(page=(200, "<html>")), "something else than ComfyUI", Level.BROKEN),
        (Manners(page=(502, "<html>")), "answers 502", Level.BROKEN),
        (Manners(moved=True), "redirect", Level.BROKEN),
        (Manners(header=("X-Key", "k")), "EASEL_COMFYUI_AUTH", Level.BROKEN),
    ],
)
async def test_doctor_tells_what_is_wrong_with_the_server(
    settings: dict[str, str], peer: ComfyPeer, manners: Manners, words: str, level: Level
) -> None:
    from bot.questions import ask

    peer.manners = manners
    found = (await declared("comfyui").examine(settings, ask))[0]
    assert found.level is level
    assert words in found.sentence


async def test_doctor_tells_a_wrong_workflow_also_where_no_server_answers(settings: dict[str, str]) -> None:
    from bot.questions import ask

    write(settings["comfyui_edit"], text_to_image())
    found = await declared("comfyui").examine(settings | {"comfyui_url": "http://127.0.0.1:9"}, ask)
    assert dict(levels(found)) == {"ComfyUI server": Level.BROKEN, "workflow (edit)": Level.BROKEN}
    assert "takes no picture" in found[1].sentence
