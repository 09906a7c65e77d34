"""Doctor: what is broken is named with the way out, and the exit code says so."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from pydantic import SecretStr
from safetensors.numpy import save_file

from bot.chats.web import checkup as page
from bot.cli import main
from bot.doctor import device, uploads
from bot.doctor import home as doctor_home
from bot.doctor.doctor import examine
from bot.llm.checkup import listed
from bot.people import Register
from bot.private import DATABASES
from bot.probes import Probes
from bot.questions import ask
from bot.settings import Settings, load_settings
from imaging.engine_table import declared
from imaging.findings import Finding, Level


@asynccontextmanager
async def models(handler: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """An endpoint with one route, `/v1/models`; yields its base address."""
    app = web.Application()
    app.router.add_get("/v1/models", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "home", web_port=0)


def by_what(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings}


def worst(findings: list[Finding]) -> list[str]:
    return [finding.sentence for finding in findings if finding.level is Level.BROKEN]


@pytest.mark.slow
async def test_a_fresh_machine_is_fine(settings: Settings) -> None:
    findings = await examine(settings)
    assert worst(findings) == []
    assert "torch" in by_what(findings)["device"].sentence


async def test_a_gpu_that_is_not_there_is_broken(settings: Settings) -> None:
    (finding,) = await device.examine(settings.model_copy(update={"devices": "cuda:63"}))
    assert finding.level is Level.BROKEN
    assert "cuda:63" in finding.sentence


async def test_an_endpoint_shows_its_models() -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer key"
        return web.json_response({"data": [{"id": "small"}, {"id": "large"}]})

    async with models(handler) as url:
        good = await listed(url, "key")
    assert good.level is Level.OK
    assert "large" in good.sentence


async def test_an_endpoint_without_its_v1_is_told_with_it() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "small"}]})

    async with models(handler) as url:
        finding = await listed(url.removesuffix("/v1"), "")
    assert finding.level is Level.BROKEN
    assert finding.sentence.endswith(f"set EASEL_LLM_BASE_URL={url}")


@pytest.mark.parametrize(
    ("status", "body", "level", "words"),
    [
        (401, "", Level.BROKEN, "EASEL_LLM_API_KEY"),
        (404, "", Level.WARNING, "404"),
        (200, "<html>", Level.WARNING, "no model list"),
        (200, '{"data": 3}', Level.WARNING, "no model list"),
        (200, "[" * 100_000, Level.WARNING, "no model list"),
    ],
)
async def test_an_endpoint_that_answers_oddly(status: int, body: str, level: Level, words: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    async with models(handler) as url:
        finding = await listed(url, "")
    assert finding.level is level
    assert words in finding.sentence


async def test_an_endpoint_that_is_not_there_is_broken() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    finding = await listed(f"http://127.0.0.1:{port}/v1", "")
    assert finding.level is Level.BROKEN
    assert "EASEL_LLM_BASE_URL" in finding.sentence


async def test_tokens_of_the_wrong_shape_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(
        home=tmp_path, web_port=0, engine="openai", images_base_url="http://127.0.0.1:9/v1",
        discord_token="Bot abc", slack_bot_token="xapp-1", slack_app_token="xoxb-1",
    )  # fmt: skip
    said = " ".join(worst(await examine(settings)))
    for name in ("EASEL_DISCORD_TOKEN", "EASEL_SLACK_BOT_TOKEN", "EASEL_SLACK_APP_TOKEN", "EASEL_IMAGES_BASE_URL"):
        assert name in said
    assert "Bot abc" not in said


@pytest.mark.parametrize("name", DATABASES)
def test_every_database_is_looked_at(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"this is no database at all" * 100)
    [said] = worst(list(doctor_home.databases(load_settings(home=tmp_path))))
    assert f"{name} is damaged" in said


async def test_a_damaged_database_a_taken_port_and_a_missing_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "easel.db").write_bytes(b"this is no database at all" * 100)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = load_settings(
            home=tmp_path, web_port=taken.getsockname()[1], engine="sdxl", sdxl_model="/no/such/model.safetensors"
        )
        findings = await examine(settings)
    said = " ".join(worst(findings))
    assert "damaged" in said
    assert "EASEL_SDXL_MODEL" in said
    assert by_what(findings)["web page"].level is Level.WARNING


@pytest.mark.parametrize(
    ("model", "level", "says"),
    [
        ("style.safetensors", Level.BROKEN, "is a LoRA: name it in EASEL_LORAS"),
        ("cut.safetensors", Level.BROKEN, "damaged or cut off"),
        ("models/missing.safetensors", Level.BROKEN, "neither a file, a folder nor a hub id"),
        ("stabilityai/stable-diffusion-xl-base-1.0", Level.WARNING, "fetched from the hub"),
        ("folder", Level.OK, "is there"),
    ],
)
async def test_a_checkpoint_is_looked_into_before_anybody_asks_for_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, level: Level, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    save_file({"lora_unet_x.lora_up.weight": np.zeros(1)}, tmp_path / "style.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(b"\x08\0\0")
    (tmp_path / "folder").mkdir()
    found = by_what(await examine(load_settings(home=tmp_path, web_port=0, engine="sdxl", sdxl_model=model)))
    assert found["picture model"].level is level
    assert says in found["picture model"].sentence


def test_wrong_settings_are_findings_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EASEL_WEB_PORT", "-1")
    assert main(["doctor", "--json", str(tmp_path / "d.json")]) == 1
    assert "BROKEN   settings: EASEL_WEB_PORT" in capsys.readouterr().out
    assert "EASEL_WEB_PORT" in (tmp_path / "d.json").read_text()


@pytest.mark.parametrize("name", [".easel-doctor", ".easel-probe"])
async def test_looking_at_the_disk_follows_no_link_that_somebody_planted(name: str, tmp_path: Path) -> None:
    home, precious = tmp_path / "home", tmp_path / "precious"
    home.mkdir()
    precious.write_text("words")
    (home / name).symlink_to(precious)
    assert worst(list(doctor_home.disk(load_settings(home=home)))) == []
    assert Probes._disk(Probes(home, None, None, list, (), None, min_free_mib=1)) is None  # type: ignore[arg-type]
    assert precious.read_text() == "words"
    assert [path.name for path in home.iterdir()] == [name]


def test_pictures_of_people_can_be_opened(settings: Settings) -> None:
    (finding,) = uploads.examine(settings)
    assert finding.level is Level.OK


@pytest.mark.parametrize(
    ("wanted", "listed", "level", "words"),
    [
        ("", [{"id": "gpt-5"}, {"id": "gpt-image-2"}], Level.OK, "gpt-image-2 draws"),
        ("gpt-image-2", [{"id": "gpt-image-2"}], Level.OK, "models: gpt-image-2"),
        ("gpt-image-1", [{"id": "gpt-image-2"}], Level.BROKEN, "has no model 'gpt-image-1'; it lists gpt-image-2"),
        ("old", [{"id": "old", "shutdown_date": "2026-01-31"}], Level.BROKEN, "was shut down on 2026-01-31"),
        ("old", [{"id": "old", "shutdown_date": "2126-01-31"}], Level.WARNING, "will be shut down on 2126-01-31"),
        ("", "nonsense", Level.WARNING, "no model list"),
    ],
)
async def test_an_images_endpoint_tells_its_models_and_when_they_end(
    tmp_path: Path, wanted: str, listed: object, level: Level, words: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"data": listed})

    async with models(answer) as base_url:
        settings = load_settings(home=tmp_path, engine="openai", images_base_url=base_url, images_model=wanted)
        (finding,) = await declared("openai").examine(settings.plain(), ask)
    assert finding.level is level
    assert words in finding.sentence


async def test_an_images_endpoint_that_sends_elsewhere_is_not_followed(tmp_path: Path) -> None:
    async def away(_: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("http://127.0.0.1:1/v1/models")

    async with models(away) as base_url:
        settings = load_settings(home=tmp_path, engine="openai", images_base_url=base_url)
        (finding,) = await declared("openai").examine(settings.plain(), ask)
    assert finding.level is Level.BROKEN
    assert "redirect" in finding.sentence


def test_what_doctor_says_of_the_page(tmp_path: Path) -> None:
    def said(**settings: Any) -> list[str]:
        found = page.page(Settings(home=tmp_path, **settings))
        return [f"{finding.level}: {finding.sentence}" for finding in found]

    slack = {"slack_bot_token": SecretStr("xoxb-1"), "slack_signing_secret": SecretStr("x")}
    assert said() == []
    assert ["closed: Slack" in line for line in said(web_public_url="https://easel.example", **slack)] == [True]
    password = SecretStr("long enough")
    for place in ({"web_host": "0.0.0.0"}, {"web_public_url": "http://easel.example"}):
        assert ["without TLS" in line for line in said(web_password=password, **place)] == [True]
    assert said(web_host="0.0.0.0", web_password=password, web_public_url="https://easel.example") == []
    assert ["easel invite" in line for line in said(web_login="invitation")] == [True]
    register = Register(tmp_path / "people.db")
    _, token = register.invite()
    assert [line.endswith(": 0") for line in said(web_login="invitation")] == [True]
    register.join(token, "Anna")
    register.close()
    assert [line.endswith(": 1") for line in said(web_login="invitation")] == [True]
