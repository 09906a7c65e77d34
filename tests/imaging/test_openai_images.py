"""The hosted engine against a loopback endpoint, through the real SDK."""

from __future__ import annotations

import asyncio
import base64
import io
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web
from PIL import Image

from imaging.engine import Advance
from imaging.engines.openai_images import OpenAIImagesEngine, _may_fetch, openai_images_engine
from imaging.errors import EngineError
from imaging.model import Control, Operation, Recipe, Technique
from imaging.outputs import encode_picture, read_recipe
from tests.peers.openai_peer import OpenAIPeer, picture

RECIPE = Recipe("openai", "gpt-image-1", Operation.IMAGE, "a fox", "a fox", "text", 1, 1536, 1024, 1, 0.0, "hosted")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def peer() -> AsyncIterator[OpenAIPeer]:
    async with OpenAIPeer(key="secret") as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def engine(peer: OpenAIPeer, waits: list[float]) -> Iterator[OpenAIImagesEngine]:
    made = OpenAIImagesEngine(peer.base_url, "secret", "gpt-image-1", timeout_s=20.0, sleep=waits.append)
    made.load()
    yield made
    made.close()


async def ended(engine: OpenAIImagesEngine) -> Advance:
    while True:
        for advance in await asyncio.to_thread(engine.step):
            if advance.picture is not None or advance.error is not None:
                return advance


def refusal(status: int, message: str = "no", **headers: str) -> web.Response:
    return web.json_response({"error": {"message": message, "code": message}}, status=status, headers=headers)


async def test_a_picture_comes_with_its_recipe_inside(peer: OpenAIPeer, engine: OpenAIImagesEngine) -> None:
    engine.admit("a", RECIPE, {})
    done = await ended(engine)
    assert done.picture is not None
    assert read_recipe(done.picture.data) == RECIPE
    assert (done.picture.width, done.picture.height) == (64, 64)
    assert peer.requests[0]["size"] == "1536x1024"
    assert peer.requests[0]["prompt"] == "a fox\nAvoid: text"
    assert "response_format" not in peer.requests[0]
    assert engine.step() == ()


async def test_an_edit_sends_the_parents_pixels_without_its_recipe(
    peer: OpenAIPeer, engine: OpenAIImagesEngine
) -> None:
    parent = encode_picture(Image.open(io.BytesIO(picture("green"))), RECIPE)
    edit = Recipe(
        "openai", "gpt-image-1", Operation.EDIT, "a red fox", "a red fox", "", 1, 1024, 1024, 1, 0.0, "hosted",
        control=Control(Technique.IMAGE_TO_IMAGE), source_image="abc",
    )  # fmt: skip
    engine.admit("a", edit, {"abc": parent})
    done = await ended(engine)
    assert done.picture is not None
    sent = Image.open(io.BytesIO(peer.edits[0]["image"]))
    assert sent.convert("RGB").getpixel((0, 0)) == (0, 128, 0)
    assert not sent.info
    assert "a red fox" in peer.edits[0]["prompt"]


async def test_an_answer_by_address_is_fetched_without_the_key(peer: OpenAIPeer, engine: OpenAIImagesEngine) -> None:
    peer.as_url = True
    engine.admit("a", RECIPE, {})
    assert (await ended(engine)).picture is not None
    assert "Authorization" not in peer.url_headers[0]


async def test_a_redirect_is_not_followed(peer: OpenAIPeer, engine: OpenAIImagesEngine) -> None:
    peer.as_url = True
    peer.redirect_to = "/files/blue"
    engine.admit("a", RECIPE, {})
    assert "could not be fetched" in str((await ended(engine)).error)
    assert len(peer.url_headers) == 1


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:9/files/a.png", True),
        ("http://127.0.0.1:8/a.png", False),
        ("https://cdn.example.com/a.png", True),
        ("http://cdn.example.com/a.png", False),
        ("https://169.254.169.254/latest", False),
        ("https://localhost/a", False),
        ("https://[::1]/a", False),
        ("file:///etc/passwd", False),
    ],
)
def test_only_safe_addresses_are_fetched(url: str, allowed: bool) -> None:
    assert _may_fetch(url, "http://127.0.0.1:9/v1") is allowed


async def test_a_busy_endpoint_is_asked_again(peer: OpenAIPeer, engine: OpenAIImagesEngine, waits: list[float]) -> None:
    peer.images += [refusal(429, **{"Retry-After": "3"}), refusal(503)]
    engine.admit("a", RECIPE, {})
    assert (await ended(engine)).picture is not None
    assert waits[0] == 3.0
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("response", "words", "retryable"),
    [
        ((400, "moderation_blocked"), "moderation", False),
        ((404, "no"), "EASEL_IMAGES_MODEL", False),
        ((403, "no"), "EASEL_IMAGES_API_KEY", False),
        ((422, "no"), "did not take", False),
    ],
)
async def test_a_refusal_is_one_sentence(
    peer: OpenAIPeer, engine: OpenAIImagesEngine, response: tuple[int, str], words: str, retryable: bool
) -> None:
    peer.images.append(refusal(*response))
    engine.admit("a", RECIPE, {})
    failed = await ended(engine)
    assert words in str(failed.error)
    assert failed.retryable is retryable


@pytest.mark.parametrize(
    "answer",
    [
        {"data": []},
        {"data": [{"b64_json": "!!"}]},
        {"data": [{"b64_json": base64.b64encode(b"no picture").decode()}]},
    ],
)
async def test_an_answer_that_is_no_picture_is_told(
    peer: OpenAIPeer, engine: OpenAIImagesEngine, answer: dict[str, object]
) -> None:
    peer.images.append(web.json_response({"created": 0, **answer}))
    engine.admit("a", RECIPE, {})
    assert "picture" in str((await ended(engine)).error)


async def test_room_is_bounded_and_cancelled_requests_are_not_reported(engine: OpenAIImagesEngine) -> None:
    for n in range(4):
        engine.admit(str(n), RECIPE, {})
    assert engine.room == 0
    with pytest.raises(EngineError, match="no room"):
        engine.admit("more", RECIPE, {})
    engine.cancel("0")
    engine.cancel("unknown")
    done: set[str] = set()
    while len(done) < 3:  # one step may report several
        done |= {advance.id for advance in await asyncio.to_thread(engine.step) if advance.picture is not None}
    assert done == {"1", "2", "3"}
    assert engine.step() == ()


def test_abilities_are_known_without_network() -> None:
    image = openai_images_engine("http://127.0.0.1:1/v1").abilities
    assert image.edits_uploads
    assert not image.seeds
    assert image.sizes["wide"] == (1536, 1024)
    dalle = openai_images_engine("http://127.0.0.1:1/v1", model="dall-e-3").abilities
    assert dalle.techniques == {Technique.NONE}
    assert dalle.sizes["tall"] == (1024, 1792)


def test_an_engine_that_cannot_edit_says_so() -> None:
    engine = openai_images_engine("http://127.0.0.1:1/v1", model="dall-e-3")
    engine.load()
    edit = Recipe("openai", "dall-e-3", Operation.EDIT, "x", "x", "", 1, 64, 64, 1, 0.0, "hosted", source_image="abc")
    with pytest.raises(EngineError, match="cannot edit"):
        engine.admit("a", edit, {"abc": picture()})
    engine.close()


def test_neither_torch_nor_the_sdk_is_imported_with_the_module() -> None:
    code = "import sys, imaging.engines.openai_images; sys.exit(any(m in sys.modules for m in ('torch', 'openai')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
