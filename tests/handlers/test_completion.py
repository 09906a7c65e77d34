"""What is offered while somebody types an option."""

from __future__ import annotations

import pytest

from handlers.commands import COMMANDS
from handlers.completion import complete, completes
from handlers.model import Option, OptionKind
from prompts.adapter import style_names
from tests.fakes import THREAD
from tests.handlers.conftest import World

PICTURE = Option("picture", "Which", OptionKind.PICTURE)


async def labels(world: World, option: Option, typed: str = "") -> list[str]:
    return [found.label for found in await complete(world.store, THREAD, option, typed)]


async def test_pictures_come_newest_first_by_number_or_words(world: World) -> None:
    for words in ("a red fox", "a boat", "a blue fox"):
        await world.say(words, f"<image> {words} </image>")
    assert await labels(world, PICTURE) == ["#3 a blue fox", "#2 a boat", "#1 a red fox"]
    assert await labels(world, PICTURE, "#2") == ["#2 a boat"]
    assert await labels(world, PICTURE, "FOX") == ["#3 a blue fox", "#1 a red fox"]
    assert [found.value for found in await complete(world.store, THREAD, PICTURE, "boat")] == [2]


async def test_styles_are_the_presets_and_the_way_back(world: World) -> None:
    row = next(spec for spec in COMMANDS if spec.name == "settings")
    style = next(option for option in row.options if option.name == "style")
    assert await labels(world, style) == [*style_names(), "default"]
    assert (await labels(world, style, "PIX"))[0] == "pixel-art"
    assert await labels(world, style, "no such style") == []


@pytest.mark.parametrize("most", [2, 25])
async def test_choices_are_completed_where_the_platform_cannot_list_them(world: World, most: int) -> None:
    option = Option("size", "Shape", OptionKind.CHOICE, choices=("square", "wide", "tall"))
    assert completes(option, most) is (most == 2)
    assert await labels(world, option, "a") == ["square", "tall"]
    assert not completes(Option("text", "Words"), most)
