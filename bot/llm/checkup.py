"""What doctor finds out about the language model: whether the embedded one is there, or what its endpoint answers, by
its list of models and one real request, made as an answer makes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from bot.home import Home
from bot.llm.build import endpoint_model
from bot.llm.context import Context
from bot.llm.endpoint import is_local
from bot.llm.model import OpenAILanguageModel
from bot.llm.refusals import Kind
from bot.questions import ask
from bot.settings import Settings
from handlers.errors import CutShort, LanguageModelError
from imaging.findings import Finding, Level, broken, ok, warning
from prompts.request import LanguageRequest, Said

WHAT = "language model"
ROOM_TO_THINK = 4096
"""Tokens of a reply below which a thinking model may come to no answer."""
ONE_TOKEN = LanguageRequest(Said("user", "Answer with: ok"), max_tokens=1)


def packaged(settings: Settings) -> Iterable[Finding]:
    """Whether the embedded model's files are there, where no endpoint is set."""
    if not settings.llm_base_url:
        yield _weights()


def _weights() -> Finding:
    from prompts.tiny.weights_file import ADAPTER, WeightsError, packaged_weights

    try:
        path = packaged_weights()
    except WeightsError as error:
        return broken("language model", str(error))
    if not ADAPTER.exists():
        return broken("language model", f"{ADAPTER} is missing; check the project out again")
    return ok("language model", f"the embedded one is there and unchanged ({path.stat().st_size / 2**20:.0f} MiB)")


async def examine(settings: Settings) -> list[Finding]:
    """What the endpoint lists, and whether it answers. Many answer to names that they do not list."""
    found = await listed(settings.llm_base_url, settings.llm_api_key.get_secret_value())
    return [found] if found.level is Level.BROKEN else [found, *await one_request(settings)]


async def listed(base_url: str, key: str) -> Finding:
    """Ask an OpenAI-compatible endpoint for its models."""
    base_url = base_url.rstrip("/")
    address = f"{base_url}/models"
    try:
        status, names = await _models(address, key)
        if status == 404 and (await _models(f"{base_url}/v1/models", key))[1] is not None:
            return broken(
                WHAT, f"{address} is not there, but {base_url}/v1 lists models: set EASEL_LLM_BASE_URL={base_url}/v1"
            )
    except OSError as error:
        return broken(WHAT, f"{address} cannot be reached ({error}); check EASEL_LLM_BASE_URL")
    if status in (401, 403):
        return broken(WHAT, f"{address} refuses the key ({status}); check EASEL_LLM_API_KEY")
    if status != 200:
        return warning(WHAT, f"{address} answers {status}; the endpoint may work without a model list")
    if names is None:
        return warning(WHAT, f"{address} answers something that is no model list")
    return ok(WHAT, f"{base_url} answers; models: {', '.join(names[:8])}{' …' if len(names) > 8 else ''}")


async def _models(address: str, key: str) -> tuple[int, list[str] | None]:
    """Status, and the names that are listed.

    Raises:
        OSError: nothing answers.
    """
    proxies = not is_local(urlsplit(address).hostname or "")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    status, body, _ = await ask("GET", address, headers, proxies=proxies, redirects=True)
    return status, _names(body) if status == 200 else None


def _names(body: Any) -> list[str] | None:
    try:
        return [str(row["id"]) for row in body["data"]]
    except (KeyError, TypeError):
        return None


async def one_request(settings: Settings) -> list[Finding]:
    """Ask for one token with the real prompt and all parameters; what was refused and left out is told."""
    model = endpoint_model(settings, Home(settings.home))
    try:
        async for _ in model.stream(ONE_TOKEN):
            pass
    except CutShort:
        pass  # one token was all that was asked for
    except LanguageModelError as error:
        if str(error) != Kind.SPENT.value:
            await model.close()
            return [broken(WHAT, f"a request as answers make it fails: {str(error).rstrip('.')}")]
    found = list(_findings(settings, model, await model.context()))
    await model.close()
    return found


def _findings(settings: Settings, model: OpenAILanguageModel, context: Context | None) -> Iterator[Finding]:
    changes = "; ".join(model.manner.changes())
    yield ok(WHAT, f"{model.name} answers a request as answers make it" + (f", with {changes}" if changes else ""))
    if context is not None and context.tokens < settings.llm_context_tokens:
        yield _too_short(settings, model.name, context)
    if model.thinks and settings.llm_max_tokens < ROOM_TO_THINK:
        yield warning(
            WHAT,
            f"{model.name} thinks before it answers, and EASEL_LLM_MAX_TOKENS={settings.llm_max_tokens} holds thoughts "
            f"and answer: set {ROOM_TO_THINK} or more, or EASEL_LLM_EFFORT=low",
        )


def _too_short(settings: Settings, name: str, context: Context) -> Finding:
    wanted = settings.llm_context_tokens
    if context.ollama:
        return warning(
            WHAT,
            f"Ollama gives {name} a context of {context.tokens:,} tokens and cuts what is longer without a word; Easel "
            f"sends no more than that. Start Ollama with OLLAMA_CONTEXT_LENGTH={wanted} for EASEL_LLM_CONTEXT_TOKENS",
        )
    return warning(
        WHAT,
        f"{name} takes {context.tokens:,} tokens, fewer than EASEL_LLM_CONTEXT_TOKENS={wanted}: Easel sends no more",
    )
