"""How many tokens a model takes, asked of the servers that tell: each family has another place for it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import aiohttp

from bot.llm.endpoint import Endpoint

log = logging.getLogger(__name__)

PATIENCE_S: Final = 3.0
OLLAMA_DEFAULT: Final = 4096
"""Tokens that Ollama gives a model on a small machine unless it is told otherwise; it cuts the rest silently."""
_ROW_KEYS: Final = ("max_model_len", "loaded_context_length", "context_length", "context_window", "max_context_length",
                    "max_input_tokens")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Context:
    """`tokens` of prompt and reply together; `ollama`: Ollama told it; `sure`: it is the loaded model's."""

    tokens: int
    ollama: bool = False
    sure: bool = True
    template_thinks: bool = False
    """The chat template knows of thoughts, and may open them itself."""


async def ask_context(endpoint: Endpoint, model: str) -> Context | None:
    """None where the server does not tell; never raises, never takes longer than a moment."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            status, body = await endpoint.ask("models")
            row = _row(body, model) if status == 200 else None
            listed = _tokens(row or {})
            owner = str((row or {}).get("owned_by", "")).casefold()
            if owner in _OWNERS:
                asked = [_OWNERS[owner]]
            else:
                asked = list(_OWNERS.values()) if endpoint.local and listed is None else []
            for ask in asked:
                # A list may tell of the whole server what its slots share.
                if (found := await ask(endpoint, model)) is not None:
                    return replace(found, tokens=min(found.tokens, listed or found.tokens))
            return Context(listed) if listed else None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        log.debug("the context size of %s is not told: %r", model, error)
    return None


def _row(body: Any, model: str) -> Mapping[str, Any] | None:
    rows = body.get("data") if isinstance(body, dict) else body
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("id") == model:
            return row
    return None


def _tokens(row: Mapping[str, Any]) -> int | None:
    """The smallest number that a row of a model list tells: what is loaded, not what could be."""
    inner = [row, *(row[key] for key in ("top_provider", "meta", "limits") if isinstance(row.get(key), dict))]
    found = [number for one in inner for key in (*_ROW_KEYS, "n_ctx") if (number := _number(one.get(key)))]
    return min(found) if found else None


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 256 else None


async def _llama_cpp(endpoint: Endpoint, model: str) -> Context | None:
    status, body = await endpoint.ask(endpoint.root("props"))
    if status != 200 or not isinstance(body, dict):
        return None
    settings = body.get("default_generation_settings")
    tokens = _number(settings.get("n_ctx") if isinstance(settings, dict) else None) or _number(body.get("n_ctx"))
    return Context(tokens, template_thinks="think>" in str(body.get("chat_template", ""))) if tokens else None


async def _lm_studio(endpoint: Endpoint, model: str) -> Context | None:
    status, body = await endpoint.ask(endpoint.root("api/v0/models"))
    row = _row(body, model) if status == 200 else None
    if row is None:
        return None
    tokens = _number(row.get("loaded_context_length")) or _tokens(row)
    return Context(tokens) if tokens else None


async def _ollama(endpoint: Endpoint, model: str) -> Context | None:
    """What is loaded (`/api/ps`), else what its Modelfile says (`/api/show`), else the default."""
    status, body = await endpoint.ask(endpoint.root("api/ps"))
    if status != 200 or not isinstance(body, dict) or not isinstance(body.get("models"), list):
        return None
    for row in body["models"]:
        if not isinstance(row, dict):
            continue
        name, tokens = str(row.get("name") or row.get("model")), _number(row.get("context_length"))
        if tokens and model in (name, name.removesuffix(":latest")):
            return Context(tokens, ollama=True)
    status, body = await endpoint.ask(endpoint.root("api/show"), {"model": model})
    told = str(body.get("parameters", "")) if status == 200 and isinstance(body, dict) else ""
    if found := re.search(r"^\s*num_ctx\s+(\d+)", told, re.MULTILINE):
        return Context(int(found[1]), ollama=True, sure=False)
    return Context(OLLAMA_DEFAULT, ollama=True, sure=False) if status == 200 else None


_OWNERS: Final[Mapping[str, Callable[[Endpoint, str], Awaitable[Context | None]]]] = {
    "llamacpp": _llama_cpp,
    "library": _ollama,
    "organization_owner": _lm_studio,
}
"""By what their model lists call the owner."""
