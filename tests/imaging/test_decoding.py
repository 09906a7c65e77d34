"""Pictures from outside are opened in processes of their own: none of them stalls or ends what serves people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from imaging.decoding.pool import TOO_LONG, TOO_MUCH, Budget, Closed, Decoders
from imaging.errors import BadPicture
from tests.bombs import BOMBS, encoded, fuzzed, real_webp, seeds
from tests.imaging.samples import PLANTED

SMALL = seeds()["png"]


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    made = Decoders()
    yield made
    made.close()


def children() -> list[psutil.Process]:
    found = psutil.Process().children()
    return [child for child in found if "imaging.decoding.child" in " ".join(child.cmdline())]


def opened_or_refused(decoders: Decoders, data: bytes) -> None:
    sentence, side = "", 0
    try:
        clean = decoders.read_now(data)
        side = max(clean.width, clean.height)
    except BadPicture as error:
        sentence = str(error)
    assert side <= 2048
    assert side or sentence.endswith(".")


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_opened_within_its_limits_or_refused_with_a_sentence(decoders: Decoders, name: str) -> None:
    opened_or_refused(decoders, BOMBS[name]())
    assert decoders.read_now(SMALL).width == 48


def test_damaged_files_are_opened_or_refused_and_leave_nothing_behind(decoders: Decoders) -> None:
    for _, data in fuzzed(200):
        opened_or_refused(decoders, data)
    assert decoders.read_now(SMALL).width == 48


def noisy_jpeg() -> bytes:
    """As many pixels as are taken, each another, in scans: twice the second of processor time that the test allows."""
    noise = Image.effect_noise((4990, 5000), 90)
    return encoded(Image.merge("RGB", (noise,) * 3), "JPEG", quality=50, progressive=True)


def large_png() -> bytes:
    return encoded(Image.new("RGBA", (4900, 5000)), "PNG", compress_level=1)


@pytest.mark.parametrize(
    ("budget", "make", "sentence"),
    [
        (Budget(cpu_s=1), noisy_jpeg, TOO_LONG),
        (Budget(wall_s=0.3), real_webp, TOO_LONG),
        (Budget(memory=180 << 20), large_png, TOO_MUCH),
    ],
    ids=["processor", "clock", "memory"],
)
def test_what_costs_too_much_is_told_and_the_next_is_opened(
    budget: Budget, make: Callable[[], bytes], sentence: str
) -> None:
    data = make()
    decoders = Decoders(1, budget)
    try:
        with pytest.raises(BadPicture) as told:
            decoders.read_now(data)
        assert str(told.value) == sentence
        if budget.wall_s > 1:
            assert decoders.read_now(SMALL).width == 48
    finally:
        decoders.close()


def test_a_process_that_has_gone_between_two_files_is_replaced() -> None:
    decoders = Decoders(1)
    try:
        decoders.read_now(SMALL)
        for child in children():
            child.kill()
            child.wait()
        assert decoders.read_now(SMALL).width == 48
    finally:
        decoders.close()


def test_nothing_runs_before_the_first_file_or_after_the_end_and_no_token_goes_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EASEL_SLACK_BOT_TOKEN", "xoxb-secret")
    before = {child.pid for child in children()}
    decoders = Decoders()
    assert {child.pid for child in children()} == before
    decoders.read_now(SMALL)
    (mine,) = [child for child in children() if child.pid not in before]
    assert not [name for name in mine.environ() if name.startswith("EASEL_")]
    decoders.close()
    assert not mine.is_running()
    with pytest.raises(Closed):
        decoders.read_now(SMALL)


def test_no_program_is_taken_from_the_folder_that_it_was_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text(PLANTED)
    monkeypatch.chdir(tmp_path)
    decoders = Decoders()
    try:
        decoders.read_now(SMALL)
    finally:
        decoders.close()
    assert not (tmp_path / "ran").exists()


async def test_one_persons_slow_files_leave_room_for_another() -> None:
    decoders = Decoders(2)
    slow = encoded(Image.new("RGBA", (1600, 1600), (1, 2, 3, 90)), "WEBP", lossless=True, method=0)
    order = []

    async def read(owner: str, data: bytes) -> None:
        await decoders.read(data, owner=owner)
        order.append(owner)

    try:
        first = [asyncio.create_task(read("anna", slow)) for _ in range(3)]
        await asyncio.sleep(0)
        await read("ben", SMALL)
        assert order.count("anna") <= 1
        await asyncio.gather(*first)
    finally:
        decoders.close()
    assert sorted(order) == ["anna"] * 3 + ["ben"]
