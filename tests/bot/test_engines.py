"""The whole program with two engines: the miniature for new pictures, an endpoint for edits and overflow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from bot.app import Program, program
from bot.doctor import engines
from bot.doctor.device import wanted
from bot.pictures import devices_of, purposes
from bot.quotas import must_be_bounded
from bot.settings import SettingsError, load_settings
from handlers.model import Picture, ThreadKey
from handlers.ports import Chat
from handlers.quota_rules import Unit
from imaging.findings import Level
from imaging.model import ImageRequest, Owner
from tests.fakes import FakeChat, message, pictures, words
from tests.peers.openai_peer import OpenAIPeer, Reply
from tests.waiting import until

THREAD = ThreadKey("web", "-", "home", "engines")
PAID = {"engine_prices": "openai=0.4", "quotas": "1 USD a day in all"}


@asynccontextmanager
async def running(home: Path, peer: OpenAIPeer, **more: Any) -> AsyncIterator[tuple[Program, FakeChat]]:
    settings = load_settings(
        home=home, llm_base_url=peer.base_url, images_base_url=peer.base_url, images_model="gpt-image-1",
        threads=1, steps=4, mark_watermark=False, mark_signature=False, **more,
    )  # fmt: skip
    async with program(settings) as made:
        chat = FakeChat()
        made.attach(chat)
        yield made, chat


async def said(made: Program, chat: FakeChat, peer: OpenAIPeer, event: str, reply: str) -> str:
    peer.replies.append(Reply([reply]))
    await made.parts.handlers.receive(message(event, thread=THREAD))
    return words(chat.last)


async def picture(made: Program, number: int) -> Picture:
    found = await made.parts.store.picture(THREAD, number)
    assert found is not None
    assert found.recipe is not None
    return found


async def test_edits_by_an_endpoint_and_new_pictures_by_the_miniature_until_it_is_busy(tmp_path: Path) -> None:
    hosted = {"edit_engine": "openai", "overflow_engine": "openai", "overflow_after_s": 0}
    paid = {"engine_prices": "openai=0.4", "quotas": "1.2 USD a day in all"}
    async with OpenAIPeer() as peer, running(tmp_path, peer, engine="mini", **hosted, **paid) as (made, chat):
        await said(made, chat, peer, "a", "<image> a cat in the snow </image>")
        await said(made, chat, peer, "b", '<edit prev_id="1"> a dog in the snow </edit>')
        drawn, edited = await picture(made, 1), await picture(made, 2)
        assert drawn.recipe is not None
        assert edited.recipe is not None
        assert (drawn.recipe.engine, edited.recipe.engine) == ("mini", "openai")
        assert edited.recipe.notes == ("openai changes pictures here.",)
        assert len(peer.edits) == 1

        found = await made.parts.readiness()
        assert found.engines == (
            "mini (new pictures): draws; 0 being drawn, 0 waiting",
            "openai (changes, overflow): draws; 0 being drawn, 0 waiting",
        )
        numbers = made.parts.metrics.text().decode()
        for device, engine in (("mini (auto)", "mini"), ("openai (auto)", "openai")):
            assert f'easel_device_up{{device="{device}",engine="{engine}"}} 1.0' in numbers
            assert f'easel_jobs_total{{engine="{engine}"' in numbers

        # The miniature is busy: others draw within the budget, then pictures wait for it again.
        busy = ImageRequest("busy", replace(drawn.recipe, num_inference_steps=200), Owner("-", "x", "y"))
        await made.studio.queue.submit(busy)
        await until(lambda: made.studio.queue.health().running == 1)
        peer.replies.append(Reply([3 * "<image> a cat in the snow </image> "]))
        answering = asyncio.create_task(made.parts.handlers.receive(message("c", thread=THREAD)))
        await until(lambda: len(pictures(chat.last)) == 3)
        await made.studio.queue.cancel("busy", "the test")
        await answering
        spilt = [await picture(made, number) for number in (3, 4, 5)]
        assert [one.recipe.engine for one in spilt if one.recipe] == ["openai", "openai", "mini"]
        assert [one.metrics.get("cost") for one in spilt] == [0.4, 0.4, None]
        assert spilt[2].recipe is not None
        assert spilt[2].recipe.notes[0].endswith("but what may be spent on openai is used up, so it waits.")


async def test_a_restart_without_an_engine_ends_its_pictures_and_goes_on_with_the_others(tmp_path: Path) -> None:
    async with OpenAIPeer() as peer:
        peer.paints.clear()  # the endpoint draws nothing yet
        async with running(tmp_path, peer, engine="openai", edit_engine="mini", thread_engines="mini") as (made, chat):
            peer.replies.append(Reply(["<image> a cat in the snow </image>"]))
            lost = asyncio.create_task(made.parts.handlers.receive(message("a", thread=THREAD)))
            await until(lambda: made.studio.queue.health().running == 1)
            other = replace(THREAD, thread="other")
            await made.parts.store.choose(str(other), {"engine": "mini"})
            peer.replies.append(Reply(["<image> a dog in the snow </image>"]))
            kept = asyncio.create_task(made.parts.handlers.receive(message("b", thread=other)))
            await until(lambda: made.studio.queue.health().running + made.studio.queue.health().waiting == 2)
            for task in (lost, kept):
                task.cancel()
            await asyncio.gather(lost, kept, return_exceptions=True)
        async with running(tmp_path, peer, engine="mini") as (made, chat):
            await made.parts.handlers.resume(cast(Chat, chat))
            await until(lambda: len(chat.replies) == 2)
            told = {reply.thread: words(reply) for reply in chat.replies}
            assert "was to be drawn by openai, which is not here (any more); ask for it again." in told[THREAD]
            drawn = await made.parts.store.picture(other, 1)
            assert drawn is not None
            assert drawn.recipe is not None
            assert drawn.recipe.engine == "mini"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"edit_engine": "dall-e"}, "EASEL_EDIT_ENGINE: Input should be 'mini', "),
        ({"thread_engines": "mini, nobody"}, "EASEL_THREAD_ENGINES: Input should be"),
        ({"edit_engine": "sdxl"}, "EASEL_SDXL_MODEL is empty"),
        ({"overflow_engine": "mini"}, "EASEL_OVERFLOW_ENGINE is EASEL_ENGINE itself"),
        ({"overflow_engine": "openai"}, "say what one picture does, EASEL_ENGINE_PRICES=openai=0.04"),
        ({"overflow_engine": "openai", "engine_prices": "openai=0.04"}, "say how much at most in EASEL_QUOTAS"),
        ({"engine_prices": "openai"}, "EASEL_ENGINE_PRICES: has a part that is not like NAME=VALUE"),
        ({"engine_prices": "openai=cheap"}, "has a price that is no number: 'cheap'"),
        ({"engine_prices": "openai=-1"}, "has a price that is less than 0"),
        ({"engine_devices": "card=cuda:1"}, "EASEL_ENGINE_DEVICES: Input should be"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(wrong: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(images_base_url="https://images.example/v1", **wrong)
    assert sentence in str(error.value)


def test_what_the_engines_are_for_comes_from_the_settings(tmp_path: Path) -> None:
    settings = load_settings(
        home=tmp_path, engine="mini", edit_engine="sdxl", sdxl_model=str(tmp_path), thread_engines=" sdxl,mini ",
        overflow_engine="openai", images_base_url="https://images.example/v1", devices="cuda:0",
        engine_devices="sdxl=cuda:1,cuda:2", **PAID,
    )  # fmt: skip
    assert settings.engines == ("mini", "sdxl", "openai")
    found = purposes(settings)
    assert (found.new, found.edit, found.overflow, found.choosable) == ("mini", "sdxl", "openai", ("sdxl", "mini"))
    assert [list(devices_of(settings, name)) for name in settings.engines] == [
        ["cuda:0"],
        ["cuda:1", "cuda:2"],
        ["auto"],
    ]
    assert wanted(settings) == ["cuda:0", "cuda:1", "cuda:2"]
    assert Unit.PICTURES in must_be_bounded(settings, False)
    (told,) = engines.examine(settings)
    assert (
        "mini draws new pictures; sdxl changes pictures; threads may choose sdxl, mini; openai draws" in told.sentence
    )
    shared = settings.model_copy(update={"engine_devices": ""})
    assert [one.level for one in engines.examine(shared)] == [Level.OK, Level.WARNING]
    assert not list(engines.examine(load_settings(home=tmp_path)))
