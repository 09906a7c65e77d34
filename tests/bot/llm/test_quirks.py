"""Every recorded quirk of an endpoint, through the model and through a whole answer."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bot.llm.manner import RequestOptions
from bot.llm.model import OpenAILanguageModel
from bot.llm.patience import Patience
from bot.store.store import SqliteStore
from handlers.desk import Desk
from handlers.errors import LanguageModelError
from prompts.request import LanguageRequest, Said
from prompts.system import estimate_tokens
from prompts.thoughts import without_thoughts
from tests.fakes import FakeChat, FakePictures, FolderFiles, message, words
from tests.peers.endpoint_peer import EndpointPeer, Quirk
from tests.peers.endpoint_quirks import QUIRKS

PATIENCE = Patience(
    connect_s=2.0, first_token_s=1.0, idle_s=0.5, backoff_s=0.001, longest_wait_s=0.02, grace_s=0.2, silent_tokens=3000
)
ASKED = LanguageRequest(
    Said("user", "a fox"),
    history=tuple(
        Said(role, f"{role} {n} " + "words " * 40) for n in range(40) for role in ("user", "user", "assistant")
    ),
)
NAMED = [pytest.param(quirk, id=f"{quirk.family}: {quirk.name}") for quirk in QUIRKS]


def build(peer: EndpointPeer, used: list[tuple[int, int]]) -> OpenAILanguageModel:
    def count(prompt: int, completion: int) -> None:
        used.append((prompt, completion))
        if peer.quirk.name == "a meter that fails":
            raise ValueError("no meter today")

    settings: dict[str, Any] = {"options": RequestOptions(50), "patience": PATIENCE, **peer.quirk.settings}
    return OpenAILanguageModel(peer.base_url, peer.quirk.model, "key", context_tokens=6000, used=count, **settings)


@pytest.mark.parametrize("quirk", NAMED)
async def test_a_quirk_gives_what_is_written_beside_it(quirk: Quirk) -> None:
    used: list[tuple[int, int]] = []
    said, told = "", ""
    async with EndpointPeer(quirk) as peer:
        model = build(peer, used)
        try:
            async for piece in model.stream(ASKED):
                said += piece
        except LanguageModelError as error:
            told = str(error)
        finally:
            await model.close()
    assert said == quirk.text
    assert (quirk.told in told) if quirk.told else not told, told
    assert len(peer.requests) == quirk.asks
    assert used == ([quirk.used] if quirk.used else [])
    assert "draft" not in said + told
    assert "127.0.0.1" not in told
    check_request(peer.requests[-1], quirk)


def check_request(sent: dict[str, Any], quirk: Quirk) -> None:
    roles = [said["role"] for said in sent["messages"]]
    for name, value in quirk.sent.items():
        match name:
            case "roles":
                assert set(roles) == value
                assert all(one != other for one, other in pairwise(roles))
            case "alternates":
                assert all(one != other for one, other in pairwise(roles))
            case "prompt_below":
                assert sum(estimate_tokens(said["content"]) for said in sent["messages"]) < value
            case _:
                assert sent.get(name) == value, name
    assert sent["messages"][-1]["role"] == "user"


@pytest.mark.parametrize("quirk", [case for case in NAMED if "draft" in repr(case.values[0])])
async def test_no_draft_is_shown_stored_or_drawn(quirk: Quirk, tmp_path: Path) -> None:
    chat, pictures = FakeChat(), FakePictures()
    store = await SqliteStore.open(tmp_path / "easel.db", FolderFiles(tmp_path / "pictures"))
    async with EndpointPeer(quirk) as peer:
        model = build(peer, [])
        desk = Desk(store, model, pictures, {chat.name: chat})
        incoming = message("a fox")
        await desk.receive(incoming)
        await desk.close()
        await model.close()
    turns = await store.turns(incoming.thread)
    await store.close()
    assert chat.last.final
    assert "draft" not in " ".join(words(reply) for reply in chat.opened[0].snapshots)
    assert "draft" not in " ".join(turn.text for turn in turns)
    assert not [request for request in pictures.requests.values() if "draft" in request.recipe.prompt]
    assert without_thoughts(turns[-1].text) == turns[-1].text


FAMILIES = (
    "OpenAI",
    "Azure",
    "Anthropic",
    "Gemini",
    "Mistral",
    "OpenRouter",
    "xAI",
    "DeepSeek",
    "Groq",
    "Ollama",
    "vLLM",
    "SGLang",
    "llama.cpp",
    "LM Studio",
    "LocalAI",
    "LiteLLM",
)


def test_the_page_for_hosts_and_the_table_know_the_same_families() -> None:
    page = (Path(__file__).parents[3] / "docs" / "compatibility.md").read_text(encoding="utf-8")
    section = page.partition("## Language model endpoints")[2].partition("\n## ")[0]
    for family in FAMILIES:
        assert f"| {family} |" in section
        assert any(family in quirk.family for quirk in QUIRKS), family
