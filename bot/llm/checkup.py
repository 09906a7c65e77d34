"""What doctor finds out about the language model's endpoint: by one real request, made as an answer makes it."""

from __future__ import annotations

from collections.abc import Iterator

from bot.home import Home
from bot.llm.build import endpoint_model
from bot.llm.context import Context
from bot.llm.model import OpenAILanguageModel
from bot.llm.refusals import Kind
from bot.settings import Settings
from handlers.errors import CutShort, LanguageModelError
from imaging.findings import Finding, broken, ok, warning
from prompts.request import LanguageRequest, Said

WHAT = "language model"
ROOM_TO_THINK = 4096
"""Tokens of a reply below which a thinking model may come to no answer."""
ONE_TOKEN = LanguageRequest(Said("user", "Answer with: ok"), max_tokens=1)


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
