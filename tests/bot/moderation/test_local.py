"""The classifier on this machine: what its findings mean, off the event loop, and how it fails."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bot.moderation.local import LocalClassifier
from handlers.moderation.model import Category, Kind, Subject, Weight
from handlers.ports import ModeratorUnavailable
from tests.fakes import png

PICTURE = Subject(Kind.PICTURE, "a boat", png(7))


class Detector:
    def __init__(self, *parts: tuple[str, float]) -> None:
        self.parts = parts
        self.threads: set[str] = set()
        self.loads = 0

    def load(self) -> Any:
        self.loads += 1
        return self.detect

    def detect(self, picture: bytes) -> Sequence[Mapping[str, Any]]:
        assert picture.startswith(b"\x89PNG")
        self.threads.add(threading.current_thread().name)
        return [{"class": name, "score": score, "box": [0, 0, 1, 1]} for name, score in self.parts]


@pytest.mark.parametrize(
    ("part", "score", "weight"),
    [
        ("FEMALE_BREAST_EXPOSED", 0.8, Weight.CLEAR),
        ("MALE_GENITALIA_EXPOSED", 0.4, Weight.BORDERLINE),
        ("MALE_GENITALIA_EXPOSED", 0.2, None),
        ("BUTTOCKS_EXPOSED", 0.99, Weight.BORDERLINE),
        ("FACE_FEMALE", 0.99, None),
        ("BELLY_EXPOSED", 0.99, None),
        ("MALE_BREAST_EXPOSED", 0.99, None),
    ],
)
async def test_parts_of_the_body_become_findings(part: str, score: float, weight: Weight | None) -> None:
    classifier = LocalClassifier(timeout_s=30, load=Detector((part, score)).load)
    found = await classifier.look(PICTURE)
    assert [(one.category, one.weight) for one in found] == ([] if weight is None else [(Category.SEXUAL, weight)])
    await classifier.close()


async def test_it_is_loaded_once_and_works_in_a_thread_of_its_own() -> None:
    detector = Detector()
    classifier = LocalClassifier(timeout_s=30, load=detector.load)
    assert await classifier.look(Subject(Kind.DESCRIPTION, "a boat")) == ()
    assert detector.loads == 0
    for _ in range(2):
        await classifier.look(PICTURE)
    assert detector.loads == 1
    assert detector.threads == {"classifier_0"}
    await classifier.close()


async def test_those_that_wait_for_others_are_not_late() -> None:
    def slowly(picture: bytes) -> list[Mapping[str, Any]]:
        time.sleep(0.5)
        return []

    classifier = LocalClassifier(timeout_s=1.5, load=lambda: slowly)
    assert await asyncio.gather(*(classifier.look(PICTURE) for _ in range(4))) == [[]] * 4
    await classifier.close()


async def test_one_that_is_not_there_breaks_or_hangs_says_so() -> None:
    absent = LocalClassifier(timeout_s=30)
    with pytest.raises(ModeratorUnavailable, match="ModuleNotFoundError"):
        await absent.look(PICTURE)
    broken = LocalClassifier(timeout_s=30, load=lambda: lambda picture: [{"class": 1}])
    with pytest.raises(ModeratorUnavailable, match="KeyError"):
        await broken.look(PICTURE)
    with pytest.raises(ModeratorUnavailable, match="UnidentifiedImageError"):
        await LocalClassifier(timeout_s=30, load=Detector().load).look(Subject(Kind.PICTURE, "", b"none"))
    go = threading.Event()

    def wait(picture: bytes) -> list[Mapping[str, Any]]:
        go.wait(10)
        return []

    slow = LocalClassifier(timeout_s=0.1, load=lambda: wait)
    with pytest.raises(ModeratorUnavailable, match="no judgement in"):
        await slow.look(PICTURE)
    go.set()
