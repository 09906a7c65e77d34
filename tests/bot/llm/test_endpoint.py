"""The way to an endpoint: its address as hosts write it, keys, proxies, and nothing of it for people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.llm.efforts import effort_fields
from bot.llm.endpoint import Endpoint, is_local, within
from bot.llm.model import OpenAILanguageModel
from bot.llm.patience import Patience
from handlers.errors import LanguageModelError
from prompts.request import LanguageRequest, Said
from tests.peers.endpoint_peer import GOOD, EndpointPeer, Quirk, refusal
from tests.peers.endpoint_refusals import listed

ASK = LanguageRequest(Said("user", "hello"))


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("https://host.example/v1", "https://host.example/v1/chat/completions"),
        ("https://host.example/v1/", "https://host.example/v1/chat/completions"),
        (" https://host.example/v1/chat/completions ", "https://host.example/v1/chat/completions"),
        ("https://host.example/v1/models", "https://host.example/v1/chat/completions"),
        ("https://x.azure.com/openai/deployments/d?api-version=1", "https://x.azure.com/openai/deployments/d/chat/completions?api-version=1"),
        ("http://user:secret@host.example:81/v1", "http://host.example:81/v1/chat/completions"),
    ],
)  # fmt: skip
def test_an_address_is_understood_as_hosts_write_it(written: str, asked: str) -> None:
    endpoint = Endpoint(written)
    assert endpoint.url("chat/completions") == asked
    assert "secret" not in endpoint.host


@pytest.mark.parametrize(
    ("name", "local"),
    [
        ("127.0.0.1", True), ("localhost", True), ("::1", True), ("ollama", True), ("192.168.1.5", True),
        ("10.0.0.2", True), ("host.docker.internal", True), ("nas.local", True), ("api.openai.com", False),
        ("8.8.8.8", False), ("2001:4860:4860::8888", False),
    ],
)  # fmt: skip
def test_no_proxy_leads_to_this_machine_or_its_network(name: str, local: bool) -> None:
    assert is_local(name) is local


async def test_a_proxy_in_the_environment_is_not_asked_for_a_loopback_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with EndpointPeer(Quirk("", "", (GOOD,))) as peer:
        model = OpenAILanguageModel(peer.base_url, "m")
        assert "".join([piece async for piece in model.stream(ASK)]) == "Here."
        await model.close()


@pytest.mark.parametrize(
    ("key", "header"), [("k", "Bearer k"), (" k\n", "Bearer k"), ("Bearer k", "Bearer k"), ("", None)]
)
async def test_a_key_is_sent_as_it_is_meant(key: str, header: str | None) -> None:
    async with EndpointPeer(Quirk("", "", (GOOD,))) as peer:
        model = OpenAILanguageModel(peer.base_url, "m", key)
        [piece async for piece in model.stream(ASK)]
        await model.close()
    assert peer.headers[0].get("Authorization") == header


@pytest.mark.parametrize(
    ("host", "inside"),
    [("x.ai", True), ("api.x.ai", True), ("fox.ai", False), ("api.x.ai.example", False), ("", False)],
)
def test_a_domain_is_taken_whole(host: str, inside: bool) -> None:
    assert within(host, "openai.com", "x.ai") is inside


async def test_a_key_that_cannot_be_one_is_named_before_anything_is_sent() -> None:
    async with EndpointPeer(Quirk("", "", (GOOD,))) as peer:
        model = OpenAILanguageModel(peer.base_url, "m", "“sk-secret”")
        with pytest.raises(LanguageModelError, match="EASEL_LLM_API_KEY"):
            [piece async for piece in model.stream(ASK)]
        await model.close()
    assert peer.requests == []


@pytest.mark.parametrize(("local", "connections"), [(False, 1), (True, 6)])
async def test_connections_are_kept_where_the_way_is_long(
    local: bool, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Endpoint, "local", local)
    async with EndpointPeer(Quirk("", "", (GOOD,), models={"data": []})) as peer:
        model = OpenAILanguageModel(peer.base_url, "m")
        for _ in range(6):
            [piece async for piece in model.stream(ASK)]
        await model.close()
    assert len(peer.connections) == connections


async def test_the_context_is_asked_again_of_a_server_that_was_not_there() -> None:
    quirk = Quirk("", "", (refusal(503, "nobody is here"), GOOD))
    async with EndpointPeer(quirk) as peer:
        hasty = Patience(tries=1)
        model = OpenAILanguageModel(peer.base_url, "some-model", patience=hasty, context_tokens=6000)
        with pytest.raises(LanguageModelError):
            [piece async for piece in model.stream(ASK)]
        peer.quirk = replace(quirk, models=listed(max_model_len=900))
        [piece async for piece in model.stream(ASK)]
        context = await model.context()
        await model.close()
    assert context is not None
    assert context.tokens == 900


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("/home/host/models/qwen3-8b.gguf", "qwen3-8b.gguf"), ("C:\\models\\qwen3.gguf", "qwen3.gguf"),
        ("~/m/x.gguf", "x.gguf"), ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B"), ("qwen3:8b", "qwen3:8b"),
        ("", "the language model"),
    ],
)  # fmt: skip
def test_people_are_told_no_path_of_a_model(model: str, name: str) -> None:
    assert OpenAILanguageModel("http://127.0.0.1:9/v1", model).name == name


async def test_people_are_told_no_address_user_or_password(caplog: pytest.LogCaptureFixture) -> None:
    model = OpenAILanguageModel("http://user:secret@127.0.0.1:9/v1", "", "key")
    assert "127.0.0.1" not in model.name
    with pytest.raises(LanguageModelError) as caught:
        [piece async for piece in model.stream(ASK)]
    await model.close()
    for words in ("127.0.0.1", "user", "secret"):
        assert words not in str(caught.value)
    assert "127.0.0.1:9" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("host", "local", "effort", "name"),
    [
        ("api.openai.com", False, "low", "reasoning_effort"),
        ("openrouter.ai", False, "low", "reasoning"),
        ("api.anthropic.com", False, "low", "thinking"),
        ("api.deepseek.com", False, "none", "thinking"),
        ("dashscope.aliyuncs.com", False, "none", "enable_thinking"),
        ("localhost", True, "none", "chat_template_kwargs"),
        ("notopenrouter.ai", False, "low", "reasoning_effort"),
    ],
)
def test_effort_has_each_endpoints_own_name(host: str, local: bool, effort: str, name: str) -> None:
    assert name in effort_fields(effort, host, local=local)
