"""An export that is too large for one file comes as several, each whole in itself."""

from __future__ import annotations

import io
import random
import zipfile
from dataclasses import replace

import pytest
from PIL import Image

from handlers.export.parts import MAX_PARTS, Exported, export_files
from handlers.marking import Unmarked
from handlers.model import CommandCall, Picture
from tests.fakes import ANNA, THREAD
from tests.handlers.conftest import World


def noise(seed: int, side: int = 64) -> bytes:
    """A PNG that hardly compresses: about three bytes a pixel."""
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(seed).randbytes(side * side * 3)).save(out, "PNG")
    return out.getvalue()


async def fill(world: World, *sides: int) -> list[Picture]:
    """A thread with these pictures."""
    await world.say("foxes", "<image> a fox </image>")
    first = await world.store.picture(THREAD, 1)
    assert first is not None
    await world.store.delete_picture(THREAD, 1)
    for at, side in enumerate(sides):
        number = await world.store.reserve_numbers(THREAD, 1)
        await world.store.add_picture(replace(first, number=number, width=side, height=side), noise(at, side))
    return list(await world.store.gallery(THREAD))


async def exported(world: World, max_bytes: int | None) -> Exported:
    return await export_files(world.store, Unmarked(world.store), THREAD, name="easel", max_bytes=max_bytes)


def contents(export: Exported) -> list[set[str]]:
    return [set(zipfile.ZipFile(io.BytesIO(file.data)).namelist()) for file in export.files]


async def test_what_fits_is_one_file(world: World) -> None:
    await fill(world, 64, 64)
    export = await exported(world, 10**6)
    assert [file.name for file in export.files] == ["easel.zip"]
    assert not export.remarks
    assert {"index.html", "transcript.md", "pictures/2.png", "recipes/3.json"} <= contents(export)[0]


async def test_pictures_that_do_not_fit_beside_each_other_get_files_of_their_own(world: World) -> None:
    pictures = await fill(world, *[64] * 6)
    export = await exported(world, 40_000)
    assert all(len(file.data) <= 40_000 for file in export.files)
    assert [file.name for file in export.files][:2] == ["easel.zip", "easel-pictures-1.zip"]
    first, *rest = contents(export)
    assert {"index.html", "transcript.md"} <= first
    assert set().union(*rest) == {f"pictures/{picture.number}.png" for picture in pictures}
    for file in export.files[1:]:
        archive = zipfile.ZipFile(io.BytesIO(file.data))
        for name in archive.namelist():
            number = int(name.removeprefix("pictures/").removesuffix(".png"))
            stored = next(picture.sha256 for picture in pictures if picture.number == number)
            assert archive.read(name) == await world.store.picture_bytes(stored)


async def test_one_picture_over_the_limit_is_made_smaller_and_that_is_said(world: World) -> None:
    await fill(world, 200, 32)
    export = await exported(world, 40_000)
    names = set().union(*contents(export))
    assert {"pictures/2.webp", "pictures/3.png"} <= names or {"pictures/2.jpg", "pictures/3.png"} <= names
    assert export.remarks == ("Picture 2 is too large to be sent and was made smaller.",)


async def test_what_no_message_could_carry_is_counted(world: World) -> None:
    await fill(world, *[64] * 14)
    export = await exported(world, 20_000)
    assert len(export.files) == MAX_PARTS
    assert "5 oldest pictures did not fit" in export.remarks[0]
    assert "pictures/15.png" in set().union(*contents(export))


@pytest.mark.parametrize("limit", [None, 30_000])
async def test_the_command_hands_over_what_the_chat_can_take(world: World, limit: int | None) -> None:
    await fill(world, *[64] * 3)
    answer = await world.desk.command(CommandCall("c", THREAD, ANNA, "export", max_file_bytes=limit))
    assert len(answer.files) == (1 if limit is None else 3)
    assert answer.text == "Here is this thread."
