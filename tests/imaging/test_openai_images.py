"""The hosted engine against a loopback endpoint, through the real SDK."""

from __future__ import annotations

import asyncio
import base64
import io
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from imaging.engine import Advance
from imaging.engines.images_api.addresses import is_public, may_fetch
from imaging.engines.openai_images import OpenAIImagesEngine, openai_images_engine
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
        ("https://127.1/a", False),
        ("https://0x7f.1/a", False),
        ("https://2130706433/a", False),
        ("https://0177.0.0.1/a", False),
        ("https://[::ffff:127.0.0.1]/a", False),
        ("https://[::ffff:7f00:1]/a", False),
        ("https://[64:ff9b::7f00:1]/a", False),
        ("https://[2002:7f00:1::]/a", False),
        ("https://[fe80::1%25eth0]/a", False),
        ("https://[fd00::1]/a", False),
        ("https://[::127.0.0.1]/a", False),
        ("https://[::ffff:0:127.0.0.1]/a", False),
        ("https://[fec0::1]/a", False),
        ("https://[ff0e::1]/a", False),
        ("https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/a", False),
        ("https://192.0.0.192/a", False),
        ("https://10.1.2.3/a", False),
        ("https://100.64.0.1/a", False),
        ("https://224.0.0.1/a", False),
        ("https://router.lan/a", False),
        ("https://LOCALHOST./a", False),
        ("https://key@cdn.example.com/a", False),
        ("https://cdn.example.com:99999/a", False),
        ("https://8.8.8.8/a", True),
        ("https://[2606:4700::1111]/a", True),
        ("http://localhost:9/files/a.png", True),
        ("http://127.1:9/files/a.png", True),
        ("http://10.0.0.1:9/a", False),
    ],
)
def test_only_safe_addresses_are_fetched(url: str, allowed: bool) -> None:
    assert may_fetch(url, "http://127.0.0.1:9/v1") is allowed


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
    assert failed.moderated is (words == "moderation")


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


@pytest.mark.parametrize("dress", ["lines", "no padding", "other alphabet", "data in b64_json", "data in url"])
async def test_base64_is_read_in_every_dress(peer: OpenAIPeer, engine: OpenAIImagesEngine, dress: str) -> None:
    packed = base64.b64encode(picture("teal")).decode()
    item = {
        "lines": {"b64_json": "\r\n".join(packed[at : at + 76] for at in range(0, len(packed), 76)) + "\n"},
        "no padding": {"b64_json": packed.rstrip("=")},
        "other alphabet": {"b64_json": packed.replace("+", "-").replace("/", "_")},
        "data in b64_json": {"b64_json": f"data:image/png;base64,{packed}"},
        "data in url": {"url": f"data:image/png;base64,{packed}"},
    }[dress]
    peer.images.append(web.json_response({"created": 0, "data": [item]}))
    engine.admit("a", RECIPE, {})
    done = (await ended(engine)).picture
    assert done is not None
    assert Image.open(io.BytesIO(done.data)).getpixel((1, 1)) == (0, 128, 128)


@pytest.mark.parametrize("url", ["/files/blue", "../files/blue", "files/blue"])
async def test_a_relative_address_is_the_endpoints_own(peer: OpenAIPeer, engine: OpenAIImagesEngine, url: str) -> None:
    peer.images.append(web.json_response({"created": 0, "data": [{"url": url}]}))
    engine.admit("a", RECIPE, {})
    done = await ended(engine)
    if url == "files/blue":  # below /v1, where the peer has none
        assert "could not be fetched" in str(done.error)
    else:
        assert done.picture is not None


async def test_the_endpoint_may_call_itself_by_another_of_its_names(
    peer: OpenAIPeer, engine: OpenAIImagesEngine
) -> None:
    url = peer.base_url.replace("127.0.0.1", "localhost").replace("/v1", "/files/blue")
    peer.images.append(web.json_response({"created": 0, "data": [{"url": url}]}))
    engine.admit("a", RECIPE, {})
    assert (await ended(engine)).picture is not None


