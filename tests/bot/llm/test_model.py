"""The endpoint's language model against a loopback server, through the real SDK."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest

from bot.llm.hearing import CHARS_PER_TOKEN
from bot.llm.model import OpenAILanguageModel
from bot.llm.patience import Patience
from handlers.errors import LanguageModelError
from prompts.request import LanguageRequest, Said
from tests.peers.endpoint_peer import GOOD, EndpointPeer, Quirk
from tests.peers.openai_peer import OpenAIPeer, Reply

ASK = LanguageRequest(Said("user", "hello"))
HASTY = Patience(connect_s=2.0, first_token_s=0.3, idle_s=0.3, tries=3, backoff_s=0.01, longest_wait_s=7.0)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def peer() -> AsyncIterator[OpenAIPeer]:
    async with OpenAIPeer(key="secret") as running:
        yield running


class Asking:
    """A model with the pauses it would have made, and the chunks that came before a failure."""

    def __init__(
        self, peer: OpenAIPeer, *, model: str = "peer-model", key: str = "secret", hasty: bool = False
    ) -> None:
        self.waits: list[float] = []
        self.chunks: list[str] = []
        patience = HASTY if hasty else Patience(first_token_s=20.0, idle_s=20.0, longest_wait_s=7.0)
        self.used: list[tuple[int, int]] = []
        self.model = OpenAILanguageModel(
            peer.base_url, model, key, patience=patience, max_tokens=50,
            used=lambda prompt, completion: self.used.append((prompt, completion)), sleep=self._sleep,
        )  # fmt: skip

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def ask(self, request: LanguageRequest = ASK) -> str:
        try:
            async for chunk in self.model.stream(request):
                self.chunks.append(chunk)
        finally:
            await self.model.close()
        return "".join(self.chunks)


async def test_tokens_are_counted_where_the_endpoint_tells_them(peer: OpenAIPeer) -> None:
    peer.replies.append(Reply(("Hel", "lo")))
    asking = Asking(peer)
    assert await asking.ask() == "Hello"
    assert asking.used == [(7, 2)]


async def test_a_server_that_does_not_know_the_question_is_asked_without_it_from_then_on(peer: OpenAIPeer) -> None:
    peer.replies += [Reply(status=400), Reply(("Hello",)), Reply(("again",))]
    asking = Asking(peer)
    assert await asking.ask() == "Hello"
    await asking.ask()
    assert ["stream_options" in request for request in peer.requests] == [True, False, False]
    assert asking.used == []


async def test_a_reply_comes_in_chunks(peer: OpenAIPeer) -> None:
    peer.replies.append(Reply(("Hel", "lo ", "there")))
    asking = Asking(peer)
    assert await asking.ask() == "Hello there"
    assert asking.chunks == ["Hel", "lo ", "there"]
    assert peer.requests[0]["max_tokens"] == 50
    assert "stop" not in peer.requests[0]


async def test_without_a_name_the_first_listed_model_answers(peer: OpenAIPeer) -> None:
    assert await Asking(peer, model="").ask() == "Hello"
    assert peer.requests[0]["model"] == "peer-model"


async def test_an_endpoint_that_lists_nothing_is_asked_all_the_same() -> None:
    async with EndpointPeer(Quirk("", "", (GOOD,))) as listless:
        model = OpenAILanguageModel(listless.base_url)
        assert await model.list_models() == []
        assert "".join([chunk async for chunk in model.stream(ASK)]) == "Here."
        await model.close()
    assert listless.requests[0]["model"] == "default"


async def test_stop_strings_of_request_and_family_are_sent(peer: OpenAIPeer) -> None:
    peer.models = ["qwen-mini"]
    await Asking(peer, model="qwen-mini").ask(LanguageRequest(Said("user", "x"), stop=("END",)))
    assert peer.requests[0]["stop"] == ["END", "<|im_end|>"]


@pytest.mark.parametrize(("told", "wait"), [("2.5", 2.5), ("900", 7.0)])
async def test_a_busy_endpoint_is_asked_again_when_it_says(peer: OpenAIPeer, told: str, wait: float) -> None:
    peer.replies += [Reply(status=429, headers={"Retry-After": told}), Reply(("ok",))]
    asking = Asking(peer)
    assert await asking.ask() == "ok"
    assert asking.waits == [wait]


async def test_a_server_error_is_tried_again_but_not_for_ever(peer: OpenAIPeer) -> None:
    peer.replies += [Reply(status=503)] * 3
    asking = Asking(peer)
    with pytest.raises(LanguageModelError, match="status 503"):
        await asking.ask()
    assert len(asking.waits) == 2


@pytest.mark.parametrize(
    ("model", "key", "out"),
    [("peer-model", "wrong", "EASEL_LLM_API_KEY"), ("other", "secret", "EASEL_LLM_MODEL")],
)
async def test_wrong_settings_are_named_and_not_retried(peer: OpenAIPeer, model: str, key: str, out: str) -> None:
    with pytest.raises(LanguageModelError, match=out):
        await Asking(peer, model=model, key=key).ask()
    assert len(peer.requests) == 1


async def test_a_stream_that_breaks_keeps_what_came(peer: OpenAIPeer) -> None:
    peer.replies.append(Reply(("one ", "two ", "three"), break_after=2))
    asking = Asking(peer)
    with pytest.raises(LanguageModelError, match="broke off"):
        await asking.ask()
    assert asking.chunks == ["one ", "two "]
    assert len(peer.requests) == 1


async def test_a_stream_that_falls_silent_is_given_up(peer: OpenAIPeer) -> None:
    peer.replies.append(Reply(("one ", "two"), hang_after=1))
    asking = Asking(peer, hasty=True)
    with pytest.raises(LanguageModelError, match="broke off"):
        await asking.ask()
    assert asking.chunks == ["one "]


async def test_an_endpoint_that_never_answers_is_given_up(peer: OpenAIPeer) -> None:
    peer.replies += [Reply(hang_after=0)] * 3
    with pytest.raises(LanguageModelError, match="too long"):
        await Asking(peer, hasty=True).ask()


async def test_an_empty_answer_is_asked_for_once_more(peer: OpenAIPeer) -> None:
    peer.replies += [Reply(()), Reply(("now",))]
    assert await Asking(peer).ask() == "now"
    peer.replies += [Reply(()), Reply(())]
    with pytest.raises(LanguageModelError, match="empty"):
        await Asking(peer).ask()


async def test_an_endless_answer_is_cut(peer: OpenAIPeer) -> None:
    peer.replies.append(Reply(("word " * 10,), endless=True))
    assert len(await Asking(peer).ask()) == 50 * CHARS_PER_TOKEN


async def test_an_endpoint_that_is_not_there_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    model = OpenAILanguageModel(url, "m", patience=HASTY)
    with pytest.raises(LanguageModelError, match="EASEL_LLM_BASE_URL"):
        await model.list_models()
    with pytest.raises(LanguageModelError, match="cannot be reached"):
        [chunk async for chunk in model.stream(ASK)]
    await model.close()


async def test_the_models_are_listed(peer: OpenAIPeer) -> None:
    model = OpenAILanguageModel(peer.base_url, api_key="secret")
    assert await model.list_models() == ["peer-model"]
    await model.close()


async def test_a_reasoning_model_is_asked_in_its_own_words(peer: OpenAIPeer) -> None:
    peer.models = ["gpt-5-mini"]
    await Asking(peer, model="gpt-5-mini").ask(LanguageRequest(Said("user", "x"), stop=("END",)))
    assert peer.requests[0]["max_completion_tokens"] == 50
    assert not {"max_tokens", "temperature", "stop"} & set(peer.requests[0])
