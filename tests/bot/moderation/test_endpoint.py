"""The moderation endpoint: what is sent, what its answers mean, and how it fails."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from bot.moderation.endpoint import LONGEST_SIDE, ModerationEndpoint
from handlers.moderation.model import Category, Kind, Subject, Weight
from handlers.ports import ModeratorUnavailable
from tests.peers.moderation_peer import ModerationPeer, result

TEXT = Subject(Kind.DESCRIPTION, "a boat")
PATIENT = 10.0


@pytest.fixture
async def peer() -> AsyncIterator[ModerationPeer]:
    async with ModerationPeer() as running:
        yield running


@pytest.fixture
async def endpoint(peer: ModerationPeer) -> AsyncIterator[ModerationEndpoint]:
    made = ModerationEndpoint(peer.base_url, "sk-secret", "omni-moderation-latest", timeout_s=PATIENT)
    yield made
    await made.close()


def picture(colour: str, side: int = 64) -> Subject:
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, "PNG")
    return Subject(Kind.PICTURE, "a boat", out.getvalue())


async def found(endpoint: ModerationEndpoint, subject: Subject) -> list[tuple[Category, Weight]]:
    return [(finding.category, finding.weight) for finding in await endpoint.look(subject)]


async def test_words_and_pictures_are_sent_as_the_endpoint_takes_them(
    peer: ModerationPeer, endpoint: ModerationEndpoint
) -> None:
    assert await found(endpoint, TEXT) == []
    assert await found(endpoint, picture("red", 2 * LONGEST_SIDE)) == []
    words, shown = peer.requests
    assert words == {"model": "omni-moderation-latest", "input": "a boat"}
    assert [part["type"] for part in shown["input"]] == ["image_url"]
    assert {headers["Authorization"] for headers in peer.headers} == {"Bearer sk-secret"}


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({"sexual": 0.95}, [(Category.SEXUAL, Weight.CLEAR)]),
        ({"sexual": 0.6}, [(Category.SEXUAL, Weight.BORDERLINE)]),
        ({"sexual": 0.4}, [(Category.SEXUAL, Weight.BORDERLINE)]),
        ({"sexual": 0.2}, []),
        ({"sexual/minors": 0.5}, [(Category.MINORS, Weight.CLEAR)]),
        ({"violence": 0.99}, [(Category.VIOLENCE, Weight.BORDERLINE)]),
        ({"violence/graphic": 0.9}, [(Category.VIOLENCE, Weight.CLEAR)]),
        ({"hate/threatening": 0.9}, [(Category.HATE, Weight.CLEAR)]),
        ({"harassment": 0.9}, [(Category.HATE, Weight.BORDERLINE)]),
        ({"self-harm/intent": 0.9}, [(Category.SELF_HARM, Weight.CLEAR)]),
        ({"illicit": 0.99}, []),
    ],
)
async def test_categories_and_scores_become_findings(
    peer: ModerationPeer, endpoint: ModerationEndpoint, scores: dict[str, float], expected: list[Any]
) -> None:
    peer.words["boat"] = scores
    assert await found(endpoint, TEXT) == expected


async def test_a_picture_is_judged_by_what_it_shows(peer: ModerationPeer, endpoint: ModerationEndpoint) -> None:
    peer.colours["red"] = {"sexual": 0.9, "sexual/minors": 0.99}  # the second is of words alone
    assert await found(endpoint, picture("red")) == [(Category.SEXUAL, Weight.CLEAR)]
    assert await found(endpoint, picture("green")) == []


@pytest.mark.parametrize(("sees", "asked"), [("both", 2), ("words", 1), ("pictures", 1)])
async def test_only_what_it_sees_is_sent(peer: ModerationPeer, sees: Any, asked: int) -> None:
    endpoint = ModerationEndpoint(f"{peer.base_url}/moderations/", "", "m", timeout_s=PATIENT, sees=sees)
    for subject in (TEXT, picture("red"), Subject(Kind.UPLOAD)):
        assert await endpoint.look(subject) in ([], ())
    await endpoint.close()
    assert len(peer.requests) == asked


def answers(body: Any, status: int = 200) -> web.Response:
    return web.json_response(body, status=status)


GARBAGE = {
    "not JSON": lambda: web.Response(text="<html>hello</html>"),
    "no results": lambda: answers({"ok": True}),
    "empty results": lambda: answers({"results": []}),
    "other results": lambda: answers({"results": ["fine"]}),
    "a list": lambda: answers([1, 2]),
    "nothing but a flag": lambda: answers({"results": [{"flagged": True}]}),
    "nothing at all": lambda: answers({"results": [{}]}),
    "categories of its own": lambda: answers({"results": [{"flagged": True, "categories": {"S1": True, "S4": False}}]}),
    "no picture taken": lambda: answers({"error": {"message": "image_url is not supported"}}, 400),
    "key refused": lambda: answers({"error": {"message": "sk-secret is wrong"}}, 401),
    "a redirect": lambda: web.Response(status=307, headers={"Location": "http://127.0.0.1:9/"}),
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_an_answer_that_says_nothing_is_no_clearance(
    peer: ModerationPeer, endpoint: ModerationEndpoint, name: str
) -> None:
    peer.scripted.append(GARBAGE[name]())
    with pytest.raises(ModeratorUnavailable) as raised:
        await endpoint.look(TEXT)
    assert "sk-secret" not in str(raised.value)
    assert "boat" not in str(raised.value)
    assert len(peer.requests) == 1


@pytest.mark.parametrize("flags", [{"sexual": "yes"}, {"sexual": None}, {"other": True}])
async def test_strange_flags_and_scores_are_passed_over(
    peer: ModerationPeer, endpoint: ModerationEndpoint, flags: dict[str, Any]
) -> None:
    odd = result({}) | {"categories": flags, "category_scores": {"sexual": "much", "hate": True, "violence": None}}
    peer.scripted.append(answers({"results": [odd]}))
    assert await found(endpoint, TEXT) == []


async def test_flags_without_scores_count(peer: ModerationPeer, endpoint: ModerationEndpoint) -> None:
    peer.scripted.append(answers({"results": [{"flagged": True, "categories": {"sexual": True, "hate": False}}]}))
    assert await found(endpoint, TEXT) == [(Category.SEXUAL, Weight.CLEAR)]


@pytest.mark.parametrize("passing", [429, 503, None])
async def test_a_passing_failure_is_tried_once_more(
    peer: ModerationPeer, endpoint: ModerationEndpoint, passing: int | None
) -> None:
    peer.words["boat"] = {"hate": 0.9}
    peer.scripted.append(None if passing is None else answers({}, passing))
    assert await found(endpoint, TEXT) == [(Category.HATE, Weight.CLEAR)]
    peer.scripted.extend([None if passing is None else answers({}, passing) for _ in range(2)])
    with pytest.raises(ModeratorUnavailable):
        await endpoint.look(TEXT)


async def test_it_is_not_waited_for_longer_than_the_host_says(peer: ModerationPeer) -> None:
    endpoint = ModerationEndpoint(peer.base_url, "", "m", timeout_s=0.2)
    peer.scripted.append(3600.0)
    with pytest.raises(ModeratorUnavailable, match=r"in 0\.2 s"):
        await endpoint.look(TEXT)
    await endpoint.close()


async def test_nobody_there_and_a_picture_that_is_none(endpoint: ModerationEndpoint) -> None:
    with pytest.raises(ModeratorUnavailable, match="cannot be opened"):
        await endpoint.look(Subject(Kind.PICTURE, "", b"no picture"))
    nobody = ModerationEndpoint("http://127.0.0.1:9/v1", "", "m", timeout_s=PATIENT)
    with pytest.raises(ModeratorUnavailable, match="cannot be reached"):
        await nobody.look(TEXT)
    await nobody.close()