async def test_a_name_that_leads_to_this_machine_is_not_fetched(
    peer: OpenAIPeer, engine: OpenAIImagesEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def lookup(host: Any, *details: Any, **more: Any) -> Any:
        return real("127.0.0.1" if host == "pictures.example" else host, *details, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    port = peer.base_url.rpartition(":")[2].partition("/")[0]
    peer.images.append(web.json_response({"created": 0, "data": [{"url": f"https://pictures.example:{port}/a.png"}]}))
    engine.admit("a", RECIPE, {})
    failed = await ended(engine)
    assert "not fetched" in str(failed.error)
    assert not peer.url_headers


@pytest.mark.parametrize("address", ["::1", "::ffff:10.0.0.1", "2002:a00:1::", "2001:0:7f00:1::f5ff:fffe", "ff02::1"])
def test_wrapped_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


async def test_transparent_pictures_are_laid_on_white(peer: OpenAIPeer, engine: OpenAIImagesEngine) -> None:
    out = io.BytesIO()
    Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(out, "PNG")
    item = {"b64_json": base64.b64encode(out.getvalue()).decode()}
    peer.images.append(web.json_response({"created": 0, "data": [item]}))
    engine.admit("a", RECIPE, {})
    done = (await ended(engine)).picture
    assert done is not None
    assert Image.open(io.BytesIO(done.data)).getpixel((1, 1)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("response_format", 400, {"error": {"message": "Unknown parameter", "param": "response_format"}}),
        ("n", 422, {"detail": [{"loc": ["body", "n"], "msg": "extra fields not permitted"}]}),
        ("size", 400, {"error": {"message": "parameter 'size' is not supported", "param": None}}),
    ],
)  # fmt: skip
async def test_a_refused_parameter_is_left_out_from_then_on(
    peer: OpenAIPeer, name: str, status: int, body: dict[str, Any]
) -> None:
    engine = OpenAIImagesEngine(peer.base_url, "secret", "some-diffusion-model", timeout_s=20.0)
    engine.load()
    peer.images.append(web.json_response(body, status=status))
    for id in ("a", "b"):
        engine.admit(id, RECIPE, {})
        assert (await ended(engine)).picture is not None
    assert [name in request for request in peer.requests] == [True, False, False]
    engine.close()


async def test_sizes_that_a_refusal_offers_are_taken(peer: OpenAIPeer, engine: OpenAIImagesEngine) -> None:
    said = "Invalid value: '1536x1024'. Supported sizes are 512x512, 768x512 and 512x768."
    peer.images.append(web.json_response({"error": {"message": said, "param": "size"}}, status=400))
    for id in ("a", "b"):
        engine.admit(id, RECIPE, {})
        assert (await ended(engine)).picture is not None
    assert [request["size"] for request in peer.requests] == ["1536x1024", "768x512", "768x512"]


async def test_a_server_that_refuses_everything_is_not_asked_for_ever(
    peer: OpenAIPeer, engine: OpenAIImagesEngine
) -> None:
    refused = {"error": {"message": "no", "param": "size"}}
    peer.images += [web.json_response(refused, status=400) for _ in range(20)]
    engine.admit("a", RECIPE, {})
    assert "did not take" in str((await ended(engine)).error)
    assert len(peer.requests) < 4


@pytest.mark.parametrize("model", ["dall-e-2", "other"])
async def test_parents_get_an_alpha_channel_where_it_is_wanted(peer: OpenAIPeer, model: str) -> None:
    engine = OpenAIImagesEngine(peer.base_url, "secret", model, timeout_s=20.0)
    engine.load()
    if model == "other":
        said = "Invalid input image - format must be in ['RGBA', 'LA', 'L'], got RGB."
        peer.images.append(web.json_response({"error": {"message": said}}, status=400))
    edit = replace(RECIPE, operation=Operation.EDIT, control=Control(Technique.IMAGE_TO_IMAGE), source_image="abc")
    engine.admit("a", edit, {"abc": picture("green")})
    assert (await ended(engine)).picture is not None
    assert Image.open(io.BytesIO(peer.edits[-1]["image"])).mode == "RGBA"
    engine.close()


PACKED = base64.b64encode(picture("teal")).decode()


@pytest.mark.parametrize(
    ("seen_at", "answer"),
    [
        ("BerriAI/litellm#10057 (Azure AI)", {"image": PACKED}),
        ("servers of Stable Diffusion's web page", {"images": [PACKED], "parameters": {}}),
        ("fal and its like", {"images": [{"url": f"data:image/png;base64,{PACKED}"}]}),
        ("trypromptly/LLMStack#81 (LocalAI)", {"data": [{"embedding": None, "index": 0, "url": "/files/teal"}]}),
        ("mudler/LocalAI#7354", {"data": [{"b64_json": PACKED}], "usage": {"input_tokens": None}}),
        ("both fields, one empty", {"data": [{"b64_json": "", "url": "/files/teal"}]}),
        ("both fields, one null", {"data": [{"b64_json": PACKED, "url": None, "revised_prompt": None}]}),
    ],
)  # fmt: skip
async def test_answers_that_public_reports_tell_of_are_read(
    peer: OpenAIPeer, engine: OpenAIImagesEngine, seen_at: str, answer: dict[str, Any]
) -> None:
    peer.images.append(web.json_response({"created": 0} | answer))
    engine.admit("a", RECIPE, {})
    done = (await ended(engine)).picture
    assert done is not None, seen_at
    assert Image.open(io.BytesIO(done.data)).getpixel((1, 1)) == (0, 128, 128)


@pytest.mark.parametrize(
    ("seen_at", "message", "param", "dropped"),
    [
        ("open-webui#23611 (xAI)", "Argument not supported: size", None, "size"),
        ("prompt-optimizer#308", "Unknown parameter: 'response_format'. (request id: 1)", "", "response_format"),
        ("vercel/ai#6102", "Unknown parameter: 'response_format'.", "response_format", "response_format"),
        ("a proxy that wraps", '{"error": {"message": "no", "param": "response_format"}}', None, "response_format"),
        ("validation by pydantic", "extra inputs are not permitted for field 'n'", None, "n"),
    ],
)
async def test_refusals_that_public_reports_tell_of_are_heeded(
    peer: OpenAIPeer, seen_at: str, message: str, param: str | None, dropped: str
) -> None:
    engine = OpenAIImagesEngine(peer.base_url, "secret", "some-diffusion-model", timeout_s=20.0)
    engine.load()
    peer.images.append(web.json_response({"error": {"message": message, "param": param}}, status=400))
    engine.admit("a", RECIPE, {})
    assert (await ended(engine)).picture is not None, seen_at
    assert dropped in peer.requests[0]
    assert dropped not in peer.requests[1]
    engine.close()


BILLING = {"error": {"message": "Billing hard limit has been reached", "code": "billing_hard_limit_reached"}}
SPENT = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
UNVERIFIED = {"error": {"message": "Your organization must be verified to use the model `gpt-image-2`.", "code": None}}
GONE = {"error": {"message": "The model `gpt-image-1` has been shut down.", "code": "model_not_found"}}
UNSAFE = {"error": {"message": "Your request was rejected by the safety system.", "code": "moderation_blocked"}}
NOWHERE = {"detail": "Not Found"}


@pytest.mark.parametrize(
    ("status", "body", "words", "edit"),
    [
        (400, BILLING, "spending limit", False),
        (429, SPENT, "spending limit", False),
        (402, {}, "no credit", False),
        (403, UNVERIFIED, "verified", False),
        (404, GONE, "has no model", False),
        (400, UNSAFE, "moderation", False),
        (400, UNSAFE, "moderation", True),
        (404, NOWHERE, "cannot change pictures", True),
        (405, {}, "cannot change pictures", True),
        (404, GONE, "has no model", True),
        (504, {}, "may have drawn", False),
        (524, {}, "may have drawn", False),
        (408, {}, "may have drawn", False),
        (307, {}, "has moved", False),
        (413, {}, "too large", True),
        (200, {"error": {"message": "flagged by moderation"}}, "moderation", False),
    ],
)
async def test_each_refusal_has_its_own_true_sentence_and_is_not_repeated(
    peer: OpenAIPeer, engine: OpenAIImagesEngine, caplog: pytest.LogCaptureFixture, status: int,
    body: dict[str, Any], words: str, edit: bool,
) -> None:  # fmt: skip
    headers = {"Location": "http://127.0.0.1:1/v1/images/generations"} if status == 307 else {}
    peer.images.append(web.json_response(body, status=status, headers=headers))
    wanted = RECIPE
    if edit:
        control = Control(Technique.IMAGE_TO_IMAGE)
        wanted = replace(RECIPE, operation=Operation.EDIT, control=control, source_image="abc")
    engine.admit("a", wanted, {"abc": picture("green")})
    failed = await ended(engine)
    assert words in str(failed.error)
    assert not failed.retryable
    assert len(peer.requests) + len(peer.edits) == 1
    assert "the images endpoint answered" in caplog.text
    assert "secret" not in str(failed.error)


async def test_a_line_that_is_cut_after_the_request_is_not_asked_again(
    peer: OpenAIPeer, engine: OpenAIImagesEngine, waits: list[float]
) -> None:
    peer.cuts = 1
    engine.admit("a", RECIPE, {})
    assert "may have drawn" in str((await ended(engine)).error)
    assert len(peer.requests) == 1
    assert not waits


@pytest.mark.parametrize(
    ("listed", "chosen"),
    [
        (("gpt-5", "gpt-image-1", "gpt-image-2"), "gpt-image-2"),
        (("qwen3", "flux.1-schnell"), "flux.1-schnell"),
        (("peer-model",), "peer-model"),
        (("a", "b"), "gpt-image-2.5-flare"),
        ((), "gpt-image-2.5-flare"),
    ],
)
async def test_a_model_is_chosen_of_those_that_the_endpoint_lists(listed: tuple[str, ...], chosen: str) -> None:
    async with OpenAIPeer(listed) as peer:
        engine = openai_images_engine(peer.base_url)
        engine.load()
        engine.admit("a", RECIPE, {})
        done = (await ended(engine)).picture
        assert done is not None
        assert peer.requests[0]["model"] == done.recipe.model == chosen
        assert read_recipe(done.data).model == chosen
        assert ("response_format" in peer.requests[0]) is (not chosen.startswith("gpt-image"))
        engine.close()


def test_a_model_that_was_shut_down_is_told_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    for base_url, told in (("https://api.openai.com/v1", True), ("http://127.0.0.1:1/v1", False)):
        caplog.clear()
        engine = openai_images_engine(base_url, model="gpt-image-1")
        engine.load()
        engine.close()
        assert ("2026-10-23" in caplog.text) is told


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
    assert not image.seeds
    assert image.sizes["wide"] == (1536, 1024)
    dalle = openai_images_engine("http://127.0.0.1:1/v1", model="dall-e-3").abilities
    assert image.techniques == {Technique.NONE, Technique.INSTRUCTION}
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
